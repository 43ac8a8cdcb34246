package packet

import (
	"encoding/binary"
	"strconv"
)

// EtherTypes that are followed.
const (
	EtherTypeIPv4     = 0x0800
	EtherTypeARP      = 0x0806
	EtherTypeTEB      = 0x6558 // Ethernet inside GRE, GENEVE
	EtherTypeVLAN     = 0x8100
	EtherTypeIPv6     = 0x86dd
	EtherTypeMPLS     = 0x8847
	EtherTypeMPLSMC   = 0x8848
	EtherTypePPPoED   = 0x8863
	EtherTypePPPoES   = 0x8864
	EtherTypeQinQ     = 0x88a8
	EtherTypeNSH      = 0x894f
	EtherTypeQinQ91   = 0x9100
	EtherTypeBackbone = 0x88e7 // 802.1ah
	EtherTypeDCE      = 0x8903 // Cisco FabricPath
	EtherTypeVNTag    = 0x8926 // 802.1Qbh
)

const (
	mplsLabelsMax = 16
	pppIPv4       = 0x0021
	pppIPv6       = 0x0057
	pppVJUncomp   = 0x002f
	pppMPLS       = 0x0281
)

// linkNames holds names of link types for messages, also of those we refuse. Never written.
var linkNames = map[LinkType]string{
	LinkNull: "BSD loopback", LinkEthernet: "Ethernet", 6: "Token Ring (802.5)", 7: "ARCNET", 8: "SLIP", LinkPPP: "PPP", 10: "FDDI",
	LinkRawAlt: "raw IP", LinkRawBSD: "raw IP", LinkPPPHDLC: "PPP in HDLC framing", 51: "PPPoE", 100: "ATM RFC 1483", LinkRaw: "raw IP",
	LinkCHDLC: "Cisco HDLC", 105: "IEEE 802.11", LinkLoop: "OpenBSD loopback", 107: "Frame Relay", LinkSLL: "Linux cooked", 117: "PF log",
	119: "IEEE 802.11 with Prism header", 127: "IEEE 802.11 with radiotap header", 143: "DOCSIS", 147: "user 0", 163: "IEEE 802.11 with AVS header",
	187: "Bluetooth HCI H4", 189: "USB", 192: "PPI", 195: "IEEE 802.15.4", 201: "Bluetooth HCI H4 with direction", 220: "USB, Linux",
	227: "CAN", LinkIPv4: "IPv4", LinkIPv6: "IPv6", 239: "NF log", 249: "USBPcap", 251: "Bluetooth LE", 253: "netlink", LinkSLL2: "Linux cooked v2",
}

// String names the link type.
func (l LinkType) String() string {
	if n, ok := linkNames[l]; ok {
		return n
	}
	return "link type " + strconv.Itoa(int(l))
}

// Supported tells whether Decode can read frames of this link type.
func (l LinkType) Supported() bool {
	switch l {
	case LinkNull, LinkEthernet, LinkPPP, LinkRawAlt, LinkRawBSD, LinkPPPHDLC, LinkRaw, LinkCHDLC, LinkLoop, LinkSLL, LinkIPv4, LinkIPv6, LinkSLL2:
		return true
	}
	return false
}

func (p *Packet) decodeLink(b []byte) Event {
	switch p.Link {
	case LinkEthernet:
		return p.decodeEthernet(b)
	case LinkRaw, LinkRawAlt, LinkRawBSD:
		return p.decodeRaw(b)
	case LinkIPv4:
		return p.decodeIPv4(b)
	case LinkIPv6:
		return p.decodeIPv6(b)
	case LinkSLL:
		return p.decodeSLL(b)
	case LinkSLL2:
		return p.decodeSLL2(b)
	case LinkNull, LinkLoop:
		return p.decodeNull(b)
	case LinkPPP, LinkPPPHDLC:
		return p.decodePPP(b)
	case LinkCHDLC:
		return p.decodeCHDLC(b)
	}
	return p.fail(EventLinkUnsupported)
}

func (p *Packet) decodeEthernet(b []byte) Event {
	if len(b) < 14 {
		return p.fail(EventEthernetTooSmall)
	}
	copy(p.DstMAC[:], b)
	copy(p.SrcMAC[:], b[6:])
	p.HasMAC = true
	return p.decodeEtherType(binary.BigEndian.Uint16(b[12:]), b[14:])
}

