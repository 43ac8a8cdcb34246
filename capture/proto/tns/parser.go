package tns

import (
	"encoding/binary"
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
	Begun      // of the server's side: the answer has begun
	Done
)

// Transaction is a connection attempt, the login, or one statement or call.
type Transaction struct {
	proto.State
	database.Access
	Text     []byte // of the statement, or the descriptor
	Service  string // of a connection attempt: service name or SID
	Program  string
	Host     string // the client's
	OSUser   string // the client's account on its host
	Server   string // release
	Redirect string // of a connection attempt: where the server sends the client
	connect  bool
	request  bool
	began    bool
	over     bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_request", "malformed_response"}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "tns" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	switch {
	case t.over, dir == flow.ToServer && t.request:
		return Done
	case dir == flow.ToClient && t.began:
		return Begun
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.Progress(dir) == Done }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	t.Access.Event(e)
	e.Str(event.DBService, t.Service)
	e.Str(event.DBClient, t.Program)
	e.Str(event.DBClientHost, t.Host)
	e.Str(event.DBServer, t.Server)
	e.Str(event.TNSOSUser, t.OSUser)
	e.Str(event.TNSRedirect, t.Redirect)
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames  wire.Frames
	large   bool // lengths have four bytes
	user    string
	service string
	current *Transaction
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	p := &Parser{}
	p.frames = wire.Frames{Max: packetMax, Size: p.size}
	return p
}

func (p *Parser) size(_ flow.Direction, b []byte) int64 {
	if len(b) < headerBytes {
		return 0
	}
	n := int64(binary.BigEndian.Uint16(b))
	if p.large || n == 0 {
		n = int64(binary.BigEndian.Uint32(b))
	}
	if n < headerBytes || n > 2<<20 || b[4] == 0 || b[4] > typeLast {
		return -1
	}
	return n
}

// Recognise is the proto.Recogniser: a connect packet.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 4 && (b[2] != 0 || b[3] != 0 || b[4] != typeConnect) {
		return proto.No
	}
	if len(b) < headerBytes+connectFixed-6 {
		if p.Port(1521) && p.Dir == flow.ToServer {
			return proto.Maybe
		}
		return proto.No
	}
	n, proto1, compatible := int(binary.BigEndian.Uint16(b)), binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	size, from := int(binary.BigEndian.Uint16(b[24:])), int(binary.BigEndian.Uint16(b[26:]))
	if n < 34 || proto1 < 300 || proto1 > 340 || compatible > proto1 || compatible < 200 || from < 26 || from > n || size > 4096 {
		return proto.No
	}
	if p.Dir == flow.ToClient {
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
			if p.current != nil {
				p.current.Anomaly([...]string{"malformed_request", "malformed_response"}[dir])
				p.finish()
			}
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		if dir == flow.ToServer {
			p.client(c, f.Bytes)
		} else {
			p.server(f.Bytes)
		}
		c.Flush[dir] = true
	}
}

func (p *Parser) begin(c *proto.Context, operation string) *Transaction {
	p.finish()
	t := &Transaction{request: true}
	t.User, t.Database, t.Operation = p.user, p.service, operation
	c.Begin(t)
	t.Touch(flow.ToServer)
	p.current = t
	return t
}

func (p *Parser) finish() {
	if t := p.current; t != nil {
		if t.began && !t.connect {
			t.Succeed()
		}
		t.over, p.current = true, nil
		t.Touch(flow.ToServer)
		t.Touch(flow.ToClient)
	}
}

// client reads a packet of the client.
func (p *Parser) client(c *proto.Context, b []byte) {
	switch b[4] {
	case typeConnect:
		p.large = false
		if t := p.current; t != nil && t.connect && !t.began { // sent again
			return
		}
		t := p.begin(c, "CONNECT")
		t.connect = true
		descriptor, _, ok := connectData(b)
		if !ok {
			c.Malformed++
			t.Anomaly("malformed_request")
			return
		}
		p.describe(t, descriptor)
	case typeData:
		if len(b) > headerBytes+2 {
			p.data(c, b[headerBytes+2:])
		}
	}
}

