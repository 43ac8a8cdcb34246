package packet_test

import (
	"net/netip"
	"testing"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/packettest"
)

var (
	v4a, v4b = netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.4.5.6")
	v6a, v6b = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	at       = time.Unix(1700000000, 5)
)

func tcp4(payload string) []byte {
	t := packettest.TCP{SrcPort: 1234, DstPort: 80, Seq: 7, Ack: 9, Flags: packet.PSH | packet.ACK, Window: 512, Options: []byte{2, 4, 5, 180, 1, 3, 3, 7}}
	return packettest.IP(v4a, v4b, 6, t.Segment(v4a, v4b, []byte(payload)))
}

func TestDecode(t *testing.T) {
	udp6 := packettest.IP(v6a, v6b, 17, packettest.UDP(netip.AddrPortFrom(v6a, 53), netip.AddrPortFrom(v6b, 5353), []byte("dns")))
	ext := packettest.IP(v6a, v6b, 0, append([]byte{60, 0, 5, 2, 0, 0, 1, 0, 17, 0, 1, 4, 0, 0, 0, 0}, udp6[40:]...))
	cases := []struct {
		name  string
		link  packet.LinkType
		frame []byte
		check func(p *packet.Packet) bool
	}{
		{"ethernet tcp", packet.LinkEthernet, packettest.Ethernet(0x0800, tcp4("hello")), func(p *packet.Packet) bool {
			return p.Kind == packet.KindTCP && p.Src == v4a && p.Dst == v4b && p.SrcPort == 1234 && p.DstPort == 80 && p.TCP.Seq == 7 && p.TCP.Ack == 9 &&
				p.TCP.Flags == packet.PSH|packet.ACK && p.TCP.Options.MSS == 1460 && p.TCP.Options.WScale == 7 && string(p.Payload) == "hello" &&
				p.TransportChecksum() == packet.ChecksumGood && p.IPChecksum() == packet.ChecksumGood && p.LinkLen == 14
		}},
		{"padding is no payload", packet.LinkEthernet, append(packettest.Ethernet(0x0800, tcp4("x")), make([]byte, 9)...), func(p *packet.Packet) bool {
			return string(p.Payload) == "x" && p.TransportChecksum() == packet.ChecksumGood
		}},
		{"two vlan tags", packet.LinkEthernet, packettest.Ethernet(0x0800, tcp4("v"), 100, 200), func(p *packet.Packet) bool {
			return p.VLANs == 2 && p.VLAN[0] == 100 && p.VLAN[1] == 200 && p.Kind == packet.KindTCP
		}},
		{"raw ip", packet.LinkRaw, tcp4("r"), func(p *packet.Packet) bool { return p.Kind == packet.KindTCP }},
		{"raw ipv6", packet.LinkRaw, udp6, func(p *packet.Packet) bool {
			return p.Kind == packet.KindUDP && p.IPVersion == 6 && string(p.Payload) == "dns" && p.TransportChecksum() == packet.ChecksumGood
		}},
		{"ipv6 extension headers", packet.LinkIPv6, ext, func(p *packet.Packet) bool {
			return p.Kind == packet.KindUDP && p.ExtHdrs == packet.ExtHopByHop|packet.ExtDestination && string(p.Payload) == "dns"
		}},
		{"null little endian", packet.LinkNull, append([]byte{2, 0, 0, 0}, tcp4("n")...), func(p *packet.Packet) bool { return string(p.Payload) == "n" }},
		{"null big endian ipv6", packet.LinkNull, append([]byte{0, 0, 0, 30}, udp6...), func(p *packet.Packet) bool { return p.Kind == packet.KindUDP }},
		{"sll", packet.LinkSLL, append([]byte{0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0}, tcp4("s")...), func(p *packet.Packet) bool {
			return string(p.Payload) == "s" && p.SrcMAC == [6]byte{1, 2, 3, 4, 5, 6}
		}},
		{"sll2", packet.LinkSLL2, append([]byte{8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0}, tcp4("t")...), func(p *packet.Packet) bool {
			return string(p.Payload) == "t"
		}},
		{"ppp", packet.LinkPPP, append([]byte{0xff, 3, 0, 0x21}, tcp4("p")...), func(p *packet.Packet) bool { return string(p.Payload) == "p" }},
		{"ppp compressed", packet.LinkPPP, append([]byte{0x57}, udp6...), func(p *packet.Packet) bool { return p.Kind == packet.KindUDP }},
		{"chdlc", packet.LinkCHDLC, append([]byte{0x0f, 0, 8, 0}, tcp4("c")...), func(p *packet.Packet) bool { return string(p.Payload) == "c" }},
		{"pppoe", packet.LinkEthernet, packettest.Ethernet(0x8864, append([]byte{0x11, 0, 0, 1, 0, 51, 0, 0x21}, tcp4("o")...)), func(p *packet.Packet) bool {
			return string(p.Payload) == "o"
		}},
		{"mpls", packet.LinkEthernet, packettest.Ethernet(0x8847, append([]byte{0, 1, 0, 64, 0, 1, 1, 64}, tcp4("m")...)), func(p *packet.Packet) bool {
			return string(p.Payload) == "m"
		}},
		{"nsh", packet.LinkEthernet, packettest.Ethernet(0x894f, append([]byte{0, 2, 2, 1, 0, 0, 0, 0}, tcp4("h")...)), func(p *packet.Packet) bool {
			return string(p.Payload) == "h"
		}},
		{"icmp echo", packet.LinkRaw, packettest.IP(v4a, v4b, 1, packettest.ICMP(v4a, v4b, 8, 0, []byte{0, 7, 0, 9, 'x'})), func(p *packet.Packet) bool {
			return p.Kind == packet.KindICMP && p.ICMP.Type == 8 && p.ICMP.ID == 7 && p.ICMP.Seq == 9 && string(p.Payload) == "x" && p.TransportChecksum() == packet.ChecksumGood
		}},
		{"icmpv6 echo", packet.LinkRaw, packettest.IP(v6a, v6b, 58, packettest.ICMP(v6a, v6b, 128, 0, []byte{0, 7, 0, 9, 'x'})), func(p *packet.Packet) bool {
			return p.Kind == packet.KindICMPv6 && p.ICMP.HasID && p.TransportChecksum() == packet.ChecksumGood
		}},
		{"arp is fine", packet.LinkEthernet, packettest.Ethernet(0x0806, append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, make([]byte, 20)...)), func(p *packet.Packet) bool { return p.Kind == packet.KindNone && p.Events.Empty() }},
		{"options", packet.LinkRaw, packettest.IP4{Src: v4a, Dst: v4b, Proto: 17, Options: []byte{7, 7, 4, 0, 0, 0, 0, 0}}.Packet(packettest.UDP(netip.AddrPortFrom(v4a, 1), netip.AddrPortFrom(v4b, 2), nil)), func(p *packet.Packet) bool {
			return p.IPOpts&packet.IPOptRR != 0 && p.IPOpts&packet.IPOptEOL != 0 && p.Kind == packet.KindUDP
		}},
	}
	for _, c := range cases {
		var p packet.Packet
		if e := p.Decode(at, c.frame, len(c.frame), c.link); e != packet.EventNone {
			t.Errorf("%s: %v", c.name, e)
			continue
		}
		if !c.check(&p) {
			t.Errorf("%s: decoded as %+v", c.name, p)
		}
	}
}

