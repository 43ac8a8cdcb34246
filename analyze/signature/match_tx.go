package signature

import (
	"slices"

	"fengsui/analyze/signature/inspect"
	"fengsui/capture/flow"
)

// bodyFirst is how many bytes of a body are gathered before it is first looked at, unless it ends sooner; each further look waits for twice as many.
const bodyFirst = 4096

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
	body       int      // bytes of the body scanned
	bodyNext   int      // size of the body that is worth another look
}

func (t *txState) reset(set *Set) {
	t.set = set
	for i := range t.sides {
		x := &t.sides[i]
		*x = txSide{candidates: x.candidates[:0], decided: x.decided[:0], bodyNext: bodyFirst}
	}
}

// txDone marks a transaction that has been judged on all its sides, so that a late word about it judges nothing twice.
type txDone struct{}

// txStateOf gives the state of a transaction, made when first needed.
func (w *Worker) txStateOf(t *txView) *txState {
	base := t.tx.Base()
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
	if w.f == nil || w.f.App >= appsMax {
		return
	}
	app, ok := flow.ParseApp(t.tx.Protocol())
	if !ok {
		return
	}
	if _, done := t.tx.Base().Ext.(txDone); done {
		return
	}
	g := &w.set.txs[app][t.dir]
	if len(g.bare) == 0 && len(g.fixed) == 0 && len(g.growing) == 0 && (w.fs == nil || len(w.fs.paid[t.dir]) == 0) {
		return
	}
	state := w.txStateOf(t)
	side := &state.sides[t.dir]
	complete := t.tx.Complete(t.dir) || w.p.Pseudo
	progress := t.tx.Progress(t.dir)
	bodyDue := w.collect(g, t, side, progress, complete)
	if w.fs != nil && w.fs.set == w.set {
		for _, num := range w.fs.paid[t.dir] {
			side.add(num)
		}
	}
	if len(side.candidates) > 0 {
		w.tryCandidates(t, state, progress, complete, bodyDue)
	}
	w.settle(t, state)
}

// settle gives the state back when both sides are done.
func (w *Worker) settle(t *txView, state *txState) {
	base := t.tx.Base()
	if !t.tx.Complete(flow.ToServer) || !t.tx.Complete(flow.ToClient) {
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
	return dir == t.dir || s.sides[dir].bodyNext < 0
}

// add puts a rule among the candidates, once.
func (x *txSide) add(num uint32) {
	if !slices.Contains(x.candidates, num) && !slices.Contains(x.decided, num) {
		x.candidates = append(x.candidates, num)
	}
}

// collect scans the buffers that have become final since the last call, and the body when enough of it has come. It tells whether the body was
// worth a look.
func (w *Worker) collect(g *txGroup, t *txView, side *txSide, progress int, complete bool) bool {
	w.txFound.Reset(len(w.set.sigs))
	for ; side.next < len(g.fixed) && (g.fixed[side.next].buffer.need[t.dir] <= progress || complete); side.next++ {
		w.scanTable(&g.fixed[side.next], t, 0)
	}
	bodyDue := complete
	if len(g.growing) > 0 {
		size := 0
		if data, ok := g.growing[0].buffer.get(t, 0, w.value[:0]); ok {
			size = len(data)
		}
		bodyDue = complete || side.bodyNext >= 0 && size >= side.bodyNext
		if bodyDue && size > side.body {
			for i := range g.growing {
				w.scanTable(&g.growing[i], t, side.body)
			}
			side.body = size
			side.bodyNext = 2 * size
		}
	}
	if complete {
		side.bodyNext = -1 // the side has been judged to its end
	}
	w.stats.Candidates += uint64(len(w.txFound.IDs))
	for _, num := range w.txFound.IDs {
		side.add(num)
	}
	for ; side.nextBare < len(g.bare); side.nextBare++ {
		num := g.bare[side.nextBare]
		if w.set.sigs[num].need[t.dir] > progress && !complete {
			break
		}
		w.stats.Candidates++
		side.candidates = append(side.candidates, num)
	}
	return bodyDue
}

// scanTable runs a prefilter over all values of its buffer; seen is how
// much of a body has been scanned before.
func (w *Worker) scanTable(table *table, t *txView, seen int) {
	for i := 0; ; i++ {
		data, ok := table.buffer.get(t, i, w.value[:0])
		if !ok {
			return
		}
		if len(table.part.transforms) > 0 {
			data = w.transform(&table.part, data)
			seen = 0
		}
		table.found.ScanNew(data, min(seen, len(data)), &w.txFound)
		if !table.buffer.multi {
			return
		}
	}
}

func (w *Worker) transform(p *part, data []byte) []byte {
	for i, f := range p.transforms {
		to := &w.forms[i&1]
		*to = f((*to)[:0], data)
		data = *to
	}
	return data
}

// tryCandidates judges those candidates of a side for which enough is known.
func (w *Worker) tryCandidates(t *txView, state *txState, progress int, complete, bodyDue bool) {
	side := &state.sides[t.dir]
	slices.Sort(side.candidates)
	kept := side.candidates[:0]
	for _, num := range side.candidates {
		s := w.set.sigs[num]
		other := t.dir.Other()
		ready := complete || s.need[t.dir] <= progress && !s.final && (!s.grows || bodyDue)
		if s.txBoth && ready {
			ready = s.need[other] <= t.tx.Progress(other) || t.tx.Complete(other)
		}
		if !ready {
			kept = append(kept, num)
			continue
		}
		if w.txMatches(s, t) {
			side.decided = append(side.decided, num)
			if s.txBoth {
				x := &state.sides[other]
				x.decided = append(x.decided, num)
				x.candidates = slices.DeleteFunc(x.candidates, func(n uint32) bool { return n == num })
			}
			w.unpay(s)
			w.take(s, t.tx, true)
			continue
		}
		if !complete && (s.grows || s.late || s.payload != nil) || s.txBoth && !t.tx.Complete(other) {
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
func (w *Worker) txMatches(s *sig, t *txView) bool {
	if !w.fits(s) {
		return false
	}
	w.scratch.StartRule()
	if s.payload != nil && !(w.fs != nil && slices.Contains(w.fs.paid[t.dir], s.num)) && !w.payloadMatches(s) {
		return false
	}
	for i := range s.txs {
		if !s.txs[i].test(w, t) {
			return false
		}
	}
	for i := range s.parts {
		p := &s.parts[i]
		view := *t
		if s.txBoth && !p.buffer.dirs.has(t.dir) {
			view.dir = t.dir.Other()
		}
		if !w.partMatches(p, &view) {
			return false
		}
	}
	return true
}

// partMatches tries one buffer: any of its values will do.
func (w *Worker) partMatches(p *part, t *txView) bool {
	there := false
	for i := 0; ; i++ {
		data, ok := p.buffer.get(t, i, w.value[:0])
		if !ok {
			break
		}
		there = true
		data = w.transform(p, data)
		if !(p.absent && !p.orElse) && p.program.Match(&w.scratch, w.buffer(inspect.Buffer{Data: data})) {
			return true
		}
		if !p.buffer.multi {
			break
		}
	}
	return !there && p.absent
}
