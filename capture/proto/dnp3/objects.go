package dnp3

import "fengsui/capture/proto/wire"

// Object names what a fragment speaks about.
type Object struct{ Group, Variation uint8 }

const objectsMax = 256

// Size of a point: bytes, or bits when packed.
type size struct {
	bytes int
	bits  int
}

// sizes of points by group and variation (IEEE 1815 annex A). Never written.
var sizes = map[Object]size{
	{1, 1}: {bits: 1}, {1, 2}: {bytes: 1},
	{2, 1}: {bytes: 1}, {2, 2}: {bytes: 7}, {2, 3}: {bytes: 3},
	{3, 1}: {bits: 2}, {3, 2}: {bytes: 1},
	{4, 1}: {bytes: 1}, {4, 2}: {bytes: 7}, {4, 3}: {bytes: 3},
	{10, 1}: {bits: 1}, {10, 2}: {bytes: 1},
	{11, 1}: {bytes: 1}, {11, 2}: {bytes: 7},
	{12, 1}: {bytes: 11}, {12, 2}: {bytes: 11}, {12, 3}: {bits: 1},
	{13, 1}: {bytes: 1}, {13, 2}: {bytes: 7},
	{20, 1}: {bytes: 5}, {20, 2}: {bytes: 3}, {20, 5}: {bytes: 4}, {20, 6}: {bytes: 2},
	{21, 1}: {bytes: 5}, {21, 2}: {bytes: 3}, {21, 5}: {bytes: 11}, {21, 6}: {bytes: 9}, {21, 9}: {bytes: 4}, {21, 10}: {bytes: 2},
	{22, 1}: {bytes: 5}, {22, 2}: {bytes: 3}, {22, 5}: {bytes: 11}, {22, 6}: {bytes: 9},
	{23, 1}: {bytes: 5}, {23, 2}: {bytes: 3}, {23, 5}: {bytes: 11}, {23, 6}: {bytes: 9},
	{30, 1}: {bytes: 5}, {30, 2}: {bytes: 3}, {30, 3}: {bytes: 4}, {30, 4}: {bytes: 2}, {30, 5}: {bytes: 5}, {30, 6}: {bytes: 9},
	{31, 1}: {bytes: 5}, {31, 2}: {bytes: 3}, {31, 3}: {bytes: 11}, {31, 4}: {bytes: 9}, {31, 5}: {bytes: 4}, {31, 6}: {bytes: 2}, {31, 7}: {bytes: 5}, {31, 8}: {bytes: 9},
	{32, 1}: {bytes: 5}, {32, 2}: {bytes: 3}, {32, 3}: {bytes: 11}, {32, 4}: {bytes: 9}, {32, 5}: {bytes: 5}, {32, 6}: {bytes: 9}, {32, 7}: {bytes: 11}, {32, 8}: {bytes: 15},
	{33, 1}: {bytes: 5}, {33, 2}: {bytes: 3}, {33, 3}: {bytes: 11}, {33, 4}: {bytes: 9}, {33, 5}: {bytes: 5}, {33, 6}: {bytes: 9}, {33, 7}: {bytes: 11}, {33, 8}: {bytes: 15},
	{34, 1}: {bytes: 2}, {34, 2}: {bytes: 4}, {34, 3}: {bytes: 4},
	{40, 1}: {bytes: 5}, {40, 2}: {bytes: 3}, {40, 3}: {bytes: 5}, {40, 4}: {bytes: 9},
	{41, 1}: {bytes: 5}, {41, 2}: {bytes: 3}, {41, 3}: {bytes: 5}, {41, 4}: {bytes: 9},
	{42, 1}: {bytes: 5}, {42, 2}: {bytes: 3}, {42, 3}: {bytes: 11}, {42, 4}: {bytes: 9}, {42, 5}: {bytes: 5}, {42, 6}: {bytes: 9}, {42, 7}: {bytes: 11}, {42, 8}: {bytes: 15},
	{43, 1}: {bytes: 5}, {43, 2}: {bytes: 3}, {43, 3}: {bytes: 11}, {43, 4}: {bytes: 9}, {43, 5}: {bytes: 5}, {43, 6}: {bytes: 9}, {43, 7}: {bytes: 11}, {43, 8}: {bytes: 15},
	{50, 1}: {bytes: 6}, {50, 2}: {bytes: 10}, {50, 3}: {bytes: 6}, {50, 4}: {bytes: 11},
	{51, 1}: {bytes: 6}, {51, 2}: {bytes: 6}, {52, 1}: {bytes: 2}, {52, 2}: {bytes: 2},
	{80, 1}: {bits: 1}, {81, 1}: {bytes: 3}, {101, 1}: {bytes: 2}, {101, 2}: {bytes: 4}, {101, 3}: {bytes: 8}, {102, 1}: {bytes: 1},
	{121, 1}: {bytes: 7}, {122, 1}: {bytes: 13}, {122, 2}: {bytes: 11},
}

