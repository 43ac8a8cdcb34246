package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// network joins the nodes of a test site over loopback TCP. Every stream begins with one
// byte for its kind and the caller's name, and passes a gate that a test can close.
type network struct {
	t  testing.TB
	mu sync.Mutex
	// nodes by name and by address
	names map[string]*port
	addrs map[string]*port
	cut   map[[2]string]bool // unordered pairs that cannot talk: dials fail, streams break
	hush  map[string]bool    // frozen nodes: nothing that is sent to or from them arrives
	conns map[*gated]bool
}

func newNetwork(t testing.TB) *network {
	return &network{t: t, names: map[string]*port{}, addrs: map[string]*port{}, cut: map[[2]string]bool{}, hush: map[string]bool{}, conns: map[*gated]bool{}}
}

const (
	kindRaft    = 'R'
	kindForward = 'F'
)

// port is one node's end of the network: it is the node's raft.StreamLayer.
type port struct {
	net   *network
	name  string
	l     net.Listener
	raft  chan net.Conn
	done  chan struct{}
	once  sync.Once
	serve func(net.Conn) // for forwarded streams
	wg    sync.WaitGroup
}

// listen opens a node's port; addr "" picks one. A restarted node asks for its old one.
func (n *network) listen(name, addr string, serve func(net.Conn)) *port {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		n.t.Fatal(err)
	}
	p := &port{net: n, name: name, l: l, raft: make(chan net.Conn), done: make(chan struct{}), serve: serve}
	n.mu.Lock()
	n.names[name], n.addrs[l.Addr().String()] = p, p
	n.mu.Unlock()
	p.wg.Go(p.run)
	return p
}

func (p *port) run() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.admit(c) })
	}
}

func (p *port) admit(c net.Conn) {
	var head [2]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		_ = c.Close()
		return
	}
	name := make([]byte, head[1])
	if _, err := io.ReadFull(c, name); err != nil {
		_ = c.Close()
		return
	}
	g := p.net.gate(c, string(name), p.name)
	switch {
	case g == nil:
	case head[0] == kindForward:
		p.serve(g)
	default:
		select {
		case p.raft <- g:
		case <-p.done:
			_ = g.Close()
		}
	}
}

// gate wraps a stream, or closes it when the two nodes are cut off from each other.
func (n *network) gate(c net.Conn, from, to string) *gated {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[pair(from, to)] {
		_ = c.Close()
		return nil
	}
	g := &gated{Conn: c, net: n, from: from, to: to}
	n.conns[g] = true
	return g
}

func pair(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

func (n *network) dial(ctx context.Context, kind byte, from string, to *port) (net.Conn, error) {
	if to == nil {
		return nil, errors.New("no such node")
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", to.l.Addr().String())
	if err != nil {
		return nil, err
	}
	g := n.gate(c, from, to.name)
	if g == nil {
		return nil, errors.New("cut off")
	}
	if _, err := c.Write(append([]byte{kind, byte(len(from))}, from...)); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Accept, Dial, Addr and Close make a port a raft.StreamLayer.
func (p *port) Accept() (net.Conn, error) {
	select {
	case c := <-p.raft:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *port) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	p.net.mu.Lock()
	to := p.net.addrs[string(addr)]
	p.net.mu.Unlock()
	return p.net.dial(ctx, kindRaft, p.name, to)
}

func (p *port) Addr() net.Addr { return p.l.Addr() }

func (p *port) Close() (err error) {
	p.once.Do(func() {
		close(p.done)
		err = p.l.Close()
		p.net.sever(func(g *gated) bool { return g.from == p.name || g.to == p.name })
		p.wg.Wait()
	})
	return err
}

// forward is a node's Config.Forward.
func (n *network) forward(from string) func(ctx context.Context, node string) (net.Conn, error) {
	return func(ctx context.Context, node string) (net.Conn, error) {
		n.mu.Lock()
		to := n.names[node]
		n.mu.Unlock()
		return n.dial(ctx, kindForward, from, to)
	}
}

// sever breaks the streams that match.
func (n *network) sever(match func(*gated) bool) {
	n.mu.Lock()
	var broken []*gated
	for g := range n.conns {
		if match(g) {
			broken = append(broken, g)
		}
	}
	n.mu.Unlock()
	for _, g := range broken {
		_ = g.Close()
	}
}

// isolate cuts a node off from all others; heal joins everyone again.
func (n *network) isolate(name string) {
	n.mu.Lock()
	for other := range n.names {
		if other != name {
			n.cut[pair(name, other)] = true
		}
	}
	n.mu.Unlock()
	n.sever(func(g *gated) bool { return g.from == name || g.to == name })
}

// freeze lets a node's streams stand open while nothing passes.
func (n *network) freeze(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hush[name] = true
}

func (n *network) heal() {
	n.mu.Lock()
	frozen := n.hush
	n.cut, n.hush = map[[2]string]bool{}, map[string]bool{}
	n.mu.Unlock()
	// A stream that has lost bytes is of no use.
	n.sever(func(g *gated) bool { return frozen[g.from] || frozen[g.to] })
}

func (n *network) silent(g *gated) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hush[g.from] || n.hush[g.to]
}

// gated is one end of a stream between two nodes.
type gated struct {
	net.Conn
	net      *network
	from, to string
}

func (g *gated) Read(p []byte) (int, error) {
	for {
		n, err := g.Conn.Read(p)
		if err != nil || !g.net.silent(g) {
			return n, err
		}
	}
}

func (g *gated) Write(p []byte) (int, error) {
	if g.net.silent(g) {
		return len(p), nil
	}
	return g.Conn.Write(p)
}

func (g *gated) Close() error {
	g.net.mu.Lock()
	delete(g.net.conns, g)
	g.net.mu.Unlock()
	return g.Conn.Close()
}
