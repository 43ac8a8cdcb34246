package nfs

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/pieces"
)

// named is a file handle with the name it was found under.
type named struct{ handle, name []byte }

// content is what one handle carries in one direction.
type content struct {
	tx     *Transaction
	p      *pieces.File
	dir    flow.Direction
	handle []byte
}

func (w *content) write(b []byte) {
	if w.p.Write(b) {
		w.tx.advance(w.dir, Begun)
	}
}

func (w *content) lost(n int) { w.p.Lost(n) }

func (w *content) finish() {
	if w.p.Finish() {
		w.tx.advance(w.dir, Begun)
	}
}

func (w *content) close(whole bool) {
	w.p.Close(whole)
	w.tx.end(w.dir)
	w.tx.end(w.dir.Other())
}

// name returns what a handle is called, nil when that is not known.
func (p *Parser) name(handle []byte) []byte {
	for i := len(p.handles) - 1; i >= 0; i-- {
		if bytes.Equal(p.handles[i].handle, handle) {
			return p.handles[i].name
		}
	}
	return nil
}

// call a handle by a name; the oldest is forgotten beyond the limit.
func (p *Parser) setName(handle, name []byte) {
	if len(handle) == 0 || len(name) == 0 {
		return
	}
	for i := range p.handles {
		if bytes.Equal(p.handles[i].handle, handle) {
			p.handles[i].name = name
			return
		}
	}
	if len(p.handles) >= handlesMax {
		p.handles = append(p.handles[:0], p.handles[1:]...)
	}
	p.handles = append(p.handles, named{bytes.Clone(handle), name})
}

// content returns what a handle carries in a direction, begun when this is its first byte.
func (p *Parser) content(c *proto.Context, k *call, dir flow.Direction, handle []byte, operation uint32) *content {
	for _, w := range p.files {
		if w.dir == dir && bytes.Equal(w.handle, handle) {
			return w
		}
	}
	if len(p.files) >= filesMax {
		p.drop(p.files[0])
		p.files[0].close(false)
		p.files = append(p.files[:0], p.files[1:]...)
	}
	t := p.begin(c, k)
	t.Operations = []uint32{operation}
	t.Name, t.Handle = p.name(handle), bytes.Clone(handle)
	w := &content{tx: t, p: pieces.New(c.NewFile(dir, t.Name), &p.pool), dir: dir, handle: t.Handle}
	t.files[dir] = append(t.files[dir], w.p.F)
	p.files = append(p.files, w)
	return w
}

// drop makes sure that nothing more is written to a content that ends.
func (p *Parser) drop(w *content) {
	for d := range p.half {
		if h := &p.half[d]; h.content == w {
			h.content, h.skip, h.data = nil, h.left, 0
		}
	}
}

// closed ends what a handle carries in a direction.
func (p *Parser) closed(handle []byte, dir flow.Direction) {
	for i, w := range p.files {
		if w.dir == dir && bytes.Equal(w.handle, handle) {
			p.drop(w)
			w.close(true)
			p.files = append(p.files[:i], p.files[i+1:]...)
			return
		}
	}
}

// carry gives the n data bytes of a message that begin at a place to a file; false when they go on beyond what is there,
// and the rest is taken as it comes.
func (p *Parser) carry(dir flow.Direction, w *content, r *reader, offset uint64, at, n int) bool {
	w.p.Begin(offset, n)
	have := min(n, len(r.b)-at)
	w.write(r.b[at : at+have])
	if have < n {
		p.half[dir].data, p.half[dir].content = n-have, w
		return false
	}
	w.finish()
	r.at = min(len(r.b), at+(n+3)&^3)
	return true
}
