package cascadetest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// ErrCut is what Open returns while the link is cut.
var ErrCut = errors.New("link is cut")

// Serve serves one stream at the parent's side.
type Serve func(ctx context.Context, conn net.Conn) error

// Link is the way from a child to its parent. Streams are net.Pipe pairs, or loopback TCP
// pairs when TCP is set; every stream opened is served by the function given to New.
type Link struct {
	TCP bool

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	serve   Serve
	cut     bool
	frozen  bool
	conns   map[net.Conn]bool
	opened  int
	served  []error
	up      int64 // bytes a stream may carry up before it breaks; <0 = no bound
	down    int64
	upSeen  atomic.Int64
	dwnSeen atomic.Int64
}

// NewLink returns a link whose streams serve takes.
func NewLink(serve Serve) *Link {
	ctx, cancel := context.WithCancel(context.Background())
	return &Link{ctx: ctx, cancel: cancel, serve: serve, conns: map[net.Conn]bool{}, up: -1, down: -1}
}

// Open opens a stream, as uplink.Open would.
func (l *Link) Open(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut || l.ctx.Err() != nil {
		return nil, ErrCut
	}
	child, parent, err := l.pair()
	if err != nil {
		return nil, err
	}
	l.opened++
	l.conns[child], l.conns[parent] = true, true
	bounded := &boundedConn{Conn: child, link: l}
	bounded.up.Store(l.up)
	bounded.down.Store(l.down)
	if l.frozen {
		return bounded, nil // nobody reads the other end
	}
	serve := l.serve
	l.wg.Go(func() {
		err := serve(l.ctx, parent)
		_ = parent.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, parent)
		l.served = append(l.served, err)
	})
	return bounded, nil
}

func (l *Link) pair() (net.Conn, net.Conn, error) {
	if !l.TCP {
		a, b := net.Pipe()
		return a, b, nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = ln.Close() }()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	b, err := ln.Accept()
	return a, b, err
}

// Cut breaks every stream and refuses new ones until Mend.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
}

// Mend lets streams be opened again.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

// Drop breaks every stream; new ones may be opened at once.
func (l *Link) Drop() {
	l.Cut()
	l.Mend()
}

// Freeze lets new streams be opened whose other end nobody reads or closes.
func (l *Link) Freeze(frozen bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = frozen
}

// SetServe changes who serves new streams: another node of the parent site.
func (l *Link) SetServe(serve Serve) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serve = serve
}

// Bound breaks each stream opened from now on after it carried so many bytes up or down;
// negative means no bound.
func (l *Link) Bound(up, down int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.down = up, down
}

// Carried tells how many bytes went up and down so far.
func (l *Link) Carried() (up, down int64) { return l.upSeen.Load(), l.dwnSeen.Load() }

// Opened tells how many streams were opened.
func (l *Link) Opened() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened
}

// Served returns what the serving function returned so far.
func (l *Link) Served() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]error(nil), l.served...)
}

// Close ends all streams and waits for those who serve them.
func (l *Link) Close() {
	l.cancel()
	l.Cut()
	l.wg.Wait()
}

// boundedConn is the child's end: it counts, and breaks where Bound said.
type boundedConn struct {
	net.Conn
	link     *Link
	up, down atomic.Int64
}

// take tells how many of n bytes may pass.
func take(left *atomic.Int64, n int) (int, bool) {
	for {
		have := left.Load()
		if have < 0 {
			return n, true
		}
		if have == 0 {
			return 0, false
		}
		pass := min(int64(n), have)
		if left.CompareAndSwap(have, have-pass) {
			return int(pass), pass == int64(n)
		}
	}
}

// Write implements net.Conn.
func (c *boundedConn) Write(p []byte) (int, error) {
	n, whole := take(&c.up, len(p))
	w, err := c.Conn.Write(p[:n])
	c.link.upSeen.Add(int64(w))
	if err == nil && !whole {
		_ = c.Close()
		err = io.ErrClosedPipe
	}
	return w, err
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	n, whole := take(&c.down, len(p))
	if n == 0 && !whole {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	r, err := c.Conn.Read(p[:n])
	if unused := n - r; unused > 0 && c.down.Load() >= 0 {
		c.down.Add(int64(unused))
	}
	c.link.dwnSeen.Add(int64(r))
	return r, err
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c.Conn)
	c.link.mu.Unlock()
	return c.Conn.Close()
}
