package nfs

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/pieces"
)

// RPC message types, reply states and credentials (RFC 5531 9).
const (
	rpcCall     = 0
	rpcReply    = 1
	rpcVersion  = 2
	authSys     = 1
	lastMark    = 1 << 31
	callBytes   = 40 // of a call with empty credentials
	credsMax    = 400
	machineMax  = 255
	replyDenied = 1
)

// half is one direction of the framing.
type half struct {
	left    int // bytes of the record's fragment still to come
	skip    int // of them, those that are passed over
	data    int // of them, those that belong to content
	content *content
	kept    []byte // earlier fragments of the record
	more    bool   // the fragment is not the record's last
	lost    bool
}

// call waits for its reply.
type call struct {
	xid, version, procedure uint32
	tx                      *Transaction
	names                   [][]byte // given by what is looked up, created or opened, in order
	reads                   []place
}

// place is where a read begins.
type place struct {
	handle []byte
	offset uint64
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram bool
	half     [2]half
	pending  []*call
	handles  []named
	files    []*content
	pool     pieces.Pool
	creds    credentials
}

type credentials struct {
	known    bool
	uid, gid uint32
	machine  []byte
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(datagram bool) proto.Parser { return &Parser{datagram: datagram} }

// Recognise is the proto.Recogniser of NFS: an RPC call to its program, or on its port a reply.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Datagram {
		if len(b) >= 1 && b[0]&0x80 == 0 {
			return proto.No
		}
		if len(b) < markBytes+24 {
			if p.Port(2049) {
				return proto.Maybe
			}
			return proto.No
		}
		if n := binary.BigEndian.Uint32(b) &^ lastMark; n < 24 || n > recordMax {
			return proto.No
		}
		b = b[markBytes:]
	}
	if len(b) < 24 {
		return proto.No
	}
	kind := binary.BigEndian.Uint32(b[4:])
	switch {
	case kind == rpcCall && isCall(b):
		if p.Dir == flow.ToClient {
			return proto.Reversed
		}
		return proto.Yes
	case kind == rpcReply && p.Port(2049) && binary.BigEndian.Uint32(b[8:]) <= replyDenied:
		if p.Dir == flow.ToServer {
			return proto.Reversed
		}
		return proto.Yes
	}
	return proto.No
}

// isCall tells whether b begins with a call of NFS.
func isCall(b []byte) bool {
	if len(b) < 24 {
		return false
	}
	version := binary.BigEndian.Uint32(b[16:])
	return binary.BigEndian.Uint32(b[4:]) == rpcCall && binary.BigEndian.Uint32(b[8:]) == rpcVersion && binary.BigEndian.Uint32(b[12:]) == program &&
		version >= 2 && version <= 4
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	if p.datagram {
		p.message(c, dir, b)
		p.cut(h)
		return len(b), proto.Continue
	}
	done := 0
	for done < len(b) {
		n := p.step(c, dir, b[done:])
		if n == 0 {
			break
		}
		done += n
	}
	return done, proto.Continue
}

// step takes the next bytes of a direction; 0 means that more are needed.
func (p *Parser) step(c *proto.Context, dir flow.Direction, b []byte) int {
	h := &p.half[dir]
	switch {
	case h.data > 0:
		n := min(h.data, len(b))
		h.content.write(b[:n])
		h.data, h.left = h.data-n, h.left-n
		if h.data == 0 {
			p.finish(h)
		}
		return n
	case h.skip > 0:
		n := min(h.skip, len(b))
		h.skip, h.left = h.skip-n, h.left-n
		return n
	case h.lost:
		return p.resync(h, dir, b)
	case h.left > 0:
		whole := min(h.left, wholeMax)
		if len(b) < whole {
			return 0
		}
		p.record(c, dir, b[:whole])
		h.left -= whole
		if h.data > h.left { // more data than the record has
			c.Malformed++
			h.data = h.left
		}
		if h.data == 0 {
			p.finish(h)
		}
		return whole
	}
	if len(b) < markBytes {
		return 0
	}
	mark := binary.BigEndian.Uint32(b)
	n := mark &^ lastMark
	if n > recordMax || n == 0 && mark&lastMark == 0 {
		c.Malformed++
		p.malformed(c, dir)
		h.lost = true
		return markBytes
	}
	h.left, h.more = int(n), mark&lastMark == 0
	return markBytes
}

