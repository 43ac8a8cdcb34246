package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fengsui/cascade/wire"
	"fengsui/node/api"
	"fengsui/node/demo/sample"
)

func TestTopologyEndsWhateverChildrenTell(t *testing.T) {
	t.Parallel()
	since := time.Unix(1, 0).UnixNano()
	sites := []*wire.SiteState{
		{Site: "440000", Name: "top", Nodes: []*wire.NodeState{{Node: "n1", Alive: true, Leader: true}}},
		{Site: "440100", Parent: "440000", Online: true, Since: since, Counts: []*wire.ClassCount{{Class: wire.ClassAlert, Produced: 7}}},
		{Site: "440106", Parent: "440100", Online: true, Since: since},
		{Site: "440200", Parent: "440000", Since: since},               // offline
		{Site: "440203", Parent: "440200", Online: true, Since: since}, // below an offline one
		{Site: "440300", Parent: "440000"},                             // never seen
		{Site: "440400", Parent: "440404"},                             // a circle
		{Site: "440404", Parent: "440400"},
		{Site: "440106", Parent: "440300"}, // told twice
	}
	top := topologyOf("440000", sites)
	links := map[string]string{}
	var walk func(s api.TopologySite)
	walk = func(s api.TopologySite) {
		if links[s.Site] != "" {
			t.Errorf("%s stands twice", s.Site)
		}
		links[s.Site] = s.Link
		for _, c := range s.Children {
			walk(c)
		}
	}
	walk(top)
	want := map[string]string{"440000": "self", "440100": "online", "440106": "online", "440200": "offline", "440203": "offline", "440300": "never"}
	if fmt.Sprint(links) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", links, want)
	}
	if top.Children[0].Counts["alert"] != 7 {
		t.Errorf("%+v", top.Children[0])
	}
	if lone := topologyOf("440000", nil); lone.Site != "440000" || lone.Link != "self" {
		t.Errorf("%+v", lone)
	}
}

func TestProblemsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	f := func(code wire.Code, want api.Code) {
		t.Helper()
		if got := api.CodeOf(problem(fmt.Errorf("step: %w", wire.Refuse(code, "why")))); got != want {
			t.Errorf("%v became %q, want %q", code, got, want)
		}
	}
	f(wire.CodeUnavailable, api.CodeNoQuorum)
	f(wire.CodeNotFound, api.CodeNotFound)
	f(wire.CodeQuery, api.CodeBadRequest)
	f(wire.CodeTooLarge, api.CodeBadRequest)
	f(wire.CodeConflict, api.CodeConflict)
	f(wire.CodeOutOfScope, api.CodeRefused)
	f(wire.CodeDeadline, api.CodeTimeout)
	f(wire.CodeInternal, "")
	plain := errors.New("disk")
	if !errors.Is(problem(plain), plain) {
		t.Error("an error without a code was changed")
	}
}

// TestWithoutQuorumAlertsWait stops two of three nodes while a third goes on detecting.
func TestWithoutQuorumAlertsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	n1 := w.add("440100", "n1", "").start()
	n2 := w.add("440100", "n2", n1.invite(api.InviteRequest{Purpose: "node"})).start()
	n3 := w.add("440100", "n3", n1.invite(api.InviteRequest{Purpose: "node"})).start()
	if _, err := n3.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: sample.Rules(), Targets: []string{"440100/*"}}); err != nil {
		t.Fatal(err)
	}
	n3.applied("ruleset", "base", 1, "applied", "440100/n1", "440100/n2", "440100/n3")
	w.until("three voters", func() error {
		st, err := n1.Status(ctx)
		voters := 0
		for _, n := range st.Cluster.Nodes {
			if n.Voter {
				voters++
			}
		}
		if voters != 3 {
			return fmt.Errorf("%+v, %w", st.Cluster, err)
		}
		return nil
	})
	// Stopping removes nobody from the cluster: n1 is left without a majority.
	n2.stop()
	n3.stop()
	job, err := n1.StartReplay(ctx, api.ReplayRequest{Path: w.pcap})
	if err != nil {
		t.Fatal(err)
	}
	w.until("the replay to have been read", func() error {
		r, err := n1.Replay(ctx, job.ID, false)
		if err != nil || r.Alerts == 0 || r.State != "running" {
			return fmt.Errorf("%+v, %w", r, err)
		}
		return nil
	})
	w.until("the node to say that it is read-only", func() error {
		st, err := n1.Status(ctx)
		if err != nil || st.State != "read-only" || st.Pipeline.Queued == 0 && st.Pipeline.Committed > 0 {
			return fmt.Errorf("%+v, %w", st, err)
		}
		return nil
	})
	if _, err := n1.IssuePolicy(ctx, api.PolicyRequest{Kind: "blocklist", Name: "b", Body: []byte("203.0.113.7\n")}); api.CodeOf(err) != api.CodeNoQuorum {
		t.Errorf("issued without a quorum: %v", err)
	}
	// A node that stops now takes what it has detected along.
	n1.stop()
	n2.start()
	n1.start()
	w.until("what was detected to be in the ledger", func() error {
		r := n1.ids("440100")
		st, err := n1.Status(ctx)
		if err != nil || len(r) < 500 || st.Pipeline.Spooled != 0 {
			return fmt.Errorf("%d records, %+v, %w", len(r), st.Pipeline, err)
		}
		return nil
	})
	w.same("440100", n1, n2)
}
