package dcerpc

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:dcerpc. Never written.
var Anomalies = []string{"malformed_data"}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram bool
	a        Association
	open     []*Transaction // a side is missing
	done     []exchange     // answered, connectionless
	lost     [2]bool
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(datagram bool) proto.Parser { return &Parser{datagram: datagram} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.datagram {
		p.packet(c, dir, b)
		return len(b), proto.Continue
	}
	if p.lost[dir] {
		if !Plausible(b) || len(b) < headerBytes {
			return len(b), proto.Continue
		}
		p.lost[dir] = false
	}
	visit := func(call *Call, dir flow.Direction, fresh bool) { p.visit(c, call, dir, fresh) }
	done, bad := 0, p.a.Malformed
	for len(b) > done {
		n, ok := p.a.next(dir, b[done:], visit)
		if !ok {
			c.Malformed++
			p.lost[dir] = true // another segment may begin with a header
			if len(p.open) > 0 {
				t := p.open[len(p.open)-1]
				t.Anomaly("malformed_data")
				t.Touch(dir)
			}
			return len(b), proto.Continue
		}
		if n == 0 {
			break
		}
		done += n
	}
	c.Malformed += p.a.Malformed - bad
	return done, proto.Continue
}

func (p *Parser) visit(c *proto.Context, call *Call, dir flow.Direction, fresh bool) {
	t, _ := call.Owner.(*Transaction)
	if fresh || t == nil {
		t = &Transaction{Call: call}
		call.Owner = t
		c.Begin(t)
		if dir == flow.ToClient { // the request was not seen and will not come
			t.end(flow.ToServer)
		}
		p.hold(t)
	}
	if call.Sides[dir].Done {
		c.Flush[dir] = true
		if dir == flow.ToClient {
			t.end(flow.ToServer)
			p.release(t)
		}
	}
	t.Touch(dir)
}

// hold remembers a transaction that is not answered; the oldest beyond the limit is not waited for any more.
func (p *Parser) hold(t *Transaction) {
	if len(p.open) >= callsMax {
		old := p.open[0]
		p.open = append(p.open[:0], p.open[1:]...)
		if old.UDP {
			p.a.held -= old.Call.kept()
		}
		old.end(flow.ToServer)
		old.end(flow.ToClient)
	}
	p.open = append(p.open, t)
}

func (p *Parser) release(t *Transaction) {
	for i, o := range p.open {
		if o == t {
			p.open = append(p.open[:i], p.open[i+1:]...)
			return
		}
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, _ int64) proto.Verdict {
	p.lost[dir] = true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	for _, t := range p.open {
		t.end(dir)
	}
}
