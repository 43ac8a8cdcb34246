package smb

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Commands of SMB 1 ([MS-CIFS] 2.2.2.1).
const (
	cmd1Open           = 0x02
	cmd1Create         = 0x03
	cmd1Close          = 0x04
	cmd1Delete         = 0x06
	cmd1Rename         = 0x07
	cmd1Read           = 0x0a
	cmd1Write          = 0x0b
	cmd1CreateNew      = 0x0f
	cmd1LockingAndX    = 0x24
	cmd1Transaction    = 0x25
	cmd1Transaction2ry = 0x26
	cmd1Echo           = 0x2b
	cmd1WriteClose     = 0x2c
	cmd1OpenAndX       = 0x2d
	cmd1ReadAndX       = 0x2e
	cmd1WriteAndX      = 0x2f
	cmd1Trans2         = 0x32
	cmd1Trans2ry       = 0x33
	cmd1TreeConnect    = 0x70
	cmd1TreeDisconnect = 0x71
	cmd1Negotiate      = 0x72
	cmd1SessionSetup   = 0x73
	cmd1Logoff         = 0x74
	cmd1TreeAndX       = 0x75
	cmd1NTTransact     = 0xa0
	cmd1NTTransact2ry  = 0xa1
	cmd1NTCreate       = 0xa2
	cmd1NTCancel       = 0xa4
	cmd1NTRename       = 0xa5
	noAndX             = 0xff
	noTree             = 0xffff
)

const (
	header1Bytes = 32
	chainMax     = 16 // commands of an AndX chain

	flag1Response   = 0x80
	flag1Unicode    = 0x8000 // of the second flags
	flag1NTStatus   = 0x4000
	flag1Extended   = 0x0800
	dosStatusErrors = 0
)

// header1 is the header of a message of SMB 1 ([MS-CIFS] 2.2.3.1).
type header1 struct {
	command        uint8
	status         uint32
	dos            bool
	flags          uint8
	flags2         uint16
	tree, user     uint16
	process, multi uint16
}

func readHeader1(b []byte) header1 {
	h := header1{
		command: b[4], status: le.Uint32(b[5:]), flags: b[9], flags2: le.Uint16(b[10:]),
		tree: le.Uint16(b[24:]), process: le.Uint16(b[26:]), user: le.Uint16(b[28:]), multi: le.Uint16(b[30:]),
	}
	h.dos = h.flags2&flag1NTStatus == 0
	return h
}

func (h *header1) id() uint64 { return uint64(h.process)<<16 | uint64(h.multi) }

func (h *header1) wide() bool { return h.flags2&flag1Unicode != 0 }

// ok tells whether a response's status is a success or carries data nevertheless.
func (h *header1) ok() bool {
	if h.dos {
		return h.status&0xff == dosStatusErrors || h.status == 0x00ea0001 // ERRDOS, more data
	}
	return succeeded(h.status)
}

// block is one command of a message: its parameter words and bytes.
type block struct {
	command uint8
	words   []byte
	bytes   []byte
	at      int // place of bytes in the message
}

// blockAt reads the parameters and bytes at a place of a message.
func blockAt(msg []byte, at int, command uint8) (k block, ok bool) {
	if at >= len(msg) {
		return k, false
	}
	n := 2 * int(msg[at])
	if at+1+n+2 > len(msg) {
		return k, false
	}
	k = block{command: command, words: msg[at+1 : at+1+n], at: at + 1 + n + 2}
	count := int(le.Uint16(msg[at+1+n:]))
	k.bytes = msg[k.at:min(len(msg), k.at+count)]
	return k, true
}

// andX tells whether a command's first words name the next one.
func andX(command uint8) bool {
	switch command {
	case cmd1LockingAndX, cmd1OpenAndX, cmd1ReadAndX, cmd1WriteAndX, cmd1SessionSetup, cmd1Logoff, cmd1TreeAndX, cmd1NTCreate:
		return true
	}
	return false
}

// message1 reads one message of SMB 1, with its chain.
func (p *Parser) message1(c *proto.Context, dir flow.Direction, b []byte) int {
	h := &p.half[dir]
	size := h.left
	whole := min(size, wholeMax)
	if len(b) < whole {
		return 0
	}
	msg := b[:whole]
	if whole < header1Bytes {
		c.Malformed++
		p.malformed(c, dir)
	} else {
		m := readHeader1(msg)
		response := m.flags&flag1Response != 0
		switch {
		case !response && dir == flow.ToClient || response && dir == flow.ToServer:
			if !(dir == flow.ToClient && m.command == cmd1LockingAndX) { // the server asks to give up an opportunistic lock
				p.wrongWay(c, dir, 1, uint16(m.command), m.id())
			}
		case response:
			p.response1(c, &m, msg)
		default:
			p.request1(c, &m, msg)
		}
	}
	if whole < size {
		h.left -= whole
		h.first = false
		h.inBulk, h.pad, h.data, h.tail, h.content = true, 0, 0, size-whole, nil
		return whole
	}
	return h.take(size)
}

