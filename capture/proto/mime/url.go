package mime

import "bytes"

// links gathers text and finds links in it, line by line.
type links struct {
	line []byte
}

// schemes are what a link may begin with. Never written.
var schemes = [...]string{"http://", "https://", "ftp://"}

// write takes decoded text.
func (l *links) write(m *Mail, b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		switch {
		case i >= 0 && len(l.line) == 0:
			m.find(b[:i])
		case i >= 0:
			l.line = append(l.line, b[:i]...)
			m.find(l.line)
			l.line = l.line[:0]
		case len(l.line)+len(b) > pieceBytesMax:
			l.line = append(l.line, b...)
			m.find(l.line)
			l.line = l.line[:0]
			return
		default:
			l.line = append(l.line, b...)
			return
		}
		b = b[i+1:]
	}
}

// end looks at a last line without end.
func (l *links) end(m *Mail) {
	m.find(l.line)
	l.line = nil
}

// find adds the links of a line.
func (m *Mail) find(b []byte) {
	for len(m.URLs) < urlsMax {
		i := bytes.Index(b, []byte("://"))
		if i < 0 {
			return
		}
		after := b[i+3:]
		known := false
		for _, s := range schemes {
			word := len(s) - 3
			known = known || i >= word && bytes.EqualFold(b[i-word:i], []byte(s[:word]))
		}
		b = after
		if !known {
			continue
		}
		n := bytes.IndexFunc(after, func(r rune) bool {
			return r <= ' ' || r == '"' || r == '\'' || r == '<' || r == '>' || r == ']' || r == 0x7f
		})
		if n < 0 {
			n = len(after)
		}
		if n > 0 {
			m.URLs = append(m.URLs, bytes.Clone(after[:min(n, urlBytesMax)]))
		}
		b = after[n:]
	}
}
