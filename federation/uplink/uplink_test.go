package uplink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
	"fengsui/federation/uplink"
)

func TestMain(m *testing.M) {
	if err := linktest.WarmUp(); err != nil {
		panic(err)
	}
	code := m.Run()
	if left := linktest.Goroutines(5 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines left behind:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

const (
	parentA = "10.0.0.1:7430"
	parentB = "10.0.0.2:7430"
	parentC = "10.0.0.3:7430"
	childAt = "10.1.0.1:7430"
)

// world is a parent site of up to three nodes and one child node on a network in memory.
type world struct {
	net    *linktest.Network
	ca     *linktest.CA
	ids    map[string]*linktest.Node
	child  *link.Transport
	up     *uplink.Uplink
	parent atomic.Pointer[uplink.Parent]
	ctx    context.Context
}

func quiet() *slog.Logger {
	if os.Getenv("LINK_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// node starts a transport at an address; stop ends it without a word to anyone.
func (w *world) node(t *testing.T, addr string, id *linktest.Node) (tr *link.Transport, stop func()) {
	t.Helper()
	socket, err := w.net.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	tr, err = link.Open(link.Config{PacketConn: socket, Advertise: addr, Key: id.Key, Chain: id.Chain, Verify: linktest.Verify(w.ca), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	tr.Handle(link.KindUpload, nil, func(_ context.Context, s *link.Stream) {
		_, _ = io.Copy(s, s)
		_ = s.CloseWrite()
	})
	ran := make(chan error, 1)
	go func() { ran <- tr.Run(w.ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		_ = socket.Close() // the word of goodbye does not get out
		_ = tr.Close()
		if err := <-ran; err != nil && w.ctx.Err() == nil {
			_ = err // the socket was taken away: Run says so
		}
	}
	return tr, stop
}

// simulate runs f in a bubble with parents at the given addresses and an uplink running.
func simulate(t *testing.T, parents []string, f func(t *testing.T, w *world, stop map[string]func())) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		w := &world{net: linktest.NewNetwork(1), ca: linktest.Root(t, "440000"), ids: map[string]*linktest.Node{}, ctx: ctx}
		w.net.Impair(0, 5*time.Millisecond)
		stop := map[string]func(){}
		for i, addr := range parents {
			w.ids[addr] = w.ca.Node(t, fmt.Sprintf("n%d", i+1))
			_, stop[addr] = w.node(t, addr, w.ids[addr])
		}
		var stopChild func()
		w.child, stopChild = w.node(t, childAt, w.ca.Child(t, "440100").Node(t, "n1"))
		w.parent.Store(&uplink.Parent{Site: "440000", Addrs: parents})
		var err error
		w.up, err = uplink.New(uplink.Config{Transport: w.child, Parent: func() uplink.Parent { return *w.parent.Load() }, Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- w.up.Run(ctx) }()
		f(t, w, stop)
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
		stopChild()
		for _, s := range stop {
			s()
		}
		synctest.Wait()
	})
}

// wait waits for a state by Watch.
func (w *world) wait(t *testing.T, what string, ok func(s uplink.Status) bool) time.Duration {
	t.Helper()
	began := time.Now()
	late := time.After(2 * time.Minute)
	for {
		changed := w.up.Watch()
		if ok(w.up.Status()) {
			return time.Since(began)
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s: never; %+v", what, w.up.Status())
		}
	}
}

func up(s uplink.Status) bool   { return s.Connected }
func down(s uplink.Status) bool { return !s.Connected }
func at(addr string) func(uplink.Status) bool {
	return func(s uplink.Status) bool { return s.Connected && s.Addr == addr }
}

// call echoes over a new stream.
func (w *world) call(within time.Duration) error {
	ctx, cancel := context.WithTimeout(w.ctx, within)
	defer cancel()
	s, err := w.up.Open(ctx, link.KindUpload)
	if err != nil {
		return err
	}
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(within))
	if _, err := s.Write([]byte("record")); err != nil {
		return err
	}
	_, err = io.ReadFull(s, make([]byte, 6))
	return err
}

func TestConnectsAndServes(t *testing.T) {
	simulate(t, []string{parentA, parentB}, func(t *testing.T, w *world, _ map[string]func()) {
		if err := w.call(time.Second); err != nil {
			t.Fatal(err)
		}
		connected, addr, since := w.up.State()
		if !connected || addr != parentA || since.IsZero() {
			t.Errorf("state %v %q %v", connected, addr, since)
		}
		if s := w.up.Status(); s.Node != "n1" || s.Site != "440000" || s.Err != nil || s.Connects != 1 {
			t.Errorf("status %+v", s)
		}
		if got := w.child.Stats().Connections; got != 1 {
			t.Errorf("%d connections", got)
		}
	})
}

// The line must serve again less than 2 s after a cut of any length has ended.
func TestResumesAfterCut(t *testing.T) {
	simulate(t, []string{parentA}, func(t *testing.T, w *world, _ map[string]func()) {
		w.wait(t, "up", up)
		worst := time.Duration(0)
		for _, cut := range []time.Duration{
			100 * time.Millisecond, 500 * time.Millisecond, time.Second, 1700 * time.Millisecond, 2 * time.Second, 2300 * time.Millisecond,
			3 * time.Second, 4900 * time.Millisecond, 6 * time.Second, 13 * time.Second, 30 * time.Second, 61 * time.Second,
		} {
			w.net.SetCut(childAt, parentA, true)
			<-time.After(cut)
			w.net.SetCut(childAt, parentA, false)
			began := time.Now()
			for w.call(200*time.Millisecond) != nil {
				if time.Since(began) > time.Minute {
					t.Fatalf("no service a minute after a cut of %v", cut)
				}
			}
			took := time.Since(began)
			worst = max(worst, took)
			t.Logf("cut of %v: served again after %v", cut, took)
			<-time.After(2 * time.Second)
		}
		if worst >= 2*time.Second {
			t.Errorf("worst %v", worst)
		}
		if got := w.child.Stats().StreamsActive; got != 0 {
			t.Errorf("%d streams are left", got)
		}
	})
}

// Many cuts of random phase against the backoff.
func TestResumeDoesNotDependOnPhase(t *testing.T) {
	simulate(t, []string{parentA}, func(t *testing.T, w *world, _ map[string]func()) {
		w.wait(t, "up", up)
		worst := time.Duration(0)
		for i := range 40 {
			w.net.SetCut(childAt, parentA, true)
			<-time.After(7*time.Second + time.Duration(i)*137*time.Millisecond)
			w.net.SetCut(childAt, parentA, false)
			worst = max(worst, w.wait(t, "up again", up))
			<-time.After(time.Second)
		}
		t.Logf("worst of 40: %v", worst)
		if worst >= 2*time.Second {
			t.Errorf("worst %v", worst)
		}
	})
}

func TestMovesToAnotherNode(t *testing.T) {
	simulate(t, []string{parentA, parentB, parentC}, func(t *testing.T, w *world, stop map[string]func()) {
		w.wait(t, "at the first", at(parentA))
		stop[parentA]()
		took := w.wait(t, "at the second", at(parentB))
		t.Logf("killed node left after %v", took)
		if took > 4*time.Second {
			t.Errorf("took %v", took)
		}
		if err := w.call(time.Second); err != nil {
			t.Error(err)
		}
		stop[parentB]()
		w.wait(t, "at the third", at(parentC))
		stop[parentC]()
		w.wait(t, "down", down)
		_, again := w.node(t, parentB, w.ids[parentB])
		stop[parentB] = again
		took = w.wait(t, "back at the second", at(parentB))
		t.Logf("restarted node found after %v", took)
		if took >= 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestDeadAddressesCostLittle(t *testing.T) {
	simulate(t, []string{parentC}, func(t *testing.T, w *world, _ map[string]func()) {
		w.wait(t, "up", up)
		w.parent.Store(&uplink.Parent{Site: "440000", Addrs: []string{parentA, parentB, parentC}})
		w.net.SetCut(childAt, parentC, true)
		w.wait(t, "down", down)
		w.net.SetCut(childAt, parentC, false)
		if took := w.wait(t, "up past two dead addresses", at(parentC)); took >= 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAvoid(t *testing.T) {
	simulate(t, []string{parentA, parentB}, func(t *testing.T, w *world, _ map[string]func()) {
		s, err := w.up.Open(w.ctx, link.KindUpload)
		if err != nil {
			t.Fatal(err)
		}
		w.up.Avoid(s)
		w.wait(t, "at the other node", at(parentB))
		// The stream that complained goes on; when it ends, so does its connection.
		if _, err := s.Write([]byte("last")); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(s, make([]byte, 4)); err != nil {
			t.Error(err)
		}
		_ = s.Close()
		<-time.After(time.Second)
		if got := w.child.Stats().Connections; got != 1 {
			t.Errorf("%d connections", got)
		}
	})
}

func TestParentMovesAndGoes(t *testing.T) {
	simulate(t, []string{parentA, parentB}, func(t *testing.T, w *world, _ map[string]func()) {
		w.wait(t, "up", at(parentA))
		w.parent.Store(&uplink.Parent{Site: "440000", Addrs: []string{parentB}})
		w.wait(t, "followed", at(parentB))
		w.parent.Store(&uplink.Parent{})
		w.wait(t, "no parent", down)
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		defer cancel()
		_, err := w.up.Open(ctx, link.KindUpload)
		if !errors.Is(err, uplink.ErrOffline) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open: %v", err)
		}
		// A node of another site at the parent's address is no parent.
		w.parent.Store(&uplink.Parent{Site: "450000", Addrs: []string{parentA}})
		<-time.After(5 * time.Second)
		s := w.up.Status()
		if s.Connected || !errors.Is(s.Err, link.ErrUntrusted) || s.FailedRounds == 0 {
			t.Errorf("status %+v", s)
		}
	})
}

// A process that is stopped, not killed: its socket takes packets and nobody answers.
func TestFrozenParent(t *testing.T) {
	simulate(t, []string{parentA, parentB}, func(t *testing.T, w *world, _ map[string]func()) {
		w.wait(t, "up", at(parentA))
		w.net.SetCut(childAt, parentA, true)
		if took := w.wait(t, "left the frozen node", at(parentB)); took > 4*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestConfig(t *testing.T) {
	if _, err := uplink.New(uplink.Config{}); err == nil {
		t.Error("an empty config was accepted")
	}
}
