package packet

import "encoding/binary"

// TunnelDepthMax is how many tunnels inside each other are followed.
const TunnelDepthMax = 8

// Ports of the UDP tunnels.
const (
	portTeredo = 3544
	portVXLAN  = 4789
	portGeneve = 6081
)

// DecodeInner decodes what p carries in a tunnel into inner and returns true, or returns false when p is no tunnel we
// follow. inner refers to the same bytes as p. A broken inner packet still returns true, with inner.Invalid set.
func (p *Packet) DecodeInner(inner *Packet) bool {
	switch {
	case p.Fragment || p.Invalid != EventNone:
		return false
	case p.Kind == KindIP:
		switch p.Proto {
		case ProtoGRE:
			return p.decodeGRE(inner)
		case ProtoIPIP, ProtoIPv6:
			return p.decodeIPIP(inner)
		}
	case p.Kind == KindUDP:
		switch {
		case p.DstPort == portVXLAN:
			return p.decodeVXLAN(inner)
		case p.DstPort == portGeneve:
			return p.decodeGeneve(inner)
		case p.IPVersion == 4 && (p.DstPort == portTeredo || p.SrcPort == portTeredo):
			return p.decodeTeredo(inner)
		}
	}
	return false
}

// enter hands the inner bytes on unless the tunnels are too deep.
func (p *Packet) enter(inner *Packet, etherType uint16, b []byte) bool {
	if p.Depth >= TunnelDepthMax {
		p.Events.Add(EventTunnelTooDeep)
		return false
	}
	inner.inherit(p, b)
	inner.Depth = p.Depth + 1
	inner.VLAN, inner.VLANs = [3]uint16{}, 0
	inner.Proto = 0
	switch etherType {
	case EtherTypeIPv4, EtherTypeIPv6, EtherTypeVLAN, EtherTypeQinQ, EtherTypeMPLS:
		inner.decodeEtherType(etherType, b)
	case EtherTypeTEB:
		inner.decodeEthernet(b)
	}
	return true
}

// enterVNI does the same for a tunnel with a network identifier.
func (p *Packet) enterVNI(inner *Packet, vni uint32, etherType uint16, b []byte) bool {
	own := p.VNI
	p.VNI = vni // for inner to inherit
	ok := p.enter(inner, etherType, b)
	p.VNI = own
	return ok
}

func (p *Packet) decodeIPIP(inner *Packet) bool {
	b := p.IPPayload
	if p.Proto == ProtoIPIP {
		if p.IPVersion == 6 && len(b) < 20 {
			p.Events.Add(EventIPv4InIPv6TooSmall)
			return false
		}
		if p.IPVersion == 6 && b[0]>>4 != 4 {
			p.Events.Add(EventIPv4InIPv6Version)
			return false
		}
		return p.enter(inner, EtherTypeIPv4, b)
	}
	if p.IPVersion == 6 && len(b) < 40 {
		p.Events.Add(EventIPv6InIPv6TooSmall)
		return false
	}
	if p.IPVersion == 6 && b[0]>>4 != 6 {
		p.Events.Add(EventIPv6InIPv6Version)
		return false
	}
	return p.enter(inner, EtherTypeIPv6, b)
}

// decodeGRE reads versions 0 (RFC 2784, 2890, with routing of RFC 1701) and 1 (PPTP, RFC 2637).
func (p *Packet) decodeGRE(inner *Packet) bool {
	b := p.IPPayload
	if len(b) < 4 {
		p.Events.Add(EventGRETooSmall)
		return false
	}
	flags, proto := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	var n int
	var e Event
	switch flags & 7 {
	case 0:
		n, e = greHeader0(b, flags)
	case 1:
		n, e = greHeader1(b, flags, proto)
	default:
		e = EventGREWrongVersion
	}
	if e != EventNone {
		p.Events.Add(e)
		return false
	}
	b = b[n:]
	switch proto {
	case EtherTypeIPv4, EtherTypeIPv6, EtherTypeTEB, EtherTypeVLAN, EtherTypeMPLS:
		return p.enter(inner, proto, b)
	case 0x880b: // PPP
		if len(b) == 0 {
			return false
		}
		if p.Depth >= TunnelDepthMax {
			p.Events.Add(EventTunnelTooDeep)
			return false
		}
		inner.inherit(p, b)
		inner.Depth = p.Depth + 1
		inner.decodePPP(b)
		return true
	case 0x88be: // ERSPAN type II has a sequence number. Type I has no header of its own and cannot be told from noise.
		if flags&0x1000 != 0 {
			return p.decodeERSPAN(inner, b)
		}
	}
	return false
}

