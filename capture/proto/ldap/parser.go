package ldap

import (
	"errors"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/ber"
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram bool
	pending  []*Transaction
	pool     pool
	skip     [2]int
	lost     [2]bool
	sealed   bool // a SASL security layer hides what follows
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(datagram bool) proto.Parser { return &Parser{datagram: datagram} }

// Recognise is the proto.Recogniser of LDAP: a sequence of message ID and known operation whose lengths agree.
func Recognise(p *proto.Probe) proto.Match {
	op, ok, more := head(p.Data)
	switch {
	case more && !p.Datagram && (p.Port(389) || p.Port(3268)):
		return proto.Maybe
	case !ok:
		return proto.No
	}
	if request, _ := isRequest(op); request == (p.Dir == flow.ToClient) {
		return proto.Reversed
	}
	return proto.Yes
}

// head reads the beginning of a message.
func head(b []byte) (op uint32, ok, more bool) {
	e, size, err := ber.Head(b)
	if err != nil {
		return 0, false, errors.Is(err, ber.ErrShort) && (len(b) == 0 || b[0] == ber.Sequence)
	}
	if e.ID != ber.Sequence || size < 0 || size > 1<<24 {
		return 0, false, false
	}
	total, at := size, e.Header
	id, size, err := ber.Head(b[at:])
	if err != nil {
		return 0, false, errors.Is(err, ber.ErrShort)
	}
	if id.ID != ber.Integer || size < 3 || size > 7 || at+size > total {
		return 0, false, false
	}
	at += size
	if at >= len(b) {
		return 0, false, true
	}
	o, size, err := ber.Head(b[at:])
	if err != nil {
		return 0, false, errors.Is(err, ber.ErrShort)
	}
	_, known := isRequest(o.Tag)
	primitive := o.Tag == UnbindRequest || o.Tag == DelRequest || o.Tag == AbandonRequest
	if !known || o.ID&0xc0 != 0x40 || o.Constructed() == primitive || size < 0 || at+size > total {
		return 0, false, false
	}
	if at += size; at < len(b) && at < total && b[at] != ber.Explicit(0) { // controls may follow, nothing else
		return 0, false, false
	}
	return o.Tag, true, false
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for done < len(b) {
		rest := b[done:]
		if p.skip[dir] > 0 {
			n := min(p.skip[dir], len(rest))
			p.skip[dir] -= n
			done += n
			continue
		}
		if p.lost[dir] {
			if _, ok, _ := head(rest); !ok {
				if _, ok, _ := saslHead(rest); !ok {
					return len(b), proto.Continue
				}
			}
			p.lost[dir] = false
		}
		if rest[0] != ber.Sequence {
			n, v, ok := p.protected(c, dir, rest)
			if !ok || p.datagram {
				p.invalid(c, dir, "invalid_data")
				p.lost[dir] = true
				return len(b), proto.Continue
			}
			if n == 0 || v != proto.Continue {
				return done + n, v
			}
			done += n
			continue
		}
		size, err := ber.Size(rest)
		switch {
		case errors.Is(err, ber.ErrShort) && !p.datagram && len(rest) < messageMax:
			return done, proto.Continue
		case err != nil:
			p.invalid(c, dir, "invalid_data")
			p.lost[dir] = true
			return len(b), proto.Continue
		case size > messageMax:
			p.invalid(c, dir, "invalid_data")
			p.skip[dir] = size
			continue
		case size > len(rest):
			if p.datagram {
				p.invalid(c, dir, "incomplete_data")
				return len(b), proto.Continue
			}
			return done, proto.Continue
		}
		v := p.message(c, dir, rest[:size])
		done += size
		if v != proto.Continue {
			return done, v
		}
	}
	return done, proto.Continue
}

// invalid makes a transaction that only says that something could not be read.
func (p *Parser) invalid(c *proto.Context, dir flow.Direction, anomaly string) {
	c.Malformed++
	t := &Transaction{done: [2]bool{true, true}}
	t.OneSide, t.Only = true, dir
	t.Anomaly(anomaly)
	c.Begin(t)
	t.Touch(dir)
}

// message reads one message.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) proto.Verdict {
	id, op, err := open(b)
	if err != nil {
		p.invalid(c, dir, "invalid_data")
		return proto.Continue
	}
	if request, _ := isRequest(op.Tag); request {
		p.request(c, dir, id, &op)
		return proto.Continue
	}
	return p.response(c, dir, id, &op)
}

