package prefilter

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// step is a pass to be built: patterns that are found by the same kind of window.
type step struct {
	window, stride int
	patterns       []pattern
}

// plan parts patterns of two bytes and more into as few looks at the buffer as their lengths allow. A pattern needs window+stride-1 bytes.
func plan(patterns []pattern) []step {
	var two, three, four, middle, long []pattern
	for _, p := range patterns {
		switch n := len(p.lower); {
		case n == 2:
			two = append(two, p)
		case n == 3:
			three = append(three, p)
		case n == 4:
			four = append(four, p)
		case n < 7:
			middle = append(middle, p)
		default:
			long = append(long, p)
		}
	}
	var steps []step
	add := func(window, stride int, lists ...[]pattern) {
		if all := slices.Concat(lists...); len(all) > 0 {
			steps = append(steps, step{window, stride, all})
		}
	}
	switch {
	case len(four) > 0: // windows of three bytes are needed anyway: they take the middle ones too, and every fourth position is enough for the rest
		add(4, 4, long)
		add(3, 2, four, middle)
	case len(middle) > 0:
		add(4, 2, middle, long)
	default:
		add(4, 4, long)
	}
	if len(two) > 0 {
		add(2, 1, two, three)
	} else {
		add(2, 2, three)
	}
	return steps
}

// Sizes of the bit tables, and how many windows each takes at most: one bit in 32 is set then.
type (
	smallTable  [1 << 15 / 64]uint64
	middleTable [1 << 18 / 64]uint64
	largeTable  [1 << 21 / 64]uint64
)

const (
	smallMax  = 1 << (15 - 5)
	middleMax = 1 << (18 - 5)
)

const hashFactor = 0x9E3779B1

// foldBits makes letters of both cases alike, and some other pairs of bytes too, which the comparison tells apart.
const foldBits = 0x20202020

// pass finds the patterns of one step.
type pass struct {
	window, stride int
	mask           uint32 // of the window's bytes in a little-endian load
	shift          uint   // from hash to number of a bit
	small          *smallTable
	middle         *middleTable
	large          *largeTable
	bits           []uint64 // the one of the three that is there
	slots          []slot   // open addressing by folded window
	slotMask       uint32
	entries        []entry // grouped by slot
}

type slot struct {
	key   uint32
	start uint32 // first entry, plus one; 0 for an empty slot
}

type entry struct {
	lower    []byte
	offset   int32 // of the window in the pattern
	id       uint32
	from, to int32
	last     bool // of its slot
}

func buildPass(s step) pass {
	p := pass{window: s.window, stride: s.stride, mask: uint32(uint64(1)<<(8*s.window) - 1)}
	type placed struct {
		key uint32
		entry
	}
	var all []placed
	used := make(map[uint32]int, s.stride*len(s.patterns))
	// Long patterns have the most freedom: place the short ones first, so that the others can avoid their windows.
	slices.SortStableFunc(s.patterns, func(a, b pattern) int { return cmp.Compare(len(a.lower), len(b.lower)) })
	for _, g := range s.patterns {
		at := p.rarest(g.lower, used)
		for i := at; i < at+s.stride; i++ {
			key := p.key(g.lower[i:])
			used[key]++
			all = append(all, placed{key, entry{lower: g.lower, offset: int32(i), id: g.id, from: g.from, to: g.to}})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.key, b.key) })
	slots := 1 << bits.Len(uint(2*len(used)))
	p.slotMask = uint32(slots - 1)
	p.slots = make([]slot, slots)
	switch n := len(used); {
	case n <= smallMax:
		p.small = new(smallTable)
		p.shift, p.bits = 32-15, p.small[:]
	case n <= middleMax:
		p.middle = new(middleTable)
		p.shift, p.bits = 32-18, p.middle[:]
	default:
		p.large = new(largeTable)
		p.shift, p.bits = 32-21, p.large[:]
	}
	for i, a := range all {
		a.last = i+1 == len(all) || all[i+1].key != a.key
		p.entries = append(p.entries, a.entry)
		if i > 0 && all[i-1].key == a.key {
			continue
		}
		hash := a.key * hashFactor
		bit := hash >> p.shift
		p.bits[bit>>6] |= 1 << (bit & 63)
		at := hash & p.slotMask
		for p.slots[at].start != 0 {
			at = (at + 1) & p.slotMask
		}
		p.slots[at] = slot{a.key, uint32(i + 1)}
	}
	return p
}

// key is the folded window at the start of b.
func (p *pass) key(b []byte) uint32 {
	var four [4]byte
	copy(four[:], b[:p.window])
	return (binary.LittleEndian.Uint32(four[:]) | foldBits) & p.mask
}

// sharedCost is what each pattern that uses a window already adds to its estimated share of positions: a hit there compares them all.
const sharedCost = 1e-7

// rarest picks where to take stride windows in a row: those that traffic shows least often and other patterns use least.
func (p *pass) rarest(lower []byte, used map[uint32]int) (at int) {
	best := -1.0
	for i := 0; i+p.window+p.stride-1 <= len(lower); i++ {
		cost := 0.0
		for j := i; j < i+p.stride; j++ {
			cost += share(lower[j:j+p.window]) + sharedCost*float64(used[p.key(lower[j:])])
		}
		if best < 0 || cost < best {
			best, at = cost, i
		}
	}
	return at
}
