package stream

import (
	"bytes"
	"slices"
)

// window holds one direction's bytes: a contiguous part [base, end) and, behind holes, segments that came too early.
// Offsets count from the first byte after the SYN.
type window struct {
	data  []byte // data[head:] is [base, end)
	head  int
	base  int64
	shown int64 // bytes below have been handed out and never change
	app   int64 // consumed by the parser
	raw   int64 // handed to pattern matching
	// regions tell which segment unacknowledged bytes came from, for the overlap policy.
	regions []region
	early   []segment // sorted by off, not overlapping, all beyond end
	kept    []segment // scratch of insertEarly
	bytes   int       // in early
	gap     bool      // bytes before base were lost (for the next raw chunk)
	appOff  bool      // no parser wants these bytes
	rawOff  bool      // pattern matching does not want them
}

// region is the bytes from at to the next region's at, which came in a segment that began at owner.
type region struct{ at, owner int64 }

type segment struct {
	off   int64
	owner int64
	data  []byte // its storage is buf
	buf   []byte
}

func (s *segment) end() int64 { return s.off + int64(len(s.data)) }

func (w *window) end() int64 { return w.base + int64(len(w.data)-w.head) }

// slice returns the bytes [from, to), which must lie in the window.
func (w *window) slice(from, to int64) []byte {
	return w.data[w.head+int(from-w.base) : w.head+int(to-w.base)]
}

func (w *window) release(b *pool) {
	w.base = w.end()
	b.put(w.data)
	w.data, w.head = nil, 0
	for i := range w.early {
		b.put(w.early[i].buf)
		w.early[i] = segment{}
	}
	w.early, w.bytes = w.early[:0], 0
	w.regions = w.regions[:0]
}

// outcome tells what became of a segment.
type outcome uint8

const (
	stored outcome = iota
	nothingNew
	outOfOrder
	noMemory
	tooMany
)

// insert stores a segment. differs is set when it overlaps stored bytes with other bytes.
func (w *window) insert(off int64, p []byte, c *Config, b *pool) (what outcome, differs bool) {
	owner := off
	if off < w.base {
		cut := w.base - off
		if cut >= int64(len(p)) {
			return nothingNew, false
		}
		p, off = p[cut:], w.base
	}
	end := w.end()
	if off > end {
		return w.insertEarly(off, owner, p, c, b)
	}
	if off < end {
		n := min(int64(len(p)), end-off)
		differs = !bytes.Equal(w.slice(off, off+n), p[:n])
		w.overwrite(off, owner, p[:n], false)
		if n == int64(len(p)) {
			return nothingNew, differs
		}
		p, off = p[n:], end
	}
	if !w.reserve(len(p), c, b) {
		return noMemory, differs
	}
	w.push(off, owner, p)
	return stored, w.drain(c, b) || differs
}

// push appends bytes at the end.
func (w *window) push(off, owner int64, p []byte) {
	w.data = append(w.data, p...)
	if len(w.regions) == regionsMax {
		w.regions = append(w.regions[:0], w.regions[1:]...)
	}
	w.regions = append(w.regions, region{off, owner})
}

// overwrite applies the policy to bytes of p that overlap the contiguous part: they replace those of segments that
// began later, and with ties those that began at the same place.
func (w *window) overwrite(off, owner int64, p []byte, ties bool) {
	end := w.end()
	stop := off + int64(len(p))
	loses := func(r region) bool { return r.owner > owner || r.owner == owner && ties }
	if stop <= w.shown || len(w.regions) > regionsMax-2 || !slices.ContainsFunc(w.regions, loses) {
		return // a plain repetition, nearly always
	}
	old := slices.Clone(w.regions)
	w.regions = w.regions[:0]
	put := func(at, owner int64) {
		if n := len(w.regions); n > 0 && w.regions[n-1].owner == owner {
			return
		}
		w.regions = append(w.regions, region{at, owner})
	}
	for i, r := range old {
		to := end
		if i+1 < len(old) {
			to = old[i+1].at
		}
		from, upto := max(r.at, off, w.shown), min(to, stop)
		if from >= upto || !loses(r) {
			put(r.at, r.owner)
			continue
		}
		copy(w.slice(from, upto), p[from-off:upto-off])
		if r.at < from {
			put(r.at, r.owner)
		}
		put(from, owner)
		if upto < to {
			put(upto, r.owner)
		}
	}
}

// drain moves early segments that have become contiguous. It reports overlaps with different bytes.
func (w *window) drain(c *Config, b *pool) (differs bool) {
	n := 0
	for n < len(w.early) {
		s := &w.early[n]
		end := w.end()
		if s.off > end {
			break
		}
		if over := end - s.off; over > 0 {
			m := min(over, int64(len(s.data)))
			if s.off >= w.base {
				differs = differs || !bytes.Equal(w.slice(s.off, s.off+m), s.data[:m])
				w.overwrite(s.off, s.owner, s.data[:m], true) // it came before what lies there
			}
			s.data, s.off = s.data[m:], s.off+m
		}
		if len(s.data) > 0 {
			if !w.reserve(len(s.data), c, b) {
				break
			}
			w.push(s.off, s.owner, s.data)
		}
		w.bytes -= cap(s.buf)
		b.put(s.buf)
		n++
	}
	if n > 0 {
		k := copy(w.early, w.early[n:])
		clear(w.early[k:])
		w.early = w.early[:k]
	}
	return differs
}

