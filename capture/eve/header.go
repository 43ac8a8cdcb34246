package eve

import (
	"strconv"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// headPlaces is how many flows' texts are kept; a power of two.
const headPlaces = 1024

// head is the text of a flow's ends, by direction, and its Community ID.
type head struct {
	id        uint64
	client    uint16 // ports: a flow may be turned round after it began
	ends      [2][]byte
	community []byte
}

// flowNumber is the flow_id of a flow: below 2^52, so that JSON readers that use floating point keep it exact.
func flowNumber(f *flow.Flow) uint64 {
	x := uint64(f.First.UnixNano()) ^ f.ID<<40 ^ f.ID*0x9e3779b97f4a7c15
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 29
	return x&(1<<52-1) | 1
}

// headOf gives the texts of a flow, made when it is not the last one in its place.
func (l *Logger) headOf(f *flow.Flow) *head {
	h := &l.head[f.ID%headPlaces]
	if h.id == f.ID && h.client == f.Client.Port() && len(h.community) > 0 {
		return h
	}
	h.id, h.client = f.ID, f.Client.Port()
	ports := f.Kind == packet.KindTCP || f.Kind == packet.KindUDP || f.Proto == packet.ProtoSCTP
	for dir := range h.ends {
		src, dst := f.Client, f.Server
		if flow.Direction(dir) == flow.ToClient {
			src, dst = dst, src
		}
		b := append(h.ends[dir][:0], `,"src_ip":"`...)
		b = appendAddr(b, src.Addr())
		b = append(b, '"')
		if ports {
			b = number(b, "src_port", uint64(src.Port()))
		}
		b = append(b, `,"dest_ip":"`...)
		b = appendAddr(b, dst.Addr())
		b = append(b, '"')
		if ports {
			b = number(b, "dest_port", uint64(dst.Port()))
		}
		h.ends[dir] = b
	}
	h.community = f.AppendCommunityID(h.community[:0], 0)
	return h
}

// begin writes what all records that belong to a packet of a flow begin with, up to pkt_src.
func (l *Logger) begin(p *packet.Packet, f *flow.Flow, dir flow.Direction, kind string) []byte {
	h := l.headOf(f)
	b := append(l.buf, `{"timestamp":"`...)
	b = l.clock.append(b, p.Time)
	b = append(b, `","flow_id":`...)
	b = strconv.AppendUint(b, flowNumber(f), 10)
	if l.cfg.Interface != "" {
		b = field(b, "in_iface", l.cfg.Interface)
	}
	if p.Number > 0 {
		b = number(b, "pcap_cnt", p.Number)
	}
	b = append(b, `,"event_type":"`...)
	b = append(b, kind...)
	b = append(b, '"')
	b = vlans(b, f.VLAN[:min(f.VLANs, len(f.VLAN))])
	b = append(b, h.ends[dir]...)
	b = append(b, `,"proto":"`...)
	b = append(b, protoName(f.Proto)...)
	b = append(b, '"')
	if p.IsICMP() && !p.Pseudo {
		b = number(b, "icmp_type", uint64(p.ICMP.Type))
		b = number(b, "icmp_code", uint64(p.ICMP.Code))
	}
	b = append(b, `,"ip_v":`...)
	if f.Client.Addr().Is4() {
		b = append(b, '4')
	} else {
		b = append(b, '6')
	}
	b = append(b, `,"pkt_src":"`...)
	b = append(b, packetSource(p)...)
	b = append(b, `","community_id":"`...)
	b = append(b, h.community...)
	return append(b, '"')
}

func vlans(b []byte, ids []uint16) []byte {
	if len(ids) == 0 {
		return b
	}
	b = append(b, `,"vlan":[`...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(id), 10)
	}
	return append(b, ']')
}

// packetSource says where a packet comes from, in Suricata's words.
func packetSource(p *packet.Packet) string {
	switch {
	case p.Pseudo:
		return "stream (flow timeout)"
	case p.Rebuilt:
		return "defrag"
	case p.Depth > 0:
		return "tunnel"
	}
	return "wire/pcap"
}

// protoName is a transport's name in EVE.
func protoName(p packet.Proto) string {
	switch p {
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
	case packet.ProtoESP:
		return "ESP"
	case packet.ProtoAH:
		return "AH"
	case packet.ProtoIPIP:
		return "IP-ENCAP"
	case packet.ProtoIPv6:
		return "IPv6"
	}
	return protoNumbers[uint8(p)]
}

// protoNumbers names the other transports by number, three digits as in Suricata. Never written.
var protoNumbers = numberNames()

func numberNames() (names [256]string) {
	for i := range names {
		s := strconv.Itoa(i)
		names[i] = "000"[:3-len(s)] + s
	}
	return names
}
