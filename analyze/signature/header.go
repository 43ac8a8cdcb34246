package signature

import (
	"errors"
	"strconv"
	"strings"

	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
	"fengsui/capture/proto/registry"
)

// ipProtocols are names of IP protocols that a header or ip_proto may use. Never written.
var ipProtocols = map[string]uint8{
	"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "ipv6": 41, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
	"ipv6-icmp": 58, "icmpv6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132,
}

// header reads action, protocol, addresses and ports.
func (b *builder) header() *Refusal {
	s, src := b.out, b.src
	switch src.Action.Text {
	case "alert":
		s.Action = Alert
	case "pass":
		s.Action = Pass
	case "drop":
		s.Action = Drop
	case "reject", "rejectsrc", "rejectdst", "rejectboth":
		s.Action = Reject
	case "config":
		s.Action, s.NoAlert = Alert, true
	default:
		return b.refuseAt(src.Action.Pos, src.Action.Text, "action is not alert, pass, drop, reject or config")
	}
	if reason := b.protocol(src.Proto.Text); reason != "" {
		return b.refuseAt(src.Proto.Pos, src.Proto.Text, reason)
	}
	s.txBoth = src.Direction == rule.BothInTransaction
	s.bothWays = src.Direction == rule.BothWays
	var err error
	word := src.Src
	if s.src, err = b.c.addresses.set(word.Text); err == nil {
		word = src.Dst
		s.dst, err = b.c.addresses.set(word.Text)
	}
	if err == nil {
		word = src.SrcPorts
		s.srcPort, err = b.c.addresses.portSet(word.Text)
	}
	if err == nil {
		word = src.DstPorts
		s.dstPort, err = b.c.addresses.portSet(word.Text)
	}
	if err != nil {
		pos := word.Pos
		var at *address.Error
		if errors.As(err, &at) {
			pos.Column += at.Offset
		}
		return b.refuseAt(pos, "", err.Error())
	}
	return nil
}

func (b *builder) protocol(name string) string {
	s := b.out
	switch name {
	case "ip":
		s.protos = protoAnyIP
	case "ipv4", "ip4":
		s.protos = protoAnyIP | protoV4
	case "ipv6", "ip6":
		s.protos = protoAnyIP | protoV6
	case "tcp":
		s.protos = protoTCP
	case "tcp-pkt":
		s.protos, s.wantsPacket = protoTCP, true
	case "tcp-stream":
		s.protos, s.wantsStream = protoTCP, true
	case "udp":
		s.protos = protoUDP
	case "icmp":
		s.protos = protoICMP | protoICMPv6
	case "icmpv4":
		s.protos = protoICMP
	case "icmpv6":
		s.protos = protoICMPv6
	case "sctp":
		s.protos = protoSCTP
	case "igmp":
		s.protos = protoOther
		s.checks = append(s.checks, func(w *Worker) bool { return isIGMP(w.p) })
	case "pkthdr":
		s.protos = protoAnyIP | protoPkt
	case "http1":
		s.protos = protoTCP
		b.txApps, s.apps = appBit(flow.AppHTTP), appBit(flow.AppHTTP)
	default:
		app, ok := parseApp(name)
		if !ok {
			return "protocol is not known"
		}
		b.txApps, s.apps = nameApps(app)
		if b.c.recognised&s.apps == 0 {
			return "protocol is not recognised in this build"
		}
		s.protos = protoTCP | protoUDP
	}
	return ""
}

// appNames are spellings of protocols other than ours. Never written.
var appNames = map[string]flow.App{"ssl": flow.AppTLS, "http1": flow.AppHTTP}

// parseApp finds a protocol by its name in rules.
func parseApp(name string) (flow.App, bool) {
	app, ok := appNames[name]
	if !ok {
		app, ok = flow.ParseApp(name)
	}
	return app, ok && app.Known()
}

// String lists the protocols.
func (s appSet) String() string {
	var names []string
	s.each(func(app flow.App) {
		if app.Known() {
			names = append(names, app.String())
		}
	})
	return strings.Join(names, ", ")
}

// recognisedApps are the protocols capture tells apart: only rules on these can ever match.
func recognisedApps() appSet {
	set := appSet(0)
	for _, p := range registry.Protocols(registry.Limits{}) {
		set |= appBit(p.App)
	}
	if set.has(flow.AppHTTP2) {
		set |= appBit(flow.AppDoH2) // what HTTP/2 becomes when it carries DNS
	}
	set |= fields.parsed
	return set
}

// parseUint reads a plain number up to limit.
func parseUint(text string, limit uint64) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > limit {
		return 0, atOffset(0, "%q is not a number up to %d", text, limit)
	}
	return n, nil
}
