package dnp3

import (
	"bytes"
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

const (
	fragmentMax = 16 << 10
	waitingMax  = 64

	transportFinal = 0x80
	transportFirst = 0x40
	transportSeq   = 0x3f
	appSequence    = 0x0f
)

// half is one direction's reassembly.
type half struct {
	lost     bool   // bytes are passed over until a frame begins
	open     bool   // a fragment has begun
	next     uint8  // sequence number of the next segment
	fragment []byte // gathered so far
	cut      bool
	bad      bool // a checksum in it is wrong
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	half    [2]half
	data    []byte         // of one frame, without checksums
	waiting []*Transaction // for their response, oldest first
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser: a link frame whose head has the right checksum.
func Recognise(p *proto.Probe) proto.Match {
	switch n := frameSize(p.Data); {
	case n < 0:
		return proto.No
	case n == 0:
		return proto.Maybe
	}
	if !headRight(p.Data) {
		return proto.No
	}
	if fromClient := p.Data[3]&fromMaster != 0; fromClient != (p.Dir == flow.ToServer) && p.ServerPort != 20000 {
		return proto.Reversed
	}
	return proto.Yes
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	done := 0
	for done < len(b) {
		rest := b[done:]
		if h.lost {
			n := start(rest)
			done += n
			if h.lost = n == len(rest) || len(b)-done < linkHead; h.lost {
				return done, proto.Continue
			}
			continue
		}
		n := frameSize(rest)
		switch {
		case n < 0:
			c.Malformed++
			p.note(c, dir, "len_too_small")
			h.lost = true
			done++ // whatever this is, it is no frame
			continue
		case n == 0 || n > len(rest):
			return done, proto.Continue
		}
		p.frame(c, dir, rest[:n])
		done += n
	}
	return done, proto.Continue
}

// start finds where the next frame can begin.
func start(b []byte) int {
	for i := 0; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], start0)
		if n < 0 {
			return len(b)
		}
		i += n
		if rest := b[i:]; len(rest) < linkHead && frameSize(rest) == 0 || headRight(rest) {
			return i
		}
	}
	return len(b)
}

// frame reads one whole link frame.
func (p *Parser) frame(c *proto.Context, dir flow.Direction, b []byte) {
	h := &p.half[dir]
	data, right := user(b, p.data[:0])
	p.data = data
	if !right {
		c.Malformed++
		name := "bad_transport_crc"
		if !headRight(b) {
			name = "bad_link_crc"
		}
		p.note(c, dir, name)
		h.bad = true
	}
	if len(data) == 0 {
		return // a frame of the link layer's own
	}
	head := data[0]
	if head&transportFirst != 0 {
		*h = half{open: true, fragment: h.fragment[:0], bad: !right}
	} else if !h.open || head&transportSeq != h.next {
		h.open = false
		return // its beginning is missing
	}
	h.next = (head + 1) & transportSeq
	room := fragmentMax - len(h.fragment)
	h.cut = h.cut || len(data)-1 > room
	h.fragment = append(h.fragment, data[1:1+min(room, len(data)-1)]...)
	if head&transportFinal != 0 {
		h.open = false
		p.fragment(c, dir, binary.LittleEndian.Uint16(b[6:]), binary.LittleEndian.Uint16(b[4:]))
		c.Flush[dir] = true
	}
}

// note makes a transaction that only says what is wrong.
func (p *Parser) note(c *proto.Context, dir flow.Direction, anomaly string) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	c.Begin(t)
	t.Anomaly(anomaly)
	t.finish(dir)
}

// fragment reads a whole application fragment.
func (p *Parser) fragment(c *proto.Context, dir flow.Direction, from, to uint16) {
	h := &p.half[dir]
	f := Fragment{Seen: true, Cut: h.cut}
	if len(h.fragment) < 2 {
		c.Malformed++
		p.note(c, dir, "len_too_small")
		return
	}
	f.Data = append([]byte(nil), h.fragment...)
	f.Sequence, f.Function = f.Data[0]&appSequence, f.Data[1]
	body := f.Data[2:]
	short := false
	if dir == flow.ToClient {
		if short = len(body) < 2; !short {
			f.Indications, body = binary.LittleEndian.Uint16(body), body[2:]
		}
	}
	var end outcome
	f.Objects, end = objects(body, carries(f.Function))
	t := p.place(c, dir, &f)
	if dir == flow.ToServer {
		t.Master, t.Outstation = from, to
	} else {
		t.Master, t.Outstation = to, from
	}
	switch {
	case short, end == objectsShort && !f.Cut:
		c.Malformed++
		t.Anomaly("len_too_small")
	case end == objectsUnknown:
		t.Anomaly("unknown_object")
	}
	if dir == flow.ToClient && t.Side[flow.ToServer].Seen && f.Function != funcUnsolicited {
		p.answered(t)
	}
	t.finish(dir)
}

// place puts a fragment into the transaction it belongs to.
func (p *Parser) place(c *proto.Context, dir flow.Direction, f *Fragment) *Transaction {
	if dir == flow.ToClient && f.Function != funcUnsolicited {
		for _, t := range p.waiting {
			if t.Side[flow.ToServer].Sequence == f.Sequence && !t.done[dir] {
				t.Side[dir] = *f
				return t
			}
		}
	}
	t := &Transaction{}
	t.Side[dir] = *f
	c.Begin(t)
	switch {
	case dir == flow.ToClient || f.Function == funcConfirm || f.Function == funcDirectNoAck || f.Function == 8 || f.Function == 10 || f.Function == 12:
		t.OneSide, t.Only = true, dir // nothing answers it
	default:
		if len(p.waiting) >= waitingMax {
			p.waiting[0].Anomaly("flooded")
			p.waiting[0].finish(flow.ToClient)
			p.waiting = append(p.waiting[:0], p.waiting[1:]...)
		}
		p.waiting = append(p.waiting, t)
	}
	return t
}

// answered stops waiting for a response. A response of several fragments repeats the sequence number with another FIR
// bit; the first says what the transaction needs.
func (p *Parser) answered(t *Transaction) {
	for i, w := range p.waiting {
		if w == t {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return
		}
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, _ int64) proto.Verdict {
	p.half[dir] = half{lost: true}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		for _, t := range p.waiting {
			t.finish(dir)
		}
		p.waiting = nil
	}
}
