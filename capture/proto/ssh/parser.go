package ssh

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

// Message numbers (RFC 4250 4.1).
const (
	msgKexInit = 20
	msgNewKeys = 21
)

const (
	bannerBytesMax = 255       // RFC 4253 4.2, line end included
	noticesMax     = 64        // lines before the identification
	noticeBytesMax = 4096      // bytes of them
	packetBytesMax = 256 << 10 // by the length field
	kexBytesMax    = 64 << 10
	packetHead     = 6 // length, padding length, message number
	cookieBytes    = 16
)

// half is one direction of the parser.
type half struct {
	lines   line.Cutter
	notices int  // lines before the identification
	noticed int  // bytes of them
	named   bool // the identification was read
	skip    int  // bytes of a packet that is passed over
	done    bool // encrypted, lost or over
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	tx   *Transaction
	half [2]half
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser of SSH: the identification, from either side.
func Recognise(p *proto.Probe) proto.Match {
	const word = "SSH-"
	n := min(len(p.Data), len(word))
	switch {
	case string(p.Data[:n]) != word[:n]:
		return proto.No
	case n < len(word):
		return proto.Maybe
	}
	return proto.Yes
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.tx == nil {
		p.tx = &Transaction{}
		c.Begin(p.tx)
	}
	h := &p.half[dir]
	done := 0
	for done < len(b) {
		switch {
		case h.done:
			return len(b), proto.Continue
		case h.skip > 0:
			n := min(h.skip, len(b)-done)
			h.skip -= n
			done += n
			continue
		}
		n := 0
		if !h.named {
			n = p.identification(c, dir, b[done:])
		} else {
			n = p.packet(c, dir, b[done:])
		}
		done += n
		if p.half[0].done && p.half[1].done {
			c.Flush = [2]bool{true, true}
			return done, proto.Stop
		}
		if n == 0 {
			break
		}
	}
	return done, proto.Continue
}

// identification reads a line before or of the identification.
func (p *Parser) identification(c *proto.Context, dir flow.Direction, b []byte) int {
	h, t := &p.half[dir], p.tx
	l, n := h.lines.Next(b, bannerBytesMax)
	if n == 0 || l.Rest {
		return n
	}
	if len(l.Text) < 4 || string(l.Text[:4]) != "SSH-" {
		h.notices++
		h.noticed += n
		if dir == flow.ToServer || h.notices > noticesMax || h.noticed > noticeBytesMax {
			t.Anomaly("invalid_banner")
			c.Malformed++
			p.end(dir)
		}
		return n
	}
	if l.Cut {
		t.Anomaly("long_banner")
	}
	if !t.Ident[dir].parse(l.Text) {
		t.Anomaly("invalid_banner")
	}
	h.named = true
	c.Flush[dir] = true
	t.advance(dir, BannerDone)
	if t.Ident[dir].old() { // SSH 1: its packets are of another kind, the other side answers in the same
		p.end(dir)
		if p.half[dir.Other()].named {
			p.end(dir.Other())
		}
	}
	return n
}

// packet reads one binary packet (RFC 4253 6); zero means that more bytes are needed.
func (p *Parser) packet(c *proto.Context, dir flow.Direction, b []byte) int {
	h, t := &p.half[dir], p.tx
	if h.lines.Pending() { // the end of an identification that was too long
		_, n := h.lines.Next(b, bannerBytesMax)
		return n
	}
	if len(b) < packetHead {
		return 0
	}
	n := binary.BigEndian.Uint32(b)
	padding, kind := int(b[4]), b[5]
	if n < 2 || n > packetBytesMax || uint32(padding)+1 > n {
		t.Anomaly("invalid_record")
		c.Malformed++
		p.end(dir)
		return 0
	}
	size := 4 + int(n)
	switch {
	case kind == msgNewKeys:
		if len(b) < size {
			return 0
		}
		t.Encrypted[dir] = true
		p.end(dir)
		return size
	case kind != msgKexInit || t.Offer[dir].Seen:
		h.skip = size
		return p.passed(dir, b)
	case size > kexBytesMax:
		t.Anomaly("long_kex_record")
		t.advance(dir, KexDone)
		h.skip = size
		return p.passed(dir, b)
	case len(b) < size:
		return 0
	}
	if size-padding < packetHead || !t.Offer[dir].parse(b[packetHead:size-padding], int(dir)) {
		t.Anomaly("invalid_record")
		c.Malformed++
	}
	c.Flush[dir] = true
	t.advance(dir, KexDone)
	return size
}

// passed consumes what is there of a packet that is passed over.
func (p *Parser) passed(dir flow.Direction, b []byte) int {
	h := &p.half[dir]
	n := min(h.skip, len(b))
	h.skip -= n
	return n
}

// end says that nothing more of a side will be read.
func (p *Parser) end(dir flow.Direction) {
	p.half[dir].done = true
	if p.tx != nil && p.tx.progress[dir] != Done {
		p.tx.advance(dir, Done)
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	if int64(h.skip) >= n {
		h.skip -= int(n)
		return proto.Continue
	}
	h.skip = 0
	p.end(dir)
	if p.half[0].done && p.half[1].done {
		return proto.Stop
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, rest []byte) {
	h := &p.half[dir]
	if p.tx != nil && !h.named && !h.done && len(rest) > 4 && string(rest[:4]) == "SSH-" {
		if !p.tx.Ident[dir].parse(rest) { // without its line end
			p.tx.Anomaly("invalid_banner")
		}
		p.tx.advance(dir, BannerDone)
	}
	p.end(dir)
}

// advance moves a side forward and tells inspectors.
func (t *Transaction) advance(dir flow.Direction, to int) {
	t.progress[dir] = max(t.progress[dir], to)
	t.Touch(dir)
}
