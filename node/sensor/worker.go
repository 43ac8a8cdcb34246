package sensor

import (
	"fmt"
	"hash/fnv"
	"net/netip"

	"fengsui/analyze/alert"
	"fengsui/capture/evidence"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto"
	"fengsui/capture/source"
	"fengsui/capture/stream"
	"fengsui/capture/zone"
	"fengsui/node/sensor/governor"
)

// worker is one pipeline with what stands around it: the recorder of evidence in front, and the guard between pipeline and judge.
type worker struct {
	pipe *pipeline.Pipeline
	rec  *evidence.Recorder // nil: no evidence is kept
}

func (s *Sensor) newWorker(out *outlet) *worker {
	w := &worker{}
	var list []pipeline.Inspector
	if s.cfg.Evidence != nil {
		w.rec = s.cfg.Evidence.NewRecorder()
		list = append(list, w.rec) // first: a frame belongs to its flow before an alert asks for it
	}
	g := &guard{zones: s.cfg.Zones, rec: w.rec, raise: out.raise}
	g.judge = s.cfg.Inspector(g.alert)
	cfg := s.cfg.Pipeline
	if s.cfg.Governor != nil {
		cfg.Load = s.cfg.Governor
	}
	w.pipe = pipeline.New(cfg, append(list, g), nil)
	s.workersMu.Lock()
	s.workers[w] = true
	s.workersMu.Unlock()
	return w
}

func (w *worker) frame(f *source.Frame) {
	if w.rec != nil {
		w.rec.Frame(f)
	}
	w.pipe.Frame(f)
}

// retire takes a worker that has ended out of the books; what it counted stays.
func (s *Sensor) retire(w *worker) {
	if w.rec != nil {
		s.cfg.Evidence.Release(w.rec)
	}
	s.workersMu.Lock()
	defer s.workersMu.Unlock()
	if s.workers[w] {
		delete(s.workers, w)
		st := w.pipe.Stats().Shed
		st.Level = 0
		s.shed = addShed(s.shed, st)
	}
}

// Load tells what the process uses, the load level that follows, and what workers have shed since the start. The zero status means that no
// governor runs.
func (s *Sensor) Load() (governor.Status, pipeline.ShedStats) {
	s.workersMu.Lock()
	shed := s.shed
	for w := range s.workers {
		shed = addShed(shed, w.pipe.Stats().Shed)
	}
	s.workersMu.Unlock()
	if s.cfg.Governor == nil {
		return governor.Status{}, shed
	}
	return s.cfg.Governor.Status(), shed
}

func addShed(a, b pipeline.ShedStats) pipeline.ShedStats {
	a.Level = max(a.Level, b.Level)
	a.Cuts += b.Cuts
	a.CutBytes += b.CutBytes
	a.Flows += b.Flows
	a.FlowPackets += b.FlowPackets
	a.FlowBytes += b.FlowBytes
	return a
}

// Evidence tells what was kept of alerts' packets; false when none are kept.
func (s *Sensor) Evidence() (evidence.Stats, bool) {
	if s.cfg.Evidence == nil {
		return evidence.Stats{}, false
	}
	return s.cfg.Evidence.Stats(), true
}

// guard stands between a pipeline and its judge, and completes alerts with the zones of their flow and the name of their evidence. It belongs
// to the worker's goroutine.
type guard struct {
	judge pipeline.Inspector
	zones *zone.Table
	rec   *evidence.Recorder
	raise func(*alert.Alert)

	flow *flow.Flow // of the call that is under way
	p    *packet.Packet
}

// Packet implements pipeline.Inspector.
func (g *guard) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	g.flow, g.p = f, p
	g.judge.Packet(p, f, dir)
	g.flow, g.p = nil, nil
}

// Stream implements pipeline.Inspector.
func (g *guard) Stream(p *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk) {
	g.flow, g.p = f, p
	g.judge.Stream(p, f, dir, c)
}

// Transaction implements pipeline.Inspector.
func (g *guard) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	g.flow, g.p = f, p
	g.judge.Transaction(p, f, dir, tx)
}

// FlowEnd implements pipeline.Inspector.
func (g *guard) FlowEnd(f *flow.Flow) {
	g.flow, g.p = f, nil
	g.judge.FlowEnd(f)
	g.flow = nil
}

// alert completes a finding of the judge and hands it on.
func (g *guard) alert(a *alert.Alert) {
	if g.zones == nil && g.rec == nil {
		g.raise(a)
		return
	}
	extra := make(map[string][]string, len(a.Metadata)+5) // the rule's own map is shared by all its alerts
	for k, v := range a.Metadata {
		extra[k] = v
	}
	if g.zones != nil {
		vlan, vni := g.tags()
		p := g.zones.Path(a.Src.Addr(), a.Dst.Addr(), vlan, vni)
		src, dst := p.Names()
		for k, v := range map[string]string{
			"source_zone": src, "destination_zone": dst, "zone_class": p.Class.String(), "zone_direction": p.Class.Direction(), "network_direction": p.Way(),
		} {
			if v != "" {
				extra[k] = []string{v}
			}
		}
	}
	if g.rec != nil {
		q := evidence.Request{ID: a.ID, Rule: rule(a), Time: a.Time, Comment: comment(a)}
		if g.flow != nil {
			q.FlowID = g.flow.ID
		}
		if name := g.rec.Cut(q); name != "" {
			extra["evidence"] = []string{name}
		}
	}
	a.Metadata = extra
	g.raise(a)
}

// tags returns the innermost VLAN and the VNI of what is being judged.
func (g *guard) tags() (vlan uint16, vni uint32) {
	switch {
	case g.flow != nil:
		if n := g.flow.VLANs; n > 0 {
			vlan = g.flow.VLAN[n-1]
		}
		return vlan, g.flow.VNI
	case g.p != nil:
		if n := g.p.VLANs; n > 0 {
			vlan = g.p.VLAN[n-1]
		}
		return vlan, g.p.VNI
	}
	return 0, 0
}

// rule numbers what raised an alert, so that repeats in a flow share one file.
func rule(a *alert.Alert) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, a.Detector, a.GID, a.SID, a.Indicator) // a hash takes everything
	return h.Sum64() | 1
}

// comment describes an alert for people who open its packets.
func comment(a *alert.Alert) string {
	what := fmt.Sprintf("%s [%d:%d:%d]", a.Msg, a.GID, a.SID, a.Rev)
	if a.Detector == alert.Intel {
		what = fmt.Sprintf("%s (indicator %s)", a.Msg, a.Indicator)
	}
	return fmt.Sprintf("%s %s %s -> %s, %s, alert %x", what, a.Proto, end(a.Src), end(a.Dst), a.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), a.ID)
}

func end(a netip.AddrPort) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