// chain calls visit for each command of a message until it says false.
func chain(msg []byte, first uint8, visit func(k block) bool) bool {
	at, command := header1Bytes, first
	for range chainMax {
		k, ok := blockAt(msg, at, command)
		if !ok {
			return false
		}
		if !visit(k) || !andX(command) || len(k.words) < 4 || k.words[0] == noAndX {
			return true
		}
		next := int(le.Uint16(k.words[2:]))
		if next <= at { // a chain only goes forward
			return true
		}
		at, command = next, k.words[0]
	}
	return true
}

// request1 reads the requests of a message.
func (p *Parser) request1(c *proto.Context, m *header1, msg []byte) {
	var opened *handle // by an earlier command of the chain
	whole := chain(msg, m.command, func(k block) bool {
		r := &request{version: 1, command: uint16(k.command), id: m.id(), messageID: uint64(m.multi), session: uint64(m.user)}
		if m.tree != noTree {
			r.tree = uint32(m.tree)
		}
		r.h = opened
		switch k.command {
		case cmd1WriteAndX, cmd1Write, cmd1WriteClose:
			p.write1(c, r, k, msg)
		case cmd1ReadAndX, cmd1Read:
			p.readAsked1(r, k)
		case cmd1Transaction:
			p.transact1(c, r, k, msg)
		case cmd1Trans2:
			p.trans2(c, r, m, k, msg)
		case cmd1NTCancel, cmd1Transaction2ry:
			return false
		case cmd1LockingAndX:
			p.wait(r)
		default:
			r.tx = p.begin(c, r)
			p.describe1(r, m, k, msg)
			r.tx.advance(flow.ToServer, Done)
			if k.command == cmd1Trans2ry || k.command == cmd1NTTransact2ry { // has no response of its own
				r.tx.end(flow.ToClient)
				return false
			}
			p.wait(r)
			if r.h != nil {
				opened = r.h
			}
		}
		return true
	})
	if !whole {
		c.Malformed++
		p.malformed(c, flow.ToServer)
	}
}

// describe1 reads what a request says into its transaction.
func (p *Parser) describe1(r *request, m *header1, k block, msg []byte) {
	t := r.tx
	if tr := p.tree(0, r.tree); tr != nil {
		t.share = tr.name
	}
	switch k.command {
	case cmd1Negotiate:
		p.negotiation(t, 1)
		p.dialects = nil
		for b := k.bytes; len(b) > 0 && len(p.dialects) < dialectsMax; {
			s, next := zeroText(b, 1, false)
			if b[0] != 2 || next == len(b) && b[len(b)-1] != 0 {
				t.Anomaly("negotiate_malformed_dialects")
				break
			}
			p.dialects = append(p.dialects, string(s))
			b = b[next:]
		}
		t.Dialects = p.dialects
	case cmd1SessionSetup:
		p.sessionSetup1(t, m, k, msg)
	case cmd1TreeAndX:
		if len(k.words) < 8 {
			return
		}
		at := k.at + int(le.Uint16(k.words[6:])) // behind the password
		if at > len(msg) {
			t.Anomaly("malformed_data")
			return
		}
		t.Share, at = zeroText(msg, at, m.wide())
		t.Service[flow.ToServer], _ = zeroText(msg, at, false)
		t.Pipe = isIPC(t.Share)
		r.share = t.Share
	case cmd1TreeConnect:
		s, next := zeroText(msg, k.at+1, m.wide())
		_, next = zeroText(msg, next+1, m.wide())
		t.Share, r.share, t.Pipe = s, s, isIPC(s)
		t.Service[flow.ToServer], _ = zeroText(msg, next+1, m.wide())
	case cmd1NTCreate:
		if len(k.words) < 48 {
			return
		}
		at, n := k.at, int(le.Uint16(k.words[5:]))
		if m.wide() {
			at += at & 1
		}
		t.Name = text(part(msg, at, n), m.wide())
		t.Disposition, t.Access = le.Uint32(k.words[35:]), le.Uint32(k.words[39:])
		t.Delete, t.Directory = t.Access&optionDeleteOnClose != 0, t.Access&optionDirectory != 0
		p.asked1(r)
	case cmd1OpenAndX:
		t.Name, _ = zeroText(msg, k.at, m.wide())
		p.asked1(r)
	case cmd1Open, cmd1Create, cmd1CreateNew:
		t.Name, _ = zeroText(msg, k.at+1, m.wide())
		p.asked1(r)
	case cmd1Close:
		if len(k.words) >= 2 && r.h == nil {
			r.h = p.known(fid(k.words))
		}
		p.named(t, r.h)
	case cmd1Delete:
		t.Name, _ = zeroText(msg, k.at+1, m.wide())
		t.Delete = true
	case cmd1Rename, cmd1NTRename:
		var next int
		t.Name, next = zeroText(msg, k.at+1, m.wide())
		t.NewName, _ = zeroText(msg, next+1, m.wide())
	case cmd1NTTransact:
		if len(k.words) >= 38 {
			t.Function, t.HasFunction = uint32(le.Uint16(k.words[36:])), true
		}
	}
}

