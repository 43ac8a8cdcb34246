package link_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
)

// Both sides of a pair, and all nodes of a site, call each other at the same moment: every call is answered and one
// connection a pair is left.
func TestSimultaneousDialStorm(t *testing.T) {
	rounds, count := 12, 4
	if raceEnabled {
		rounds = 4
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			_, nodes := site(t, count)
			const calls = 6
			if err := together(count*count*calls, func(i int) error {
				from, to := nodes[i%count], nodes[i/count%count]
				if from == to {
					return nil
				}
				target := to.target()
				if i%3 == round%3 { // some know only the address
					target = to.anyone()
				}
				return patientEcho(timeout(t, 30*time.Second), from, target, fmt.Appendf(nil, "call %d", i))
			}); err != nil {
				t.Fatal(err)
			}
			for _, n := range nodes {
				linktest.Eventually(t, 5*time.Second, "one connection a pair", func() bool {
					s := n.Stats()
					return s.Connections == count-1 && s.Retiring == 0 && s.Dialing == 0
				})
			}
			if err := together(count, func(i int) error {
				return callEcho(timeout(t, 5*time.Second), nodes[i].Transport, nodes[(i+1)%count].target(), []byte("after"))
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// patientEcho tries again when a handshake did not end within its 3 s, or ended for one side and was too late for the
// other: on a machine that is busy otherwise, with the race detector, forty at once may not.
func patientEcho(ctx context.Context, from *node, target link.Target, p []byte) error {
	for {
		err := callEcho(ctx, from.Transport, target, p)
		de, dial := errors.AsType[*link.DialError](err)
		ae, ended := errors.AsType[*quic.ApplicationError](err)
		late := dial && de.Timeout() || ended && ae.ErrorCode == wireTimeout
		if !raceEnabled || !late || ctx.Err() != nil {
			return err
		}
	}
}

// A long-lived stream on a connection that loses the tie lives on.
func TestRetiredConnectionKeepsItsStreams(t *testing.T) {
	_, nodes := site(t, 2)
	c, err := nodes[0].Connect(timeout(t, 5*time.Second), nodes[1].target())
	if err != nil {
		t.Fatal(err)
	}
	s, err := nodes[0].OpenStream(timeout(t, 5*time.Second), nodes[1].target(), kindEcho)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	mustEcho(t, nodes[1], nodes[0], []byte("over a new one"))
	for i := range 3 {
		if _, err := s.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if c.Err() != nil || c.Usable() {
		t.Errorf("released connection: err %v, usable %v", c.Err(), c.Usable())
	}
	_ = s.Close()
	select {
	case <-c.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the released connection did not end with its last stream")
	}
	wantError(t, c.Err(), net.ErrClosed)
	mustEcho(t, nodes[0], nodes[1], []byte("still one"))
	if got := nodes[0].Stats(); got.Connections != 1 {
		t.Errorf("%d connections", got.Connections)
	}
}

// A restarted peer is noticed by its stateless reset, long before any timeout.
func TestRestartIsNoticedAtOnce(t *testing.T) {
	ca := linktest.Root(t, "440000")
	id := ca.Node(t, "n2")
	a := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	for i := range 3 {
		b := start(t, id, linktest.Verify(ca))
		relay := linktest.NewRelay(t, b.Addr())
		target := link.Target{Addr: relay.Addr(), Site: ca.Site, Node: "n2"}
		s, err := a.OpenStream(timeout(t, 5*time.Second), target, kindEcho)
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			read <- err
		}()
		relay.SetCut(true) // like kill -9: no goodbye
		addr := b.Addr().String()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		linktest.Eventually(t, 5*time.Second, "the goodbye is lost", func() bool { return relay.Lost() > 0 })
		again := start(t, id, linktest.Verify(ca), on(addr))
		relay.SetCut(false)
		began := time.Now()
		if i == 0 { // anything written is answered by a reset; otherwise the watch's padding is
			_, _ = s.Write([]byte("x"))
		}
		select {
		case err := <-read:
			took := time.Since(began)
			t.Logf("noticed after %v: %v", took, err)
			wantError(t, err, net.ErrClosed)
			if i == 0 && took > time.Second || took > 2500*time.Millisecond {
				t.Errorf("noticed after %v", took)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("not noticed")
		}
		if err := callEcho(timeout(t, 5*time.Second), a.Transport, target, []byte("again")); err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		linktest.Eventually(t, 5*time.Second, "the goodbye arrives", func() bool { return a.Stats().Connections == 0 })
	}
}

// A restarted peer that dials in replaces its old self at once.
func TestRestartedPeerDialsIn(t *testing.T) {
	ca := linktest.Root(t, "440000")
	id := ca.Node(t, "n2")
	a := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	relay := linktest.NewRelay(t, a.Addr())
	target := link.Target{Addr: relay.Addr(), Site: ca.Site, Node: "n1"}
	b := start(t, id, linktest.Verify(ca))
	ended := make(chan struct{})
	a.Handle(link.KindIssue, nil, func(ctx context.Context, s *link.Stream) {
		_, _ = s.Write([]byte("x"))
		<-ctx.Done()
		close(ended)
	})
	s, err := b.OpenStream(timeout(t, 5*time.Second), target, link.KindIssue)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	relay.SetCut(true)
	_ = b.Close()
	linktest.Eventually(t, 5*time.Second, "the goodbye is lost", func() bool { return relay.Lost() > 0 })
	relay.SetCut(false)
	again := start(t, id, linktest.Verify(ca))
	if err := callEcho(timeout(t, 5*time.Second), again.Transport, target, []byte("back")); err != nil {
		t.Fatal(err)
	}
	<-ended
	if got := a.Stats(); got.Connections != 1 || got.Superseded != 1 {
		t.Errorf("%d connections, %d superseded", got.Connections, got.Superseded)
	}
}

func TestRevokedPeerIsCutOff(t *testing.T) {
	ca := linktest.Root(t, "440000")
	var revoked atomic.Bool
	verify := linktest.Verify(ca)
	a := start(t, ca.Node(t, "n1"), func(chain []*cert) (peer, error) {
		p, err := verify(chain)
		if err == nil && p.Node == "n2" && revoked.Load() {
			return peer{}, errors.New("revoked")
		}
		return p, err
	})
	b := start(t, ca.Node(t, "n2"), verify)
	mustEcho(t, b, a, []byte("before"))
	c, err := b.Connect(timeout(t, 5*time.Second), a.target())
	if err != nil {
		t.Fatal(err)
	}
	revoked.Store(true)
	a.Reverify()
	<-c.Done()
	_, err = b.OpenStream(timeout(t, 5*time.Second), a.target(), kindEcho)
	wantError(t, err, link.ErrRefused)
	if got := a.Stats().Revoked; got != 1 {
		t.Errorf("%d revoked", got)
	}
}

// The three-second deadline, the idle timeout and the tie-break over a lossy, slow line, in simulated time.
func TestSimulatedNetwork(t *testing.T) {
	bubble := func(name string, f func(t *testing.T, net *linktest.Network, a, b *link.Transport, ta, tb link.Target)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := linktest.NewNetwork(7)
				ca := linktest.Root(t, "440000")
				ctx, cancel := context.WithCancel(context.Background())
				var trs []*link.Transport
				var stops []func()
				for i, addr := range []string{"10.0.0.1:1", "10.0.0.2:1"} {
					id := ca.Node(t, fmt.Sprintf("n%d", i+1))
					socket, err := network.Listen(addr)
					if err != nil {
						t.Fatal(err)
					}
					tr, err := link.Open(link.Config{PacketConn: socket, Advertise: addr, Key: id.Key, Chain: id.Chain, Verify: linktest.Verify(ca), Logger: slog.New(slog.DiscardHandler)})
					if err != nil {
						t.Fatal(err)
					}
					tr.Handle(kindEcho, nil, echo)
					ran := make(chan error, 1)
					go func() { ran <- tr.Run(ctx) }()
					trs = append(trs, tr)
					stops = append(stops, func() {
						_ = tr.Close()
						_ = socket.Close()
						if err := <-ran; err != nil {
							t.Error(err)
						}
					})
				}
				f(t, network, trs[0], trs[1], link.Target{Addr: "10.0.0.1:1", Site: "440000", Node: "n1"}, link.Target{Addr: "10.0.0.2:1", Site: "440000", Node: "n2"})
				cancel()
				for _, stop := range stops {
					stop()
				}
				synctest.Wait()
			})
		})
	}
	within := func(t *testing.T, d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		t.Cleanup(cancel)
		return ctx
	}
	bubble("lossy and slow", func(t *testing.T, n *linktest.Network, a, b *link.Transport, ta, tb link.Target) {
		n.Impair(0.1, 80*time.Millisecond)
		payload := make([]byte, 300<<10)
		if err := together(6, func(i int) error {
			from, to := a, tb
			if i%2 == 1 {
				from, to = b, ta
			}
			return callEcho(within(t, time.Minute), from, to, payload)
		}); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Second)
		if ca, cb := a.Stats().Connections, b.Stats().Connections; ca != 1 || cb != 1 {
			t.Errorf("%d and %d connections", ca, cb)
		}
	})
	bubble("idle line stays up", func(t *testing.T, _ *linktest.Network, a, _ *link.Transport, _, tb link.Target) {
		c, err := a.Connect(within(t, time.Second), tb)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Minute)
		if c.Err() != nil || !c.Usable() || c.Silent() > 2*time.Second {
			t.Errorf("err %v, usable %v, silent %v", c.Err(), c.Usable(), c.Silent())
		}
	})
	bubble("dead peer", func(t *testing.T, n *linktest.Network, a, _ *link.Transport, _, tb link.Target) {
		c, err := a.Connect(within(t, time.Second), tb)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		n.SetCut("10.0.0.1:1", "10.0.0.2:1", true)
		began := time.Now()
		for c.Usable() {
			<-time.After(50 * time.Millisecond)
		}
		suspected := time.Since(began)
		_, err = a.OpenStream(within(t, 10*time.Second), tb, kindEcho)
		wantError(t, err, link.ErrUnreachable)
		<-c.Done()
		t.Logf("suspected after %v, ended after %v", suspected, time.Since(began))
		wantError(t, c.Err(), net.ErrClosed)
		if took := time.Since(began); suspected > 2500*time.Millisecond || took > 7*time.Second {
			t.Error("too slow")
		}
	})
	bubble("storm", func(t *testing.T, n *linktest.Network, a, b *link.Transport, ta, tb link.Target) {
		for i := range 30 {
			n.Impair(0, time.Duration(i)*time.Millisecond)
			if err := together(4, func(i int) error {
				from, to := a, tb
				if i%2 == 1 {
					from, to = b, ta
				}
				return callEcho(within(t, 20*time.Second), from, to, []byte("storm"))
			}); err != nil {
				t.Fatal(err)
			}
			<-time.After(3 * time.Second)
			if ca, cb := a.Stats(), b.Stats(); ca.Connections != 1 || cb.Connections != 1 || ca.Retiring+cb.Retiring != 0 {
				t.Fatalf("round %d: %d and %d connections", i, ca.Connections, cb.Connections)
			}
			c, err := a.Connect(within(t, time.Second), tb)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			<-time.After(time.Second)
		}
		if got := a.Stats(); got.StreamsActive != 0 {
			t.Errorf("%d streams are left", got.StreamsActive)
		}
	})
}
