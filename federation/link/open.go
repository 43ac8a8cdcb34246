package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"fengsui/gmcrypto/identity"
)

// OpenStream opens a stream of kind k to the target, over the connection that stands or a new one. The context bounds
// dialling and opening, not the stream. Failure to connect is a *DialError. That the peer refuses the kind shows in
// the stream's first Read or Write (ErrKindRefused, ErrKindUnknown).
func (t *Transport) OpenStream(ctx context.Context, target Target, k Kind) (*Stream, error) {
	var last error
	for range openAttemptsMax {
		c, err := t.connect(ctx, target)
		if err != nil {
			return nil, err
		}
		s, err := c.open(ctx, k)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, ctxDialError(target, ctx)
		}
		last = err
		if c.usable() {
			break
		}
	}
	if errors.Is(last, errRetired) {
		last = &ClosedError{Reason: last.Error(), Err: errSuperseded}
	}
	return nil, fmt.Errorf("open %v stream to %s: %w", k, target, last)
}

// Connection is a handle on one standing connection, for those who watch its life.
type Connection struct{ c *conn }

// Connect gives the connection to the target that streams would go over, dialling if none stands or the one that does
// has been silent for 2 s.
func (t *Transport) Connect(ctx context.Context, target Target) (*Connection, error) {
	c, err := t.connect(ctx, target)
	if err != nil {
		return nil, err
	}
	return &Connection{c}, nil
}

// Peer is who is at the other end.
func (c *Connection) Peer() identity.Peer { return c.c.peer }

// Done is closed when the connection has ended.
func (c *Connection) Done() <-chan struct{} { return c.c.q.Context().Done() }

// Err says why the connection has ended, nil while it stands. It unwraps to net.ErrClosed.
func (c *Connection) Err() error {
	if c.c.q.Context().Err() == nil {
		return nil
	}
	return carrierError(context.Cause(c.c.q.Context()))
}

// Silent is how long nothing has been heard from the peer, to 250 ms; keep-alives make a living peer heard at least
// every second.
func (c *Connection) Silent() time.Duration { return c.c.silent(time.Now()) }

// Usable reports whether new streams go over this connection: it has not ended, is not being replaced, and has not
// been silent for 2 s.
func (c *Connection) Usable() bool { return c.c.usable() && !c.c.suspect() }

// Release opens no more streams over this connection and ends it when the last has ended. Whoever wants the peer again
// dials it again.
func (c *Connection) Release() { c.c.retire() }

// Close ends the connection, for example because its peer does not answer although packets arrive.
func (c *Connection) Close() { c.c.close(codeSuperseded) }

// SendDatagram sends p (at most 1100 bytes, copied) to the target, best effort. It never blocks: without a connection
// it starts a dial and keeps a few datagrams for it. An error means that p is certainly not sent.
func (t *Transport) SendDatagram(target Target, k Kind, p []byte) error {
	if len(p) > datagramPayloadMax {
		return fmt.Errorf("%w: %d", ErrDatagramSize, len(p))
	}
	if c := t.registry.find(target); c != nil {
		return c.enqueue(k, p)
	}
	if target.Addr == "" {
		t.stats.datagramsDropped.Add(1)
		return &DialError{Target: target, Reason: ErrNotConnected}
	}
	call, err := t.dialOnce(target, nil)
	if err != nil {
		return err
	}
	call.mu.Lock()
	if !call.ended && len(call.queue) < datagramsPerDialMax {
		call.queue = append(call.queue, queuedDatagram{k, append([]byte(nil), p...)})
		call.mu.Unlock()
		return nil
	}
	c := call.conn
	call.mu.Unlock()
	if c != nil {
		return c.enqueue(k, p)
	}
	t.stats.datagramsDropped.Add(1)
	return fmt.Errorf("%w: connection to %s not up", ErrDatagramDropped, target)
}

// enqueue seals a datagram and hands it to the send loop, or drops it when the connection is congested.
func (c *conn) enqueue(k Kind, p []byte) error {
	plain := make([]byte, 0, 1+len(p))
	plain = append(append(plain, byte(k)), p...)
	select {
	case c.sendq <- c.seal.Seal(nil, plain):
		return nil
	default:
		c.t.stats.datagramsDropped.Add(1)
		return fmt.Errorf("%w: congestion", ErrDatagramDropped)
	}
}

// sendLoop moves sealed datagrams into QUIC, whose own queue blocks when the path is congested.
func (c *conn) sendLoop() {
	for {
		select {
		case b := <-c.sendq:
			if err := c.q.SendDatagram(b); err != nil {
				if c.ended() {
					return
				}
				c.t.stats.datagramsDropped.Add(1)
				continue
			}
			c.t.stats.datagramsSent.Add(1)
			c.t.stats.bytesSent.Add(uint64(len(b)))
		case <-c.q.Context().Done():
			return
		}
	}
}

// datagramLoop takes datagrams in, drained at once because QUIC's receive queue is short.
func (c *conn) datagramLoop() {
	var plain []byte
	for {
		b, err := c.q.ReceiveDatagram(c.q.Context())
		if err != nil {
			return
		}
		plain, err = c.seal.Open(plain[:0], b)
		if err != nil || len(plain) == 0 {
			c.t.stats.datagramsUndecodable.Add(1)
			continue
		}
		if k := Kind(plain[0]); k != kindControl {
			c.datagram(k, plain[1:])
		}
	}
}

// datagram gives one datagram to its handler.
func (c *conn) datagram(k Kind, p []byte) {
	h, ok := c.t.datagramHandlerOf(k)
	if !ok || h.allow != nil && h.allow(c.peer) != nil {
		c.t.stats.datagramsDropped.Add(1)
		return
	}
	c.t.stats.datagramsReceived.Add(1)
	c.t.stats.bytesReceived.Add(uint64(len(p)))
	defer c.recovered("datagram", k, func() {})
	h.serve(c.peer, c.from(), p)
}

// closedListener is what Accept of the adapters returns after their Close.
func closedListener(what string) error { return fmt.Errorf("%s: %w", what, net.ErrClosed) }

var _ io.ReadWriteCloser = (*Stream)(nil)
