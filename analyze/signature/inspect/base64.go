package inspect

// Base64Mode says what a decoder does with bytes outside the alphabet.
type Base64Mode uint8

// The modes, named as the rule language names them.
const (
	Base64RFC4648 Base64Mode = iota // stops at the first such byte
	Base64RFC2045                   // skips them
	Base64Strict                    // decodes nothing when there is one
)

// Base64 is base64_decode with the keywords that follow base64_data.
type Base64 struct {
	Bytes    int // 0 for all
	Offset   int
	Relative bool
	Then     *Program // nil when the rule only asks that something decodes
}

func (d *Base64) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	data := b.Data
	if d.Relative {
		data = data[min(s.offset, len(data)):]
	}
	if d.Offset > 0 {
		if d.Offset >= len(data) {
			return false
		}
		data = data[d.Offset:]
	}
	if d.Bytes > 0 && d.Bytes < len(data) {
		data = data[:d.Bytes]
	}
	s.decoded = AppendBase64(s.decoded[:0], data, Base64RFC4648)
	if len(s.decoded) == 0 {
		return false
	}
	if d.Then != nil {
		saved := s.offset
		s.offset = 0
		s.Regex.Reset()
		s.inner = Buffer{Data: s.decoded}
		ok := d.Then.next(0, s, &s.inner)
		s.Regex.Reset()
		s.offset = saved
		if !ok {
			// What failed inside says nothing about another position outside.
			s.stop = s.stop && s.steps > stepsMax
			return false
		}
	}
	return p.next(at+1, s, b)
}

// AppendBase64 appends what data decodes to. An incomplete last group gives the bytes it holds, except in strict mode.
func AppendBase64(dst, data []byte, mode Base64Mode) []byte {
	start := len(dst)
	var group uint32
	n := 0
	padded := false
	for _, c := range data {
		v, ok := base64Value(c)
		if !ok {
			if c == '=' {
				padded = true
				if mode != Base64RFC2045 {
					break
				}
				continue
			}
			if mode == Base64RFC2045 {
				continue
			}
			if mode == Base64Strict {
				return dst[:start]
			}
			break
		}
		group = group<<6 | v
		if n++; n == 4 {
			dst = append(dst, byte(group>>16), byte(group>>8), byte(group))
			group, n = 0, 0
		}
	}
	if mode == Base64Strict && n > 0 && !padded {
		return dst[:start]
	}
	switch n {
	case 2:
		dst = append(dst, byte(group>>4))
	case 3:
		dst = append(dst, byte(group>>10), byte(group>>2))
	}
	return dst
}

func base64Value(c byte) (uint32, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return uint32(c - 'A'), true
	case c >= 'a' && c <= 'z':
		return uint32(c-'a') + 26, true
	case c >= '0' && c <= '9':
		return uint32(c-'0') + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}