func TestDecodeMalformed(t *testing.T) {
	good := packettest.Ethernet(0x0800, tcp4("hello"))
	edit := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	cases := []struct {
		name  string
		frame []byte
		want  string
	}{
		{"short ethernet", good[:13], "ethernet.pkt_too_small"},
		{"short ip", good[:14+19], "ipv4.pkt_too_small"},
		{"version", edit(func(b []byte) []byte { b[14] = 0x55; return b }), "ipv4.wrong_ip_version"},
		{"header length", edit(func(b []byte) []byte { b[14] = 0x44; return b }), "ipv4.hlen_too_small"},
		{"total below header", edit(func(b []byte) []byte { b[16], b[17] = 0, 10; return b }), "ipv4.iplen_smaller_than_hlen"},
		{"cut off", good[:len(good)-1], "ipv4.trunc_pkt"},
		{"tcp header length", edit(func(b []byte) []byte { b[14+20+12] = 0x40; return b }), "tcp.hlen_too_small"},
		{"tcp options", edit(func(b []byte) []byte { b[14+20+12] = 0xf0; return b }), "tcp.invalid_optlen"},
		{"vlan", packettest.Ethernet(0x8100, []byte{0, 1}), "vlan.header_too_small"},
		{"vlan layers", packettest.Ethernet(0x8100, make([]byte, 60), 1, 2, 3), "vlan.too_many_layers"},
		{"udp length", packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 17, []byte{0, 1, 0, 2, 0, 7, 0, 0})), "udp.len_invalid"},
		{"udp longer than packet", packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 17, []byte{0, 1, 0, 2, 0, 70, 0, 0})), "udp.pkt_too_small"},
		{"icmp", packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 1, []byte{8, 0, 0, 0})), "icmpv4.pkt_too_small"},
		{"ipv6 cut off", packettest.Ethernet(0x86dd, packettest.IP(v6a, v6b, 59, []byte{1, 2, 3})[:42]), "ipv6.trunc_pkt"},
		{"ipv6 extension cut off", packettest.Ethernet(0x86dd, packettest.IP(v6a, v6b, 0, []byte{6, 9, 0, 0, 0, 0, 0, 0})), "ipv6.trunc_exthdr"},
	}
	for _, c := range cases {
		var p packet.Packet
		e := p.Decode(at, c.frame, len(c.frame), packet.LinkEthernet)
		if e.String() != c.want || p.Invalid != e || !p.Events.Has(e) {
			t.Errorf("%s: got %v (invalid %v), want %s", c.name, e, p.Invalid, c.want)
		}
		if back, ok := packet.ParseEvent(c.want); !ok || back != e {
			t.Errorf("%s: ParseEvent(%q) = %v, %v", c.name, c.want, back, ok)
		}
	}
	var p packet.Packet
	if e := p.Decode(at, good, len(good), 105); e != packet.EventLinkUnsupported {
		t.Errorf("802.11: %v", e)
	}
}

