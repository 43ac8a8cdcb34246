package nfs

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// begin starts a transaction for a call.
func (p *Parser) begin(c *proto.Context, k *call) *Transaction {
	t := &Transaction{XID: k.xid, Version: k.version, Procedure: k.procedure, HasUser: p.creds.known, UID: p.creds.uid, GID: p.creds.gid, Machine: p.creds.machine}
	c.Begin(t)
	return t
}

// find returns the call of a transaction ID.
func (p *Parser) find(xid uint32) *call {
	for i := len(p.pending) - 1; i >= 0; i-- {
		if p.pending[i].xid == xid {
			return p.pending[i]
		}
	}
	return nil
}

// wait remembers a call; the oldest is given up beyond the limit.
func (p *Parser) wait(k *call) {
	if len(p.pending) >= pendingMax {
		if t := p.pending[0].tx; t != nil {
			t.Anomaly("too_many_transactions")
			t.end(flow.ToServer)
			t.end(flow.ToClient)
		}
		p.pending = append(p.pending[:0], p.pending[1:]...)
	}
	p.pending = append(p.pending, k)
}

// call reads a call behind its type.
func (p *Parser) call(c *proto.Context, r *reader, xid uint32) {
	if v, prog := r.u32(), r.u32(); r.bad || v != rpcVersion || prog != program {
		return
	}
	k := &call{xid: xid, version: r.u32(), procedure: r.u32()}
	p.credentials(r)
	r.skip(4) // flavour of the verifier
	r.opaque(credsMax)
	if r.bad || k.version < 2 || k.version > 4 || p.find(xid) != nil {
		if r.bad {
			c.Malformed++
			p.malformed(c, flow.ToServer)
		}
		return
	}
	p.wait(k)
	switch {
	case k.version == 4 && k.procedure == 1:
		p.compound(c, k, r)
	case k.version == 4:
		k.tx = p.begin(c, k)
		k.tx.Operations = []uint32{0}
	case k.version == 3:
		p.call3(c, k, r)
	default:
		p.call2(c, k, r)
	}
	if k.tx != nil {
		if r.bad {
			k.tx.Anomaly("malformed_data")
		}
		k.tx.advance(flow.ToServer, Done)
	}
}

// credentials reads who calls (RFC 5531 14).
func (p *Parser) credentials(r *reader) {
	flavour := r.u32()
	b := r.opaque(credsMax)
	if flavour != authSys || r.bad {
		p.creds.known = false
		return
	}
	in := &reader{b: b}
	in.skip(4)
	machine := in.opaque(machineMax)
	uid, gid := in.u32(), in.u32()
	if in.bad {
		return
	}
	if !bytes.Equal(machine, p.creds.machine) {
		p.creds.machine = bytes.Clone(machine)
	}
	p.creds.known, p.creds.uid, p.creds.gid = true, uid, gid
}

// generic begins the transaction of a call that is about names or nothing in particular.
func (p *Parser) generic(c *proto.Context, k *call, handle []byte) *Transaction {
	k.tx = p.begin(c, k)
	k.tx.Operations = []uint32{k.procedure}
	k.tx.Handle = bytes.Clone(handle)
	return k.tx
}

// text reads a name.
func (r *reader) text() []byte { return bytes.Clone(r.opaque(nameMax)) }

// call3 reads the arguments of version 3.
func (p *Parser) call3(c *proto.Context, k *call, r *reader) {
	if k.procedure == 0 {
		p.generic(c, k, nil)
		return
	}
	handle := r.opaque(handleMax)
	switch k.procedure {
	case v3Read:
		k.reads = []place{{bytes.Clone(handle), r.u64()}}
		return
	case v3Write:
		offset := r.u64()
		r.skip(8)
		if at, n := r.data(); !r.bad {
			p.carry(flow.ToServer, p.content(c, k, flow.ToServer, handle, v3Write), r, offset, at, n)
			return
		}
	}
	t := p.generic(c, k, handle)
	switch k.procedure {
	case v3Lookup, v3Create, v3Mkdir, v3Symlink, v3Mknod, v3Remove, v3Rmdir:
		t.Name = r.text()
		if k.procedure <= v3Mknod {
			k.names = [][]byte{t.Name}
		}
	case v3Rename:
		t.Name = r.text()
		r.opaque(handleMax)
		t.NewName = r.text()
	case v3Link:
		t.Name = p.name(handle)
		r.opaque(handleMax)
		t.NewName = r.text()
	case v3Commit:
		t.Name = p.name(handle)
		p.closed(handle, flow.ToServer)
	default:
		t.Name = p.name(handle)
	}
}

