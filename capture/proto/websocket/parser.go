package websocket

import (
	"bytes"
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/http/coding"
)

const payloadMax = 64 << 10

// half is one direction of the parser.
type half struct {
	skip       uint64 // bytes to pass over
	parts      []byte // of a fragmented message
	open       bool   // a fragmented message goes on
	compressed bool
	lost       bool             // bytes of the message were not read: it cannot be decompressed
	inflate    *coding.Inflater // once a compressed message has come
	fresh      bool             // each message is compressed by itself
	broken     bool             // the compression context is lost
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct{ half [2]half }

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// NewExpected makes a parser behind an upgrade; data is http.Switched.
func NewExpected(data any) proto.Parser {
	p := &Parser{}
	if s, ok := data.(http.Switched); ok {
		v := bytes.ToLower(s.Tx.Response.Get("sec-websocket-extensions"))
		p.half[flow.ToServer].fresh = bytes.Contains(v, []byte("client_no_context_takeover"))
		p.half[flow.ToClient].fresh = bytes.Contains(v, []byte("server_no_context_takeover"))
	}
	return p
}

// Recognise is the proto.Recogniser of WebSocket: it is only reached by an upgrade.
func Recognise(*proto.Probe) proto.Match { return proto.No }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	done := 0
	for done < len(b) {
		rest := b[done:]
		if h.skip > 0 {
			n := min(h.skip, uint64(len(rest)))
			h.skip -= n
			done += int(n)
			continue
		}
		n, ok := p.frame(c, dir, rest)
		if !ok {
			c.Malformed++
			return done, proto.Fail
		}
		if n == 0 {
			break
		}
		done += n
	}
	return done, proto.Continue
}

// frame reads one frame: 0 when it is not whole yet; ok is false when it is none (RFC 6455 5.2).
func (p *Parser) frame(c *proto.Context, dir flow.Direction, b []byte) (int, bool) {
	if b[0]&0x30 != 0 {
		return 0, false
	}
	if len(b) < 2 {
		return 0, true
	}
	t := &Transaction{Flags: b[0] & 0xf0, Opcode: b[0] & 0x0f, Masked: b[1]&0x80 != 0, Length: uint64(b[1] & 0x7f)}
	at := 2
	switch t.Length {
	case 126:
		if len(b) < 4 {
			return 0, true
		}
		t.Length, at = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return 0, true
		}
		t.Length, at = binary.BigEndian.Uint64(b[2:]), 10
		if t.Length>>63 != 0 {
			return 0, false
		}
	}
	var key []byte
	if t.Masked {
		if len(b) < at+4 {
			return 0, true
		}
		key = b[at : at+4]
		t.Mask = binary.BigEndian.Uint32(key)
		at += 4
	}
	n := int(min(t.Length, payloadMax))
	if len(b) < at+n {
		return 0, true
	}
	t.OneSide, t.Only = true, dir
	payload := bytes.Clone(b[at : at+n])
	for i := range payload {
		if key != nil {
			payload[i] ^= key[i&3]
		}
	}
	h := &p.half[dir]
	if h.skip = t.Length - uint64(n); h.skip > 0 {
		t.Anomaly("skip_end_of_payload")
	}
	t.Payload = payload
	if t.Opcode < 8 { // control frames may come between the fragments of a message
		h.message(t)
	}
	c.Begin(t)
	t.Touch(dir)
	c.Flush[dir] = true
	return at + n, true
}

// message puts fragments together and decompresses what the frame completes.
func (h *half) message(t *Transaction) {
	fin := t.Flags&FlagFin != 0
	if !h.open {
		h.compressed, h.lost = t.Flags&FlagCompressed != 0, false
	}
	h.lost = h.lost || h.skip > 0
	if h.open || !fin {
		room := payloadMax - len(h.parts)
		if len(t.Payload) > room {
			t.Anomaly("reassembly_limit_reached")
			h.lost = true
		}
		h.parts = append(h.parts, t.Payload[:min(len(t.Payload), room)]...)
	}
	if !fin {
		h.open = true
		return
	}
	if h.open {
		t.Payload = h.parts
		h.open, h.parts = false, nil
	}
	if h.compressed {
		h.decompress(t)
	}
}

// decompress undoes permessage-deflate (RFC 7692 7.2.2). What cannot be read stays as sent.
func (h *half) decompress(t *Transaction) {
	if h.inflate == nil {
		h.inflate = &coding.Inflater{}
	}
	if h.fresh {
		h.inflate.Reset()
		h.broken = false
	} else {
		h.inflate.Again()
	}
	if h.broken {
		return
	}
	out := make([]byte, 0, 4*len(t.Payload))
	total := 0
	sink := func(b []byte) bool {
		total += len(b)
		out = append(out, b[:min(len(b), payloadMax-len(out))]...)
		return total <= coding.BombBytes
	}
	_, err := h.inflate.Write(t.Payload, sink)
	if err == nil {
		_, err = h.inflate.Write([]byte{0, 0, 0xff, 0xff}, sink)
	}
	if total > payloadMax {
		t.Anomaly("reassembly_limit_reached")
	}
	h.broken = err != nil || h.lost
	if len(out) > 0 {
		t.Payload = out
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	if h.skip >= uint64(n) {
		h.skip -= uint64(n)
		return proto.Continue
	}
	return proto.Fail
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
