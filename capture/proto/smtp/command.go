package smtp

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"fengsui/capture/flow"
	"fengsui/capture/proto/line"
)

// command reads one line of the client. p.tx is its transaction afterwards.
func (p *Parser) command(b []byte) verb {
	word, rest := line.Word(b)
	name := string(line.Fold(word, 16))
	if p.mode == sasl {
		if !known(name, b) {
			p.current()
			p.answer(b)
			return other
		}
		p.mode = commands // the server's side is missing, or it refused
	}
	switch name {
	case "QUIT":
		p.current()
		return quit
	case "RSET":
		p.current()
		if p.mail != nil {
			p.mail.Abort()
		}
		p.over()
		return other
	}
	t := p.begin()
	switch {
	case name == "HELO" || name == "EHLO" || name == "LHLO":
		p.greeting(rest)
		return greet
	case line.HasFold(b, "MAIL FROM:"):
		p.mailFrom(b[len("MAIL FROM:"):])
	case line.HasFold(b, "RCPT TO:"):
		p.rcptTo(b[len("RCPT TO:"):])
	case name == "DATA":
		if t.Mail == nil {
			p.mode, p.start = dataNext, true
			t.advance(flow.ToServer, InHeader)
			return dataStart
		}
	case name == "BDAT":
		return p.bdat(rest)
	case name == "STARTTLS":
		return startTLS
	case name == "AUTH":
		p.auth(rest)
		return auth
	}
	return other
}

// known tells whether a line is a command although an answer to a challenge is due.
func known(name string, b []byte) bool {
	switch name {
	case "QUIT", "RSET", "HELO", "EHLO", "LHLO", "STARTTLS", "DATA":
		return true
	}
	return line.HasFold(b, "MAIL FROM:") || line.HasFold(b, "RCPT TO:")
}

// greeting keeps the first introduction.
func (p *Parser) greeting(rest []byte) {
	t := p.tx
	if p.helo != nil {
		t.Anomaly("duplicate_fields")
	} else if rest = bytes.TrimSpace(rest); len(rest) > 0 {
		p.helo, _ = line.Clip(rest, pathBytesMax)
		t.Helo = p.helo
	}
	t.advance(flow.ToServer, Greeted)
}

// path takes the path off the front of a MAIL or RCPT argument, with its angle brackets.
func path(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t")
	end := bytes.IndexAny(b, " \t")
	if len(b) > 0 && b[0] == '<' {
		quoted := false
		for i, c := range b {
			if c == '"' {
				quoted = !quoted
			}
			if c == '>' && !quoted {
				end = i + 1
				break
			}
		}
	}
	if end >= 0 {
		b = b[:end]
	}
	b, _ = line.Clip(b, pathBytesMax)
	return b
}

func (p *Parser) mailFrom(rest []byte) {
	t := p.tx
	from := path(rest)
	switch {
	case len(from) == 0:
		t.Anomaly("unparsable_content")
	case t.MailFrom != nil:
		t.Anomaly("duplicate_fields")
	default:
		t.MailFrom = from
	}
	t.advance(flow.ToServer, Envelope)
}

func (p *Parser) rcptTo(rest []byte) {
	t := p.tx
	to := path(rest)
	if len(to) == 0 {
		t.Anomaly("unparsable_content")
	} else if len(t.RcptTo) < recipientsMax {
		t.RcptTo = append(t.RcptTo, to)
	}
	t.advance(flow.ToServer, Envelope)
}

// bdat begins a chunk (RFC 3030).
func (p *Parser) bdat(rest []byte) verb {
	size, more := line.Word(rest)
	n, err := strconv.ParseUint(string(size), 10, 64)
	if err != nil || n > bdatBytesMax {
		p.tx.Anomaly("bdat_chunk_len_exceeded")
		return other
	}
	p.startMail()
	p.last = bytes.EqualFold(bytes.TrimSpace(more), []byte("LAST"))
	p.left = int64(n)
	if n > 0 {
		p.mode = chunk
	} else {
		p.chunkEnd()
	}
	if p.last {
		return bdatLast
	}
	return bdat
}

// auth begins a log-in (RFC 4954).
func (p *Parser) auth(rest []byte) {
	mechanism, initial := line.Word(rest)
	p.login, p.loginAt = string(line.Fold(mechanism, 32)), 0
	p.mode = sasl
	if len(initial) > 0 {
		p.answer(initial)
	}
}

// answer looks for the user's name in an answer to a challenge. Nothing else of it is kept.
func (p *Parser) answer(b []byte) {
	at := p.loginAt
	p.loginAt++
	if p.user != nil || len(b) > credentialsMax {
		return
	}
	plain, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(b)))
	if err != nil {
		return
	}
	var name []byte
	switch p.login {
	case "PLAIN": // authorisation, user, password (RFC 4616)
		if parts := bytes.Split(plain, []byte{0}); len(parts) == 3 {
			name = parts[1]
		}
	case "LOGIN": // first the user, then the password
		if at == 0 {
			name = plain
		}
	case "CRAM-MD5": // user, space, digest (RFC 2195)
		if i := bytes.LastIndexByte(plain, ' '); i > 0 {
			name = plain[:i]
		}
	case "XOAUTH2", "OAUTHBEARER": // user=…^A…
		if _, after, ok := bytes.Cut(plain, []byte("user=")); ok {
			name, _, _ = bytes.Cut(after, []byte{1})
		}
	}
	if len(name) > 0 {
		p.user, _ = line.Clip(name, userNameMax)
		p.tx.User = p.user
	}
}
