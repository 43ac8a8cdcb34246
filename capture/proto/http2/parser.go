package http2

import (
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
)

const (
	headBytes      = 9
	streamsMax     = 512
	frameBytesMax  = 256<<10 - 1 - headBytes // of a frame that is read whole
	blockBytesMax  = 64 << 10                // of a header list
	fieldsMax      = 1024
	tableBytesMax  = 64 << 10
	stringBytesMax = 32 << 10

	flagEnd      = 0x01 // END_STREAM, and ACK of settings and pings
	flagHeaders  = 0x04 // END_HEADERS
	flagPadded   = 0x08
	flagPriority = 0x20
)

// half is one direction of the parser.
type half struct {
	begun bool // the preface is past
	skip  int  // bytes to pass over

	// The DATA frame being read.
	data    *stream
	left    int // its content still to come
	padding int
	ends    bool // it ends its side of the stream

	// The header block being read.
	table  *hpack.Decoder
	fields []http.Header
	size   int
	open   bool // CONTINUATION frames come
	block  *stream
	pushed bool // the block is of PUSH_PROMISE
	over   bool // its HEADERS frame ends the side
	failed bool
	first  bool // no byte of the block was read

	lost    bool
	highest uint32 // stream opened
}

// stream is an open stream.
type stream struct {
	tx   *Transaction
	body [2]http.BodyStream
	sent [2]bool // a header block has come
	dns  [2]*question
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	kit     *http.Kit
	half    [2]half
	streams map[uint32]*stream
	order   []uint32 // of opening
	from    *http.Transaction
}

var _ proto.Parser = (*Parser)(nil)

// New returns a maker of parsers with these limits of HTTP. The parsers of one maker belong to one worker.
func New(l http.Limits) func(datagram bool) proto.Parser {
	k := http.NewKit(l)
	return func(bool) proto.Parser { return newParser(k) }
}

// NewExpected returns a maker of parsers for connections that HTTP/1 has upgraded; data is http.Switched.
func NewExpected(l http.Limits) func(data any) proto.Parser {
	k := http.NewKit(l)
	return func(data any) proto.Parser {
		p := newParser(k)
		if s, ok := data.(http.Switched); ok {
			p.from = s.Tx
		}
		return p
	}
}

func newParser(k *http.Kit) *Parser {
	p := &Parser{kit: k, streams: map[uint32]*stream{}}
	for dir := range p.half {
		p.newTable(flow.Direction(dir))
	}
	p.half[flow.ToClient].begun = true // only the client begins with words
	return p
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.from != nil {
		p.upgraded(c)
	}
	done := 0
	for done < len(b) {
		n, v := p.step(c, dir, b[done:])
		done += n
		if v != proto.Continue || n == 0 {
			return done, v
		}
	}
	return done, proto.Continue
}

// step reads the preface, a frame, or what has come of DATA; zero means that more bytes are needed.
func (p *Parser) step(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	switch {
	case h.skip > 0:
		n := min(h.skip, len(b))
		h.skip -= n
		return n, proto.Continue
	case h.data != nil || h.left > 0:
		return p.data(c, dir, b), proto.Continue
	case !h.begun:
		return p.preface(c, dir, b)
	}
	return p.frame(c, dir, b)
}

func (p *Parser) preface(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	n := min(len(b), len(preface))
	if string(b[:n]) != preface[:n] {
		p.half[dir].begun = true
		if len(b) >= headBytes && plausible(b) { // picked up in the middle
			return p.frame(c, dir, b)
		}
		p.note(c, dir, "invalid_client_magic")
		return 0, proto.Fail
	}
	if n < len(preface) {
		return 0, proto.Continue
	}
	p.half[dir].begun = true
	return n, proto.Continue
}

// plausible tells whether b begins with a frame header.
func plausible(b []byte) bool {
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	kind, id := b[3], binary.BigEndian.Uint32(b[5:])
	switch kind {
	case FrameData, FrameHeaders, FramePush, FrameContinuation:
		return id > 0 && id < 1<<24 && n <= 1<<16
	case FramePriority:
		return n == 5 && id > 0
	case FrameReset:
		return n == 4 && id > 0
	case FrameSettings:
		return n%6 == 0 && n < 256 && id == 0
	case FramePing:
		return n == 8 && id == 0
	case FrameGoAway:
		return n >= 8 && n < 1<<14 && id == 0
	case FrameWindow:
		return n == 4
	}
	return false
}

// note adds an oddity of the connection: to a transaction by itself.
func (p *Parser) note(c *proto.Context, dir flow.Direction, name string) {
	t := p.global(c, dir)
	t.Anomaly(name)
}

// global begins the transaction of a frame of the connection: complete at once in both directions.
func (p *Parser) global(c *proto.Context, dir flow.Direction) *Transaction {
	t := &Transaction{}
	t.Request.ContentLength, t.Response.ContentLength = -1, -1
	c.Begin(t)
	t.Request.Protocol, t.Response.Protocol = []byte(protocolName), []byte(protocolName)
	t.Response.StatMsg = []byte{}
	t.Advance(dir, http.Done)
	t.Advance(dir.Other(), http.Done)
	c.Flush[dir] = true
	return t
}

