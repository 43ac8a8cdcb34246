package smb

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// response1 reads the responses of a message.
func (p *Parser) response1(c *proto.Context, m *header1, msg []byte) {
	found := false
	whole := chain(msg, m.command, func(k block) bool {
		r := p.answered(1, m.id(), uint16(k.command), false)
		if r == nil {
			return false
		}
		found = true
		if r.tx != nil {
			r.tx.Status, r.tx.DOSStatus, r.tx.Answered = m.status, m.dos && m.status != 0, true
			if m.user != 0 {
				r.tx.Session = uint64(m.user)
			}
			if m.tree != 0 && m.tree != 0xffff {
				r.tx.Tree = uint32(m.tree)
			}
		}
		p.answer1(c, r, m, k, msg)
		p.answer(r, status1(m))
		return true
	})
	if !whole && !found {
		// An error response may be shorter than the success it stands for.
		if r := p.answered(1, m.id(), uint16(m.command), false); r != nil && r.tx != nil {
			r.tx.Status, r.tx.DOSStatus, r.tx.Answered = m.status, m.dos && m.status != 0, true
			p.answer(r, status1(m))
		}
	}
}

// status1 is the status as an NT one, as far as success and failure go.
func status1(m *header1) uint32 {
	if m.ok() {
		return 0
	}
	return 0xc0000001
}

// answer1 reads one response.
func (p *Parser) answer1(c *proto.Context, r *request, m *header1, k block, msg []byte) {
	t, w := r.tx, k.words
	switch k.command {
	case cmd1Negotiate:
		p.negotiated1(t, m, k)
	case cmd1SessionSetup:
		at := k.at
		if len(w) >= 8 {
			n := int(le.Uint16(w[6:]))
			p.token(t, part(msg, at, n), flow.ToClient)
			at += n
		}
		if len(w) >= 6 {
			t.System[flow.ToClient], at = zeroText(msg, at, m.wide())
			t.Manager[flow.ToClient], _ = zeroText(msg, at, m.wide())
		}
	case cmd1TreeAndX, cmd1TreeConnect:
		if !m.ok() {
			return
		}
		if k.command == cmd1TreeAndX {
			t.Service[flow.ToClient], _ = zeroText(msg, k.at, false)
			t.ShareType = serviceType(t.Service[flow.ToClient])
		}
		id := uint32(m.tree)
		if k.command == cmd1TreeConnect && len(w) >= 4 {
			id = uint32(le.Uint16(w[2:]))
		}
		t.Tree = id
		p.connect(0, id, r.share, t.Pipe || t.ShareType == "PIPE")
	case cmd1NTCreate, cmd1OpenAndX, cmd1Open, cmd1Create, cmd1CreateNew:
		if !m.ok() {
			if r.h != nil {
				r.h.close(false)
			}
			return
		}
		p.opened1(r, k)
	case cmd1Close:
		if r.h != nil && r.h.known {
			p.closed(r.h.id)
		} else if r.h != nil {
			r.h.close(true)
		}
	case cmd1ReadAndX, cmd1Read:
		if m.ok() {
			p.read1(c, r, m, k, msg)
		}
	case cmd1Transaction:
		if m.ok() {
			p.transacted1(c, r, k, msg)
		}
	}
}

// negotiated1 reads the answer of a negotiation ([MS-CIFS] 2.2.4.52.2, [MS-SMB] 2.2.4.5.2).
func (p *Parser) negotiated1(t *Transaction, m *header1, k block) {
	if len(k.words) < 2 {
		return
	}
	n := int(le.Uint16(k.words))
	if n < len(p.dialects) {
		p.dialect = p.dialects[n]
		t.Dialect = p.dialect
	} else if n != 0xffff && len(p.dialects) > 0 {
		t.Anomaly("negotiate_malformed_dialects")
	}
	if len(k.words) == 34 && len(k.bytes) >= 16 && m.flags2&flag1Extended != 0 {
		t.ServerGUID, t.HasServer = bigEndianGUID(k.bytes), true
	}
}

// serviceType names the kind of share a service string stands for ([MS-CIFS] 2.2.4.55.1).
func serviceType(s []byte) string {
	switch {
	case bytes.Equal(s, []byte("IPC")):
		return "PIPE"
	case bytes.HasPrefix(s, []byte("A:")):
		return "FILE"
	case bytes.HasPrefix(s, []byte("LPT")):
		return "PRINT"
	}
	return ""
}

// opened1 reads the answer of an open.
func (p *Parser) opened1(r *request, k block) {
	t, w := r.tx, k.words
	if r.h == nil {
		return
	}
	switch {
	case k.command == cmd1NTCreate && len(w) >= 68:
		t.Times = Times{
			Created: unixTime(le.Uint64(w[11:])), Accessed: unixTime(le.Uint64(w[19:])),
			Modified: unixTime(le.Uint64(w[27:])), Changed: unixTime(le.Uint64(w[35:])),
		}
		t.Size = le.Uint64(w[55:])
		t.Handle = fid(w[5:])
	case k.command == cmd1OpenAndX && len(w) >= 16:
		t.Size = uint64(le.Uint32(w[12:]))
		t.Handle = fid(w[4:])
	case k.command != cmd1NTCreate && k.command != cmd1OpenAndX && len(w) >= 2:
		t.Handle = fid(w)
		if k.command == cmd1Open && len(w) >= 12 {
			t.Size = uint64(le.Uint32(w[8:]))
		}
	default:
		return
	}
	t.HasHandle, r.h.size = true, t.Size
	p.opened(r.h, t.Handle)
}

// read1 takes the data of a read.
func (p *Parser) read1(c *proto.Context, r *request, m *header1, k block, msg []byte) {
	var place, n int
	switch w := k.words; {
	case k.command == cmd1ReadAndX && len(w) >= 24:
		n, place = int(le.Uint16(w[10:]))|int(le.Uint16(w[14:]))<<16, int(le.Uint16(w[12:]))
	case k.command == cmd1Read && len(w) >= 2:
		n, place = int(le.Uint16(w)), k.at+3
	}
	if r.h == nil || n == 0 {
		return
	}
	data := part(msg, place, n)
	if r.h.rpc != nil {
		if t, ok := p.rpc(c, r.h, flow.ToClient, r, data); ok && t != nil && !t.Answered {
			t.Status, t.Answered = m.status, true
		}
		return
	}
	w := p.readFrom(c, r, n, m.status)
	w.write(data)
	if len(data) < n {
		w.lost(n - len(data))
	}
	w.finish()
}