// TestEveryPrefix decodes every prefix of good packets: none may panic, and a checksum must not pass on a damaged one.
func TestEveryPrefix(t *testing.T) {
	var p packet.Packet
	frame := packettest.Ethernet(0x0800, tcp4("payload of some length"), 5)
	for n := range frame {
		p.Decode(at, frame[:n], len(frame), packet.LinkEthernet)
	}
	for i := 18 + 20; i < len(frame); i++ { // behind the IP header
		b := append([]byte(nil), frame...)
		b[i] ^= 0x10
		if p.Decode(at, b, len(b), packet.LinkEthernet) == packet.EventNone && p.Kind == packet.KindTCP && p.TransportChecksum() != packet.ChecksumBad {
			t.Errorf("byte %d changed, checksum still %v", i, p.TransportChecksum())
		}
	}
}

func TestEventNamesAreUnique(t *testing.T) {
	seen := map[string]packet.Event{}
	for e := packet.Event(1); e < packet.EventCount; e++ {
		n := e.String()
		if n == "" {
			t.Errorf("event %d has no name", e)
		}
		if other, dup := seen[n]; dup {
			t.Errorf("events %d and %d are both %q", e, other, n)
		}
		seen[n] = e
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	frames := [][]byte{
		packettest.Ethernet(0x0800, tcp4("hello"), 7),
		packettest.Ethernet(0x86dd, packettest.IP(v6a, v6b, 17, packettest.UDP(netip.AddrPortFrom(v6a, 1), netip.AddrPortFrom(v6b, 2), []byte("x")))),
		packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 1, packettest.ICMP(v4a, v4b, 8, 0, make([]byte, 12)))),
		packettest.Ethernet(0x0800, tcp4("hello"))[:40],
	}
	var p packet.Packet
	if n := testing.AllocsPerRun(200, func() {
		for _, f := range frames {
			p.Decode(at, f, len(f), packet.LinkEthernet)
			p.IPChecksum()
			p.TransportChecksum()
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d packets", n, len(frames))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(1), packettest.Ethernet(0x0800, tcp4("hello"), 7))
	f.Add(uint16(101), packettest.IP(v6a, v6b, 0, append([]byte{44, 0, 5, 2, 0, 0, 1, 0, 17, 0, 0, 1, 0, 0, 0, 9}, make([]byte, 16)...)))
	f.Add(uint16(9), append([]byte{0xff, 3, 0, 0x21}, tcp4("p")...))
	f.Add(uint16(1), packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 47, append([]byte{0x30, 0, 0x88, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0}, tcp4("g")...))))
	f.Add(uint16(1), packettest.Ethernet(0x0800, packettest.IP(v4a, v4b, 4, tcp4("i"))))
	d := packet.NewDefragmenter(packet.DefragLimits{TrackersMax: 4, BytesMax: 1 << 20})
	f.Fuzz(func(t *testing.T, link uint16, b []byte) {
		var p, q packet.Packet
		e := p.Decode(at, b, len(b), packet.LinkType(link))
		if (e == packet.EventNone) != (p.Invalid == packet.EventNone) {
			t.Fatalf("returned %v, Invalid %v", e, p.Invalid)
		}
		p.IPChecksum()
		p.TransportChecksum()
		if len(p.Payload) > len(b) || len(p.IPPayload) > len(b) {
			t.Fatalf("payload of %d bytes from a packet of %d", len(p.Payload), len(b))
		}
		if p.Fragment && d.Add(&p, &q) {
			q.TransportChecksum()
		}
		r := &p
		for range packet.TunnelDepthMax + 2 {
			next := new(packet.Packet)
			if !r.DecodeInner(next) {
				return
			}
			r = next
		}
		t.Fatal("tunnels have no end")
	})
}

func BenchmarkDecode(b *testing.B) {
	frames := map[string][]byte{
		"tcp4": packettest.Ethernet(0x0800, tcp4(string(make([]byte, 512)))),
		"udp6": packettest.Ethernet(0x86dd, packettest.IP(v6a, v6b, 17, packettest.UDP(netip.AddrPortFrom(v6a, 1), netip.AddrPortFrom(v6b, 2), make([]byte, 64)))),
		"vlan": packettest.Ethernet(0x0800, tcp4(string(make([]byte, 512))), 1, 2),
	}
	for name, f := range frames {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var p packet.Packet
			for b.Loop() {
				p.Decode(at, f, len(f), packet.LinkEthernet)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
	b.Run("checksum", func(b *testing.B) {
		f := packettest.Ethernet(0x0800, tcp4(string(make([]byte, 1400))))
		var p packet.Packet
		for b.Loop() {
			p.Decode(at, f, len(f), packet.LinkEthernet)
			p.TransportChecksum()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
	})
}
