package imap

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

// response reads a line of the server.
func (p *Parser) response(b []byte) proto.Verdict {
	h := &p.half[flow.ToClient]
	before, n := literalSize(b)
	if h.within && p.fetch != nil { // goes on behind a literal
		t := p.fetch
		t.keepResponse(b)
		t.Touch(flow.ToClient)
		p.literalNext(t, before, n)
		return proto.Continue
	}
	word, rest := line.Word(b)
	var t *Transaction
	switch {
	case len(word) == 0:
		return proto.Continue
	case string(word) == "*" || string(word) == "+":
		t = p.untagged()
	default:
		return p.tagged(word, rest, b)
	}
	t.keepResponse(b)
	t.begin(flow.ToClient)
	p.fetch = t
	p.literalNext(t, before, n)
	if t.Command == nil && !h.within {
		t.finish()
	}
	return proto.Continue
}

// keepResponse keeps a line of the server.
func (t *Transaction) keepResponse(b []byte) {
	if len(t.Responses) < responsesMax {
		b, _ = line.Clip(b, lineKeptMax)
		t.Responses = append(t.Responses, b)
	}
}

// untagged returns the transaction an untagged response belongs to.
func (p *Parser) untagged() *Transaction {
	if len(p.waiting) > 0 {
		return p.waiting[0]
	}
	t := &Transaction{User: p.user}
	p.c.Begin(t)
	return t
}

// literalNext prepares for the literal a line announces.
func (p *Parser) literalNext(t *Transaction, before []byte, n int64) {
	h := &p.half[flow.ToClient]
	h.within = n >= 0
	if n <= 0 {
		if t.Command == nil && !h.within {
			t.finish()
		}
		return
	}
	h.left = n
	if isMail(before) {
		h.mail = p.newMail(t, flow.ToClient)
	}
}

// isMail tells whether what a FETCH response names last is a mail, or its header.
func isMail(b []byte) bool {
	b = bytes.TrimRight(b, " ")
	if i := bytes.LastIndexByte(b, '<'); i > 0 && len(b) > 0 && b[len(b)-1] == '>' { // a part of it, from an offset on
		if string(b[i:]) != "<0>" {
			return false
		}
		b = b[:i]
	}
	up := bytes.ToUpper(b[max(len(b)-lineKeptMax, 0):])
	if bytes.HasSuffix(up, []byte("RFC822")) || bytes.HasSuffix(up, []byte("RFC822.HEADER")) {
		return true
	}
	if !bytes.HasSuffix(up, []byte("]")) {
		return false
	}
	i := bytes.LastIndexByte(up, '[')
	if i < 0 {
		return false
	}
	section, item := up[i+1:len(up)-1], up[:i]
	if !bytes.HasSuffix(item, []byte("BODY")) && !bytes.HasSuffix(item, []byte("BINARY")) && !bytes.HasSuffix(item, []byte("BODY.PEEK")) {
		return false
	}
	return len(section) == 0 || bytes.HasPrefix(section, []byte("HEADER"))
}

// tagged reads the response that ends a command.
func (p *Parser) tagged(tag, rest, b []byte) proto.Verdict {
	at := -1
	for i, t := range p.waiting {
		if bytes.Equal(t.Tag, tag) {
			at = i
			break
		}
	}
	status, _ := line.Word(rest)
	word := string(line.Fold(status, 8))
	if word != "OK" && word != "NO" && word != "BAD" {
		t := p.untagged()
		t.keepResponse(b)
		t.Anomaly("invalid_data")
		t.Touch(flow.ToClient)
		if t.Command == nil {
			t.finish()
		}
		p.c.Malformed++
		return proto.Continue
	}
	if at < 0 {
		t := &Transaction{User: p.user}
		t.Tag, _ = line.Clip(tag, tagBytesMax)
		p.c.Begin(t)
		t.keepResponse(b)
		if p.asked { // else only the server is seen
			t.Anomaly("request_not_found")
		}
		t.finish()
		return proto.Continue
	}
	t := p.waiting[at]
	p.waiting = append(p.waiting[:at], p.waiting[at+1:]...)
	t.keepResponse(b)
	t.Status = []byte(word)
	t.finish()
	if word != "OK" {
		if t == p.tx && p.half[flow.ToServer].left > 0 { // the literal that was announced is not wanted
			p.closeMail(flow.ToServer)
			p.half[flow.ToServer].left, p.half[flow.ToServer].within = 0, false
		}
		return proto.Continue
	}
	switch string(t.Command) {
	case "STARTTLS":
		p.c.Next = flow.AppTLS
		return p.leave(proto.Restart)
	case "COMPRESS": // RFC 4978: what follows cannot be read
		return p.leave(proto.Stop)
	}
	return proto.Continue
}

// leave ends what is open and stops reading.
func (p *Parser) leave(v proto.Verdict) proto.Verdict {
	for _, w := range p.waiting {
		w.finish()
	}
	p.waiting = nil
	p.c.Flush = [2]bool{true, true}
	return v
}
