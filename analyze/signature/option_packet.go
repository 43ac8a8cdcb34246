package signature

import (
	"net/netip"
	"strings"

	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/packet"
)

func packetKeywords() map[string]keyword {
	return map[string]keyword{
		"dsize":      {value: valueNeeded, parse: optDsize},
		"ttl":        {value: valueNeeded, parse: onPacket(255, hasIP, func(p *packet.Packet) uint64 { return uint64(p.TTL) })},
		"tos":        {value: valueNeeded, parse: onPacket(255, hasIP, func(p *packet.Packet) uint64 { return uint64(p.TOS) })},
		"id":         {value: valueNeeded, parse: onPacket(65535, isV4, func(p *packet.Packet) uint64 { return uint64(p.IPID) })},
		"itype":      {value: valueNeeded, parse: onPacket(255, isICMP, func(p *packet.Packet) uint64 { return uint64(p.ICMP.Type) })},
		"icode":      {value: valueNeeded, parse: onPacket(255, isICMP, func(p *packet.Packet) uint64 { return uint64(p.ICMP.Code) })},
		"icmp_id":    {value: valueNeeded, parse: onPacket(65535, hasICMPID, func(p *packet.Packet) uint64 { return uint64(p.ICMP.ID) })},
		"icmp_seq":   {value: valueNeeded, parse: onPacket(65535, hasICMPID, func(p *packet.Packet) uint64 { return uint64(p.ICMP.Seq) })},
		"seq":        {value: valueNeeded, parse: onPacket(1<<32-1, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Seq) })},
		"tcp.seq":    {value: valueNeeded, parse: onPacket(1<<32-1, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Seq) })},
		"ack":        {value: valueNeeded, parse: onPacket(1<<32-1, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Ack) })},
		"tcp.ack":    {value: valueNeeded, parse: onPacket(1<<32-1, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Ack) })},
		"window":     {value: valueNeeded, parse: onPacket(65535, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Window) })},
		"tcp.window": {value: valueNeeded, parse: onPacket(65535, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Window) })},
		"tcp.urp":    {value: valueNeeded, parse: onPacket(65535, isTCP, func(p *packet.Packet) uint64 { return uint64(p.TCP.Urgent) })},
		"tcp.mss":    {value: valueNeeded, parse: onPacket(65535, hasMSS, func(p *packet.Packet) uint64 { return uint64(p.TCP.Options.MSS) })},
		"tcp.wscale": {value: valueNeeded, parse: onPacket(255, hasWScale, func(p *packet.Packet) uint64 { return uint64(p.TCP.Options.WScale) })},
		"igmp.type":  {value: valueNeeded, parse: onPacket(255, isIGMP, func(p *packet.Packet) uint64 { return uint64(p.IPPayload[0]) })},
		"icmpv6.mtu": {value: valueNeeded, parse: onPacket(1<<32-1, isTooBig, func(p *packet.Packet) uint64 { return uint64(p.ICMP.Rest) })},
		"flags":      {value: valueNeeded, parse: optFlags},
		"tcp.flags":  {value: valueNeeded, parse: optFlags},
		"fragbits":   {value: valueNeeded, parse: optFragBits},
		"fragoffset": {value: valueNeeded, parse: onPacket(8191, isV4, func(p *packet.Packet) uint64 { return uint64(p.FragOff / 8) })},
		"ip_proto":   {value: valueNeeded, parse: optIPProto, addressOK: true},
		"sameip":     {value: valueNone, parse: optSameIP},
		"geoip":      {value: valueNeeded, parse: optGeoIP, addressOK: true},
		"ipopts":     {value: valueNeeded, parse: optIPOpts},
		"vlan.id":    {value: valueNeeded, parse: optVLAN},
		"vlan.layers": {value: valueNeeded, parse: onPacket(3, func(*packet.Packet) bool { return true }, func(p *packet.Packet) uint64 {
			return uint64(p.VLANs)
		})},
	}
}

func hasIP(p *packet.Packet) bool     { return p.IPVersion != 0 }
func isV4(p *packet.Packet) bool      { return p.IPVersion == 4 }
func isICMP(p *packet.Packet) bool    { return p.IsICMP() }
func isTCP(p *packet.Packet) bool     { return p.Kind == packet.KindTCP }
func hasICMPID(p *packet.Packet) bool { return p.IsICMP() && p.ICMP.HasID }
func hasMSS(p *packet.Packet) bool    { return p.Kind == packet.KindTCP && p.TCP.Options.HasMSS }
func hasWScale(p *packet.Packet) bool { return p.Kind == packet.KindTCP && p.TCP.Options.HasWScale }
func isTooBig(p *packet.Packet) bool  { return p.Kind == packet.KindICMPv6 && p.ICMP.Type == 2 }