// record takes one fragment of a record, or its beginning.
func (p *Parser) record(c *proto.Context, dir flow.Direction, b []byte) {
	h := &p.half[dir]
	if !h.more && len(h.kept) == 0 {
		p.message(c, dir, b)
		return
	}
	if room := wholeMax - len(h.kept); len(b) > room {
		b = b[:room]
	}
	h.kept = append(h.kept, b...)
	if !h.more {
		p.message(c, dir, h.kept)
		p.cut(h)
		h.kept = nil
	}
}

// finish ends the piece of a file being received; what is left of the record is passed over.
func (p *Parser) finish(h *half) {
	if h.content != nil {
		h.content.finish()
	}
	h.content, h.skip = nil, h.left
}

// cut ends the data of a message of which nothing more will come.
func (p *Parser) cut(h *half) {
	if h.data > 0 {
		h.content.lost(h.data)
		h.content.finish()
		h.data, h.content = 0, nil
	}
}

// resync looks for the beginning of a record and returns how many bytes come before it.
func (p *Parser) resync(h *half, dir flow.Direction, b []byte) int {
	for at := 0; at+markBytes+24 <= len(b); at++ {
		m := b[at+markBytes:]
		if b[at]&0x80 == 0 || binary.BigEndian.Uint32(b[at:])&^lastMark > recordMax {
			continue
		}
		if isCall(m) || dir == flow.ToClient && binary.BigEndian.Uint32(m[4:]) == rpcReply && p.find(binary.BigEndian.Uint32(m)) != nil {
			h.lost = false
			if at == 0 {
				return p.markAt(h, b)
			}
			return at
		}
	}
	return max(0, len(b)-(markBytes+23))
}

// markAt begins the record at the start of b.
func (p *Parser) markAt(h *half, b []byte) int {
	mark := binary.BigEndian.Uint32(b)
	h.left, h.more = int(mark&^lastMark), false
	return markBytes
}

// message reads one message, or the beginning of one.
func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) {
	r := &reader{b: b}
	xid, kind := r.u32(), r.u32()
	switch {
	case r.bad, kind > rpcReply:
		c.Malformed++
		p.malformed(c, dir)
	case kind == rpcCall && dir == flow.ToServer:
		p.call(c, r, xid)
	case kind == rpcReply && dir == flow.ToClient:
		p.reply(c, r, xid)
	}
	if !p.datagram {
		c.Flush[dir] = true
	}
}

// malformed makes a transaction that only says that something could not be read.
func (p *Parser) malformed(c *proto.Context, dir flow.Direction) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	t.Anomaly("malformed_data")
	c.Begin(t)
	t.progress[dir.Other()] = Done
	t.advance(dir, Done)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	if h.left == 0 && !h.lost && len(rest) >= markBytes {
		mark := binary.BigEndian.Uint32(rest)
		h.left, h.more, rest = int(mark&^lastMark), false, rest[markBytes:]
	}
	miss := n + int64(len(rest))
	h.kept = nil
	if miss > int64(h.left) || h.left > recordMax {
		p.cut(h)
		*h = half{lost: true}
		return proto.Continue
	}
	if h.data > 0 {
		k := min(h.data, int(miss))
		h.content.lost(k)
		h.data -= k
	}
	h.left -= int(miss)
	if h.data == 0 {
		p.finish(h)
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	p.cut(&p.half[dir])
	for _, k := range p.pending {
		if k.tx != nil {
			k.tx.end(dir)
		}
	}
	kept := p.files[:0]
	for _, w := range p.files {
		if w.dir == dir {
			w.close(false)
			continue
		}
		kept = append(kept, w)
	}
	p.files = kept
}