// asked1 makes the handle of an open that is asked for.
func (p *Parser) asked1(r *request) {
	r.h = &handle{name: r.tx.Name}
	if tr := p.tree(0, r.tree); tr != nil {
		r.h.share, r.h.pipe = tr.name, tr.pipe
		r.tx.Pipe = tr.pipe
	}
}

// fid is the handle a file ID of SMB 1 stands for.
func fid(words []byte) (id [16]byte) {
	id[0], id[1], id[15] = words[0], words[1], 1
	return id
}

// sessionSetup1 reads both forms of a session setup ([MS-CIFS] 2.2.4.53, [MS-SMB] 2.2.4.6).
func (p *Parser) sessionSetup1(t *Transaction, m *header1, k block, msg []byte) {
	var at int
	switch len(k.words) {
	case 24: // extended security
		n := int(le.Uint16(k.words[14:]))
		p.token(t, part(msg, k.at, n), flow.ToServer)
		at = k.at + n
	case 26:
		at = k.at + int(le.Uint16(k.words[14:])) + int(le.Uint16(k.words[16:]))
		n := &NTLM{}
		n.User, at = zeroText(msg, at, m.wide())
		n.Domain, at = zeroText(msg, at, m.wide())
		if len(n.User) > 0 || len(n.Domain) > 0 {
			t.NTLM = n
		}
	default:
		return
	}
	t.System[flow.ToServer], at = zeroText(msg, at, m.wide())
	t.Manager[flow.ToServer], _ = zeroText(msg, at, m.wide())
}

// write1 reads the three kinds of writes.
func (p *Parser) write1(c *proto.Context, r *request, k block, msg []byte) {
	var offset uint64
	var place, n int
	w := k.words
	switch {
	case k.command == cmd1WriteAndX && len(w) >= 24:
		offset = uint64(le.Uint32(w[6:]))
		n = int(le.Uint16(w[20:])) | int(le.Uint16(w[18:]))<<16
		place = int(le.Uint16(w[22:]))
		if len(w) >= 28 {
			offset |= uint64(le.Uint32(w[24:])) << 32
		}
		w = w[4:]
	case k.command == cmd1Write && len(w) >= 10:
		n, offset, place = int(le.Uint16(w[2:])), uint64(le.Uint32(w[4:])), k.at+3
	case k.command == cmd1WriteClose && len(w) >= 12:
		n, offset, place = int(le.Uint16(w[2:])), uint64(le.Uint32(w[4:])), k.at+1
	default:
		return
	}
	if r.h == nil {
		r.h = p.handle(r, fid(w))
	}
	data := part(msg, place, n)
	if r.h.pipe || r.h.name == nil && r.h.share == nil {
		if t, ok := p.rpc(c, r.h, flow.ToServer, r, data); ok {
			r.h.pipe, r.tx = true, t
			p.wait(r)
			return
		}
	}
	if n > 0 {
		to := p.writeTo(c, r, r.h, offset, n)
		to.write(data)
		if len(data) < n {
			to.lost(n - len(data))
			to.tx.Anomaly("malformed_data")
		}
		to.finish()
	}
	p.wait(r)
	if k.command == cmd1WriteClose && r.h.known {
		p.closed(r.h.id)
	}
}

// readAsked1 notes what a read wants.
func (p *Parser) readAsked1(r *request, k block) {
	w := k.words
	switch {
	case k.command == cmd1ReadAndX && len(w) >= 20:
		r.offset = uint64(le.Uint32(w[6:]))
		if len(w) >= 24 {
			r.offset |= uint64(le.Uint32(w[20:])) << 32
		}
		w = w[4:]
	case k.command == cmd1Read && len(w) >= 10:
		r.offset = uint64(le.Uint32(w[4:]))
	default:
		return
	}
	if r.h == nil {
		r.h = p.handle(r, fid(w))
	}
	p.wait(r)
}

// bigEndianGUID is the identifier of a server in its answer.
func bigEndianGUID(b []byte) (g [16]byte) {
	binary.BigEndian.PutUint64(g[:], binary.BigEndian.Uint64(b))
	copy(g[8:], b[8:16])
	return guid(g[:])
}
