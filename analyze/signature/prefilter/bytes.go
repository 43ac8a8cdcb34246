package prefilter

import "math"

// lowerTable maps ASCII capitals to small letters and every other byte to itself. Never written.
var lowerTable = buildLower()

func buildLower() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] |= 0x20
		}
	}
	return t
}

// rarity is how seldom each byte, folded as windows are, stands in the payload of mixed traffic, in quarters of a bit of information. Measured over the
// captures named in doc.go; bytes that are not listed have rarityOther. Never written.
var rarity = buildRarity()

const (
	rarityOther  = 35
	rarityRepeat = 10 // what a byte loses when it stands after itself: padding, tables of zeros
)

func buildRarity() (t [256]uint8) {
	for i := range t {
		t[i] = rarityOther
	}
	set := func(first byte, values ...uint8) {
		for i, v := range values {
			t[int(first)+i] = v
		}
	}
	set(0x00, 15, 26, 31, 29, 31, 33, 32, 33, 31, 34, 30, 34, 33, 32, 35, 34)
	set(' ', 27, 35, 34, 34, 32, 30, 35, 34, 34, 34, 35, 33, 33, 31, 29, 31)
	set('0', 27, 27, 28, 29, 30, 29, 31, 32, 31, 30, 32, 34, 33, 33, 34, 35)
	set('a', 20, 26, 25, 25, 23, 26, 27, 25, 25, 27, 27, 25, 25, 24, 25, 26, 28, 25, 23, 24, 25, 26, 26, 25, 27, 26)
	t[0x80], t[0xff], t[0xfe] = 31, 29, 34
	for i := range t { // folding makes two bytes alike: the commoner one decides
		if i&foldByte == 0 && (i < 'A' || i > 'Z') {
			t[i] = min(t[i], t[i|foldByte])
			t[i|foldByte] = t[i]
		}
	}
	return t
}

// share estimates how often traffic shows a window of folded bytes; zeros stand for any byte.
func share(key uint32) float64 {
	quarters, before := 0, byte(0)
	for ; key != 0; key >>= 8 {
		c := byte(key)
		if c != 0 {
			r := int(rarity[c])
			if before == c {
				r = max(r-rarityRepeat, 4)
			}
			quarters += r
		}
		before = c
	}
	return shares[quarters]
}

// shares gives the share of positions for quarters of a bit of information. Never written.
var shares = buildShares()

func buildShares() (t [4*rarityOther + 1]float64) {
	for i := range t {
		t[i] = math.Exp2(-float64(i) / 4)
	}
	return t
}
