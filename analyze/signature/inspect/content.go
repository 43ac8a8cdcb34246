package inspect

import "bytes"

// Content is one content keyword with its modifiers.
type Content struct {
	Pattern    []byte // in lower case when NoCase
	NoCase     bool
	Negated    bool
	StartsWith bool
	EndsWith   bool

	HasOffset, HasDepth, HasDistance, HasWithin bool
	Offset, Depth, Distance, Within             Number

	leaned bool
}

// Relative tells whether the content starts where the last match ended.
func (c *Content) Relative() bool { return c.HasDistance || c.HasWithin }

// window gives the part of the buffer the pattern must lie in. ok is false when nothing can lie there.
func (c *Content) window(s *Scratch, b *Buffer, base int) (from, to int64, ok bool) {
	size := int64(len(b.Data))
	to = size
	start := int64(min(b.Start, 1<<40))
	if c.Relative() {
		from = int64(base)
		var distance int64
		if c.HasDistance {
			distance = c.Distance.value(s)
			from = max(from+distance, 0)
		}
		if c.HasWithin {
			to = min(to, int64(base)+c.Within.value(s)+distance)
		}
		if c.HasDepth {
			to = min(to, int64(base)+c.Depth.value(s))
		}
		if c.HasOffset {
			from = max(from, c.Offset.value(s))
		}
	} else {
		if c.HasDepth {
			to = c.Depth.value(s)
			if start > 0 {
				if to <= start {
					return 0, 0, false
				}
				to -= start
			}
		}
		if c.HasOffset {
			from = c.Offset.value(s)
		}
	}
	// A depth counts from the offset when one of them is a variable: Suricata stores plain ones summed up, variables not.
	if c.HasDistance && c.Distance.Var != NoVar || c.HasOffset && c.Offset.Var != NoVar || c.HasDepth && c.Depth.Var != NoVar {
		to += from
	}
	to = min(to, size)
	return from, to, from <= to && to > 0
}

func (c *Content) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	base := s.offset
	from, to, ok := c.window(s, b, base)
	if c.EndsWith && to < int64(len(b.Data)) {
		ok = false
	}
	if !ok {
		return c.missed(p, at, s, b)
	}
	first := true
	for {
		found := c.find(b.Data[from:to])
		if found < 0 {
			if first {
				return c.missed(p, at, s, b)
			}
			return false
		}
		if c.Negated {
			s.stop = s.stop || !c.Relative()
			return false
		}
		first = false
		start := from + int64(found)
		s.offset = int(start) + len(c.Pattern)
		if p.next(at+1, s, b) {
			return true
		}
		if s.stop || !c.leaned || c.EndsWith {
			return false
		}
		from = start + 1
		if from > to {
			return false
		}
		if !s.spend() {
			return false
		}
	}
}

// missed is what follows when the pattern is not there.
func (c *Content) missed(p *Program, at int, s *Scratch, b *Buffer) bool {
	if c.Negated {
		return p.next(at+1, s, b)
	}
	s.stop = s.stop || !c.Relative()
	return false
}

func (c *Content) find(data []byte) int {
	if c.EndsWith {
		tail := len(data) - len(c.Pattern)
		if tail < 0 || !c.equal(data[tail:]) {
			return -1
		}
		return tail
	}
	if c.NoCase {
		return IndexFold(data, c.Pattern)
	}
	return bytes.Index(data, c.Pattern)
}

func (c *Content) equal(data []byte) bool {
	if c.NoCase {
		return equalFold(data, c.Pattern)
	}
	return bytes.Equal(data, c.Pattern)
}

// IndexFold finds lower, which is in lower case, in data without regard to ASCII case.
func IndexFold(data, lower []byte) int {
	if len(lower) == 0 {
		return 0
	}
	last := len(data) - len(lower)
	first := lower[0]
	letter := first >= 'a' && first <= 'z'
	for i := 0; i <= last; i++ {
		if !letter {
			skip := bytes.IndexByte(data[i:last+1], first)
			if skip < 0 {
				return -1
			}
			i += skip
		} else if data[i]|0x20 != first {
			continue
		}
		if equalFold(data[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

// EqualFold tells whether data is lower, which is in lower case, without regard to ASCII case.
func EqualFold(data []byte, lower string) bool {
	if len(data) != len(lower) {
		return false
	}
	for i, c := range data {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func equalFold(data, lower []byte) bool {
	if len(data) != len(lower) {
		return false
	}
	for i, c := range data {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
