package packet_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"fengsui/capture/packet"
	"fengsui/capture/packettest"
)

// raising holds, for each decoder event, a frame that raises it.
type raising struct {
	event string
	link  packet.LinkType
	frame []byte
}

func ether(t uint16, b ...byte) []byte { return packettest.Ethernet(t, b) }
func ip4(proto uint8, b ...byte) []byte {
	return packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, proto, b))
}

func ip6(next uint8, b ...byte) []byte {
	return packettest.Ethernet(0x86dd, packettest.IP(v6a, v6b, next, b))
}

func options(o ...byte) []byte {
	return packettest.Ethernet(0x0800, packettest.IP4{Src: v4a, Dst: v4b, Proto: 200, Options: o}.Packet(make([]byte, 4)))
}

func tcpOptions(o ...byte) []byte {
	return packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 6, packettest.TCP{SrcPort: 1, DstPort: 2, Options: o}.Segment(v4a, v4b, nil)))
}

func gre(flags, proto uint16, b ...byte) []byte {
	h := binary.BigEndian.AppendUint16(nil, flags)
	return ip4(47, append(binary.BigEndian.AppendUint16(h, proto), b...)...)
}

func vxlan(b ...byte) []byte {
	return ip4(17, packettest.UDP(netip.AddrPortFrom(v4a, 9), netip.AddrPortFrom(v4b, 4789), append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, b...))...)
}

func geneve(proto uint16, b ...byte) []byte {
	return ip4(17, packettest.UDP(netip.AddrPortFrom(v4a, 9), netip.AddrPortFrom(v4b, 6081), append([]byte{0, 0, byte(proto >> 8), byte(proto), 0, 0, 5, 0}, b...))...)
}

func label(n uint32, rest ...byte) []byte {
	return ether(0x8847, append([]byte{byte(n >> 12), byte(n >> 4), byte(n<<4) | 1, 9}, rest...)...)
}

func icmpError(kind uint8, quoted ...byte) []byte {
	return ip4(1, packettest.ICMP(v4a, v4b, kind, 0, append(make([]byte, 4), quoted...))...)
}

func icmp6(kind, code uint8, rest ...byte) []byte {
	return ip6(58, packettest.ICMP(v6a, v6b, kind, code, rest)...)
}

// nested is a packet inside more tunnels than are followed.
func nested() []byte {
	b := packettest.IP(v4a, v4b, 200, make([]byte, 4))
	for range packet.TunnelDepthMax + 1 {
		b = packettest.IP(v4a, v4b, 4, b)
	}
	return packettest.Ethernet(0x0800, b)
}

func edited(b []byte, at int, v ...byte) []byte {
	copy(b[at:], v)
	return b
}

var zeros = make([]byte, 40)

