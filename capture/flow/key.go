package flow

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"fengsui/capture/packet"
)

// Key names a flow: addresses and ports in a canonical order, so that both directions have the same key.
type Key struct {
	a, b [2]uint64 // addresses, big-endian; the smaller (address, port) pair is a
	rest uint64    // ports, protocol, IP version, tunnel depth
	vlan uint64
}

// MakeKey returns the key of a packet, whether the packet's source is the pair that stands first in it (swapped =
// false), and whether the packet belongs to a flow at all.
func MakeKey(p *packet.Packet) (k Key, swapped, ok bool) {
	src, dst := words(p.Src.As16()), words(p.Dst.As16())
	sport, dport := p.SrcPort, p.DstPort
	proto := p.Proto
	switch p.Kind {
	case packet.KindTCP, packet.KindUDP:
	case packet.KindICMP, packet.KindICMPv6:
		if q, quoted := quotedPorts(p); quoted {
			src, dst, sport, dport, proto = q.src, q.dst, q.sport, q.dport, q.proto
		} else {
			sport, dport = icmpPorts(p)
		}
	case packet.KindIP:
		if p.Fragment {
			return k, false, false
		}
		switch proto {
		case packet.ProtoSCTP, packet.ProtoESP, packet.ProtoIPIP, packet.ProtoIPv6:
		default:
			return k, false, false
		}
	default:
		return k, false, false
	}
	swapped = dst[0] < src[0] || dst[0] == src[0] && (dst[1] < src[1] || dst[1] == src[1] && dport < sport)
	if swapped {
		src, dst, sport, dport = dst, src, dport, sport
	}
	k.a, k.b = src, dst
	k.rest = uint64(sport)<<48 | uint64(dport)<<32 | uint64(proto)<<16 | uint64(p.IPVersion)<<8 | uint64(p.Depth)
	k.vlan = uint64(p.VLAN[0])<<32 | uint64(p.VLAN[1])<<16 | uint64(p.VLAN[2])
	return k, swapped, true
}

func words(b [16]byte) [2]uint64 {
	return [2]uint64{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Hash mixes the key with a seed. The same seed spreads flows over workers; it should be secret where senders may be
// hostile, so that they cannot aim at one chain.
func (k *Key) Hash(seed uint64) uint64 {
	h := mul(k.a[0]^seed, k.a[1]^0xa0761d6478bd642f)
	h = mul(h^k.b[0], k.b[1]^0xe7037ed1a0b428db)
	return mul(h^k.rest, k.vlan^seed^0x8ebc6af09c88c6e3)
}

func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo ^ a
}

// icmpPorts makes ports of ICMP types, so that a request and its answer are one flow.
func icmpPorts(p *packet.Packet) (sport, dport uint16) {
	t := uint16(p.ICMP.Type)
	other, paired := counterpart(p)
	if !paired {
		return t, uint16(p.ICMP.Code)
	}
	return t, uint16(other)
}

// counterpart returns the type that answers a packet's ICMP type.
func counterpart(p *packet.Packet) (uint8, bool) {
	t := p.ICMP.Type
	if p.Kind == packet.KindICMP {
		switch t {
		case 0, 13, 15, 17:
			if t == 0 {
				return 8, true
			}
			return t + 1, true
		case 8, 14, 16, 18:
			if t == 8 {
				return 0, true
			}
			return t - 1, true
		case 9:
			return 10, true
		case 10:
			return 9, true
		}
		return 0, false
	}
	switch t {
	case 128:
		return 129, true
	case 129:
		return 128, true
	case 133:
		return 134, true
	case 134:
		return 133, true
	case 135:
		return 136, true
	case 136:
		return 135, true
	case 130:
		return 131, true
	case 131:
		return 130, true
	case 139:
		return 140, true
	case 140:
		return 139, true
	case 144:
		return 145, true
	case 145:
		return 144, true
	}
	return 0, false
}

type quoted struct {
	src, dst     [2]uint64
	sport, dport uint16
	proto        packet.Proto
}

// quotedPorts reads the packet that an ICMP destination-unreachable message quotes (RFC 792: header and 8 bytes).
func quotedPorts(p *packet.Packet) (q quoted, ok bool) {
	if p.Kind != packet.KindICMP || p.ICMP.Type != 3 {
		return q, false
	}
	b := p.Payload
	if len(b) < 28 || b[0]>>4 != 4 {
		return q, false
	}
	n := int(b[0]&15) * 4
	if n < 20 || n+8 > len(b) {
		return q, false
	}
	q.proto = packet.Proto(b[9])
	if q.proto != packet.ProtoTCP && q.proto != packet.ProtoUDP {
		return q, false
	}
	// The message travels against the packet it quotes.
	q.src, q.dst = v4words(b[16:20]), v4words(b[12:16])
	q.sport = binary.BigEndian.Uint16(b[n+2:])
	q.dport = binary.BigEndian.Uint16(b[n:])
	return q, true
}

// Quoted returns the addresses of the packet that an ICMP error quotes, which decide its flow.
func Quoted(p *packet.Packet) (src, dst netip.Addr, ok bool) {
	if _, ok = quotedPorts(p); !ok {
		return src, dst, false
	}
	return netip.AddrFrom4([4]byte(p.Payload[12:16])), netip.AddrFrom4([4]byte(p.Payload[16:20])), true
}

// v4words gives an IPv4 address the form netip.Addr.As16 gives it.
func v4words(b []byte) [2]uint64 {
	return [2]uint64{0, 0xffff<<32 | uint64(binary.BigEndian.Uint32(b))}
}
