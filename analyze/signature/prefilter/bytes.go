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

// rarity is how seldom each byte stands in the payload of mixed traffic, in quarters of a bit of information, capitals counted with their small letters.
// Measured over the captures named in doc.go; bytes that are not listed have rarityOther. Never written.
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
	return t
}

// share estimates how often traffic shows a window of bytes that hash alike with those of lower.
func share(lower []byte) float64 {
	quarters := 0
	for i, c := range lower {
		r := int(rarity[c])
		if i > 0 && lower[i-1] == c {
			r = max(r-rarityRepeat, 4)
		}
		quarters += r
	}
	return math.Exp2(-float64(quarters) / 4)
}
