package rfb

import (
	"bytes"
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

const (
	versionBytes   = 12 // "RFB 003.008\n"
	challengeBytes = 16
	initBytes      = 24 // ServerInit without the name
	textMax        = 255
	typesMax       = 32
)

// step is what a side is expected to send next.
type step uint8

const (
	stepVersion   step = iota
	stepSecurity       // server: type or list of types; client: its choice
	stepChallenge      // server: challenge; client: answer
	stepResult         // server
	stepReason         // server: why it refuses; the session ends
	stepInit           // server: ServerInit; client: ClientInit
	stepWait           // nothing until the other side has spoken
	stepOver
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	tx   *Transaction
	next [2]step
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser: the version line, from either side.
func Recognise(p *proto.Probe) proto.Match {
	const word = "RFB "
	n := min(len(p.Data), len(word))
	switch {
	case string(p.Data[:n]) != word[:n]:
		return proto.No
	case len(p.Data) < versionBytes:
		return proto.Maybe
	}
	if _, ok := version(p.Data); !ok {
		return proto.No
	}
	return proto.Yes
}

// version reads "RFB 003.008\n".
func version(b []byte) (v Version, ok bool) {
	if len(b) < versionBytes || string(b[:4]) != "RFB " || b[7] != '.' || b[11] != '\n' {
		return v, false
	}
	number := func(digits []byte) (n uint16, ok bool) {
		for _, c := range digits {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = 10*n + uint16(c-'0')
		}
		return n, true
	}
	var good [2]bool
	v.Major, good[0] = number(b[4:7])
	v.Minor, good[1] = number(b[8:11])
	v.Seen = true
	return v, good[0] && good[1]
}

// minor is the version both sides speak: the client's word counts.
func (t *Transaction) minor() uint16 {
	v := t.Version[flow.ToServer]
	if !v.Seen {
		v = t.Version[flow.ToClient]
	}
	return v.Minor
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.tx == nil {
		p.tx = &Transaction{}
		c.Begin(p.tx)
	}
	done := 0
	for done < len(b) {
		if p.next[dir] == stepOver {
			return len(b), p.verdict()
		}
		n := p.message(c, dir, b[done:])
		if n == 0 {
			break
		}
		done += n
		c.Flush[dir] = true
	}
	return done, p.verdict()
}

// verdict ends parsing when neither side has anything to tell any more.
func (p *Parser) verdict() proto.Verdict {
	if p.next[0] == stepOver && p.next[1] == stepOver {
		return proto.Stop
	}
	return proto.Continue
}

// message reads one message; zero means that more bytes are needed, or the other side's word.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) int {
	t := p.tx
	switch p.next[dir] {
	case stepVersion:
		if len(b) < versionBytes {
			return 0
		}
		v, ok := version(b)
		if !ok {
			return p.fail(c, "malformed_message", b)
		}
		t.Version[dir] = v
		p.next[dir] = stepSecurity
		t.advance(dir, VersionDone)
		return versionBytes
	case stepSecurity:
		if !t.Version[flow.ToServer].Seen {
			return 0 // how it goes on depends on the client's version
		}
		if dir == flow.ToClient {
			return p.offer(c, b)
		}
		return p.choice(c, b)
	case stepChallenge:
		if len(b) < challengeBytes {
			return 0
		}
		secret := append([]byte(nil), b[:challengeBytes]...)
		if dir == flow.ToClient {
			t.Challenge, p.next[dir] = secret, stepResult
		} else {
			t.Response, p.next[dir] = secret, stepInit
			t.advance(dir, SecurityDone)
		}
		return challengeBytes
	case stepResult:
		return p.result(c, b)
	case stepReason:
		return p.reason(c, b)
	case stepInit:
		if dir == flow.ToClient {
			return p.serverInit(c, b)
		}
		if t.SecuritySeen && t.Security == SecurityVNC && !t.ResultSeen {
			return p.fail(c, "confused_state", b)
		}
		t.Shared, t.SharedSeen = b[0] != 0, true
		p.over(dir)
		return 1
	}
	return 0 // stepWait
}

// offer reads the server's security types: one number before 3.7, a list after.
func (p *Parser) offer(c *proto.Context, b []byte) int {
	t := p.tx
	if t.minor() < 7 {
		if len(b) < 4 {
			return 0
		}
		t.Security, t.SecuritySeen = binary.BigEndian.Uint32(b), true
		p.chosen(c)
		return 4
	}
	n := int(b[0])
	if n == 0 {
		p.next[flow.ToClient] = stepReason
		return 1
	}
	if len(b) < 1+n {
		return 0
	}
	t.Offered = append(t.Offered, b[1:1+min(n, typesMax)]...)
	p.next[flow.ToClient] = stepWait
	t.Touch(flow.ToClient)
	return 1 + n
}

// choice reads the security type the client takes; before 3.7 it has no say.
func (p *Parser) choice(c *proto.Context, b []byte) int {
	t := p.tx
	if t.minor() < 7 {
		return 0 // the server's word is still to come
	}
	if len(t.Offered) > 0 && !bytes.Contains(t.Offered, b[:1]) {
		return p.fail(c, "confused_state", b)
	}
	t.Security, t.SecuritySeen = uint32(b[0]), true
	p.chosen(c)
	return 1
}

// chosen sets what follows the choice of a security type.
func (p *Parser) chosen(c *proto.Context) {
	t := p.tx
	switch t.Security {
	case SecurityInvalid:
		p.next[flow.ToClient] = stepReason
		p.over(flow.ToServer)
	case SecurityNone:
		p.next = [2]step{flow.ToServer: stepInit, flow.ToClient: stepInit}
		if t.minor() >= 8 {
			p.next[flow.ToClient] = stepResult
		}
		t.advance(flow.ToServer, SecurityDone)
	case SecurityVNC:
		p.next = [2]step{stepChallenge, stepChallenge}
		t.Touch(flow.ToServer)
	default:
		t.Anomaly("unimplemented_security_type")
		c.Flush = [2]bool{true, true}
		p.over(flow.ToServer)
		p.over(flow.ToClient)
	}
}

// result reads the server's SecurityResult.
func (p *Parser) result(c *proto.Context, b []byte) int {
	if len(b) < 4 {
		return 0
	}
	t := p.tx
	t.Result, t.ResultSeen = binary.BigEndian.Uint32(b), true
	t.advance(flow.ToClient, SecurityDone)
	switch {
	case t.Result == ResultOK:
		p.next[flow.ToClient] = stepInit
	case t.Result > ResultTooMany:
		t.Anomaly("unknown_security_result")
		fallthrough
	case t.minor() < 8:
		p.over(flow.ToClient)
		p.over(flow.ToServer)
	default:
		p.next[flow.ToClient] = stepReason
	}
	return 4
}

// text reads a length of four bytes and what it says; zero means that more bytes are needed.
func text(b []byte) (s []byte, n int) {
	if len(b) < 4 {
		return nil, 0
	}
	size := binary.BigEndian.Uint32(b)
	have := uint32(len(b) - 4)
	if have < min(size, textMax) {
		return nil, 0
	}
	s = append([]byte(nil), b[4:4+min(size, textMax)]...)
	return s, 4 + int(min(size, have))
}

func (p *Parser) reason(_ *proto.Context, b []byte) int {
	s, n := text(b)
	if n == 0 {
		return 0
	}
	p.tx.Reason = s
	p.over(flow.ToClient)
	p.over(flow.ToServer)
	return n
}

func (p *Parser) serverInit(c *proto.Context, b []byte) int {
	if len(b) < initBytes {
		return 0
	}
	name, n := text(b[initBytes-4:])
	if n == 0 {
		return 0
	}
	t := p.tx
	t.Width, t.Height = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	t.BitsPerPixel, t.Depth = b[4], b[5]
	t.Name, t.InitSeen = name, true
	p.over(flow.ToClient)
	c.Flush[flow.ToClient] = true
	return initBytes - 4 + n
}

// over ends one side.
func (p *Parser) over(dir flow.Direction) {
	p.next[dir] = stepOver
	p.tx.advance(dir, Done)
}

// fail ends the session for a message that cannot be.
func (p *Parser) fail(c *proto.Context, anomaly string, b []byte) int {
	c.Malformed++
	p.tx.Anomaly(anomaly)
	p.over(flow.ToServer)
	p.over(flow.ToClient)
	return len(b)
}

// Gap implements proto.Parser: what follows a hole cannot be placed.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if p.next[dir] == stepOver {
		return proto.Continue
	}
	if p.tx != nil {
		p.over(flow.ToServer)
		p.over(flow.ToClient)
	}
	return proto.Stop
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if p.tx != nil && p.next[dir] != stepOver {
		p.over(dir)
	}
}
