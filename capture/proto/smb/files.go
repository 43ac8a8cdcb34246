package smb

import (
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// piece is file data that came before what precedes it.
type piece struct {
	offset uint64
	data   []byte
}

// content is what one handle carries in one direction.
type content struct {
	tx     *Transaction
	f      *file.File
	dir    flow.Direction
	next   uint64 // offset of the byte that comes next
	queue  []piece
	queued int
	used   *int // bytes queued by all files of the flow
	// the piece being received
	early   bool
	overlap uint64 // bytes of it that were there before
}

// begin says that n bytes of a given offset follow through write.
func (w *content) begin(offset uint64, n int) {
	if offset == 1<<64-1 || offset > gapMax { // SMB 2 writes at the end of the file with it
		offset = w.next
	}
	w.early, w.overlap = false, 0
	switch {
	case offset < w.next:
		w.overlap = w.next - offset
		w.tx.Anomaly("file_overlap")
	case offset > w.next && w.room(n):
		w.early = true
		w.queue = append(w.queue, piece{offset: offset})
	case offset > w.next:
		w.settle(offset)
		if offset > w.next {
			w.f.Gap(int64(offset - w.next))
			w.next = offset
		} else {
			w.overlap = w.next - offset
		}
	}
}

// room tells whether n more bytes may wait, and notes when not.
func (w *content) room(n int) bool {
	name := "write"
	if w.dir == flow.ToClient {
		name = "read"
	}
	switch {
	case len(w.queue) >= queueMax:
		w.tx.Anomaly(name + "_queue_cnt_exceeded")
		return false
	case w.queued+n > queueBytes || *w.used+n > flowBytes:
		w.tx.Anomaly(name + "_queue_size_exceeded")
		return false
	}
	return true
}

// write takes the next bytes of the piece begun.
func (w *content) write(b []byte) {
	if w.early {
		last := &w.queue[len(w.queue)-1]
		if w.queued+len(b) <= queueBytes && *w.used+len(b) <= flowBytes {
			last.data = append(last.data, b...)
			w.queued += len(b)
			*w.used += len(b)
		}
		return
	}
	skip := min(w.overlap, uint64(len(b)))
	w.overlap -= skip
	b = b[skip:]
	if len(b) > 0 {
		w.f.Write(b)
		w.next += uint64(len(b))
	}
	w.tx.advance(w.dir, Begun)
}

// lost tells that n bytes of the piece begun are missing.
func (w *content) lost(n int) {
	if w.early {
		w.early, w.overlap = false, 1<<63 // the rest of the piece has no place any more
		return
	}
	skip := min(w.overlap, uint64(n))
	w.overlap -= skip
	if n -= int(skip); n > 0 {
		w.f.Gap(int64(n))
		w.next += uint64(n)
	}
}

// finish ends the piece begun and writes what had waited for it.
func (w *content) finish() {
	w.early, w.overlap = false, 0
	w.settle(w.next)
}

// settle writes what is queued below an offset, and what joins to it, in order, with gaps where bytes are missing.
func (w *content) settle(below uint64) {
	for len(w.queue) > 0 {
		first := 0
		for i := range w.queue {
			if w.queue[i].offset < w.queue[first].offset {
				first = i
			}
		}
		p := w.queue[first]
		if p.offset > w.next && p.offset >= below {
			return
		}
		if p.offset > w.next {
			w.f.Gap(int64(p.offset - w.next))
			w.next = p.offset
		}
		w.queue = append(w.queue[:first], w.queue[first+1:]...)
		w.queued -= len(p.data)
		*w.used -= len(p.data)
		if old := w.next - p.offset; old < uint64(len(p.data)) {
			w.f.Write(p.data[old:])
			w.next += uint64(len(p.data)) - old
			w.tx.advance(w.dir, Begun)
		}
	}
}

// close ends the file.
func (w *content) close(whole bool) {
	w.settle(1 << 63)
	if whole {
		w.f.Close()
	} else {
		w.f.Abort()
	}
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
		w = &content{tx: t, f: c.NewFile(dir, h.name), dir: dir, used: &p.queued}
		t.files[dir] = append(t.files[dir], w.f)
		if dir == flow.ToServer && offset == h.size && h.size > 0 {
			w.next = offset // written behind what the file had: that piece is the file we see
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
