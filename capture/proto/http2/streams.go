package http2

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
)

// stream returns an open stream, opening it when it is new.
func (p *Parser) stream(c *proto.Context, dir flow.Direction, id uint32) *stream {
	if s := p.streams[id]; s != nil {
		return s
	}
	s := &stream{tx: &Transaction{Stream: id}}
	t := s.tx
	t.Request.ContentLength, t.Response.ContentLength = -1, -1
	c.Begin(t)
	if len(p.order) >= streamsMax {
		t.Anomaly("too_many_streams")
		oldest := p.streams[p.order[0]]
		p.endSide(c, flow.ToServer, oldest, false)
		p.endSide(c, flow.ToClient, oldest, false)
	}
	p.streams[id] = s
	p.order = append(p.order, id)
	if h := &p.half[dir]; id > h.highest {
		h.highest = id
	} else if id&1 == 1 == (dir == flow.ToServer) && !h.lost {
		t.Anomaly("stream_id_reuse")
	}
	return s
}

// forget lets go of a stream that is complete.
func (p *Parser) forget(id uint32) {
	delete(p.streams, id)
	if i := slices.Index(p.order, id); i >= 0 {
		p.order = slices.Delete(p.order, i, i+1)
	}
	for dir := range p.half {
		h := &p.half[dir]
		if h.data != nil && h.data.tx.Stream == id {
			h.data = nil // what is left of its frame is passed over
			h.skip += h.left + h.padding
			h.left, h.padding = 0, 0
		}
	}
}

// upgraded makes stream 1 of the request that HTTP/1 has brought (RFC 7540 3.2), with its header fields as they were sent,
// and its settings a frame of the connection.
func (p *Parser) upgraded(c *proto.Context) {
	from := p.from
	p.from = nil
	r := &from.Request
	if v := r.Get("http2-settings"); v != nil {
		t := p.global(c, flow.ToServer)
		b, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(v, "=")))
		if err != nil || len(b)%6 != 0 {
			t.Anomaly("invalid_http1_settings")
		}
		f := &t.Frames[flow.ToServer]
		f.noteType(FrameSettings)
		f.settings(b)
	}
	s := p.stream(c, flow.ToServer, 1)
	fields := []http.Header{{Name: []byte(":method"), Value: r.Method}, {Name: []byte(":path"), Value: r.RawURI}}
	for _, h := range r.Headers {
		switch name := string(bytes.ToLower(h.Name)); {
		case name == "http2-settings", name != "" && name[0] == ':':
			continue
		case name == "host":
			h.Name = []byte(":authority")
		}
		fields = append(fields, h)
	}
	s.tx.SetFields(flow.ToServer, fields, protocolName)
	s.tx.Frames[flow.ToServer].noteType(FrameHeaders)
	s.sent[flow.ToServer] = true
	p.endSide(c, flow.ToServer, s, true)
}

// control reads a frame that is not DATA.
func (p *Parser) control(c *proto.Context, dir flow.Direction, kind, flags byte, id uint32, b []byte) {
	h := &p.half[dir]
	if h.open && (kind != FrameContinuation || h.block == nil || id != h.block.tx.Stream && !h.pushed) {
		h.block.tx.Anomaly("invalid_frame_header")
		p.endBlock(c, dir)
	}
	if kind == FrameContinuation {
		if !h.open {
			p.streamOrGlobal(c, dir, id).Anomaly("invalid_frame_header")
			return
		}
		h.block.tx.Frames[dir].noteType(kind)
		p.fragment(c, dir, flags, b)
		return
	}
	if id == 0 {
		if kind == FrameSettings && len(b) == 0 {
			return // nothing set, or an acknowledgement: no transaction, as in Suricata
		}
		p.connection(c, dir, kind, b)
		return
	}
	s := p.stream(c, dir, id)
	t := s.tx
	f := &t.Frames[dir]
	f.noteType(kind)
	switch kind {
	case FrameHeaders, FramePush:
		p.headers(c, dir, s, kind, flags, b)
		return
	case FramePriority:
		if len(b) == 5 {
			f.Priorities = noteValue(f.Priorities, b[4])
		} else {
			t.Anomaly("invalid_frame_length")
		}
	case FrameReset:
		if len(b) == 4 {
			f.ErrorCodes = noteValue(f.ErrorCodes, be32(b))
		} else {
			t.Anomaly("invalid_frame_length")
		}
		t.Touch(dir)
		p.endSide(c, dir, s, false)
		p.endSide(c, dir.Other(), s, false)
		return
	case FrameWindow:
		if len(b) == 4 {
			f.Windows = noteValue(f.Windows, be32(b)&^(1<<31))
		} else {
			t.Anomaly("invalid_frame_length")
		}
	}
	t.Touch(dir)
}

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func (p *Parser) streamOrGlobal(c *proto.Context, dir flow.Direction, id uint32) *Transaction {
	if s := p.streams[id]; s != nil {
		s.tx.Touch(dir)
		return s.tx
	}
	return p.global(c, dir)
}

// connection reads a frame of stream 0.
func (p *Parser) connection(c *proto.Context, dir flow.Direction, kind byte, b []byte) {
	t := p.global(c, dir)
	f := &t.Frames[dir]
	f.noteType(kind)
	bad := false
	switch kind {
	case FrameSettings:
		bad = len(b)%6 != 0
		f.settings(b)
		for _, s := range f.Settings {
			if s.ID == 1 { // what the other side may make of its table
				p.half[dir.Other()].table.SetAllowedMaxDynamicTableSize(min(s.Value, tableBytesMax))
			}
		}
	case FramePing:
		bad = len(b) != 8
	case FrameGoAway:
		if bad = len(b) < 8; !bad {
			f.ErrorCodes = noteValue(f.ErrorCodes, be32(b[4:]))
		}
	case FrameWindow:
		if bad = len(b) != 4; !bad {
			f.Windows = noteValue(f.Windows, be32(b)&^(1<<31))
		}
	case FrameHeaders, FramePush, FramePriority, FrameReset, FrameData:
		t.Anomaly("invalid_frame_header")
	}
	if bad {
		t.Anomaly("invalid_frame_length")
	}
	t.Touch(dir)
}

func (f *Frames) settings(b []byte) {
	for ; len(b) >= 6; b = b[6:] {
		f.Settings = noteValue(f.Settings, Setting{uint16(b[0])<<8 | uint16(b[1]), be32(b[2:])})
	}
}

// String returns NAME=value.
func (s Setting) String() string {
	for name, id := range SettingNames {
		if id == s.ID {
			return fmt.Sprintf("%s=%d", name, s.Value)
		}
	}
	return fmt.Sprintf("0x%x=%d", s.ID, s.Value)
}