// decodeEtherType follows VLAN tags, then the network layer.
func (p *Packet) decodeEtherType(t uint16, b []byte) Event {
	for {
		p.EtherType = t
		switch t {
		case EtherTypeIPv4:
			return p.decodeIPv4(b)
		case EtherTypeIPv6:
			return p.decodeIPv6(b)
		case EtherTypeVLAN, EtherTypeQinQ, EtherTypeQinQ91:
			if len(b) < 4 {
				return p.fail(EventVLANTooSmall)
			}
			if p.VLANs == len(p.VLAN) {
				return p.fail(EventVLANTooManyLayers)
			}
			p.VLAN[p.VLANs] = binary.BigEndian.Uint16(b) & 0x0fff
			p.VLANs++
			t = binary.BigEndian.Uint16(b[2:])
			b = b[4:]
		default:
			return p.decodeOther(t, b)
		}
	}
}

// decodeOther follows what stands between Ethernet and IP on some networks.
func (p *Packet) decodeOther(t uint16, b []byte) Event {
	switch t {
	case EtherTypePPPoES:
		return p.decodePPPoE(b)
	case EtherTypePPPoED:
		return p.decodeDiscovery(b)
	case EtherTypeNSH:
		return p.decodeNSH(b)
	case EtherTypeMPLS, EtherTypeMPLSMC:
		return p.decodeMPLS(b)
	case EtherTypeARP:
		return p.decodeARP(b)
	case EtherTypeVNTag:
		if len(b) < 6 {
			return p.fail(EventVNTagTooSmall)
		}
		return p.again(b, 4, EventVNTagUnknownType)
	case EtherTypeBackbone: // flags and service 4, customer addresses 12, type 2
		if len(b) < 18 {
			return p.fail(EventIEEE8021ahTooSmall)
		}
		return p.again(b, 16, EventEthernetUnknownType)
	case EtherTypeDCE: // an outer header without type, then the frame
		if len(b) < 16 {
			return p.fail(EventDCETooSmall)
		}
		if p.shims++; p.shims > shimsMax {
			return p.fail(EventTunnelTooDeep)
		}
		return p.decodeEthernet(b[16:])
	}
	// 802.3 length fields (LLC), LLDP, … carry no IP: not an error of the packet. Behind a tag it is one to the rule language.
	if p.VLANs > 0 {
		return p.fail(EventVLANUnknownType)
	}
	p.Events.Add(EventEthernetUnknownType)
	return EventNone
}

// shimsMax bounds headers inside each other that lead to another Ethernet type.
const shimsMax = 4

// again reads the type that stands at off and follows it, unless there have been too many such headers.
func (p *Packet) again(b []byte, off int, unknown Event) Event {
	if p.shims++; p.shims > shimsMax {
		return p.fail(EventTunnelTooDeep)
	}
	e := p.decodeEtherType(binary.BigEndian.Uint16(b[off:]), b[off+2:])
	if p.Events.Has(EventEthernetUnknownType) && unknown != EventEthernetUnknownType {
		return p.fail(unknown)
	}
	return e
}

// decodeARP checks what an ARP packet for IPv4 over Ethernet says about itself (RFC 826).
func (p *Packet) decodeARP(b []byte) Event {
	switch {
	case len(b) < 8:
		return p.fail(EventARPTooSmall)
	case binary.BigEndian.Uint16(b) != 1:
		return p.fail(EventARPHardware)
	case binary.BigEndian.Uint16(b[2:]) != EtherTypeIPv4:
		return p.fail(EventARPProtocol)
	case len(b) < 28:
		return p.fail(EventARPInvalid)
	case b[4] != 6:
		return p.fail(EventARPHardwareSize)
	case b[5] != 4:
		return p.fail(EventARPProtocolSize)
	}
	if op := binary.BigEndian.Uint16(b[6:]); op == 0 || op > 4 { // requests and replies, reverse ones too
		return p.fail(EventARPOpcode)
	}
	return EventNone
}

