package smb

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/pieces"
)

// content is what one handle carries in one direction.
type content struct {
	tx  *Transaction
	p   *pieces.File
	dir flow.Direction
}

// begin says that n bytes of a given offset follow through write. A write at the end of the file has the largest offset.
func (w *content) begin(offset uint64, n int) {
	name := "write"
	if w.dir == flow.ToClient {
		name = "read"
	}
	switch w.p.Begin(offset, n) {
	case pieces.Overlap:
		w.tx.Anomaly("file_overlap")
	case pieces.TooMany:
		w.tx.Anomaly(name + "_queue_cnt_exceeded")
	case pieces.TooLarge:
		w.tx.Anomaly(name + "_queue_size_exceeded")
	}
}

// write takes the next bytes of the piece begun.
func (w *content) write(b []byte) {
	if w.p.Write(b) {
		w.tx.advance(w.dir, Begun)
	}
}

// lost tells that n bytes of the piece begun are missing.
func (w *content) lost(n int) { w.p.Lost(n) }

// finish ends the piece begun and writes what had waited for it.
func (w *content) finish() {
	if w.p.Finish() {
		w.tx.advance(w.dir, Begun)
	}
}

// close ends the file.
func (w *content) close(whole bool) {
	w.p.Close(whole)
	w.tx.end(w.dir)
	w.tx.end(w.dir.Other())
}

// content returns what a handle carries in a direction, begun when this is its first byte.
func (p *Parser) content(c *proto.Context, h *handle, dir flow.Direction, r *request, offset uint64) *content {
	w := h.content[dir]
	if w == nil {
		t := p.begin(c, r)
		t.Name, t.share, t.Pipe = h.name, h.share, h.pipe
		t.Handle, t.HasHandle, t.Size = h.id, h.known, h.size
		w = &content{tx: t, p: pieces.New(c.NewFile(dir, h.name), &p.pool), dir: dir}
		t.files[dir] = append(t.files[dir], w.p.F)
		if dir == flow.ToServer && offset == h.size && h.size > 0 {
			w.p.Next = offset // written behind what the file had: that piece is the file we see
		}
		h.content[dir] = w
	}
	return w
}

// close ends what a handle carries.
func (h *handle) close(whole bool) {
	for _, w := range h.content {
		if w != nil {
			w.close(whole)
		}
	}
	h.content = [2]*content{}
}