// insertEarly stores a segment that lies behind a hole.
func (w *window) insertEarly(off, owner int64, p []byte, c *Config, b *pool) (outcome, bool) {
	if len(w.early) >= c.SegmentsMax {
		return tooMany, false
	}
	if w.bytes+len(p) > c.DirBytesMax || off-w.base > int64(c.DirBytesMax)*4 {
		return noMemory, false
	}
	differs := false
	end := off + int64(len(p))
	first := 0
	for first < len(w.early) && w.early[first].end() <= off {
		first++
	}
	last := first
	kept := w.kept[:0] // what takes the place of early[first:last], in order
	pos, grew := off, false
	ok := true
	add := func(from, to int64) {
		if from < to && ok {
			grew = true
			kept, ok = w.keep(kept, segment{off: from, owner: owner, data: p[from-off : to-off]}, b)
		}
	}
	for ; last < len(w.early) && w.early[last].off < end; last++ {
		s := w.early[last]
		from, to := max(s.off, off), min(s.end(), end)
		if !bytes.Equal(s.data[from-s.off:to-s.off], p[from-off:to-off]) {
			differs = true
		}
		if s.owner <= owner { // it began first: its bytes stay
			add(pos, s.off)
			pos = max(pos, s.end())
			kept = append(kept, s)
			continue
		}
		if s.off < from && ok {
			kept, ok = w.keep(kept, segment{off: s.off, owner: s.owner, data: s.data[:from-s.off]}, b)
		}
		if to < s.end() && ok {
			add(pos, end)
			pos = end
			kept, ok = w.keep(kept, segment{off: to, owner: s.owner, data: s.data[to-s.off:]}, b)
		}
		w.bytes -= cap(s.buf)
		b.put(s.buf)
	}
	add(pos, end)
	w.splice(first, last, kept)
	clear(kept)
	w.kept = kept[:0]
	switch {
	case !ok:
		return noMemory, differs
	case !grew:
		return nothingNew, differs
	}
	return outOfOrder, differs
}

// keep appends a copy of a segment to the list; false when there is no memory for it.
func (w *window) keep(list []segment, s segment, b *pool) ([]segment, bool) {
	s.buf = b.get(len(s.data))
	if s.buf == nil {
		return list, false
	}
	s.data = append(s.buf, s.data...)
	w.bytes += cap(s.buf)
	return append(list, s), true
}

// splice puts list in place of early[from:to].
func (w *window) splice(from, to int, list []segment) {
	tail := len(w.early) - to
	n := from + len(list) + tail
	if grow := len(list) - (to - from); grow > 0 {
		for range grow {
			w.early = append(w.early, segment{})
		}
		copy(w.early[from+len(list):], w.early[to:to+tail])
	} else {
		copy(w.early[from+len(list):], w.early[to:])
		clear(w.early[n:])
	}
	w.early = w.early[:n]
	copy(w.early[from:], list)
}

// reserve makes room for n more bytes.
func (w *window) reserve(n int, c *Config, b *pool) bool {
	if len(w.data)+n <= cap(w.data) {
		return true
	}
	live := len(w.data) - w.head
	if live+n > c.DirBytesMax+c.LookBack {
		return false
	}
	if live+n <= cap(w.data) && w.head >= cap(w.data)/2 {
		w.data = w.data[:copy(w.data, w.data[w.head:])]
		w.head = 0
		return true
	}
	grown := b.get(live + n)
	if grown == nil {
		if live+n <= cap(w.data) {
			w.data = w.data[:copy(w.data, w.data[w.head:])]
			w.head = 0
			return true
		}
		return false
	}
	grown = append(grown, w.data[w.head:]...)
	b.put(w.data)
	w.data, w.head = grown, 0
	return true
}

// trim lets go of what neither parser nor look-back needs.
func (w *window) trim(c *Config, b *pool) {
	keep := w.end()
	if !w.appOff {
		keep = min(keep, w.app)
	}
	if !w.rawOff {
		keep = min(keep, w.raw-int64(c.LookBack))
	}
	if keep <= w.base {
		return
	}
	keep = min(keep, w.end())
	w.head += int(keep - w.base)
	w.base = keep
	live := len(w.data) - w.head
	if live == 0 {
		b.put(w.data)
		w.data, w.head = nil, 0
	} else if cap(w.data) >= 8*live && cap(w.data) > 4096 {
		if small := b.get(live); small != nil {
			small = append(small, w.data[w.head:]...)
			b.put(w.data)
			w.data, w.head = small, 0
		}
	}
}

// forget drops the region marks of acknowledged bytes.
func (w *window) forget(acked int64) {
	n := 0
	for n+1 < len(w.regions) && w.regions[n+1].at <= acked {
		n++
	}
	if n+1 == len(w.regions) && acked >= w.end() {
		n++
	}
	if n > 0 {
		w.regions = w.regions[:copy(w.regions, w.regions[n:])]
	}
}

// skip moves past a hole of n bytes at the end; everything contiguous must have been consumed or given up.
func (w *window) skip(n int64, c *Config, b *pool) {
	w.base = w.end() + n
	b.put(w.data)
	w.data, w.head = nil, 0
	w.regions = w.regions[:0]
	w.app, w.raw, w.shown = w.base, w.base, w.base
	w.gap = true
	w.drain(c, b)
}
