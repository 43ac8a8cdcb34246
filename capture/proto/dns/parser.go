package dns

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// RecogniseDNS is the proto.Recogniser of DNS.
func RecogniseDNS(p *proto.Probe) proto.Match {
	switch {
	case p.Port(5353), p.Port(5355), p.Port(137): // multicast DNS, LLMNR, NetBIOS names: alike, but not DNS
		return proto.No
	case p.Datagram:
		if plausible(p.Data, !p.Port(53)) {
			return proto.Yes
		}
		return proto.No
	}
	return recogniseTCP(p)
}

func recogniseTCP(p *proto.Probe) proto.Match {
	if len(p.Data) < 2 {
		if p.Port(53) {
			return proto.Maybe
		}
		return proto.No
	}
	n := int(binary.BigEndian.Uint16(p.Data))
	b := p.Data[2:]
	switch {
	case n < headerBytes:
		return proto.No
	case len(b) >= n:
		if plausible(b[:n], !p.Port(53)) {
			return proto.Yes
		}
		return proto.No
	case !p.Port(53):
		return proto.No // elsewhere the first message must come whole
	case len(b) < headerBytes:
		return proto.Maybe
	}
	if qd := binary.BigEndian.Uint16(b[4:]); qd <= 1 && binary.BigEndian.Uint16(b[2:])>>11&15 <= 5 {
		return proto.Yes
	}
	return proto.No
}

// RecogniseMDNS is the proto.Recogniser of multicast DNS.
func RecogniseMDNS(p *proto.Probe) proto.Match {
	if p.Datagram && p.Port(5353) && plausible(p.Data, false) {
		return proto.Yes
	}
	return proto.No
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram, mdns bool
	lost           [2]bool
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser of DNS.
func New(datagram bool) proto.Parser { return &Parser{datagram: datagram} }

// NewMDNS makes a parser of multicast DNS.
func NewMDNS(datagram bool) proto.Parser { return &Parser{datagram: datagram, mdns: true} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.datagram {
		p.message(c, dir, b)
		return len(b), proto.Continue
	}
	done := 0
	for len(b)-done >= 2 {
		n := int(binary.BigEndian.Uint16(b[done:]))
		if p.lost[dir] { // after a hole: wait for what looks like a message
			if n < headerBytes || len(b)-done-2 < n || !plausible(b[done+2:done+2+n], true) {
				return len(b), proto.Continue
			}
			p.lost[dir] = false
		}
		if len(b)-done-2 < n {
			break
		}
		if n > 0 {
			p.message(c, dir, b[done+2:done+2+n])
			c.Flush[dir] = true
		}
		done += 2 + n
	}
	return done, proto.Continue
}

// message makes a transaction of one message.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) {
	t := &Transaction{TCP: !p.datagram, MDNS: p.mdns}
	t.OneSide, t.Only = true, dir
	t.Raw = append([]byte(nil), b...)
	anomalies, err := t.Parse(t.Raw)
	if err != nil {
		c.Malformed++
		return
	}
	for _, a := range anomalies {
		t.Anomaly(a)
	}
	if !p.mdns {
		if t.Response && dir == flow.ToServer {
			t.Anomaly("not_a_request")
		} else if !t.Response && dir == flow.ToClient {
			t.Anomaly("not_a_response")
		}
	}
	c.Begin(t)
	t.Touch(dir)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, _ int64) proto.Verdict {
	p.lost[dir] = true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
