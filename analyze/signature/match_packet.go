package signature

import (
	"slices"
	"time"

	"fengsui/analyze/signature/inspect"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// judge finds the rules that match on the packet, in Suricata's order: addresses once per flow, then packet and stream, then transactions.
func (w *Worker) judge() {
	g := &w.set.groups[kindOf(w.p)][w.dir]
	if len(g.address) > 0 && !w.p.Pseudo && (w.f == nil || w.firstOfSide()) {
		for _, num := range g.address {
			if s := w.set.sigs[num]; w.fits(s) {
				w.take(s, nil, true)
			}
		}
	}
	w.gather(g)
	if len(w.found.IDs) > 0 {
		w.stats.Candidates += uint64(len(w.found.IDs))
		slices.Sort(w.found.IDs)
		for _, num := range w.found.IDs {
			w.tryPacket(w.set.sigs[num])
		}
	}
	for i := range w.views {
		w.judgeTx(&w.views[i])
	}
}

// firstOfSide tells whether the flow's side has had no packet before this one. Without ports nothing tells the sides apart, and the flow counts as
// one, as in Suricata.
func (w *Worker) firstOfSide() bool {
	c := &w.f.Count
	if w.f.Kind == packet.KindIP {
		return c[0].Packets+c[1].Packets <= 1
	}
	return c[w.dir].Packets <= 1
}

// gather collects the rules worth trying on the packet's own bytes and its stream chunks.
func (w *Worker) gather(g *group) {
	w.found.Reset(len(w.set.sigs))
	for _, num := range g.bare {
		if w.quick(w.set.sigs[num]) {
			w.found.Add(num)
		}
	}
	payload := !w.p.Pseudo && len(w.p.Payload) > 0 && !(w.f != nil && (w.f.Cut[w.dir] || w.f.NoPayload && w.p.Number > w.f.NoPayloadAt))
	if payload {
		w.scan(g.packet, w.p.Payload)
		if g.loose != nil && !w.inStream() {
			w.scan(g.loose, w.p.Payload)
		}
	}
	for _, c := range w.chunks {
		if g.stream == nil {
			break
		}
		if t := w.tableFor(g.stream); t != nil {
			t.ScanChunk(w.bytes[c.from:c.to], c.seen, &w.found)
		}
	}
	if payload || len(w.chunks) > 0 {
		for _, num := range g.chunked {
			if w.quick(w.set.sigs[num]) {
				w.found.Add(num)
			}
		}
	}
}

// scan looks for a slot's patterns in a packet's payload.
func (w *Worker) scan(s *slot, data []byte) {
	if s == nil {
		return
	}
	if t := w.tableFor(s); t != nil {
		t.Scan(data, &w.found)
	}
}

// inStream tells whether the packet's payload is taken into its stream, so that rules on streams will see it there.
func (w *Worker) inStream() bool {
	if w.f == nil || w.f.TCP == nil || w.p.Kind != packet.KindTCP {
		return false
	}
	if w.p.TCP.Flags&packet.SYN != 0 {
		return w.p.TCP.Options.FastOpen // data in a SYN count only with fast open
	}
	if w.f.TCP.State < stream.StateEstablished {
		return false
	}
	return !w.f.TCP.DepthReached(w.dir)
}

// quick looks at what is cheap and fails most often.
func (w *Worker) quick(s *sig) bool {
	if s.apps != 0 && (w.f == nil || s.apps&appBit(w.f.App) == 0) {
		return false
	}
	return s.srcPort.Contains(w.p.SrcPort) && s.dstPort.Contains(w.p.DstPort)
}

// fits tells whether header, flow and conditions of a rule hold for the packet.
func (w *Worker) fits(s *sig) bool {
	p := w.p
	if s.protos&protoV4 != 0 && p.IPVersion != 4 || s.protos&protoV6 != 0 && p.IPVersion != 6 {
		return false
	}
	if s.apps != 0 && (w.f == nil || s.apps&(appBit(w.f.App)|w.judging) == 0) || !s.txBoth && !s.dirs.has(w.dir) {
		return false
	}
	if s.realPacket && p.Pseudo {
		return false
	}
	src, dst, srcPort, dstPort := p.Src, p.Dst, p.SrcPort, p.DstPort
	if s.txBoth && w.dir == flow.ToClient {
		src, dst, srcPort, dstPort = dst, src, dstPort, srcPort
	}
	if !s.srcPort.Contains(srcPort) || !s.dstPort.Contains(dstPort) || !s.src.Contains(src) || !s.dst.Contains(dst) {
		return false
	}
	if s.established && !w.establishedNow() || s.notEstablished && (w.f == nil || w.establishedNow()) {
		return false
	}
	if s.onlyFrag && !p.Rebuilt || s.noFrag && p.Rebuilt {
		return false
	}
	if s.pdOnly && s.phase == phasePacket && s.payload == nil && !w.justDecided() {
		return false
	}
	for _, c := range s.checks {
		if !c(w) {
			return false
		}
	}
	return true
}

// justDecided tells, once per flow and direction, that the protocol has been recognised or given up.
func (w *Worker) justDecided() bool {
	if w.f == nil || !w.f.AppDone[w.dir] {
		return false
	}
	fs := w.state()
	now := w.f.Count[flow.ToServer].Packets + w.f.Count[flow.ToClient].Packets + 1
	if fs.decided[w.dir] == 0 {
		fs.decided[w.dir] = now
	}
	return fs.decided[w.dir] == now
}

// tryPacket judges a rule on packet and stream bytes.
func (w *Worker) tryPacket(s *sig) {
	if w.costs == nil {
		w.judgePacket(s)
		return
	}
	begun, before := time.Now(), len(w.matched)
	w.judgePacket(s)
	w.charge(s, begun, len(w.matched)-before)
}

func (w *Worker) judgePacket(s *sig) {
	if s.phase == phaseTx { // its payload part: remembered until a transaction completes it
		if w.f != nil && s.payload != nil && w.quick(s) && w.payloadMatches(s) {
			fs := w.state()
			if !slices.Contains(fs.paid[w.dir], s.num) {
				fs.paid[w.dir] = append(fs.paid[w.dir], s.num)
			}
		}
		return
	}
	if !w.fits(s) {
		return
	}
	w.scratch.StartRule()
	for i := range s.headers {
		data := s.headers[i].buffer.header(w.p)
		if data == nil || !s.headers[i].program.Match(&w.scratch, w.buffer(inspect.Buffer{Data: data})) {
			return
		}
	}
	whole := false
	if s.payload != nil {
		if !w.payloadMatches(s) {
			return
		}
		whole = len(w.chunks) > 0
	}
	w.take(s, nil, whole || s.pdOnly || s.apps != 0)
}

// payloadMatches tries a rule's payload keywords on stream chunks and then, where it looks at packets, on the packet.
func (w *Worker) payloadMatches(s *sig) bool {
	if w.p.Kind == packet.KindTCP && (s.wantsStream || s.phase == phaseTx) {
		for _, c := range w.chunks {
			data := w.bytes[c.from:c.to]
			if s.anchored { // depth and offset count from where the chunk begins, as in Suricata: a message boundary where a parser knows one
				data = data[c.seen:]
			}
			if s.payload.Match(&w.scratch, w.buffer(inspect.Buffer{Data: data})) {
				return true
			}
		}
		if !s.wantsPacket && (s.phase == phaseTx || w.inStream()) {
			return false
		}
	}
	if w.p.Pseudo || len(w.p.Payload) == 0 {
		return false
	}
	return s.payload.Match(&w.scratch, w.buffer(inspect.Buffer{Data: w.p.Payload}))
}
