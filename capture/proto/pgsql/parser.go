package pgsql

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

const (
	messageMax  = 64 << 10
	messageHuge = 1 << 30 // the server's own limit
	preparedMax = 256
	waitingMax  = 128
	nameMax     = 256

	codeVersion3 = 3 << 16
	codeCancel   = 80877102
	codeSSL      = 80877103
	codeGSS      = 80877104
)

// entry is what an answer is awaited for; a Sync has no transaction.
type entry struct {
	tx   *Transaction
	kind byte // the message: Q, E, F, P (a preparation), S
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames     wire.Frames
	user       string
	database   string
	encryption *Transaction // waits for its byte
	login      *Transaction
	waiting    []entry
	prepared   map[string][]byte
	portals    map[string][]byte
	parsed     []byte // the last Parse of this batch that nothing has executed yet
	hasParsed  bool
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	p := &Parser{prepared: map[string][]byte{}, portals: map[string][]byte{}}
	p.frames = wire.Frames{Max: messageMax, Size: p.size, Sync: func(dir flow.Direction, b []byte) bool {
		n := p.size(dir, b)
		if n <= 0 || n > int64(len(b)) {
			return false
		}
		if dir == flow.ToServer {
			return b[0] == 'Q' || b[0] == 'P'
		}
		return b[0] == 'T' || b[0] == 'C' || b[0] == '1' || b[0] == 'Z' && n == 6
	}}
	return p
}

// size tells a message's length: start-up messages have no type, the answer to an encryption request is one byte.
func (p *Parser) size(dir flow.Direction, b []byte) int64 {
	if dir == flow.ToClient && p.encryption != nil && b[0] != 'E' {
		return 1
	}
	at := 1
	if dir == flow.ToServer && b[0] == 0 {
		at = 0
	} else if !known(dir, b[0]) {
		return -1
	}
	if len(b) < at+4 {
		return 0
	}
	n := int64(binary.BigEndian.Uint32(b[at:]))
	if n < 4 || n > messageHuge || at == 0 && (n < 8 || n > 10000) {
		return -1
	}
	return n + int64(at)
}

// known tells whether a message type exists.
func known(dir flow.Direction, c byte) bool {
	if dir == flow.ToServer {
		switch c {
		case 'B', 'C', 'D', 'E', 'F', 'H', 'P', 'Q', 'S', 'X', 'c', 'd', 'f', 'p':
			return true
		}
		return false
	}
	switch c {
	case '1', '2', '3', 'A', 'C', 'D', 'E', 'G', 'H', 'I', 'K', 'N', 'R', 'S', 'T', 'V', 'W', 'Z', 'c', 'd', 'n', 's', 't', 'v':
		return true
	}
	return false
}

// Recognise is the proto.Recogniser: the first message of a client.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 0 && b[0] != 0 || len(b) > 1 && b[1] != 0 {
		return proto.No
	}
	if len(b) < 8 {
		if p.Port(5432) {
			return proto.Maybe
		}
		return proto.No
	}
	n, code := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	found := n == 8 && (code == codeSSL || code == codeGSS) || n == 16 && code == codeCancel ||
		code>>16 == 3 && n >= 9 && n <= 10000 && len(b) > 8 && (b[8] >= 'a' && b[8] <= 'z' || b[8] == '_')
	switch {
	case !found:
		return proto.No
	case p.Dir == flow.ToClient:
		return proto.Reversed
	}
	return proto.Yes
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for {
		f, ok := p.frames.Next(dir, b[done:])
		done += f.Taken
		if !ok {
			c.Malformed++
			p.broken(c, dir, "invalid_length")
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		var v proto.Verdict
		if dir == flow.ToServer {
			v = p.client(c, f)
		} else {
			v = p.server(c, f)
		}
		c.Flush[dir] = true
		if v != proto.Continue {
			return done, v
		}
	}
}

func (p *Parser) begin(c *proto.Context, kind Kind, operation string) *Transaction {
	t := &Transaction{Kind: kind, request: true}
	t.User, t.Database, t.Operation = p.user, p.database, operation
	c.Begin(t)
	t.Touch(flow.ToServer)
	return t
}

func (p *Parser) finish(t *Transaction) {
	if t == nil || t.over {
		return
	}
	if t.DataRows > 0 && !t.HasRows {
		t.AddRows(t.DataRows)
	}
	t.over = true
	t.Touch(flow.ToServer)
	t.Touch(flow.ToClient)
}

// broken makes a transaction of a message that cannot be read.
func (p *Parser) broken(c *proto.Context, dir flow.Direction, anomaly string) {
	t := &Transaction{Kind: Broken}
	t.User, t.Database = p.user, p.database
	t.OneSide, t.Only = true, dir
	t.Anomaly(anomaly)
	c.Begin(t)
	p.finish(t)
}

