package http

import (
	"bytes"
	"net/netip"
)

// splitURI takes a request target apart: the authority of an absolute one (or of CONNECT), the path, the query (without
// its "?", nil when there is none) and the fragment.
func splitURI(raw []byte, connect bool) (authority, path, query, fragment []byte) {
	rest := raw
	if connect {
		return raw, nil, nil, nil
	}
	if i := bytes.Index(rest, []byte("://")); i > 0 && isScheme(rest[:i]) {
		rest = rest[i+3:]
		end := bytes.IndexAny(rest, "/?#\\")
		if end < 0 {
			end = len(rest)
		}
		authority, rest = rest[:end], rest[end:]
	}
	if i := bytes.IndexByte(rest, '#'); i >= 0 {
		rest, fragment = rest[:i], rest[i+1:]
	}
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		rest, query = rest[:i], rest[i+1:]
		if query == nil {
			query = []byte{}
		}
	}
	return authority, rest, query, fragment
}

func isScheme(b []byte) bool {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return true
}

// normalURI appends the normalised URI: path decoded and cleaned, query decoded, fragment.
func normalURI(dst, path, query, fragment []byte, note func(string)) []byte {
	at := len(dst)
	dst = decodePath(dst, path, note)
	dst = dst[:at+cleanPath(dst[at:])]
	if query != nil {
		dst = append(dst, '?')
		dst = decodePercent(dst, query)
	}
	if len(fragment) > 0 {
		dst = append(dst, '#')
		dst = append(dst, fragment...)
	}
	return dst
}

// decodePath appends the path with escapes undone once and separators made plain.
func decodePath(dst, b []byte, note func(string)) []byte {
	at := len(dst)
	put := func(c byte) {
		dst = append(dst, c)
	}
	doubled := false
	for i := 0; i < len(b); i++ {
		if b[i] != '%' {
			put(b[i])
			continue
		}
		if c, ok := hexByte(b, i+1); ok {
			put(c)
			i += 2
			if c == '%' {
				if _, again := hexByte(b, i+1); again {
					doubled = true
				}
			}
			continue
		}
		if i+5 < len(b) && (b[i+1] == 'u' || b[i+1] == 'U') { // the %uXXXX of IIS
			hi, ok1 := hexByte(b, i+2)
			lo, ok2 := hexByte(b, i+4)
			if ok1 && ok2 {
				put(bestFit(hi, lo))
				i += 5
				continue
			}
		}
		put('%')
	}
	if doubled {
		note("double_encoded_uri")
	}
	return dst[:at+plainUTF8(dst[at:])]
}

// bestFit maps a UTF-16 unit to the byte IIS would take it for: ASCII, full-width forms, else a question mark.
func bestFit(hi, lo byte) byte {
	switch {
	case hi == 0:
		return lo
	case hi == 0xff && lo >= 0x01 && lo <= 0x5e:
		return lo + 0x20
	case hi == 0x20 && (lo == 0x44 || lo == 0x15): // fraction slash, horizontal bar
		return '/'
	case hi == 0x22 && lo == 0x15: // division slash
		return '/'
	case hi == 0x22 && lo == 0x16: // set minus
		return '\\'
	}
	return '?'
}

// plainUTF8 turns overlong two- and three-byte forms of ASCII into ASCII and backslashes into slashes, and joins repeated
// slashes, in place. It returns the new length.
func plainUTF8(b []byte) int {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case (c == 0xc0 || c == 0xc1) && i+1 < len(b) && b[i+1]&0xc0 == 0x80:
			c = c&1<<6 | b[i+1]&0x3f
			i++
		case c == 0xe0 && i+2 < len(b) && b[i+1]&0xfe == 0x80 && b[i+2]&0xc0 == 0x80:
			c = b[i+1]&1<<6 | b[i+2]&0x3f
			i += 2
		}
		if c == '\\' {
			c = '/'
		}
		if c == '/' && n > 0 && b[n-1] == '/' {
			continue
		}
		b[n] = c
		n++
	}
	return n
}

// decodePercent appends b with escapes undone once; what is no escape stays.
func decodePercent(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '%' {
			if c, ok := hexByte(b, i+1); ok {
				dst = append(dst, c)
				i += 2
				continue
			}
		}
		dst = append(dst, b[i])
	}
	return dst
}

func hexByte(b []byte, i int) (byte, bool) {
	if i+1 >= len(b) {
		return 0, false
	}
	h, ok1 := hexDigit(b[i])
	l, ok2 := hexDigit(b[i+1])
	return h<<4 | l, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// cleanPath removes dot segments in place (RFC 3986 5.2.4) and returns the new length.
func cleanPath(b []byte) int {
	if bytes.IndexByte(b, '.') < 0 {
		return len(b)
	}
	out := b[:0]
	for i := 0; i < len(b); {
		rest := b[i:]
		switch {
		case len(out) == 0 && i == 0 && hasPrefix(rest, "../"):
			i += 3
		case len(out) == 0 && i == 0 && hasPrefix(rest, "./"):
			i += 2
		case hasPrefix(rest, "/./"):
			i += 2
		case string(rest) == "/.":
			out = append(out, '/')
			i = len(b)
		case hasPrefix(rest, "/../"):
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
			i += 3
		case string(rest) == "/..":
			out = append(out[:max(0, bytes.LastIndexByte(out, '/'))], '/')
			i = len(b)
		default:
			out = append(out, rest[0])
			i++
			for i < len(b) && b[i] != '/' {
				out = append(out, b[i])
				i++
			}
		}
	}
	return len(out)
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// hostName returns the host of an authority or Host value: without user, port and surrounding space, in lower case. valid is
// false when it is no host name or its port is no number. port is -1 when there is none.
func hostName(b []byte) (host []byte, port int, valid bool) {
	b = bytes.TrimSpace(b)
	if i := bytes.LastIndexByte(b, '@'); i >= 0 {
		b = b[i+1:]
	}
	port, valid = -1, true
	if i := bytes.LastIndexByte(b, ':'); i >= 0 && bytes.IndexByte(b[i:], ']') < 0 {
		port, valid = decimal(b[i+1:])
		b = b[:i]
	}
	host = bytes.TrimRight(bytes.ToLower(b), ".")
	return host, port, valid && validHost(host)
}

// validHost tells whether a name has the form of one (RFC 1123 2.1) or of an IPv6 address in brackets.
func validHost(b []byte) bool {
	if len(b) == 0 || len(b) > 255 {
		return false
	}
	if b[0] == '[' {
		if b[len(b)-1] != ']' {
			return false
		}
		_, err := netip.ParseAddr(string(b[1 : len(b)-1]))
		return err == nil
	}
	label := 0
	for _, c := range b {
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case c <= ' ', c == 0x7f, c == '/', c == '\\':
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return true
}

// badPort tells whether an authority names a port that is none.
func badPort(authority []byte, port int) bool {
	i := bytes.LastIndexByte(authority, ':')
	return i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 && (port <= 0 || port > 65535)
}

func decimal(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 5 {
		return -1, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= 65535
}