func linkCases() []raising {
	eth := packet.LinkEthernet
	arp := func(at int, v byte) []byte {
		return edited(ether(0x0806, append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, zeros[:20]...)...), 14+at, v)
	}
	return []raising{
		{"link.unsupported", 9999, zeros},
		{"ethernet.pkt_too_small", eth, zeros[:13]},
		{"ethernet.unknown_ethertype", eth, ether(0x88cc, zeros...)},
		{"vlan.header_too_small", eth, ether(0x8100, 0, 1)},
		{"vlan.unknown_type", eth, packettest.Ethernet(0x88cc, zeros, 5)},
		{"vlan.too_many_layers", eth, packettest.Ethernet(0x8100, zeros, 1, 2, 3)},
		{"sll.pkt_too_small", packet.LinkSLL, zeros[:15]},
		{"sll2.pkt_too_small", packet.LinkSLL2, zeros[:19]},
		{"ltnull.pkt_too_small", packet.LinkNull, zeros[:3]},
		{"ltnull.unsupported_type", packet.LinkNull, []byte{7, 0, 0, 0, 1}},
		{"ppp.pkt_too_small", packet.LinkPPP, []byte{0xff, 3, 0}},
		{"ppp.unsup_proto", packet.LinkPPP, []byte{0xff, 3, 0xc0, 0x21, 1, 1, 0, 4}},
		{"ppp.wrong_type", packet.LinkPPP, []byte{0xff, 3, 0x7e, 0x7e, 1, 1, 0, 4}},
		{"ppp.ip4_pkt_too_small", packet.LinkPPP, []byte{0xff, 3, 0, 0x21, 0x45}},
		{"ppp.ip6_pkt_too_small", packet.LinkPPP, []byte{0xff, 3, 0, 0x57, 0x60}},
		{"ppp.vju_pkt_too_small", eth, ether(0x8864, 0x11, 0, 0, 1, 0, 3, 0, 0x2f, 0x45)},
		{"pppoe.pkt_too_small", eth, ether(0x8864, 0x11, 0, 0, 1)},
		{"pppoe.wrong_code", eth, ether(0x8863, 0x11, 0x33, 0, 0, 0, 0)},
		{"pppoe.malformed_tags", eth, ether(0x8863, 0x11, 9, 0, 0, 0, 6, 1, 1, 0, 9, 0, 0)},
		{"chdlc.pkt_too_small", packet.LinkCHDLC, zeros[:3]},
		{"ipraw.invalid_ip_version", packet.LinkRaw, zeros},
		{"mpls.header_too_small", eth, ether(0x8847, 0, 1)},
		{"mpls.pkt_too_small", eth, label(77, 0x45)},
		{"mpls.unknown_payload_type", eth, label(77, 0x90, 0, 0, 0)},
		{"mpls.bad_label_router_alert", eth, label(1, zeros...)},
		{"mpls.bad_label_implicit_null", eth, label(3, zeros...)},
		{"mpls.bad_label_reserved", eth, label(9, zeros...)},
		{"nsh.header_too_small", eth, ether(0x894f, 0, 2, 2)},
		{"nsh.unsupported_version", eth, ether(0x894f, append([]byte{0x40, 2, 2, 1}, zeros...)...)},
		{"nsh.bad_header_length", eth, ether(0x894f, append([]byte{0, 2, 1, 1}, zeros...)...)},
		{"nsh.reserved_type", eth, ether(0x894f, append([]byte{0, 2, 0, 1}, zeros...)...)},
		{"nsh.unsupported_type", eth, ether(0x894f, append([]byte{0, 2, 3, 1}, zeros...)...)},
		{"nsh.unknown_payload", eth, ether(0x894f, append([]byte{0, 2, 2, 99}, zeros...)...)},
		{"vntag.header_too_small", eth, ether(0x8926, 0, 0, 0, 0, 8)},
		{"vntag.unknown_type", eth, ether(0x8926, 0, 0, 0, 0, 0x88, 0xcc, 0)},
		{"ieee8021ah.header_too_small", eth, ether(0x88e7, zeros[:17]...)},
		{"dce.pkt_too_small", eth, ether(0x8903, zeros[:15]...)},
		{"arp.pkt_too_small", eth, ether(0x0806, zeros[:7]...)},
		{"arp.invalid_pkt", eth, ether(0x0806, 0, 1, 8, 0, 6, 4, 0, 1, 0)},
		{"arp.unsupported_hardware", eth, arp(1, 6)},
		{"arp.unsupported_protocol", eth, arp(3, 6)},
		{"arp.invalid_hardware_size", eth, arp(4, 5)},
		{"arp.invalid_protocol_size", eth, arp(5, 5)},
		{"arp.unsupported_opcode", eth, arp(7, 9)},
		{"too_many_layers", eth, ether(0x8926, 0, 0, 0, 0, 0x89, 0x26, 0, 0, 0, 0, 0x89, 0x26, 0, 0, 0, 0, 0x89, 0x26, 0, 0, 0, 0, 0x89, 0x26, 0, 0, 0, 0, 8, 0)},
		{"too_many_layers", eth, nested()},
	}
}

