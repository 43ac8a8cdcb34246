package prefilter

import (
	"cmp"
	"math/bits"
	"slices"
)

// windowMax is the longest window; patterns that are shorter use their own length.
const windowMax = 4

const hashFactor = 0x9E3779B1

// Builder gathers patterns.
type Builder struct {
	patterns []pattern
}

type pattern struct {
	lower []byte
	id    uint32
}

// Add registers a pattern under an identifier; many patterns may share one. Empty patterns are ignored: they say nothing.
func (b *Builder) Add(text []byte, id uint32) {
	if len(text) == 0 {
		return
	}
	lower := make([]byte, len(text))
	for i, c := range text {
		lower[i] = lowerTable[c]
	}
	b.patterns = append(b.patterns, pattern{lower: lower, id: id})
}

// Len is the number of patterns.
func (b *Builder) Len() int { return len(b.patterns) }

// Table is a compiled set of patterns.
type Table struct {
	passes  []pass // by window length, longest first
	size    int
	longest int // pattern
}

// Len is the number of patterns.
func (t *Table) Len() int { return t.size }

// pass finds the patterns whose window has one length.
type pass struct {
	window  int
	mask    uint32 // of the window's bytes in the rolling value
	shift   uint   // hash to bit number
	bits    []uint64
	keys    []uint32 // open addressing: window value
	starts  []uint32 // first entry of the slot, plus one; 0 for an empty slot
	keyMask uint32
	entries []entry // grouped by slot
}

type entry struct {
	lower  []byte
	offset int32 // of the window's last byte in the pattern
	id     uint32
	last   bool // of its slot
}

// Build compiles the patterns.
func (b *Builder) Build() *Table {
	t := &Table{size: len(b.patterns)}
	for window := windowMax; window >= 1; window-- {
		var group []pattern
		for _, p := range b.patterns {
			if min(len(p.lower), windowMax) == window {
				group = append(group, p)
				t.longest = max(t.longest, len(p.lower))
			}
		}
		if len(group) > 0 {
			t.passes = append(t.passes, buildPass(group, window))
		}
	}
	return t
}

func buildPass(group []pattern, window int) pass {
	p := pass{window: window, mask: uint32(uint64(1)<<(8*window) - 1)}
	bitCount := uint(min(max(bits.Len(uint(len(group)))+6, 9), 20))
	p.shift = 32 - bitCount
	p.bits = make([]uint64, 1<<bitCount/64)
	type placed struct {
		value uint32
		entry
	}
	all := make([]placed, 0, len(group))
	used := make(map[uint32]int, len(group))
	// Long patterns have the most freedom: place the short ones first, so that the others can avoid their windows.
	slices.SortStableFunc(group, func(a, b pattern) int { return cmp.Compare(len(a.lower), len(b.lower)) })
	for _, g := range group {
		value, at := rarest(g.lower, window, used)
		used[value]++
		all = append(all, placed{value, entry{lower: g.lower, offset: int32(at + window - 1), id: g.id}})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.value, b.value) })
	slots := 1 << bits.Len(uint(2*len(used)))
	p.keyMask = uint32(slots - 1)
	p.keys = make([]uint32, slots)
	p.starts = make([]uint32, slots)
	for i, a := range all {
		a.last = i+1 == len(all) || all[i+1].value != a.value
		p.entries = append(p.entries, a.entry)
		if i > 0 && all[i-1].value == a.value {
			continue
		}
		hash := a.value * hashFactor
		bit := hash >> p.shift
		p.bits[bit>>6] |= 1 << (bit & 63)
		slot := hash & p.keyMask
		for p.starts[slot] != 0 {
			slot = (slot + 1) & p.keyMask
		}
		p.keys[slot] = a.value
		p.starts[slot] = uint32(i + 1)
	}
	return p
}

// rarest picks the window that traffic shows least often and other patterns use least.
func rarest(lower []byte, window int, used map[uint32]int) (value uint32, at int) {
	best := -1
	for i := 0; i+window <= len(lower); i++ {
		var v uint32
		cost := 0
		for _, c := range lower[i : i+window] {
			v = v<<8 | uint32(c)
			cost += int(commonness[c])
		}
		cost += 40 * used[v]
		if best < 0 || cost < best {
			best, value, at = cost, v, i
		}
	}
	return value, at
}

// Hits collects the identifiers a scan finds, each once.
type Hits struct {
	IDs   []uint32
	stamp []uint32
	round uint32
}

// Reset empties h for identifiers below n.
func (h *Hits) Reset(n int) {
	h.IDs = h.IDs[:0]
	if len(h.stamp) < n {
		h.stamp = make([]uint32, n)
		h.round = 0
	}
	if h.round++; h.round == 0 {
		clear(h.stamp)
		h.round = 1
	}
}

// Add records an identifier, once.
func (h *Hits) Add(id uint32) {
	if h.stamp[id] != h.round {
		h.stamp[id] = h.round
		h.IDs = append(h.IDs, id)
	}
}

// Has tells whether id has been added since Reset.
func (h *Hits) Has(id uint32) bool { return h.stamp[id] == h.round }

// Scan adds the identifiers of all patterns that occur in data.
func (t *Table) Scan(data []byte, h *Hits) { t.ScanNew(data, 0, h) }

// ScanNew adds the identifiers of the patterns that occur in data and do not end in its first seen bytes, which were scanned before.
func (t *Table) ScanNew(data []byte, seen int, h *Hits) {
	from := max(0, seen-t.longest)
	data, seen = data[from:], seen-from
	for i := range t.passes {
		t.passes[i].scan(data, seen, h)
	}
}

func (p *pass) scan(data []byte, seen int, h *Hits) {
	if len(data) < p.window {
		return
	}
	var v uint32
	for _, c := range data[:p.window-1] {
		v = v<<8 | uint32(lowerTable[c])
	}
	table, shift, mask := p.bits, p.shift&31, p.mask
	for i := p.window - 1; i < len(data); i++ {
		v = (v<<8 | uint32(lowerTable[data[i]])) & mask
		bit := v * hashFactor >> shift
		if table[bit>>6]&(1<<(bit&63)) != 0 {
			p.verify(data, i, seen, v, h)
		}
	}
}

// verify looks the window that ends at data[at] up and compares its patterns.
func (p *pass) verify(data []byte, at, seen int, value uint32, h *Hits) {
	slot := value * hashFactor & p.keyMask
	for p.starts[slot] != 0 && p.keys[slot] != value {
		slot = (slot + 1) & p.keyMask
	}
	start := p.starts[slot]
	if start == 0 {
		return
	}
	for i := start - 1; ; i++ {
		e := &p.entries[i]
		if from := at - int(e.offset); !h.Has(e.id) && from >= 0 && from+len(e.lower) <= len(data) && from+len(e.lower) > seen &&
			equalLower(data[from:from+len(e.lower)], e.lower) {
			h.Add(e.id)
		}
		if e.last {
			return
		}
	}
}

func equalLower(data, lower []byte) bool {
	for i, c := range lower {
		if lowerTable[data[i]] != c {
			return false
		}
	}
	return true
}
