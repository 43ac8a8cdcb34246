package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fengsui/deploy/lab"
	"fengsui/federation/cluster"
	"fengsui/node/api"
	"fengsui/node/config"
	"fengsui/node/demo/sample"
)

// world is a tree of sites in one process, over real UDP on loopback.
type world struct {
	t     testing.TB
	dir   string
	log   *slog.Logger
	nodes []*testNode
	pcap  string
}

// testNode is one node and the means to start, stop and ask it.
type testNode struct {
	*api.Client
	w      *world
	cfg    config.Config
	cancel context.CancelFunc
	done   chan error
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "fs") // t.TempDir's names can pass the socket path limit
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, pcap: filepath.Join(dir, "county.pcap.gz"), log: slog.New(slog.DiscardHandler)}
	if os.Getenv("FENGSUI_TEST_LOG") != "" {
		w.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if err := os.WriteFile(w.pcap, sample.Capture(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var wg sync.WaitGroup
		for _, n := range w.nodes {
			wg.Go(n.stop)
		}
		wg.Wait()
		_ = os.RemoveAll(dir)
	})
	return w
}

// freePort finds a UDP port nobody uses.
func freePort(t testing.TB) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// add initialises a node; token "" makes a root.
func (w *world) add(site, node, token string, via ...string) *testNode {
	w.t.Helper()
	n := w.plan(site, node, via...)
	if err := Init(w.t.Context(), n.cfg, InitOptions{Token: token, Logger: w.log.With("node", site+"/"+node, "init", true)}); err != nil {
		w.t.Fatalf("init %s/%s: %v", site, node, err)
	}
	return n
}

// plan makes a node's configuration.
func (w *world) plan(site, node string, via ...string) *testNode {
	w.t.Helper()
	cfg := *config.Default()
	cfg.Site, cfg.Node, cfg.Name = site, node, "site "+site
	cfg.Data = filepath.Join(w.dir, site+node)
	cfg.Listen = freePort(w.t)
	cfg.Parent.Via = via
	cfg.FoldWindow = 0
	n := &testNode{w: w, cfg: cfg, Client: api.NewClient(cfg.Socket())}
	w.nodes = append(w.nodes, n)
	return n
}

// start runs the node until stop.
func (n *testNode) start() *testNode {
	n.w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.done = cancel, make(chan error, 1)
	ready := make(chan struct{})
	done := n.done
	go func() {
		done <- Run(ctx, n.cfg, Options{Logger: n.w.log.With("node", n.cfg.Site+"/"+n.cfg.Node), Version: "test", Ready: func() { close(ready) }, timing: shortElections()})
	}()
	select {
	case <-ready:
	case err := <-done:
		n.w.t.Fatalf("run %s/%s: %v", n.cfg.Site, n.cfg.Node, err)
	}
	return n
}

// shortElections is long enough for a loaded machine and short enough for a test that starts a dozen sites.
func shortElections() cluster.Timing {
	return cluster.Timing{Heartbeat: 400 * time.Millisecond, Election: 400 * time.Millisecond, Lease: 300 * time.Millisecond}
}

// stop ends the node in order; a second call does nothing.
func (n *testNode) stop() {
	if n.cancel == nil {
		return
	}
	n.cancel()
	n.cancel = nil
	select {
	case err := <-n.done:
		if err != nil {
			n.w.t.Errorf("stop %s/%s: %v", n.cfg.Site, n.cfg.Node, err)
		}
	case <-time.After(30 * time.Second):
		n.w.t.Errorf("%s/%s does not stop", n.cfg.Site, n.cfg.Node)
	}
}

// invite makes a token at n.
func (n *testNode) invite(r api.InviteRequest) string {
	n.w.t.Helper()
	var token string
	n.w.until("an invite", func() error {
		inv, err := n.Invite(n.w.t.Context(), r)
		token = inv.Token
		return err
	})
	return token
}

// until tries f until it succeeds or the test has waited too long.
func (w *world) until(what string, f func() error) {
	w.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = f(); last == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited too long for %s: %v", what, last)
		}
	}
}

// ids returns the alert ids a site holds of an origin, sorted, and fails on one that is there twice.
func (n *testNode) ids(origin string) []string {
	n.w.t.Helper()
	list, err := n.AllAlertIDs(n.w.t.Context(), api.AlertFilter{Origin: origin})
	if err != nil {
		n.w.t.Fatalf("ids at %s: %v", n.cfg.Site, err)
	}
	var out []string
	for _, a := range list {
		out = append(out, a.ID)
	}
	slices.Sort(out)
	if len(slices.Compact(slices.Clone(out))) != len(out) {
		n.w.t.Fatalf("%s holds records of %s twice", n.cfg.Site, origin)
	}
	return out
}

// replay runs the sample capture at n and returns how many alert records it made.
func (n *testNode) replay() uint64 {
	n.w.t.Helper()
	var r api.Replay
	n.w.until("the replay", func() (err error) {
		r, err = n.StartReplay(n.w.t.Context(), api.ReplayRequest{Path: n.w.pcap, Rebase: true, Wait: true})
		return err
	})
	if r.State != "done" || r.Committed != r.Alerts || r.Alerts == 0 {
		n.w.t.Fatalf("replay at %s: %+v", n.cfg.Site, r)
	}
	return r.Alerts
}

// same waits until upper holds exactly the records of origin that lower holds.
func (w *world) same(origin string, lower, upper *testNode) {
	w.t.Helper()
	w.until("the alerts of "+origin+" at "+upper.cfg.Site, func() error {
		a, b := lower.ids(origin), upper.ids(origin)
		if !slices.Equal(a, b) {
			return fmt.Errorf("%s holds %d, %s holds %d", lower.cfg.Site, len(a), upper.cfg.Site, len(b))
		}
		return nil
	})
}

// applied waits until a document is in the given state at all of the nodes named site/node, as n sees it.
func (n *testNode) applied(kind, name string, version uint64, state string, nodes ...string) {
	n.w.t.Helper()
	n.w.until(kind+" "+name+" "+state, func() error {
		st, err := n.PolicyStatus(n.w.t.Context(), "", kind, name)
		if err != nil {
			return err
		}
		have := map[string]bool{}
		for _, s := range st.Nodes {
			if s.Version == version && s.State == state {
				have[s.Site+"/"+s.Node] = true
			}
		}
		for _, want := range nodes {
			if !have[want] {
				return fmt.Errorf("%s is missing in %+v", want, st.Nodes)
			}
		}
		return nil
	})
}

// relay stands between a child and the addresses of its parent.
func (w *world) relay(targets ...string) *lab.Relay {
	w.t.Helper()
	r, err := lab.Open(lab.Config{Targets: targets})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		<-done
		_ = r.Close()
	})
	return r
}

// nothingInClear fails when a known secret stands in any file below the data directories.
func (w *world) nothingInClear(secrets ...string) {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == w.pcap {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			if strings.Contains(string(b), s) {
				w.t.Errorf("%s shows %q in clear", path, s)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}
