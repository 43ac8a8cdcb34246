package smb

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// NT status codes that matter here ([MS-ERREF] 2.3).
const (
	statusMoreProcessing = 0xc0000016
	statusBufferOverflow = 0x80000005
)

// succeeded tells whether a status is a success or a warning that carries data.
func succeeded(status uint32) bool { return status>>30 == 0 || status == statusBufferOverflow }

// response2 reads a response of SMB 2.
func (p *Parser) response2(c *proto.Context, m *header2, b []byte) {
	if m.status == statusPending && m.flags&flag2Async != 0 {
		if r := p.answered(2, m.id, m.command, true); r != nil && r.tx != nil && !r.tx.Answered {
			r.tx.Status, r.tx.Answered = m.status, true
		}
		return // the real one follows
	}
	r := p.answered(2, m.id, m.command, false)
	if r == nil && m.command == cmd2Negotiate {
		r = p.negotiating() // it began with SMB 1
	}
	if r == nil {
		p.unasked(c, m, b)
		return
	}
	body := b[header2Bytes:]
	t := r.tx
	if t != nil {
		t.Status, t.Answered = m.status, true
		if m.session != 0 {
			t.Session = m.session
		}
		if m.tree != 0 && m.flags&flag2Async == 0 && m.tree != 0xffffffff {
			t.Tree = m.tree
		}
	}
	switch m.command {
	case cmd2Negotiate:
		p.negotiated2(t, body, b)
	case cmd2SessionSetup:
		if len(body) >= 8 {
			p.token(t, part(b, int(le.Uint16(body[4:])), int(le.Uint16(body[6:]))), flow.ToClient)
		}
	case cmd2TreeConnect:
		if succeeded(m.status) && len(body) >= 4 {
			t.ShareType = shareType(body[2])
			p.connect(m.session, m.tree, r.share, body[2] == 2 || t.Pipe)
		}
	case cmd2Create:
		p.created2(r, m, body)
	case cmd2Close:
		p.closed2(r)
	case cmd2Read:
		p.read2(c, r, m, b)
	case cmd2Ioctl:
		if r.h != nil && r.h.rpc != nil && succeeded(m.status) && len(body) >= 40 {
			p.rpc(c, r.h, flow.ToClient, r, part(b, int(le.Uint32(body[32:])&0xffffff), int(le.Uint32(body[36:])&0xffffff)))
		}
	case cmd2SetInfo:
		if t != nil && t.NewName != nil && r.h != nil && succeeded(m.status) {
			r.h.name = t.NewName
		}
	}
	p.answer(r, m.status)
}

// answer ends the response side of a request's transaction where that is what the transaction is about.
func (p *Parser) answer(r *request, status uint32) {
	t := r.tx
	if t == nil || t.files[0] != nil || t.files[1] != nil {
		return
	}
	if t.call == nil {
		t.advance(flow.ToClient, Done)
		return
	}
	if !succeeded(status) { // the pipe will not answer
		t.end(flow.ToServer)
		t.end(flow.ToClient)
		p.release(t)
	}
}

// unasked handles a response whose request was not seen.
func (p *Parser) unasked(c *proto.Context, m *header2, b []byte) {
	if m.command != cmd2Negotiate && m.command != cmd2SessionSetup && m.command != cmd2TreeConnect {
		return
	}
	t := &Transaction{Version: 2, Command: m.command, MessageID: m.id, Session: m.session, Tree: m.tree, Dialect: p.dialect, Status: m.status, Answered: true}
	c.Begin(t)
	if m.command == cmd2Negotiate {
		p.negotiated2(t, b[header2Bytes:], b)
	}
	t.progress[flow.ToServer] = Done
	t.advance(flow.ToClient, Done)
}

// negotiated2 reads the answer of a negotiation ([MS-SMB2] 2.2.4).
func (p *Parser) negotiated2(t *Transaction, body, b []byte) {
	if len(body) < 64 {
		return // an error response
	}
	p.dialect = dialect2(le.Uint16(body[4:]))
	t.Dialect = p.dialect
	t.ServerGUID, t.HasServer = guid(body[8:24]), true
	t.MaxRead, t.MaxWrite = le.Uint32(body[32:]), le.Uint32(body[36:])
	p.maxRead, p.maxWrite = t.MaxRead, t.MaxWrite
	if t.MaxRead > sizeLimit {
		t.Anomaly("negotiate_max_read_size_too_large")
	}
	if t.MaxWrite > sizeLimit {
		t.Anomaly("negotiate_max_write_size_too_large")
	}
}

// shareType names the type of a share ([MS-SMB2] 2.2.10).
func shareType(n byte) string {
	switch n {
	case 1:
		return "FILE"
	case 2:
		return "PIPE"
	case 3:
		return "PRINT"
	}
	return ""
}

// created2 reads the answer of a create ([MS-SMB2] 2.2.14).
func (p *Parser) created2(r *request, m *header2, body []byte) {
	if r.h == nil {
		return
	}
	if !succeeded(m.status) || len(body) < 80 {
		r.h.close(false)
		return
	}
	t := r.tx
	t.Times = Times{
		Created: unixTime(le.Uint64(body[8:])), Accessed: unixTime(le.Uint64(body[16:])),
		Modified: unixTime(le.Uint64(body[24:])), Changed: unixTime(le.Uint64(body[32:])),
	}
	t.Size = le.Uint64(body[48:])
	t.Handle, t.HasHandle = [16]byte(body[64:80]), true
	r.h.size = t.Size
	p.opened(r.h, t.Handle)
}

// closed2 ends a handle's files.
func (p *Parser) closed2(r *request) {
	if r.h != nil && r.h.known {
		p.closed(r.h.id)
	} else if r.h != nil {
		r.h.close(true)
	}
}

// read2 takes the data of a read that is small, or comes from a pipe.
func (p *Parser) read2(c *proto.Context, r *request, m *header2, b []byte) {
	body := b[header2Bytes:]
	if !succeeded(m.status) || len(body) < 16 || r.h == nil {
		return
	}
	place, n := int(body[2]), int(min(le.Uint32(body[4:]), 1<<30))
	data := part(b, place, n)
	if r.h.rpc != nil {
		if t, ok := p.rpc(c, r.h, flow.ToClient, r, data); ok && t != nil && !t.Answered {
			t.Status, t.Answered = m.status, true
		}
		return
	}
	if n == 0 {
		return
	}
	w := p.readFrom(c, r, n, m.status)
	w.write(data)
	if len(data) < n {
		w.lost(n - len(data))
		w.tx.Anomaly("negotiate_max_read_size_too_large")
	}
	w.finish()
}

// unixTime turns a Windows time (100 ns since 1601) into seconds since 1970, 0 for none.
func unixTime(n uint64) int64 {
	const epoch = 11644473600
	if n == 0 || n >= 1<<63 {
		return 0
	}
	return int64(n/10_000_000) - epoch
}
