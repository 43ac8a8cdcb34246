package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a relay.
const (
	packetBytesMax   = 64 << 10 // the largest UDP payload there is
	socketBytes      = 4 << 20  // kernel buffers; a burst must not be lost by accident
	conversationsMax = 256      // senders to one front; more are dropped and counted
	waitingMax       = 1 << 15  // packets held back at once by delays; more are dropped and counted
)

// Config of a Relay.
type Config struct {
	Listen  string   // IP the fronts are opened on; "" = 127.0.0.1. Ports are free ones
	Targets []string // UDP addresses (IP:port); one front is opened for each
	Seed    uint64   // of every decision by chance
}

// Stats counts packets since Open, both directions together.
type Stats struct {
	Passed     uint64 // sent on, copies included
	Cut        uint64 // dropped because the line was cut
	Lost       uint64 // dropped by chance
	Refused    uint64 // dropped at a limit: too many senders or too many waiting
	SendErrors uint64 // the system did not take them, for example because nobody listens at the target
}

// Relay forwards UDP packets between whoever sends to its fronts and its targets.
type Relay struct {
	fronts []*front
	seed   uint64
	cut    atomic.Bool
	faults atomic.Pointer[Faults]
	queue  *delayQueue
	wg     sync.WaitGroup
	close  sync.Once
	closed error

	passed, wasCut, lost, refused, sendErrors atomic.Uint64
}

type front struct {
	conn   *net.UDPConn
	target *net.UDPAddr
	number uint64

	mu            sync.Mutex
	stopped       bool
	conversations map[netip.AddrPort]*conversation
}

// conversation is one sender's way to the target and back.
type conversation struct {
	peer     netip.AddrPort
	upstream *net.UDPConn
	up, down *shaper
}

// Open takes the fronts' addresses; Run forwards.
func Open(c Config) (*Relay, error) {
	host := c.Listen
	if host == "" {
		host = "127.0.0.1"
	}
	r := &Relay{seed: c.Seed, queue: newDelayQueue()}
	r.faults.Store(&Faults{})
	for i, target := range c.Targets {
		to, err := net.ResolveUDPAddr("udp", target)
		if err == nil && (to == nil || to.Port == 0 || to.IP == nil) {
			err = errors.New("want IP:port")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("relay target %q: %w", target, err), r.Close())
		}
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("relay front on %s: %w", host, err), r.Close())
		}
		tune(conn)
		r.fronts = append(r.fronts, &front{conn: conn, target: to, number: uint64(i), conversations: map[netip.AddrPort]*conversation{}})
	}
	return r, nil
}

// tune asks for large buffers. The kernel may give less; a test network can live with that.
func tune(c *net.UDPConn) {
	_ = c.SetReadBuffer(socketBytes)
	_ = c.SetWriteBuffer(socketBytes)
}

// Fronts are the addresses to send to, in the order of the targets.
func (r *Relay) Fronts() []string {
	out := make([]string, len(r.fronts))
	for i, f := range r.fronts {
		out[i] = f.conn.LocalAddr().String()
	}
	return out
}

// Run forwards until ctx ends, which returns nil, or a front breaks.
func (r *Relay) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.Close() }) // its error comes from the Close below again
	defer stop()
	r.wg.Go(r.queue.run)
	errs := make(chan error, len(r.fronts))
	for _, f := range r.fronts {
		r.wg.Go(func() { errs <- r.serve(f) })
	}
	var all []error
	for range r.fronts {
		if err := <-errs; err != nil && !errors.Is(err, net.ErrClosed) {
			all = append(all, err, r.Close())
		}
	}
	if len(r.fronts) == 0 {
		<-ctx.Done()
	}
	all = append(all, r.Close())
	r.wg.Wait()
	return errors.Join(all...)
}

// Close frees all addresses and ends Run. Closing twice is fine.
func (r *Relay) Close() error {
	r.close.Do(func() {
		var errs []error
		for _, f := range r.fronts {
			errs = append(errs, f.conn.Close())
			f.mu.Lock()
			f.stopped = true
			for _, c := range f.conversations {
				errs = append(errs, c.upstream.Close())
			}
			f.mu.Unlock()
		}
		r.queue.stop()
		r.closed = errors.Join(errs...)
	})
	return r.closed
}

// Cut drops everything from now on, packets held back by delays included.
func (r *Relay) Cut() { r.cut.Store(true) }

// Heal ends a cut.
func (r *Relay) Heal() { r.cut.Store(false) }

// Shape sets the faults that meet packets from now on.
func (r *Relay) Shape(f Faults) error {
	if err := f.validate(); err != nil {
		return err
	}
	r.faults.Store(&f)
	return nil
}

// Stats returns the counts so far.
func (r *Relay) Stats() Stats {
	return Stats{r.passed.Load(), r.wasCut.Load(), r.lost.Load(), r.refused.Load(), r.sendErrors.Load()}
}

// serve reads one front and sends on towards its target.
func (r *Relay) serve(f *front) error {
	buf := make([]byte, packetBytesMax)
	for {
		n, from, err := f.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return fmt.Errorf("relay front: %w", err)
		}
		c, err := r.conversation(f, from)
		if err != nil {
			return err
		}
		if c == nil {
			r.refused.Add(1)
			continue
		}
		r.forward(buf[:n], c.up, func(b []byte) error { _, err := c.upstream.Write(b); return err })
	}
}

// conversation finds or starts a sender's conversation; nil means there are too many.
func (r *Relay) conversation(f *front, from netip.AddrPort) (*conversation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.conversations[from]; c != nil {
		return c, nil
	}
	if len(f.conversations) >= conversationsMax {
		return nil, nil
	}
	if f.stopped {
		return nil, net.ErrClosed
	}
	upstream, err := net.DialUDP("udp", nil, f.target)
	if err != nil {
		return nil, fmt.Errorf("relay towards %s: %w", f.target, err)
	}
	tune(upstream)
	stream := (f.number*conversationsMax + uint64(len(f.conversations))) * 2
	c := &conversation{from, upstream, newShaper(r.seed, stream), newShaper(r.seed, stream+1)}
	f.conversations[from] = c
	r.wg.Go(func() { r.answer(f, c) })
	return c, nil
}

// answer reads what the target sends back and returns it to the sender. It ends when the conversation's socket is closed.
func (r *Relay) answer(f *front, c *conversation) {
	buf := make([]byte, packetBytesMax)
	for {
		n, err := c.upstream.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			r.sendErrors.Add(1) // an ICMP refusal of something sent before; the target may come back
			continue
		}
		r.forward(buf[:n], c.down, func(b []byte) error { _, err := f.conn.WriteToUDPAddrPort(b, c.peer); return err })
	}
}

// forward meets one packet with the faults of the moment. b is copied before it is held back.
func (r *Relay) forward(b []byte, s *shaper, send func([]byte) error) {
	fate := s.fate(*r.faults.Load())
	if r.cut.Load() {
		r.wasCut.Add(1)
		return
	}
	if len(fate) == 0 {
		r.lost.Add(1)
		return
	}
	for _, delay := range fate {
		if delay == 0 {
			r.send(b, send)
			continue
		}
		held := append([]byte(nil), b...)
		if !r.queue.put(time.Now().Add(delay), func() { r.send(held, send) }) {
			r.refused.Add(1)
		}
	}
}

func (r *Relay) send(b []byte, send func([]byte) error) {
	if r.cut.Load() {
		r.wasCut.Add(1)
		return
	}
	if err := send(b); err != nil {
		r.sendErrors.Add(1)
		return
	}
	r.passed.Add(1)
}
