package packet_test

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"net/netip"
	"testing"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/packettest"
)

// fragment cuts an IPv4 payload; off and n are in bytes.
func fragment(id uint16, payload []byte, off, n int, more bool) []byte {
	frag := uint16(off / 8)
	if more {
		frag |= 0x2000
	}
	return packettest.IP4{Src: v4a, Dst: v4b, Proto: 17, ID: id, Frag: frag}.Packet(payload[off : off+n])
}

func add(d *packet.Defragmenter, b []byte, when time.Time) (*packet.Packet, bool) {
	var p, whole packet.Packet
	p.Decode(when, b, len(b), packet.LinkRaw)
	ok := d.Add(&p, &whole)
	return &whole, ok
}

func datagram(n int) []byte {
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	return packettest.UDP(netip.AddrPortFrom(v4a, 1000), netip.AddrPortFrom(v4b, 2000), payload)
}

// TestDefragOrders puts a datagram together from fragments in every order of arrival, with repeats.
func TestDefragOrders(t *testing.T) {
	udp := datagram(1000)
	cuts := [][3]int{{0, 400, 1}, {400, 400, 1}, {800, 208, 0}}
	for seed := range 50 {
		r := rand.New(rand.NewSource(int64(seed)))
		d := packet.NewDefragmenter(packet.DefragLimits{})
		order := append(r.Perm(3), r.Perm(3)...)
		seen := map[int]bool{}
		for _, i := range order {
			c := cuts[i]
			whole, ok := add(d, fragment(9, udp, c[0], c[1], c[2] == 1), at)
			seen[i] = true
			if ok != (len(seen) == 3) {
				t.Fatalf("seed %d: complete = %v after %d parts", seed, ok, len(seen))
			}
			if ok {
				if !bytes.Equal(whole.Payload, udp[8:]) || whole.TransportChecksum() != packet.ChecksumGood || whole.IPChecksum() != packet.ChecksumGood || !whole.Rebuilt {
					t.Fatalf("seed %d: wrong packet: %d bytes, checksums %v %v", seed, len(whole.Payload), whole.IPChecksum(), whole.TransportChecksum())
				}
				break
			}
		}
	}
}

func TestDefragIPv6(t *testing.T) {
	udp := packettest.UDP(netip.AddrPortFrom(v6a, 1000), netip.AddrPortFrom(v6b, 2000), bytes.Repeat([]byte("ab"), 300))
	frag := func(off, n int, more uint16) []byte {
		h := []byte{17, 0, 0, 0, 0, 0, 0, 42}
		binary.BigEndian.PutUint16(h[2:], uint16(off)|more)
		return packettest.IP(v6a, v6b, 44, append(h, udp[off:off+n]...))
	}
	d := packet.NewDefragmenter(packet.DefragLimits{})
	if _, ok := add(d, frag(304, len(udp)-304, 0), at); ok {
		t.Fatal("complete after one part")
	}
	whole, ok := add(d, frag(0, 304, 1), at)
	if !ok || whole.TransportChecksum() != packet.ChecksumGood || len(whole.Payload) != 600 {
		t.Fatalf("not put together: %v %+v", ok, whole)
	}
}

// TestDefragOverlap pins the policy: earlier arrivals stay, except where a later one begins before them.
func TestDefragOverlap(t *testing.T) {
	header := datagram(40)[:8]
	header[4], header[5], header[6], header[7] = 0, 48, 0, 0 // no checksum: the contents are letters
	part := func(off int, letter byte, n int, more bool) []byte {
		b := append(bytes.Clone(header), bytes.Repeat([]byte{letter}, 40)...)
		_ = n
		return fragment(1, b, off, n, more)
	}
	f := func(name, want string, parts ...[]byte) {
		t.Helper()
		d := packet.NewDefragmenter(packet.DefragLimits{})
		for i, b := range parts {
			whole, ok := add(d, b, at)
			if ok != (i == len(parts)-1) {
				t.Errorf("%s: complete = %v after part %d", name, ok, i)
				return
			}
			if ok && string(whole.Payload) != want {
				t.Errorf("%s: got %q, want %q", name, whole.Payload, want)
			}
			if ok && !whole.Events.Has(packet.EventIPv4FragOverlap) {
				t.Errorf("%s: overlap not noted", name)
			}
		}
	}
	f("first stays", "AAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCC",
		part(0, 'A', 16, true), part(16, 'B', 16, true), part(24, 'C', 24, false))
	f("an earlier beginning wins", "AAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCC",
		part(0, 'A', 16, true), part(24, 'C', 24, false), part(16, 'B', 16, true))
}