// sizeOf gives the size of a group's points; strings carry it as their variation.
func sizeOf(o Object) (size, bool) {
	if o.Group >= 110 && o.Group <= 113 {
		return size{bytes: int(o.Variation)}, true
	}
	s, ok := sizes[o]
	return s, ok
}

// Outcome of reading a fragment's objects.
type outcome uint8

const (
	objectsRead outcome = iota
	objectsUnknown
	objectsShort
)

// objects reads object headers (IEEE 1815 4.2.2.7). hasData tells whether points follow them.
func objects(b []byte, hasData bool) (list []Object, end outcome) {
	r := wire.NewReader(b)
	for r.Len() > 0 && len(list) < objectsMax {
		o := Object{r.U8(), r.U8()}
		qualifier := r.U8()
		n, variable, known := count(&r, qualifier)
		if r.Short() {
			return list, objectsShort
		}
		list = append(list, o)
		if !known {
			return list, objectsUnknown
		}
		if end := points(&r, o, qualifier, n, variable, hasData); end != objectsRead {
			return list, end
		}
	}
	return list, objectsRead
}

// count reads a header's range: how many points it speaks about. variable says that each point carries its own size.
func count(r *wire.Reader, qualifier uint8) (n int64, variable, known bool) {
	span := func(from, to uint32) int64 { return max(int64(to)-int64(from)+1, 0) }
	switch qualifier & 15 {
	case 0, 3:
		return span(uint32(r.U8()), uint32(r.U8())), false, true
	case 1, 4:
		return span(uint32(r.LE16()), uint32(r.LE16())), false, true
	case 2, 5:
		return span(r.LE32(), r.LE32()), false, true
	case 6:
		return 0, false, true
	case 7:
		return int64(r.U8()), false, true
	case 8:
		return int64(r.LE16()), false, true
	case 9:
		return int64(r.LE32()), false, true
	case 11:
		return int64(r.U8()), true, true
	}
	return 0, false, false
}

// points passes over what follows an object header.
func points(r *wire.Reader, o Object, qualifier uint8, n int64, variable, hasData bool) outcome {
	prefix := int(qualifier >> 4 & 7)
	indexBytes := [8]int{1: 1, 2: 2, 3: 4}[prefix]
	sizeBytes := [8]int{4: 1, 5: 2, 6: 4}[prefix]
	if variable || sizeBytes > 0 {
		if !hasData && !variable {
			return objectsRead
		}
		for ; n > 0 && !r.Short(); n-- {
			var length int
			switch sizeBytes {
			case 1:
				length = int(r.U8())
			case 2:
				length = int(r.LE16())
			case 4:
				length = int(min(r.LE32(), 1<<30))
			default:
				return objectsUnknown
			}
			r.Skip(length)
		}
		return shortOr(r)
	}
	each := int64(indexBytes)
	if hasData && n > 0 {
		s, ok := sizeOf(o)
		if !ok {
			return objectsUnknown
		}
		if s.bits > 0 && indexBytes == 0 {
			return skip(r, (n*int64(s.bits)+7)/8)
		}
		each += int64(max(s.bytes, s.bits))
	}
	return skip(r, n*each)
}

func skip(r *wire.Reader, n int64) outcome {
	if n > int64(r.Len()) {
		return objectsShort
	}
	r.Skip(int(n))
	return shortOr(r)
}

func shortOr(r *wire.Reader) outcome {
	if r.Short() {
		return objectsShort
	}
	return objectsRead
}