// addPacketCheck adds a condition on the packet itself, which the made-up packet at a flow's end never meets.
func (b *builder) addPacketCheck(test func(p *packet.Packet) bool) {
	b.out.realPacket, b.out.wantsPacket = true, true
	b.flowSeen = true // never once per flow
	b.out.checks = append(b.out.checks, func(w *Worker) bool { return test(w.p) })
}

// onPacket makes a keyword out of a number of the packet.
func onPacket(limit uint64, has func(*packet.Packet) bool, get func(*packet.Packet) uint64) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		cond, err := number.Parse(rule.Unquote(o.Value), limit)
		if err != nil {
			return err
		}
		b.addPacketCheck(func(p *packet.Packet) bool { return has(p) && cond.Match(get(p)) })
		return nil
	}
}

func optDsize(b *builder, o rule.Option) error {
	cond, err := number.Parse(o.Value, 65535)
	if err != nil {
		return err
	}
	b.addPacketCheck(func(p *packet.Packet) bool { return p.IPVersion != 0 && cond.Match(uint64(len(p.Payload))) })
	return nil
}

// flagLetters are TCP flags as rules write them. Never written.
var flagLetters = map[rune]uint8{
	'F': packet.FIN, 'S': packet.SYN, 'R': packet.RST, 'P': packet.PSH, 'A': packet.ACK, 'U': packet.URG, 'E': packet.ECE, 'C': packet.CWR,
	'1': packet.CWR, '2': packet.ECE, '0': 0,
}

// optFlags reads flags:[!|*|+]letters[,ignored].
func optFlags(b *builder, o rule.Option) error {
	text, ignored, _ := strings.Cut(rule.Unquote(o.Value), ",")
	mode := byte('=')
	var want, skip uint8
	for i, c := range strings.TrimSpace(text) {
		if strings.ContainsRune("!*+=", c) {
			mode = byte(c)
			continue
		}
		bit, ok := flagLetters[toUpperRune(c)]
		if !ok {
			return atOffset(i, "%q is no TCP flag", c)
		}
		want |= bit
	}
	for i, c := range strings.TrimSpace(ignored) {
		bit, ok := flagLetters[toUpperRune(c)]
		if !ok {
			return atOffset(len(text)+1+i, "%q is no TCP flag", c)
		}
		skip |= bit
	}
	b.addPacketCheck(func(p *packet.Packet) bool {
		if p.Kind != packet.KindTCP {
			return false
		}
		have := p.TCP.Flags &^ skip
		switch mode {
		case '!':
			return have&want == 0
		case '*':
			return have&want != 0
		case '+':
			return have&want == want
		}
		return have == want
	})
	return nil
}

func toUpperRune(c rune) rune {
	if c >= 'a' && c <= 'z' {
		return c - 0x20
	}
	return c
}

// optFragBits reads fragbits:[!|*|+]MDR.
func optFragBits(b *builder, o rule.Option) error {
	mode := byte('=')
	var want uint8
	for i, c := range o.Value {
		switch toUpperRune(c) {
		case '!', '*', '+':
			mode = byte(c)
		case 'M':
			want |= 1
		case 'D':
			want |= 2
		case 'R':
			want |= 4
		case ' ':
		default:
			return atOffset(i, "%q is no fragment bit", c)
		}
	}
	b.addPacketCheck(func(p *packet.Packet) bool {
		if p.IPVersion != 4 {
			return false
		}
		var have uint8
		if p.MoreFrags {
			have |= 1
		}
		if p.DontFrag {
			have |= 2
		}
		if p.Reserved {
			have |= 4
		}
		switch mode {
		case '!':
			return have&want == 0
		case '*':
			return have&want != 0
		case '+':
			return have&want == want
		}
		return have == want
	})
	return nil
}

func optIPProto(b *builder, o rule.Option) error {
	text := strings.TrimSpace(rule.Unquote(o.Value))
	op := byte('=')
	if text != "" && strings.IndexByte("!<>=", text[0]) >= 0 {
		op = text[0]
		text = strings.TrimSpace(text[1:])
	}
	n, ok := ipProtocols[strings.ToLower(text)]
	if !ok {
		value, err := parseUint(text, 255)
		if err != nil {
			return err
		}
		n = uint8(value)
	}
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		have := uint8(w.p.Proto)
		switch {
		case w.p.IPVersion == 0:
			return false
		case op == '!':
			return have != n
		case op == '<':
			return have < n
		case op == '>':
			return have > n
		}
		return have == n
	})
	return nil
}

