package smb

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dcerpc"
	"fengsui/capture/proto/pieces"
)

// tree is a connected share.
type tree struct {
	session uint64
	id      uint32
	name    []byte
	pipe    bool
}

// handle is an open file or pipe; one whose create has not been answered has no ID yet.
type handle struct {
	id      [16]byte
	known   bool // id is
	name    []byte
	share   []byte
	pipe    bool
	size    uint64 // of the file when it was opened
	rpc     *dcerpc.Association
	content [2]*content
}

// request is a command that waits for its response.
type request struct {
	version     uint8
	command     uint16
	id          uint64 // message ID; of SMB 1 process and multiplex ID
	messageID   uint64
	session     uint64
	tree        uint32
	tx          *Transaction
	h           *handle
	share       []byte // of a tree connect
	offset      uint64 // of a read
	length      uint32
	related     *request // the create a compound's later commands refer to
	disposition bool
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	half       [2]half
	pending    []*request
	handles    []*handle
	trees      []*tree
	pipes      []*handle // that have carried calls
	dialect    string
	dialects   []string
	negotiated uint8 // versions, as bits
	maxRead    uint32
	maxWrite   uint32
	pool       pieces.Pool // bytes that wait for their place in files
	encrypted  *Transaction
	calls      []*Transaction // in pipes, not answered
	last       *request       // the compound's last request with a handle, or create
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// begin starts a transaction for a request.
func (p *Parser) begin(c *proto.Context, r *request) *Transaction {
	t := &Transaction{
		Version: r.version, Command: r.command, MessageID: r.messageID, Session: r.session, Tree: r.tree, Dialect: p.dialect,
	}
	c.Begin(t)
	return t
}

// wait remembers a request; the oldest is given up beyond the limit.
func (p *Parser) wait(r *request) {
	if len(p.pending) >= pendingMax {
		old := p.pending[0]
		p.pending = append(p.pending[:0], p.pending[1:]...)
		old.giveUp()
	}
	p.pending = append(p.pending, r)
}

// giveUp ends the transaction of a request that will not be answered.
func (r *request) giveUp() {
	if r.h != nil && !r.h.known {
		r.h.close(false)
	}
	if r.tx != nil && r.tx.call == nil && r.tx.files[0] == nil && r.tx.files[1] == nil {
		r.tx.end(flow.ToServer)
		r.tx.end(flow.ToClient)
	}
}

// answered finds the request of a response and forgets it unless it stays.
func (p *Parser) answered(version uint8, id uint64, command uint16, stays bool) *request {
	for i := len(p.pending) - 1; i >= 0; i-- {
		r := p.pending[i]
		if r.version != version || r.id != id || r.command != command {
			continue
		}
		if !stays {
			p.pending = append(p.pending[:i], p.pending[i+1:]...)
		}
		return r
	}
	return nil
}

// negotiating finds the negotiation that began with SMB 1 and forgets it.
func (p *Parser) negotiating() *request {
	for i, r := range p.pending {
		if r.version == 1 && r.command == cmd1Negotiate {
			p.pending = append(p.pending[:i], p.pending[i+1:]...)
			return r
		}
	}
	return nil
}

// connect remembers a share under its tree ID.
func (p *Parser) connect(session uint64, id uint32, name []byte, pipe bool) {
	for i, t := range p.trees {
		if t.session == session && t.id == id {
			p.trees = append(p.trees[:i], p.trees[i+1:]...)
			break
		}
	}
	if len(p.trees) >= treesMax {
		p.trees = append(p.trees[:0], p.trees[1:]...)
	}
	p.trees = append(p.trees, &tree{session: session, id: id, name: name, pipe: pipe})
}

func (p *Parser) tree(session uint64, id uint32) *tree {
	for i := len(p.trees) - 1; i >= 0; i-- {
		if t := p.trees[i]; t.session == session && t.id == id {
			return t
		}
	}
	return nil
}

// open makes a handle for a create that is asked for.
func (p *Parser) open(r *request, name []byte) *handle {
	h := &handle{name: name}
	if t := p.tree(r.session, r.tree); t != nil {
		h.share, h.pipe = t.name, t.pipe
	}
	return h
}

// opened gives a handle its ID.
func (p *Parser) opened(h *handle, id [16]byte) {
	for i, o := range p.handles {
		if o.id == id {
			o.close(false)
			p.handles = append(p.handles[:i], p.handles[i+1:]...)
			break
		}
	}
	if len(p.handles) >= handlesMax {
		p.handles[0].close(false)
		p.handles = append(p.handles[:0], p.handles[1:]...)
	}
	h.id, h.known = id, true
	for _, w := range h.content {
		if w != nil {
			w.tx.Handle, w.tx.HasHandle = id, true
		}
	}
	p.handles = append(p.handles, h)
}

// handle finds an open handle; one that was opened before we looked is made up.
func (p *Parser) handle(r *request, id [16]byte) *handle {
	for i := len(p.handles) - 1; i >= 0; i-- {
		if p.handles[i].id == id {
			return p.handles[i]
		}
	}
	h := p.open(r, nil)
	p.opened(h, id)
	return h
}

// known finds an open handle, nil when it is not.
func (p *Parser) known(id [16]byte) *handle {
	for i := len(p.handles) - 1; i >= 0; i-- {
		if p.handles[i].id == id {
			return p.handles[i]
		}
	}
	return nil
}

// closed forgets a handle and ends its files.
func (p *Parser) closed(id [16]byte) {
	for i := len(p.handles) - 1; i >= 0; i-- {
		if p.handles[i].id == id {
			p.handles[i].close(true)
			p.unpipe(p.handles[i])
			p.handles = append(p.handles[:i], p.handles[i+1:]...)
			return
		}
	}
}

// unpipe forgets the calls of a pipe.
func (p *Parser) unpipe(h *handle) {
	h.rpc = nil
	for i, o := range p.pipes {
		if o == h {
			p.pipes = append(p.pipes[:i], p.pipes[i+1:]...)
			return
		}
	}
}

// rpc gives bytes of a pipe to its association. It returns the last call they belong to, and false when they are no
// DCE/RPC.
func (p *Parser) rpc(c *proto.Context, h *handle, dir flow.Direction, r *request, b []byte) (*Transaction, bool) {
	if h.rpc == nil {
		if dir == flow.ToClient || !dcerpc.Plausible(b) {
			return nil, false
		}
		h.rpc = &dcerpc.Association{}
		p.pipes = append(p.pipes, h)
		if len(p.pipes) > pipesMax {
			p.unpipe(p.pipes[0])
		}
	}
	var last *Transaction
	ok := h.rpc.Feed(dir, b, func(call *dcerpc.Call, dir flow.Direction, fresh bool) {
		t, _ := call.Owner.(*Transaction)
		if fresh || t == nil {
			if r.tx != nil && r.tx.call == nil && r.command == cmd2Ioctl && r.version == 2 {
				t = r.tx // the command that carries it
			} else {
				t = p.begin(c, r)
			}
			p.hold(t)
			t.call, t.share, t.Name, t.Pipe = call, h.share, h.name, true
			t.Handle, t.HasHandle = h.id, h.known
			call.Owner = t
			if dir == flow.ToClient {
				t.end(flow.ToServer)
			}
		}
		if dir == flow.ToClient && call.Sides[dir].Done {
			t.end(flow.ToServer)
			p.release(t)
		}
		if call.Sides[dir].Kind == dcerpc.BindNak {
			t.end(flow.ToServer)
		}
		t.Touch(dir)
		last = t
	})
	return last, ok
}

// hold remembers a call that is not answered; the oldest beyond the limit is not waited for any more.
func (p *Parser) hold(t *Transaction) {
	if len(p.calls) >= pendingMax {
		old := p.calls[0]
		p.calls = append(p.calls[:0], p.calls[1:]...)
		old.end(flow.ToServer)
		old.end(flow.ToClient)
	}
	p.calls = append(p.calls, t)
}

func (p *Parser) release(t *Transaction) {
	for i, o := range p.calls {
		if o == t {
			p.calls = append(p.calls[:i], p.calls[i+1:]...)
			return
		}
	}
}
