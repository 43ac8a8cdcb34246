package packet

import "encoding/binary"

// IPv4 options seen, bits of Packet.IPOpts, named as the rule keyword ipopts names them.
const (
	IPOptEOL uint16 = 1 << iota
	IPOptNOP
	IPOptRR
	IPOptTS
	IPOptSEC
	IPOptLSRR
	IPOptSATID
	IPOptSSRR
	IPOptESEC
	IPOptCIPSO
	IPOptRTRALT
	IPOptQS
	IPOptOther
)

// ipOptBit maps an option type (RFC 791 and the IANA list) to its bit.
func ipOptBit(t byte) uint16 {
	switch t {
	case 7:
		return IPOptRR
	case 25:
		return IPOptQS
	case 68:
		return IPOptTS
	case 130:
		return IPOptSEC
	case 131:
		return IPOptLSRR
	case 133:
		return IPOptESEC
	case 134:
		return IPOptCIPSO
	case 136:
		return IPOptSATID
	case 137:
		return IPOptSSRR
	case 148:
		return IPOptRTRALT
	}
	return IPOptOther
}

func (p *Packet) decodeIPv4Options() {
	b := p.IPOptions
	if len(b)%8 != 0 {
		p.Events.Add(EventIPv4OptPadRequired) // allowed by RFC 791; the rule language has a name for it
	}
	for len(b) > 0 {
		switch b[0] {
		case 0:
			p.IPOpts |= IPOptEOL
			return
		case 1:
			p.IPOpts |= IPOptNOP
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			p.Events.Add(EventIPv4OptInvalid)
			return
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			p.Events.Add(EventIPv4OptInvalidLen)
			return
		}
		bit := ipOptBit(b[0])
		if bit == IPOptOther {
			p.Events.Add(EventIPv4OptUnknown)
		} else if p.IPOpts&bit != 0 {
			p.Events.Add(EventIPv4OptDuplicate)
		}
		if malformedIPOpt(b[0], b[:n]) {
			p.Events.Add(EventIPv4OptMalformed)
		}
		p.IPOpts |= bit
		b = b[n:]
	}
}

// malformedIPOpt checks what RFC 791 demands of routes and time stamps: room for whole slots and a pointer inside.
func malformedIPOpt(t byte, o []byte) bool {
	switch t {
	case 7, 131, 137: // routes: pointer from 4, slots of 4
		if len(o) < 3 {
			return true
		}
		return o[2] < 4 || (len(o)-3)%4 != 0 || int(o[2]) > len(o)+1
	case 68:
		return len(o) < 4 || o[2] < 5 || int(o[2]) > len(o)+1
	case 136, 148:
		return len(o) != 4
	}
	return false
}

func (p *Packet) decodeTCPOptions(b []byte) {
	o := &p.TCP.Options
	for len(b) > 0 {
		switch b[0] {
		case 0:
			return
		case 1:
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			p.Events.Add(EventTCPOptInvalidLen)
			return
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			p.Events.Add(EventTCPOptInvalidLen)
			return
		}
		if !o.take(b[0], b[2:n], p) {
			p.Events.Add(EventTCPOptInvalidLen)
		}
		b = b[n:]
	}
}

// take reads one option; false means its length does not fit its type.
func (o *TCPOptions) take(kind byte, v []byte, p *Packet) bool {
	switch kind {
	case 2:
		if len(v) != 2 {
			return false
		}
		p.twice(o.HasMSS)
		o.HasMSS, o.MSS = true, binary.BigEndian.Uint16(v)
	case 3:
		if len(v) != 1 {
			return false
		}
		p.twice(o.HasWScale)
		o.HasWScale, o.WScale = true, v[0]
		if v[0] > 14 { // RFC 7323 2.3
			p.Events.Add(EventTCPWScaleOverMax)
			o.WScale = 14
		}
	case 4:
		if len(v) != 0 {
			return false
		}
		p.twice(o.SACKPermitted)
		o.SACKPermitted = true
	case 8:
		if len(v) != 8 {
			return false
		}
		p.twice(o.HasTimestamp)
		o.HasTimestamp = true
		o.TSVal = binary.BigEndian.Uint32(v)
		o.TSEcr = binary.BigEndian.Uint32(v[4:])
	case 34:
		o.FastOpen, o.FastOpenData = true, v
	case 254:
		if len(v) >= 2 && v[0] == 0xf9 && v[1] == 0x89 { // the experimental TFO option
			o.FastOpen, o.FastOpenData = true, v[2:]
		}
	}
	return true
}

func (p *Packet) twice(seen bool) {
	if seen {
		p.Events.Add(EventTCPOptDuplicate)
	}
}
