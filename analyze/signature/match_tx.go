package signature

import (
	"slices"
	"time"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/transform"
	"fengsui/capture/flow"
)

// bodyFirst is how many bytes of a body are gathered before it is first looked at, unless it ends sooner; each further look waits for twice as many.
const bodyFirst = 4096

// txView is a transaction seen from one side.
type txView struct {
	field.View
	app flow.App
}

// txState is what the detector remembers of a transaction.
type txState struct {
	set   *Set
	sides [2]txSide
}

type txSide struct {
	next       int      // fixed tables before it have been scanned
	nextBare   int      // rules without pattern before it are among the candidates
	candidates []uint32 // rules to judge
	decided    []uint32 // rules that have matched
	grown      []grown  // values of growing buffers that have begun
	done       bool     // judged to its end
}

// grown is how much of one value of a growing buffer has been scanned.
type grown struct {
	buffer int // index in txGroup.growing
	value  int
	seen   int // bytes scanned
	next   int // size that is worth another look
}

// growth finds the record of a value.
func (x *txSide) growth(buffer, value int) *grown {
	for i := range x.grown {
		if x.grown[i].buffer == buffer && x.grown[i].value == value {
			return &x.grown[i]
		}
	}
	x.grown = append(x.grown, grown{buffer: buffer, value: value, seen: -1, next: bodyFirst})
	return &x.grown[len(x.grown)-1]
}

func (t *txState) reset(set *Set) {
	t.set = set
	for i := range t.sides {
		x := &t.sides[i]
		*x = txSide{candidates: x.candidates[:0], decided: x.decided[:0], grown: x.grown[:0]}
	}
}

// txDone marks a transaction that has been judged on all its sides, so that a late word about it judges nothing twice.
type txDone struct{}

// txStateOf gives the state of a transaction, made when first needed.
func (w *Worker) txStateOf(t *txView) *txState {
	base := t.Tx.Base()
	state, _ := base.Ext.(*txState)
	if state == nil {
		if n := len(w.spare); n > 0 {
			state = w.spare[n-1]
			w.spare = w.spare[:n-1]
		} else {
			state = &txState{}
		}
		state.reset(w.set)
		base.Ext = state
	}
	if state.set != w.set {
		state.reset(w.set)
	}
	return state
}

// spareMax bounds the states kept for reuse.
const spareMax = 256

// judgeTx judges the rules on one side of a transaction.
func (w *Worker) judgeTx(t *txView) {
	if w.f == nil {
		return
	}
	name := t.Tx.Protocol()
	if t.app = w.f.App; t.app.String() != name {
		var ok bool
		if t.app, ok = flow.ParseApp(name); !ok || t.app >= appsMax {
			return
		}
	}
	if _, done := t.Tx.Base().Ext.(txDone); done {
		return
	}
	g := &w.set.txs[t.app][t.Dir]
	if len(g.bare) == 0 && len(g.fixed) == 0 && len(g.growing) == 0 && (w.fs == nil || len(w.fs.paid[t.Dir]) == 0) {
		return
	}
	t.Now = w.p.Time
	state := w.txStateOf(t)
	side := &state.sides[t.Dir]
	complete := t.Tx.Complete(t.Dir) || w.p.Pseudo
	progress := t.Tx.Progress(t.Dir)
	bodyDue := w.collect(g, t, side, progress, complete)
	if w.fs != nil && w.fs.set == w.set {
		for _, num := range w.fs.paid[t.Dir] {
			if w.set.sigs[num].plan(t.app) != nil {
				side.add(num)
			}
		}
	}
	if len(side.candidates) > 0 {
		w.judging = appBit(t.app)
		w.tryCandidates(t, state, progress, complete, bodyDue)
		w.judging = 0
	}
	w.settle(t, state)
}

