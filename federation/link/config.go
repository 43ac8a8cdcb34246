package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Config is what a Transport needs to exist. All fields without a default are mandatory.
type Config struct {
	// Listen is the UDP address to bind, for example "0.0.0.0:7430"; port 0 picks a free one (see Transport.Addr).
	Listen string
	// Advertise is the address other nodes reach this one at (host:port). Empty means the bound address, which is only
	// right when Listen names one interface.
	Advertise string
	// Key is the node's key. QUIC's stateless-reset and retry keys are derived from it, so a restarted node with the
	// same key is recognised by its peers at once.
	Key *gmcrypto.PrivateKey
	// Chain returns the node's certificate chain, leaf first. It is called for each handshake, so a renewed
	// certificate is used from the next connection on.
	Chain func() []*identity.Certificate
	// Verify decides whether a peer's chain is trusted and who it is. It is called for each handshake and again
	// every minute for standing connections, from several goroutines.
	Verify func([]*identity.Certificate) (identity.Peer, error)
	// Logger receives what an operator should know. It is never given addresses of unauthenticated peers.
	Logger *slog.Logger
	// PacketConn, when set, is used in place of a UDP socket (simulated networks); Listen is then ignored and the
	// caller closes it after the transport.
	PacketConn net.PacketConn
	// Resolve turns a host name into addresses; nil means the system's resolver. Literal addresses never reach it.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

func (c Config) validate() error {
	var errs []error
	if c.PacketConn == nil {
		if _, err := net.ResolveUDPAddr("udp", c.Listen); err != nil {
			errs = append(errs, fmt.Errorf("listen address %q: %w", c.Listen, err))
		}
	}
	if c.Advertise != "" {
		if len(c.Advertise) > advertiseMax {
			errs = append(errs, fmt.Errorf("advertised address longer than %d bytes", advertiseMax))
		}
		if _, _, err := net.SplitHostPort(c.Advertise); err != nil {
			errs = append(errs, fmt.Errorf("advertised address %q: %w", c.Advertise, err))
		}
	}
	if c.Key == nil {
		errs = append(errs, errors.New("key missing"))
	}
	if c.Chain == nil {
		errs = append(errs, errors.New("certificate chain missing"))
	}
	if c.Verify == nil {
		errs = append(errs, errors.New("verify function missing"))
	}
	if c.Logger == nil {
		errs = append(errs, errors.New("logger missing"))
	}
	return errors.Join(errs...)
}

// Target names the peer a stream or datagram is for.
type Target struct {
	// Addr is host:port. Empty means: only over a connection that already stands (the peer dialled us).
	Addr string
	// Site and Node are the identity the peer must prove. Empty means anyone Verify accepts; a Site without a Node
	// means any node of that site. A guest never satisfies either.
	Site identity.Site
	Node string
}

// String gives site/node@addr with what is known.
func (t Target) String() string {
	id := string(t.Site)
	if t.Node != "" {
		id += "/" + t.Node
	}
	switch {
	case id == "":
		return t.Addr
	case t.Addr == "":
		return id
	}
	return id + "@" + t.Addr
}

// named reports whether the target is one particular node.
func (t Target) named() bool { return t.Site != "" && t.Node != "" }

// accepts reports whether an authenticated peer is who the target asks for.
func (t Target) accepts(p identity.Peer) bool {
	if t.Site == "" && t.Node == "" {
		return true
	}
	return p.Role == identity.RoleNode && (t.Site == "" || p.Site == t.Site) && (t.Node == "" || p.Node == t.Node)
}
