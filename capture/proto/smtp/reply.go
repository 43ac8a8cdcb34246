package smtp

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// replyLine reads a line of the server.
func (p *Parser) replyLine(b []byte) (int, proto.Verdict) {
	l, n := p.lines[flow.ToClient].Next(b, lineBytesMax)
	if n == 0 || l.Rest {
		return n, proto.Continue
	}
	p.c.Flush[flow.ToClient] = true
	t := p.replied()
	t.Replies = keep(t.Replies, l.Text)
	if len(l.Text) > lineAllowed {
		t.Anomaly("max_reply_line_len_exceeded")
	}
	if l.Cut {
		t.Anomaly("truncated_line")
	}
	t.Touch(flow.ToClient)
	code, last, ok := status(l.Text)
	if !ok {
		t.Anomaly("invalid_reply")
		p.c.Malformed++
		return n, proto.Continue
	}
	p.reply = !last
	if !last {
		return n, proto.Continue
	}
	if !p.welcomed {
		p.welcomed = true
		if code != 220 {
			t.Anomaly("no_server_welcome_message")
		}
		if len(p.waiting) == 0 || code == 220 {
			return n, proto.Continue
		}
	}
	return n, p.replyTo(code)
}

// replied returns the transaction a line of the server belongs to.
func (p *Parser) replied() *Transaction {
	if len(p.waiting) > 0 && p.welcomed {
		return p.waiting[0].tx
	}
	return p.current()
}

// status reads a reply's code and whether its line is the last one.
func status(b []byte) (code int, last, ok bool) {
	if len(b) < replyDigits {
		return 0, false, false
	}
	for _, c := range b[:replyDigits] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		code = code*10 + int(c-'0')
	}
	if code < 200 || code > 599 {
		return 0, false, false
	}
	return code, len(b) == replyDigits || b[replyDigits] != continuedReply, true
}

// replyTo judges a whole reply to the oldest command that waits for one.
func (p *Parser) replyTo(code int) proto.Verdict {
	if len(p.waiting) == 0 {
		if !p.deaf && code != 421 && code != 334 { // the server may say good-bye by itself
			p.current().Anomaly("unable_to_match_reply_with_request")
		}
		return proto.Continue
	}
	w := p.waiting[0]
	if code == 334 { // a challenge: the final answer to AUTH is still to come
		if w.verb == auth || w.verb == other {
			p.mode = sasl
			return proto.Continue
		}
	}
	p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	if p.mode == sasl && (w.verb == auth || w.verb == other) {
		p.mode = commands
	}
	switch w.verb {
	case startTLS:
		if code == 220 {
			p.encrypted(w.tx)
			return proto.Continue
		}
		w.tx.Anomaly("tls_rejected")
	case dataStart:
		switch {
		case code == 354 && p.mode == dataNext:
			p.mode = data
			p.startMail()
		case code != 354:
			w.tx.Anomaly("data_command_rejected")
			if p.mode == dataNext {
				p.mode = commands
			}
		}
	case dataEnd, bdatLast:
		w.tx.Code = code
		w.tx.advance(flow.ToClient, Done)
	case bdat:
		w.tx.Code = code
	case other, greet, auth, quit:
	}
	if w.tx != p.tx || p.sent {
		p.finish(w.tx)
	}
	return proto.Continue
}

// finish ends the server's side of a transaction when nothing waits for it any more.
func (p *Parser) finish(t *Transaction) {
	for i := range p.waiting {
		if p.waiting[i].tx == t {
			return
		}
	}
	t.advance(flow.ToClient, Done)
}

// encrypted ends what is open before the flow goes on as TLS, which the client's next bytes will show.
func (p *Parser) encrypted(t *Transaction) {
	t.TLS, p.upgrade = true, true
	p.over()
	for _, w := range p.waiting {
		w.tx.advance(flow.ToClient, Done)
	}
	p.waiting = nil
	t.advance(flow.ToClient, Done)
}

// upgraded judges the client's first bytes behind the agreement to STARTTLS. Whatever they are, the flow is recognised anew.
func (p *Parser) upgraded(first byte) proto.Verdict {
	p.upgrade = false
	if first != tlsHandshake && first < sslHello {
		t := p.begin()
		t.Anomaly("failed_protocol_change")
		t.Touch(flow.ToServer)
	}
	p.c.Flush = [2]bool{true, true}
	p.c.Next = flow.AppTLS
	return proto.Restart
}
