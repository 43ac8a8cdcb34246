package pgsql

import (
	"strings"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

// authNames is indexed by the kind of an authentication request and never written.
var authNames = [...]string{"", "", "kerberos", "password", "crypt", "md5", "scm", "gss", "", "sspi", "sasl"}

// server reads a message of the server.
func (p *Parser) server(c *proto.Context, f wire.Frame) proto.Verdict {
	b := f.Bytes
	if t := p.encryption; t != nil {
		p.encryption = nil
		if b[0] != 'E' {
			t.Accepted = b[0] == 'S' || b[0] == 'G'
			t.Succeed()
			p.finish(t)
			switch b[0] {
			case 'S':
				return proto.Restart
			case 'G':
				return proto.Stop
			}
			return proto.Continue
		}
		code, text := fields(b[5:])
		t.Fail(code, text)
		p.finish(t)
		return proto.Continue
	}
	body := b[5:]
	if t := p.login; t != nil {
		p.authentication(t, b[0], body)
		return proto.Continue
	}
	if len(p.waiting) == 0 {
		return proto.Continue // notices, or the query was lost
	}
	p.answer(b[0], body)
	return proto.Continue
}

// authentication reads the server's side of the login.
func (p *Parser) authentication(t *Transaction, kind byte, body []byte) {
	t.began = true
	r := wire.NewReader(body)
	switch kind {
	case 'R':
		n := r.BE32()
		if int(n) < len(authNames) && authNames[n] != "" {
			t.Auth = authNames[n]
		}
		if n == 10 {
			t.Auth = strings.ToLower(key(r.Text()))
		}
		if n == 0 {
			t.Succeed()
			if t.Auth == "" {
				t.Auth = "trust"
			}
		}
	case 'S':
		if name := key(r.Text()); name == "server_version" {
			t.Server = key(r.Text())
		}
	case 'E':
		t.Fail(fields(body))
		p.done(t)
		return
	case 'Z':
		p.done(t)
		return
	}
	t.Touch(flow.ToClient)
}

func (p *Parser) done(t *Transaction) {
	p.finish(t)
	p.login = nil
}

// fields reads the code and message of an error.
func fields(b []byte) (code string, message []byte) {
	r := wire.NewReader(b)
	for range 32 {
		kind := r.U8()
		if kind == 0 {
			break
		}
		value := r.Text()
		switch kind {
		case 'C':
			code = key(value)
		case 'M':
			message = value
		}
	}
	return code, message
}

// answer reads a message of an answer.
func (p *Parser) answer(kind byte, body []byte) {
	head := p.waiting[0]
	t := head.tx
	if kind == 'Z' {
		p.readyForQuery()
		return
	}
	if t == nil {
		return // the batch has only its end to come
	}
	t.began = true
	switch kind {
	case 'D':
		t.DataRows++
		return
	case 'd':
		t.Copied++
		return
	case 'C':
		t.tag(cutNUL(body))
	case 'I', 's', 'V':
		t.Succeed()
		if kind == 's' && t.DataRows > 0 {
			t.AddRows(t.DataRows)
		}
	case '1':
		if head.kind == 'P' {
			t.Succeed()
		}
	case 'E':
		t.Fail(fields(body))
		p.abandon()
		return
	}
	t.Touch(flow.ToClient)
	if head.kind == 'E' && (kind == 'C' || kind == 'I' || kind == 's') {
		p.finish(t)
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
	}
}

// abandon ends what an error ends: the rest of its batch is not executed. A simple query waits for ReadyForQuery.
func (p *Parser) abandon() {
	t := p.waiting[0].tx
	t.Touch(flow.ToClient)
	if p.waiting[0].kind != 'E' && p.waiting[0].kind != 'P' {
		return
	}
	n := 0
	for n < len(p.waiting) && p.waiting[n].tx != nil && (p.waiting[n].kind == 'E' || p.waiting[n].kind == 'P') {
		p.finish(p.waiting[n].tx)
		n++
	}
	p.waiting = append(p.waiting[:0], p.waiting[n:]...)
}

// readyForQuery ends a batch or a simple query.
func (p *Parser) readyForQuery() {
	for i, e := range p.waiting {
		p.finish(e.tx)
		if e.kind == 'S' || e.kind == 'Q' || e.kind == 'F' {
			p.waiting = append(p.waiting[:0], p.waiting[i+1:]...)
			return
		}
	}
	p.waiting = p.waiting[:0]
}