func ip4Cases() []raising {
	eth := packet.LinkEthernet
	frag := func(off uint16, n int) []byte {
		return packettest.Ethernet(0x0800, packettest.IP4{Src: v4a, Dst: v4b, Proto: 17, ID: 9, Frag: off}.Packet(make([]byte, n)))
	}
	return []raising{
		{"ipv4.pkt_too_small", eth, ether(0x0800, zeros[:19]...)},
		{"ipv4.wrong_ip_version", eth, ether(0x0800, zeros...)},
		{"ipv4.hlen_too_small", eth, edited(ip4(200, 1), 14, 0x44)},
		{"ipv4.iplen_smaller_than_hlen", eth, edited(ip4(200, 1), 16, 0, 9)},
		{"ipv4.trunc_pkt", eth, edited(ip4(200, 1), 16, 9, 9)},
		{"ipv4.opt_invalid", eth, options(1, 1, 1, 7)},
		{"ipv4.opt_invalid_len", eth, options(7, 99, 4, 0)},
		{"ipv4.opt_malformed", eth, options(7, 4, 1, 0)},
		{"ipv4.opt_duplicate", eth, options(148, 4, 0, 0, 148, 4, 0, 0)},
		{"ipv4.opt_unknown", eth, options(99, 4, 0, 0)},
		{"ipv4.opt_pad_required", eth, options(148, 4, 0, 0)},
		{"ipv4.icmpv6", eth, ip4(58, zeros...)},
		{"ipv4.frag_pkt_too_large", eth, frag(0x1fff, 16)},
		{"tcp.pkt_too_small", eth, ip4(6, zeros[:19]...)},
		{"tcp.hlen_too_small", eth, ip4(6, zeros...)},
		{"tcp.invalid_optlen", eth, ip4(6, edited(slices.Clone(zeros), 12, 0xf0)...)},
		{"tcp.opt_invalid_len", eth, tcpOptions(2, 3, 0, 0)},
		{"tcp.opt_duplicate", eth, tcpOptions(2, 4, 1, 1, 2, 4, 1, 1)},
		{"tcp.opt_wscale_over_max", eth, tcpOptions(3, 3, 15, 0)},
		{"udp.hlen_too_small", eth, ip4(17, zeros[:7]...)},
		{"udp.pkt_too_small", eth, ip4(17, 0, 1, 0, 2, 0, 70, 0, 0)},
		{"udp.len_invalid", eth, ip4(17, 0, 1, 0, 2, 0, 7, 0, 0)},
		{"icmpv4.pkt_too_small", eth, ip4(1, 8, 0, 0)},
		{"icmpv4.unknown_type", eth, icmpError(200)},
		{"icmpv4.unknown_code", eth, ip4(1, packettest.ICMP(v4a, v4b, 8, 7, zeros[:8])...)},
		{"icmpv4.ipv4_trunc_pkt", eth, icmpError(3, zeros[:19]...)},
		{"icmpv4.ipv4_unknown_ver", eth, icmpError(11, zeros...)},
		{"sctp.pkt_too_small", eth, ip4(132, zeros[:11]...)},
		{"esp.pkt_too_small", eth, ip6(50, zeros[:7]...)},
		{"gre.pkt_too_small", eth, ip4(47, 0, 0, 8)},
		{"gre.wrong_version", eth, gre(3, 0x0800)},
		{"gre.version0_recur", eth, gre(0x0100, 0x0800)},
		{"gre.version0_flags", eth, gre(0x0008, 0x0800)},
		{"gre.version0_hdr_too_big", eth, gre(0x8000, 0x0800)},
		{"gre.version0_malformed_sre_hdr", eth, gre(0x4000, 0x0800, 0, 0, 0, 0, 0, 2, 0, 99, 0)},
		{"gre.version1_chksum", eth, gre(0x8001, 0x880b)},
		{"gre.version1_route", eth, gre(0x4001, 0x880b)},
		{"gre.version1_ssr", eth, gre(0x0801, 0x880b)},
		{"gre.version1_recur", eth, gre(0x0101, 0x880b)},
		{"gre.version1_flags", eth, gre(0x0009, 0x880b)},
		{"gre.version1_wrong_protocol", eth, gre(0x2001, 0x0800)},
		{"gre.version1_no_key", eth, gre(0x0001, 0x880b)},
		{"gre.version1_hdr_too_big", eth, gre(0x3001, 0x880b, 0, 0, 0)},
		{"erspan.header_too_small", eth, gre(0x1000, 0x88be, 0, 0, 0, 1, 0x10)},
		{"erspan.unsupported_version", eth, gre(0x1000, 0x88be, append([]byte{0, 0, 0, 1, 0x70, 0}, zeros...)...)},
		{"erspan.too_many_vlan_layers", eth, packettest.Ethernet(0x0800, gre(0x1000, 0x88be, append([]byte{0, 0, 0, 1, 0x10, 5}, zeros...)...)[14:], 1, 2, 3)},
		{"vxlan.unknown_payload_type", eth, vxlan(ether(0x88cc, zeros...)...)},
		{"geneve.unknown_payload_type", eth, geneve(0x88cc, zeros...)},
	}
}

