package ber

import "strconv"

const arcsMax = 64

// Int returns the contents as a signed number (INTEGER, ENUMERATED, implicitly tagged ones); false when there are no or
// more than eight octets.
func (e *Element) Int() (int64, bool) {
	if len(e.Body) == 0 || len(e.Body) > 8 {
		return 0, false
	}
	n := int64(int8(e.Body[0]))
	for _, c := range e.Body[1:] {
		n = n<<8 | int64(c)
	}
	return n, true
}

// Uint returns the contents as an unsigned number: a leading zero octet is allowed for, a set sign bit is read as a digit
// (senders forget the zero). False when it does not fit 64 bits.
func (e *Element) Uint() (uint64, bool) {
	b := e.Body
	if len(b) == 0 {
		return 0, false
	}
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) > 8 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, true
}

// Bool returns the contents as a truth value; everything but zero is true.
func (e *Element) Bool() bool { return len(e.Body) == 1 && e.Body[0] != 0 }

// Octets returns the bytes of a string. One that was sent in pieces (constructed, X.690 8.7.3) is put together.
func (e *Element) Octets() []byte {
	if !e.Constructed() {
		return e.Body
	}
	var out []byte
	r := e.Inside()
	for r.More() {
		piece, err := r.Next()
		if err != nil {
			break
		}
		out = append(out, piece.Octets()...)
	}
	return out
}

// AppendOID appends an object identifier in dotted form; false when the contents are none.
func (e *Element) AppendOID(dst []byte) ([]byte, bool) {
	if len(e.Body) == 0 || e.Body[len(e.Body)-1]&0x80 != 0 {
		return dst, false
	}
	arcs, n := 0, uint64(0)
	for _, c := range e.Body {
		if n > 1<<56 {
			return dst, false
		}
		n = n<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if arcs == 0 { // the first octet holds two arcs: 40 x + y
			top := min(n/40, 2)
			dst = strconv.AppendUint(dst, top, 10)
			n -= top * 40
		}
		dst = append(dst, '.')
		dst = strconv.AppendUint(dst, n, 10)
		n = 0
		if arcs++; arcs >= arcsMax {
			return dst, false
		}
	}
	return dst, true
}

// OID returns an object identifier in dotted form, "" when the contents are none.
func (e *Element) OID() string {
	b, ok := e.AppendOID(nil)
	if !ok {
		return ""
	}
	return string(b)
}