func (p *Packet) decodeRaw(b []byte) Event {
	if len(b) == 0 {
		return p.fail(EventIPv4TooSmall)
	}
	switch b[0] >> 4 {
	case 4:
		p.EtherType = EtherTypeIPv4
		return p.decodeIPv4(b)
	case 6:
		p.EtherType = EtherTypeIPv6
		return p.decodeIPv6(b)
	}
	return p.fail(EventRawInvalidVersion)
}

func (p *Packet) decodeSLL(b []byte) Event {
	if len(b) < 16 {
		return p.fail(EventSLLTooSmall)
	}
	if binary.BigEndian.Uint16(b[4:]) == 6 {
		copy(p.SrcMAC[:], b[6:])
		p.HasMAC = true
	}
	return p.decodeEtherType(binary.BigEndian.Uint16(b[14:]), b[16:])
}

func (p *Packet) decodeSLL2(b []byte) Event {
	if len(b) < 20 {
		return p.fail(EventSLL2TooSmall)
	}
	if b[11] == 6 {
		copy(p.SrcMAC[:], b[12:])
		p.HasMAC = true
	}
	return p.decodeEtherType(binary.BigEndian.Uint16(b), b[20:])
}

// decodeNull reads the four-byte address family, whose byte order is that of the capturing host: families are small, so
// the order that gives a small number is the right one.
func (p *Packet) decodeNull(b []byte) Event {
	if len(b) < 4 {
		return p.fail(EventNullTooSmall)
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(b)
	}
	switch family {
	case 2:
		p.EtherType = EtherTypeIPv4
		return p.decodeIPv4(b[4:])
	case 10, 24, 28, 30: // Linux, NetBSD and OpenBSD, FreeBSD, Darwin
		p.EtherType = EtherTypeIPv6
		return p.decodeIPv6(b[4:])
	}
	return p.fail(EventNullUnsupported)
}

// decodePPP accepts the address and control bytes (0xff 0x03) and compressed protocol fields.
func (p *Packet) decodePPP(b []byte) Event {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	} else if len(b) >= 4 && (b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0 { // Cisco HDLC inside the PPP link type
		return p.decodeCHDLC(b)
	}
	return p.decodePPPProto(b, false)
}

// decodePPPProto reads the protocol field and what follows; session tells that PPPoE carries it.
func (p *Packet) decodePPPProto(b []byte, session bool) Event {
	if len(b) < 2 {
		return p.fail(EventPPPTooSmall)
	}
	proto, rest := binary.BigEndian.Uint16(b), b[2:]
	if b[0]&1 == 1 { // protocol field compression: an odd first byte is the whole field
		proto, rest = uint16(b[0]), b[1:]
	}
	switch proto {
	case pppIPv4:
		if len(rest) < 20 {
			return p.fail(EventPPPIPv4TooSmall)
		}
		p.EtherType = EtherTypeIPv4
		return p.decodeIPv4(rest)
	case pppVJUncomp: // RFC 1144: an IP packet whose protocol field holds the connection number
		if len(rest) < 20 {
			return p.fail(EventPPPVJUTooSmall)
		}
		p.EtherType = EtherTypeIPv4
		return p.decodeIPv4(rest)
	case pppIPv6:
		if len(rest) < 40 {
			return p.fail(EventPPPIPv6TooSmall)
		}
		p.EtherType = EtherTypeIPv6
		return p.decodeIPv6(rest)
	case pppMPLS:
		return p.decodeMPLS(rest)
	case 0x0023, 0x0025, 0x0027, 0x0029, 0x002b, 0x002d, 0x0031, 0x0033, 0x0035, 0x0201, 0x0231, 0x0233, 0x0283: // OSI, XNS, DECnet, AppleTalk, IPX, VJ, bridging, …
		p.Events.Add(EventPPPUnsupported)
		return EventNone
	}
	if proto >= 0x4000 && proto&1 == 1 { // RFC 1661 2: control protocols, LCP and its kin
		if !session { // every PPPoE session begins with them
			p.Events.Add(EventPPPUnsupported)
		}
		return EventNone
	}
	return p.fail(EventPPPWrongType)
}

