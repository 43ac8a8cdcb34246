package packet

import "encoding/binary"

func (p *Packet) decodeICMPv4(b []byte) Event {
	if len(b) < 8 {
		return p.fail(EventICMPTooSmall)
	}
	p.Kind = KindICMP
	h := &p.ICMP
	h.Type, h.Code = b[0], b[1]
	h.Rest = binary.BigEndian.Uint32(b[4:])
	p.Transport, p.Payload = b[:8], b[8:]
	switch h.Type {
	case 0, 8, 13, 14, 15, 16, 17, 18:
		h.HasID = true
		h.ID = binary.BigEndian.Uint16(b[4:])
		h.Seq = binary.BigEndian.Uint16(b[6:])
	}
	known, codeMax := icmpv4Codes(h.Type)
	if !known {
		p.Events.Add(EventICMPUnknownType)
	} else if h.Code > codeMax {
		p.Events.Add(EventICMPUnknownCode)
	} else {
		switch h.Type {
		case 3, 4, 5, 11, 12: // errors quote the packet they speak of
			p.checkQuoted(4, 20, EventICMPEmbeddedTruncated, EventICMPEmbeddedVersion)
		}
	}
	return EventNone
}

// checkQuoted looks at the IP header inside an ICMP error.
func (p *Packet) checkQuoted(version byte, header int, truncated, wrong Event) {
	switch b := p.Payload; {
	case len(b) < header:
		p.Events.Add(truncated)
	case b[0]>>4 != version:
		p.Events.Add(wrong)
	}
}

// icmpv4Codes tells whether a type is assigned and its highest code (IANA icmp-parameters).
func icmpv4Codes(t uint8) (known bool, codeMax uint8) {
	switch t {
	case 0, 4, 8, 10, 13, 14, 15, 16, 17, 18:
		return true, 0
	case 3:
		return true, 15
	case 5:
		return true, 3
	case 9:
		return true, 16
	case 11:
		return true, 1
	case 12:
		return true, 2
	case 6, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40:
		return true, 255
	}
	return false, 0
}

func (p *Packet) decodeICMPv6(b []byte) Event {
	if len(b) < 8 {
		// RFC 4443 needs four bytes; every message in use has eight.
		return p.fail(EventICMPv6TooSmall)
	}
	p.Kind = KindICMPv6
	h := &p.ICMP
	h.Type, h.Code = b[0], b[1]
	h.Rest = binary.BigEndian.Uint32(b[4:])
	p.Transport, p.Payload = b[:8], b[8:]
	switch t := h.Type; {
	case t == 128 || t == 129:
		h.HasID = true
		h.ID = binary.BigEndian.Uint16(b[4:])
		h.Seq = binary.BigEndian.Uint16(b[6:])
	case t >= 130 && t <= 132 || t == 143:
		if p.TTL != 1 { // RFC 2710 3: MLD is sent with hop limit 1
			p.Events.Add(EventICMPv6MLDHopLimit)
		}
	}
	p.checkICMPv6Type(h.Type, h.Code)
	return EventNone
}

func (p *Packet) checkICMPv6Type(t, code uint8) {
	codeMax := uint8(0)
	switch {
	case t == 1:
		codeMax = 8
	case t == 2 || t == 128 || t == 129 || t >= 130 && t <= 137 || t == 141 || t == 142 || t == 143:
	case t == 3:
		codeMax = 1
	case t == 4:
		codeMax = 10
	case t == 138:
		codeMax = 255
	case t == 139 || t == 140:
		codeMax = 2
	case t >= 144 && t <= 155 || t >= 157 && t <= 161:
		codeMax = 255
	case t == 100 || t == 101 || t == 200 || t == 201:
		p.Events.Add(EventICMPv6Experimental)
		return
	case t == 0 || t == 127 || t == 255:
		p.Events.Add(EventICMPv6UnknownType)
		return
	default:
		p.Events.Add(EventICMPv6Unassigned)
		return
	}
	if code > codeMax {
		p.Events.Add(EventICMPv6UnknownCode)
	} else if t <= 4 {
		p.checkQuoted(6, 40, EventICMPv6EmbeddedTruncated, EventICMPv6EmbeddedVersion)
	}
}