// describe takes what a connect descriptor tells.
func (p *Parser) describe(t *Transaction, descriptor string) {
	t.Text, _ = wire.Keep([]byte(descriptor), database.StatementMax)
	t.SetCommand("CONNECT", t.Text)
	if t.Service = value(descriptor, "SERVICE_NAME"); t.Service == "" {
		t.Service = value(descriptor, "SID")
	}
	client := descriptor
	if at := find(descriptor, "(CID="); at >= 0 {
		client = descriptor[at:]
		t.Host, t.OSUser = value(client, "HOST"), value(client, "USER")
	}
	t.Program = value(client, "PROGRAM")
	p.service = t.Service
	t.Database = t.Service
}

// data reads a client's call.
func (p *Parser) data(c *proto.Context, b []byte) {
	if t := p.current; t != nil && t.connect && b[0] == '(' { // a descriptor too long for its connect packet
		p.describe(t, string(b))
		t.Touch(flow.ToServer)
		return
	}
	if b[0] != ttcCall && b[0] != ttcPiggyback || len(b) < 3 {
		return
	}
	call := b[1]
	switch {
	case b[0] == ttcCall && (call == callSession || call == callAuth):
		p.login(c, b)
		return
	case b[0] == ttcCall && call == callCommit:
		p.begin(c, "COMMIT")
		return
	case b[0] == ttcCall && call == callRollback:
		p.begin(c, "ROLLBACK")
		return
	case b[0] == ttcCall && call == callLogoff:
		p.begin(c, "LOGOFF")
		return
	case b[0] == ttcCall && call == callFetch:
		return // more rows of the statement before
	}
	if text := statement(b); text != nil {
		t := p.begin(c, "")
		t.Text, _ = wire.Keep(text, packetMax)
		t.SetStatement(t.Text)
	}
}

func (p *Parser) login(c *proto.Context, b []byte) {
	t := p.current
	if t == nil || t.Operation != "LOGIN" {
		t = p.begin(c, "LOGIN")
	}
	if user := loginUser(b); user != "" {
		p.user = user
		t.User = user
	}
	for _, a := range [...]struct {
		name string
		to   *string
	}{{"AUTH_PROGRAM_NM", &t.Program}, {"AUTH_MACHINE", &t.Host}, {"AUTH_SID", &t.OSUser}} {
		if v := attribute(b, a.name); v != "" {
			*a.to = v
		}
	}
	t.Touch(flow.ToServer)
}

// server reads a packet of the server.
func (p *Parser) server(b []byte) {
	t := p.current
	if b[4] == typeAccept && len(b) >= headerBytes+2 {
		p.large = binary.BigEndian.Uint16(b[headerBytes:]) >= largeVersion
	}
	if t == nil {
		return
	}
	t.Touch(flow.ToClient)
	switch {
	case b[4] == typeResend:
		return
	case b[4] == typeAccept && t.connect:
		t.began = true
		t.Succeed()
		p.finish()
	case b[4] == typeRefuse && t.connect:
		t.began = true
		text := string(b[min(len(b), headerBytes+4):])
		code := value(text, "CODE")
		if code == "" {
			code = value(text, "ERR")
		}
		if n, err := strconv.Atoi(code); err == nil {
			code = "ORA-" + strings.Repeat("0", max(0, 5-len(strconv.Itoa(n)))) + strconv.Itoa(n)
		}
		t.Server = version(value(text, "VSNNUM"))
		t.Fail(code, []byte(text))
		p.finish()
	case b[4] == typeRedirect && t.connect:
		t.began = true
		t.Redirect = string(b[min(len(b), headerBytes+2):min(len(b), headerBytes+2+textMax)])
		t.Succeed()
		p.finish()
	case b[4] == typeData && !t.connect && len(b) > headerBytes+2:
		t.began = true
		if code, text := oraError(b[headerBytes+2:]); code != "" && code != "ORA-01403" && t.Outcome != database.Failure {
			t.Fail(code, text)
		}
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if !p.frames.Gap(dir, rest, n) && p.current != nil {
		p.current.began = false // how it ended is not known
		p.finish()
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		p.finish()
	}
}
