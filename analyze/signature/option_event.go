package signature

import (
	"slices"
	"strconv"
	"strings"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

func eventKeywords() map[string]keyword {
	return map[string]keyword{
		"decode-event":    {value: valueNeeded, parse: optDecodeEvent},
		"engine-event":    {value: valueNeeded, parse: optDecodeEvent},
		"stream-event":    {value: valueNeeded, parse: optStreamEvent},
		"app-layer-event": {value: valueNeeded, parse: optAppEvent},
		"stream_size":     {value: valueNeeded, parse: optStreamSize},
		"ipv4-csum":       {value: valueNeeded, parse: optChecksum(packet.KindNone, 4)},
		"tcpv4-csum":      {value: valueNeeded, parse: optChecksum(packet.KindTCP, 4)},
		"tcpv6-csum":      {value: valueNeeded, parse: optChecksum(packet.KindTCP, 6)},
		"udpv4-csum":      {value: valueNeeded, parse: optChecksum(packet.KindUDP, 4)},
		"udpv6-csum":      {value: valueNeeded, parse: optChecksum(packet.KindUDP, 6)},
		"icmpv4-csum":     {value: valueNeeded, parse: optChecksum(packet.KindICMP, 4)},
		"icmpv6-csum":     {value: valueNeeded, parse: optChecksum(packet.KindICMPv6, 6)},
		"stream_reassembly": {value: valueOptional, parse: func(*builder, rule.Option) error {
			return atOffset(0, "%s", unsupportedReason("stream_reassembly"))
		}},
	}
}

func optDecodeEvent(b *builder, o rule.Option) error {
	name := strings.TrimSpace(o.Value)
	if strings.HasPrefix(name, "stream.") {
		o.Value = strings.TrimPrefix(name, "stream.")
		return optStreamEvent(b, o)
	}
	e, ok := packet.ParseEvent(name)
	if !ok {
		return atOffset(0, "decoder event %q is not raised here", name)
	}
	b.addPacketCheck(func(p *packet.Packet) bool { return p.Events.Has(e) })
	return nil
}

// silentEvents tell of things that cannot come about in this engine: packets of a flow always meet the worker that owns it, it sets up no state for
// floods of SYNs beyond its table, and data before the first byte wanted are never kept. Rules on them are loaded and keep silent. Never written.
var silentEvents = map[string]bool{"wrong_thread": true, "3whs_syn_flood": true, "reassembly_segment_before_base_seq": true}

func optStreamEvent(b *builder, o rule.Option) error {
	name := strings.TrimSpace(o.Value)
	e, ok := stream.ParseEvent(name)
	if !ok && silentEvents[name] {
		b.flowSeen = true
		b.out.checks = append(b.out.checks, func(*Worker) bool { return false })
		return nil
	}
	if !ok {
		return atOffset(0, "stream event %q is not raised here", name)
	}
	b.flowSeen = true
	b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.p.StreamEvents[e>>6]&(1<<(e&63)) != 0 })
	return nil
}

// optAppEvent reads app-layer-event:protocol.event.
func optAppEvent(b *builder, o rule.Option) error {
	name, event, ok := strings.Cut(strings.TrimSpace(o.Value), ".")
	if !ok {
		odd, known := flow.ParseAppEvent(strings.TrimPrefix(name, "applayer_"))
		if !known || !strings.HasPrefix(name, "applayer_") {
			return atOffset(0, "want app-layer-event:protocol.event, or an event of protocol recognition (applayer_…)")
		}
		b.flowSeen = true
		b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.f != nil && w.f.AppEvents&odd != 0 && w.raisedNow(odd) })
		return nil
	}
	raised := fields.events[name]
	if raised == nil && name == "http1" {
		raised = fields.events["http"]
	}
	if raised == nil {
		return atOffset(0, "events of %s are not raised: the protocol is not parsed in this build", name)
	}
	event, ok = raised.names[event]
	if !ok {
		return atOffset(len(name)+1, "event is not raised here")
	}
	c := txCheck{name: o.Name, apps: raised.apps}
	test := func(v *field.View) bool { return slices.Contains(v.Tx.Base().Anomalies, event) }
	raised.apps.each(func(app flow.App) { // may be raised until the transaction ends
		c.tests = append(c.tests, appTest{app: app, dirs: bothDirs, late: true, test: test})
	})
	b.out.txs = append(b.out.txs, c)
	return nil
}

// optStreamSize reads stream_size:server|client|both|either,operator,number.
func optStreamSize(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) != 3 {
		return atOffset(0, "want stream_size:server|client|both|either,operator,number")
	}
	want, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return atOffset(0, "%q is no number", parts[2])
	}
	compare := map[string]func(n uint64) bool{
		"=": func(n uint64) bool { return n == want }, "!=": func(n uint64) bool { return n != want }, "!": func(n uint64) bool { return n != want },
		"<": func(n uint64) bool { return n < want }, ">": func(n uint64) bool { return n > want },
		"<=": func(n uint64) bool { return n <= want }, ">=": func(n uint64) bool { return n >= want },
	}[parts[1]]
	if compare == nil {
		return atOffset(0, "operator %q is not known", parts[1])
	}
	var test func(client, server uint64) bool
	switch parts[0] {
	case "client":
		test = func(c, _ uint64) bool { return compare(c) }
	case "server":
		test = func(_, s uint64) bool { return compare(s) }
	case "both":
		test = func(c, s uint64) bool { return compare(c) && compare(s) }
	case "either":
		test = func(c, s uint64) bool { return compare(c) || compare(s) }
	default:
		return atOffset(0, "%q is not server, client, both or either", parts[0])
	}
	b.flowSeen = true
	b.out.realPacket = true
	b.streamSize = true
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		return w.f != nil && w.f.TCP != nil && w.p.Kind == packet.KindTCP && test(w.streamSize(flow.ToServer), w.streamSize(flow.ToClient))
	})
	return nil
}

func optChecksum(kind packet.Kind, version uint8) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		var want packet.Checksum
		switch strings.TrimSpace(rule.Unquote(o.Value)) {
		case "valid":
			want = packet.ChecksumGood
		case "invalid":
			want = packet.ChecksumBad
		default:
			return atOffset(0, "checksum is valid or invalid")
		}
		b.addPacketCheck(func(p *packet.Packet) bool {
			if p.IPVersion != version {
				return false
			}
			if kind == packet.KindNone {
				return p.IPChecksum() == want
			}
			return p.Kind == kind && p.TransportChecksum() == want
		})
		return nil
	}
}
