package coding

import (
	"encoding/binary"
	"errors"
)

// Sink takes decoded bytes. They are valid during the call only. It returns false when it wants no more.
type Sink func(b []byte) bool

// ErrFormat says that bytes are not what their coding promises; ErrFull that the sink wants no more.
var (
	ErrFormat = errors.New("not in the promised format")
	ErrFull   = errors.New("more than is wanted")
)

const (
	windowBytes  = 32 << 10
	bufferBytes  = 2 * windowBytes
	literalBits  = 10
	distanceBits = 8
	codesMax     = 288
	longestMatch = 258
)

// step is where an Inflater stands in its input.
type step uint8

const (
	atBlock step = iota
	atStored
	inStored
	atCounts
	atCodeLengths
	atLengths
	inCodes
	atEnd
)

// Inflater decodes DEFLATE (RFC 1951) fed in pieces of any size.
type Inflater struct {
	bits   uint64 // taken from the input, not used yet; the next one is the lowest
	have   uint
	step   step
	final  bool
	fixed  bool // the tables are the fixed ones
	stored int  // bytes left of a stored block

	// What a dynamic block's header has told so far.
	literals, distances, codes, read int
	lengths                          [32 + codesMax + 32]uint8

	literal, distance table
	buf               [bufferBytes + longestMatch]byte
	used, shown       int // of buf
}

// table decodes one Huffman code: codes of up to bits by look-up, longer ones by counting.
type table struct {
	bits   uint
	fast   [1 << literalBits]uint16 // symbol<<4 | length; 0 when the code is longer or does not exist
	count  [16]uint16               // codes by length
	symbol [codesMax]uint16         // symbols by code
}

// Reset makes the decoder as new.
func (z *Inflater) Reset() {
	z.bits, z.have, z.step, z.final, z.fixed, z.stored = 0, 0, atBlock, false, false, 0
	z.used, z.shown = 0, 0
}

// Again begins another message whose matches may reach back into what was decoded before (RFC 7692 7.2.2).
func (z *Inflater) Again() {
	z.bits, z.have, z.step, z.final, z.stored = 0, 0, atBlock, false, 0
}

// Done tells whether the last block has ended.
func (z *Inflater) Done() bool { return z.step == atEnd }

// Write decodes b and shows what it gives. It returns the bytes of b that lie behind the end of the data.
func (z *Inflater) Write(b []byte, sink Sink) (rest []byte, err error) {
	for z.step != atEnd {
		var more bool
		if b, more, err = z.advance(b, sink); err != nil || more {
			if !z.flush(sink) && err == nil {
				err = ErrFull
			}
			return nil, err
		}
	}
	if !z.flush(sink) {
		err = ErrFull
	}
	return b, err
}

// advance takes one step; more tells that it needs more input.
func (z *Inflater) advance(b []byte, sink Sink) (rest []byte, more bool, err error) {
	b = z.refill(b)
	switch z.step {
	case atBlock:
		if z.final {
			z.step = atEnd
			return z.giveBack(b), false, nil
		}
		if z.have < 3 {
			return b, true, nil
		}
		z.final = z.take(1) == 1
		switch z.take(2) {
		case 0:
			z.take(z.have & 7) // to the next byte
			z.step = atStored
		case 1:
			z.useFixed()
			z.step = inCodes
		case 2:
			z.fixed = false
			z.step = atCounts
		default:
			return nil, false, ErrFormat
		}
	case atStored:
		if z.have < 32 {
			return b, true, nil
		}
		n, not := uint16(z.take(16)), uint16(z.take(16))
		if n != ^not {
			return nil, false, ErrFormat
		}
		z.stored, z.step = int(n), inStored
	case inStored:
		return z.copyStored(b, sink)
	case atCounts:
		if z.have < 14 {
			return b, true, nil
		}
		z.literals, z.distances, z.codes, z.read = int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4, 0
		if z.literals > 286 || z.distances > 30 {
			return nil, false, ErrFormat
		}
		clear(z.lengths[:19])
		z.step = atCodeLengths
	case atCodeLengths:
		if z.have < 3 {
			return b, true, nil
		}
		z.lengths[codeOrder[z.read]] = uint8(z.take(3))
		if z.read++; z.read == z.codes {
			if !z.literal.build(z.lengths[:19], literalBits) {
				return nil, false, ErrFormat
			}
			z.read, z.step = 0, atLengths
		}
	case atLengths:
		return z.readLengths(b)
	case inCodes:
		return z.decode(b, sink)
	}
	return b, false, nil
}