// settle gives the state back when both sides are done.
func (w *Worker) settle(t *txView, state *txState) {
	base := t.Tx.Base()
	if !t.Tx.Complete(flow.ToServer) || !t.Tx.Complete(flow.ToClient) {
		return
	}
	if !base.OneSide && !(state.shown(flow.ToServer, t) && state.shown(flow.ToClient, t)) {
		return
	}
	base.Ext = txDone{}
	if len(w.spare) < spareMax {
		w.spare = append(w.spare, state)
	}
}

// shown tells whether a side has been judged completely; only then may its state go.
func (s *txState) shown(dir flow.Direction, t *txView) bool {
	return dir == t.Dir || s.sides[dir].done
}

// add puts a rule among the candidates, once.
func (x *txSide) add(num uint32) {
	if !slices.Contains(x.candidates, num) && !slices.Contains(x.decided, num) {
		x.candidates = append(x.candidates, num)
	}
}

// collect scans the buffers that have become final since the last call, and what grows when enough of it has come. It tells whether anything that
// grows was worth a look.
func (w *Worker) collect(g *txGroup, t *txView, side *txSide, progress int, complete bool) bool {
	w.txFound.Reset(len(w.set.sigs))
	for ; side.next < len(g.fixed) && (g.fixed[side.next].field.Need[t.Dir] <= progress || complete); side.next++ {
		w.scanTable(&g.fixed[side.next], t)
	}
	bodyDue := complete
	for i := range g.growing {
		if g.growing[i].field.Need[t.Dir] <= progress || complete {
			bodyDue = w.scanGrowing(g, i, t, side, complete) || bodyDue
		}
	}
	side.done = side.done || complete
	w.stats.Candidates += uint64(len(w.txFound.IDs))
	for _, num := range w.txFound.IDs {
		side.add(num)
	}
	for ; side.nextBare < len(g.bare); side.nextBare++ {
		r := g.bare[side.nextBare]
		if r.need > progress && !complete {
			break
		}
		w.stats.Candidates++
		side.candidates = append(side.candidates, r.num)
	}
	return bodyDue
}

// scanTable runs a prefilter over all values of its buffer.
func (w *Worker) scanTable(table *table, t *txView) {
	for i := 0; ; i++ {
		data, ok := table.field.Get(&t.View, i, w.value[:0])
		if !ok {
			return
		}
		w.scanValue(table, data, 0)
		if !table.field.Multi {
			return
		}
	}
}

// scanValue runs a prefilter over one value; seen is how much of it has been scanned before.
func (w *Worker) scanValue(table *table, data []byte, seen int) {
	if len(table.transforms) > 0 {
		data = w.transform(table.transforms, data)
		seen = 0
	}
	table.found.ScanNew(data, min(seen, len(data)), &w.txFound)
}

// scanGrowing runs the prefilters over what is new of a growing buffer, where enough of a value has come or it has ended. It tells whether that was
// so.
func (w *Worker) scanGrowing(g *txGroup, at int, t *txView, side *txSide, complete bool) (due bool) {
	b := &g.growing[at]
	for i := 0; ; i++ {
		data, ok := b.field.Get(&t.View, i, w.value[:0])
		if !ok {
			return due
		}
		x := side.growth(at, i)
		ended := complete || b.field.Ended != nil && b.field.Ended(&t.View, i)
		if x.next >= 0 && (ended || len(data) >= x.next) {
			due = true
			if len(data) > x.seen {
				for k := range b.tables {
					w.scanValue(&b.tables[k], data, max(x.seen, 0))
				}
			}
			x.seen, x.next = len(data), 2*len(data)
			if ended {
				x.next = -1
			}
		}
		if !b.field.Multi {
			return due
		}
	}
}

func (w *Worker) transform(list []transform.Func, data []byte) []byte {
	for i, f := range list {
		to := &w.forms[i&1]
		*to = f((*to)[:0], data)
		data = *to
	}
	return data
}

