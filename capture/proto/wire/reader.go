package wire

import (
	"bytes"
	"encoding/binary"
)

// Reader reads numbers and bytes from the front of a slice. The first read past the end makes it Short; from then on
// every read yields zero values.
type Reader struct {
	b     []byte
	short bool
}

// NewReader reads b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Short tells whether a read went past the end.
func (r *Reader) Short() bool { return r.short }

// Len is how many bytes are left.
func (r *Reader) Len() int { return len(r.b) }

// Rest takes all that is left.
func (r *Reader) Rest() []byte {
	b := r.b
	r.b = nil
	return b
}

// Peek is what is left, not taken.
func (r *Reader) Peek() []byte { return r.b }

// Bytes takes n bytes, nil when there are fewer or n is negative.
func (r *Reader) Bytes(n int) []byte {
	if r.short || n < 0 || n > len(r.b) {
		r.short, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// Skip passes over n bytes.
func (r *Reader) Skip(n int) { r.Bytes(n) }

// Text takes bytes up to a NUL, which is taken too.
func (r *Reader) Text() []byte {
	n := bytes.IndexByte(r.b, 0)
	if n < 0 {
		r.short, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n+1:]
	return b
}

// U8 takes a byte.
func (r *Reader) U8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// BE16 takes a big-endian number.
func (r *Reader) BE16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// BE32 takes a big-endian number.
func (r *Reader) BE32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// BE64 takes a big-endian number.
func (r *Reader) BE64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// LE16 takes a little-endian number.
func (r *Reader) LE16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// LE24 takes a little-endian number of three bytes.
func (r *Reader) LE24() uint32 {
	if b := r.Bytes(3); b != nil {
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	}
	return 0
}

// LE32 takes a little-endian number.
func (r *Reader) LE32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// LE64 takes a little-endian number.
func (r *Reader) LE64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Keep copies at most n bytes of b and tells whether something was left out.
func Keep(b []byte, n int) (kept []byte, cut bool) {
	if len(b) > n {
		b, cut = b[:n], true
	}
	return append([]byte(nil), b...), cut
}