// codeOrder is the order lengths of the code-length code come in (RFC 1951 3.2.7). Never written.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// refill takes input until there are at least 56 bits or no more bytes.
func (z *Inflater) refill(b []byte) []byte {
	if len(b) >= 8 && z.have < 56 {
		z.bits |= binary.LittleEndian.Uint64(b) << z.have
		n := (63 - z.have) >> 3
		z.have += n << 3
		z.bits &= 1<<z.have - 1
		return b[n:]
	}
	for z.have < 56 && len(b) > 0 {
		z.bits |= uint64(b[0]) << z.have
		z.have += 8
		b = b[1:]
	}
	return b
}

func (z *Inflater) take(n uint) uint64 {
	v := z.bits & (1<<n - 1)
	z.bits >>= n
	z.have -= n
	return v
}

// giveBack returns the input including the whole bytes that were taken from it and not used.
func (z *Inflater) giveBack(b []byte) []byte {
	z.take(z.have & 7)
	if z.have == 0 {
		return b
	}
	rest := make([]byte, 0, int(z.have/8)+len(b))
	for z.have > 0 {
		rest = append(rest, byte(z.take(8)))
	}
	return append(rest, b...)
}

func (z *Inflater) copyStored(b []byte, sink Sink) (rest []byte, more bool, err error) {
	for z.stored > 0 {
		if z.used >= bufferBytes && !z.slide(sink) {
			return nil, false, ErrFull
		}
		if z.have > 0 {
			z.buf[z.used] = byte(z.take(8))
			z.used++
			z.stored--
			continue
		}
		if len(b) == 0 {
			return b, true, nil
		}
		n := min(z.stored, len(b), bufferBytes-z.used)
		copy(z.buf[z.used:], b[:n])
		z.used += n
		z.stored -= n
		b = b[n:]
	}
	z.step = atBlock
	return b, false, nil
}

// readLengths reads the code lengths of a dynamic block, one symbol a call.
func (z *Inflater) readLengths(b []byte) (rest []byte, more bool, err error) {
	all := z.literals + z.distances
	saved, savedHave := z.bits, z.have
	symbol, ok := z.literal.next(z)
	if ok < 0 {
		return nil, false, ErrFormat
	}
	repeat, value := 1, uint8(symbol)
	if ok > 0 && symbol >= 16 {
		extra, base := uint(2), 3
		switch symbol {
		case 16:
			if z.read == 0 {
				return nil, false, ErrFormat
			}
			value = z.lengths[32+z.read-1]
		case 17:
			extra, value = 3, 0
		default:
			extra, base, value = 7, 11, 0
		}
		if z.have < extra {
			ok = 0
		} else {
			repeat = base + int(z.take(extra))
		}
	}
	if ok == 0 {
		z.bits, z.have = saved, savedHave
		return b, true, nil
	}
	if z.read+repeat > all {
		return nil, false, ErrFormat
	}
	for range repeat {
		z.lengths[32+z.read] = value
		z.read++
	}
	if z.read < all {
		return b, false, nil
	}
	list := z.lengths[32 : 32+all]
	if list[256] == 0 { // no end of block
		return nil, false, ErrFormat
	}
	if !z.literal.build(list[:z.literals], literalBits) || !z.distance.build(list[z.literals:], distanceBits) {
		return nil, false, ErrFormat
	}
	z.step = inCodes
	return b, false, nil
}

// useFixed makes the tables of fixed blocks (RFC 1951 3.2.6).
func (z *Inflater) useFixed() {
	if z.fixed {
		return
	}
	z.fixed = true
	var l [codesMax]uint8
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	z.literal.build(l[:], literalBits)
	for i := range 32 { // the last two never occur
		l[i] = 5
	}
	z.distance.build(l[:32], distanceBits)
}

