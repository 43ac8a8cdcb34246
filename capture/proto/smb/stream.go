package smb

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// NetBIOS session packet types (RFC 1002 4.3.1).
const (
	nbssMessage   = 0x00
	nbssRequest   = 0x81
	nbssPositive  = 0x82
	nbssNegative  = 0x83
	nbssRetarget  = 0x84
	nbssKeepAlive = 0x85
)

// half is one direction of the framing.
type half struct {
	left int // bytes of the record still to come
	// bulk is file data being received: pad bytes, then data bytes for content (nil: passed over), then tail bytes; all
	// are part of left.
	inBulk          bool
	pad, data, tail int
	content         *content
	lost            bool // the next record has to be searched for
	first           bool // the record's first message was read
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	done := 0
	for done < len(b) {
		n := 0
		switch rest := b[done:]; {
		case h.inBulk:
			n = h.bulk(rest)
		case h.left > 0:
			n = p.message(c, dir, rest)
		case h.lost:
			n = h.resync(rest)
			if n == 0 && h.lost {
				return done, proto.Continue
			}
			done += n
			continue
		default:
			n = p.record(c, h, rest)
		}
		if n == 0 {
			break
		}
		done += n
	}
	return done, proto.Continue
}

// record reads the session header.
func (p *Parser) record(c *proto.Context, h *half, b []byte) int {
	if len(b) < nbssBytes {
		return 0
	}
	n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	switch b[0] {
	case nbssMessage, nbssRequest, nbssPositive, nbssNegative, nbssRetarget, nbssKeepAlive:
	default:
		c.Malformed++
		h.lost = true
		return 1
	}
	h.left, h.first = n, true
	if b[0] != nbssMessage {
		h.skip(n)
	}
	return nbssBytes
}

// skip passes over what is left of the record.
func (h *half) skip(n int) {
	if n > 0 {
		h.inBulk, h.pad, h.data, h.tail, h.content = true, 0, 0, n, nil
	}
}

// resync looks for a record and returns how many bytes come before it. 0 with lost still set: more bytes are needed.
func (h *half) resync(b []byte) int {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte("SMB"))
		if i < 0 {
			return max(0, len(b)-(resyncWindow-1))
		}
		at += i
		start := at - 1 - nbssBytes
		if start >= 0 && (b[at-1] == 0xff || b[at-1] == 0xfe || b[at-1] == 0xfd || b[at-1] == 0xfc) && b[start] == 0 &&
			(b[start+1] != 0 || b[start+2] != 0 || b[start+3] >= 32) {
			h.lost = false
			return start
		}
	}
}

// message reads one message of the record; 0 means that more bytes are needed.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) int {
	h := &p.half[dir]
	if len(b) < min(4, h.left) {
		return 0
	}
	if h.left < 4 || b[1] != 'S' || b[2] != 'M' || b[3] != 'B' {
		if h.first { // between messages of a compound there may be anything
			c.Malformed++
			p.malformed(c, dir)
		}
		h.skip(h.left)
		return h.bulk(b)
	}
	switch b[0] {
	case 0xfe:
		return p.message2(c, dir, b)
	case 0xff:
		return p.message1(c, dir, b)
	case 0xfd, 0xfc:
		p.hidden(c, dir, b[0] == 0xfd)
	default:
		c.Malformed++
		p.malformed(c, dir)
	}
	h.skip(h.left)
	return h.bulk(b)
}

// take ends a message of n bytes.
func (h *half) take(n int) int {
	h.left -= n
	h.first = false
	return n
}

// malformed notes that a record could not be read, with a transaction of its own.
func (p *Parser) malformed(c *proto.Context, dir flow.Direction) { p.odd(c, dir, "malformed_data") }

// odd makes a transaction that only carries an anomaly.
func (p *Parser) odd(c *proto.Context, dir flow.Direction, anomaly string) {
	t := &Transaction{Version: 1, Dialect: p.dialect}
	if p.maxRead > 0 {
		t.Version = 2
	}
	t.OneSide, t.Only = true, dir
	t.Anomaly(anomaly)
	c.Begin(t)
	t.advance(dir, Done)
	t.progress[dir.Other()] = Done
}

// hidden notes, once, that messages are encrypted (or compressed).
func (p *Parser) hidden(c *proto.Context, dir flow.Direction, encrypted bool) {
	if p.encrypted != nil {
		p.encrypted.Encrypted = p.encrypted.Encrypted || encrypted
		return
	}
	t := &Transaction{Version: 2, Command: cmdHidden, Dialect: p.dialect, Encrypted: encrypted}
	p.encrypted = t
	c.Begin(t)
	t.advance(dir, Done)
	t.progress[dir.Other()] = Done
}

// bulk takes bytes of file data, or passes over them, and returns how many.
func (h *half) bulk(b []byte) int {
	done := 0
	for len(b) > done && h.inBulk {
		rest := b[done:]
		n := 0
		switch {
		case h.pad > 0:
			n = min(h.pad, len(rest))
			h.pad -= n
		case h.data > 0:
			n = min(h.data, len(rest))
			if h.content != nil {
				h.content.write(rest[:n])
			}
			h.data -= n
			h.dataEnd()
		case h.tail > 0:
			n = min(h.tail, len(rest))
			h.tail -= n
		}
		h.left -= n
		done += n
		h.inBulk = h.pad+h.data+h.tail > 0
	}
	return done
}

// dataEnd ends the piece of a file when all of it has come.
func (h *half) dataEnd() {
	if h.data > 0 || h.content == nil {
		return
	}
	h.content.finish()
	h.content = nil
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	if !h.inBulk && h.left == 0 && !h.lost && len(rest) >= nbssBytes {
		p.record(c, h, rest)
		rest = rest[nbssBytes:]
	}
	miss := int64(len(rest)) + n
	if h.left == 0 || miss > int64(h.left) { // what comes next begins somewhere in a record
		if h.inBulk && h.content != nil {
			h.content.lost(h.data)
			h.content.finish()
		}
		*h = half{lost: true}
		p.forget(dir)
		return proto.Continue
	}
	left := int(miss)
	if !h.inBulk {
		h.skip(h.left)
	}
	k := min(h.pad, left)
	h.pad, left, h.left = h.pad-k, left-k, h.left-k
	k = min(h.data, left)
	if k > 0 {
		if h.content != nil {
			h.content.lost(k)
		}
		h.data, left, h.left = h.data-k, left-k, h.left-k
		h.dataEnd()
	}
	k = min(h.tail, left)
	h.tail, h.left = h.tail-k, h.left-k
	h.inBulk = h.pad+h.data+h.tail > 0
	p.forget(dir)
	return proto.Continue
}

// forget drops the unfinished fragments of pipes in a direction.
func (p *Parser) forget(dir flow.Direction) {
	for _, h := range p.handles {
		if h.rpc != nil {
			h.rpc.Lost(dir)
		}
	}
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	h := &p.half[dir]
	if h.inBulk && h.content != nil {
		h.content.lost(h.data)
		h.content.finish()
		h.content = nil
	}
	for _, r := range p.pending {
		if r.h != nil && !r.h.known {
			r.h.close(false)
		}
		if r.tx != nil && r.tx.files[0] == nil && r.tx.files[1] == nil {
			r.tx.end(dir)
		}
	}
	for _, o := range p.handles {
		if w := o.content[dir]; w != nil {
			w.close(false)
			o.content[dir] = nil
		}
	}
	for _, t := range p.calls {
		t.end(dir)
	}
}
