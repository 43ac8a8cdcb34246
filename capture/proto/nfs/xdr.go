package nfs

import "encoding/binary"

// reader reads XDR (RFC 4506). Its bytes may be only the beginning of a message; bad says that more was wanted than there
// is, or that a length made no sense.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b)-r.at {
		r.bad = true
		return nil
	}
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) u32() uint32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (r *reader) u64() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (r *reader) skip(n int) { r.take(n) }

// opaque reads bytes of a variable length up to limit, with their padding.
func (r *reader) opaque(limit int) []byte {
	n := r.u32()
	if n > uint32(limit) {
		r.bad = true
		return nil
	}
	b := r.take(int(n))
	r.skip(int(-n & 3))
	return b
}

// data reads the length of bulk data and where it begins; its bytes may go on beyond what is there.
func (r *reader) data() (at, n int) {
	length := r.u32()
	if length > recordMax {
		r.bad = true
		return 0, 0
	}
	return r.at, int(length)
}

// list reads a counted list of words and passes over it (a bitmap).
func (r *reader) bitmap() {
	n := r.u32()
	if n > 16 {
		r.bad = true
		return
	}
	r.skip(4 * int(n))
}

// attributes passes over attributes of version 4: bitmap and opaque.
func (r *reader) attributes() {
	r.bitmap()
	r.opaque(wholeMax)
}
