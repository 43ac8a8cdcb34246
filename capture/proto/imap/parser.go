package imap

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
	"fengsui/capture/proto/mime"
)

const (
	lineBytesMax  = 8 << 10
	lineKeptMax   = 1024
	requestsMax   = 64
	responsesMax  = 256
	waitingMax    = 128
	mailsMax      = 32
	filesMax      = 100
	bodyKeptMax   = 16 << 10
	tagBytesMax   = 64
	userNameMax   = 256
	mailboxMax    = 512
	shortLiteral  = 512 // kept as part of a command
	commandMax    = 32
	sizeDigitsMax = 10
)

// half is one direction of the parser.
type half struct {
	lines  line.Cutter
	left   int64        // bytes of the literal
	mail   *mime.Reader // when it is a mail
	text   []byte       // of a command's short literal, and the line before it
	within bool         // the next line goes on behind a literal
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	c       *proto.Context
	half    [2]half
	tx      *Transaction   // whose command is being read
	waiting []*Transaction // without their tagged response, oldest first
	fetch   *Transaction   // whose response is being read
	user    []byte
	asked   bool // the client has sent something
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser of IMAP: its greeting, or on its port a tagged command.
func Recognise(p *proto.Probe) proto.Match {
	if p.Dir == flow.ToClient {
		best := proto.No
		for _, w := range [...]string{"* OK ", "* PREAUTH ", "* OK\r\n"} {
			n := min(len(p.Data), len(w))
			if !line.HasFold(p.Data[:n], w[:n]) {
				continue
			}
			if n == len(w) {
				return proto.Yes
			}
			best = proto.Maybe
		}
		return best
	}
	if !p.Port(143) {
		return proto.No
	}
	first, _, whole := bytes.Cut(p.Data, []byte{'\n'})
	if !whole {
		if len(p.Data) > tagBytesMax+commandMax {
			return proto.No
		}
		return proto.Maybe
	}
	_, rest := line.Word(bytes.TrimRight(first, "\r"))
	word, _ := line.Word(rest)
	switch string(line.Fold(word, commandMax)) {
	case "CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID", "NOOP", "LOGOUT":
		return proto.Yes
	}
	return proto.No
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	p.c = c
	h := &p.half[dir]
	done := 0
	for done < len(b) {
		if h.left > 0 {
			n := int(min(h.left, int64(len(b)-done)))
			p.literal(dir, b[done:done+n])
			done += n
			continue
		}
		l, n := h.lines.Next(b[done:], lineBytesMax)
		if n == 0 {
			break
		}
		done += n
		if l.Rest {
			continue
		}
		c.Flush[dir] = true
		if dir == flow.ToServer {
			p.request(l.Text)
		} else if v := p.response(l.Text); v != proto.Continue {
			return done, v
		}
	}
	return done, proto.Continue
}

// literalSize reads {123}, {123+} or ~{123} at the end of a line and returns the line before it, -1 when there is none.
func literalSize(b []byte) (before []byte, n int64) {
	if len(b) < 3 || b[len(b)-1] != '}' {
		return b, -1
	}
	i := bytes.LastIndexByte(b, '{')
	if i < 0 {
		return b, -1
	}
	digits := bytes.TrimSuffix(b[i+1:len(b)-1], []byte{'+'})
	v, err := strconv.ParseUint(string(digits[:min(len(digits), sizeDigitsMax+1)]), 10, 32)
	if err != nil {
		return b, -1
	}
	return bytes.TrimSuffix(b[:i], []byte{'~'}), int64(v)
}

// request reads a line of the client.
func (p *Parser) request(b []byte) {
	h := &p.half[flow.ToServer]
	p.asked = true
	before, n := literalSize(b)
	switch t := p.tx; {
	case h.within && t != nil: // goes on behind a literal
		h.text = append(h.text, b[:min(len(b), lineKeptMax)]...)
	case t != nil && t.sasl && !t.Complete(flow.ToClient):
		t.keepRequest(b)
		p.answer(t, b)
		t.begin(flow.ToServer)
		return
	case t != nil && string(t.Command) == "IDLE" && bytes.EqualFold(b, []byte("DONE")):
		t.keepRequest(b)
		t.begin(flow.ToServer)
		return
	case len(b) == 0:
		return
	default:
		h.text = append(h.text[:0], b[:min(len(b), lineKeptMax)]...)
		p.command(b)
	}
	t := p.tx
	h.within = n >= 0
	if n > 0 {
		h.left = n
		if string(t.Command) == "APPEND" {
			h.mail = p.newMail(t, flow.ToServer)
		} else if len(before) < len(b) && len(h.text) >= len(b)-len(before) && n <= shortLiteral {
			h.text = append(h.text[:len(h.text)-(len(b)-len(before))], '"')
		}
	}
	if !h.within {
		t.keepRequest(h.text)
		p.arguments(t, h.text)
	}
	t.begin(flow.ToServer)
}

// keepRequest keeps a line of the client.
func (t *Transaction) keepRequest(b []byte) {
	if len(t.Requests) < requestsMax {
		b, _ = line.Clip(b, lineKeptMax)
		t.Requests = append(t.Requests, b)
	}
}

// command begins the transaction of a command line.
func (p *Parser) command(b []byte) {
	t := &Transaction{User: p.user}
	tag, rest := line.Word(b)
	word, rest := line.Word(rest)
	t.Tag, _ = line.Clip(tag, tagBytesMax)
	t.Command = line.Fold(word, commandMax)
	if string(t.Command) == "UID" {
		word, _ = line.Word(rest)
		t.Command = append(append(t.Command, ' '), line.Fold(word, commandMax)...)
	}
	p.c.Begin(t)
	if len(t.Command) == 0 || len(tag) == 0 {
		t.Anomaly("invalid_data")
		p.c.Malformed++
	}
	t.sasl = string(t.Command) == "AUTHENTICATE"
	p.tx = t
	if len(p.waiting) >= waitingMax {
		t.Anomaly("too_many_transactions")
		p.waiting[0].finish()
		p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	}
	p.waiting = append(p.waiting, t)
}

// astring takes an atom or a quoted string off the front of b.
func astring(b []byte) (s, rest []byte) {
	b = bytes.TrimLeft(b, " ")
	if len(b) == 0 || b[0] != '"' {
		return line.Word(b)
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
			if i < len(b) {
				s = append(s, b[i])
			}
		case '"':
			return s, b[i+1:]
		default:
			s = append(s, b[i])
		}
	}
	return s, nil
}

