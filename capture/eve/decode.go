package eve

import (
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// writeDecode writes what is odd about a packet: one anomaly for each decoder and stream event.
func (l *Logger) writeDecode(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	for e := packet.Event(1); e < packet.EventCount; e++ {
		if p.Events.Has(e) || p.Invalid == e {
			l.writePacketAnomaly(p, f, dir, "decode", e.String())
		}
	}
	for e := range stream.EventCount {
		if stream.Noticed(p, e) {
			l.writePacketAnomaly(p, f, dir, "stream", "stream."+e.String())
		}
	}
}

func (l *Logger) writePacketAnomaly(p *packet.Packet, f *flow.Flow, dir flow.Direction, kind, name string) {
	var b []byte
	if f != nil {
		b = l.begin(p, f, dir, "anomaly")
	} else {
		b = l.beginPacket(p, "anomaly")
	}
	b = object(b, "anomaly")
	b = field(b, "type", kind)
	b = field(b, "event", name)
	l.buf = append(b, '}')
	l.end()
}
