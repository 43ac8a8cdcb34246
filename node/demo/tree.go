package demo

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Grow makes the tree of the story: a province and a city of three nodes, two counties of one, enrolled through the real
// registration. The first county reaches the city through the relay and may enforce in a namespace of its own. It returns when
// all sites have their voters and all links stand, with how long each site took.
func (l *Lab) Grow(ctx context.Context) (map[string]time.Duration, error) {
	for _, site := range []struct {
		code  string
		names []string
	}{{province, []string{"n1", "n2", "n3"}}, {city, []string{"n1", "n2", "n3"}}, {county, []string{"n1"}}, {sibling, []string{"n1"}}} {
		if _, err := l.Reserve(site.code, site.names...); err != nil {
			return nil, err
		}
	}
	if err := l.OpenRelay(l.Site(city)); err != nil {
		return nil, err
	}
	began := time.Now()
	var mu sync.Mutex
	spans := map[string]time.Duration{}
	done := func(site string, err error) error {
		mu.Lock()
		defer mu.Unlock()
		spans[site] = time.Since(began)
		return err
	}
	if err := l.first(ctx, l.Site(province)[0], nil); err != nil {
		return nil, err
	}
	g, all := errgroup.WithContext(ctx)
	g.Go(func() error { return done(province, l.others(all, province)) })
	g.Go(func() error {
		if err := l.first(all, l.Site(city)[0], l.Site(province)[0]); err != nil {
			return err
		}
		g.Go(func() error { return done(city, l.others(all, city)) })
		g.Go(func() error {
			settings := append([]string{"parent.via=" + strings.Join(l.Relay.Fronts(), ",")}, enforcing(l.Site(county)[0])...)
			return done(county, l.first(all, l.Site(county)[0], l.Site(city)[0], settings...))
		})
		g.Go(func() error { return done(sibling, l.first(all, l.Site(sibling)[0], l.Site(city)[0])) })
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, n := range l.Nodes {
		if err := l.Whole(ctx, n); err != nil {
			return nil, err
		}
	}
	for _, pair := range [][2]string{{province, city}, {city, county}, {city, sibling}} {
		if err := l.Link(ctx, pair[0], pair[1], "online"); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// enforcing are the settings that let a county enforce in a namespace of its own: as root in any case, otherwise where the kernel
// lets a process have a user namespace.
func enforcing(n *Node) []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	if os.Geteuid() != 0 {
		n.userns = userNamespaces()
	}
	return []string{"enforce.mode=nftables", "enforce.namespace=private"}
}

// foldWindow keeps the tallies of repeated alerts inside the demo's patience.
const foldWindow = "capture.fold_window=5s"

// first makes and starts the first node of a site: the root, or one that is invited, asks, and is approved.
func (l *Lab) first(ctx context.Context, n, parent *Node, settings ...string) error {
	settings = append(settings, foldWindow)
	if parent == nil {
		if err := l.Init(ctx, n, siteName(n.Site), "", settings...); err != nil {
			return err
		}
		return n.Start(ctx)
	}
	token, err := l.InviteSite(ctx, parent, n.Site, siteName(n.Site))
	if err != nil {
		return err
	}
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error { return l.Init(both, n, siteName(n.Site), token, settings...) })
	g.Go(func() error { return l.Approve(both, parent, n.Site) })
	if err := g.Wait(); err != nil {
		return err
	}
	return n.Start(ctx)
}

// others brings in the further nodes of a site, one after the other: each is a change of who votes.
func (l *Lab) others(ctx context.Context, site string) error {
	nodes := l.Site(site)
	for _, n := range nodes[1:] {
		token, err := l.InviteNode(ctx, nodes[0], n.Name)
		if err != nil {
			return err
		}
		if err := l.Init(ctx, n, siteName(site), token, foldWindow); err != nil {
			return err
		}
		if err := n.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Whole waits until a node runs, sees all nodes of its site alive and voting, and knows a leader.
func (l *Lab) Whole(ctx context.Context, n *Node) error {
	size := len(l.Site(n.Site))
	err := poll(ctx, func() (bool, error) {
		st, err := n.Client().Status(ctx)
		if err != nil {
			return false, err
		}
		voters := 0
		for _, m := range st.Cluster.Nodes {
			if m.Voter && m.Alive {
				voters++
			}
		}
		return st.State == "running" && voters == size && st.Cluster.Leader != "", nil
	})
	if err != nil {
		return fmt.Errorf("wait until %s is a full member of its site: %w", n.ID(), err)
	}
	return nil
}

// Link waits until a site sees the link of a child in a state.
func (l *Lab) Link(ctx context.Context, parent, child, want string) error {
	err := poll(ctx, func() (bool, error) {
		sites, err := l.Alive(parent).Client().Sites(ctx)
		for _, c := range sites {
			if c.Site == child && c.Link == want {
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("wait until %s sees %s %s: %w", parent, child, want, err)
	}
	return nil
}

// Alive returns a running node of a site, not the first where there is another.
func (l *Lab) Alive(site string) *Node {
	nodes := l.Site(site)
	for i := len(nodes) - 1; i > 0; i-- {
		if nodes[i].PID() != 0 {
			return nodes[i]
		}
	}
	return nodes[0]
}
