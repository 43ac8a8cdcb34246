package mongodb

import (
	"strconv"
	"strings"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/database"
	"fengsui/capture/proto/wire"
)

// Progress of one side.
const (
	NotStarted = iota
	Done
)

const waitingMax = 256

// Transaction is one command with its reply.
type Transaction struct {
	proto.State
	database.Access
	Mechanism  string // of an authentication
	Compressed string // how the command was compressed, "" not at all
	login      string // the user that authenticates
	over       bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_request", "malformed_response", "too_many_transactions"}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "mongodb" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	if dir == flow.ToServer || t.over {
		return Done
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return dir == flow.ToServer || t.over }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	t.Access.Event(e)
	e.Str(event.DBAuth, t.Mechanism)
	if t.Compressed != "" {
		e.Bool(event.DBCompressed, true)
	}
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames  wire.Frames
	user    string
	pending string // the user of a SASL exchange that is under way
	waiting map[uint32]*Transaction
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	return &Parser{waiting: map[uint32]*Transaction{}, frames: wire.Frames{Max: messageMax, Size: size, Sync: func(_ flow.Direction, b []byte) bool {
		return len(b) >= headerBytes && parseHeader(b).plausible()
	}}}
}

func size(_ flow.Direction, b []byte) int64 {
	if len(b) < headerBytes {
		return 0
	}
	h := parseHeader(b)
	if !h.plausible() {
		return -1
	}
	return int64(h.size)
}

// Recognise is the proto.Recogniser: the header of a client's message that a session may begin with.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || len(b) > 3 && b[3] > 3 {
		return proto.No
	}
	if len(b) < headerBytes {
		if p.Port(27017) {
			return proto.Maybe
		}
		return proto.No
	}
	h := parseHeader(b)
	if h.size < 26 || !h.plausible() || h.to != 0 && h.to != 1<<32-1 || h.op == opReply {
		return proto.No
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
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		p.message(c, dir, f)
		c.Flush[dir] = true
	}
}

func (p *Parser) message(c *proto.Context, dir flow.Direction, f wire.Frame) {
	h, body, compression := parseHeader(f.Bytes), f.Bytes[headerBytes:], ""
	readable := true
	if h.op == opCompressed {
		h.op, body, compression, readable = unpack(body)
	}
	if dir == flow.ToServer {
		p.request(c, h, body, compression, readable, f.Cut())
		return
	}
	t := p.waiting[h.to]
	if t == nil {
		return
	}
	t.Touch(flow.ToClient)
	a, ok := parseAnswer(h.op, body)
	switch {
	case !readable:
	case !ok:
		c.Malformed++
		t.Anomaly("malformed_response")
	default:
		p.answer(t, &a)
	}
	if !a.more {
		delete(p.waiting, h.to)
		p.finish(t)
	}
}

func (p *Parser) request(c *proto.Context, h header, body []byte, compression string, readable, cut bool) {
	t := &Transaction{Compressed: compression}
	t.User = p.user
	q, ok := parseRequest(h.op, body, database.StatementMax)
	switch {
	case !readable:
		t.Operation = "compressed with " + compression
	case !ok:
		c.Malformed++
		t.Anomaly("malformed_request")
	default:
		t.Database, t.Mechanism, t.login = q.database, q.mechanism, q.user
		t.SetCommand(q.name, q.text)
		t.Cut = t.Cut || cut
		if q.collection != "" {
			t.Objects = []string{q.collection}
		}
		if q.user != "" {
			p.pending, t.User = q.user, q.user
		} else if strings.EqualFold(q.name, "saslContinue") {
			t.User, t.login = p.pending, p.pending
		}
	}
	c.Begin(t)
	t.Touch(flow.ToServer)
	if q.noReply {
		p.finish(t)
		return
	}
	if old := p.waiting[h.id]; old != nil {
		p.finish(old)
	} else if len(p.waiting) >= waitingMax {
		t.Anomaly("too_many_transactions")
		p.finish(t)
		return
	}
	p.waiting[h.id] = t
}

func (p *Parser) answer(t *Transaction, a *answer) {
	if a.hasRows {
		t.AddRows(a.rows)
	}
	if a.failed {
		code := ""
		if a.code != 0 {
			code = strconv.FormatInt(a.code, 10)
		}
		t.Fail(code, []byte(a.text))
		return
	}
	t.Succeed()
	if t.login != "" && (a.done || t.Operation == "authenticate") {
		p.user = t.login
	}
}

func (p *Parser) finish(t *Transaction) {
	t.over = true
	t.Touch(flow.ToClient)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.frames.Gap(dir, rest, n)
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		for id, t := range p.waiting {
			p.finish(t)
			delete(p.waiting, id)
		}
	}
}
