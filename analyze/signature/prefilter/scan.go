package prefilter

import "encoding/binary"

// bitTable is a set of bits whose size the compiler knows, so that it can drop bounds checks.
type bitTable interface {
	smallTable | lowTable | middleTable | largeTable
}

// scan looks at every stride-th position of data.
func (p *pass) scan(data []byte, anchor, seen int, h *Hits) {
	at := 0 // first position not looked at
	switch {
	case len(data) < 16:
	case p.small != nil:
		at = scanTable(p, p.small, data, anchor, seen, h)
	case p.low != nil:
		at = scanTable(p, p.low, data, anchor, seen, h)
	case p.middle != nil:
		at = scanTable(p, p.middle, data, anchor, seen, h)
	default:
		at = scanTable(p, p.large, data, anchor, seen, h)
	}
	for ; at+p.reach <= len(data); at += p.stride {
		p.probe(data, at, anchor, seen, h)
	}
}

// probe looks at one position; the window may end with the data.
func (p *pass) probe(data []byte, at, anchor, seen int, h *Hits) {
	var v uint32
	if at+4 <= len(data) {
		v = binary.LittleEndian.Uint32(data[at:])
	} else {
		for i, c := range data[at:] {
			v |= uint32(c) << (8 * i)
		}
	}
	v = (v | foldBits) & p.mask
	if bit := v * hashFactor >> p.shift; p.bits[bit>>6]>>(bit&63)&1 != 0 {
		p.verify(data, at, anchor, seen, v, h)
	}
}

// hit gives the bit of a window, among others that mean nothing.
func hit[T bitTable](table *T, v, mask uint32, shift uint) uint64 {
	bit := (v | foldBits) & mask * hashFactor >> (shift & 31)
	return (*table)[bit>>6&uint32(len(*table)-1)] >> (bit & 63)
}

// scanTable looks at data but for its last bytes and returns how far it got. One branch decides on four positions.
func scanTable[T bitTable](p *pass, table *T, data []byte, anchor, seen int, h *Hits) (at int) {
	mask, shift := p.mask, p.shift
	switch p.stride {
	case 4:
		for ; len(data)-at >= 16; at += 16 {
			d := (*[16]byte)(data[at:])
			if (hit(table, binary.LittleEndian.Uint32(d[0:]), mask, shift)|hit(table, binary.LittleEndian.Uint32(d[4:]), mask, shift)|
				hit(table, binary.LittleEndian.Uint32(d[8:]), mask, shift)|hit(table, binary.LittleEndian.Uint32(d[12:]), mask, shift))&1 != 0 {
				p.probeAll(data, at, 16, anchor, seen, h)
			}
		}
	case 2:
		for ; len(data)-at >= 10; at += 8 {
			d := (*[10]byte)(data[at:])
			if (hit(table, binary.LittleEndian.Uint32(d[0:]), mask, shift)|hit(table, binary.LittleEndian.Uint32(d[2:]), mask, shift)|
				hit(table, binary.LittleEndian.Uint32(d[4:]), mask, shift)|hit(table, binary.LittleEndian.Uint32(d[6:]), mask, shift))&1 != 0 {
				p.probeAll(data, at, 8, anchor, seen, h)
			}
		}
	}
	return at
}

// probeAll looks closely at the positions of n bytes of which one has a bit set.
func (p *pass) probeAll(data []byte, at, n, anchor, seen int, h *Hits) {
	for end := at + n; at < end; at += p.stride {
		p.probe(data, at, anchor, seen, h)
	}
}

// verify looks the window at data[at] up and compares its patterns.
func (p *pass) verify(data []byte, at, anchor, seen int, key uint32, h *Hits) {
	p.compare(data, at, anchor, seen, key, h)
	if p.before {
		p.compare(data, at, anchor, seen, key&^0xff, h)
	}
	if p.after {
		p.compare(data, at, anchor, seen, key&(p.mask>>8), h)
	}
}

func (p *pass) compare(data []byte, at, anchor, seen int, key uint32, h *Hits) {
	i := key * hashFactor & p.slotMask
	for p.slots[i].start != 0 && p.slots[i].key != key {
		i = (i + 1) & p.slotMask
	}
	start := p.slots[i].start
	if start == 0 {
		return
	}
	for entries := p.entries[start-1:]; ; entries = entries[1:] {
		e := &entries[0]
		if !h.Has(e.id) && e.in(data, at-int(e.offset), anchor, seen) {
			h.Add(e.id)
		}
		if e.last {
			return
		}
	}
}

// in tells whether the entry's pattern lies at from.
func (e *entry) in(data []byte, from, anchor, seen int) bool {
	to := from + len(e.lower)
	if from < 0 || to > len(data) || to <= seen || from-anchor < int(e.from) && (e.from > 0 || e.to != noBound) || to-anchor > int(e.to) {
		return false
	}
	return equalLower(data[from:to], e.lower)
}

func equalLower(data, lower []byte) bool {
	if len(data) != len(lower) {
		return false
	}
	for i, c := range data {
		if lowerTable[c] != lower[i] {
			return false
		}
	}
	return true
}
