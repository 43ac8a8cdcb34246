package mysql

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

const (
	preparedMax = 256
	waitingMax  = 64
)

// phase is where a connection is.
type phase uint8

const (
	expectGreeting phase = iota
	expectResponse
	authenticating
	commands
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames   wire.Frames
	phase    phase
	caps     uint32
	user     string
	database string
	login    *Transaction
	waiting  []*Transaction
	prepared map[uint32][]byte
	more     [2]bool // the packet before said it goes on in the next
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	p := &Parser{prepared: map[uint32][]byte{}}
	p.frames = wire.Frames{Max: packetMax, Size: size, Sync: func(dir flow.Direction, b []byte) bool {
		n := size(dir, b)
		if n <= headerBytes || n > int64(len(b)) || p.phase != commands {
			return false
		}
		if dir == flow.ToServer {
			return b[3] == 0 && b[4] > 0 && b[4] <= comLast
		}
		return b[3] == 1 && len(p.waiting) > 0
	}}
	return p
}

func size(_ flow.Direction, b []byte) int64 {
	if len(b) < headerBytes {
		return 0
	}
	return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 + headerBytes
}

// greets tells whether b begins with a server's greeting, or its refusal on the protocol's port.
func greets(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 3 && b[3] != 0 || len(b) > 4 && b[4] != protocolVersion && b[4] != markError {
		return proto.No
	}
	if len(b) < headerBytes+1 {
		if p.Port(3306) {
			return proto.Maybe
		}
		return proto.No
	}
	n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if n < 8 || n > 512 {
		return proto.No
	}
	if len(b) < headerBytes+n {
		return proto.Maybe
	}
	body := b[headerBytes : headerBytes+n]
	if body[0] == markError {
		if code := binary.LittleEndian.Uint16(body[1:]); p.Port(3306) && code >= 1000 && code < 5000 {
			return proto.Yes
		}
		return proto.No
	}
	g, ok := parseGreeting(body)
	if !ok || len(g.version) < 3 {
		return proto.No
	}
	for _, c := range []byte(g.version) {
		if c < ' ' || c > '~' {
			return proto.No
		}
	}
	return proto.Yes
}

// Recognise is the proto.Recogniser: the server speaks first.
func Recognise(p *proto.Probe) proto.Match {
	m := greets(p)
	if m == proto.Yes && p.Dir == flow.ToServer {
		return proto.Reversed
	}
	if m == proto.Maybe && p.Dir == flow.ToServer {
		return proto.No
	}
	return m
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for {
		f, ok := p.frames.Next(dir, b[done:])
		done += f.Taken
		if !ok {
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		going := p.more[dir]
		p.more[dir] = f.Size == packetWhole+headerBytes
		if going { // the rest of a packet of more than 16 MiB
			continue
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

func (p *Parser) begin(c *proto.Context, command uint8) *Transaction {
	t := &Transaction{Command: command}
	t.User, t.Database = p.user, p.database
	c.Begin(t)
	return t
}

func (p *Parser) finish(t *Transaction) {
	t.request, t.over = true, true
	t.Touch(flow.ToServer)
	t.Touch(flow.ToClient)
}

// client reads what the client sends.
func (p *Parser) client(c *proto.Context, f wire.Frame) proto.Verdict {
	body := f.Bytes[headerBytes:]
	switch p.phase {
	case expectGreeting:
		c.Malformed++
		return proto.Fail
	case expectResponse:
		return p.response(c, body)
	case authenticating:
		return proto.Continue // secrets
	}
	if len(body) == 0 || f.Bytes[3] != 0 {
		return proto.Continue // the contents of a local file
	}
	p.command(c, body[0], body[1:])
	return proto.Continue
}

func (p *Parser) response(c *proto.Context, body []byte) proto.Verdict {
	t := p.login
	r, ok := parseResponse(body)
	if !ok {
		c.Malformed++
		t.Anomaly("malformed_request")
		p.finish(t)
		return proto.Fail
	}
	p.caps &= r.caps
	if r.caps&capSSL != 0 && r.user == "" {
		t.Encrypted = true
		p.finish(t)
		return proto.Restart
	}
	p.user, p.database = bounded(r.user), bounded(r.database)
	t.User, t.Database, t.Program = p.user, p.database, r.program
	if r.plugin != "" {
		t.Auth = bounded(r.plugin)
	}
	t.Compressed = p.caps&(capCompress|capZstd) != 0
	t.request = true
	t.Touch(flow.ToServer)
	p.phase = authenticating
	return proto.Continue
}

func bounded(s string) string { return s[:min(len(s), 512)] }

// command begins the transaction of a command.
func (p *Parser) command(c *proto.Context, code uint8, rest []byte) {
	t := p.begin(c, code)
	t.Operation = commandName(code)
	t.request = true
	switch code {
	case comQuery:
		t.Text, _ = wire.Keep(statementText(rest, p.caps&capQueryAttributes != 0), packetMax)
		t.SetStatement(t.Text)
	case comStmtPrepare:
		t.Text, _ = wire.Keep(rest, packetMax)
		t.SetStatement(t.Text)
		t.Operation = "PREPARE"
	case comStmtExecute, comStmtFetch:
		if len(rest) >= 4 {
			t.Text = p.prepared[binary.LittleEndian.Uint32(rest)]
			t.SetStatement(t.Text)
		}
	case comStmtClose:
		if len(rest) >= 4 {
			delete(p.prepared, binary.LittleEndian.Uint32(rest))
		}
	case comInitDB:
		t.Text, _ = wire.Keep(rest, 512)
		t.SetCommand("USE", t.Text)
		t.Database = string(t.Text)
	case comFieldList:
		r := wire.NewReader(rest)
		t.Text, _ = wire.Keep(r.Text(), 512)
		t.SetCommand("FIELD_LIST", nil, string(t.Text))
	case comChangeUser:
		r := wire.NewReader(rest)
		t.User = bounded(string(r.Text()))
		r.Skip(int(r.U8()))
		t.Database = bounded(string(r.Text()))
	}
	t.Touch(flow.ToServer)
	switch code {
	case comQuit, comStmtClose, comStmtLongData:
		p.finish(t)
		return
	}
	if len(p.waiting) >= waitingMax {
		t.Anomaly("too_many_transactions")
		p.finish(p.waiting[0])
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
	}
	p.waiting = append(p.waiting, t)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if p.phase != commands {
		return proto.Fail
	}
	if !p.frames.Gap(dir, rest, n) || dir == flow.ToClient {
		for _, t := range p.waiting { // their answers cannot be told apart any more
			p.finish(t)
		}
		p.waiting = p.waiting[:0]
		p.frames.Lose(flow.ToClient)
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		for _, t := range p.waiting {
			p.finish(t)
		}
		p.waiting = nil
	}
}
