package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

const (
	// HandshakeTimeMax ends a handshake whose context would let it run longer.
	HandshakeTimeMax = 10 * time.Second
	// BindingBytesMin is the shortest carrier binding that is accepted.
	BindingBytesMin = 16
	bindingBytesMax = 1024
	// refusalTimeMax is how long we try to tell a peer why it was refused.
	refusalTimeMax = 200 * time.Millisecond
)

// Config is what a side needs for a handshake. It is only read, and may be
// shared by any number of handshakes.
type Config struct {
	// Key is this side's private key, the one Chain[0] certifies.
	Key *gmcrypto.PrivateKey
	// Chain is this side's certificates, leaf first: a node's or a guest's.
	Chain []*identity.Certificate
	// Verify decides about the peer's chain, which is well formed but otherwise
	// unproven. It must return the Peer that Chain[0] names, or an error.
	Verify func([]*identity.Certificate) (identity.Peer, error)
	// Binding is a value of 16 to 1024 bytes that both ends, and nobody else, take
	// from the carrier: the TLS exporter (RFC 9266). A handshake between ends
	// with different bindings fails.
	Binding []byte
}

func (c *Config) check() error {
	switch {
	case c.Key == nil:
		return fmt.Errorf("%w: no key", ErrConfig)
	case len(c.Chain) == 0 || slices.Contains(c.Chain, nil):
		return fmt.Errorf("%w: no certificate", ErrConfig)
	case c.Verify == nil:
		return fmt.Errorf("%w: no Verify", ErrConfig)
	case len(c.Binding) < BindingBytesMin || len(c.Binding) > bindingBytesMax:
		return fmt.Errorf("%w: binding has %d bytes, want %d to %d", ErrConfig, len(c.Binding), BindingBytesMin, bindingBytesMax)
	case c.Chain[0].Role() == identity.RoleSite:
		return fmt.Errorf("%w: %s signs certificates and must not open channels", ErrConfig, c.Chain[0])
	case !c.Chain[0].PublicKey().Equal(c.Key.Public()):
		return fmt.Errorf("%w: the key does not belong to %s", ErrConfig, c.Chain[0])
	}
	return nil
}

// Client runs the handshake on c as the side that dialled. It returns a session,
// or an error that tells the step; then c is in an unknown state and the caller
// closes it. The handshake ends with ctx, or after HandshakeTimeMax. Not one byte
// is read from c beyond the handshake.
//
// When Client returns, the server is proven to hold its key and to be on the
// same carrier; that the server accepts us shows only with the first thing it
// sends.
func Client(ctx context.Context, c net.Conn, cfg Config) (*Session, error) {
	return run(ctx, c, handshake{cfg: cfg, client: true, random: rand.Reader})
}

// Server runs the handshake on c as the side that was dialled; otherwise as
// Client. When Server returns, the client is proven.
func Server(ctx context.Context, c net.Conn, cfg Config) (*Session, error) {
	return run(ctx, c, handshake{cfg: cfg, random: rand.Reader})
}

// handshake is the single-use state of one side.
type handshake struct {
	cfg    Config
	client bool
	random io.Reader

	conn net.Conn
	log  transcript
	x    *exchange
	peer identity.Peer
}

func run(ctx context.Context, c net.Conn, h handshake) (*Session, error) {
	name, steps := "server", h.runServer
	if h.client {
		name, steps = "client", h.runClient
	}
	if err := h.cfg.check(); err != nil {
		return nil, fmt.Errorf("channel %s: %w", name, err)
	}
	release, err := limitTime(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", name, err)
	}
	h.conn = c
	h.x, err = newExchange(h.cfg.Key, h.random)
	if err != nil {
		release()
		return nil, fmt.Errorf("channel %s: %w", name, err)
	}
	defer h.x.destroy()
	h.log = newTranscript(h.cfg.Binding)
	salt := h.log.hash
	if err := steps(); err != nil {
		h.refuse(err)
		release()
		return nil, fmt.Errorf("channel %s: %w", name, withCause(ctx, err))
	}
	release()
	return newSession(h.client, h.peer, &h.x.key, salt[:], h.log.hash[:]), nil
}

// limitTime bounds all reading and writing on c by ctx and HandshakeTimeMax,
// until release is called.
func limitTime(ctx context.Context, c net.Conn) (release func(), err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	end := time.Now().Add(HandshakeTimeMax)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	if err := c.SetDeadline(end); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = c.SetDeadline(time.Unix(1, 0)) // a closed connection needs no deadline
	})
	return func() {
		if !stop() {
			<-fired
		}
		_ = c.SetDeadline(time.Time{})
	}, nil
}

