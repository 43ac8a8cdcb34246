package pcre

// kind tells the forms of a node apart.
type kind uint8

const (
	kindEmpty kind = iota
	kindSet        // one byte out of set
	kindConcat
	kindAlternate
	kindRepeat
	kindGroup // subs[0]; capture number in index, 0 for none
	kindAtomic
	kindLook // look-around: ahead or behind, negated or not
	kindBackref
	kindBegin     // \A, or ^ without m
	kindBeginLine // ^ with m
	kindEnd       // \z, or $ with the end-only flag
	kindEndLF     // \Z, or $ without m: at the end, or before a last line feed
	kindEndLine   // $ with m
	kindWord      // \b
	kindNotWord   // \B
	kindStart     // \G
)

// repeatForm is how a repeat gives back what it took.
type repeatForm uint8

const (
	greedy repeatForm = iota
	lazy
	possessive
)

// noMax is the upper bound of an open repeat.
const noMax = -1

type node struct {
	kind     kind
	set      *byteSet
	subs     []*node
	min, max int
	form     repeatForm
	index    int  // capture or back reference number
	behind   bool // look-around
	negated  bool // look-around
	fold     bool // back reference compares without case
}

// byteSet is a set of byte values.
type byteSet [4]uint64

func (s *byteSet) add(c byte) { s[c>>6] |= 1 << (c & 63) }

func (s *byteSet) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *byteSet) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s.add(byte(c))
	}
}

func (s *byteSet) addSet(o *byteSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *byteSet) negate() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// fold adds the other case of every ASCII letter in s.
func (s *byteSet) fold() {
	for c := byte('a'); c <= 'z'; c++ {
		if s.has(c) || s.has(c-0x20) {
			s.add(c)
			s.add(c - 0x20)
		}
	}
}

// single tells whether s holds exactly one byte.
func (s *byteSet) single() (byte, bool) {
	found, n := byte(0), 0
	for c := 0; c < 256; c++ {
		if s.has(byte(c)) {
			found = byte(c)
			if n++; n > 1 {
				return 0, false
			}
		}
	}
	return found, n == 1
}

func digits() *byteSet {
	var s byteSet
	s.addRange('0', '9')
	return &s
}

func wordBytes() *byteSet {
	s := digits()
	s.addRange('a', 'z')
	s.addRange('A', 'Z')
	s.add('_')
	return s
}

func spaces() *byteSet {
	var s byteSet
	s.addRange('\t', '\r')
	s.add(' ')
	return &s
}

func horizontal() *byteSet {
	var s byteSet
	s.add('\t')
	s.add(' ')
	s.add(0xa0)
	return &s
}

func vertical() *byteSet {
	var s byteSet
	s.addRange('\n', '\r')
	s.add(0x85)
	return &s
}

// classLetter gives the set of \d, \w, \s, \h, \v and their negations.
func classLetter(c byte) (*byteSet, bool) {
	var s *byteSet
	switch c | 0x20 {
	case 'd':
		s = digits()
	case 'w':
		s = wordBytes()
	case 's':
		s = spaces()
	case 'h':
		s = horizontal()
	case 'v':
		s = vertical()
	default:
		return nil, false
	}
	if c < 'a' {
		s.negate()
	}
	return s, true
}
