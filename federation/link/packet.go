package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"fengsui/gmcrypto/identity"
)

// GossipPacketBytes is the packet size memberlist must be configured with (UDPBufferSize): what always fits a datagram.
const GossipPacketBytes = datagramPayloadMax

// GossipTransport carries memberlist: packets as sealed datagrams, streams as streams, both of KindGossip, between the
// nodes of this node's own site. It is a memberlist.NodeAwareTransport.
type GossipTransport struct {
	t       *Transport
	site    identity.Site
	packets chan *memberlist.Packet
	streams chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

var _ memberlist.NodeAwareTransport = (*GossipTransport)(nil)

// GossipTransport registers KindGossip and returns its transport. Shutdown ends the registration.
func (t *Transport) GossipTransport() *GossipTransport {
	g := &GossipTransport{
		t: t, site: t.site(),
		packets: make(chan *memberlist.Packet, acceptQueueMax),
		streams: make(chan net.Conn),
		closed:  make(chan struct{}),
	}
	t.Handle(KindGossip, t.allowSameSite, g.serve)
	t.HandleDatagram(KindGossip, t.allowSameSite, g.packet)
	return g
}

// packet copies a datagram into memberlist's queue, or drops it when memberlist does not keep up.
func (g *GossipTransport) packet(_ identity.Peer, from string, p []byte) {
	pkt := &memberlist.Packet{Buf: append([]byte(nil), p...), From: textAddr(from), Timestamp: time.Now()}
	select {
	case g.packets <- pkt:
	default:
		g.t.stats.datagramsDropped.Add(1)
	}
}

// serve hands a stream to memberlist and keeps it open until memberlist closes it.
func (g *GossipTransport) serve(ctx context.Context, s *Stream) {
	select {
	case g.streams <- s:
	case <-ctx.Done():
		return
	case <-g.closed:
		return
	}
	select {
	case <-s.Done():
	case <-ctx.Done():
	}
}

// FinalAdvertiseAddr gives the address and port this node is reached at; what memberlist was configured with (ip, port)
// goes first.
func (g *GossipTransport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	addr := g.t.advertise
	if ip != "" {
		addr = net.JoinHostPort(ip, fmt.Sprint(port))
	}
	ctx, cancel := context.WithTimeout(g.t.ctx, authTimeout)
	defer cancel()
	u, err := g.t.resolve(ctx, addr)
	if err != nil {
		return nil, 0, fmt.Errorf("gossip: advertised address: %w", err)
	}
	if u.IP.IsUnspecified() {
		return nil, 0, fmt.Errorf("gossip: advertised address %s names no interface: set the node's advertise address", addr)
	}
	return u.IP, u.Port, nil
}

// WriteTo sends a packet to an address; it never waits for a connection.
func (g *GossipTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return g.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress sends a packet to a named node; it never waits for a connection. A packet that could not be sent is
// lost like any other, not an error: memberlist's probes find out.
func (g *GossipTransport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	err := g.t.SendDatagram(Target{Addr: a.Addr, Site: g.site, Node: a.Name}, KindGossip, b)
	if errors.Is(err, ErrDatagramSize) {
		return time.Time{}, err
	}
	return time.Now(), nil
}

// PacketCh gives the packets of peers.
func (g *GossipTransport) PacketCh() <-chan *memberlist.Packet { return g.packets }

// DialTimeout opens a stream to an address.
func (g *GossipTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return g.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream to a named node.
func (g *GossipTransport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(g.t.ctx, timeout)
	defer cancel()
	target := Target{Addr: a.Addr, Site: g.site, Node: a.Name}
	s, err := g.t.OpenStream(ctx, target, KindGossip)
	if err != nil {
		return nil, err
	}
	if err := g.t.allowSameSite(s.Peer()); err != nil {
		s.Reset()
		return nil, &DialError{Target: target, Reason: ErrUntrusted, Err: err}
	}
	return s, nil
}

// StreamCh gives the streams peers open.
func (g *GossipTransport) StreamCh() <-chan net.Conn { return g.streams }

// Shutdown ends the registration; streams already handed out go on. A second call does nothing.
func (g *GossipTransport) Shutdown() error {
	g.once.Do(func() {
		close(g.closed)
		g.t.Handle(KindGossip, nil, nil)
		g.t.HandleDatagram(KindGossip, nil, nil)
	})
	return nil
}
