package eve

import (
	"slices"
	"strconv"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/pipeline"
)

// Totals are the numbers of a stats record: those of all workers, summed.
type Totals struct {
	At            time.Time     // packet time reached
	Uptime        time.Duration // since the start of the run
	KernelPackets uint64
	KernelDrops   uint64
	Pipeline      pipeline.Stats
	Alerts        uint64
	RulesLoaded   int
	RulesRefused  int
}

// WriteStats writes a stats record. It does not belong to a worker.
func WriteStats(out *Output, iface string, t *Totals) {
	var c clock
	s := &t.Pipeline
	b := append([]byte(nil), `{"timestamp":"`...)
	b = c.append(b, t.At)
	b = append(b, '"')
	if iface != "" {
		b = field(b, "in_iface", iface)
	}
	b = append(b, `,"event_type":"stats","stats":{"uptime":`...)
	b = strconv.AppendInt(b, int64(t.Uptime.Seconds()), 10)
	b = object(b, "capture")
	b = number(b, "kernel_packets", t.KernelPackets)
	b = append(number(b, "kernel_drops", t.KernelDrops), '}')
	b = object(b, "decoder")
	for _, x := range [...]struct {
		key string
		n   uint64
	}{
		{"pkts", s.Packets},
		{"bytes", s.Bytes},
		{"invalid", s.Invalid},
		{"ipv4", s.IPv4},
		{"ipv6", s.IPv6},
		{"tcp", s.TCP},
		{"udp", s.UDP},
		{"icmpv4", s.ICMP},
		{"icmpv6", s.ICMPv6},
		{"no_ip", s.NoIP},
		{"inner", s.Inner},
	} {
		b = number(b, x.key, x.n)
	}
	if by := s.InvalidBy(); len(by) > 0 {
		b = object(b, "event")
		keys := make([]string, 0, len(by))
		for k := range by {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			b = number(b, k, by[k])
		}
		b = append(b, '}')
	}
	b = append(b, '}')
	b = object(b, "flow")
	b = number(b, "total", s.Flows.Created)
	b = append(number(b, "active", s.Flows.Now), '}')
	b = object(b, "tcp")
	b = append(number(b, "invalid_checksum", s.BadChecksum), '}')
	b = object(b, "app_layer")
	b = number(b, "parser_failed", s.ParserFailed)
	b = byApp(b, "flow", s.FlowsByApp[:])
	b = append(byApp(b, "tx", s.Transactions[:]), '}')
	b = object(b, "detect")
	b = number(b, "alert", t.Alerts)
	b = number(b, "rules_loaded", uint64(max(t.RulesLoaded, 0)))
	b = append(number(b, "rules_failed", uint64(max(t.RulesRefused, 0))), '}')
	b = append(b, '}', '}', '\n')
	out.write(b, 1)
}

func byApp(b []byte, key string, counts []uint64) []byte {
	b = object(b, key)
	for i, n := range counts {
		if n > 0 {
			b = number(b, flow.App(i).String(), n)
		}
	}
	return append(b, '}')
}