// withCause adds the context's error to one that it has caused. The connection's
// deadline may fire a moment before the context's own timer does.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if d, ok := ctx.Deadline(); ok && cause == nil && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(d) {
		cause = context.DeadlineExceeded
	}
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w (%w)", err, cause)
}

func (h *handshake) runClient() error {
	mine := h.x.point()
	m1, err := newHello(mine, h.cfg.Chain)
	if err != nil {
		return err
	}
	if _, err := h.conn.Write(m1); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	h.log.add(m1)
	client := side{static: h.cfg.Key.Public().ECDH(), identity: h.log.identity(labelClient), point: mine}

	b, err := readMessage(h.conn, typeReply)
	if err != nil {
		return fmt.Errorf("read reply: %w", err)
	}
	m2 := reply(b)
	if err := m2.check(); err != nil {
		return fmt.Errorf("read reply: %w", err)
	}
	if err := h.verify(m2.point(), m2.chain()); err != nil {
		return err
	}
	h.log.add(m2.signed())
	server := side{static: h.peer.Key.ECDH(), identity: h.log.identity(labelServer), point: m2.point()}
	if err := h.x.agree(client, server, server); err != nil {
		return err
	}
	if !matches(m2.confirm(), &h.x.confirmB) {
		return fmt.Errorf("check reply: %w", ErrConfirm)
	}
	m3 := newConfirm(h.x.confirmA[:])
	if _, err := h.conn.Write(m3); err != nil {
		return fmt.Errorf("send confirmation: %w", err)
	}
	h.log.add(m2.confirm())
	h.log.add(m3)
	return nil
}

func (h *handshake) runServer() error {
	b, err := readMessage(h.conn, typeHello)
	if err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	m1 := hello(b)
	if err := m1.check(); err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	if err := h.verify(m1.point(), m1.chain()); err != nil {
		return err
	}
	h.log.add(m1)
	client := side{static: h.peer.Key.ECDH(), identity: h.log.identity(labelClient), point: m1.point()}

	mine := h.x.point()
	m2, err := newReply(mine, h.cfg.Chain)
	if err != nil {
		return err
	}
	h.log.add(m2.signed())
	server := side{static: h.cfg.Key.Public().ECDH(), identity: h.log.identity(labelServer), point: mine}
	if err := h.x.agree(client, server, client); err != nil {
		return err
	}
	copy(m2.confirm(), h.x.confirmB[:])
	if _, err := h.conn.Write(m2); err != nil {
		return fmt.Errorf("send reply: %w", err)
	}
	h.log.add(m2.confirm())

	m3, err := readMessage(h.conn, typeConfirm)
	if err != nil {
		return fmt.Errorf("read confirmation: %w", err)
	}
	if !matches(confirm(m3).value(), &h.x.confirmA) {
		return fmt.Errorf("check confirmation: %w", ErrConfirm)
	}
	h.log.add(m3)
	return nil
}

// verify reads the peer's chain and asks whether it is accepted. The cheap
// refusals come first.
func (h *handshake) verify(point, chain []byte) error {
	if bytes.Equal(point, h.x.point()) {
		return fmt.Errorf("check peer: %w: our own ephemeral point came back", ErrSelf)
	}
	certs, err := parseChain(chain)
	if err != nil {
		return fmt.Errorf("read peer's certificates: %w", err)
	}
	leaf := certs[0]
	if leaf.PublicKey().Equal(h.cfg.Key.Public()) {
		return fmt.Errorf("check peer: %w", ErrSelf)
	}
	peer, err := h.cfg.Verify(certs)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPeer, err)
	}
	switch {
	case !peer.Key.Equal(leaf.PublicKey()):
		return fmt.Errorf("%w: Verify answered for another key", ErrPeer)
	case peer.Role != leaf.Role() || peer.Role != identity.RoleNode && peer.Role != identity.RoleGuest:
		return fmt.Errorf("%w: a %s may not open channels", ErrPeer, peer.Role)
	case h.client && peer.Role == identity.RoleGuest:
		// A guest's name is unproven: nobody dials one.
		return fmt.Errorf("%w: the server is only a guest", ErrPeer)
	}
	h.peer = peer
	return nil
}

// refuse tells the peer in one byte, where there is something to tell and
// somebody listening. Failing to is of no consequence.
func (h *handshake) refuse(err error) {
	var refused *RefusedError
	hint, ok := hintFor(err)
	if !ok || errors.As(err, &refused) {
		return
	}
	if !h.client && errors.Is(err, ErrConfirm) {
		return // the client has left the handshake: it would read this as a record
	}
	_ = h.conn.SetWriteDeadline(time.Now().Add(refusalTimeMax))
	_, _ = h.conn.Write(newRefusal(hint))
}
