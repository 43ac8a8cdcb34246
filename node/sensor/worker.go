package sensor

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"sync/atomic"

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
	g := &guard{governor: s.cfg.Governor, zones: s.cfg.Zones, rec: w.rec, raise: out.raise, shed: map[uint64]bool{}, counts: &s.shed}
	g.judge = s.cfg.Inspector(g.alert)
	w.pipe = pipeline.New(s.cfg.Pipeline, append(list, g), nil)
	return w
}

func (w *worker) frame(f *source.Frame) {
	if w.rec != nil {
		w.rec.Frame(f)
	}
	w.pipe.Frame(f)
}

func (w *worker) close(store *evidence.Store) {
	if w.rec != nil {
		store.Release(w.rec)
	}
}

// shedCounts count what was not inspected because of load, over all workers.
type shedCounts struct{ flows, packets, bytes atomic.Uint64 }

// Shed is what was not inspected because of load since the start.
type Shed struct {
	Flows   uint64 `json:"flows"`   // whose payload was left out from some packet on
	Packets uint64 `json:"packets"` // whose payload was left out
	Bytes   uint64 `json:"bytes"`   // of those payloads
}

// Load tells what the process uses, the load level that follows, and what was shed. The zero status means that no governor runs.
func (s *Sensor) Load() (governor.Status, Shed) {
	shed := Shed{Flows: s.shed.flows.Load(), Packets: s.shed.packets.Load(), Bytes: s.shed.bytes.Load()}
	if s.cfg.Governor == nil {
		return governor.Status{}, shed
	}
	return s.cfg.Governor.Status(), shed
}

// Evidence tells what was kept of alerts' packets; false when none are kept.
func (s *Sensor) Evidence() (evidence.Stats, bool) {
	if s.cfg.Evidence == nil {
		return evidence.Stats{}, false
	}
	return s.cfg.Evidence.Stats(), true
}

// guard stands between a pipeline and its judge. It sheds payload by the governor's level, and completes alerts with the zones of their
// flow and the name of their evidence. It belongs to the worker's goroutine.
type guard struct {
	judge    pipeline.Inspector
	governor *governor.Governor
	zones    *zone.Table
	rec      *evidence.Recorder
	raise    func(*alert.Alert)
	counts   *shedCounts

	shed map[uint64]bool // flows whose payload is left out
	flow *flow.Flow      // of the call that is under way
	p    *packet.Packet
}

// depths is how much payload of a direction is inspected, by load level. Never written.
var depths = [governor.LevelMax + 1]uint64{0, 64 << 10, 8 << 10, 8 << 10}

// spared tells whether the payload of f's packet is left out now, and remembers the decision for the rest of the flow: half a
// conversation makes no sense to anybody.
func (g *guard) spared(f *flow.Flow, dir flow.Direction) bool {
	level := g.governor.Level()
	if level == 0 && len(g.shed) == 0 || f == nil {
		return false
	}
	if g.shed[f.ID] {
		return true
	}
	if level == 0 || f.Count[dir].Payload <= depths[level] && (level < governor.LevelMax || !lowPriority(f)) {
		return false
	}
	g.shed[f.ID] = true
	g.counts.flows.Add(1)
	f.NoPayload = true // the pipeline gathers no more of the stream for inspection
	return true
}

// lowPriority names the flows whose payload says least: encrypted ones, and those of no protocol we know.
func lowPriority(f *flow.Flow) bool {
	switch f.App {
	case flow.AppTLS, flow.AppTLCP, flow.AppQUIC, flow.AppSSH:
		return true
	}
	if f.App.Known() {
		return false
	}
	return f.AppDone[0] && f.AppDone[1] || f.Kind == packet.KindUDP && f.Count[0].Packets+f.Count[1].Packets > datagramsTried
}

// datagramsTried is after how many datagrams without a known protocol a flow counts as one of none, though one side is silent.
const datagramsTried = 4

// Packet implements pipeline.Inspector.
func (g *guard) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	g.flow, g.p = f, p
	if len(p.Payload) > 0 && g.spared(f, dir) {
		payload := p.Payload
		g.counts.packets.Add(1)
		g.counts.bytes.Add(uint64(len(payload)))
		p.Payload = nil
		g.judge.Packet(p, f, dir)
		p.Payload = payload
	} else {
		g.judge.Packet(p, f, dir)
	}
	g.flow, g.p = nil, nil
}

// Stream implements pipeline.Inspector.
func (g *guard) Stream(p *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk) {
	if g.spared(f, dir) {
		return // its packets are counted
	}
	g.flow, g.p = f, p
	g.judge.Stream(p, f, dir, c)
}

// Transaction implements pipeline.Inspector. Transactions are judged at every level: they are what a flow says in its protocol.
func (g *guard) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	g.flow, g.p = f, p
	g.judge.Transaction(p, f, dir, tx)
}

// FlowEnd implements pipeline.Inspector.
func (g *guard) FlowEnd(f *flow.Flow) {
	g.flow, g.p = f, nil
	g.judge.FlowEnd(f)
	g.flow = nil
	delete(g.shed, f.ID)
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