// protocolName is the protocol in lines.
const protocolName = "HTTP/2"

// frame reads one frame header, and the frame unless it is DATA.
func (p *Parser) frame(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	if len(b) < headBytes {
		return 0, proto.Continue
	}
	if h.lost {
		if !plausible(b) {
			return 1, proto.Continue // each byte is looked at once: what follows a hole must line up
		}
		h.lost = false
	}
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	kind, flags, id := b[3], b[4], binary.BigEndian.Uint32(b[5:])&^(1<<31)
	if kind == FrameData && id > 0 {
		return p.beginData(c, dir, b, n, flags, id)
	}
	if n > frameBytesMax {
		p.note(c, dir, "long_frame_data")
		h.skip = n
		return headBytes, proto.Continue
	}
	if len(b) < headBytes+n {
		return 0, proto.Continue
	}
	p.control(c, dir, kind, flags, id, b[headBytes:headBytes+n])
	return headBytes + n, proto.Continue
}

// beginData reads the head of a DATA frame; its content is taken as it comes.
func (p *Parser) beginData(c *proto.Context, dir flow.Direction, b []byte, n int, flags byte, id uint32) (int, proto.Verdict) {
	h := &p.half[dir]
	taken := headBytes
	h.padding = 0
	if flags&flagPadded != 0 && n > 0 {
		if len(b) < headBytes+1 {
			return 0, proto.Continue
		}
		h.padding = int(b[headBytes])
		taken++
		n--
	}
	s := p.stream(c, dir, id)
	s.tx.Frames[dir].noteType(FrameData)
	if h.padding > n {
		s.tx.Anomaly("invalid_frame_data")
		h.padding = n
	}
	h.data, h.left, h.ends = s, n-h.padding, flags&flagEnd != 0
	s.tx.Touch(dir)
	if h.left == 0 {
		p.endData(c, dir)
	}
	return taken, proto.Continue
}

// data takes content of a DATA frame.
func (p *Parser) data(c *proto.Context, dir flow.Direction, b []byte) int {
	h := &p.half[dir]
	n := min(h.left, len(b))
	h.left -= n
	if s := h.data; s != nil {
		p.content(c, dir, s, b[:n])
	}
	if h.left == 0 {
		p.endData(c, dir)
	}
	return n
}

func (p *Parser) content(c *proto.Context, dir flow.Direction, s *stream, b []byte) {
	body := &s.body[dir]
	if !body.Started() {
		if s.tx.Progress(dir) >= http.Done {
			return
		}
		body.Start(&s.tx.Transaction, dir, p.kit)
		s.tx.Advance(dir, http.InBody)
	}
	body.Write(c, b)
	if q := s.dns[dir]; q != nil {
		q.write(b)
	}
	s.tx.Touch(dir)
}

func (p *Parser) endData(c *proto.Context, dir flow.Direction) {
	h := &p.half[dir]
	s := h.data
	h.data, h.skip = nil, h.padding
	h.padding = 0
	if s != nil && h.ends {
		p.endSide(c, dir, s, true)
	}
}

// endSide completes one side of a stream.
func (p *Parser) endSide(c *proto.Context, dir flow.Direction, s *stream, whole bool) {
	t := s.tx
	if t.Progress(dir) >= http.Done {
		return
	}
	s.body[dir].Finish(c, whole)
	if q := s.dns[dir]; q != nil && whole {
		q.done(c, dir)
	}
	t.Side(dir).Body.Done = true
	t.Advance(dir, http.Done)
	c.Flush[dir] = true
	if t.Complete(dir.Other()) {
		p.forget(t.Stream)
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	switch {
	case int64(h.skip) >= n && h.data == nil && h.left == 0:
		h.skip -= int(n)
		return proto.Continue
	case h.data != nil && int64(h.left) >= n:
		h.left -= int(n)
		h.data.tx.Side(dir).Gap = true
		if h.data.body[dir].Started() {
			h.data.body[dir].Gap(n)
		}
		if h.left == 0 {
			p.endData(c, dir)
		}
		return proto.Continue
	}
	if h.data != nil {
		p.endSide(c, dir, h.data, false)
	}
	if h.block != nil {
		h.block.tx.Side(dir).Gap = true
	}
	h.data, h.left, h.padding, h.skip, h.open, h.block, h.fields = nil, 0, 0, 0, false, nil, nil
	h.begun, h.lost = true, true
	p.newTable(dir)
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, _ []byte) {
	if p.from != nil {
		p.upgraded(c)
	}
	for _, id := range append([]uint32(nil), p.order...) {
		if s := p.streams[id]; s != nil {
			p.endSide(c, dir, s, false)
		}
	}
}
