package eve

import (
	"encoding/base64"
	"slices"
	"strconv"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto"
)

// What an alert carries of the packet at most.
const (
	payloadBytesMax = 4 << 10
	packetBytesMax  = 16 << 10
)

// writeAlert writes an alert with what its flow and transaction hold by now.
func (l *Logger) writeAlert(a *Alert, p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if !l.alert {
		return
	}
	var b []byte
	if f != nil {
		b = l.begin(p, f, dir, "alert")
	} else {
		b = l.beginPacket(p, "alert")
	}
	if a.HasTx {
		b = number(b, "tx_id", a.TxID)
	}
	b = append(b, `,"alert":{"action":"`...)
	b = append(b, a.Action...)
	b = append(b, '"')
	b = number(b, "gid", uint64(a.GID))
	b = number(b, "signature_id", uint64(a.SID))
	b = number(b, "rev", uint64(a.Rev))
	b = appendText(appendKey(b, "signature"), a.Signature)
	b = appendText(appendKey(b, "category"), a.Category)
	b = number(b, "severity", uint64(max(a.Severity, 0)))
	if len(a.Metadata) > 0 {
		b = l.metadata(b, a.Metadata)
	}
	b = append(b, '}')
	if f != nil {
		if tx := l.txOf(f, a); tx != nil {
			b = l.txObject(b, tx)
			b = l.fileList(b, tx)
		}
		b = appProto(b, f)
		if dir == flow.ToServer {
			b = append(b, `,"direction":"to_server"`...)
		} else {
			b = append(b, `,"direction":"to_client"`...)
		}
		b = l.flowSoFar(b, f)
	}
	if l.cfg.Payload && len(p.Payload) > 0 {
		b = payload(b, p.Payload)
	}
	if l.cfg.Packet && len(p.Data) > 0 {
		b = append(b, `,"packet":"`...)
		b = base64.StdEncoding.AppendEncode(b, p.Data[:min(len(p.Data), packetBytesMax)])
		b = append(b, `","packet_info":{"linktype":`...)
		b = strconv.AppendUint(b, uint64(p.Link), 10)
		b = append(b, '}')
	}
	if len(a.Extra) > 0 {
		b = append(appendKey(b, "fengsui"), a.Extra...)
	}
	l.buf = b
	l.end()
}

// beginPacket writes what records of packets without a flow begin with.
func (l *Logger) beginPacket(p *packet.Packet, kind string) []byte {
	b := append(l.buf, `{"timestamp":"`...)
	b = l.clock.append(b, p.Time)
	b = append(b, '"')
	if l.cfg.Interface != "" {
		b = field(b, "in_iface", l.cfg.Interface)
	}
	if p.Number > 0 {
		b = number(b, "pcap_cnt", p.Number)
	}
	b = append(b, `,"event_type":"`...)
	b = append(b, kind...)
	b = append(b, '"')
	b = vlans(b, p.VLAN[:min(p.VLANs, len(p.VLAN))])
	if p.IPVersion != 0 {
		ports := p.Kind == packet.KindTCP || p.Kind == packet.KindUDP
		b = append(b, `,"src_ip":"`...)
		b = appendAddr(b, p.Src)
		b = append(b, '"')
		if ports {
			b = number(b, "src_port", uint64(p.SrcPort))
		}
		b = append(b, `,"dest_ip":"`...)
		b = appendAddr(b, p.Dst)
		b = append(b, '"')
		if ports {
			b = number(b, "dest_port", uint64(p.DstPort))
		}
		b = field(b, "proto", protoName(p.Proto))
		if p.IsICMP() {
			b = number(b, "icmp_type", uint64(p.ICMP.Type))
			b = number(b, "icmp_code", uint64(p.ICMP.Code))
		}
		b = number(b, "ip_v", uint64(p.IPVersion))
	}
	return field(b, "pkt_src", packetSource(p))
}

// metadata writes a rule's metadata, keys in order.
func (l *Logger) metadata(b []byte, m map[string][]string) []byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, `,"metadata":{`...)
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, k), ':', '[')
		for j, v := range m[k] {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendText(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// payload writes the packet's payload as text, with dots for what cannot be printed, and in base64.
func payload(b, data []byte) []byte {
	data = data[:min(len(data), payloadBytesMax)]
	b = append(b, `,"payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, data)
	b = append(b, `","payload_printable":"`...)
	for _, c := range data {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20 && c < 0x7f:
			b = append(b, c)
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '.')
		}
	}
	return append(b, '"')
}

// txOf finds the transaction an alert speaks of. An alert on a flow with one transaction and no other word about it gets that one, as in Suricata.
func (l *Logger) txOf(f *flow.Flow, a *Alert) proto.Transaction {
	list := pipeline.Transactions(f)
	if !a.HasTx {
		return nil
	}
	for _, tx := range list {
		if tx.ID() == a.TxID {
			return tx
		}
	}
	return nil
}
