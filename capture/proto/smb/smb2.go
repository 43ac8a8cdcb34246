package smb

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Commands of SMB 2 ([MS-SMB2] 2.2.1.2).
const (
	cmd2Negotiate      = 0
	cmd2SessionSetup   = 1
	cmd2TreeConnect    = 3
	cmd2TreeDisconnect = 4
	cmd2Create         = 5
	cmd2Close          = 6
	cmd2Read           = 8
	cmd2Write          = 9
	cmd2Ioctl          = 11
	cmd2Cancel         = 12
	cmd2QueryInfo      = 16
	cmd2SetInfo        = 17
	cmd2OplockBreak    = 18

	cmdHidden = 0xfd // ours: stands for encrypted messages
)

const (
	header2Bytes = 64
	write2Bytes  = header2Bytes + 48
	read2Bytes   = header2Bytes + 16

	flag2Response = 1
	flag2Async    = 2
	flag2Related  = 4

	statusPending = 0x00000103
)

// relatedHandle is the file ID of a compound's later command that means the create before it. Never written.
var relatedHandle = [16]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// header2 is the header of a message of SMB 2 ([MS-SMB2] 2.2.1).
type header2 struct {
	status, flags, next uint32
	command             uint16
	id                  uint64
	tree                uint32
	session             uint64
}

func readHeader2(b []byte) header2 {
	h := header2{
		status: le.Uint32(b[8:]), command: le.Uint16(b[12:]), flags: le.Uint32(b[16:]), next: le.Uint32(b[20:]),
		id: le.Uint64(b[24:]), session: le.Uint64(b[40:]),
	}
	if h.flags&flag2Async == 0 {
		h.tree = le.Uint32(b[36:])
	}
	return h
}

// message2 reads one message of SMB 2.
func (p *Parser) message2(c *proto.Context, dir flow.Direction, b []byte) int {
	h := &p.half[dir]
	if h.left < header2Bytes {
		if h.first {
			c.Malformed++
			p.malformed(c, dir)
		}
		h.skip(h.left)
		return h.bulk(b)
	}
	if len(b) < header2Bytes {
		return 0
	}
	m := readHeader2(b)
	size := h.left
	if m.next >= header2Bytes && int64(m.next) <= int64(h.left) {
		size = int(m.next)
	} else if m.next != 0 && len(b) >= min(size, wholeMax) {
		p.odd(c, dir, "record_overflow")
	}
	response := m.flags&flag2Response != 0
	switch {
	case dir == flow.ToServer && !response && m.command == cmd2Write && size >= write2Bytes+streamedMin:
		if len(b) < write2Bytes {
			return 0
		}
		if n := p.streamWrite(c, h, &m, b, size); n > 0 {
			return n
		}
	case dir == flow.ToClient && response && m.command == cmd2Read && size >= read2Bytes+streamedMin:
		if len(b) < read2Bytes {
			return 0
		}
		if n := p.streamRead(c, h, &m, b, size); n > 0 {
			return n
		}
	}
	whole := min(size, wholeMax)
	if len(b) < whole {
		return 0
	}
	if h.first {
		p.last = nil
	}
	msg := b[:whole]
	switch {
	case !response && dir == flow.ToServer:
		p.request2(c, &m, msg)
	case response && dir == flow.ToClient:
		p.response2(c, &m, msg)
	default:
		p.wrongWay(c, dir, 2, m.command, m.id)
	}
	if whole < size {
		h.left -= whole
		h.first = false
		h.inBulk, h.pad, h.data, h.tail, h.content = true, 0, 0, size-whole, nil
		return whole
	}
	return h.take(size)
}

// wrongWay notes a message whose direction flag does not fit.
func (p *Parser) wrongWay(c *proto.Context, dir flow.Direction, version uint8, command uint16, id uint64) {
	if version == 2 && command == cmd2OplockBreak {
		return
	}
	t := &Transaction{Version: version, Command: command, MessageID: id, Dialect: p.dialect}
	t.OneSide, t.Only = true, dir
	if dir == flow.ToServer {
		t.Anomaly("response_to_server")
	} else {
		t.Anomaly("request_to_client")
	}
	c.Begin(t)
	t.advance(dir, Done)
	t.progress[dir.Other()] = Done
}

