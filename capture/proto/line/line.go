package line

import "bytes"

// Line is one line.
type Line struct {
	Text []byte // without its end; shares the input's storage
	End  int    // bytes of the line end: 1 for LF, 2 for CRLF, 0 when cut
	Cut  bool   // the line is longer than the limit; Text is its beginning
	Rest bool   // these bytes are the rest of a line that was cut; Text is empty
}

// Cutter cuts one direction of a stream.
type Cutter struct {
	scanned int
	skip    bool
}

// Next takes a line off the front of b: what was not consumed before with more behind it. n is how many bytes that is,
// zero when there is no whole line yet and b is still shorter than limit bytes.
func (c *Cutter) Next(b []byte, limit int) (l Line, n int) {
	from := min(c.scanned, len(b))
	i := bytes.IndexByte(b[from:], '\n')
	if i >= 0 {
		i += from
	}
	if c.skip {
		c.scanned = 0
		if i < 0 {
			return Line{Rest: true}, len(b)
		}
		c.skip = false
		return Line{Rest: true}, i + 1
	}
	switch {
	case i < 0 && len(b) <= limit:
		c.scanned = len(b)
		return Line{}, 0
	case i < 0 || i > limit:
		c.scanned, c.skip = 0, true
		return Line{Text: b[:limit], Cut: true}, limit
	}
	c.scanned = 0
	l = Line{Text: b[:i], End: 1}
	if i > 0 && b[i-1] == '\r' {
		l.Text, l.End = b[:i-1], 2
	}
	return l, i + 1
}

// Reset forgets where the last line stood: bytes are missing, or were consumed by something else than Next.
func (c *Cutter) Reset() { *c = Cutter{} }

// Lose says that the bytes before the next line end belong to a line whose beginning is missing.
func (c *Cutter) Lose() { c.scanned, c.skip = 0, true }

// Fold returns a copy of b with ASCII letters in upper case when it is at most max bytes long, else nil: the form in which
// commands are compared.
func Fold(b []byte, max int) []byte {
	if len(b) > max {
		return nil
	}
	out := make([]byte, len(b))
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

// Word cuts the first word off a line: up to the first space or tab; rest begins behind the white space.
func Word(b []byte) (word, rest []byte) {
	for i, c := range b {
		if c == ' ' || c == '\t' {
			return b[:i], bytes.TrimLeft(b[i:], " \t")
		}
	}
	return b, nil
}

// HasFold tells whether b begins with the upper-case ASCII word, without regard to case.
func HasFold(b []byte, word string) bool {
	return len(b) >= len(word) && bytes.EqualFold(b[:len(word)], []byte(word))
}

// Clip returns a copy of at most max bytes and whether something was left out.
func Clip(b []byte, max int) (kept []byte, cut bool) {
	if len(b) > max {
		b, cut = b[:max], true
	}
	return append([]byte(nil), b...), cut
}

// Pending tells whether the rest of a cut line is still to come.
func (c *Cutter) Pending() bool { return c.skip }
