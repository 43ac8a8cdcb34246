package eve

import (
	"strconv"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// writeFlow writes a finished flow.
func (l *Logger) writeFlow(f *flow.Flow) {
	h := l.headOf(f)
	b := append(l.buf, `{"timestamp":"`...)
	b = l.clock.append(b, f.Last)
	b = append(b, `","flow_id":`...)
	b = strconv.AppendUint(b, flowNumber(f), 10)
	if l.cfg.Interface != "" {
		b = field(b, "in_iface", l.cfg.Interface)
	}
	b = append(b, `,"event_type":"flow"`...)
	b = vlans(b, f.VLAN[:min(f.VLANs, len(f.VLAN))])
	b = append(b, h.ends[flow.ToServer]...)
	if f.Client.Addr().Is4() {
		b = append(b, `,"ip_v":4`...)
	} else {
		b = append(b, `,"ip_v":6`...)
	}
	b = field(b, "proto", protoName(f.Proto))
	if f.Kind == packet.KindICMP || f.Kind == packet.KindICMPv6 {
		b = number(b, "icmp_type", uint64(f.ICMPType))
		b = number(b, "icmp_code", uint64(f.ICMPCode))
	}
	b = appProto(b, f)
	b = append(b, `,"flow":{`...)
	b = counts(b, f)
	b = append(b, `,"start":"`...)
	b = l.clock.append(b, f.First)
	b = append(b, `","end":"`...)
	b = l.clock.append(b, f.Last)
	b = append(b, `","age":`...)
	b = strconv.AppendInt(b, f.Last.Unix()-f.First.Unix(), 10)
	b = field(b, "state", f.State.String())
	b = field(b, "reason", reason(f.End))
	_, marked := l.marked[f.ID]
	b = boolean(b, "alerted", marked)
	if f.TxCount > 0 {
		b = number(b, "tx_cnt", f.TxCount)
	}
	b = append(b, `},"community_id":"`...)
	b = append(b, h.community...)
	b = append(b, '"')
	if f.Kind == packet.KindTCP {
		b = tcpFields(b, f)
	}
	l.buf = b
	l.end()
}

// appProto appends the application protocol; "failed" only where there was something to recognise.
func appProto(b []byte, f *flow.Flow) []byte {
	if f.App == flow.AppUnknown || f.App == flow.AppFailed && f.Count[0].Payload+f.Count[1].Payload == 0 {
		return b
	}
	return field(b, "app_proto", f.App.String())
}

func counts(b []byte, f *flow.Flow) []byte {
	b = append(b, `"pkts_toserver":`...)
	b = strconv.AppendUint(b, f.Count[flow.ToServer].Packets, 10)
	b = number(b, "pkts_toclient", f.Count[flow.ToClient].Packets)
	b = number(b, "bytes_toserver", f.Count[flow.ToServer].Bytes)
	return number(b, "bytes_toclient", f.Count[flow.ToClient].Bytes)
}

// reason is why a flow ended, in Suricata's words.
func reason(r flow.EndReason) string {
	switch r {
	case flow.EndTimeout:
		return "timeout"
	case flow.EndShutdown:
		return "shutdown"
	case flow.EndEvicted:
		return "forced"
	case flow.EndReused:
		return "tcp_reuse"
	}
	return "unknown"
}

// flagNames are the words for TCP flags in the order Suricata writes them. Never written.
var flagNames = [...]struct {
	bit  uint8
	name string
}{
	{packet.SYN, "syn"},
	{packet.FIN, "fin"},
	{packet.RST, "rst"},
	{packet.PSH, "psh"},
	{packet.ACK, "ack"},
	{packet.URG, "urg"},
	{packet.ECE, "ecn"},
	{packet.CWR, "cwr"},
}

func tcpFields(b []byte, f *flow.Flow) []byte {
	ts, tc := f.TCPFlags[flow.ToServer], f.TCPFlags[flow.ToClient]
	if f.TCP == nil || f.TCP.State == 0 { // a session that was not followed has no flags there
		ts, tc = 0, 0
	}
	b = append(b, `,"tcp":{"tcp_flags":"`...)
	b = hexByte(b, ts|tc)
	b = append(b, `","tcp_flags_ts":"`...)
	b = hexByte(b, ts)
	b = append(b, `","tcp_flags_tc":"`...)
	b = hexByte(b, tc)
	b = append(b, '"')
	for _, x := range flagNames {
		if (ts|tc)&x.bit != 0 {
			b = boolean(b, x.name, true)
		}
	}
	if f.TCP != nil && f.TCP.State != 0 {
		b = field(b, "state", f.TCP.State.String())
		if f.TCP.GapBytes(flow.ToServer) > 0 {
			b = boolean(b, "ts_gap", true)
		}
		if f.TCP.GapBytes(flow.ToClient) > 0 {
			b = boolean(b, "tc_gap", true)
		}
	}
	return append(b, '}')
}

func hexByte(b []byte, c uint8) []byte { return append(b, hexDigits[c>>4], hexDigits[c&15]) }

// flowSoFar is the object an alert carries.
func (l *Logger) flowSoFar(b []byte, f *flow.Flow) []byte {
	b = append(b, `,"flow":{`...)
	b = counts(b, f)
	b = append(b, `,"start":"`...)
	b = l.clock.append(b, f.First)
	b = append(b, `","src_ip":"`...)
	b = appendAddr(b, f.Client.Addr())
	b = append(b, `","dest_ip":"`...)
	b = appendAddr(b, f.Server.Addr())
	b = append(b, '"')
	if f.Kind == packet.KindTCP || f.Kind == packet.KindUDP || f.Proto == packet.ProtoSCTP {
		b = number(b, "src_port", uint64(f.Client.Port()))
		b = number(b, "dest_port", uint64(f.Server.Port()))
	}
	return append(b, '}')
}

// zulu appends a date as certificates are written: 2014-08-28T00:00:00, in UTC.
func zulu(b []byte, at time.Time) []byte { return at.UTC().AppendFormat(b, "2006-01-02T15:04:05") }
