package prefilter

import (
	"bytes"
	"math"
)

// Builder gathers patterns.
type Builder struct {
	patterns []pattern
}

type pattern struct {
	lower    []byte
	id       uint32
	from, to int32 // the occurrences that count lie in [from, to) of the buffer
}

// noBound is the end of an area without end.
const noBound = math.MaxInt32

// Add registers a pattern under an identifier; many patterns may share one. Empty patterns are ignored: they say nothing.
func (b *Builder) Add(text []byte, id uint32) { b.AddWithin(text, id, 0, 0) }

// AddWithin registers a pattern of which only occurrences count that lie wholly within the bytes from … to-1 of the buffer, or of what is new of a
// chunk; to 0 means no bound. A pattern that cannot lie there is ignored.
func (b *Builder) AddWithin(text []byte, id uint32, from, to int) {
	if p, ok := Prepare(text, id, from, to); ok {
		b.AddPrepared(p)
	}
}

// Pattern is a pattern made ready for any number of tables, which share its bytes.
type Pattern struct{ p pattern }

// Prepare makes the pattern that AddWithin registers; ok is false for one that cannot lie where it is asked for.
func Prepare(text []byte, id uint32, from, to int) (p Pattern, ok bool) {
	if to <= 0 || to > noBound {
		to = noBound
	}
	from = min(max(from, 0), noBound)
	if len(text) == 0 || len(text) > to-from {
		return p, false
	}
	lower := make([]byte, len(text))
	for i, c := range text {
		lower[i] = lowerTable[c]
	}
	return Pattern{pattern{lower: lower, id: id, from: int32(from), to: int32(to)}}, true
}

// AddPrepared registers a prepared pattern.
func (b *Builder) AddPrepared(p Pattern) { b.patterns = append(b.patterns, p.p) }

// Len is the number of patterns.
func (b *Builder) Len() int { return len(b.patterns) }

// Table is a compiled set of patterns.
type Table struct {
	zones   []zone // by where their patterns must have ended, nearest first
	size    int
	longest int // pattern
}

// zone is the patterns that must lie in the first limit bytes.
type zone struct {
	limit   int
	bounded bool
	singles []single
	passes  []pass
	accel   *accelerator // does the work of both where it is there
}

// single is a pattern of one byte.
type single struct {
	lower    byte
	id       uint32
	from, to int32
}

// Len is the number of patterns.
func (t *Table) Len() int { return t.size }

// zoneLimits part the patterns by where they must have ended; the last takes those without bound. Never written.
var zoneLimits = [...]int32{24, 96, 512, noBound}

// Build compiles the patterns.
func (b *Builder) Build() *Table {
	t := &Table{size: len(b.patterns)}
	low := int32(0)
	for _, limit := range zoneLimits {
		var group []pattern
		for _, p := range b.patterns {
			if to := p.to; to > low && (to <= limit || limit == noBound) {
				group = append(group, p)
				t.longest = max(t.longest, len(p.lower))
			}
		}
		low = limit
		if len(group) > 0 {
			t.zones = append(t.zones, buildZone(group))
		}
	}
	return t
}

func buildZone(group []pattern) zone {
	var z zone
	var rest []pattern
	for _, p := range group {
		z.limit = max(z.limit, int(p.to))
		if len(p.lower) == 1 {
			z.singles = append(z.singles, single{lower: p.lower[0], id: p.id, from: p.from, to: p.to})
		} else {
			rest = append(rest, p)
		}
	}
	z.bounded = z.limit < noBound
	z.accel = newAccelerator(group)
	for _, s := range plan(rest) {
		z.passes = append(z.passes, buildPass(s))
	}
	return z
}

// Scan adds the identifiers of all patterns that occur in data.
func (t *Table) Scan(data []byte, h *Hits) { t.scan(data, 0, 0, h) }

// ScanNew adds the identifiers of the patterns that occur in data and do not end in its first seen bytes, which were scanned before. Bounds
// count from the beginning of data.
func (t *Table) ScanNew(data []byte, seen int, h *Hits) { t.scan(data, seen, 0, h) }

// ScanChunk is ScanNew for a piece of a stream whose first seen bytes are a look-back: bounds count from behind them, and a pattern with a bound must not
// begin in them.
func (t *Table) ScanChunk(data []byte, seen int, h *Hits) { t.scan(data, seen, seen, h) }

// scan looks at data with bounds counted from anchor.
func (t *Table) scan(data []byte, seen, anchor int, h *Hits) {
	for i := range t.zones {
		z := &t.zones[i]
		if z.bounded {
			part := data[anchor:]
			if len(part) > z.limit {
				part = part[:z.limit]
			}
			if skip := seen - anchor; skip < len(part) {
				z.scan(part, 0, skip, h)
			}
			continue
		}
		from := max(0, seen-t.longest)
		z.scan(data[from:], anchor-from, seen-from, h)
	}
}

// scan looks at data; bounds count from anchor in it, which may lie before its start.
func (z *zone) scan(data []byte, anchor, seen int, h *Hits) {
	if z.accel != nil && z.accel.scan(data, anchor, seen, h) {
		return
	}
	for i := range z.singles {
		if s := &z.singles[i]; !h.Has(s.id) && s.in(data, anchor, seen) {
			h.Add(s.id)
		}
	}
	for i := range z.passes {
		z.passes[i].scan(data, anchor, seen, h)
	}
}

func (s *single) in(data []byte, anchor, seen int) bool {
	from := max(seen, anchor+int(s.from), 0)
	to := len(data)
	if s.to != noBound {
		to = min(to, anchor+int(s.to))
	}
	if from >= to {
		return false
	}
	part := data[from:to]
	return bytes.IndexByte(part, s.lower) >= 0 || s.lower >= 'a' && s.lower <= 'z' && bytes.IndexByte(part, s.lower-0x20) >= 0
}
