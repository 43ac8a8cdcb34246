package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// errGateFull refuses a connection before any work is done for it.
var errGateFull = errors.New("too many unauthenticated connections")

// gate counts connections that have not been authenticated yet, in all and per source address.
type gate struct {
	mu    sync.Mutex
	total int
	perIP map[netip.Addr]int
}

// slot is one connection's place in the gate; it travels in the connection's context.
type slot struct {
	start         time.Time
	authenticated atomic.Bool // opens the receive windows
	release       func()      // gives the place back; idempotent
}

// slotKey finds the slot in a connection's context.
type slotKey struct{}

// slotOf gives the slot of a connection. Every connection of a Transport has one.
func slotOf(q *quic.Conn) *slot {
	if s, ok := q.Context().Value(slotKey{}).(*slot); ok {
		return s
	}
	return &slot{release: func() {}}
}

// enter takes a place for a source address, or says that there is none.
func (g *gate) enter(ip netip.Addr) (*slot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= handshakesMax || g.perIP[ip] >= handshakesPerIPMax {
		return nil, errGateFull
	}
	g.total++
	g.perIP[ip]++
	var once sync.Once
	return &slot{start: time.Now(), release: func() { once.Do(func() { g.leave(ip) }) }}, nil
}

func (g *gate) leave(ip netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.perIP[ip]--; g.perIP[ip] <= 0 {
		delete(g.perIP, ip)
	}
}

// mustProve reports whether a new connection from ip has to prove its address first.
func (g *gate) mustProve(ip netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total >= handshakesRetryAbove || g.perIP[ip] >= handshakesPerIPRetryAbove
}

// waiting gives the number of unauthenticated connections.
func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}

// verifySourceAddress and connContext are the gate's two doors in quic-go: both are called for each Initial packet of
// an unknown connection, before any cryptography of ours.
func (t *Transport) verifySourceAddress(a net.Addr) bool {
	if !t.gate.mustProve(addrPortOf(a).Addr()) {
		return false
	}
	t.stats.retries.Add(1)
	return true
}

func (t *Transport) connContext(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	s, err := t.gate.enter(addrPortOf(info.RemoteAddr).Addr())
	if err != nil {
		t.stats.failed(reasonBusy)
		return nil, err
	}
	context.AfterFunc(ctx, s.release)
	return context.WithValue(ctx, slotKey{}, s), nil
}
