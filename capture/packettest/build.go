package packettest

import (
	"encoding/binary"
	"net/netip"
)

// Ethernet wraps a payload in an Ethernet header with fixed addresses and the given VLAN tags, outermost first.
func Ethernet(etherType uint16, payload []byte, vlans ...uint16) []byte {
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	for _, v := range vlans {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = binary.BigEndian.AppendUint16(b, etherType)
	return append(b, payload...)
}

// IP4 is an IPv4 header in words.
type IP4 struct {
	Src, Dst netip.Addr
	Proto    uint8
	ID       uint16
	Frag     uint16 // flags and offset as they stand in the header
	TTL      uint8  // 64 when zero
	Options  []byte // padded to four bytes by the caller
}

// Packet returns header and payload.
func (h IP4) Packet(payload []byte) []byte {
	if h.TTL == 0 {
		h.TTL = 64
	}
	n := 20 + len(h.Options)
	b := make([]byte, n, n+len(payload))
	b[0] = 0x40 | byte(n/4)
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(payload)))
	binary.BigEndian.PutUint16(b[4:], h.ID)
	binary.BigEndian.PutUint16(b[6:], h.Frag)
	b[8], b[9] = h.TTL, h.Proto
	src, dst := h.Src.As4(), h.Dst.As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	copy(b[20:], h.Options)
	binary.BigEndian.PutUint16(b[10:], ^onesSum(b))
	return append(b, payload...)
}

// IP6 returns an IPv6 packet.
func IP6(src, dst netip.Addr, next uint8, payload []byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6], b[7] = next, 64
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	return append(b, payload...)
}

// IP returns an IPv4 or IPv6 packet, as the addresses say.
func IP(src, dst netip.Addr, proto uint8, payload []byte) []byte {
	if src.Is4() {
		return IP4{Src: src, Dst: dst, Proto: proto}.Packet(payload)
	}
	return IP6(src, dst, proto, payload)
}

// TCP is a TCP header in words.
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            uint8
	Window           uint16
	Urgent           uint16
	Options          []byte // padded to four bytes by the caller
}

// Segment returns header and payload with the right checksum.
func (t TCP) Segment(src, dst netip.Addr, payload []byte) []byte {
	n := 20 + len(t.Options)
	b := make([]byte, n, n+len(payload))
	binary.BigEndian.PutUint16(b, t.SrcPort)
	binary.BigEndian.PutUint16(b[2:], t.DstPort)
	binary.BigEndian.PutUint32(b[4:], t.Seq)
	binary.BigEndian.PutUint32(b[8:], t.Ack)
	b[12], b[13] = byte(n/4)<<4, t.Flags
	binary.BigEndian.PutUint16(b[14:], t.Window)
	binary.BigEndian.PutUint16(b[18:], t.Urgent)
	copy(b[20:], t.Options)
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[16:], transportSum(src, dst, 6, b))
	return b
}

// UDP returns a datagram with the right checksum.
func UDP(src, dst netip.AddrPort, payload []byte) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(b, src.Port())
	binary.BigEndian.PutUint16(b[2:], dst.Port())
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	b = append(b, payload...)
	sum := transportSum(src.Addr(), dst.Addr(), 17, b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// ICMP returns a message (ICMPv6 when the addresses are IPv6) with the right checksum. rest is what follows the checksum.
func ICMP(src, dst netip.Addr, kind, code uint8, rest []byte) []byte {
	b := append([]byte{kind, code, 0, 0}, rest...)
	if src.Is4() {
		binary.BigEndian.PutUint16(b[2:], ^onesSum(b))
	} else {
		binary.BigEndian.PutUint16(b[2:], transportSum(src, dst, 58, b))
	}
	return b
}

// onesSum is the ones' complement sum of RFC 1071, two bytes at a time.
func onesSum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

func transportSum(src, dst netip.Addr, proto uint8, segment []byte) uint16 {
	var b []byte
	b = append(b, src.AsSlice()...)
	b = append(b, dst.AsSlice()...)
	if src.Is4() {
		b = append(b, 0, proto, byte(len(segment)>>8), byte(len(segment)))
	} else {
		b = append(b, 0, 0, byte(len(segment)>>8), byte(len(segment)), 0, 0, 0, proto)
	}
	return ^onesSum(append(b, segment...))
}
