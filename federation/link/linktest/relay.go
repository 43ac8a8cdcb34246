package linktest

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// Relay is a UDP relay in front of a node: what arrives at its address goes to the node, and back. Each source gets a
// socket of its own towards the node.
type Relay struct {
	front  *net.UDPConn
	target *net.UDPAddr
	cut    atomic.Bool
	lost   atomic.Uint64
	tap    atomic.Pointer[func(p []byte)]

	mu     sync.Mutex
	backs  map[netip.AddrPort]*net.UDPConn
	wg     sync.WaitGroup
	closed bool
}

// NewRelay starts a relay on loopback; it stops with the test.
func NewRelay(tb testing.TB, target net.Addr) *Relay {
	tb.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(tb, err)
	to, err := net.ResolveUDPAddr("udp", target.String())
	must(tb, err)
	r := &Relay{front: front, target: to, backs: make(map[netip.AddrPort]*net.UDPConn)}
	r.wg.Go(r.forward)
	tb.Cleanup(r.close)
	return r
}

// Addr is where the relay listens.
func (r *Relay) Addr() string { return r.front.LocalAddr().String() }

// SetCut cuts or restores the line.
func (r *Relay) SetCut(cut bool) { r.cut.Store(cut) }

// Lost is the number of packets the cut line has swallowed.
func (r *Relay) Lost() uint64 { return r.lost.Load() }

// Tap is shown every packet, from several goroutines. f must not keep p.
func (r *Relay) Tap(f func(p []byte)) { r.tap.Store(&f) }

func (r *Relay) pass(p []byte) bool {
	if f := r.tap.Load(); f != nil {
		(*f)(p)
	}
	if r.cut.Load() {
		r.lost.Add(1)
		return false
	}
	return true
}

func (r *Relay) forward() {
	buf := make([]byte, 65536)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		back := r.back(from)
		if back == nil {
			return
		}
		if r.pass(buf[:n]) {
			_, _ = back.Write(buf[:n]) // a packet network loses packets
		}
	}
}

// back gives the socket towards the node for one source, with a goroutine that relays the answers.
func (r *Relay) back(from netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.backs[from]; b != nil || r.closed {
		return b
	}
	b, err := net.DialUDP("udp", nil, r.target)
	if err != nil {
		return nil
	}
	r.backs[from] = b
	r.wg.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, err := b.Read(buf)
			if err != nil {
				if r.isClosed() {
					return
				}
				continue // ICMP: nobody listens at the moment
			}
			if r.pass(buf[:n]) {
				_, _ = r.front.WriteToUDPAddrPort(buf[:n], from)
			}
		}
	})
	return b
}

func (r *Relay) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *Relay) close() {
	r.mu.Lock()
	r.closed = true
	_ = r.front.Close()
	for _, b := range r.backs {
		_ = b.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}
