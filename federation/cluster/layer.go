package cluster

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// trackedLayer knows every open stream of the layer it wraps, so that stopping can break
// the calls raft has in flight: raft's own Shutdown waits for a frozen peer's time-out.
type trackedLayer struct {
	raft.StreamLayer
	advertise net.Addr

	mu     sync.Mutex
	conns  map[*trackedConn]struct{}
	broken bool

	down      chan struct{} // closed by breakAll
	closeOnce func() error
}

func newTrackedLayer(l raft.StreamLayer, advertise string) *trackedLayer {
	return &trackedLayer{StreamLayer: l, advertise: nodeAddr(advertise), conns: map[*trackedConn]struct{}{}, down: make(chan struct{}), closeOnce: sync.OnceValue(l.Close)}
}

// Close closes the wrapped layer; raft's transport and Close both do.
func (l *trackedLayer) Close() error { return l.closeOnce() }

// nodeAddr is the address under which other nodes reach this one.
type nodeAddr string

func (nodeAddr) Network() string  { return "site" }
func (a nodeAddr) String() string { return string(a) }

// Addr returns the advertised address: raft introduces itself with it.
func (l *trackedLayer) Addr() net.Addr { return l.advertise }

// Accept waits for a peer's stream.
func (l *trackedLayer) Accept() (net.Conn, error) {
	c, err := l.StreamLayer.Accept()
	return l.track(c, err)
}

// Dial opens a stream to a peer. A stream layer cannot be told to give up, and a peer that
// is gone takes the whole timeout; stopping must not wait for it. So the dial runs beside:
// its goroutine ends with the timeout at the latest and closes what comes too late.
func (l *trackedLayer) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		c, err := l.track(l.StreamLayer.Dial(addr, timeout)) // closes c when the layer is broken
		done <- dialed{c, err}
	}()
	select {
	case d := <-done:
		return d.conn, d.err
	case <-l.down:
		return nil, fmt.Errorf("stream to %s: %w", addr, ErrClosed)
	}
}

func (l *trackedLayer) track(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	t := &trackedConn{Conn: c, layer: l}
	l.mu.Lock()
	broken := l.broken
	if !broken {
		l.conns[t] = struct{}{}
	}
	l.mu.Unlock()
	if broken {
		// Its error would say less than this one.
		_ = c.Close()
		return nil, fmt.Errorf("stream to %v: %w", c.RemoteAddr(), ErrClosed)
	}
	return t, nil
}

// breakAll closes every open stream and refuses new ones.
func (l *trackedLayer) breakAll() {
	l.mu.Lock()
	if !l.broken {
		l.broken = true
		close(l.down)
	}
	open := l.conns
	l.conns = map[*trackedConn]struct{}{}
	l.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close() // whoever uses it gets the error
	}
}

type trackedConn struct {
	net.Conn
	layer *trackedLayer
}

// Close closes the stream and forgets it.
func (c *trackedConn) Close() error {
	c.layer.mu.Lock()
	delete(c.layer.conns, c)
	c.layer.mu.Unlock()
	return c.Conn.Close()
}
