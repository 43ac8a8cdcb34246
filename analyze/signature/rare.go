package signature

import (
	"math/bits"
	"time"

	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
)

// rareState is what the detector remembers of those few flows that a rare keyword has looked at.
type rareState struct {
	tags     []flowTag
	rates    [2]rateWindow
	elephant [2]bool
	odd      [8]uint64 // packets the flow had, plus one, when each event of protocol recognition was first seen
}

// rare gives the flow's rare state, made when first needed.
func (w *Worker) rare() *rareState {
	fs := w.state()
	if fs.rare == nil {
		fs.rare = &rareState{}
	}
	return fs.rare
}

// raisedNow tells, once per flow, that an event of protocol recognition has come up: on the packet on which it is first asked for.
func (w *Worker) raisedNow(e flow.AppEvent) bool {
	seen := &w.rare().odd[bits.TrailingZeros8(uint8(e))&7]
	now := w.f.Count[flow.ToServer].Packets + w.f.Count[flow.ToClient].Packets + 1
	if *seen == 0 {
		*seen = now
	}
	return *seen == now
}

// A direction of a flow that carries so many bytes within such a time makes the flow an elephant.
const (
	elephantBytes = 1 << 30
	elephantTime  = 10 * time.Second
)

// rateWindow measures how many bytes a direction carries within elephantTime.
type rateWindow struct {
	start time.Time
	bytes uint64
}

// isElephant tells whether a direction has ever been so fast, looking at it now.
func (w *Worker) isElephant(dir flow.Direction) bool {
	r, have := w.rare(), w.f.Count[dir].Bytes
	x := &r.rates[dir]
	if now := w.p.Time; now.Sub(x.start) > elephantTime {
		x.start, x.bytes = now, have
		if now.Sub(w.f.First) <= elephantTime { // a flow seen from its start on counts from its start on
			x.start, x.bytes = w.f.First, 0
		}
	}
	r.elephant[dir] = r.elephant[dir] || have-x.bytes >= elephantBytes
	return r.elephant[dir]
}

// optElephant reads flow.elephant:toserver|toclient|both|either.
func optElephant(b *builder, o rule.Option) error {
	test, ok := map[string]func(up, down bool) bool{
		"toserver": func(up, _ bool) bool { return up }, "toclient": func(_, down bool) bool { return down },
		"both": func(up, down bool) bool { return up && down }, "either": func(up, down bool) bool { return up || down },
	}[o.Value]
	if !ok {
		return atOffset(0, "%q is not toserver, toclient, both or either", o.Value)
	}
	b.flowSeen = true
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		if w.f == nil {
			return false
		}
		up, down := w.isElephant(flow.ToServer), w.isElephant(flow.ToClient)
		return test(up, down)
	})
	return nil
}

// optBypass lets the rest of a flow go once the rule has matched on it.
func optBypass(b *builder, _ rule.Option) error {
	b.out.effects = append(b.out.effects, func(w *Worker) {
		if w.f != nil {
			w.state().pass = true
		}
	})
	return nil
}
