package eve

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendText appends a JSON string. In a text that is not valid UTF-8 each byte beyond ASCII becomes \xNN, as Suricata writes it.
func appendText[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	plain := true
	valid := false
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if plain {
				plain, valid = false, validFrom(s, i)
			}
			if valid {
				i++
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// validFrom tells whether s is valid UTF-8 from i on; what stands before is ASCII.
func validFrom[T string | []byte](s T, i int) bool {
	for i < len(s) {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		var b [utf8.UTFMax]byte
		n := copy(b[:], s[i:min(len(s), i+utf8.UTFMax)])
		r, size := utf8.DecodeRune(b[:n])
		if r == utf8.RuneError && size <= 1 {
			return false
		}
		i += size
	}
	return true
}

// appendKey appends a comma where one is needed, and a key.
func appendKey(dst []byte, key string) []byte {
	if last := dst[len(dst)-1]; last != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

// field appends a text field unless the text is empty.
func field[T string | []byte](dst []byte, key string, v T) []byte {
	if len(v) == 0 {
		return dst
	}
	return appendText(appendKey(dst, key), v)
}

// object begins a member that is an object.
func object(dst []byte, key string) []byte { return append(appendKey(dst, key), '{') }

func number(dst []byte, key string, v uint64) []byte {
	return strconv.AppendUint(appendKey(dst, key), v, 10)
}

func boolean(dst []byte, key string, v bool) []byte {
	return strconv.AppendBool(appendKey(dst, key), v)
}

// appendAddr appends an address as Suricata writes it: IPv6 in full.
func appendAddr(dst []byte, a netip.Addr) []byte {
	if !a.Is6() || a.Is4In6() {
		if a.Is4In6() {
			return appendAddr6(dst, a.As16())
		}
		return a.AppendTo(dst)
	}
	return appendAddr6(dst, a.As16())
}

func appendAddr6(dst []byte, b [16]byte) []byte {
	for i := 0; i < len(b); i += 2 {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexDigits[b[i]>>4], hexDigits[b[i]&15], hexDigits[b[i+1]>>4], hexDigits[b[i+1]&15])
	}
	return dst
}

// clock writes times; it keeps the text of the last second.
type clock struct {
	second int64
	text   [32]byte
	n      int
}

// append appends a time as 2021-03-01T05:59:59.853184+0000, in UTC.
func (c *clock) append(dst []byte, at time.Time) []byte {
	if s := at.Unix(); s != c.second || c.n == 0 {
		c.second = s
		c.n = len(at.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05."))
	}
	dst = append(dst, c.text[:c.n]...)
	micro := at.Nanosecond() / 1000
	dst = append(dst, byte('0'+micro/100000), byte('0'+micro/10000%10), byte('0'+micro/1000%10), byte('0'+micro/100%10),
		byte('0'+micro/10%10), byte('0'+micro%10))
	return append(dst, "+0000"...)
}
