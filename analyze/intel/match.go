package intel

import (
	"net/netip"
	"strconv"
	"strings"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/ssh"
	"fengsui/capture/proto/tls"
	"fengsui/capture/stream"
)

// Detector is a set ready for an engine.
type Detector struct{ set *Set }

// NewDetector makes a detector of a set.
func NewDetector(set *Set) *Detector { return &Detector{set: set} }

// Name implements engine.Detector.
func (d *Detector) Name() string { return alert.Intel }

// Set is the compiled list.
func (d *Detector) Set() *Set { return d.set }

// NewInspector implements engine.Detector.
func (d *Detector) NewInspector(emit func(*alert.Alert)) engine.Inspector {
	return &inspector{set: d.set, emit: emit, key: make([]byte, 0, 4096)}
}

type inspector struct {
	set  *Set
	emit func(*alert.Alert)
	key  []byte
}

// Packet matches the addresses of a flow on its first packet, and of packets without a flow.
func (in *inspector) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if p.IPVersion == 0 || p.Pseudo || f != nil && (dir != flow.ToServer || f.Count[flow.ToServer].Packets != 1 || f.Count[flow.ToClient].Packets != 0) {
		return
	}
	if f == nil && (p.Fragment || p.Invalid != packet.EventNone) {
		return // the whole packet will come with a flow, or there is nothing to trust
	}
	src := in.set.FindAddr(p.Src)
	if src != nil {
		in.report(p, f, nil, src, p.Src.String())
	}
	if dst := in.set.FindAddr(p.Dst); dst != nil && dst != src {
		in.report(p, f, nil, dst, p.Dst.String())
	}
}

// Stream implements engine.Inspector: raw bytes are not looked at.
func (in *inspector) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk) {}

// FlowEnd implements engine.Inspector.
func (in *inspector) FlowEnd(*flow.Flow) {}

// Transaction matches names, URLs and fingerprints when a client's side is complete, which happens once.
func (in *inspector) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	switch t := tx.(type) {
	case *dns.Transaction:
		if t.Response {
			return // the question has been judged already
		}
		for i := range t.Questions {
			in.domain(p, f, tx, t.Questions[i].Name)
		}
	case *tls.Transaction:
		if dir == flow.ToServer && (tx.Complete(dir) || p.Pseudo) && t.Client.Seen {
			in.domain(p, f, tx, t.Client.SNI)
			if x := in.set.FindText(JA3, t.Client.JA3Hash); x != nil {
				in.report(p, f, tx, x, t.Client.JA3Hash)
			}
			if x := in.set.FindText(JA4, t.Client.JA4); x != nil {
				in.report(p, f, tx, x, t.Client.JA4)
			}
		}
	case *http.Transaction:
		if dir == flow.ToServer && (tx.Complete(dir) || p.Pseudo) && t.RequestSeen {
			in.request(p, f, t)
		}
	case *ssh.Transaction:
		if tx.Complete(dir) || p.Pseudo {
			if x := in.set.FindText(HASSH, string(t.Offer[dir].HASSH)); x != nil {
				in.report(p, f, tx, x, x.Value)
			}
		}
	}
	if c, ok := tx.(proto.FileCarrier); ok && (tx.Complete(dir) || p.Pseudo) {
		in.files(p, f, tx, c.Files(dir))
	}
}

// files matches the digests of a side's files once that side is complete.
func (in *inspector) files(p *packet.Packet, f *flow.Flow, tx proto.Transaction, list []*file.File) {
	for _, x := range list {
		if found, value := in.set.FindFile(x.Sum); found != nil {
			in.report(p, f, tx, found, value)
		}
	}
}

func (in *inspector) request(p *packet.Packet, f *flow.Flow, t *http.Transaction) {
	if x := in.set.FindURL(t.Request.Host, t.Request.RawURI, in.key); x != nil {
		in.report(p, f, t, x, string(t.Request.Host)+string(t.Request.RawURI))
		return
	}
	in.domain(p, f, t, t.Request.Host)
}

func (in *inspector) domain(p *packet.Packet, f *flow.Flow, tx proto.Transaction, name []byte) {
	if x := in.set.FindDomain(name); x != nil {
		in.report(p, f, tx, x, string(name))
	}
}

func (in *inspector) report(p *packet.Packet, f *flow.Flow, tx proto.Transaction, x *Indicator, seen string) {
	msg := x.Name
	if msg == "" {
		msg = "Indicator " + x.Kind.String() + " " + x.Value
	}
	a := &alert.Alert{
		ID: alert.NewID(p.Time), Time: p.Time, Detector: alert.Intel, GID: 1, Msg: msg, Class: "Threat Intelligence Match", Severity: x.Severity,
		Action: "allowed", Proto: protoName(p), Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
		Indicator: x.Kind.String() + ":" + x.Value, Count: 1, First: p.Time, Last: p.Time, PacketNumber: p.Number,
		Metadata: map[string][]string{"seen": {seen}},
	}
	if x.Source != "" {
		a.Metadata["source"] = []string{x.Source}
	}
	if x.Confidence != "" {
		a.Metadata["confidence"] = []string{x.Confidence}
	}
	if f != nil {
		a.FlowID = f.ID
		if f.App != flow.AppUnknown {
			a.AppProto = f.App.String()
		}
	}
	if tx != nil {
		a.TxID, a.HasTx = tx.ID(), true
	}
	in.emit(a)
}

func protoName(p *packet.Packet) string {
	switch p.Kind {
	case packet.KindTCP:
		return "TCP"
	case packet.KindUDP:
		return "UDP"
	case packet.KindICMP:
		return "ICMP"
	case packet.KindICMPv6:
		return "IPv6-ICMP"
	}
	return strings.ToUpper(strconv.Itoa(int(p.Proto)))
}
