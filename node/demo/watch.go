package demo

import (
	"context"
	"slices"
	"sync"
	"time"

	"fengsui/node/api"
)

// The three tiers an alert of the county is seen at.
const (
	atCounty = iota
	atCity
	atProvince
	tiers
)

// climb is one alert on its way up, as the tails saw it.
type climb struct {
	alert api.Alert
	seen  [tiers]time.Time // zero where it has not been seen
	times [tiers]int       // how often: more than once is a fault
}

// up is how long after detection the alert was seen at a tier.
func (c *climb) up(tier int) time.Duration { return c.seen[tier].Sub(c.alert.Detected) }

// watcher follows the alert tails of the three tiers and remembers when each record was seen where.
type watcher struct {
	mu      sync.Mutex
	climbs  map[string]*climb // by record ID
	order   []*climb          // in the order of first sight
	counts  [tiers]int        // records seen at each tier
	changed chan struct{}     // closed and replaced when something was seen
}

func newWatcher() *watcher {
	return &watcher{climbs: map[string]*climb{}, changed: make(chan struct{})}
}

// tail follows one tier until ctx ends. When the node it listens to goes away it goes on with another of the site, from where it
// was: positions are the same at all nodes of a site.
func (w *watcher) tail(ctx context.Context, tier int, nodes []*Node, ready func()) {
	after := api.TailStart
	ready = sync.OnceFunc(ready)
	for i := 0; ctx.Err() == nil; i++ {
		n := nodes[i%len(nodes)]
		_ = n.Client().TailAlerts(ctx, api.TailRequest{After: after}, ready, func(a api.Alert) error { // ends when the node does; the next is tried
			after = a.Position
			w.see(tier, a)
			return nil
		})
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

func (w *watcher) see(tier int, a api.Alert) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.climbs[a.ID]
	if c == nil {
		c = &climb{alert: a}
		w.climbs[a.ID] = c
		w.order = append(w.order, c)
	}
	c.times[tier]++
	if c.times[tier] == 1 {
		c.seen[tier] = now
		w.counts[tier]++
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// count returns how many records were seen at a tier, and what is closed when that may have changed.
func (w *watcher) count(tier int) (int, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[tier], w.changed
}

// wait returns when a tier has seen at least n records.
func (w *watcher) wait(ctx context.Context, tier, n int) error {
	for {
		have, changed := w.count(tier)
		if have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// since returns copies of the climbs from the i-th on.
func (w *watcher) since(i int) []climb {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]climb, 0, len(w.order)-i)
	for _, c := range w.order[i:] {
		out = append(out, *c)
	}
	return out
}

// len is how many records have been seen at all.
func (w *watcher) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.order)
}

// quantile returns the q-quantile (0 to 1) of durations by nearest rank, 0 where there are none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// account compares the records three ledgers hold of one origin.
type account struct {
	county, city, province int
	lost                   int // records of the county that a tier above lacks
	duplicated             int // records a ledger holds more than once, or under two numbers
	strange                int // records a tier above holds that the county does not
}

// compare reads the ledgers in full, by record ID.
func compare(county, city, province []api.AlertID) account {
	a := account{county: len(county), city: len(city), province: len(province)}
	own := map[string]bool{}
	for _, r := range county {
		own[r.ID] = true
	}
	for i, ledger := range [][]api.AlertID{county, city, province} {
		ids := map[string]bool{}
		type place struct {
			origin, class string
			epoch         uint32
			seq           uint64
		}
		places := map[place]bool{}
		for _, r := range ledger {
			p := place{r.Origin, r.Class, r.Epoch, r.Seq}
			if ids[r.ID] || places[p] {
				a.duplicated++
			}
			ids[r.ID], places[p] = true, true
			if i > 0 && !own[r.ID] {
				a.strange++
			}
		}
		if i > 0 {
			for id := range own {
				if !ids[id] {
					a.lost++
				}
			}
		}
	}
	return a
}

// equal tells whether all three hold exactly the same records.
func (a account) equal() bool { return a.lost == 0 && a.duplicated == 0 && a.strange == 0 }
