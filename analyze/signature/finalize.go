package signature

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature/track"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
)

// take records a match and does at once what the rule does to flows and hosts, so that rules judged later see it.
func (w *Worker) take(s *sig, tx proto.Transaction, whole bool) {
	w.stats.Matches++
	w.matched = append(w.matched, match{sig: s, tx: tx, whole: whole})
	for _, effect := range s.effects {
		effect(w)
	}
}

// finish turns matches into alerts: in rule order, pass rules first, thresholds applied, at most alertsPerPacketMax.
func (w *Worker) finish() {
	slices.SortStableFunc(w.matched, func(a, b match) int { return cmp.Compare(a.sig.num, b.sig.num) })
	if n := len(w.matched); n > alertsPerPacketMax {
		w.stats.Overflow += uint64(n - alertsPerPacketMax)
		w.matched = w.matched[:alertsPerPacketMax]
	}
	for i := range w.matched {
		m := &w.matched[i]
		action, silent := w.limit(m.sig)
		if m.sig.Action == Pass || action == Pass {
			if m.sig.acceptsPass && !silent {
				w.report(m, action)
			}
			if m.whole && w.f != nil {
				w.state().pass = true
			}
			break
		}
		if !silent && !m.sig.NoAlert {
			w.report(m, action)
		}
		// What drops ends the flow for detection, as in Suricata: a rule when it matched on stream or transaction, a rate filter always.
		if w.f != nil && (action == Drop || action == Reject) && (m.whole || action != m.sig.Action) {
			w.state().pass = true
		}
	}
	clear(w.matched)
	w.matched = w.matched[:0]
}

// limit applies thresholds, filters and suppressions. The action may come out changed by a rate filter.
func (w *Worker) limit(s *sig) (action Action, silent bool) {
	action = s.Action
	now, src, dst := w.p.Time, w.p.Src, w.p.Dst
	var id uint64
	if w.f != nil {
		id = w.f.ID
	}
	for i := range s.suppress {
		if s.suppress[i].covers(src, dst) {
			return Alert, true // whatever the rule asked for is not done
		}
	}
	if s.filter != nil || len(s.thresholds) > 0 || len(s.rate) > 0 {
		w.inOrder()
	}
	if s.filter != nil {
		key := track.MakeKey(s.GID, s.SID, 0, s.filter.By, src, dst, id)
		if !w.shared.thresholds.Pass(s.filter, key, now) {
			return Alert, true
		}
	}
	for i := range s.thresholds {
		key := track.MakeKey(s.GID, s.SID, uint8(i+1), s.thresholds[i].By, src, dst, id)
		silent = !w.shared.thresholds.Pass(&s.thresholds[i], key, now) || silent
	}
	for i := range s.rate {
		r := &s.rate[i]
		key := track.MakeKey(s.GID, s.SID, uint8(i+1), r.spec.By, src, dst, id)
		if w.shared.rates.Over(&r.spec, r.timeout, key, now) {
			action = r.action
		}
	}
	return action, silent
}

func (w *Worker) report(m *match, action Action) {
	s, p := m.sig, w.p
	w.stats.Alerts++
	w.hits[s.num]++
	a := &alert.Alert{
		ID: alert.NewID(p.Time), Time: p.Time, Detector: alert.Signature, GID: s.GID, SID: s.SID, Rev: s.Rev, Msg: s.Msg,
		Class: s.Category, Severity: s.Priority, Action: "allowed", Proto: protoName(p),
		Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
		Metadata: s.Metadata, Count: 1, First: p.Time, Last: p.Time, PacketNumber: p.Number,
	}
	_ = action // detection never blocks: a drop is reported, not done
	if w.f != nil {
		a.FlowID = w.f.ID
		if w.f.App != flow.AppUnknown {
			a.AppProto = w.f.App.String()
		}
	}
	if m.tx != nil {
		a.TxID, a.HasTx = m.tx.ID(), true
	}
	w.emit(a)
	if len(s.tags) > 0 {
		w.tag(s)
	}
}

func protoName(p *packet.Packet) string {
	switch p.Proto {
	case packet.ProtoTCP:
		return "TCP"
	case packet.ProtoUDP:
		return "UDP"
	case packet.ProtoICMP:
		return "ICMP"
	case packet.ProtoICMPv6:
		return "IPv6-ICMP"
	case packet.ProtoSCTP:
		return "SCTP"
	case packet.ProtoGRE:
		return "GRE"
	}
	if p.IPVersion == 0 {
		return ""
	}
	return strconv.Itoa(int(p.Proto))
}
