package mysql

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

// stage is where an answer is.
type stage uint8

const (
	atHead    stage = iota
	atColumns       // definitions, as many as left
	atRows
)

// answer is the state of one command's answer.
type answer struct {
	stage   stage
	left    uint64 // packets of definitions to come, with their end marks
	columns uint64
	last    bool // the definitions end the answer (PREPARE)
}

// server reads what the server sends.
func (p *Parser) server(c *proto.Context, f wire.Frame) proto.Verdict {
	body := f.Bytes[headerBytes:]
	switch p.phase {
	case expectGreeting:
		return p.greeting(c, body)
	case expectResponse, authenticating:
		return p.authentication(body)
	}
	if len(p.waiting) == 0 {
		return proto.Continue // nobody asked: the command was lost
	}
	t := p.waiting[0]
	t.began = true
	over := p.answer(c, t, body, f.Cut())
	t.Touch(flow.ToClient)
	if over {
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
		p.finish(t)
	}
	return proto.Continue
}

func (p *Parser) greeting(c *proto.Context, body []byte) proto.Verdict {
	t := p.begin(c, commandLogin)
	t.Operation = "LOGIN"
	p.login = t
	t.began = true
	t.Touch(flow.ToClient)
	if len(body) >= 3 && body[0] == markError {
		t.Fail(parseError(body))
		p.finish(t)
		return proto.Stop
	}
	g, ok := parseGreeting(body)
	if !ok {
		c.Malformed++
		t.Anomaly("malformed_response")
		p.finish(t)
		return proto.Fail
	}
	t.Server, t.Auth = bounded(g.version), bounded(g.plugin)
	p.caps, p.phase = g.caps, expectResponse
	return proto.Continue
}

// authentication reads the end of the login: OK, ERR, or a change of method.
func (p *Parser) authentication(body []byte) proto.Verdict {
	t := p.login
	if len(body) == 0 {
		return proto.Continue
	}
	switch body[0] {
	case markOK:
		t.Succeed()
		p.finish(t)
		p.phase = commands
		if t.Compressed {
			return proto.Stop
		}
	case markError:
		if len(body) >= 3 {
			t.Fail(parseError(body))
		}
		p.finish(t)
		return proto.Stop
	case markEOF:
		r := wire.NewReader(body[1:])
		if name := r.Text(); len(name) > 0 {
			t.Auth = bounded(string(name))
		}
	}
	return proto.Continue
}

// answer reads one packet of a command's answer and tells whether it was the last.
func (p *Parser) answer(c *proto.Context, t *Transaction, body []byte, cut bool) bool {
	if len(body) == 0 {
		return false
	}
	a := &t.answer
	if body[0] == markError && a.stage != atColumns && len(body) >= 3 {
		t.Fail(parseError(body))
		return true
	}
	switch a.stage {
	case atHead:
		return p.head(c, t, body)
	case atColumns:
		if a.left--; a.left > 0 {
			return false
		}
		if a.last {
			t.Succeed()
			return true
		}
		a.stage = atRows
		return false
	}
	if body[0] == markEOF && (len(body) < 9 || p.caps&capDeprecateEOF != 0 && !cut) {
		status := uint16(0)
		if p.caps&capDeprecateEOF != 0 {
			_, status = parseOK(body)
		} else if len(body) >= 5 {
			status = binary.LittleEndian.Uint16(body[3:])
		}
		return p.resultEnd(t, status)
	}
	t.AddRows(1)
	if t.Command == comQuery {
		if line, ok := row(body, a.columns); ok {
			t.line(line)
		}
	}
	return false
}

// resultEnd ends a result set; another may follow.
func (p *Parser) resultEnd(t *Transaction, status uint16) bool {
	t.Succeed()
	t.answer = answer{}
	return status&statusMoreResults == 0
}

// head reads the first packet of a result.
func (p *Parser) head(c *proto.Context, t *Transaction, body []byte) bool {
	a := &t.answer
	endMarks := uint64(1)
	if p.caps&capDeprecateEOF != 0 {
		endMarks = 0
	}
	switch t.Command {
	case comStatistics:
		t.Succeed()
		return true
	case comFieldList:
		if body[0] == markEOF {
			t.Succeed()
			return true
		}
		return false
	case comBinlogDump, comBinlogDumpGTID:
		t.Succeed()
		return false // a stream without end
	case comStmtPrepare:
		return p.prepare(c, t, body, endMarks)
	case comChangeUser:
		if body[0] != markOK {
			return false // the method's exchange
		}
		p.user, p.database = t.User, t.Database
	case comStmtFetch:
		a.stage = atRows
		return p.answer(c, t, body, false)
	}
	switch body[0] {
	case markOK:
		rows, status := parseOK(body)
		if t.Command != comChangeUser {
			t.AddRows(rows)
		}
		if t.Command == comInitDB {
			p.database = t.Database
		} else if t.Operation == "USE" && len(t.Statement) > 0 {
			p.use(t)
		}
		return p.resultEnd(t, status)
	case markEOF:
		t.Succeed()
		return true
	case markLocalFile:
		return false // the client sends the file, then OK comes
	}
	r := wire.NewReader(body)
	a.columns = number(&r)
	if r.Short() || a.columns == 0 || a.columns > 4096 {
		c.Malformed++
		t.Anomaly("malformed_response")
		return true
	}
	a.stage, a.left = atColumns, a.columns+endMarks
	t.AddRows(0)
	return false
}

// use takes the database of a USE statement.
func (p *Parser) use(t *Transaction) {
	name := make([]byte, 0, 64)
	for _, c := range t.Statement[3:] {
		if c > ' ' && c != '`' && c != ';' && len(name) < 64 {
			name = append(name, c)
		}
	}
	p.database = string(name)
	t.Database = p.database
}

// prepare reads the answer to STMT_PREPARE and remembers the statement.
func (p *Parser) prepare(c *proto.Context, t *Transaction, body []byte, endMarks uint64) bool {
	r := wire.NewReader(body[1:])
	id := r.LE32()
	columns, params := uint64(r.LE16()), uint64(r.LE16())
	if r.Short() || body[0] != markOK {
		c.Malformed++
		t.Anomaly("malformed_response")
		return true
	}
	if len(p.prepared) < preparedMax {
		p.prepared[id] = t.Text
	}
	for _, n := range [...]uint64{params, columns} {
		if n > 0 {
			t.answer.left += n + endMarks
		}
	}
	if t.answer.left == 0 {
		t.Succeed()
		return true
	}
	t.answer.stage, t.answer.last = atColumns, true
	return false
}
