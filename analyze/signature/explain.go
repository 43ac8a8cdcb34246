package signature

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// Explanation is why a rule alerted, or did not, on the traffic an Explainer has seen.
type Explanation struct {
	Rule       string // as written
	Meta       Meta
	Packets    uint64 // seen
	TxRule     bool   // the rule looks at transactions
	Looked     uint64 // transactions of its protocols that came by, by side
	Matches    uint64 // times everything the rule asks held
	Alerts     uint64 // of them, those that became alerts
	Misfits    []Misfit
	Attempts   []Attempt // the furthest first
	Overlooked uint64    // attempts beyond explainAttemptsMax, not kept
}

// Misfit is a reason why the rule's header kept it from being tried, with how often it did.
type Misfit struct {
	Reason  string
	Packets uint64
}

// Attempt is one try of the rule: on the packets of one flow and direction, or on one side of a transaction. The packet that got furthest
// stands for the others.
type Attempt struct {
	Packet   uint64 // its position in the capture, 0 at the end of a flow
	At       time.Time
	Src, Dst netip.AddrPort
	Proto    string // "TCP/http"
	ToClient bool
	Tx       string // "transaction 3 (http)", "" when the rule does not look at them
	Tried    int    // packets it was tried on
	Matched  bool
	Alerted  bool
	Steps    []ExplainStep // in order, up to and with the one that failed
	held     int
}

// ExplainStep is one thing the rule asks.
type ExplainStep struct {
	What   string // the keyword as written, "header", …
	Buffer string // the buffer it looks at, "" for conditions
	Held   bool
	Detail string // where it was found, or why it did not hold
	Data   []byte // bytes of the buffer round the place, nil when there is none to show
	Offset int    // of Data in the buffer
	Mark   [2]int // the place itself, in Data; equal when there is none
}

// Limits of an explanation.
const (
	explainAttemptsMax = 4096 // attempts kept while traffic runs
	explainListed      = 32   // attempts in the Explanation
	excerptBytes       = 64   // bytes shown round a place
)

// Explainer runs a whole rule set over traffic, as a Worker does, and watches one rule in it. It has the methods of capture's
// pipeline.Inspector. It is slow: every packet is tried on that rule by a second evaluator that writes down each step.
type Explainer struct {
	worker *Worker
	target []*watched
	out    Explanation
	misfit map[string]uint64
	tries  map[tryKey]*Attempt
	order  []*Attempt

	chunks []explainChunk
	views  []txView
	took   bool // the rule matched on the packet being judged
	raised bool // and became an alert
}

type explainChunk struct {
	data []byte
	seen int
}

// tryKey is what attempts are gathered by.
type tryKey struct {
	flow   uint64
	tx     uint64
	dir    flow.Direction
	hasTx  bool
	mirror bool
}

// NewExplainer compiles the rules and picks the one to watch. A rule that is not there, or is refused, is an error that says so.
func NewExplainer(sources []Source, opt Options, gid, sid uint32) (*Explainer, error) {
	x := &describer{sid: strconv.FormatUint(uint64(sid), 10), found: map[*sig]*described{}}
	opt.watch = x.watch
	set, refusals := Compile(sources, opt)
	e := &Explainer{misfit: map[string]uint64{}, tries: map[tryKey]*Attempt{}}
	var d *described
	for _, s := range set.sigs { // the rule stands before its mirror or behind it
		if s.GID == gid && s.SID == sid && x.found[s] != nil {
			d = x.found[s]
		}
	}
	if d == nil {
		return nil, missing(refusals, gid, sid)
	}
	for _, s := range set.sigs {
		if s.GID == gid && s.SID == sid {
			s.effects = append(slices.Clone(s.effects), func(*Worker) { e.took = true })
			e.target = append(e.target, &watched{in: s, described: d})
			e.out.Rule, e.out.Meta, e.out.TxRule = d.src.Text, s.Meta, s.phase == phaseTx
		}
	}
	e.worker = NewWorker(set, &Shared{}, func(a *alert.Alert) {
		if a.GID == gid && a.SID == sid {
			e.raised = true
			e.out.Alerts++
		}
	})
	return e, nil
}

// missing says why there is no such rule.
func missing(refusals []Refusal, gid, sid uint32) error {
	for _, r := range refusals {
		if r.SID == sid {
			return fmt.Errorf("rule %d is refused, so it can never match: %s:%d:%d: %s%s", sid, r.File, r.Line, r.Column, colon(r.Keyword), r.Reason)
		}
	}
	return fmt.Errorf("no rule with sid %d (gid %d) is in these files", sid, gid)
}

func colon(keyword string) string {
	if keyword == "" {
		return ""
	}
	return keyword + ": "
}