// decodePPPoE reads the session stage of RFC 2516.
func (p *Packet) decodePPPoE(b []byte) Event {
	if len(b) < 7 {
		return p.fail(EventPPPoETooSmall)
	}
	if b[1] != 0 {
		return p.fail(EventPPPoEWrongCode)
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	b = b[6:]
	if n < len(b) {
		b = b[:n]
	}
	return p.decodePPPProto(b, true)
}

// decodeDiscovery checks the discovery stage of RFC 2516: codes, and that the tags fill the length.
func (p *Packet) decodeDiscovery(b []byte) Event {
	if len(b) < 6 {
		return p.fail(EventPPPoETooSmall)
	}
	switch b[1] {
	case 0x07, 0x09, 0x19, 0x65, 0xa7: // PADO, PADI, PADR, PADS, PADT
	default:
		return p.fail(EventPPPoEWrongCode)
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	b = b[6:]
	if n > len(b) {
		return p.fail(EventPPPoEMalformedTags)
	}
	for b = b[:n]; len(b) >= 4; {
		size := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return p.fail(EventPPPoEMalformedTags)
		}
		b = b[size:]
	}
	if len(b) > 0 {
		return p.fail(EventPPPoEMalformedTags)
	}
	return EventNone
}

func (p *Packet) decodeCHDLC(b []byte) Event {
	if len(b) < 4 {
		return p.fail(EventCHDLCTooSmall)
	}
	return p.decodeEtherType(binary.BigEndian.Uint16(b[2:]), b[4:])
}

// decodeNSH skips a network service header (RFC 8300).
func (p *Packet) decodeNSH(b []byte) Event {
	if len(b) < 8 {
		return p.fail(EventNSHTooSmall)
	}
	head := binary.BigEndian.Uint16(b)
	if head>>14 != 0 {
		p.Events.Add(EventNSHVersion)
		return EventNone
	}
	n, kind, next := int(head&0x3f)*4, b[2]&0x0f, b[3]
	switch {
	case n >= len(b) || n < 8:
		return p.fail(EventNSHLength)
	case kind == 0 || kind == 0x0f:
		p.Events.Add(EventNSHReservedType)
		return EventNone
	case kind == 1 && n != 24:
		return p.fail(EventNSHLength)
	case kind > 2:
		p.Events.Add(EventNSHUnsupportedType)
		return EventNone
	}
	b = b[n:]
	switch next {
	case 1:
		p.EtherType = EtherTypeIPv4
		return p.decodeIPv4(b)
	case 2:
		p.EtherType = EtherTypeIPv6
		return p.decodeIPv6(b)
	case 3, 5:
		if p.shims++; p.shims > shimsMax {
			return p.fail(EventTunnelTooDeep)
		}
		if next == 5 {
			return p.decodeMPLS(b)
		}
		return p.decodeEthernet(b)
	}
	p.Events.Add(EventNSHUnknownPayload)
	return EventNone
}

// decodeMPLS passes the label stack (RFC 3032); what follows is told by the last label where that is reserved, else by
// its first four bits.
func (p *Packet) decodeMPLS(b []byte) Event {
	for range mplsLabelsMax {
		if len(b) < 4 {
			return p.fail(EventMPLSTooSmall)
		}
		shim := binary.BigEndian.Uint32(b)
		b = b[4:]
		if shim&0x100 == 0 {
			continue
		}
		switch label := shim >> 12; {
		case label == 0:
			p.EtherType = EtherTypeIPv4
			return p.decodeIPv4(b)
		case label == 1:
			p.Events.Add(EventMPLSRouterAlert) // not at the bottom of a stack
			return EventNone
		case label == 2:
			p.EtherType = EtherTypeIPv6
			return p.decodeIPv6(b)
		case label == 3:
			p.Events.Add(EventMPLSImplicitNull) // never on a wire
			return EventNone
		case label < 15:
			p.Events.Add(EventMPLSReserved)
			return EventNone
		}
		if len(b) < 4 {
			return p.fail(EventMPLSPacketTooSmall)
		}
		switch b[0] >> 4 {
		case 4:
			p.EtherType = EtherTypeIPv4
			return p.decodeIPv4(b)
		case 6:
			p.EtherType = EtherTypeIPv6
			return p.decodeIPv6(b)
		case 0: // pseudo-wire control word, then Ethernet
			if p.shims++; p.shims > shimsMax {
				return p.fail(EventTunnelTooDeep)
			}
			return p.decodeEthernet(b[4:])
		}
		return p.fail(EventMPLSUnknownPayload)
	}
	return p.fail(EventMPLSTooSmall)
}
