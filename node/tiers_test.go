package node

import (
	"fmt"
	"testing"
	"time"

	"fengsui/node/api"
	"fengsui/node/demo/sample"
)

// TestThreeTiers tells the main story over real QUIC: an alert climbs, a policy descends, a line is cut and nothing is lost.
func TestThreeTiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p1 := w.add("440000", "n1", "").start()
	p2 := w.add("440000", "n2", p1.invite(api.InviteRequest{Purpose: "node", Name: "n2"})).start()
	p3 := w.add("440000", "n3", p1.invite(api.InviteRequest{Purpose: "node"})).start()
	city := w.add("440100", "n1", p1.invite(api.InviteRequest{Purpose: "site", Site: "440100", Approve: true})).start()
	relay := w.relay(city.cfg.Listen)
	county := w.add("440106", "n1", city.invite(api.InviteRequest{Purpose: "site", Site: "440106", Approve: true}), relay.Fronts()...).start()

	// A second county asks and is approved by a person.
	token := city.invite(api.InviteRequest{Purpose: "site", Site: "440111"})
	other := w.plan("440111", "n1")
	joined := make(chan error, 1)
	go func() { joined <- Init(ctx, other.cfg, InitOptions{Token: token}) }()
	w.until("the county's request", func() error {
		sites, err := city.Sites(ctx)
		for _, s := range sites {
			if s.Site == "440111" && s.State == "pending" {
				return nil
			}
		}
		return fmt.Errorf("%+v, %w", sites, err)
	})
	if s, err := city.ApproveSite(ctx, "440111"); err != nil || s.State != "approved" {
		t.Fatalf("approve: %+v, %v", s, err)
	}
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	other.start()

	w.until("three voters", func() error {
		st, err := p3.Status(ctx)
		voters := 0
		for _, n := range st.Cluster.Nodes {
			if n.Voter && n.Alive {
				voters++
			}
		}
		if voters != 3 {
			return fmt.Errorf("%+v, %w", st.Cluster, err)
		}
		return nil
	})

	all := []string{"440000/n1", "440000/n2", "440000/n3", "440100/n1", "440106/n1", "440111/n1"}
	if _, err := p2.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: sample.Rules()}); err != nil {
		t.Fatal(err)
	}
	p1.applied("ruleset", "base", 1, "applied", all...)

	made := county.replay()
	w.same("440106", county, city)
	w.same("440106", county, p1)
	w.same("440106", county, p3)
	if n := len(county.ids("440106")); uint64(n) != made {
		t.Fatalf("the county holds %d of %d", n, made)
	}

	// The tree, and a query over it.
	w.until("the whole tree online", func() error {
		top, err := p1.Topology(ctx)
		if err != nil || len(top.Children) != 1 || len(top.Children[0].Children) != 2 {
			return fmt.Errorf("%+v, %w", top, err)
		}
		for _, c := range append(top.Children, top.Children[0].Children...) {
			if c.Link != "online" {
				return fmt.Errorf("%s is %s", c.Site, c.Link)
			}
		}
		return nil
	})
	w.until("a complete answer", func() error {
		q, err := p2.Query(ctx, api.QueryRequest{Expr: "*", Scope: "subtree", Limit: 10_000, Deadline: 3 * time.Second})
		if err != nil || !q.Complete || len(q.Sites) != 4 || q.Matched != made {
			return fmt.Errorf("%+v, %w", q, err)
		}
		return nil
	})

	// The line is cut: the county goes on, its city sees it go.
	relay.Cut()
	cutAt := time.Now()
	made += county.replay()
	made += county.replay()
	w.until("the county to be seen offline", func() error {
		sites, err := city.Sites(ctx)
		for _, s := range sites {
			if s.Site == "440106" && s.Link == "offline" {
				return nil
			}
		}
		return fmt.Errorf("%+v, %w", sites, err)
	})
	if took := time.Since(cutAt); took > 10*time.Second {
		t.Errorf("seen offline only after %v", took)
	}
	q, err := p1.Query(ctx, api.QueryRequest{Expr: "*", Scope: "subtree", Deadline: 2 * time.Second})
	if err != nil || q.Complete {
		t.Errorf("query with a site offline: %+v, %v", q, err)
	}
	for _, s := range q.Sites {
		if want := map[string]string{"440106": "offline"}[s.Site]; want != "" && s.Status != want {
			t.Errorf("%s: %s, want %s", s.Site, s.Status, want)
		}
	}
	if b, err := county.Balance(ctx); err != nil || b.Lanes[0].Produced != made || b.Lanes[0].Pending == 0 {
		t.Errorf("the county's account: %+v, %v", b, err)
	}
	if _, err := p1.IssuePolicy(ctx, api.PolicyRequest{Kind: "indicators", Name: "bad", Body: []byte("domain update.bad-mirror.example severity=1\nip 203.0.113.90\n")}); err != nil {
		t.Fatal(err)
	}
	relay.Heal()
	healed := time.Now()
	w.same("440106", county, city)
	w.same("440106", county, p1)
	t.Logf("caught up %v after the line was back", time.Since(healed).Round(time.Millisecond))
	w.same("440106", county, p2)
	if n := len(county.ids("440106")); uint64(n) != made {
		t.Errorf("the county holds %d of %d", n, made)
	}
	p1.applied("indicators", "bad", 1, "applied", all...)
	w.until("every account to be even", func() error {
		for _, n := range []*testNode{county, city} {
			b, err := n.Balance(ctx)
			if err != nil {
				return err
			}
			for _, l := range b.Lanes {
				if l.Pending != 0 || l.Produced != l.Delivered+l.Shed {
					return fmt.Errorf("%s: %+v", n.cfg.Site, l)
				}
			}
		}
		return nil
	})
	w.nothingInClear("DEMO Log4Shell", "DEMO SQL", "jndi:", "sqlmap")
}
