package mssql

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

// side gathers one direction's message.
type side struct {
	kind uint8
	body []byte
	tail []byte // the last bytes of a message longer than what is kept
	more bool   // its end has not come
	cut  bool
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames    wire.Frames
	sides     [2]side
	user      string
	database  string
	modern    bool
	current   *Transaction
	prelogin  bool // the client's last message was a pre-login
	encrypted bool // the session stays encrypted behind the handshake
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	return &Parser{modern: true, frames: wire.Frames{Max: packetMax, Size: size, Sync: func(dir flow.Direction, b []byte) bool {
		n := size(dir, b)
		return n > headerBytes && n <= int64(len(b)) && !isTLS(b) && b[6] <= 1
	}}}
}

// size reads the header of a packet, of a TLS record between packets, or of a multiplexed session's.
func size(dir flow.Direction, b []byte) int64 {
	if b[0] >= 0x14 && b[0] <= 0x17 { // TLS outside of packets
		if len(b) < 5 {
			return 0
		}
		if b[1] != 3 {
			return -1
		}
		return int64(binary.BigEndian.Uint16(b[3:])) + 5
	}
	if len(b) < headerBytes {
		return 0
	}
	if b[0] == 'S' { // [MC-SMP]
		n := int64(binary.LittleEndian.Uint32(b[4:]))
		if n < 16 || n > packetMax+16 {
			return -1
		}
		return n
	}
	n := int64(binary.BigEndian.Uint16(b[2:]))
	if n < headerBytes || n > packetMax || !known(dir, b[0]) {
		return -1
	}
	return n
}

func known(dir flow.Direction, kind uint8) bool {
	if dir == flow.ToClient {
		return kind == msgResult || kind == msgPrelogin
	}
	switch kind {
	case msgBatch, 2, msgRPC, msgAttention, msgBulk, msgFedAuth, msgTransact, msgLogin, msgSSPI, msgPrelogin:
		return true
	}
	return false
}