// lengthBase and distanceBase are the least values of length and distance symbols, with the number of extra bits in the
// array behind each (RFC 1951 3.2.5). Never written.
var (
	lengthBase    = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra   = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase  = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceExtra = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// decode reads literals and matches until the block ends or input runs out. A symbol with all that belongs to it is at
// most 48 bits, so that a refill before each is enough; when bits are missing in the middle of one, it is put back.
func (z *Inflater) decode(b []byte, sink Sink) (rest []byte, more bool, err error) {
	for {
		b = z.refill(b)
		if z.used >= bufferBytes && !z.slide(sink) {
			return nil, false, ErrFull
		}
		saved, savedHave := z.bits, z.have
		var symbol uint
		if e := z.literal.fast[z.bits&(1<<literalBits-1)]; e != 0 && uint(e&15) <= z.have {
			z.bits >>= e & 15
			z.have -= uint(e & 15)
			symbol = uint(e >> 4)
		} else {
			var ok int
			if symbol, ok = z.literal.slow(z); ok <= 0 {
				return z.short(b, ok, saved, savedHave)
			}
		}
		switch {
		case symbol < 256:
			z.buf[z.used] = byte(symbol)
			z.used++
			continue
		case symbol == 256:
			z.step = atBlock
			return b, false, nil
		case symbol > 285:
			return nil, false, ErrFormat
		}
		symbol -= 257
		extra := uint(lengthExtra[symbol])
		if z.have < extra {
			return z.short(b, 0, saved, savedHave)
		}
		n := int(lengthBase[symbol]) + int(z.take(extra))
		symbol, ok := z.distance.next(z)
		if ok <= 0 {
			return z.short(b, ok, saved, savedHave)
		}
		if symbol > 29 {
			return nil, false, ErrFormat
		}
		if extra = uint(distanceExtra[symbol]); z.have < extra {
			return z.short(b, 0, saved, savedHave)
		}
		back := int(distanceBase[symbol]) + int(z.take(extra))
		if back > z.used {
			return nil, false, ErrFormat
		}
		z.repeat(back, n)
	}
}

// short says that a symbol is not whole yet (ok is 0), or does not exist.
func (z *Inflater) short(b []byte, ok int, bits uint64, have uint) ([]byte, bool, error) {
	if ok < 0 {
		return nil, false, ErrFormat
	}
	z.bits, z.have = bits, have
	return b, true, nil
}

// repeat copies n bytes from back bytes ago; they may overlap.
func (z *Inflater) repeat(back, n int) {
	from, to := z.used-back, z.used
	z.used += n
	for done := 0; done < n; { // each round doubles what can be copied at once
		done += copy(z.buf[to+done:to+n], z.buf[from:to+done])
	}
}

// slide shows what was decoded and keeps the last window of it.
func (z *Inflater) slide(sink Sink) bool {
	ok := z.flush(sink)
	keep := min(z.used, windowBytes)
	copy(z.buf[:keep], z.buf[z.used-keep:z.used])
	z.used, z.shown = keep, keep
	return ok
}

func (z *Inflater) flush(sink Sink) bool {
	ok := true
	if z.used > z.shown {
		ok = sink(z.buf[z.shown:z.used])
		z.shown = z.used
	}
	return ok
}

// next decodes a symbol: ok is 1, 0 when bits are missing, -1 when there is no such code.
func (t *table) next(z *Inflater) (symbol uint, ok int) {
	if e := t.fast[z.bits&(1<<t.bits-1)]; e != 0 && uint(e&15) <= z.have {
		z.take(uint(e & 15))
		return uint(e >> 4), 1
	}
	return t.slow(z)
}

// slow decodes a symbol bit by bit over the counts of each length.
func (t *table) slow(z *Inflater) (symbol uint, ok int) {
	code, first, index := 0, 0, 0
	for n := uint(1); n <= 15; n++ {
		if n > z.have {
			return 0, 0
		}
		code |= int(z.bits >> (n - 1) & 1)
		count := int(t.count[n])
		if code-count < first {
			z.take(n)
			return uint(t.symbol[index+code-first]), 1
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, -1
}

// build makes a table from code lengths. It returns false for lengths that are no code (RFC 1951 3.2.2); a code of a
// single symbol may be incomplete, as encoders write it.
func (t *table) build(lengths []uint8, bits uint) bool {
	t.bits = bits
	clear(t.count[:])
	clear(t.fast[:1<<bits])
	for _, n := range lengths {
		t.count[n]++
	}
	t.count[0] = 0
	left, used := 1, 0
	var next, at [16]int
	code, index := 0, 0
	for n := 1; n <= 15; n++ {
		left = left<<1 - int(t.count[n])
		if left < 0 {
			return false
		}
		used += int(t.count[n])
		next[n], at[n] = code, index
		code = (code + int(t.count[n])) << 1
		index += int(t.count[n])
	}
	if left > 0 && used > 1 {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		t.symbol[at[n]] = uint16(symbol)
		at[n]++
		code := next[n]
		next[n]++
		if uint(n) > bits {
			continue
		}
		turned := 0
		for i := range int(n) {
			turned |= code >> i & 1 << (int(n) - 1 - i)
		}
		for i := turned; i < 1<<bits; i += 1 << n {
			t.fast[i] = uint16(symbol)<<4 | uint16(n)
		}
	}
	return true
}