// client reads a message of the client.
func (p *Parser) client(c *proto.Context, f wire.Frame) proto.Verdict {
	b := f.Bytes
	if b[0] == 0 {
		return p.startup(c, b)
	}
	r := wire.NewReader(b[5:])
	switch b[0] {
	case 'Q':
		t := p.begin(c, Query, "")
		t.Text, _ = wire.Keep(cutNUL(r.Rest()), messageMax)
		t.SetStatement(t.Text)
		p.await(entry{t, 'Q'})
	case 'P':
		name := key(r.Text())
		text, _ := wire.Keep(textOf(&r), messageMax)
		if r.Short() && !f.Cut() {
			return p.malformed(c, flow.ToServer)
		}
		if _, have := p.prepared[name]; have || len(p.prepared) < preparedMax {
			p.prepared[name] = text
		}
		p.parsed, p.hasParsed = text, true
	case 'B':
		portal, name := key(r.Text()), key(r.Text())
		if r.Short() && !f.Cut() {
			return p.malformed(c, flow.ToServer)
		}
		if _, have := p.portals[portal]; have || len(p.portals) < preparedMax {
			p.portals[portal] = p.prepared[name]
		}
	case 'E':
		t := p.begin(c, Execution, "")
		t.Text = p.portals[key(r.Text())]
		t.SetStatement(t.Text)
		p.parsed, p.hasParsed = nil, false
		p.await(entry{t, 'E'})
	case 'C':
		if kind := r.U8(); kind == 'S' {
			delete(p.prepared, key(r.Text()))
		} else {
			delete(p.portals, key(r.Text()))
		}
	case 'S':
		p.sync(c)
	case 'F':
		t := p.begin(c, Function, "FUNCTION_CALL")
		p.await(entry{t, 'F'})
	case 'X':
		p.finishAll()
	}
	return proto.Continue
}

// sync ends a batch; what was only parsed in it is a preparation.
func (p *Parser) sync(c *proto.Context) {
	if p.hasParsed {
		t := p.begin(c, Preparation, "")
		t.Text = p.parsed
		t.SetStatement(t.Text)
		t.Operation = "PREPARE"
		p.parsed, p.hasParsed = nil, false
		p.await(entry{t, 'P'})
	}
	p.await(entry{nil, 'S'})
}

func (p *Parser) malformed(c *proto.Context, dir flow.Direction) proto.Verdict {
	c.Malformed++
	name := "malformed_request"
	if dir == flow.ToClient {
		name = "malformed_response"
	}
	p.broken(c, dir, name)
	return proto.Continue
}

// await remembers what an answer will come for.
func (p *Parser) await(e entry) {
	if len(p.waiting) >= 2*waitingMax {
		if t := p.waiting[0].tx; t != nil {
			t.Anomaly("too_many_transactions")
			p.finish(t)
		}
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
	}
	p.waiting = append(p.waiting, e)
}

func (p *Parser) finishAll() {
	for _, e := range p.waiting {
		p.finish(e.tx)
	}
	p.waiting = p.waiting[:0]
}

func key(b []byte) string { return string(b[:min(len(b), nameMax)]) }

// textOf reads up to a NUL, or all when the message was cut before it.
func textOf(r *wire.Reader) []byte {
	if b := cutNUL(r.Peek()); len(b) < r.Len() {
		return r.Text()
	}
	return r.Rest()
}

func cutNUL(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// startup reads the messages without a type.
func (p *Parser) startup(c *proto.Context, b []byte) proto.Verdict {
	r := wire.NewReader(b[4:])
	switch code := r.BE32(); {
	case code == codeSSL, code == codeGSS:
		name := "SSL_REQUEST"
		if code == codeGSS {
			name = "GSSENC_REQUEST"
		}
		p.finish(p.encryption)
		p.encryption = p.begin(c, Encryption, name)
	case code == codeCancel:
		p.finish(p.begin(c, Cancellation, "CANCEL"))
	case code>>16 == codeVersion3>>16:
		t := p.begin(c, Login, "LOGIN")
		for range 64 {
			name := r.Text()
			if r.Short() || len(name) == 0 {
				break
			}
			value := key(r.Text())
			switch string(name) {
			case "user":
				p.user = value
			case "database":
				p.database = value
			case "application_name":
				t.Program = value
			}
		}
		if p.database == "" {
			p.database = p.user // what the server takes
		}
		t.User, t.Database = p.user, p.database
		p.finish(p.login)
		p.login = t
	default:
		return p.malformed(c, flow.ToServer)
	}
	return proto.Continue
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if !p.frames.Gap(dir, rest, n) {
		p.finish(p.login)
		p.finish(p.encryption)
		p.login, p.encryption = nil, nil
		p.finishAll()
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		p.finish(p.encryption)
		p.finish(p.login)
		p.finishAll()
	}
}