// call2 reads the arguments of version 2, whose handles have 32 octets.
func (p *Parser) call2(c *proto.Context, k *call, r *reader) {
	const size = 32
	if k.procedure == 0 || k.procedure == 3 || k.procedure == 7 {
		p.generic(c, k, nil)
		return
	}
	handle := r.take(size)
	switch k.procedure {
	case v2Read:
		k.reads = []place{{bytes.Clone(handle), uint64(r.u32())}}
		return
	case v2Write:
		r.skip(4)
		offset := uint64(r.u32())
		r.skip(4)
		if at, n := r.data(); !r.bad {
			p.carry(flow.ToServer, p.content(c, k, flow.ToServer, handle, v2Write), r, offset, at, n)
			return
		}
	}
	t := p.generic(c, k, handle)
	switch k.procedure {
	case v2Lookup, v2Create, v2Mkdir, v2Symlink, v2Remove, v2Rmdir:
		t.Name = r.text()
		if k.procedure == v2Lookup || k.procedure == v2Create || k.procedure == v2Mkdir {
			k.names = [][]byte{t.Name}
		}
	case v2Rename:
		t.Name = r.text()
		r.skip(size)
		t.NewName = r.text()
	case v2Link:
		t.Name = p.name(handle)
		r.skip(size)
		t.NewName = r.text()
	default:
		t.Name = p.name(handle)
	}
}

// reply reads a reply behind its type.
func (p *Parser) reply(c *proto.Context, r *reader, xid uint32) {
	k := p.find(xid)
	if k == nil {
		return // another program's, or its call was not seen
	}
	for i, o := range p.pending {
		if o == k {
			p.pending = append(p.pending[:i], p.pending[i+1:]...)
			break
		}
	}
	denied := r.u32() != 0
	status := uint32(0)
	if !denied {
		r.skip(4)
		r.opaque(credsMax)
	}
	status = r.u32()
	if denied || status != 0 {
		if k.tx != nil {
			k.tx.Answered, k.tx.Rejected, k.tx.Status = true, true, status
			k.tx.advance(flow.ToClient, Done)
		}
		return
	}
	if k.procedure != 0 {
		status = r.u32()
		switch k.version {
		case 4:
			p.compounded(c, k, r)
		case 3:
			p.reply3(c, k, r, status)
		default:
			p.reply2(c, k, r, status)
		}
	}
	if k.tx != nil {
		k.tx.Answered, k.tx.Status = true, status
		k.tx.advance(flow.ToClient, Done)
	}
}

// reply3 reads the results of version 3 that tell handles or carry data.
func (p *Parser) reply3(c *proto.Context, k *call, r *reader, status uint32) {
	switch k.procedure {
	case v3Lookup:
		if status == 0 {
			p.setName(r.opaque(handleMax), k.names[0])
		}
	case v3Create, v3Mkdir, v3Symlink, v3Mknod:
		if status == 0 && r.u32() == 1 {
			p.setName(r.opaque(handleMax), k.names[0])
		}
	case v3Read:
		const attributes = 84
		if r.u32() == 1 {
			r.skip(attributes)
		}
		if status != 0 || len(k.reads) == 0 {
			return
		}
		r.skip(4)
		end := r.u32() != 0
		p.answer(c, k, r, k.reads[0], v3Read, end)
	}
}

// answer takes the data of a read.
func (p *Parser) answer(c *proto.Context, k *call, r *reader, from place, operation uint32, end bool) bool {
	at, n := r.data()
	if r.bad {
		return false
	}
	if n == 0 {
		if end {
			p.closed(from.handle, flow.ToClient)
		}
		return true
	}
	w := p.content(c, k, flow.ToClient, from.handle, operation)
	whole := p.carry(flow.ToClient, w, r, from.offset, at, n)
	if end && whole && w.p.Next >= from.offset+uint64(n) {
		p.closed(from.handle, flow.ToClient)
	}
	return whole
}

// reply2 reads the results of version 2.
func (p *Parser) reply2(c *proto.Context, k *call, r *reader, status uint32) {
	if status != 0 {
		return
	}
	switch k.procedure {
	case v2Lookup, v2Create, v2Mkdir:
		if h := r.take(32); h != nil {
			p.setName(h, k.names[0])
		}
	case v2Read:
		const attributes = 68
		r.skip(attributes)
		if len(k.reads) > 0 {
			p.answer(c, k, r, k.reads[0], v2Read, false)
		}
	}
}
