package signature

import (
	"fmt"
	"slices"
	"strings"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// try is one evaluation of the watched rule, step by step.
type try struct {
	of     *watched
	w      *Worker
	misfit string // the header does not fit: nothing else was tried
	tx     string
	txID   uint64
	steps  []ExplainStep
	turned bool // the misfit is only that the packet goes the other way
	state  bool // what failed is a mark that another rule may set
}

func (t *try) failed() *ExplainStep {
	if n := len(t.steps); n > 0 && !t.steps[n-1].Held {
		return &t.steps[n-1]
	}
	return nil
}

// complete tells whether nothing failed, or only a mark did, which the engine's own verdict decides.
func (t *try) complete() bool { return t.misfit == "" && (t.failed() == nil || t.state) }

// held ranks attempts: the steps that held.
func (t *try) held() int {
	n := 0
	for _, s := range t.steps {
		if s.Held {
			n++
		}
	}
	return n
}

// hold adds a condition. It tells whether it held.
func (t *try) hold(what string, ok bool, detail string) bool {
	if ok {
		detail = ""
	}
	t.steps = append(t.steps, ExplainStep{What: what, Held: ok, Detail: detail})
	return ok
}

// trace tries the watched rule, and its mirror, on the packet with everything that came on it.
func (e *Explainer) trace(p *packet.Packet, f *flow.Flow, dir flow.Direction) []*try {
	w := e.worker
	w.p, w.f, w.dir, w.fs = p, f, dir, nil
	if f != nil {
		w.fs, _ = f.Ext.(*flowState)
	}
	defer func() { w.p, w.f, w.fs = nil, nil, nil }()
	var out []*try
	for _, target := range e.target {
		s := target.in
		if s.phase != phaseTx {
			if s.phase == phaseAddress && p.Pseudo {
				continue
			}
			if s.payload != nil && len(e.chunks) == 0 && len(p.Payload) == 0 {
				continue // nothing to look at: an acknowledgement
			}
			t := &try{of: target, w: w}
			if t.header() && t.conditions() && t.packetHeaders() && s.payload != nil {
				e.payload(t)
			}
			out = append(out, t)
			continue
		}
		for i := range e.views {
			if t := e.traceTx(target, &e.views[i]); t != nil {
				out = append(out, t)
			}
		}
	}
	if len(out) == 0 && len(e.target) > 0 && e.target[0].in.phase == phaseTx { // no transaction came by: at least say whether the header fits
		t := &try{of: e.target[0], w: w}
		if !t.header() && !t.turned {
			out = append(out, t)
		}
	}
	return out
}

// traceTx tries the rule on one side of a transaction, nil when it does not look at such.
func (e *Explainer) traceTx(target *watched, v *txView) *try {
	s, w := target.in, e.worker
	app, ok := flow.ParseApp(v.Tx.Protocol())
	if !ok || w.f == nil {
		return nil
	}
	v.app = app
	t := &try{of: target, w: w, tx: fmt.Sprintf("transaction %d (%s)", v.Tx.ID(), v.Tx.Protocol()), txID: v.Tx.ID()}
	plan := s.plan(app)
	if plan == nil {
		t.misfit = "the transaction is " + v.Tx.Protocol() + ", the rule looks at others"
		return t
	}
	if !s.txBoth && !plan.dirs.has(v.Dir) {
		return nil // the other side's
	}
	e.out.Looked++
	if !t.header() {
		return t
	}
	if !t.conditions() {
		return t
	}
	w.scratch.StartRule()
	if s.payload != nil {
		if w.fs != nil && slices.Contains(w.fs.paid[v.Dir], s.num) {
			t.hold("payload", true, "")
		} else if !e.payload(t) {
			return t
		}
	}
	for i := range s.txs {
		x := s.txs[i].of(app)
		if !t.hold(name(target.txs, i, s.txs[i].name), x.test(w.sideOf(s, v, x.dirs)), "does not hold for this transaction") {
			return t
		}
	}
	for i := range s.parts {
		part := &s.parts[i]
		f := part.buffer.at[app]
		if !e.part(t, part, f, w.sideOf(s, v, dirSet(f.Dirs)), plan, v) {
			return t
		}
	}
	return t
}

func name(list []string, i int, other string) string {
	if i < len(list) {
		return list[i]
	}
	return other
}

// header tries protocol, addresses, ports and direction. What fails there is a misfit, not an attempt.
func (t *try) header() bool {
	s, w := t.of.in, t.w
	p := w.p
	src, dst, srcPort, dstPort := p.Src, p.Dst, p.SrcPort, p.DstPort
	if s.txBoth && w.dir == flow.ToClient {
		src, dst, srcPort, dstPort = dst, src, dstPort, srcPort
	}
	r := t.of.src
	switch {
	case s.protos&kindBits[kindOf(p)] == 0:
		t.misfit = fmt.Sprintf("the packet is %s, the rule asks for %s", protoText(p), r.Proto.Text)
	case s.protos&protoV4 != 0 && p.IPVersion != 4 || s.protos&protoV6 != 0 && p.IPVersion != 6:
		t.misfit = fmt.Sprintf("the packet is IPv%d, the rule asks for %s", p.IPVersion, r.Proto.Text)
	case !s.src.Contains(src):
		t.misfit = fmt.Sprintf("source %s is not in %s", src, r.Src.Text)
	case !s.dst.Contains(dst):
		t.misfit = fmt.Sprintf("destination %s is not in %s", dst, r.Dst.Text)
	case !s.srcPort.Contains(srcPort):
		t.misfit = "source port is not in " + r.SrcPorts.Text
	case !s.dstPort.Contains(dstPort):
		t.misfit = "destination port is not in " + r.DstPorts.Text
	case !s.txBoth && !s.dirs.has(w.dir):
		t.turned = true
		t.misfit = "the packet goes " + [2]string{"to the server", "to the client"}[w.dir] + ", the rule (its flow or its buffers) asks for the other direction"
	}
	if t.misfit != "" {
		return false
	}
	t.steps = append(t.steps, ExplainStep{What: "header", Held: true, Detail: strings.Join([]string{r.Proto.Text, r.Src.Text, r.SrcPorts.Text, "->", r.Dst.Text, r.DstPorts.Text}, " ")})
	return true
}

func protoText(p *packet.Packet) string {
	if name := protoName(p); name != "" {
		return name
	}
	return "not IP"
}

// conditions tries what is no byte keyword, in the engine's order.
func (t *try) conditions() bool {
	s, w, p := t.of.in, t.w, t.w.p
	if s.apps != 0 {
		app := "not known yet"
		if w.f != nil && w.f.App != flow.AppUnknown {
			app = w.f.App.String()
		}
		ok := w.f != nil && s.apps&appBit(w.f.App) != 0
		if !t.hold("application protocol "+apps(s.apps), ok, "that of the flow is "+app) {
			return false
		}
	}
	if s.realPacket && !t.hold("a packet of its own", !p.Pseudo, "this is the made-up packet at the end of a flow") {
		return false
	}
	if s.established && !t.hold("flow:established", w.establishedNow(), "the flow is not established at this packet (no whole handshake was seen; --midstream follows such sessions)") {
		return false
	}
	if s.notEstablished && !t.hold("flow:not_established", w.f != nil && !w.establishedNow(), "the flow is established") {
		return false
	}
	if s.onlyFrag && !t.hold("flow:only_frag", p.Rebuilt, "the packet was not fragmented") || s.noFrag && !t.hold("flow:no_frag", !p.Rebuilt, "the packet was put together from fragments") {
		return false
	}
	if s.pdOnly && s.phase == phasePacket && s.payload == nil && !t.hold("protocol recognition", w.justDecided(), "not decided on this packet") {
		return false
	}
	for i, c := range s.checks {
		text := name(t.of.checks, i, "condition")
		if !t.hold(text, c(w), notHeld(text)) {
			t.state = isState(text)
			return false
		}
	}
	return true
}

// isState tells whether a keyword reads what other rules leave.
func isState(text string) bool {
	word, _, _ := strings.Cut(text, ":")
	switch word {
	case "flowbits", "flowint", "xbits", "hostbits":
		return true
	}
	return false
}

// notHeld says what it means that a condition does not hold.
func notHeld(text string) string {
	word, value, _ := strings.Cut(text, ":")
	command, names, _ := strings.Cut(value, ",")
	if !isState(text) {
		return "does not hold for this packet"
	}
	switch strings.TrimSpace(command) {
	case "isset":
		return fmt.Sprintf("%s is not set: no rule that sets it has matched here before", strings.TrimSpace(names))
	case "isnotset":
		return strings.TrimSpace(names) + " is set"
	}
	return "the " + word + " have other values"
}

func apps(s appSet) string {
	var list []string
	s.each(func(app flow.App) { list = append(list, app.String()) })
	return strings.Join(list, " or ")
}

// packetHeaders tries keywords on header buffers.
func (t *try) packetHeaders() bool {
	t.w.scratch.StartRule()
	for i := range t.of.in.headers {
		h := &t.of.in.headers[i]
		data := h.buffer.header(t.w.p)
		if data == nil {
			return t.hold(h.buffer.name, false, "the packet has no such header")
		}
		if !t.program(h.buffer.name, h.program, [][]byte{data}, nil) {
			return false
		}
	}
	return true
}

// payload tries the payload keywords on what the engine tries them on: stream chunks, then the packet.
func (e *Explainer) payload(t *try) bool {
	s, w := t.of.in, t.w
	var values [][]byte
	var names []string
	if w.p.Kind == packet.KindTCP && (s.wantsStream || s.phase == phaseTx) {
		for i := range e.chunks {
			data := e.chunks[i].data
			if s.anchored {
				data = data[e.chunks[i].seen:]
			}
			values, names = append(values, data), append(names, "stream")
		}
	}
	if (s.wantsPacket || !(w.p.Kind == packet.KindTCP && (s.phase == phaseTx || w.inStream()))) && !w.p.Pseudo && len(w.p.Payload) > 0 {
		values, names = append(values, w.p.Payload), append(names, "payload")
	}
	if len(values) == 0 {
		return t.hold("payload", false, "nothing new of the stream is visible on this packet")
	}
	return t.program(names[0], s.payload, values, names)
}

// part tries the keywords on one buffer of a transaction.
func (e *Explainer) part(t *try, p *part, f *field.Buffer, v *field.View, plan *plan, view *txView) bool {
	label := p.buffer.name
	if p.names != "" {
		label += " (" + strings.TrimPrefix(p.names, "+") + ")"
	}
	var values [][]byte
	for i := 0; ; i++ {
		data, ok := f.Get(v, i, nil)
		if !ok {
			break
		}
		values = append(values, slices.Clone(t.w.transform(p.transforms, data)))
		if !f.Multi {
			break
		}
	}
	if len(values) == 0 {
		if p.absent {
			t.steps = append(t.steps, ExplainStep{What: "absent", Buffer: label, Held: true, Detail: "the buffer is not there"})
			return true
		}
		detail := "the transaction has no " + p.buffer.name
		if need := plan.need[view.Dir]; !view.Tx.Complete(view.Dir) && view.Tx.Progress(view.Dir) < need {
			detail += " yet: more of this side must come"
		}
		t.steps = append(t.steps, ExplainStep{What: "buffer", Buffer: label, Detail: detail})
		return false
	}
	if p.absent && !p.orElse {
		t.steps = append(t.steps, excerpt(ExplainStep{What: "absent", Buffer: label, Detail: "the buffer is there"}, values[0], inspect.Span{From: -1}))
		return false
	}
	return t.program(label, p.program, values, nil)
}

// program tries keywords on each value of a buffer and keeps the way that got furthest.
func (t *try) program(label string, p *inspect.Program, values [][]byte, names []string) bool {
	best, at := inspect.Trace{Reached: -1}, 0
	for i, data := range values {
		got := p.Trace(&t.w.scratch, &inspect.Buffer{Data: data})
		if got.Matched || got.Reached > best.Reached {
			best, at = got, i
		}
		if got.Matched {
			break
		}
	}
	if names != nil {
		label = names[at]
	}
	data := values[at]
	if len(values) > 1 && names == nil {
		label += fmt.Sprintf(" [%d of %d]", at+1, len(values))
	}
	steps := p.Steps()
	for i := range best.Reached {
		span := best.Found[i]
		detail := ""
		if span.From >= 0 {
			detail = fmt.Sprintf("found at %d", span.From)
			if _, regex := steps[i].(*inspect.Regex); regex {
				detail = fmt.Sprintf("matches, ends at %d", span.To)
			}
		}
		t.steps = append(t.steps, excerpt(ExplainStep{What: t.of.stepText(steps[i]), Buffer: label, Held: true, Detail: detail}, data, span))
	}
	if best.Matched {
		return true
	}
	t.steps = append(t.steps, excerpt(ExplainStep{What: t.of.stepText(steps[best.Reached]), Buffer: label, Detail: best.Failed}, data, best.Near))
	return false
}

// excerpt adds the bytes round a place; the buffer's beginning when there is no place.
func excerpt(s ExplainStep, data []byte, span inspect.Span) ExplainStep {
	if s.Held && span.From < 0 {
		return s
	}
	from, to := max(span.From, 0), max(span.To, 0)
	from, to = min(from, len(data)), min(max(to, from), len(data))
	room := max((excerptBytes-(to-from))/2, 8)
	start := max(from-room, 0)
	end := min(start+max(excerptBytes, to-start), len(data))
	if end-start > 4*excerptBytes {
		end = start + 4*excerptBytes
	}
	s.Data, s.Offset = slices.Clone(data[start:end]), start
	if span.From >= 0 {
		s.Mark = [2]int{min(from-start, end-start), min(to-start, end-start)}
	}
	return s
}
