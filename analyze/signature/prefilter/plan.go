package prefilter

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// step is a pass to be built: patterns that are found by the same kind of window.
type step struct {
	window, stride int
	patterns       []pattern
}

// plan parts patterns of two bytes and more into as few looks at the buffer as their lengths allow. A pattern of window+stride-1 bytes or more
// always has a window at a position that is looked at. One that is one or two bytes shorter has windows that reach beyond it by a byte, which may be
// any: they set a bit for each value of that byte.
func plan(patterns []pattern) []step {
	var count [8]int // by length, 7 for all that are longer
	for _, p := range patterns {
		count[min(len(p.lower), 7)]++
	}
	all := func(low, high int) (list []pattern) {
		for _, p := range patterns {
			if n := len(p.lower); n >= low && n <= high {
				list = append(list, p)
			}
		}
		return list
	}
	const long = math.MaxInt
	middle := 2 * (count[5] + count[6])
	windows := (anyByte+1)*count[4] + 2*anyByte*count[3] + middle + 2*count[7]
	steps := []step{{4, 4, all(7, long)}, {3, 2, all(2, 6)}} // looks at three quarters as many places as there are bytes
	if count[2] == 0 && count[3]+count[4]+middle > 0 && windows <= middleMax {
		steps = []step{{4, 2, all(3, long)}} // at half as many
	}
	if len(steps) == 2 && len(steps[1].patterns) > 0 {
		steps[0].patterns = slices.DeleteFunc(steps[0].patterns, func(p pattern) bool {
			common := commonest(4, 4, p.lower) > commonMax
			if common {
				steps[1].patterns = append(steps[1].patterns, p)
			}
			return common
		})
	}
	return slices.DeleteFunc(steps, func(s step) bool { return len(s.patterns) == 0 })
}

// commonMax is how common the best windows of a long pattern may be before it is better found by shorter ones, closer together.
const commonMax = 1e-4

func commonest(window, stride int, lower []byte) float64 {
	p := pass{window: window, stride: stride}
	_, cost := p.rarest(lower, nil)
	return cost
}

// anyByte is how many values a byte has after folding.
const anyByte = 128

// Sizes of the bit tables, and how many bits are set in each at most.
type (
	smallTable  [1 << 15 / 64]uint64
	lowTable    [1 << 16 / 64]uint64
	middleTable [1 << 18 / 64]uint64
	largeTable  [1 << 21 / 64]uint64
)

const (
	smallMax  = 1 << (15 - 7)
	lowMax    = 1 << (16 - 6)
	middleMax = 1 << (18 - 5)
)

const hashFactor = 0x9E3779B1

// foldBits makes letters of both cases alike, and some other pairs of bytes too, which the comparison tells apart.
const (
	foldBits = 0x20202020
	foldByte = foldBits & 0xff
)

// pass finds the patterns of one step.
type pass struct {
	window, stride int
	reach          int    // bytes that must be there for a look at a position
	before, after  bool   // some windows begin a byte before their pattern, or end a byte after it
	mask           uint32 // of the window's bytes in a little-endian load
	shift          uint   // from hash to number of a bit
	small          *smallTable
	low            *lowTable
	middle         *middleTable
	large          *largeTable
	bits           []uint64 // the one of them that is there
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
	offset   int32 // of the window in the pattern, -1 when it begins before it
	id       uint32
	from, to int32
	last     bool // of its slot
}

func buildPass(s step) pass {
	p := pass{window: s.window, stride: s.stride, reach: s.window, mask: uint32(uint64(1)<<(8*s.window) - 1)}
	type placed struct {
		key uint32
		entry
	}
	var all []placed
	used := make(map[uint32]int, s.stride*len(s.patterns))
	// Long patterns have the most freedom: place the short ones first, so that the others can avoid their windows.
	slices.SortStableFunc(s.patterns, func(a, b pattern) int { return cmp.Compare(len(a.lower), len(b.lower)) })
	for _, g := range s.patterns {
		at, _ := p.rarest(g.lower, used)
		for i := at; i < at+s.stride; i++ {
			key := p.key(g.lower, i)
			used[key]++
			all = append(all, placed{key, entry{lower: g.lower, offset: int32(i), id: g.id, from: g.from, to: g.to}})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.key, b.key) })
	slots := 1 << bits.Len(uint(2*len(used)))
	p.slotMask = uint32(slots - 1)
	p.slots = make([]slot, slots)
	n := 0 // bits that will be set
	for key := range used {
		n++
		if p.open(key) {
			n += anyByte - 1
		}
	}
	switch {
	case n <= smallMax:
		p.small = new(smallTable)
		p.shift, p.bits = 32-15, p.small[:]
	case n <= lowMax:
		p.low = new(lowTable)
		p.shift, p.bits = 32-16, p.low[:]
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
		p.mark(a.key)
		at := hash & p.slotMask
		for p.slots[at].start != 0 {
			at = (at + 1) & p.slotMask
		}
		p.slots[at] = slot{a.key, uint32(i + 1)}
	}
	return p
}

// mark sets the bits of a key: one, or one for each value of a byte that may be any.
func (p *pass) mark(key uint32) {
	free := 0
	switch {
	case key&0xff == 0:
		p.before = true
		free = 1
	case p.open(key):
		p.after = true
		p.reach = p.window - 1
		free = 1 << (8 * (p.window - 1))
	}
	for v := range 256 {
		if v&0x20 == 0 && free != 0 {
			continue
		}
		bit := (key | uint32(v*free)) * hashFactor >> p.shift
		p.bits[bit>>6] |= 1 << (bit & 63)
		if free == 0 {
			return
		}
	}
}

// key is the folded window that begins at an offset of a pattern. Folded bytes are never 0: a zero stands for one outside the pattern, which may be any.
func (p *pass) key(lower []byte, offset int) uint32 {
	var four [4]byte
	for i := range p.window {
		if at := offset + i; at >= 0 && at < len(lower) {
			four[i] = lower[at] | foldByte
		}
	}
	return binary.LittleEndian.Uint32(four[:])
}

// open tells whether a key has a byte that may be any.
func (p *pass) open(key uint32) bool { return key&0xff == 0 || key>>(8*(p.window-1)) == 0 }

const (
	// sharedCost is what each pattern that uses a window already adds to its estimated share of positions: a hit there compares them all.
	sharedCost = 1e-7
	// openCost is what the many bits of a window with a free byte cost.
	openCost = 3e-4
)

// rarest picks where to take stride windows in a row: those that traffic shows least often and other patterns use least. The first may begin a byte before
// the pattern, the last end a byte behind it; short patterns have no other choice, and some that are mostly zeros do well to take it.
func (p *pass) rarest(lower []byte, used map[uint32]int) (at int, best float64) {
	best = -1
	for i := -1; i+p.window+p.stride-1 <= len(lower)+1; i++ {
		cost := 0.0
		for j := i; j < i+p.stride; j++ {
			key := p.key(lower, j)
			cost += share(key) + sharedCost*float64(used[key])
			if p.open(key) && used[key] == 0 {
				cost += openCost
			}
		}
		if best < 0 || cost < best {
			best, at = cost, i
		}
	}
	return at, best
}
