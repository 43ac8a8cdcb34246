package signature

import "time"

// Cost is what a rule has taken of a worker since Profile was turned on.
type Cost struct {
	Checks  uint64        // times the rule was judged, on a packet or on a side of a transaction
	Matches uint64        // times all of it held; suppression and thresholds come later
	Time    time.Duration // spent judging it, not the prefilter's share
}

// Profile turns the accounting of costs by rule on or off. It is off at first and costs nothing then; on, each judgement is timed. Turning it on
// begins at nought.
func (w *Worker) Profile(on bool) {
	w.costs = nil
	if on {
		w.costs = make([]Cost, len(w.set.sigs))
	}
}

// EachCost calls visit for each rule that has been judged since Profile was turned on, or since the last Swap. The halves of a <> rule are told apart by
// Meta.Duplicate.
func (w *Worker) EachCost(visit func(m *Meta, c Cost)) {
	for i := range w.costs {
		if w.costs[i].Checks > 0 {
			visit(&w.set.sigs[i].Meta, w.costs[i])
		}
	}
}

// charge accounts for a judgement begun at begun that brought so many matches.
func (w *Worker) charge(s *sig, begun time.Time, matches int) {
	c := &w.costs[s.num]
	c.Checks++
	c.Matches += uint64(matches)
	c.Time += time.Since(begun)
}
