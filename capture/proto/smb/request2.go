package smb

import (
	"fmt"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Ioctl codes that matter ([MS-SMB2] 2.2.31).
const fsctlPipeTransceive = 0x0011c017

// Information classes of a set-info request ([MS-FSCC] 2.4).
const (
	classRename        = 10
	classDisposition   = 13
	classDispositionEx = 64
)

// request2 reads a request of SMB 2 whose message is whole (or cut at wholeMax).
func (p *Parser) request2(c *proto.Context, m *header2, b []byte) {
	r := p.newRequest2(m)
	body := b[header2Bytes:]
	need := [...]int{36, 24, 4, 8, 4, 56, 24, 24, 48, 48, 48, 56, 4, 4, 32, 32, 40, 32, 24}
	if int(m.command) >= len(need) || len(body) < need[m.command] {
		c.Malformed++
		t := p.begin(c, r)
		t.Anomaly("malformed_data")
		t.advance(flow.ToServer, Done)
		t.progress[flow.ToClient] = Done
		return
	}
	switch m.command {
	case cmd2Cancel, cmd2QueryInfo:
		if m.command == cmd2QueryInfo {
			r.h = p.target(r, m, body[24:40])
			p.last = r
		}
		return
	case cmd2Read:
		r.h, r.offset, r.length = p.target(r, m, body[16:32]), le.Uint64(body[8:]), le.Uint32(body[4:])
		if p.maxRead > 0 && r.length > p.maxRead || r.length > sizeLimit {
			r.tx = p.begin(c, r)
			r.tx.Anomaly("read_request_too_large")
			r.tx.advance(flow.ToServer, Done)
		}
	case cmd2Write:
		p.write2(c, r, m, b)
	default:
		if m.command == cmd2SetInfo && !p.setInfo2(c, r, m, b) {
			break
		}
		if r.tx == nil && (m.command != cmd2Ioctl || !p.transceive2(c, r, m, b)) {
			r.tx = p.begin(c, r)
		}
		p.describe2(c, r, m, b)
		if r.tx.call == nil {
			r.tx.advance(flow.ToServer, Done)
		}
	}
	p.last = r
	p.wait(r)
}

// describe2 reads what a request says into its transaction.
func (p *Parser) describe2(c *proto.Context, r *request, m *header2, b []byte) {
	t, body := r.tx, b[header2Bytes:]
	switch m.command {
	case cmd2Negotiate:
		p.negotiation(t, 2)
		t.ClientGUID, t.HasClient = guid(body[12:28]), true
		n := int(le.Uint16(body[2:]))
		if 36+2*n > len(body) || n == 0 {
			t.Anomaly("negotiate_malformed_dialects")
		}
		for i := 0; i < min(n, dialectsMax) && 38+2*i <= len(body); i++ {
			t.Dialects = append(t.Dialects, dialect2(le.Uint16(body[36+2*i:])))
		}
	case cmd2SessionSetup:
		p.token(t, part(b, int(le.Uint16(body[12:])), int(le.Uint16(body[14:]))), flow.ToServer)
	case cmd2TreeConnect:
		t.Share = text(part(b, int(le.Uint16(body[4:])), int(le.Uint16(body[6:]))), true)
		t.Pipe = isIPC(t.Share)
		r.share = t.Share
	case cmd2TreeDisconnect:
		if tr := p.tree(r.session, r.tree); tr != nil {
			t.share = tr.name
		}
	case cmd2Create:
		t.Name = text(part(b, int(le.Uint16(body[44:])), int(le.Uint16(body[46:]))), true)
		t.Access, t.Disposition = le.Uint32(body[40:]), le.Uint32(body[36:])
		t.Delete = t.Access&optionDeleteOnClose != 0
		t.Directory = t.Access&optionDirectory != 0
		r.h = p.open(r, t.Name)
		t.share, t.Pipe = r.h.share, r.h.pipe
	case cmd2Close:
		r.h = p.target(r, m, body[8:24])
		p.named(t, r.h)
		p.finish2(r)
	case cmd2Ioctl:
		t.Function, t.HasFunction = le.Uint32(body[4:]), true
		if id := [16]byte(body[8:24]); id != relatedHandle {
			r.h = p.known(id)
		} else if r.related != nil {
			r.h = r.related.h
		}
		p.named(t, r.h)
	}
}

// negotiation notes that a client negotiates; once for each version is enough.
func (p *Parser) negotiation(t *Transaction, version uint8) {
	if p.negotiated&version != 0 {
		t.Anomaly("duplicate_negotiate")
	}
	p.negotiated |= version
}

// named gives a transaction the name of the handle it works on.
func (p *Parser) named(t *Transaction, h *handle) {
	if h == nil {
		return
	}
	if t.Name == nil {
		t.Name = h.name
	}
	t.share, t.Handle, t.HasHandle = h.share, h.id, h.known
	if h.pipe {
		t.Pipe = true
	}
}

// finish2 ends the files of a handle whose close was asked for.
func (p *Parser) finish2(r *request) {
	if r.h == nil {
		return
	}
	if r.h.known {
		// Reads asked for before may still be answered: the file going to the client ends with the response.
		if w := r.h.content[flow.ToServer]; w != nil {
			w.close(true)
			r.h.content[flow.ToServer] = nil
		}
	}
}

// token reads a security token of a session setup.
func (p *Parser) token(t *Transaction, b []byte, dir flow.Direction) {
	n, _, ok := ntlmOf(b)
	if !ok {
		if dir == flow.ToServer {
			t.Anomaly("malformed_ntlmssp_request")
		} else {
			t.Anomaly("malformed_ntlmssp_response")
		}
	}
	if n != nil && t.NTLM == nil {
		t.NTLM = n
	}
	if dir == flow.ToServer && t.Kerberos == nil {
		t.Kerberos = kerberosOf(b)
	}
}

// write2 reads a write that is small, or goes to a pipe.
func (p *Parser) write2(c *proto.Context, r *request, m *header2, b []byte) {
	body := b[header2Bytes:]
	place, n, offset := int(le.Uint16(body[2:])), int(min(le.Uint32(body[4:]), 1<<30)), le.Uint64(body[8:])
	r.h = p.target(r, m, body[16:32])
	if r.h == nil {
		return
	}
	data := part(b, place, n)
	if r.h.pipe || r.h.name == nil && r.h.share == nil {
		if t, ok := p.rpc(c, r.h, flow.ToServer, r, data); ok {
			r.h.pipe = true
			r.tx = t
			return
		}
	}
	w := p.writeTo(c, r, r.h, offset, n)
	w.write(data)
	if len(data) < n {
		w.lost(n - len(data))
		w.tx.Anomaly("negotiate_max_write_size_too_large")
	}
	w.finish()
}

// transceive2 reads a pipe transaction; false when it is something else.
func (p *Parser) transceive2(c *proto.Context, r *request, m *header2, b []byte) bool {
	body := b[header2Bytes:]
	if le.Uint32(body[4:]) != fsctlPipeTransceive {
		return false
	}
	h := p.target(r, m, body[8:24])
	if h == nil {
		return false
	}
	r.h = h
	t, ok := p.rpc(c, h, flow.ToServer, r, part(b, int(le.Uint32(body[24:])&0xffffff), int(le.Uint32(body[28:])&0xffffff)))
	if !ok || t == nil {
		return false
	}
	h.pipe = true
	r.tx = t
	return true
}

// setInfo2 reads renames and deletions; false for anything else.
func (p *Parser) setInfo2(c *proto.Context, r *request, m *header2, b []byte) bool {
	body := b[header2Bytes:]
	r.h = p.target(r, m, body[16:32])
	if body[2] != 1 || r.h == nil { // not about a file
		return false
	}
	data := part(b, int(le.Uint16(body[8:])), int(le.Uint32(body[4:])&0xffffff))
	switch body[3] {
	case classRename:
		if len(data) < 20 {
			return false
		}
		r.tx = p.begin(c, r)
		r.tx.NewName = text(part(data, 20, int(le.Uint32(data[16:])&0xffffff)), true)
		r.tx.Name = r.h.name
	case classDisposition, classDispositionEx:
		if len(data) < 1 || data[0]&1 == 0 {
			return false
		}
		r.tx = p.begin(c, r)
		r.tx.Delete, r.disposition = true, true
	default:
		return false
	}
	r.tx.Function, r.tx.HasFunction = uint32(body[3]), true
	p.named(r.tx, r.h)
	return true
}

// dialect2 names a dialect of SMB 2 and 3 as EVE logs write it.
func dialect2(n uint16) string {
	switch n {
	case 0x0202:
		return "2.02"
	case 0x0210:
		return "2.10"
	case 0x0222:
		return "2.22"
	case 0x0224:
		return "2.24"
	case 0x02ff:
		return "2.??"
	case 0x0300:
		return "3.00"
	case 0x0302:
		return "3.02"
	case 0x0310:
		return "3.10"
	case 0x0311:
		return "3.11"
	}
	return fmt.Sprintf("unknown_%04x", n)
}
