package smb

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Pipe functions of a transaction ([MS-CIFS] 2.2.5) and subcommands of a second-kind one (2.2.6).
const (
	pipeWriteRaw   = 0x31
	pipeTransact   = 0x26
	trans2SetPath  = 0x06
	trans2SetFile  = 0x08
	levelDispose   = 0x0102
	levelDispose2  = 1000 + classDisposition // pass-through levels are information classes and 1000
	levelRename    = 1000 + classRename
	transFixed     = 28 // bytes of words before the setup words
	transRespFixed = 20
)

// transact1 reads a transaction on a pipe.
func (p *Parser) transact1(c *proto.Context, r *request, k block, msg []byte) {
	p.wait(r)
	w := k.words
	if len(w) < transFixed+4 || w[26] < 2 {
		return
	}
	function := le.Uint16(w[28:])
	if function != pipeTransact && function != pipeWriteRaw {
		return
	}
	r.h = p.handle(r, fid(w[30:]))
	data := part(msg, int(le.Uint16(w[24:])), int(le.Uint16(w[22:])))
	if t, ok := p.rpc(c, r.h, flow.ToServer, r, data); ok {
		r.h.pipe, r.tx = true, t
	}
}

// transacted1 reads the answer of a transaction on a pipe.
func (p *Parser) transacted1(c *proto.Context, r *request, k block, msg []byte) {
	w := k.words
	if r.h == nil || r.h.rpc == nil || len(w) < transRespFixed {
		return
	}
	p.rpc(c, r.h, flow.ToClient, r, part(msg, int(le.Uint16(w[14:])), int(le.Uint16(w[12:]))))
}

// trans2 reads renames and deletions through set-path-info and set-file-info.
func (p *Parser) trans2(c *proto.Context, r *request, m *header1, k block, msg []byte) {
	defer p.wait(r)
	w := k.words
	if len(w) < transFixed+2 || w[26] < 1 {
		return
	}
	subcommand := le.Uint16(w[28:])
	params := part(msg, int(le.Uint16(w[20:])), int(le.Uint16(w[18:])))
	data := part(msg, int(le.Uint16(w[24:])), int(le.Uint16(w[22:])))
	var level uint16
	var name []byte
	switch {
	case subcommand == trans2SetPath && len(params) >= 6:
		level = le.Uint16(params)
		name, _ = zeroText(params, 6, m.wide())
	case subcommand == trans2SetFile && len(params) >= 4:
		level = le.Uint16(params[2:])
		r.h = p.known(fid(params))
	default:
		return
	}
	switch {
	case (level == levelDispose || level == levelDispose2) && len(data) >= 1 && data[0]&1 != 0:
		r.tx = p.begin(c, r)
		r.tx.Delete = true
	case level == levelRename && len(data) >= 12:
		r.tx = p.begin(c, r)
		r.tx.NewName = text(part(data, 12, int(le.Uint32(data[8:])&0xffffff)), m.wide())
	default:
		return
	}
	r.tx.Name, r.tx.Function, r.tx.HasFunction = name, uint32(subcommand), true
	p.named(r.tx, r.h)
	r.tx.advance(flow.ToServer, Done)
}
