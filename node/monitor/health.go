package monitor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// State is how one part is doing. Higher is worse.
type State uint8

// The three states a check can end in.
const (
	OK       State = iota // does its work
	Degraded              // does part of it, or has less reserve than it should
	Failing               // does not do it
)

// String names the state as the API shows it.
func (s State) String() string {
	switch s {
	case OK:
		return "ok"
	case Degraded:
		return "degraded"
	}
	return "failing"
}

// checkBudget is how long one check may take; a part that does not answer in that time is failing.
const checkBudget = 2 * time.Second

// Check looks at one part. detail says in a few words what was found; it goes to whoever may see the health page, so it holds
// no secrets. It must return when ctx ends; one that does not is reported as failing and not asked again until it returns.
type Check func(ctx context.Context) (s State, detail string)

// Health asks all parts how they are. Safe for concurrent use.
type Health struct {
	mu     sync.Mutex
	checks []*registered
	budget time.Duration
}

type registered struct {
	name  string
	check Check
	busy  bool // guarded by Health.mu
}

// NewHealth returns a Health without checks, which is ok.
func NewHealth() *Health { return &Health{budget: checkBudget} }

// Add registers a check. Names appear in reports in the order of Add.
func (h *Health) Add(name string, c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, &registered{name: name, check: c})
}

// Finding is the outcome of one check.
type Finding struct {
	Name   string
	State  State
	Detail string
}

// Report is the worst state and every finding.
type Report struct {
	State    State
	Findings []Finding
}

// Report runs all checks at once and returns when all have answered or the budget is over.
func (h *Health) Report(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, h.budget)
	defer cancel()
	h.mu.Lock()
	checks := append([]*registered(nil), h.checks...)
	answers := make([]chan Finding, len(checks))
	for i, c := range checks {
		answers[i] = make(chan Finding, 1)
		if c.busy {
			answers[i] <- Finding{c.name, Failing, "the previous check has not returned"}
			continue
		}
		c.busy = true
		go func() { // ends with the check; its answer always fits the channel
			f := run(ctx, c)
			h.mu.Lock()
			c.busy = false
			h.mu.Unlock()
			answers[i] <- f
		}()
	}
	h.mu.Unlock()
	var r Report
	for i, c := range checks {
		f := Finding{c.name, Failing, fmt.Sprintf("no answer in %s", h.budget)}
		select {
		case f = <-answers[i]:
		case <-ctx.Done():
			select { // an answer that is there counts
			case f = <-answers[i]:
			default:
			}
		}
		r.Findings = append(r.Findings, f)
		r.State = max(r.State, f.State)
	}
	return r
}

func run(ctx context.Context, c *registered) Finding {
	s, detail := c.check(ctx)
	return Finding{c.name, s, detail}
}
