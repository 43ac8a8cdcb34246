package packet

import (
	"encoding/binary"
	"net/netip"
)

// IPv6 extension headers seen, bits of Packet.ExtHdrs.
const (
	ExtHopByHop uint16 = 1 << iota
	ExtRouting
	ExtFragment
	ExtDestination
	ExtAH
	ExtESP
	ExtNone
	ExtMobility
	ExtOther // HIP, Shim6
)

const extHeadersMax = 16

func (p *Packet) decodeIPv6(b []byte) Event {
	if len(b) < 40 {
		return p.fail(EventIPv6TooSmall)
	}
	if b[0]>>4 != 6 {
		return p.fail(EventIPv6WrongVersion)
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n > len(b)-40 {
		return p.fail(EventIPv6Truncated)
	}
	first := binary.BigEndian.Uint32(b)
	p.IPVersion = 6
	p.LinkLen = len(p.Data) - len(b)
	p.Kind = KindIP
	p.TOS = uint8(first >> 20)
	p.FlowLabel = first & 0xfffff
	p.TTL = b[7]
	p.Src = netip.AddrFrom16([16]byte(b[8:24]))
	p.Dst = netip.AddrFrom16([16]byte(b[24:40]))
	p.IPHeader = b[:40]
	return p.decodeExtensions(b[6], b[40:40+n])
}

// decodeExtensions walks the extension headers. Its loop is bounded by a count, not by the packet's word.
func (p *Packet) decodeExtensions(next byte, b []byte) Event {
	for range extHeadersMax {
		p.Proto = Proto(next)
		p.IPPayload = b
		if p.ExtHdrs != 0 && len(b) < 2 && next != 59 {
			return p.fail(EventIPv6ExtTruncated)
		}
		switch next {
		case 0, 43, 60, 135, 139, 140: // hop-by-hop, routing, destination, mobility, HIP, Shim6
			if len(b) < 8 {
				return p.fail(EventIPv6ExtTruncated)
			}
			n := int(b[1])*8 + 8
			if n > len(b) {
				return p.fail(EventIPv6ExtTruncated)
			}
			p.noteExtension(next, b[:n])
			next, b = b[0], b[n:]
		case 44:
			if len(b) < 8 {
				return p.fail(EventIPv6ExtTruncated)
			}
			if stop := p.decodeFragmentHeader(b); stop {
				return EventNone
			}
			next, b = b[0], b[8:]
		case 51:
			if len(b) < 8 {
				return p.fail(EventIPv6ExtTruncated)
			}
			n := int(b[1])*4 + 8
			if n > len(b) {
				return p.fail(EventIPv6ExtTruncated)
			}
			p.noteOnce(ExtAH, EventIPv6ExtDuplicateAH)
			if b[2] != 0 || b[3] != 0 {
				p.Events.Add(EventIPv6ExtAHReserved)
			}
			next, b = b[0], b[n:]
		case 50:
			p.noteOnce(ExtESP, EventIPv6ExtDuplicateEH)
			return p.decodeTransport()
		case 59:
			p.ExtHdrs |= ExtNone
			if len(b) > 0 {
				p.Events.Add(EventIPv6DataAfterNone)
			}
			return EventNone
		case 1, 4, 6, 17, 41, 47, 58, 132:
			return p.decodeTransport()
		default:
			p.Events.Add(EventIPv6UnknownNext)
			p.Payload = b
			return EventNone
		}
	}
	return p.fail(EventIPv6ExtTooMany)
}

func (p *Packet) noteOnce(bit uint16, twice Event) {
	if p.ExtHdrs&bit != 0 {
		p.Events.Add(twice)
	}
	p.ExtHdrs |= bit
}

func (p *Packet) noteExtension(next byte, h []byte) {
	switch next {
	case 0:
		p.noteOnce(ExtHopByHop, EventIPv6ExtDuplicateHH)
		p.checkOptions(h[2:], EventIPv6HopUnknownOpt, EventIPv6HopOnlyPadding)
	case 60:
		// Two destination headers are legal, one before routing, one last (RFC 8200 4.1).
		if p.ExtHdrs&ExtDestination != 0 && p.ExtHdrs&ExtRouting == 0 {
			p.Events.Add(EventIPv6ExtDuplicateDH)
		}
		p.ExtHdrs |= ExtDestination
		p.checkOptions(h[2:], EventIPv6DstUnknownOpt, EventIPv6DstOnlyPadding)
	case 43:
		p.noteOnce(ExtRouting, EventIPv6ExtDuplicateRH)
		if h[2] == 0 {
			p.Events.Add(EventIPv6RHType0)
		}
	case 135:
		p.ExtHdrs |= ExtMobility
	default:
		p.ExtHdrs |= ExtOther
	}
}

func (p *Packet) checkOptions(b []byte, unknown, onlyPadding Event) {
	padding, other := false, false
	for len(b) > 0 {
		if b[0] == 0 { // Pad1
			padding = true
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			p.Events.Add(EventIPv6ExtInvalidOptLen)
			return
		}
		switch b[0] {
		case 1:
			padding = true
			if b[1] == 0 {
				p.Events.Add(EventIPv6ZeroLenPadN)
			}
		case 0x05, 0xc2, 0xc9, 0x04, 0x06, 0x07, 0x26, 0x31, 0x63, 0x8b: // router alert, jumbo, home address, limits, …
			other = true
		default:
			other = true
			p.Events.Add(unknown)
		}
		b = b[2+int(b[1]):]
	}
	if padding && !other {
		p.Events.Add(onlyPadding)
	}
}

// decodeFragmentHeader notes the fragment header and tells whether decoding ends here (a real fragment).
func (p *Packet) decodeFragmentHeader(b []byte) bool {
	p.noteOnce(ExtFragment, EventIPv6ExtDuplicateFH)
	off := binary.BigEndian.Uint16(b[2:])
	p.FragOff = off &^ 7
	p.MoreFrags = off&1 != 0
	p.IPID = binary.BigEndian.Uint32(b[4:])
	if b[1] != 0 || off&6 != 0 {
		p.Events.Add(EventIPv6FHReserved)
	}
	if p.FragOff == 0 && !p.MoreFrags { // an atomic fragment (RFC 6946): whole
		p.Events.Add(EventIPv6ExtUselessFH)
		return false
	}
	p.Fragment = true
	p.Proto = Proto(b[0])
	p.IPPayload = b[8:]
	if p.MoreFrags && len(p.IPPayload)%8 != 0 {
		p.Events.Add(EventIPv6FragInvalidLen)
	}
	return true
}
