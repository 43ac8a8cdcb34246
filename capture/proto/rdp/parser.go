package rdp

import (
	"bytes"
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/tls"
)

// X.224 and T.123 numbers.
const (
	tpktVersion   = 3
	tpktBytes     = 4
	x224Request   = 0xe0
	x224Confirm   = 0xd0
	x224Data      = 0xf0
	x224Fixed     = 7 // length, code, references, class
	negRequest    = 1
	negResponse   = 2
	negFailure    = 3
	negBytes      = 8
	cookieMax     = 255
	connectPDUMax = 512 // of a connection request or confirm
	pdusMax       = 8   // of each side that are looked at for MCS connect
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	tx   *Transaction
	pdus [2]int
	tls  proto.Parser // once the session goes on encrypted
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser: an X.224 connection request or confirm alone in a TPKT. S7 and other ISO protocols
// begin alike on port 102.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	switch {
	case len(b) > 0 && b[0] != tpktVersion || len(b) > 1 && b[1] != 0 || p.Port(102):
		return proto.No
	case len(b) < tpktBytes+x224Fixed:
		if p.Port(3389) {
			return proto.Maybe
		}
		return proto.No
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	want := byte(x224Request)
	if p.Dir == flow.ToClient {
		want = x224Confirm
	}
	if n < tpktBytes+x224Fixed || n > connectPDUMax || int(b[4]) != n-tpktBytes-1 || b[5]&0xf0 != want {
		return proto.No
	}
	return proto.Yes
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.tls != nil {
		return p.tls.Data(c, dir, b)
	}
	if p.tx == nil {
		p.tx = &Transaction{}
		c.Begin(p.tx)
	}
	done := 0
	for p.tls == nil {
		rest := b[done:]
		if p.tx.Complete(dir) {
			return len(b), p.verdict()
		}
		if len(rest) < tpktBytes {
			return done, p.verdict()
		}
		if rest[0] != tpktVersion { // the client may go on in TLS before the answer was looked at
			if dir == flow.ToServer && !p.tx.Answered && p.tx.Negotiates {
				return done, proto.Continue
			}
			p.fail(c)
			return done, proto.Fail
		}
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if n < tpktBytes+3 {
			p.fail(c)
			return done, proto.Fail
		}
		if len(rest) < n {
			return done, proto.Continue
		}
		p.pdu(c, dir, rest[tpktBytes:n])
		done += n
		c.Flush[dir] = true
	}
	if done == len(b) {
		return done, proto.Continue
	}
	n, v := p.tls.Data(c, dir, b[done:])
	return done + n, v
}

func (p *Parser) verdict() proto.Verdict {
	if p.tx.Complete(flow.ToServer) && p.tx.Complete(flow.ToClient) && p.tls == nil {
		return proto.Stop
	}
	return proto.Continue
}

func (p *Parser) fail(c *proto.Context) {
	c.Malformed++
	p.tx.Anomaly("malformed_message")
	p.tx.advance(flow.ToServer, Done)
	p.tx.advance(flow.ToClient, Done)
}

// pdu reads one X.224 PDU: what a TPKT holds, at least three bytes.
func (p *Parser) pdu(c *proto.Context, dir flow.Direction, b []byte) {
	t := p.tx
	switch code := b[1] & 0xf0; {
	case code == x224Request && dir == flow.ToServer && len(b) >= x224Fixed:
		t.request(b[x224Fixed:])
		t.advance(dir, Negotiated)
	case code == x224Confirm && dir == flow.ToClient && len(b) >= x224Fixed:
		t.confirm(b[x224Fixed:])
		t.advance(dir, Negotiated)
		switch {
		case t.Failure != 0:
			t.advance(flow.ToServer, Done)
			t.advance(flow.ToClient, Done)
		case t.Selected != ProtocolRDP:
			t.advance(flow.ToServer, Done)
			t.advance(flow.ToClient, Done)
			p.tls = tls.New(false)
		}
	case code == x224Data:
		p.pdus[dir]++
		if t.settings(dir, b) || p.pdus[dir] >= pdusMax {
			t.advance(dir, Done)
		}
	default:
		c.Malformed++
		t.Anomaly("malformed_message")
		t.Touch(dir)
	}
}

// request reads what follows the fixed part of a connection request: a line of text, then what protocols are asked for.
func (t *Transaction) request(b []byte) {
	if text, rest, ok := bytes.Cut(b, []byte("\r\n")); ok {
		b = rest
		if value, isCookie := bytes.CutPrefix(text, []byte("Cookie: mstshash=")); isCookie {
			t.Cookie = append([]byte(nil), value[:min(len(value), cookieMax)]...)
		} else {
			text = bytes.TrimPrefix(text, []byte("Cookie: msts="))
			t.Token = append([]byte(nil), text[:min(len(text), cookieMax)]...)
		}
	}
	if len(b) >= negBytes && b[0] == negRequest {
		t.Requested, t.Negotiates = binary.LittleEndian.Uint32(b[4:]), true
	}
}

// confirm reads the server's answer; an old server gives none and means standard RDP security.
func (t *Transaction) confirm(b []byte) {
	t.Answered = true
	if len(b) < negBytes {
		return
	}
	switch b[0] {
	case negResponse:
		t.Supports, t.Selected = b[1], binary.LittleEndian.Uint32(b[4:])
	case negFailure:
		t.Failure = binary.LittleEndian.Uint32(b[4:])
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if p.tls != nil {
		return p.tls.Gap(c, dir, rest, n)
	}
	if p.tx != nil {
		if p.tx.Complete(dir) {
			return proto.Continue
		}
		p.tx.advance(flow.ToServer, Done)
		p.tx.advance(flow.ToClient, Done)
	}
	return proto.Stop
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	if p.tls != nil {
		p.tls.End(c, dir, rest)
		return
	}
	if p.tx != nil && !p.tx.Complete(dir) {
		p.tx.advance(dir, Done)
	}
}