func ip6Cases() []raising {
	eth := packet.LinkEthernet
	twice := func(kind uint8) []byte {
		return ip6(kind, kind, 0, 5, 2, 0, 0, 1, 0, 59, 0, 5, 2, 0, 0, 1, 0)
	}
	many := func() (b []byte) {
		for range 17 {
			b = append(b, 60, 0, 5, 2, 0, 0, 1, 0)
		}
		return ip6(60, b...)
	}
	return []raising{
		{"ipv6.pkt_too_small", eth, ether(0x86dd, zeros[:39]...)},
		{"ipv6.wrong_ip_version", eth, ether(0x86dd, zeros...)},
		{"ipv6.trunc_pkt", eth, edited(ip6(59), 18, 0, 9)},
		{"ipv6.trunc_exthdr", eth, ip6(0, 6, 9, 0, 0, 0, 0, 0, 0)},
		{"ipv6.too_many_exthdr", eth, many()},
		{"ipv6.exthdr_dupl_fh", eth, ip6(44, 44, 0, 0, 0, 0, 0, 0, 1, 59, 0, 0, 0, 0, 0, 0, 1)},
		{"ipv6.exthdr_useless_fh", eth, ip6(44, 59, 0, 0, 0, 0, 0, 0, 1)},
		{"ipv6.exthdr_dupl_rh", eth, twice(43)},
		{"ipv6.exthdr_dupl_hh", eth, twice(0)},
		{"ipv6.exthdr_dupl_dh", eth, twice(60)},
		{"ipv6.exthdr_dupl_ah", eth, ip6(51, 51, 0, 0, 0, 0, 0, 0, 1, 59, 0, 0, 0, 0, 0, 0, 1)},
		{"ipv6.exthdr_ah_res_not_null", eth, ip6(51, 59, 0, 1, 0, 0, 0, 0, 1)},
		{"ipv6.exthdr_invalid_optlen", eth, ip6(60, 59, 0, 5, 99, 0, 0, 0, 0)},
		{"ipv6.hopopts_unknown_opt", eth, ip6(0, 59, 0, 77, 4, 0, 0, 0, 0)},
		{"ipv6.hopopts_only_padding", eth, ip6(0, 59, 0, 1, 4, 0, 0, 0, 0)},
		{"ipv6.dstopts_unknown_opt", eth, ip6(60, 59, 0, 77, 4, 0, 0, 0, 0)},
		{"ipv6.dstopts_only_padding", eth, ip6(60, 59, 0, 1, 4, 0, 0, 0, 0)},
		{"ipv6.zero_len_padn", eth, ip6(60, 59, 0, 1, 0, 1, 2, 0, 0)},
		{"ipv6.rh_type_0", eth, ip6(43, 59, 0, 0, 0, 0, 0, 0, 0)},
		{"ipv6.fh_non_zero_reserved_field", eth, ip6(44, 59, 1, 0, 0, 0, 0, 0, 1)},
		{"ipv6.data_after_none_header", eth, ip6(59, 1)},
		{"ipv6.unknown_next_header", eth, ip6(253, 1)},
		{"ipv6.icmpv4", eth, ip6(1, zeros...)},
		{"ipv6.frag_invalid_length", eth, ip6(44, append([]byte{17, 0, 0, 1, 0, 0, 0, 1}, zeros[:9]...)...)},
		{"ipv6.frag_pkt_too_large", eth, ip6(44, append([]byte{17, 0, 0xff, 0xf8, 0, 0, 0, 1}, zeros...)...)},
		{"ipv6.ipv4_in_ipv6_too_small", eth, ip6(4, zeros[:19]...)},
		{"ipv6.ipv4_in_ipv6_wrong_version", eth, ip6(4, zeros...)},
		{"ipv6.ipv6_in_ipv6_too_small", eth, ip6(41, zeros[:39]...)},
		{"ipv6.ipv6_in_ipv6_wrong_version", eth, ip6(41, zeros...)},
		{"icmpv6.pkt_too_small", eth, ip6(58, 128, 0, 0)},
		{"icmpv6.unknown_type", eth, icmp6(0, 0, zeros...)},
		{"icmpv6.unknown_code", eth, icmp6(128, 9, zeros...)},
		{"icmpv6.unassigned_type", eth, icmp6(50, 0, zeros...)},
		{"icmpv6.experimentation_type", eth, icmp6(100, 0, zeros...)},
		{"icmpv6.mld_message_with_invalid_hl", eth, icmp6(130, 0, zeros...)},
		{"icmpv6.ipv6_trunc_pkt", eth, icmp6(1, 0, zeros[:20]...)},
		{"icmpv6.ipv6_unknown_version", eth, icmp6(3, 0, append(zeros, zeros...)...)},
	}
}

