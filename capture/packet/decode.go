package packet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Decode fills p from one frame, replacing everything it held. data is kept (not copied) until the next Decode. It
// returns EventNone when the packet could be read as far as we understand it, else the event that stopped it; then Kind
// tells how far it got, and nothing below the broken layer is set.
func (p *Packet) Decode(at time.Time, data []byte, origLen int, link LinkType) Event {
	*p = Packet{} // cleared in place; a composite literal with values would be built aside and copied
	p.Time, p.Data, p.OrigLen, p.Link = at, data, origLen, link
	return p.decodeLink(data)
}

// DecodeIP fills p from a bare IP packet, as defragmentation and tunnels give it. The link layer is taken from outer.
func (p *Packet) DecodeIP(outer *Packet, data []byte) Event {
	p.inherit(outer, data)
	return p.decodeRaw(data)
}

// DecodeEthernet fills p from an Ethernet frame found inside outer.
func (p *Packet) DecodeEthernet(outer *Packet, data []byte) Event {
	p.inherit(outer, data)
	return p.decodeEthernet(data)
}

func (p *Packet) inherit(outer *Packet, data []byte) {
	*p = Packet{
		Time: outer.Time, Number: outer.Number, Data: data, OrigLen: len(data), Link: outer.Link,
		SrcMAC: outer.SrcMAC, DstMAC: outer.DstMAC, HasMAC: outer.HasMAC, VLAN: outer.VLAN, VLANs: outer.VLANs,
		Depth: outer.Depth, VNI: outer.VNI,
	}
}

// fail notes an event that makes the rest of the packet unreadable.
func (p *Packet) fail(e Event) Event {
	p.Events.Add(e)
	p.Invalid = e
	return e
}

func (p *Packet) decodeIPv4(b []byte) Event {
	if len(b) < 20 {
		return p.fail(EventIPv4TooSmall)
	}
	if b[0]>>4 != 4 {
		return p.fail(EventIPv4WrongVersion)
	}
	header := int(b[0]&0x0f) * 4
	if header < 20 {
		return p.fail(EventIPv4HeaderTooSmall)
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < header {
		return p.fail(EventIPv4LenBelowHeader)
	}
	if total > len(b) {
		return p.fail(EventIPv4Truncated)
	}
	p.IPVersion = 4
	p.LinkLen = len(p.Data) - len(b)
	p.Kind = KindIP
	p.IPHeader = b[:header]
	p.IPPayload = b[header:total]
	p.TOS = b[1]
	p.IPID = uint32(binary.BigEndian.Uint16(b[4:]))
	frag := binary.BigEndian.Uint16(b[6:])
	p.Reserved = frag&0x8000 != 0
	p.DontFrag = frag&0x4000 != 0
	p.MoreFrags = frag&0x2000 != 0
	p.FragOff = frag & 0x1fff << 3
	p.Fragment = frag&0x3fff != 0 // MF or an offset
	p.TTL = b[8]
	p.Proto = Proto(b[9])
	p.Src = netip.AddrFrom4([4]byte(b[12:16]))
	p.Dst = netip.AddrFrom4([4]byte(b[16:20]))
	if header > 20 {
		p.IPOptions = b[20:header]
		p.decodeIPv4Options()
	}
	if p.Fragment {
		return EventNone
	}
	return p.decodeTransport()
}

func (p *Packet) decodeTransport() Event {
	b := p.IPPayload
	switch p.Proto {
	case ProtoTCP:
		return p.decodeTCP(b)
	case ProtoUDP:
		return p.decodeUDP(b)
	case ProtoICMP:
		if p.IPVersion == 6 {
			p.Events.Add(EventIPv6WithICMPv4)
			return EventNone
		}
		return p.decodeICMPv4(b)
	case ProtoICMPv6:
		if p.IPVersion == 4 {
			p.Events.Add(EventIPv4WithICMPv6)
			return EventNone
		}
		return p.decodeICMPv6(b)
	}
	switch p.Proto {
	case ProtoSCTP:
		if len(b) < 12 {
			return p.fail(EventSCTPTooSmall)
		}
		p.SrcPort = binary.BigEndian.Uint16(b)
		p.DstPort = binary.BigEndian.Uint16(b[2:])
	case ProtoESP:
		if len(b) < 8 {
			return p.fail(EventESPTooSmall)
		}
	}
	p.Payload = b
	return EventNone
}

func (p *Packet) decodeTCP(b []byte) Event {
	if len(b) < 20 {
		return p.fail(EventTCPTooSmall)
	}
	header := int(b[12]>>4) * 4
	if header < 20 {
		return p.fail(EventTCPHeaderTooSmall)
	}
	if header > len(b) {
		return p.fail(EventTCPInvalidOptLen)
	}
	p.Kind = KindTCP
	p.SrcPort = binary.BigEndian.Uint16(b)
	p.DstPort = binary.BigEndian.Uint16(b[2:])
	t := &p.TCP
	t.Seq = binary.BigEndian.Uint32(b[4:])
	t.Ack = binary.BigEndian.Uint32(b[8:])
	t.Flags = b[13]
	t.Window = binary.BigEndian.Uint16(b[14:])
	t.Urgent = binary.BigEndian.Uint16(b[18:])
	p.Transport = b[:header]
	p.Payload = b[header:]
	if header > 20 {
		p.decodeTCPOptions(b[20:header])
	}
	return EventNone
}

func (p *Packet) decodeUDP(b []byte) Event {
	if len(b) < 8 {
		return p.fail(EventUDPHeaderTooSmall)
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n > len(b) {
		return p.fail(EventUDPTooSmall)
	}
	if n < 8 {
		return p.fail(EventUDPLenInvalid)
	}
	p.Kind = KindUDP
	p.SrcPort = binary.BigEndian.Uint16(b)
	p.DstPort = binary.BigEndian.Uint16(b[2:])
	p.Transport = b[:8]
	p.Payload = b[8:n]
	return EventNone
}