// Stream implements capture's pipeline.Inspector.
func (e *Explainer) Stream(p *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk) {
	if len(c.Data) > 0 {
		e.chunks = append(e.chunks, explainChunk{data: slices.Clone(c.Data), seen: len(c.Data) - c.New})
	}
	e.worker.Stream(p, f, dir, c)
}

// Transaction implements capture's pipeline.Inspector.
func (e *Explainer) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	v := txView{}
	v.Tx, v.Dir, v.Now = tx, dir, p.Time
	e.views = append(e.views, v)
	e.worker.Transaction(p, f, dir, tx)
}

// FlowEnd implements capture's pipeline.Inspector.
func (e *Explainer) FlowEnd(f *flow.Flow) {
	e.chunks, e.views = e.chunks[:0], e.views[:0]
	e.worker.FlowEnd(f)
}

// Packet implements capture's pipeline.Inspector: the rule is traced on what the rules before it have left, then all rules are judged. Where only
// a mark (flowbits, …) was missing it is traced once more, for another rule may have set it on this very packet.
func (e *Explainer) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if !p.Pseudo {
		e.out.Packets++
	}
	before := e.trace(p, f, dir)
	e.took, e.raised = false, false
	e.worker.Packet(p, f, dir)
	if e.took {
		e.out.Matches++
	} else if slices.ContainsFunc(before, func(t *try) bool { return t.state }) {
		before = e.trace(p, f, dir)
	}
	for _, t := range before {
		e.note(t, p, f, dir)
	}
	e.chunks, e.views = e.chunks[:0], e.views[:0]
}

// note keeps an attempt, or the better of it and the one of the same flow or transaction.
func (e *Explainer) note(t *try, p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if t.misfit != "" {
		e.misfit[t.misfit]++
		return
	}
	a := &Attempt{
		Packet: p.Number, At: p.Time, Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
		Proto: protoName(p), ToClient: dir == flow.ToClient, Tx: t.tx, Tried: 1, Steps: t.steps, held: t.held(),
	}
	if f != nil && f.App.Known() {
		a.Proto += "/" + f.App.String()
	}
	a.Matched = e.took && t.complete()
	if a.Matched {
		a.Alerted = e.raised
		a.Steps = e.afterMatch(t, a)
	} else if t.failed() == nil {
		a.Steps = append(a.Steps, ExplainStep{What: "all of it holds here", Detail: "but the rule is not due yet: more of the buffer may come, or it has matched on this side before"})
	}
	key := tryKey{dir: dir, mirror: t.of.in.Duplicate, tx: t.txID, hasTx: t.tx != ""}
	if f != nil {
		key.flow = f.ID
	}
	have := e.tries[key]
	switch {
	case have == nil && len(e.tries) >= explainAttemptsMax:
		e.out.Overlooked++
	case have == nil:
		e.tries[key] = a
		e.order = append(e.order, a)
	case a.better(have):
		a.Tried += have.Tried
		*have = *a
	default:
		have.Tried++
	}
}

// better tells whether a got further than b.
func (a *Attempt) better(b *Attempt) bool {
	if a.Alerted != b.Alerted {
		return a.Alerted
	}
	if a.Matched != b.Matched {
		return a.Matched
	}
	return a.held > b.held
}

// afterMatch says what became of a match: alert, or what kept it quiet.
func (e *Explainer) afterMatch(t *try, a *Attempt) []ExplainStep {
	s := t.of.in
	step := ExplainStep{What: "alert", Held: true}
	switch {
	case a.Alerted:
	case s.NoAlert:
		step = ExplainStep{What: "noalert", Held: true, Detail: "the rule only leaves marks for other rules"}
	case s.Action == Pass:
		step = ExplainStep{What: "pass", Held: true, Detail: "the flow is let go; nothing alerts"}
	case len(s.suppress) > 0 || s.filter != nil || len(s.thresholds) > 0:
		step = ExplainStep{What: t.of.limits, Detail: "the rule matched, but its limit kept this match from becoming an alert"}
	default:
		step = ExplainStep{What: "alert", Detail: "a pass rule came before it, or the packet had raised its 15 alerts"}
	}
	return append(t.steps, step)
}

// Explain is what has been found out so far.
func (e *Explainer) Explain() *Explanation {
	out := e.out
	for reason, n := range e.misfit {
		out.Misfits = append(out.Misfits, Misfit{reason, n})
	}
	slices.SortFunc(out.Misfits, func(a, b Misfit) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Reason, b.Reason))
	})
	list := slices.Clone(e.order)
	slices.SortStableFunc(list, func(a, b *Attempt) int {
		switch {
		case a.better(b):
			return -1
		case b.better(a):
			return 1
		}
		return 0
	})
	for _, a := range list[:min(len(list), explainListed)] {
		out.Attempts = append(out.Attempts, *a)
	}
	out.Overlooked += uint64(max(len(list)-explainListed, 0))
	return &out
}