func TestDefragLimits(t *testing.T) {
	udp := datagram(1000)
	d := packet.NewDefragmenter(packet.DefragLimits{TrackersMax: 2, Timeout: time.Second})
	add(d, fragment(1, udp, 0, 400, true), at)
	add(d, fragment(2, udp, 0, 400, true), at)
	add(d, fragment(3, udp, 0, 400, true), at) // pushes 1 out
	if s := d.Stats(); s.Evicted != 1 {
		t.Errorf("evicted %d, want 1", s.Evicted)
	}
	add(d, fragment(4, udp, 0, 400, true), at.Add(3*time.Second)) // 2 and 3 time out
	if s := d.Stats(); s.TimedOut != 2 {
		t.Errorf("timed out %d, want 2", s.TimedOut)
	}
	d = packet.NewDefragmenter(packet.DefragLimits{BytesMax: 10000})
	for id := range uint16(100) {
		add(d, fragment(id, udp, 0, 400, true), at)
	}
	if s := d.Stats(); s.Evicted < 90 {
		t.Errorf("evicted %d under a limit of 10000 bytes", s.Evicted)
	}
	d = packet.NewDefragmenter(packet.DefragLimits{FragmentsMax: 3})
	for i := range 5 {
		add(d, fragment(1, udp, i*8, 8, true), at)
	}
	if s := d.Stats(); s.Refused != 2 {
		t.Errorf("refused %d, want 2", s.Refused)
	}
	var p, whole packet.Packet
	b := packettest.IP4{Src: v4a, Dst: v4b, Proto: 17, Frag: 0x1fff}.Packet(make([]byte, 100))
	p.Decode(at, b, len(b), packet.LinkRaw)
	if d.Add(&p, &whole) || !p.Events.Has(packet.EventIPv4FragTooLarge) {
		t.Error("a fragment beyond 65535 bytes was taken")
	}
}

func TestTunnels(t *testing.T) {
	inner := tcp4("inside")
	f := func(name string, frame []byte, ok bool) {
		t.Helper()
		var p, in packet.Packet
		p.Decode(at, frame, len(frame), packet.LinkRaw)
		got := p.DecodeInner(&in)
		if got != ok || ok && (string(in.Payload) != "inside" || in.Depth != 1) {
			t.Errorf("%s: %v, payload %q", name, got, in.Payload)
		}
	}
	ip := func(proto uint8, b ...[]byte) []byte { return packettest.IP(v4a, v4b, proto, bytes.Join(b, nil)) }
	udp := func(port uint16, b ...[]byte) []byte {
		return packettest.IP(v4a, v4b, 17, packettest.UDP(netip.AddrPortFrom(v4a, 9999), netip.AddrPortFrom(v4b, port), bytes.Join(b, nil)))
	}
	eth := packettest.Ethernet(0x0800, inner)
	f("gre", ip(47, []byte{0, 0, 8, 0}, inner), true)
	f("gre with key and sequence", ip(47, []byte{0x30, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2}, inner), true)
	f("gre ethernet", ip(47, []byte{0, 0, 0x65, 0x58}, eth), true)
	f("gre version", ip(47, []byte{0, 5, 8, 0}, inner), false)
	f("gre short", ip(47, []byte{0, 0, 8}), false)
	f("pptp", ip(47, []byte{0x30, 1, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21}, inner), true)
	f("ip in ip", ip(4, inner), true)
	f("vxlan", udp(4789, []byte{8, 0, 0, 0, 0, 0, 5, 0}, eth), true)
	f("vxlan without flag", udp(4789, []byte{0, 0, 0, 0, 0, 0, 5, 0}, eth), false)
	f("geneve", udp(6081, []byte{0, 0, 0x65, 0x58, 0, 0, 5, 0}, eth), true)
	f("plain udp", udp(53, []byte("hello")), false)
	six := packettest.IP(v6a, v6b, 6, packettest.TCP{SrcPort: 1, DstPort: 2}.Segment(v6a, v6b, []byte("inside")))
	f("6in4", ip(41, six), true)
	f("teredo", udp(3544, six), true)
	f("teredo with more behind", udp(3544, six, []byte{0}), false)
}
