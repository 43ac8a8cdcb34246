package gossip_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"fengsui/federation/gossip"
	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if left := linktest.Goroutines(10 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines left behind:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

type node struct {
	*gossip.Gossip
	id   *linktest.Node
	link *link.Transport
	stop func() // like kill -9, as far as others can see
}

func start(tb testing.TB, ca *linktest.CA, id *linktest.Node, listen string) *node {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("LINK_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	tr, err := link.Open(link.Config{Listen: listen, Key: id.Key, Chain: id.Chain, Verify: linktest.Verify(ca), Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- tr.Run(ctx) }()
	g, err := gossip.Open(gossip.Config{Node: id.Name, Site: id.Site, Transport: tr, Meta: gossip.Meta{Version: "v1", Role: "voter"}, Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	stopped := false
	n := &node{Gossip: g, id: id, link: tr}
	n.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(g.Close(), g.Close(), tr.Close(), <-ran); err != nil {
			tb.Errorf("stop %s: %v", id.Name, err)
		}
	}
	tb.Cleanup(n.stop)
	return n
}

// site makes n nodes that all know each other.
func site(tb testing.TB, count int) (*linktest.CA, []*node) {
	tb.Helper()
	ca := linktest.Root(tb, "440100")
	var nodes []*node
	for i := range count {
		nodes = append(nodes, start(tb, ca, ca.Node(tb, fmt.Sprintf("n%d", i+1)), "127.0.0.1:0"))
	}
	for _, n := range nodes[1:] {
		if _, err := n.Join([]string{nodes[0].link.Advertise()}); err != nil {
			tb.Fatal(err)
		}
	}
	for _, n := range nodes {
		n.waitAlive(tb, patience, count)
	}
	return ca, nodes
}

func (n *node) alive() []string {
	var out []string
	for _, m := range n.Members() {
		if m.Alive {
			out = append(out, m.Name)
		}
	}
	return out
}

// patience is far above what convergence takes, also on a machine that does other things: a deadline, not a measure.
const patience = 30 * time.Second

// waitAlive waits by Watch until n sees that many alive members.
func (n *node) waitAlive(tb testing.TB, within time.Duration, count int) {
	tb.Helper()
	late := time.After(within)
	for {
		changed := n.Watch()
		if len(n.alive()) == count {
			return
		}
		select {
		case <-changed:
		case <-late:
			tb.Fatalf("%s sees %v alive after %v, want %d", n.id.Name, n.alive(), within, count)
		}
	}
}

func TestConverges(t *testing.T) {
	began := time.Now()
	_, nodes := site(t, 5)
	t.Logf("5 nodes converged in %v", time.Since(began))
	for _, n := range nodes {
		for _, m := range n.Members() {
			if m.Meta.Version != "v1" || m.Meta.Role != "voter" || m.Addr != m.Meta.Addr || !strings.HasPrefix(m.Addr, "127.0.0.1:") {
				t.Errorf("%s sees %+v", n.id.Name, m)
			}
		}
		if s := n.Stats(); s.Alive != 5 || s.Gone != 0 || s.MalformedMeta != 0 || s.Conflicts != 0 {
			t.Errorf("%s: %+v", n.id.Name, s)
		}
	}
	if e := <-nodes[0].Events(); e.Change != gossip.Joined || e.Member.Name != "n1" {
		t.Errorf("first event %v", e)
	}
}

func TestDeadNodeIsNoticed(t *testing.T) {
	_, nodes := site(t, 3)
	began := time.Now()
	nodes[2].stop()
	for _, n := range nodes[:2] {
		n.waitAlive(t, 15*time.Second, 2)
		t.Logf("%s noticed after %v", n.id.Name, time.Since(began))
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
	for _, m := range nodes[0].Members() {
		if m.Alive == (m.Name == "n3") {
			t.Errorf("%+v", m)
		}
	}
}

func TestLeaveIsKnownAtOnce(t *testing.T) {
	_, nodes := site(t, 3)
	began := time.Now()
	if err := nodes[2].Leave(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes[:2] {
		n.waitAlive(t, 2*time.Second, 2)
	}
	t.Logf("known after %v", time.Since(began))
	nodes[2].stop()
	if err := nodes[2].Leave(time.Second); err != nil {
		t.Errorf("leave after close: %v", err)
	}
	if err := nodes[2].UpdateMeta(gossip.Meta{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("update after close: %v", err)
	}
}

func TestNodeComesBackElsewhere(t *testing.T) {
	ca, nodes := site(t, 3)
	nodes[2].stop()
	for _, n := range nodes[:2] {
		n.waitAlive(t, 15*time.Second, 2)
	}
	again := start(t, ca, nodes[2].id, "127.0.0.1:0")
	if _, err := again.Join([]string{nodes[0].link.Advertise()}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{nodes[0], nodes[1], again} {
		n.waitAlive(t, 10*time.Second, 3)
		linktest.Eventually(t, patience, "the new address is known", func() bool { return n.Members()[2].Addr == again.link.Advertise() })
	}
}

func TestMetaTravels(t *testing.T) {
	_, nodes := site(t, 3)
	if err := nodes[0].UpdateMeta(gossip.Meta{Version: "v2", Role: "probe"}); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		linktest.Eventually(t, patience, "new metadata", func() bool { return n.Members()[0].Meta.Version == "v2" })
	}
}

func TestOtherSiteIsNotHeard(t *testing.T) {
	ca, nodes := site(t, 2)
	county := ca.Child(t, "440106")
	other := start(t, ca, county.Node(t, "n9"), "127.0.0.1:0")
	if n, err := other.Join([]string{nodes[0].link.Advertise()}); err == nil || n != 0 {
		t.Errorf("joined %d of another site, %v", n, err)
	}
	if got := nodes[0].alive(); len(got) != 2 {
		t.Errorf("members %v", got)
	}
}

func TestJoinWithoutAnyone(t *testing.T) {
	ca := linktest.Root(t, "440100")
	n := start(t, ca, ca.Node(t, "n1"), "127.0.0.1:0")
	if got, err := n.Join([]string{n.link.Advertise()}); got != 0 || err != nil {
		t.Errorf("joining itself: %d, %v", got, err)
	}
	if _, err := n.Join([]string{"no port"}); err == nil {
		t.Error("joined a malformed address")
	}
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	if got, err := n.Join([]string{dead.LocalAddr().String()}); got != 0 || err == nil {
		t.Errorf("joining nobody: %d, %v", got, err)
	}
}

func TestConfig(t *testing.T) {
	f := func(c gossip.Config) {
		t.Helper()
		if _, err := gossip.Open(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	f(gossip.Config{})
	ca := linktest.Root(t, "440100")
	n := start(t, ca, ca.Node(t, "n1"), "127.0.0.1:0")
	good := gossip.Config{Node: "n1", Site: "440100", Transport: n.link, Logger: slog.New(slog.DiscardHandler)}
	bad := good
	bad.Tuning = gossip.Tuning{ProbeInterval: time.Second, ProbeTimeout: time.Second, SuspicionMult: 1, GossipInterval: 1, PushPullInterval: 1}
	f(bad)
	bad = good
	bad.Meta.Role = strings.Repeat("x", 300)
	f(bad)
}

func TestMetaCodec(t *testing.T) {
	good := gossip.Meta{Addr: "10.0.0.1:7430", Version: "v1.2.3", Role: "voter"}
	b, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(b) {
		if _, err := gossip.ParseMeta(b[:n]); !errors.Is(err, gossip.ErrMetaMalformed) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	got, err := gossip.ParseMeta(append(b, "later fields"...))
	if err != nil || got != good {
		t.Errorf("%+v, %v", got, err)
	}
	long := gossip.Meta{Addr: strings.Repeat("a", 255), Version: strings.Repeat("b", 255), Role: "c"}
	if _, err := long.Encode(); !errors.Is(err, gossip.ErrMetaSize) {
		t.Errorf("too long: %v", err)
	}
	if _, err := gossip.ParseMeta([]byte{9}); !errors.Is(err, gossip.ErrMetaMalformed) {
		t.Errorf("unknown version: %v", err)
	}
}

func FuzzMeta(f *testing.F) {
	for _, m := range []gossip.Meta{{}, {Addr: "10.0.0.1:7430", Version: "v1", Role: "voter"}} {
		b, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := gossip.ParseMeta(b)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := gossip.ParseMeta(again); err != nil || back != m {
			t.Fatalf("%+v became %+v, %v", m, back, err)
		}
	})
}
