package upload

import (
	"encoding/binary"
	"fmt"
)

// reader takes fixed-size fields off a byte slice. The first field that does not fit sets err;
// after that everything reads as zero, so that callers check once.
type reader struct {
	b   []byte
	off int
	err error
}

func (r *reader) take(n int, field string) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || len(r.b)-r.off < n {
		r.err = fmt.Errorf("%s: %d bytes wanted at byte %d of %d", field, n, r.off, len(r.b))
		return nil
	}
	v := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return v
}

func (r *reader) u8(field string) uint8 {
	if v := r.take(1, field); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u16(field string) uint16 {
	if v := r.take(2, field); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) u32(field string) uint32 {
	if v := r.take(4, field); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64(field string) uint64 {
	if v := r.take(8, field); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// str8 is a length byte and that many bytes.
func (r *reader) str8(field string) string {
	return string(r.take(int(r.u8(field)), field))
}

// end wants nothing left over.
func (r *reader) end() error {
	if r.err == nil && r.off != len(r.b) {
		r.err = fmt.Errorf("%d bytes left over at byte %d", len(r.b)-r.off, r.off)
	}
	return r.err
}

func appendStr8(b []byte, s string) []byte {
	return append(append(b, byte(len(s))), s...)
}
