package linktest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// packetQueueMax bounds the packets waiting at one socket; like a kernel, the network drops what comes on top.
const packetQueueMax = 4096

// Network is a packet network in memory. Sockets see each other by address. By default nothing is lost or late.
type Network struct {
	mu      sync.Mutex
	sockets map[netip.AddrPort]*Socket
	cut     map[[2]netip.AddrPort]bool
	loss    float64
	delay   time.Duration
	rng     *rand.Rand
	tap     func(from, to netip.AddrPort, p []byte)
}

// NewNetwork makes a network whose losses follow the seed.
func NewNetwork(seed uint64) *Network {
	return &Network{
		sockets: make(map[netip.AddrPort]*Socket),
		cut:     make(map[[2]netip.AddrPort]bool),
		rng:     rand.New(rand.NewPCG(seed, seed)),
	}
}

// Impair sets the share of packets lost and the delay of the others, from now on.
func (n *Network) Impair(loss float64, delay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss, n.delay = loss, delay
}

// Tap is shown every packet sent, lost ones included. f must not keep p.
func (n *Network) Tap(f func(from, to netip.AddrPort, p []byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

// SetCut cuts or restores the line between two addresses, both ways.
func (n *Network) SetCut(a, b string, cut bool) {
	x, y := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]netip.AddrPort{x, y}] = cut
	n.cut[[2]netip.AddrPort{y, x}] = cut
}

// Listen makes a socket at an address. An address is free again when its socket is closed.
func (n *Network) Listen(addr string) (*Socket, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("network address: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.sockets[ap]; taken {
		return nil, fmt.Errorf("network address %s is in use", ap)
	}
	s := &Socket{net: n, addr: ap, packets: make(chan packet, packetQueueMax), closed: make(chan struct{}), deadline: make(chan struct{})}
	n.sockets[ap] = s
	return s, nil
}

// send delivers a packet now or later, or loses it.
func (n *Network) send(from, to netip.AddrPort, p []byte) {
	n.mu.Lock()
	if n.tap != nil {
		n.tap(from, to, p)
	}
	lost := n.cut[[2]netip.AddrPort{from, to}] || n.loss > 0 && n.rng.Float64() < n.loss
	delay := n.delay
	n.mu.Unlock()
	if lost {
		return
	}
	pkt := packet{from: from, data: append([]byte(nil), p...)}
	if delay > 0 {
		time.AfterFunc(delay, func() { n.deliver(to, pkt) })
		return
	}
	n.deliver(to, pkt)
}

func (n *Network) deliver(to netip.AddrPort, p packet) {
	n.mu.Lock()
	s := n.sockets[to]
	n.mu.Unlock()
	if s == nil {
		return
	}
	select {
	case s.packets <- p:
	default:
	}
}

type packet struct {
	from netip.AddrPort
	data []byte
}

// Socket is one end of a Network: a net.PacketConn.
type Socket struct {
	net     *Network
	addr    netip.AddrPort
	packets chan packet
	once    sync.Once
	closed  chan struct{}

	mu       sync.Mutex
	timer    *time.Timer
	deadline chan struct{} // closed when the read deadline has passed
}

var _ net.PacketConn = (*Socket)(nil)

// ReadFrom waits for a packet.
func (s *Socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.mu.Lock()
	deadline := s.deadline
	s.mu.Unlock()
	select {
	case p := <-s.packets:
		return copy(b, p.data), net.UDPAddrFromAddrPort(p.from), nil
	case <-s.closed:
		return 0, nil, net.ErrClosed
	case <-deadline:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends a packet.
func (s *Socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	to, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return 0, fmt.Errorf("network address: %w", err)
	}
	s.net.send(s.addr, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), b)
	return len(b), nil
}

// Close frees the address.
func (s *Socket) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.net.mu.Lock()
		defer s.net.mu.Unlock()
		delete(s.net.sockets, s.addr)
	})
	return nil
}

// LocalAddr is the socket's address.
func (s *Socket) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.addr) }

// SetDeadline sets the read deadline; writes never block.
func (s *Socket) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes never block.
func (s *Socket) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline wakes a waiting ReadFrom when the time has passed. A deadline set while a ReadFrom waits takes effect
// on it only if it lies in the past, which is all that quic-go needs.
func (s *Socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	passed := s.deadline
	select {
	case <-passed:
		passed = make(chan struct{})
		s.deadline = passed
	default:
	}
	if t.IsZero() {
		return nil
	}
	if d := time.Until(t); d > 0 {
		s.timer = time.AfterFunc(d, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.deadline == passed {
				select {
				case <-passed:
				default:
					close(passed)
				}
			}
		})
		return nil
	}
	close(passed)
	return nil
}
