package mqtt

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

const (
	waitingMax  = 512     // unfinished exchanges
	heldMax     = 1 << 20 // payload bytes of unfinished exchanges
	heldMinimum = 1 << 10 // of each beyond that
)

// Recognise is the proto.Recogniser: CONNECT from the client, CONNACK alone from the server on the protocol's port.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient {
		if (p.Port(1883) || p.Port(8883)) && len(b) >= 4 && b[0] == 0x20 && b[1] >= 2 && b[1] < 0x80 && b[2] <= 1 && int(b[1])+2 <= len(b) {
			return proto.Yes
		}
		return proto.No
	}
	if len(b) > 0 && b[0] != 0x10 {
		return proto.No
	}
	n := size(b)
	if n < 0 {
		return proto.No
	}
	at := 1
	for n > 0 && b[at]&0x80 != 0 {
		at++
	}
	if rest := b[min(at+1, len(b)):]; n > 0 && len(rest) >= 7 {
		if bytes.HasPrefix(rest, []byte("\x00\x04MQTT")) || bytes.HasPrefix(rest, []byte("\x00\x06MQIsdp")[:7]) {
			return proto.Yes
		}
		return proto.No
	}
	return proto.Maybe
}

type key struct {
	dir  flow.Direction // of the first packet
	kind uint8          // of the first packet
	id   uint16
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	frames     wire.Frames
	version    uint8
	introduced bool // CONNACK was seen
	opening    *Transaction
	waiting    map[key]*Transaction
	held       int
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	return &Parser{waiting: map[key]*Transaction{}, frames: wire.Frames{
		Max:  packetMax,
		Size: func(_ flow.Direction, b []byte) int64 { return size(b) },
		Sync: sync,
	}}
}

// sync asks for packets of assigned types that end where the bytes end, or for 4 of them.
func sync(_ flow.Direction, b []byte) bool {
	for range 4 {
		n := size(b)
		if n <= 0 || n > int64(len(b)) || b[0]>>4 == 0 || b[0]&6 == 6 {
			return false
		}
		if b = b[n:]; len(b) == 0 {
			break
		}
	}
	return true
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for {
		f, ok := p.frames.Next(dir, b[done:])
		done += f.Taken
		if !ok {
			c.Malformed++
			p.lone(c, dir, Message{Type: b[done] >> 4, Flags: b[done] & 15, Dir: dir}, "malformed_traffic")
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		p.packet(c, dir, f)
		c.Flush[dir] = true
	}
}

// packet reads one packet and gives it to the exchange it belongs to.
func (p *Parser) packet(c *proto.Context, dir flow.Direction, f wire.Frame) {
	b := f.Bytes
	m := Message{Type: b[0] >> 4, Flags: b[0] & 15, Dir: dir}
	at := 1
	for b[at]&0x80 != 0 {
		at++
	}
	payload := packetMax
	if p.held+len(b) > heldMax {
		payload = heldMinimum
	}
	missing := f.Size - int64(len(b))
	version := p.version
	ok := m.parse(b[at+1:], f.Cut(), missing, &version, payload)
	if m.Type == Connect {
		p.version = version
	}
	if !ok {
		c.Malformed++
		p.lone(c, dir, m, "malformed_traffic")
		return
	}
	switch m.Type {
	case Connect:
		p.connect(c, dir, m)
	case Connack:
		p.connack(c, dir, m)
	case Publish:
		p.publish(c, dir, m)
	case Puback, Pubrec, Pubcomp:
		final := m.Type != Pubrec || len(m.Reasons) > 0 && m.Reasons[0] >= 0x80
		p.follow(c, key{dir.Other(), Publish, m.ID}, m, final, "missing_publish")
	case Pubrel:
		p.follow(c, key{dir, Publish, m.ID}, m, false, "missing_publish")
	case Subscribe, Unsubscribe:
		t := p.begin(c, dir, m)
		if m.ID == 0 {
			t.Anomaly("missing_msg_id")
			p.finish(t)
			return
		}
		p.wait(t, key{dir, m.Type, m.ID})
	case Suback:
		p.follow(c, key{dir.Other(), Subscribe, m.ID}, m, true, "missing_subscribe")
	case Unsuback:
		p.follow(c, key{dir.Other(), Unsubscribe, m.ID}, m, true, "missing_unsubscribe")
	case Unassigned:
		p.lone(c, dir, m, "unassigned_msg_type")
	case Auth:
		if p.version != 0 && p.version < 5 {
			p.lone(c, dir, m, "unassigned_msg_type")
			return
		}
		p.lone(c, dir, m, "")
	default:
		p.lone(c, dir, m, "")
	}
}

// begin starts an exchange with its first packet.
func (p *Parser) begin(c *proto.Context, dir flow.Direction, m Message) *Transaction {
	t := &Transaction{Version: p.version}
	t.OneSide, t.Only = true, dir
	t.add(m)
	if !p.introduced && m.Type != Connect && m.Type != Connack && m.Type != Auth && m.Type != Unassigned {
		t.Anomaly("unintroduced_message")
	}
	c.Begin(t)
	t.Touch(dir)
	return t
}

func (p *Parser) finish(t *Transaction) {
	p.held -= t.held
	t.held, t.done = 0, true
	t.Touch(t.Only)
}

// lone makes an exchange of one packet.
func (p *Parser) lone(c *proto.Context, dir flow.Direction, m Message, anomaly string) {
	t := p.begin(c, dir, m)
	if anomaly != "" {
		t.Anomaly(anomaly)
	}
	p.finish(t)
}

// wait keeps an exchange for its acknowledgements. An earlier one of the same identifier is over.
func (p *Parser) wait(t *Transaction, k key) {
	if old := p.waiting[k]; old != nil {
		p.finish(old)
	} else if len(p.waiting) >= waitingMax {
		t.Anomaly("too_many_transactions")
		p.finish(t)
		return
	}
	t.held = len(t.Messages[0].Payload)
	p.held += t.held
	p.waiting[k] = t
}

// follow adds an acknowledgement to its exchange.
func (p *Parser) follow(c *proto.Context, k key, m Message, final bool, missing string) {
	t := p.waiting[k]
	if t == nil {
		p.lone(c, m.Dir, m, missing)
		return
	}
	t.add(m)
	if m.ID == 0 {
		t.Anomaly("missing_msg_id")
	}
	if final {
		delete(p.waiting, k)
		p.finish(t)
		return
	}
	t.Touch(t.Only)
}

func (p *Parser) connect(c *proto.Context, dir flow.Direction, m Message) {
	t := p.begin(c, dir, m)
	if p.opening != nil || p.introduced {
		t.Anomaly("double_connect")
	}
	if p.opening != nil && !p.opening.done {
		p.finish(p.opening)
	}
	p.opening = t
}

func (p *Parser) connack(c *proto.Context, dir flow.Direction, m Message) {
	p.introduced = true
	t := p.opening
	if t == nil || t.done {
		p.lone(c, dir, m, "missing_connect")
		return
	}
	t.add(m)
	p.finish(t)
}

func (p *Parser) publish(c *proto.Context, dir flow.Direction, m Message) {
	t := p.begin(c, dir, m)
	switch qos := m.QoS(); {
	case qos == 3:
		t.Anomaly("invalid_qos_level")
		p.finish(t)
	case qos == 0:
		p.finish(t)
	case m.ID == 0:
		t.Anomaly("missing_msg_id")
		p.finish(t)
	default:
		p.wait(t, key{dir, Publish, m.ID})
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.frames.Gap(dir, rest, n)
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