func (p *Parser) request(c *proto.Context, dir flow.Direction, id uint64, op *ber.Element) {
	t := &Transaction{Request: &Request{ID: id}, kept: budget{pool: &p.pool}}
	if !t.Request.parse(op, &t.kept) {
		c.Malformed++
		t.Anomaly("invalid_data")
	}
	c.Begin(t)
	t.done[dir] = true
	t.Touch(dir)
	if t.Request.Op == UnbindRequest || t.Request.Op == AbandonRequest { // not answered
		t.done[dir.Other()] = true
		t.Touch(dir.Other())
		p.free(t)
		return
	}
	if len(p.pending) >= pendingMax {
		old := p.pending[0]
		p.pending = append(p.pending[:0], p.pending[1:]...)
		old.Anomaly("too_many_transactions")
		old.end()
		p.free(old)
	}
	p.pending = append(p.pending, t)
}

func (p *Parser) response(c *proto.Context, dir flow.Direction, id uint64, op *ber.Element) proto.Verdict {
	var t *Transaction
	at := -1
	for i, o := range p.pending {
		if o.Request.ID == id {
			t, at = o, i
		}
	}
	if t == nil {
		t = &Transaction{kept: budget{pool: &p.pool}}
		t.OneSide, t.Only = true, dir
		t.done[dir.Other()] = true
		if id != 0 && op.Tag != ExtendedAnswer { // unsolicited notifications (RFC 4511 4.4)
			t.Anomaly("request_not_found")
		}
		c.Begin(t)
	}
	var r Response
	r.ID = id
	if !r.parse(op, &t.kept) {
		c.Malformed++
		t.Anomaly("invalid_data")
	}
	t.Count++
	if len(t.Responses) < responsesMax && p.pool.responses < poolResponses {
		t.Responses = append(t.Responses, r)
		p.pool.responses++
	}
	verdict := proto.Continue
	if r.Op != SearchEntry && r.Op != SearchReference && r.Op != Intermediate || t.Request == nil {
		t.done[dir] = true
		p.free(t)
		if at >= 0 {
			p.pending = append(p.pending[:at], p.pending[at+1:]...)
		}
		verdict = p.finished(t, &r)
	}
	t.Touch(dir)
	return verdict
}

// free takes a finished transaction out of the pool.
func (p *Parser) free(t *Transaction) {
	p.pool.bytes -= t.kept.bytes
	p.pool.responses -= len(t.Responses)
}

// finished looks at what a final response changes for the flow.
func (p *Parser) finished(t *Transaction, r *Response) proto.Verdict {
	if t.Request == nil || r.Result != 0 {
		return proto.Continue
	}
	if t.Request.Op == ExtendedRequest && string(t.Request.Name) == startTLS && r.Op == ExtendedAnswer && !p.datagram {
		t.StartTLS = true
		return proto.Restart
	}
	return proto.Continue
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if p.skip[dir] == 0 && len(rest) > 0 {
		if _, size, err := ber.Head(rest); err == nil && size > 0 && size <= messageMax {
			p.skip[dir] = size
			n += int64(len(rest))
		}
	}
	if n <= int64(p.skip[dir]) {
		p.skip[dir] -= int(n)
		return proto.Continue
	}
	p.skip[dir], p.lost[dir] = 0, true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, _ flow.Direction, _ []byte) {
	for _, t := range p.pending {
		t.end()
	}
	p.pending = nil
}