func optSameIP(b *builder, _ rule.Option) error {
	b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.p.IPVersion != 0 && w.p.Src == w.p.Dst })
	return nil
}

// protoIGMP is the IP protocol number of IGMP.
const protoIGMP = 2

func isIGMP(p *packet.Packet) bool {
	return uint8(p.Proto) == protoIGMP && p.IPVersion == 4 && len(p.IPPayload) > 0
}

// optGeoIP reads geoip:src|dst|any|both,[!]country[,country…]; without a side it is any. A ! before any country negates the list.
func optGeoIP(b *builder, o rule.Option) error {
	locate := b.c.opt.GeoIP
	if locate == nil {
		return atOffset(0, "no location data are loaded")
	}
	parts := split(rule.Unquote(o.Value))
	side := "any"
	switch strings.ToLower(parts[0]) {
	case "src", "dst", "dest", "any", "both":
		side, parts = strings.ToLower(parts[0]), parts[1:]
	}
	if len(parts) == 0 {
		return atOffset(0, "want geoip:src|dst|any|both,country[,country…]")
	}
	negated := false
	countries := map[string]bool{}
	for _, word := range parts {
		if rest, ok := strings.CutPrefix(word, "!"); ok {
			negated, word = true, rest
		}
		if len(word) != 2 {
			return atOffset(0, "%q is no country of two letters", word)
		}
		countries[strings.ToUpper(word)] = true
	}
	in := func(addr netip.Addr) bool {
		country := locate(addr)
		return country != "" && countries[country] != negated
	}
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		if w.p.IPVersion == 0 {
			return false
		}
		switch side {
		case "src":
			return in(w.p.Src)
		case "dst", "dest":
			return in(w.p.Dst)
		case "both":
			return in(w.p.Src) && in(w.p.Dst)
		}
		return in(w.p.Src) || in(w.p.Dst)
	})
	return nil
}

// ipOptions are the names of IPv4 options with their type octets. Never written.
var ipOptions = map[string]uint8{
	"rr": 7, "lsrr": 131, "eol": 0, "nop": 1, "ts": 68, "sec": 130, "ssrr": 137, "satid": 136, "esec": 133, "cipso": 134, "qs": 25, "rtralt": 148,
}

func optIPOpts(b *builder, o rule.Option) error {
	name := strings.ToLower(strings.TrimSpace(o.Value))
	want, ok := ipOptions[name]
	if !ok && name != "any" {
		return atOffset(0, "IP option %q is not known", name)
	}
	b.addPacketCheck(func(p *packet.Packet) bool {
		if name == "any" {
			return len(p.IPOptions) > 0
		}
		return hasIPOption(p.IPOptions, want)
	})
	return nil
}

// hasIPOption walks IPv4 options.
func hasIPOption(options []byte, want uint8) bool {
	for len(options) > 0 {
		if options[0] == want {
			return true
		}
		switch {
		case options[0] == 0:
			return false
		case options[0] == 1:
			options = options[1:]
		case len(options) < 2 || options[1] < 2 || int(options[1]) > len(options):
			return false
		default:
			options = options[options[1]:]
		}
	}
	return false
}

// optVLAN reads vlan.id:condition[,layer], layer being 0 to 2, -1 to -3, all, or any (the default).
func optVLAN(b *builder, o rule.Option) error {
	text, layer, hasLayer := strings.Cut(o.Value, ",")
	cond, err := number.Parse(text, 4095)
	if err != nil {
		return err
	}
	layer = strings.TrimSpace(layer)
	if !hasLayer {
		layer = "any"
	}
	index := 0
	switch layer {
	case "any", "all":
	case "0", "1", "2":
		index = int(layer[0] - '0')
	case "-1", "-2", "-3":
		index = -int(layer[1] - '0')
	default:
		return atOffset(len(text)+1, "layer %q is not 0 to 2, -1 to -3, any or all", layer)
	}
	b.addPacketCheck(func(p *packet.Packet) bool {
		if layer == "any" || layer == "all" {
			for _, id := range p.VLAN[:p.VLANs] {
				if cond.Match(uint64(id)) != (layer == "all") {
					return layer == "any"
				}
			}
			return layer == "all" && p.VLANs > 0
		}
		at := index
		if at < 0 {
			at += p.VLANs
		}
		return at >= 0 && at < p.VLANs && cond.Match(uint64(p.VLAN[at]))
	})
	return nil
}
