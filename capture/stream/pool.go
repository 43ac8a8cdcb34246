package stream

import "math/bits"

// Buffers come in powers of two from 512 bytes to 2 MiB and are kept for reuse, a bounded number of each size.
const (
	classMin  = 9
	classMax  = 21
	classKeep = 256 << 10 // bytes kept free per size, but at least 4 buffers
)

type pool struct {
	free [classMax - classMin + 1][][]byte
	// limbo holds buffers given back during the current packet: what was shown of them stays valid until the next one.
	limbo [][]byte
	used  int64
	peak  int64
	max   int64
}

// get returns an empty buffer with room for n bytes, nil when n is beyond all sizes or the memory is used up.
func (b *pool) get(n int) []byte {
	c := max(bits.Len(uint(n-1)), classMin)
	if n <= 1 {
		c = classMin
	}
	if c > classMax {
		return nil
	}
	size := int64(1) << c
	if b.used+size > b.max {
		return nil
	}
	b.used += size
	b.peak = max(b.peak, b.used)
	list := &b.free[c-classMin]
	if k := len(*list); k > 0 {
		buf := (*list)[k-1]
		(*list)[k-1] = nil
		*list = (*list)[:k-1]
		return buf
	}
	return make([]byte, 0, size)
}

func (b *pool) put(buf []byte) {
	if buf == nil {
		return
	}
	b.used -= int64(cap(buf))
	b.limbo = append(b.limbo, buf)
}

// settle makes the buffers given back available again. It is called between packets.
func (b *pool) settle() {
	for i, buf := range b.limbo {
		b.limbo[i] = nil
		c := bits.Len(uint(cap(buf) - 1))
		list := &b.free[c-classMin]
		if len(*list) < max(4, classKeep>>c) {
			*list = append(*list, buf[:0])
		}
	}
	b.limbo = b.limbo[:0]
}
