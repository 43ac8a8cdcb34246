// Package pieces puts the bytes of a file in order that a file-sharing protocol (SMB, NFS) carries in reads and writes at
// any offset. A piece may come in parts; what comes before its turn waits, what comes twice is dropped, what never comes is
// a gap.
//
// Limits: QueueMax pieces and QueueBytes wait for one file, FlowBytes for all files of a flow (their Pool); beyond that
// the missing bytes become a gap.
//
// Concurrency: a File belongs to the worker of its flow.
package pieces

import "fengsui/capture/file"

// Limits.
const (
	QueueMax   = 64
	QueueBytes = 4 << 20
	FlowBytes  = 16 << 20

	offsetMax = 1 << 40 // an offset beyond is nonsense, or stands for the end of the file
)

// Note tells what is odd about a piece.
type Note uint8

// Notes.
const (
	Fine     Note = iota
	Overlap       // some of its bytes were there before
	TooMany       // too many pieces wait
	TooLarge      // too many bytes wait
)

// Pool counts the bytes that wait for all files of a flow.
type Pool struct{ Used int }

type piece struct {
	offset uint64
	data   []byte
}

// File writes pieces to a file in order.
type File struct {
	F      *file.File
	Next   uint64 // offset of the byte that comes next
	pool   *Pool
	queue  []piece
	queued int
	// the piece being received
	early   bool
	overlap uint64 // bytes of it that are not wanted
}

// New begins a file.
func New(f *file.File, pool *Pool) *File { return &File{F: f, pool: pool} }

// Fresh tells whether nothing has come yet.
func (w *File) Fresh() bool { return w.F.Size == 0 && w.Next == 0 && len(w.queue) == 0 }

// Begin says that a piece of n bytes at an offset follows through Write and Lost, up to Finish.
func (w *File) Begin(offset uint64, n int) (note Note) {
	if offset > offsetMax {
		offset = w.Next
	}
	w.early, w.overlap = false, 0
	if offset < w.Next {
		w.overlap = w.Next - offset
		return Overlap
	}
	if offset == w.Next {
		return Fine
	}
	switch {
	case len(w.queue) >= QueueMax:
		note = TooMany
	case w.queued+n > QueueBytes || w.pool.Used+n > FlowBytes:
		note = TooLarge
	default:
		w.early = true
		w.queue = append(w.queue, piece{offset: offset})
		return Fine
	}
	w.settle(offset)
	if offset > w.Next {
		w.F.Gap(int64(offset - w.Next))
		w.Next = offset
	} else {
		w.overlap = w.Next - offset
	}
	return note
}

// Write takes the next bytes of the piece begun and tells whether the file has grown.
func (w *File) Write(b []byte) bool {
	if w.early {
		last := &w.queue[len(w.queue)-1]
		if w.queued+len(b) <= QueueBytes && w.pool.Used+len(b) <= FlowBytes {
			last.data = append(last.data, b...)
			w.queued += len(b)
			w.pool.Used += len(b)
		}
		return false
	}
	skip := min(w.overlap, uint64(len(b)))
	w.overlap -= skip
	b = b[skip:]
	if len(b) > 0 {
		w.F.Write(b)
		w.Next += uint64(len(b))
	}
	return len(b) > 0
}

// Lost tells that n bytes of the piece begun are missing.
func (w *File) Lost(n int) {
	if w.early {
		w.early, w.overlap = false, 1<<63 // the rest of the piece has no place any more
		return
	}
	skip := min(w.overlap, uint64(n))
	w.overlap -= skip
	if n -= int(skip); n > 0 {
		w.F.Gap(int64(n))
		w.Next += uint64(n)
	}
}

// Finish ends the piece begun, writes what had waited for it, and tells whether the file has grown by that.
func (w *File) Finish() bool {
	w.early, w.overlap = false, 0
	return w.settle(w.Next)
}

// settle writes what is queued below an offset, and what joins to it, in order, with gaps where bytes are missing.
func (w *File) settle(below uint64) (grown bool) {
	for len(w.queue) > 0 {
		first := 0
		for i := range w.queue {
			if w.queue[i].offset < w.queue[first].offset {
				first = i
			}
		}
		p := w.queue[first]
		if p.offset > w.Next && p.offset >= below {
			break
		}
		if p.offset > w.Next {
			w.F.Gap(int64(p.offset - w.Next))
			w.Next = p.offset
		}
		w.queue = append(w.queue[:first], w.queue[first+1:]...)
		w.queued -= len(p.data)
		w.pool.Used -= len(p.data)
		if old := w.Next - p.offset; old < uint64(len(p.data)) {
			w.F.Write(p.data[old:])
			w.Next += uint64(len(p.data)) - old
			grown = true
		}
	}
	return grown
}

// Close writes what still waits and ends the file; whole is false when its end was not seen.
func (w *File) Close(whole bool) {
	w.settle(1 << 63)
	if whole {
		w.F.Close()
	} else {
		w.F.Abort()
	}
}