// greHeader0 returns where the payload of a version 0 header begins.
func greHeader0(b []byte, flags uint16) (int, Event) {
	n := 4
	switch {
	case flags&0x0700 != 0:
		return 0, EventGREv0Recursion
	case flags&0x00f8 != 0:
		return 0, EventGREv0Flags
	}
	if flags&0xc000 != 0 { // checksum or routing present: both fields are there
		n += 4
	}
	if flags&0x2000 != 0 {
		n += 4
	}
	if flags&0x1000 != 0 {
		n += 4
	}
	if n > len(b) {
		return 0, EventGREHeaderTooBig
	}
	if flags&0x4000 != 0 {
		if n = skipGRERoutes(b, n); n < 0 || n > len(b) {
			return 0, EventGREv0Route
		}
	}
	return n, EventNone
}

// greHeader1 returns where the payload of a version 1 header begins.
func greHeader1(b []byte, flags, proto uint16) (int, Event) {
	switch {
	case flags&0x8000 != 0:
		return 0, EventGREv1Checksum
	case flags&0x4000 != 0:
		return 0, EventGREv1Routing
	case flags&0x0800 != 0:
		return 0, EventGREv1StrictRoute
	case flags&0x0700 != 0:
		return 0, EventGREv1Recursion
	case flags&0x0078 != 0:
		return 0, EventGREv1Flags
	case proto != 0x880b:
		return 0, EventGREv1Protocol
	case flags&0x2000 == 0:
		return 0, EventGREv1NoKey
	}
	n := 8
	if flags&0x1000 != 0 {
		n += 4
	}
	if flags&0x0080 != 0 {
		n += 4
	}
	if n > len(b) {
		return 0, EventGREv1HeaderTooBig
	}
	return n, EventNone
}

// decodeERSPAN reads the header of type II: version and VLAN, then the mirrored frame.
func (p *Packet) decodeERSPAN(inner *Packet, b []byte) bool {
	if len(b) < 8 {
		p.Events.Add(EventERSPANTooSmall)
		return false
	}
	head := binary.BigEndian.Uint16(b)
	vlan := head & 0x0fff
	switch {
	case head>>12 != 1:
		p.Events.Add(EventERSPANVersion)
		return false
	case vlan != 0 && p.VLANs == len(p.VLAN):
		p.Events.Add(EventERSPANVLANLayers)
		return false
	case p.Depth >= TunnelDepthMax:
		p.Events.Add(EventTunnelTooDeep)
		return false
	}
	inner.inherit(p, b[8:])
	inner.Depth = p.Depth + 1
	inner.VLAN, inner.VLANs = [3]uint16{vlan}, 0
	if vlan != 0 {
		inner.VLANs = 1
	}
	inner.decodeEthernet(b[8:])
	return true
}

func skipGRERoutes(b []byte, n int) int {
	for range 16 {
		if n+4 > len(b) {
			return -1
		}
		family, size := binary.BigEndian.Uint16(b[n:]), int(b[n+3])
		n += 4
		if family == 0 && size == 0 {
			return n
		}
		n += size
	}
	return -1
}

func (p *Packet) decodeVXLAN(inner *Packet) bool {
	b := p.Payload
	if len(b) < 8+14 || b[0]&0x08 == 0 { // the I flag says that the network identifier is valid
		return false
	}
	if !p.enterVNI(inner, binary.BigEndian.Uint32(b[4:])>>8, EtherTypeTEB, b[8:]) {
		return false
	}
	if inner.Events.Has(EventEthernetUnknownType) {
		p.Events.Add(EventVXLANUnknownPayload)
	}
	return true
}

func (p *Packet) decodeGeneve(inner *Packet) bool {
	b := p.Payload
	if len(b) < 8 || b[0]>>6 != 0 {
		return false
	}
	n := 8 + int(b[0]&0x3f)*4
	if n > len(b) {
		return false
	}
	switch t := binary.BigEndian.Uint16(b[2:]); t {
	case EtherTypeIPv4, EtherTypeIPv6, EtherTypeTEB:
		return p.enterVNI(inner, binary.BigEndian.Uint32(b[4:])>>8, t, b[n:])
	}
	p.Events.Add(EventGeneveUnknownPayload)
	return false
}

// decodeTeredo accepts a payload only when it is exactly one IPv6 packet, with or without the authentication and origin
// headers of RFC 4380: anything may use port 3544.
func (p *Packet) decodeTeredo(inner *Packet) bool {
	b := p.Payload
	if len(b) > 13 && b[0] == 0 && b[1] == 1 { // authentication: client and value lengths, nonce, confirmation
		n := 13 + int(b[2]) + int(b[3])
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	if len(b) > 8 && b[0] == 0 && b[1] == 0 {
		b = b[8:]
	}
	if len(b) < 40 || b[0]>>4 != 6 {
		return false
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n+40 != len(b) {
		return false
	}
	switch Proto(b[6]) { // known next headers only
	case 0, ProtoTCP, ProtoUDP, 43, 44, ProtoESP, ProtoAH, ProtoICMPv6, 59, 60:
	default:
		return false
	}
	return p.enter(inner, EtherTypeIPv6, b)
}
