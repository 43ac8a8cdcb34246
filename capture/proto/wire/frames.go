package wire

import "fengsui/capture/flow"

// Frames cuts both directions of a stream into messages.
type Frames struct {
	// Size tells, from the first bytes of a message, how long it is with its header: 0 when more bytes are needed to
	// tell, negative when no message begins so.
	Size func(dir flow.Direction, b []byte) int64
	// Sync tells whether a message surely begins at b; it is asked after a hole. Nil: Size says that b holds a whole one.
	Sync func(dir flow.Direction, b []byte) bool
	// Max is how many bytes of a message are given at most; the rest of a longer one is passed over.
	Max int

	skip [2]int64 // bytes of the current message still to pass over
	lost [2]bool
}

// Frame is one message.
type Frame struct {
	Bytes []byte // from its header on, at most Max; valid until the next call
	Size  int64  // as it says itself
	Taken int    // how many bytes of the input are done with, also when there is no message
}

// Cut tells whether bytes of the message are missing at its end.
func (f *Frame) Cut() bool { return int64(len(f.Bytes)) < f.Size }

// Next takes the next message from the front of b. Bytes is nil when there is none yet; ok is false when b begins with no
// message, and then nothing but Taken is meaningful.
func (f *Frames) Next(dir flow.Direction, b []byte) (m Frame, ok bool) {
	if n := min(f.skip[dir], int64(len(b))); n > 0 {
		f.skip[dir] -= n
		m.Taken = int(n)
		b = b[n:]
	}
	if len(b) == 0 {
		return m, true
	}
	if f.lost[dir] {
		if !f.begins(dir, b) {
			m.Taken += len(b)
			return m, true
		}
		f.lost[dir] = false
	}
	size := f.Size(dir, b)
	switch {
	case size < 0:
		return m, false
	case size == 0 || size > int64(len(b)) && len(b) < f.Max:
		return m, true
	}
	n := int(min(size, int64(len(b)), int64(f.Max)))
	m.Bytes, m.Size = b[:n], size
	have := int(min(size, int64(len(b))))
	m.Taken += have
	f.skip[dir] = size - int64(have)
	return m, true
}

func (f *Frames) begins(dir flow.Direction, b []byte) bool {
	if f.Sync != nil {
		return f.Sync(dir, b)
	}
	size := f.Size(dir, b)
	return size > 0 && size <= int64(len(b))
}

// Gap notes that n bytes are lost behind rest, which was not taken. It tells whether the place of the next message is
// still known.
func (f *Frames) Gap(dir flow.Direction, rest []byte, n int64) bool {
	if f.lost[dir] {
		return false
	}
	if len(rest) > 0 {
		if size := f.Size(dir, rest); size > int64(len(rest)) {
			f.skip[dir] = size - int64(len(rest))
		}
	}
	if f.skip[dir] >= n {
		f.skip[dir] -= n
		return true
	}
	f.skip[dir], f.lost[dir] = 0, true
	return false
}

// Lose drops what comes until Sync finds a beginning, as after a hole of unknown place.
func (f *Frames) Lose(dir flow.Direction) { f.skip[dir], f.lost[dir] = 0, true }

// Lost tells whether the place of the next message is unknown.
func (f *Frames) Lost(dir flow.Direction) bool { return f.lost[dir] }