// TestEveryEventIsRaised: each event of the table comes from a packet, alone or with others; those no packet of one kind
// can raise are named, with where they are shown.
func TestEveryEventIsRaised(t *testing.T) {
	raised := map[packet.Event]bool{}
	for _, c := range slices.Concat(linkCases(), ip4Cases(), ip6Cases()) {
		want, ok := packet.ParseEvent(c.event)
		if !ok {
			t.Errorf("%s is no event", c.event)
			continue
		}
		var p, inner packet.Packet
		p.Decode(at, c.frame, len(c.frame), c.link)
		got := p.Events
		d := packet.NewDefragmenter(packet.DefragLimits{})
		if p.Fragment {
			d.Add(&p, &inner)
		}
		for outer, in := &p, &inner; ; outer, in = in, new(packet.Packet) {
			inside := outer.DecodeInner(in)
			for i := range got {
				got[i] |= outer.Events[i]
			}
			if !inside {
				break
			}
		}
		if !got.Has(want) {
			t.Errorf("%s was not raised by % x: invalid %v, %v", c.event, c.frame, p.Invalid, got)
		}
		raised[want] = true
	}
	elsewhere := map[string]string{
		"ipv4.opt_eol_required": "nothing raises it: RFC 791 requires no end of options, and Suricata raises it nowhere either",
		"ipv4.frag_overlap":     "TestOverlap and its kin in fragment_test.go", "ipv6.frag_overlap": "the same",
		"ipv4.frag_ignored": "TestDefragLimits", "ipv6.frag_ignored": "the same",
		"ipv6.exthdr_dupl_eh": "nothing follows ESP that could be read: a name of the rule language only",
	}
	for e := packet.Event(1); e < packet.EventCount; e++ {
		if _, other := elsewhere[e.String()]; !raised[e] && !other {
			t.Errorf("no packet raises %s", e)
		}
		if again, ok := packet.ParseEvent(e.String()); !ok || again != e {
			t.Errorf("%d: %q is read as %d", e, e, again)
		}
	}
	for _, former := range []string{"udp.hlen_invalid", "gre.version1_malformed_sre_hdr", "ipv4.frag.too_large"} {
		if _, ok := packet.ParseEvent(former); !ok {
			t.Errorf("%s is not known", former)
		}
	}
}

// TestSessionsBeginQuietly: the control protocols of a PPPoE session are no oddity, whichever they are.
func TestSessionsBeginQuietly(t *testing.T) {
	for _, proto := range []uint16{0xc021, 0x8021, 0x8057, 0x80fd, 0xc223} {
		frame := ether(0x8864, 0x11, 0, 0, 1, 0, 6, byte(proto>>8), byte(proto), 1, 1, 0, 4)
		var p packet.Packet
		if e := p.Decode(at, frame, len(frame), packet.LinkEthernet); e != packet.EventNone || !p.Events.Empty() {
			t.Errorf("%04x: %v, %v", proto, e, p.Events)
		}
	}
}

func TestTunnelsTellWhereTheyCameFrom(t *testing.T) {
	frame := packettest.Ethernet(0x0800, tcp4("in"))
	for name, outer := range map[string][]byte{"vxlan": vxlan(frame...), "geneve": geneve(0x6558, frame...)} {
		var p, inner packet.Packet
		p.Decode(at, outer, len(outer), packet.LinkEthernet)
		if !p.DecodeInner(&inner) || inner.VNI != 5 || p.VNI != 0 || string(inner.Payload) != "in" || inner.Depth != 1 {
			t.Errorf("%s: outside %d, inside %d, %q", name, p.VNI, inner.VNI, inner.Payload)
		}
	}
	var p, inner packet.Packet
	erspan := gre(0x1000, 0x88be, append([]byte{0, 0, 0, 1, 0x10, 77, 0, 0, 0, 0, 0, 0}, frame...)...)
	p.Decode(at, erspan, len(erspan), packet.LinkEthernet)
	if !p.DecodeInner(&inner) || inner.VLANs != 1 || inner.VLAN[0] != 77 || string(inner.Payload) != "in" {
		t.Errorf("erspan: %d tags %v, %q", inner.VLANs, inner.VLAN, inner.Payload)
	}
	for name, frame := range map[string][]byte{
		"vntag": ether(0x8926, append([]byte{0, 0, 0, 0, 8, 0}, tcp4("in")...)...), "802.1ah": ether(0x88e7, append(append(make([]byte, 16), 8, 0), tcp4("in")...)...),
		"fabricpath": ether(0x8903, append(make([]byte, 16), frame...)...), "ppp over mpls label": append([]byte{0xff, 3, 2, 0x81}, label(99, tcp4("in")...)[14:]...),
	} {
		link := packet.LinkEthernet
		if frame[0] == 0xff {
			link = packet.LinkPPP
		}
		if p.Decode(at, frame, len(frame), link); string(p.Payload) != "in" {
			t.Errorf("%s: %v, %q", name, p.Invalid, p.Payload)
		}
	}
}