// Recognise is the proto.Recogniser: a pre-login or a batch with headers anywhere, other requests on the protocol's port.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 0 && !known(p.Dir, b[0]) || len(b) > 1 && b[1] > 9 {
		return proto.No
	}
	onPort := p.Port(1433)
	if len(b) < 16 {
		if onPort {
			return proto.Maybe
		}
		return proto.No
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < headerBytes+1 || n > packetMax || b[6] > 1 || b[7] != 0 {
		return proto.No
	}
	switch {
	case p.Dir == flow.ToClient:
		if onPort && b[0] == msgResult {
			return proto.Yes
		}
		return proto.No
	case b[0] == msgPrelogin && b[8] == 0 && n <= 1024 && int(binary.BigEndian.Uint16(b[9:])) < n:
		return proto.Yes
	case b[0] == msgBatch, b[0] == msgRPC, b[0] == msgTransact:
		if _, has := headers(b[headerBytes:]); has && b[6] <= 1 && b[1] <= 1 && b[8] == 22 {
			return proto.Yes
		}
	}
	if onPort {
		return proto.Yes
	}
	return proto.No
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for {
		f, ok := p.frames.Next(dir, b[done:])
		done += f.Taken
		if !ok {
			c.Malformed++
			if p.current != nil {
				p.current.Anomaly([...]string{"malformed_request", "malformed_response"}[dir])
				p.finish()
			}
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		if v := p.packet(c, dir, f.Bytes); v != proto.Continue {
			return done, v
		}
	}
}

// packet adds a packet to its message.
func (p *Parser) packet(c *proto.Context, dir flow.Direction, b []byte) proto.Verdict {
	if isTLS(b) {
		if p.current != nil && p.current.Login {
			p.current.Encrypted, p.current.request = true, true
		}
		if p.encrypted && b[0] == 0x17 {
			p.finish()
			return proto.Stop
		}
		return proto.Continue
	}
	if b[0] == 'S' {
		return proto.Continue
	}
	s := &p.sides[dir]
	if !s.more {
		*s = side{kind: b[0], body: s.body[:0]}
	}
	body := b[headerBytes:]
	if room := messageMax - len(s.body); len(body) > room {
		s.cut = true
		s.body = append(s.body, body[:room]...)
	} else {
		s.body = append(s.body, body...)
	}
	if s.cut {
		s.tail = append(s.tail, body...)
		s.tail = s.tail[max(0, len(s.tail)-doneBytes):]
	}
	s.more = b[1]&statusEOM == 0
	if s.more {
		return proto.Continue
	}
	c.Flush[dir] = true
	if dir == flow.ToServer {
		p.client(c, s)
	} else {
		p.server(c, s)
	}
	if cap(s.body) > packetMax {
		s.body = nil
	}
	return proto.Continue
}

func (p *Parser) begin(c *proto.Context) *Transaction {
	p.finish()
	t := &Transaction{request: true}
	t.User, t.Database = p.user, p.database
	c.Begin(t)
	t.Touch(flow.ToServer)
	p.current = t
	return t
}

func (p *Parser) finish() {
	if t := p.current; t != nil {
		t.over, p.current = true, nil
		t.Touch(flow.ToServer)
		t.Touch(flow.ToClient)
	}
}

// client reads a whole message of the client.
func (p *Parser) client(c *proto.Context, s *side) {
	p.prelogin = s.kind == msgPrelogin && !isTLS(s.body)
	switch s.kind {
	case msgPrelogin:
		if p.prelogin {
			t := p.begin(c)
			t.Login, t.request, t.Operation = true, false, "LOGIN"
		} else if t := p.current; t != nil {
			t.Encrypted = true
		}
	case msgLogin:
		p.login(c, s)
	case msgSSPI, msgFedAuth:
		// the login goes on
	case msgBatch:
		rest, has := headers(s.body)
		p.modern = has
		t := p.begin(c)
		t.Text = unwide(rest)
		t.SetStatement(t.Text)
		t.Cut = t.Cut || s.cut
	case msgRPC:
		rest, has := headers(s.body)
		p.modern = has
		p.call(c, s, rest)
	case msgAttention:
		if p.current == nil {
			p.begin(c).Operation = "ATTENTION"
		}
	case msgBulk:
		p.begin(c).Operation = "BULK_LOAD"
	case msgTransact:
		p.begin(c).Operation = "TRANSACTION_MANAGER"
	}
}

func (p *Parser) call(c *proto.Context, s *side, rest []byte) {
	t := p.begin(c)
	name, statement, ok := call(rest)
	if !ok {
		c.Malformed++
		t.Anomaly("malformed_request")
		return
	}
	t.Procedure = name
	if statement == nil {
		t.Text = []byte(name)
		t.SetCommand("EXECUTE", t.Text, name)
		return
	}
	t.Text, _ = wire.Keep(statement, messageMax)
	t.SetStatement(t.Text)
	t.Cut = t.Cut || s.cut
}

func (p *Parser) login(c *proto.Context, s *side) {
	t := p.current
	if t == nil || !t.Login {
		t = p.begin(c)
		t.Login, t.Operation = true, "LOGIN"
	}
	l, ok := parseLogin(s.body)
	if !ok {
		c.Malformed++
		t.Anomaly("malformed_request")
	}
	p.user, p.database, p.modern = l.user, l.database, l.modern
	t.User, t.Database, t.Host, t.Program, t.Target = l.user, l.database, l.host, l.program, l.server
	t.Auth = "sql"
	if l.integrated {
		t.Auth = "integrated"
	}
	t.request = true
	t.Touch(flow.ToServer)
}

// server reads a whole message of the server.
func (p *Parser) server(c *proto.Context, s *side) {
	t := p.current
	if t == nil {
		return
	}
	t.began = true
	t.Touch(flow.ToClient)
	if t.Login && (p.prelogin || s.kind == msgPrelogin) {
		p.prelogin = false
		if version, encryption, ok := prelogin(s.body); ok && !isTLS(s.body) {
			t.Server = version
			p.encrypted = encryption == encryptOn || encryption == encryptRequired
		}
		return
	}
	r := result{modern: p.modern}
	r.walk(s.body)
	if r.accepted {
		p.modern = r.modern
	}
	if s.cut {
		r.tail(s.tail)
	} else if !r.ended {
		r.tail(s.body)
	}
	if r.database != "" {
		p.database = r.database
	}
	if t.Login && !r.accepted && !r.failed {
		return // the exchange of an authentication goes on
	}
	t.take(&r)
	p.finish()
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.frames.Gap(dir, rest, n)
	p.sides[dir] = side{}
	p.frames.Lose(dir)
	p.finish()
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		p.finish()
	}
}
