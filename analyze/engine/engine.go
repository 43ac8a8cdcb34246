package engine

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// Engine holds the ruleset in force and the counters of all workers.
type Engine struct {
	current atomic.Pointer[Ruleset]

	mu    sync.Mutex
	hits  map[Rule]uint64
	swaps uint64
}

// Rule names a rule across detectors. For indicators SID is 0 and Indicator says which.
type Rule struct {
	Detector  string
	GID, SID  uint32
	Indicator string
}

// Hit is how often a rule has alerted.
type Hit struct {
	Rule   Rule
	Alerts uint64
}

// New makes an engine with a ruleset in force. rs may be nil: nothing is detected until Swap.
func New(rs *Ruleset) *Engine {
	e := &Engine{hits: map[Rule]uint64{}}
	if rs == nil {
		rs = &Ruleset{}
	}
	e.current.Store(rs)
	return e
}

// Swap puts another ruleset in force. Workers take it up at their next packet.
func (e *Engine) Swap(rs *Ruleset) {
	if rs == nil {
		rs = &Ruleset{}
	}
	e.current.Store(rs)
	e.mu.Lock()
	e.swaps++
	e.mu.Unlock()
}

// Ruleset is the one in force.
func (e *Engine) Ruleset() *Ruleset { return e.current.Load() }

// Swaps counts calls of Swap.
func (e *Engine) Swaps() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.swaps
}

// Hits lists the rules that have alerted, the most frequent first.
func (e *Engine) Hits() []Hit {
	e.mu.Lock()
	hits := make([]Hit, 0, len(e.hits))
	for r, n := range e.hits {
		hits = append(hits, Hit{Rule: r, Alerts: n})
	}
	e.mu.Unlock()
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(a.Rule.Detector, b.Rule.Detector), cmp.Compare(a.Rule.GID, b.Rule.GID),
			cmp.Compare(a.Rule.SID, b.Rule.SID), cmp.Compare(a.Rule.Indicator, b.Rule.Indicator))
	})
	return hits
}

// hitsMax bounds the rules counted apart; indicators beyond it are counted together.
const hitsMax = 1 << 20

func (e *Engine) count(a *alert.Alert) {
	r := Rule{Detector: a.Detector, GID: a.GID, SID: a.SID, Indicator: a.Indicator}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.hits[r]; !ok && len(e.hits) >= hitsMax {
		r = Rule{Detector: a.Detector}
	}
	e.hits[r]++
}

// Worker judges the flows of one goroutine.
type Worker struct {
	engine *Engine
	emit   func(*alert.Alert)
	rs     *Ruleset
	insp   []Inspector
	gate   func()
}

// Gate makes detectors that share counts between workers call wait first, see signature.Worker.Gate.
func (w *Worker) Gate(wait func()) {
	w.gate = wait
	w.passGate()
}

func (w *Worker) passGate() {
	for _, in := range w.insp {
		if g, ok := in.(interface{ Gate(wait func()) }); ok && w.gate != nil {
			g.Gate(w.gate)
		}
	}
}

// NewWorker makes a worker that calls emit for each alert, on the worker's goroutine. emit keeps the alert.
func (e *Engine) NewWorker(emit func(*alert.Alert)) *Worker {
	w := &Worker{engine: e, emit: emit}
	w.take(e.current.Load())
	return w
}

func (w *Worker) take(rs *Ruleset) {
	w.rs = rs
	w.insp = w.insp[:0]
	for _, d := range rs.Detectors {
		w.insp = append(w.insp, d.NewInspector(w.raise))
	}
	w.passGate()
}

func (w *Worker) raise(a *alert.Alert) {
	w.engine.count(a)
	w.emit(a)
}

// Packet implements capture's pipeline.Inspector. It is the last call for a packet, so a new ruleset is taken up after it.
func (w *Worker) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	for _, in := range w.insp {
		in.Packet(p, f, dir)
	}
	if rs := w.engine.current.Load(); rs != w.rs {
		w.take(rs)
	}
}

// Stream implements capture's pipeline.Inspector.
func (w *Worker) Stream(p *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk) {
	for _, in := range w.insp {
		in.Stream(p, f, dir, c)
	}
}

// Transaction implements capture's pipeline.Inspector.
func (w *Worker) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	for _, in := range w.insp {
		in.Transaction(p, f, dir, tx)
	}
}

// FlowEnd implements capture's pipeline.Inspector.
func (w *Worker) FlowEnd(f *flow.Flow) {
	for _, in := range w.insp {
		in.FlowEnd(f)
	}
}
