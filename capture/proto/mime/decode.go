package mime

import "bytes"

// unBase64 decodes a base64 stream that comes in pieces.
type unBase64 struct {
	acc uint32
	n   int  // characters in acc
	pad bool // one more "=" may follow
}

// base64Value maps a byte to its value, 64 for padding, 0xff for anything else. Never written.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['='] = 64
	return t
}()

// write appends the decoded bytes to dst. ok is false when something was no base64.
func (d *unBase64) write(dst, b []byte) (out []byte, ok bool) {
	ok = true
	for _, c := range b {
		v := base64Value[c]
		switch {
		case v < 64:
			d.pad = false
			d.acc = d.acc<<6 | uint32(v)
			if d.n++; d.n == 4 {
				dst = append(dst, byte(d.acc>>16), byte(d.acc>>8), byte(d.acc))
				d.acc, d.n = 0, 0
			}
		case v == 64:
			ok = ok && (d.n >= 2 || d.pad)
			d.pad = d.n == 2
			dst = d.flush(dst)
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			ok = false
		}
	}
	return dst, ok
}

// flush appends what an unfinished group holds.
func (d *unBase64) flush(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.acc>>4))
	case 3:
		dst = append(dst, byte(d.acc>>10), byte(d.acc>>2))
	}
	d.acc, d.n = 0, 0
	return dst
}

// unQuoted decodes quoted-printable, a line in pieces.
type unQuoted struct {
	held []byte // "=" or "=X" at the end of a piece
}

// write appends the decoded bytes of a piece of a line to dst; end is the line's end, nil within it. ok is false when "="
// begins nothing.
func (d *unQuoted) write(dst, b, end []byte) (out []byte, ok bool) {
	ok = true
	if len(d.held) > 0 {
		b = append(d.held, b...)
		d.held = nil
	}
	if end != nil {
		b = bytes.TrimRight(b, " \t") // added on the way (RFC 2045 6.7)
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			dst = append(dst, b[i])
			continue
		}
		if i+2 >= len(b) && end == nil {
			d.held = bytes.Clone(b[i:])
			return dst, ok
		}
		if i+1 == len(b) { // soft line end
			return dst, ok
		}
		if i+2 < len(b) {
			if hi, lo := unhex(b[i+1]), unhex(b[i+2]); hi < 16 && lo < 16 {
				ok = ok && b[i+1] < 'a' && b[i+2] < 'a' // RFC 2045 6.7: capital letters
				dst = append(dst, hi<<4|lo)
				i += 2
				continue
			}
		}
		ok = false
		dst = append(dst, '=')
	}
	return append(dst, end...), ok
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// uuName returns the file name of a line "begin 644 name" that starts a uuencoded file, nil for other lines.
func uuName(b []byte) []byte {
	rest, ok := bytes.CutPrefix(b, []byte("begin "))
	if !ok || len(rest) < 5 {
		return nil
	}
	i := 0
	for i < len(rest) && i < 4 && rest[i] >= '0' && rest[i] <= '7' {
		i++
	}
	if i < 3 || i >= len(rest) || rest[i] != ' ' {
		return nil
	}
	return bytes.TrimSpace(rest[i:])
}

// uuLine appends the decoded bytes of a line to dst. ok is false when the line is no uuencoded one.
func uuLine(dst, b []byte) (out []byte, ok bool) {
	if len(b) == 0 || b[0] < ' ' || b[0] > '`' {
		return dst, false
	}
	n := int(b[0]-' ') & 0x3f
	b = b[1:]
	if len(b) < (n*8+5)/6 || len(b) > n/3*4+8 { // some encoders leave out trailing spaces, none adds more than a group
		return dst, false
	}
	at := len(dst)
	for len(dst)-at < n {
		var g [4]byte
		copy(g[:], b)
		b = b[min(4, len(b)):]
		for i := range g {
			g[i] = (g[i] - ' ') & 0x3f
		}
		dst = append(dst, g[0]<<2|g[1]>>4, g[1]<<4|g[2]>>2, g[2]<<6|g[3])
	}
	return dst[:at+n], true
}
