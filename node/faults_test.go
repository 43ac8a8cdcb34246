package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/federation/durable"
	"fengsui/federation/link"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/config"
	"fengsui/node/demo/sample"
	"fengsui/node/enrol"
)

// run starts a node that is expected not to come up, and returns why.
func (n *testNode) fails() error {
	n.w.t.Helper()
	ctx, cancel := context.WithTimeout(n.w.t.Context(), 20*time.Second)
	defer cancel()
	err := Run(ctx, n.cfg, Options{Logger: n.w.log})
	if ctx.Err() != nil {
		n.w.t.Fatalf("%s/%s came up", n.cfg.Site, n.cfg.Node)
	}
	return err
}

// oneLineWith checks that an error is one line a person can act on.
func oneLineWith(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.plan("440000", "n1")
	oneLineWith(t, empty.fails(), "no enrolled node", "fengsui node init")

	p1 := w.add("440000", "n1", "")
	taken, err := net.ListenPacket("udp", p1.cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	oneLineWith(t, p1.fails(), "port", "in use", p1.cfg.Listen)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	far := *p1
	far.cfg.Listen = "203.0.113.1:7400"
	oneLineWith(t, far.fails(), "203.0.113.1:7400 is not an address of this machine")
	other := *p1
	other.cfg.Node = "n9"
	oneLineWith(t, other.fails(), "belongs to 440000/n1", "440000/n9")

	p1.start()
	again := *p1
	again.cfg.Listen = freePort(t)
	err = again.fails()
	oneLineWith(t, err, "in use")
	var inUse *durable.InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second start: %v", err)
	}
	if _, err := p1.Status(t.Context()); err != nil {
		t.Errorf("the second start hurt the first: %v", err)
	}

	locked := w.plan("440000", "n2")
	if err := os.MkdirAll(locked.cfg.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	oneLineWith(t, Init(t.Context(), locked.cfg, InitOptions{Token: "fs1.garbage"}), "token")

	late := w.plan("450000", "n1")
	if err := enrol.Create(enrol.Config{Dir: late.cfg.Data, Site: "450000", Node: "n1", Now: func() time.Time { return time.Now().AddDate(3, 0, 0) }}); err != nil {
		t.Fatal(err)
	}
	oneLineWith(t, late.fails(), "clock says")
}

func TestAParentThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p1 := w.add("440000", "n1", "").start()
	token := p1.invite(api.InviteRequest{Purpose: "site", Site: "440100", Approve: true})
	p1.stop()
	city := w.plan("440100", "n1")
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	var steps []string
	err := Init(ctx, city.cfg, InitOptions{Token: token, Progress: func(s string) { steps = append(steps, s) }})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("init: %v", err)
	}
	if said := strings.Join(steps, "\n"); !strings.Contains(said, "asking 440000 at "+p1.cfg.Listen) {
		t.Errorf("steps: %q", steps)
	}
	// The same command again, with the parent back, goes on with the same keys.
	key, err := os.ReadFile(filepath.Join(city.cfg.Data, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	p1.start()
	if err := Init(t.Context(), city.cfg, InitOptions{Token: token}); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(filepath.Join(city.cfg.Data, "node.key")); string(after) != string(key) {
		t.Error("the second init made another key")
	}
	// Nor does a crash just before the end of enrolment cost more than the same command.
	if err := os.Remove(filepath.Join(city.cfg.Data, "node.crt")); err != nil {
		t.Fatal(err)
	}
	if err := Init(t.Context(), city.cfg, InitOptions{Token: token}); err != nil {
		t.Fatal(err)
	}
	// A used token does not serve another machine.
	thief := w.plan("440100", "n1")
	thief.cfg.Data += "x"
	oneLineWith(t, Init(t.Context(), thief.cfg, InitOptions{Token: token}), "used")
	// Nor a third time the same one: nothing happens.
	if err := Init(t.Context(), city.cfg, InitOptions{Token: token}); err != nil {
		t.Error(err)
	}
}

func TestEverythingSurvivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	city := w.add("440100", "n1", "").start()
	county := w.add("440106", "n1", city.invite(api.InviteRequest{Purpose: "site", Site: "440106", Approve: true})).start()
	if _, err := city.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: sample.Rules()}); err != nil {
		t.Fatal(err)
	}
	city.applied("ruleset", "base", 1, "applied", "440100/n1", "440106/n1")
	// A version that is refused leaves the older one in force, also after the restart.
	if _, err := city.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: []byte("alert tcp any any -> any any (no_such_keyword; sid:1;)\n")}); err != nil {
		t.Fatal(err)
	}
	city.applied("ruleset", "base", 2, "refused", "440100/n1", "440106/n1")
	if _, err := city.IssuePolicy(ctx, api.PolicyRequest{Kind: "blocklist", Name: "b", Body: []byte("203.0.113.7\n")}); err != nil {
		t.Fatal(err)
	}
	city.applied("blocklist", "b", 1, "refused", "440100/n1", "440106/n1") // enforcement is off
	made := county.replay()
	w.same("440106", county, city)
	before, err := county.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	county.stop()
	city.stop()
	county.start()
	st, err := county.Status(ctx)
	if err != nil || st.Detection.Signatures != before.Detection.Signatures || st.Detection.Signatures == 0 {
		t.Errorf("rules after the restart: %+v, %v; before: %+v", st.Detection, err, before.Detection)
	}
	made += county.replay() // the city is still down
	city.start()
	w.same("440106", county, city)
	if n := len(city.ids("440106")); uint64(n) != made {
		t.Errorf("the city holds %d of %d", n, made)
	}
	// A node that moves to another address is found again.
	county.stop()
	county.cfg.Listen = freePort(t)
	county.start()
	made += county.replay()
	w.same("440106", county, city)
	if n := len(city.ids("440106")); uint64(n) != made {
		t.Errorf("after the move the city holds %d of %d", n, made)
	}
	city.stop()
	city.cfg.Listen = freePort(t)
	city.start()
	w.until("the city's new address in its own cluster", func() error {
		st, err := city.Status(ctx)
		if err != nil || len(st.Cluster.Nodes) != 1 || st.Cluster.Nodes[0].Addr != city.cfg.Listen {
			return fmt.Errorf("%+v, %w", st.Cluster, err)
		}
		return nil
	})
	w.nothingInClear("no_such_keyword", "DEMO Log4Shell")
}

func TestARevokedChildIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	city := w.add("440100", "n1", "").start()
	county := w.add("440106", "n1", city.invite(api.InviteRequest{Purpose: "site", Site: "440106", Approve: true})).start()
	if _, err := city.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: sample.Rules()}); err != nil {
		t.Fatal(err)
	}
	city.applied("ruleset", "base", 1, "applied", "440106/n1")
	made := county.replay()
	w.same("440106", county, city)
	if s, err := city.RevokeSite(ctx, "440106", "key lost"); err != nil || s.State != "revoked" || s.Reason != "key lost" {
		t.Fatalf("%+v, %v", s, err)
	}
	county.replay()
	w.until("the county to be without a link", func() error {
		sites, err := city.Sites(ctx)
		if err != nil || sites[0].Link == "online" {
			return fmt.Errorf("%+v, %w", sites, err)
		}
		return nil
	})
	if n := len(city.ids("440106")); uint64(n) != made {
		t.Errorf("the city holds %d, had %d when it revoked", n, made)
	}
	if _, err := city.RejectSite(ctx, "440199", ""); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("an unknown site: %v", err)
	}
}

// TestMalformedPeers lets an enrolled child send garbage on every kind of stream, and a stranger knock at every door.
func TestMalformedPeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	city := w.add("440100", "n1", "").start()
	bad := w.add("440106", "n1", city.invite(api.InviteRequest{Purpose: "site", Site: "440106", Approve: true}))
	good := w.add("440111", "n1", city.invite(api.InviteRequest{Purpose: "site", Site: "440111", Approve: true})).start()
	if _, err := city.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: sample.Rules()}); err != nil {
		t.Fatal(err)
	}
	city.applied("ruleset", "base", 1, "applied", "440111/n1")

	cred, err := enrol.Load(bad.cfg.Data, nil)
	if err != nil {
		t.Fatal(err)
	}
	guest, err := identity.Guest(cred.NodeKey, "440106", "n1", time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	kinds := []link.Kind{link.KindRaft, link.KindGossip, link.KindForward, link.KindMember, link.KindRegister, link.KindUpload, link.KindIssue, link.KindQuery, 99}
	impostor, err := identity.Guest(cred.NodeKey, "440100", "n2", time.Now().Add(-time.Hour)) // claims to be of the city itself
	if err != nil {
		t.Fatal(err)
	}
	for who, chain := range map[string][]*identity.Certificate{"child": cred.Chain(), "guest": {guest}, "impostor": {impostor}} {
		tr, err := link.Open(link.Config{
			Listen: "127.0.0.1:0", Key: cred.NodeKey, Chain: func() []*identity.Certificate { return chain }, Verify: verifier(cred.Trust), Logger: w.log,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds {
			for _, size := range []int{1, 100, 70_000} {
				s, err := tr.OpenStream(ctx, link.Target{Addr: city.cfg.Listen, Site: "440100"}, kind)
				if err != nil {
					t.Fatalf("%s, %s: %v", who, kind, err)
				}
				junk := make([]byte, size)
				if _, err := rand.Read(junk); err != nil {
					t.Fatal(err)
				}
				_, _ = s.Write(junk)                                    // may be refused at once
				_ = s.CloseWrite()                                      //
				_ = s.SetReadDeadline(time.Now().Add(15 * time.Second)) // longer than any greeting may take
				buf := make([]byte, 1<<16)
				for err == nil {
					_, err = s.Read(buf)
				}
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s, %s, %d bytes: the stream hangs", who, kind, size)
				}
				_ = s.Close()
			}
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	good.replay()
	w.same("440111", good, city)
	if h, err := city.Health(ctx); err != nil || h.Status != "ok" {
		t.Errorf("health: %+v, %v", h, err)
	}
	if m, err := city.Metrics(ctx); err != nil || !strings.Contains(string(m), "fengsui_upload_malformed_total") {
		t.Errorf("metrics: %v", err)
	}
}

func TestANodeIsRemovedForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	n1 := w.add("440100", "n1", "").start()
	token := n1.invite(api.InviteRequest{Purpose: "node"})
	n2 := w.add("440100", "n2", token)
	if err := os.Remove(filepath.Join(n2.cfg.Data, "node.crt")); err != nil { // a crash just before the end
		t.Fatal(err)
	}
	if err := Init(ctx, n2.cfg, InitOptions{Token: token}); err != nil {
		t.Fatal(err)
	}
	n2.start()
	size := func(want int) func() error {
		return func() error {
			st, err := n1.Status(ctx)
			voters := 0
			for _, n := range st.Cluster.Nodes {
				if n.Voter {
					voters++
				}
			}
			if err != nil || voters != want || len(st.Cluster.Nodes) != want {
				return fmt.Errorf("%+v, %w", st.Cluster, err)
			}
			return nil
		}
	}
	w.until("two voters", size(2))
	if _, err := n1.RemoveNode(ctx, "n7", ""); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("an unknown node: %v", err)
	}
	w.until("the removal", func() error {
		r, err := n1.RemoveNode(ctx, "n2", "replaced")
		if err == nil && !r.Revoked {
			err = errors.New("not revoked")
		}
		return err
	})
	w.until("one voter", size(1))
	n2.stop()
	n2.start() // it asks to be taken in again, and is refused
	w.until("n1 to have refused n2", func() error {
		m, err := n1.Metrics(ctx)
		if err != nil || strings.Contains(string(m), "fengsui_link_streams_refused_total 0\n") {
			return fmt.Errorf("nothing refused yet, %w", err)
		}
		return nil
	})
	w.until("still one voter", size(1))
}

func TestInitRefusesAnothersDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p1 := w.add("440000", "n1", "")
	cfg := p1.cfg
	cfg.Node = "n2"
	oneLineWith(t, Init(t.Context(), cfg, InitOptions{}), "already belongs to 440000/n1")
	if err := Init(t.Context(), p1.cfg, InitOptions{}); err != nil {
		t.Errorf("again: %v", err)
	}
	var problem config.Config
	problem.Data, problem.Site, problem.Node = t.TempDir(), "4400", "n1"
	if err := Init(t.Context(), problem, InitOptions{}); err == nil {
		t.Error("an odd site code was taken")
	}
}
