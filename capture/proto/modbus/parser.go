package modbus

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

const (
	headBytes   = 7 // transaction, protocol, length, unit
	messageMax  = 260
	waitingMax  = 512
	lengthStart = 6 // the length field counts from here
)

// key names an exchange.
type key struct {
	number uint16
	unit   uint8
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames  wire.Frames
	waiting map[key]*Transaction
	order   []*Transaction // oldest first; those answered are let go when they come to the front
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	return &Parser{waiting: map[key]*Transaction{}, frames: wire.Frames{Max: messageMax, Size: size, Sync: sync}}
}

// size reads the length of a message; negative when no message begins so.
func size(_ flow.Direction, b []byte) int64 {
	if len(b) < headBytes {
		return 0
	}
	n := int64(binary.BigEndian.Uint16(b[4:]))
	if n < 2 || n > messageMax-lengthStart {
		return -1
	}
	return lengthStart + n
}

func sync(dir flow.Direction, b []byte) bool {
	n := size(dir, b)
	return n > 0 && n <= int64(len(b)) && binary.BigEndian.Uint16(b[2:]) == 0 && CategoryOf(b[headBytes]&^exceptionBit) == Assigned
}

// Recognise is the proto.Recogniser: one whole message with a defined function, or several.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 2 && b[2] != 0 || len(b) > 3 && b[3] != 0 || len(b) > 4 && b[4] != 0 {
		return proto.No
	}
	n := size(p.Dir, b)
	switch {
	case n < 0 || !p.Port(502) && n > 0 && n > int64(len(b)):
		return proto.No
	case n == 0 || n > int64(len(b)):
		if p.Port(502) {
			return proto.Maybe
		}
		return proto.No
	}
	if p.Dir == flow.ToServer && b[headBytes]&exceptionBit != 0 || CategoryOf(b[headBytes]&^exceptionBit) != Assigned {
		return proto.No
	}
	for rest := b[n:]; len(rest) > 0; {
		m := size(p.Dir, rest)
		if m < 0 || m > 0 && binary.BigEndian.Uint16(rest[2:]) != 0 {
			return proto.No
		}
		if m == 0 || m > int64(len(rest)) {
			break
		}
		rest = rest[m:]
	}
	var q Request
	q.Function = b[headBytes]
	if !p.Port(502) && (p.Dir == flow.ToClient || q.parse(b[headBytes+1:n]) != "") {
		return proto.No // on another port only a request that is right in every byte: LDAP's long lengths look like a header
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
			t := p.begin(c, binary.BigEndian.Uint16(b[done:]), b[done+6])
			t.Anomaly("invalid_length")
			p.alone(t, dir)
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		p.message(c, dir, f.Bytes)
		c.Flush[dir] = true
	}
}

// message reads one whole message.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) {
	number, unit, code, body := binary.BigEndian.Uint16(b), b[6], b[headBytes], b[headBytes+1:]
	if binary.BigEndian.Uint16(b[2:]) != 0 {
		c.Malformed++
		t := p.begin(c, number, unit)
		t.Request.Function = code
		t.Anomaly("invalid_protocol_id")
		p.alone(t, dir)
		return
	}
	if dir == flow.ToServer {
		p.request(c, number, unit, code, body)
		return
	}
	p.response(c, number, unit, code, body)
}

func (p *Parser) begin(c *proto.Context, number uint16, unit uint8) *Transaction {
	t := &Transaction{Number: number, Unit: unit}
	c.Begin(t)
	return t
}

// alone ends a transaction that has but one message.
func (p *Parser) alone(t *Transaction, dir flow.Direction) {
	t.OneSide, t.Only = true, dir
	t.finish(dir)
}

func (p *Parser) request(c *proto.Context, number uint16, unit, code uint8, body []byte) {
	t := p.begin(c, number, unit)
	t.RequestSeen, t.Request.Function = true, code
	if code == 0 || code&exceptionBit != 0 {
		t.Anomaly("invalid_function_code")
	}
	if unit > 247 && unit < 255 {
		t.Anomaly("invalid_unit_identifier")
	}
	if anomaly := t.Request.parse(body); anomaly != "" {
		c.Malformed++
		t.Anomaly(anomaly)
	}
	t.finish(flow.ToServer)
	k := key{number, unit}
	if old := p.waiting[k]; old != nil {
		p.drop(old)
	}
	for len(p.order) > 0 && (len(p.order) >= waitingMax || p.order[0].done[flow.ToClient]) {
		if !p.order[0].done[flow.ToClient] {
			t.Anomaly("flooded")
		}
		p.drop(p.order[0])
		p.order = p.order[1:]
	}
	p.waiting[k] = t
	p.order = append(p.order, t)
}

// drop gives up waiting for an answer.
func (p *Parser) drop(t *Transaction) {
	if k := (key{t.Number, t.Unit}); p.waiting[k] == t {
		delete(p.waiting, k)
	}
	if !t.done[flow.ToClient] {
		t.finish(flow.ToClient)
	}
}

func (p *Parser) response(c *proto.Context, number uint16, unit, code uint8, body []byte) {
	t := p.waiting[key{number, unit}]
	if t == nil {
		t = p.begin(c, number, unit)
		t.Request.Function = code &^ exceptionBit
		t.Anomaly("unsolicited_response")
		t.answer(code, body)
		p.alone(t, flow.ToClient)
		return
	}
	if code&^exceptionBit != t.Request.Function {
		t.Anomaly("invalid_function_code")
	}
	t.answer(code, body)
	p.drop(t)
}

// answer reads what a response says.
func (t *Transaction) answer(code uint8, body []byte) {
	t.Answered = true
	if code&exceptionBit != 0 {
		if len(body) != 1 || body[0] == 0 || body[0] == 9 || body[0] > 11 {
			t.Anomaly("invalid_exception_code")
		}
		t.Exception = 255
		if len(body) > 0 && body[0] != 0 {
			t.Exception = body[0]
		}
		return
	}
	if !t.RequestSeen {
		return
	}
	q := &t.Request
	switch q.Function {
	case ReadCoils, ReadDiscretes:
		t.counted(body, (int(q.Read.Quantity)+7)/8)
	case ReadHolding, ReadInput, ReadWriteRegisters:
		t.counted(body, 2*int(q.Read.Quantity))
	case WriteCoil, WriteRegister, WriteCoils, WriteRegisters:
		if len(body) != 4 {
			t.Anomaly("invalid_length")
		} else if binary.BigEndian.Uint16(body) != q.Write.Address {
			t.Anomaly("value_mismatch")
		}
	}
}

// counted checks a response that begins with the number of its bytes.
func (t *Transaction) counted(body []byte, want int) {
	switch {
	case len(body) == 0 || len(body)-1 != int(body[0]):
		t.Anomaly("invalid_length")
	case int(body[0]) != want:
		t.Anomaly("value_mismatch")
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.frames.Gap(dir, rest, n)
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		for _, t := range p.order {
			p.drop(t)
		}
		p.order = nil
	}
}
