package http2

import (
	"bytes"
	"strings"

	"golang.org/x/net/http2/hpack"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
)

// newTable starts the header table of a direction anew.
func (p *Parser) newTable(dir flow.Direction) {
	h := &p.half[dir]
	h.table = hpack.NewDecoder(4096, func(f hpack.HeaderField) { h.field(f) })
	h.table.SetAllowedMaxDynamicTableSize(tableBytesMax)
	h.table.SetMaxStringLength(stringBytesMax)
}

// field takes one field of the block being read.
func (h *half) field(f hpack.HeaderField) {
	h.size += len(f.Name) + len(f.Value) + 32
	if h.size > blockBytesMax || len(h.fields) >= fieldsMax {
		return
	}
	h.fields = append(h.fields, http.Header{Name: []byte(f.Name), Value: []byte(f.Value)})
}

// headers reads HEADERS and PUSH_PROMISE (RFC 9113 6.2, 6.6).
func (p *Parser) headers(c *proto.Context, dir flow.Direction, s *stream, kind, flags byte, b []byte) {
	h := &p.half[dir]
	t := s.tx
	if flags&flagPadded != 0 {
		if len(b) < 1 || int(b[0]) > len(b)-1 {
			t.Anomaly("invalid_frame_data")
			t.Touch(dir)
			return
		}
		b = b[1 : len(b)-int(b[0])]
	}
	h.block, h.pushed, h.over = s, false, flags&flagEnd != 0
	switch {
	case kind == FramePush:
		if len(b) < 4 {
			t.Anomaly("invalid_frame_length")
			return
		}
		promised := be32(b) &^ (1 << 31)
		b = b[4:]
		if promised == 0 || dir == flow.ToServer {
			t.Anomaly("invalid_frame_data")
			promised = t.Stream
		}
		t.Touch(dir)
		h.block, h.pushed, h.over = p.stream(c, dir, promised), true, true
		h.block.tx.Frames[dir].noteType(kind)
	case flags&flagPriority != 0:
		if len(b) < 5 {
			t.Anomaly("invalid_frame_length")
			return
		}
		t.Frames[dir].Priorities = noteValue(t.Frames[dir].Priorities, b[4])
		b = b[5:]
	}
	h.open, h.failed, h.first, h.fields, h.size = true, false, true, nil, 0
	p.fragment(c, dir, flags, b)
}

// fragment decodes a piece of a header block.
func (p *Parser) fragment(c *proto.Context, dir flow.Direction, flags byte, b []byte) {
	h := &p.half[dir]
	t := h.block.tx
	if h.first && len(b) > 0 {
		h.first = false
		t.Frames[dir].sizeUpdates(b)
	}
	if !h.failed {
		if _, err := h.table.Write(b); err != nil {
			p.badBlock(dir, err)
		}
	}
	if h.size > blockBytesMax || len(h.fields) >= fieldsMax {
		t.Anomaly("request_too_many_headers")
	}
	if flags&flagHeaders != 0 {
		p.endBlock(c, dir)
		return
	}
	t.Touch(dir)
}

// badBlock notes a block that cannot be read.
func (p *Parser) badBlock(dir flow.Direction, err error) {
	h := &p.half[dir]
	h.failed = true
	name := "invalid_header"
	if strings.Contains(err.Error(), "varint") { // the library has no value for it
		name = "header_integer_overflow"
	}
	h.block.tx.Anomaly(name)
	p.newTable(dir)
}

// sizeUpdates reads the changes of the table size a block begins with (RFC 7541 6.3): the library applies them in silence.
func (f *Frames) sizeUpdates(b []byte) {
	for len(b) > 0 && b[0]&0xe0 == 0x20 {
		n, shift := uint64(b[0]&0x1f), 0
		b = b[1:]
		if n == 0x1f {
			for {
				if len(b) == 0 || shift > 56 {
					return
				}
				n += uint64(b[0]&0x7f) << shift
				shift += 7
				more := b[0]&0x80 != 0
				b = b[1:]
				if !more {
					break
				}
			}
		}
		f.SizeUpdates = noteValue(f.SizeUpdates, n)
	}
}

// endBlock gives a side its fields.
func (p *Parser) endBlock(c *proto.Context, dir flow.Direction) {
	h := &p.half[dir]
	s, fields := h.block, h.fields
	if !h.failed {
		if err := h.table.Close(); err != nil {
			p.badBlock(dir, err)
		}
	}
	over, pushed := h.over, h.pushed
	h.open, h.block, h.fields = false, nil, nil
	side := dir
	if pushed {
		side = flow.ToServer // a promise is the request the client would have sent
	}
	t := s.tx
	switch {
	case t.Progress(side) >= http.Done:
	case s.sent[side] && (s.body[side].Started() || over):
		t.Side(side).Trailers = fields
		t.Advance(side, http.InTrailer)
	default:
		p.setFields(s, side, fields)
	}
	c.Flush[dir] = true
	t.Touch(dir)
	if over {
		p.endSide(c, side, s, true)
	}
}

func (p *Parser) setFields(s *stream, side flow.Direction, fields []http.Header) {
	t := s.tx
	t.SetFields(side, fields, protocolName)
	s.sent[side] = true
	s.dns[side] = nil
	switch {
	case side == flow.ToClient && t.Response.Status >= 100 && t.Response.Status < 200:
		s.sent[side] = false // the final response comes under the same stream
		t.Advance(side, http.InHeaders)
		return
	case side == flow.ToServer:
		r := &t.Request
		if i := bytes.IndexByte(r.HostRaw, '@'); i >= 0 {
			t.Anomaly("userinfo_in_uri")
		}
	}
	s.dns[side] = newQuestion(t, side)
	t.Advance(side, http.InBody)
}