// tryCandidates judges those candidates of a side for which enough is known.
func (w *Worker) tryCandidates(t *txView, state *txState, progress int, complete, bodyDue bool) {
	side := &state.sides[t.Dir]
	slices.Sort(side.candidates)
	kept := side.candidates[:0]
	for _, num := range side.candidates {
		s := w.set.sigs[num]
		p := s.plan(t.app)
		other := t.Dir.Other()
		ready := complete || p.need[t.Dir] <= progress && !s.final && (!p.grows || bodyDue || p.late)
		if s.txBoth && ready {
			ready = p.need[other] <= t.Tx.Progress(other) || t.Tx.Complete(other)
		}
		if !ready {
			kept = append(kept, num)
			continue
		}
		if w.txMatches(s, p, t) {
			side.decided = append(side.decided, num)
			if s.txBoth {
				x := &state.sides[other]
				x.decided = append(x.decided, num)
				x.candidates = slices.DeleteFunc(x.candidates, func(n uint32) bool { return n == num })
			}
			w.unpay(s)
			for _, mark := range s.marks {
				mark(&t.View)
			}
			w.take(s, t.Tx, true)
			continue
		}
		if !complete && (p.grows || p.late || s.payload != nil) || s.txBoth && !t.Tx.Complete(other) {
			kept = append(kept, num)
		}
	}
	side.candidates = kept
}

// unpay forgets that the payload part of a rule has matched: the next transaction needs its own.
func (w *Worker) unpay(s *sig) {
	if s.payload != nil && w.fs != nil && w.fs.set == w.set {
		w.fs.paid[w.dir] = slices.DeleteFunc(w.fs.paid[w.dir], func(n uint32) bool { return n == s.num })
	}
}

// txMatches tells whether all of a rule holds for one side of a transaction (for => rules: for both).
func (w *Worker) txMatches(s *sig, p *plan, t *txView) bool {
	if w.costs == nil {
		return w.holds(s, p, t)
	}
	begun, matches := time.Now(), 0
	ok := w.holds(s, p, t)
	if ok {
		matches = 1
	}
	w.charge(s, begun, matches)
	return ok
}

func (w *Worker) holds(s *sig, p *plan, t *txView) bool {
	if !s.txBoth && !p.dirs.has(t.Dir) || !w.fits(s) {
		return false
	}
	w.scratch.StartRule()
	if s.dce {
		w.scratch.Little, _ = field.DCEOrder(&t.View)
	}
	if s.payload != nil && !(w.fs != nil && slices.Contains(w.fs.paid[t.Dir], s.num)) && !w.payloadMatches(s) {
		return false
	}
	for i := range s.txs {
		x := s.txs[i].of(t.app)
		if !x.test(w.sideOf(s, t, x.dirs)) {
			return false
		}
	}
	for i := range s.parts {
		part := &s.parts[i]
		f := part.buffer.at[t.app]
		if !w.partMatches(part, f, w.sideOf(s, t, dirSet(f.Dirs))) {
			return false
		}
	}
	return true
}

// sideOf gives the side a keyword looks at: for => rules the other one, where it does not exist on this.
func (w *Worker) sideOf(s *sig, t *txView, dirs dirSet) *field.View {
	if !s.txBoth || dirs.has(t.Dir) {
		return &t.View
	}
	w.other = t.View
	w.other.Dir = t.Dir.Other()
	return &w.other
}

// partMatches tries one buffer: any of its values will do.
func (w *Worker) partMatches(p *part, f *field.Buffer, v *field.View) bool {
	there := false
	for i := 0; ; i++ {
		data, ok := f.Get(v, i, w.value[:0])
		if !ok {
			break
		}
		there = true
		data = w.transform(p.transforms, data)
		if !(p.absent && !p.orElse) && p.program.Match(&w.scratch, w.buffer(inspect.Buffer{Data: data})) {
			return true
		}
		if !f.Multi {
			break
		}
	}
	return !there && p.absent
}