// arguments looks at a whole command line.
func (p *Parser) arguments(t *Transaction, b []byte) {
	_, rest := line.Word(b)
	_, rest = line.Word(rest)
	switch string(t.Command) {
	case "LOGIN":
		user, _ := astring(rest)
		p.user, _ = line.Clip(user, userNameMax)
		t.User = p.user
	case "AUTHENTICATE":
		if _, initial := line.Word(rest); len(initial) > 0 {
			p.answer(t, initial)
		}
	case "SELECT", "EXAMINE", "APPEND":
		box, _ := astring(rest)
		t.Mailbox, _ = line.Clip(box, mailboxMax)
	}
}

// answer looks for the user's name in an answer to a challenge.
func (p *Parser) answer(t *Transaction, b []byte) {
	plain, err := base64.StdEncoding.DecodeString(string(b[:min(len(b), lineBytesMax)]))
	if err != nil || len(t.Requests) > 2 && len(t.User) > 0 {
		return
	}
	var name []byte
	mechanism := ""
	if len(t.Requests) > 0 {
		_, rest := line.Word(t.Requests[0])
		_, rest = line.Word(rest)
		word, _ := line.Word(rest)
		mechanism = string(line.Fold(word, commandMax))
	}
	switch mechanism {
	case "PLAIN":
		if parts := bytes.Split(plain, []byte{0}); len(parts) == 3 {
			name = parts[1]
		}
	case "LOGIN":
		if len(t.Requests) <= 2 {
			name = plain
		}
	case "CRAM-MD5":
		name = plain[:max(bytes.LastIndexByte(plain, ' '), 0)]
	case "XOAUTH2", "OAUTHBEARER":
		if _, after, ok := bytes.Cut(plain, []byte("user=")); ok {
			name, _, _ = bytes.Cut(after, []byte{1})
		}
	}
	if len(name) > 0 {
		p.user, _ = line.Clip(name, userNameMax)
		t.User = p.user
	}
}

// newMail begins a mail, nil when the transaction carries too many.
func (p *Parser) newMail(t *Transaction, dir flow.Direction) *mime.Reader {
	if len(t.Mails[dir]) >= mailsMax {
		return nil
	}
	r := mime.NewReader(mime.Options{
		File: func(name []byte) *file.File {
			if t.files >= filesMax {
				return nil
			}
			t.files++
			return p.c.NewFile(dir, name)
		},
		Anomaly: func(name string) {
			t.Anomaly(name)
			if name == "mime_parse_failed" {
				t.Anomaly("too_many_headers")
			}
		},
		KeepBody: bodyKeptMax,
	})
	t.Mails[dir] = append(t.Mails[dir], r.Mail())
	return r
}

// literal takes bytes of a literal.
func (p *Parser) literal(dir flow.Direction, b []byte) {
	h := &p.half[dir]
	h.left -= int64(len(b))
	t := p.tx
	if dir == flow.ToClient {
		t = p.fetch
	}
	switch {
	case h.mail != nil:
		h.mail.Write(b)
		if h.left == 0 {
			h.mail.Close()
			h.mail = nil
			p.c.Flush[dir] = true
		}
	case dir == flow.ToServer:
		if len(h.text) < lineKeptMax {
			h.text = append(h.text, bytes.ReplaceAll(b, []byte{'"'}, []byte{'\''})...)
			if h.left == 0 {
				h.text = append(h.text, '"')
			}
		}
	}
	if t != nil {
		t.Touch(dir)
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	p.c = c
	h := &p.half[dir]
	if n <= h.left && h.left > 0 {
		h.left -= n
		if h.mail != nil {
			h.mail.Gap(n)
			if h.left == 0 {
				h.mail.Close()
				h.mail = nil
			}
		}
		return proto.Continue
	}
	p.closeMail(dir)
	h.left, h.within = 0, false
	h.lines.Lose()
	return proto.Continue
}

// closeMail ends a mail whose end will not come.
func (p *Parser) closeMail(dir flow.Direction) {
	if h := &p.half[dir]; h.mail != nil {
		h.mail.Abort()
		h.mail = nil
	}
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	p.c = c
	h := &p.half[dir]
	if dir == flow.ToServer && len(rest) > 0 && h.left == 0 && !h.lines.Pending() {
		p.request(rest)
	}
	p.closeMail(dir)
	h.left = 0
	if dir == flow.ToClient {
		for _, t := range p.waiting {
			t.finish()
		}
		if p.fetch != nil {
			p.fetch.finish()
		}
		p.waiting, p.fetch = nil, nil
	}
}