// streamWrite begins to receive the data of a write as it comes; 0 when the message has to be read as a whole.
func (p *Parser) streamWrite(c *proto.Context, h *half, m *header2, b []byte, size int) int {
	place, n, offset := int(le.Uint16(b[66:])), int64(le.Uint32(b[68:])), le.Uint64(b[72:])
	if place < write2Bytes || int64(place)+n > int64(size) {
		return 0
	}
	r := p.newRequest2(m)
	o := p.target(r, m, b[80:96])
	if o == nil || o.pipe && (o.rpc != nil || int(n) <= blobMax) {
		return 0
	}
	w := p.writeTo(c, r, o, offset, int(n))
	p.wait(r)
	h.stream(w, place-write2Bytes, int(n), size-place-int(n))
	h.take(write2Bytes)
	return write2Bytes
}

// streamRead begins to receive the data of a read's response as it comes; 0 when the message has to be read as a whole.
func (p *Parser) streamRead(c *proto.Context, h *half, m *header2, b []byte, size int) int {
	place, n := int(b[66]), int64(le.Uint32(b[68:]))
	if place < read2Bytes || int64(place)+n > int64(size) {
		return 0
	}
	r := p.answered(2, m.id, cmd2Read, true)
	if r == nil || r.h == nil || r.h.pipe && (r.h.rpc != nil || int(n) <= blobMax) {
		return 0
	}
	p.answered(2, m.id, cmd2Read, false)
	w := p.readFrom(c, r, int(n), m.status)
	h.stream(w, place-read2Bytes, int(n), size-place-int(n))
	h.take(read2Bytes)
	return read2Bytes
}

// stream sets what is done with the rest of a message.
func (h *half) stream(w *content, pad, data, tail int) {
	h.inBulk, h.pad, h.data, h.tail, h.content = true, pad, data, tail, w
	h.dataEnd()
}

// writeTo prepares a handle's file for n bytes.
func (p *Parser) writeTo(c *proto.Context, r *request, o *handle, offset uint64, n int) *content {
	w := p.content(c, o, flow.ToServer, r, offset)
	r.tx, r.h = w.tx, o
	if p.maxWrite > 0 && n > int(p.maxWrite) || n > sizeLimit {
		w.tx.Anomaly("write_request_too_large")
	}
	w.begin(offset, n)
	return w
}

// readFrom prepares a handle's file for n bytes of a response.
func (p *Parser) readFrom(c *proto.Context, r *request, n int, status uint32) *content {
	w := p.content(c, r.h, flow.ToClient, r, r.offset)
	w.tx.Status, w.tx.Answered = status, true
	if p.maxRead > 0 && n > int(p.maxRead) || n > sizeLimit {
		w.tx.Anomaly("read_response_too_large")
	}
	if w.p.Fresh() {
		w.tx.progress[flow.ToServer] = Done // the requests say no more than the first
	}
	w.begin(r.offset, n)
	return w
}

// newRequest2 begins the record of a request.
func (p *Parser) newRequest2(m *header2) *request {
	r := &request{version: 2, command: m.command, id: m.id, messageID: m.id, session: m.session, tree: m.tree}
	if m.flags&flag2Related != 0 && p.last != nil {
		r.related = p.last
		if m.tree == 0xffffffff {
			r.tree = p.last.tree
		}
		if m.session == 1<<64-1 {
			r.session = p.last.session
		}
	}
	return r
}

// target finds the handle a request names.
func (p *Parser) target(r *request, m *header2, id []byte) *handle {
	if [16]byte(id) == relatedHandle {
		if r.related == nil || m.flags&flag2Related == 0 {
			return nil
		}
		return r.related.h
	}
	return p.handle(r, [16]byte(id))
}

// guid turns an identifier into the order it is written in.
func guid(b []byte) (g [16]byte) {
	copy(g[:], b)
	binary.BigEndian.PutUint32(g[:], le.Uint32(b))
	binary.BigEndian.PutUint16(g[4:], le.Uint16(b[4:]))
	binary.BigEndian.PutUint16(g[6:], le.Uint16(b[6:]))
	return g
}
