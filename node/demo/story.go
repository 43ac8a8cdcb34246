package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"fengsui/node/api"
)

// The sites of the story (GB/T 2260).
const (
	province = "440000"
	city     = "440100"
	county   = "440106"
	sibling  = "440111"
)

func siteName(code string) string {
	switch code {
	case province:
		return "广东省"
	case city:
		return "广州市"
	case county:
		return "天河区"
	case sibling:
		return "白云区"
	}
	return code
}

// named shows a site by code and name.
func named(code string) string { return code + " " + siteName(code) }

// story is one telling.
type story struct {
	o     Options
	lab   *Lab
	out   *printer
	watch *watcher
	wg    sync.WaitGroup // tails
	pcap  string
	rules []byte

	mu      sync.Mutex
	raised  uint64 // alert records the replays handed to the county's ledger
	perPass int    // records of one pass

	blocked  []string // what the county's kernel blocks, as read back
	balanced uint64

	summary Summary
}

type step struct {
	name string
	run  func(context.Context) error
}

func (s *story) steps(life context.Context) []step {
	budgeted := func(f func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, stepBudget)
			defer cancel()
			return f(ctx)
		}
	}
	return []step{
		{"start", budgeted(s.start)},
		{"follow", budgeted(func(ctx context.Context) error { return s.follow(life, ctx) })},
		{"policy", budgeted(s.policy)},
		{"alerts", budgeted(s.alerts)},
		{"block", budgeted(s.block)},
		{"cut", budgeted(s.cut)},
		{"heal", budgeted(s.heal)},
		{"leader", budgeted(s.leader)},
		{"account", budgeted(s.account)},
	}
}

// start makes the tree through the real registration.
func (s *story) start(ctx context.Context) error {
	s.out.begin("start", "起", "Eight nodes start, and earn their place in the tree", "建站：邀请、登记、审批、入网")
	spans, err := s.lab.Grow(ctx)
	if err != nil {
		return err
	}
	sites := map[string]float64{}
	for _, site := range []struct{ branch, code, what string }{
		{"", province, "root of trust; three nodes vote"},
		{"└ ", city, "invited, asked, approved by the province; three nodes vote"},
		{"  ├ ", county, "invited, asked, approved by the city; sees traffic"},
		{"  └ ", sibling, "invited, asked, approved by the city"},
	} {
		s.out.fact(site.branch+named(site.code), site.what, took(spans[site.code]))
		sites[site.code] = ms(spans[site.code])
	}
	s.out.end(map[string]any{"processes": len(s.lab.Nodes), "dir": s.lab.Dir, "sites_ms": sites})
	return nil
}

// follow opens the tails of the three tiers, which live as long as the demo, and returns when they stand.
func (s *story) follow(life, ctx context.Context) error {
	ready := make(chan struct{}, tiers)
	for tier, site := range []string{county, city, province} {
		nodes := s.lab.Site(site)
		// Begin with the last node: the first is likely to lead, and the leader of the province will be killed.
		slices.Reverse(nodes)
		s.wg.Go(func() { s.watch.tail(life, tier, nodes, func() { ready <- struct{}{} }) })
	}
	for range tiers {
		select {
		case <-ready:
		case <-ctx.Done():
			return fmt.Errorf("open the alert tails: %w", context.Cause(ctx))
		}
	}
	return nil
}

// replay runs passes of the capture through the county's detection, each a job of its own with its own state, and returns when
// all their alerts are in the county's ledger.
func (s *story) replay(ctx context.Context, passes int, speed float64) (int, error) {
	client := s.lab.Node(county + "/n1").Client()
	total := 0
	for range passes {
		r, err := client.StartReplay(ctx, api.ReplayRequest{Path: s.pcap, Speed: speed, Wait: true})
		if err == nil && r.State != "done" {
			err = errors.New(r.State + ": " + r.Error)
		}
		if err != nil {
			return total, fmt.Errorf("replay the capture at %s: %w", county, err)
		}
		s.mu.Lock()
		s.raised += r.Alerts
		s.mu.Unlock()
		total += int(r.Alerts)
	}
	return total, nil
}

// ids reads the records a node's ledger holds of the county.
func (s *story) ids(ctx context.Context, n *Node) ([]api.AlertID, error) {
	var out []api.AlertID
	err := poll(ctx, func() (bool, error) {
		var err error
		out, err = n.Client().AllAlertIDs(ctx, api.AlertFilter{Origin: county})
		return err == nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger of %s: %w", n.ID(), err)
	}
	return out, nil
}

// settle waits until the county's records are at all three tiers, and compares the ledgers by record ID.
func (s *story) settle(ctx context.Context) (account, error) {
	own, err := s.ids(ctx, s.lab.Node(county+"/n1"))
	if err != nil {
		return account{}, err
	}
	for _, tier := range []int{atCounty, atCity, atProvince} {
		if err := s.watch.wait(ctx, tier, len(own)); err != nil {
			n, _ := s.watch.count(tier)
			return account{}, fmt.Errorf("wait for the county's %d records at %s, %d are there: %w", len(own), []string{county, city, province}[tier], n, err)
		}
	}
	cityIDs, err := s.ids(ctx, s.lab.Alive(city))
	if err != nil {
		return account{}, err
	}
	provinceIDs, err := s.ids(ctx, s.lab.Alive(province))
	if err != nil {
		return account{}, err
	}
	a := compare(own, cityIDs, provinceIDs)
	s.mu.Lock()
	raised := int(s.raised)
	s.mu.Unlock()
	if raised != a.county {
		a.lost += max(0, raised-a.county)
		a.duplicated += max(0, a.county-raised)
	}
	for _, c := range s.watch.since(0) {
		for _, n := range c.times {
			if n > 1 {
				a.duplicated++
			}
		}
	}
	if !a.equal() {
		return a, fmt.Errorf("the ledgers differ: raised %d, county %d, city %d, province %d; %d lost, %d duplicated, %d of nowhere", raised, a.county, a.city, a.province, a.lost, a.duplicated, a.strange)
	}
	return a, nil
}
