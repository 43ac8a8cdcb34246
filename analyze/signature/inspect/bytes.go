package inspect

import (
	"encoding/binary"
	"math/bits"
)

// textBytesMax is the longest number in text form.
const textBytesMax = 23

// Source says where byte_test and its family read a number.
type Source struct {
	Bytes    Number
	Offset   Number
	Relative bool
	Little   bool
	DCE      bool // the byte order is that of Scratch.Little
	Text     bool // digits, in Base; 0 means by prefix as strtoull does
	Base     int
}

// read extracts the number. at is where it stood, used how many bytes it took.
func (r *Source) read(s *Scratch, b *Buffer) (value uint64, at, used int, ok bool) {
	base := int64(0)
	if r.Relative {
		base = int64(s.offset)
		if base >= int64(len(b.Data)) {
			return 0, 0, 0, false
		}
	}
	n := r.Bytes.value(s)
	start := base + r.Offset.value(s)
	if start < 0 || n < 0 || n > textBytesMax || start+n > int64(len(b.Data)) {
		return 0, 0, 0, false
	}
	if n == 0 && r.Text { // as many digits as there are
		n = min(textBytesMax, int64(len(b.Data))-start)
	}
	data := b.Data[start : start+n]
	if r.Text {
		value, used = parseText(data, r.Base)
		return value, int(start), used, used > 0
	}
	if n > 8 {
		return 0, 0, 0, false
	}
	var raw [8]byte
	if r.Little || r.DCE && s.Little {
		copy(raw[:], data)
		value = binary.LittleEndian.Uint64(raw[:])
	} else {
		copy(raw[8-n:], data)
		value = binary.BigEndian.Uint64(raw[:])
	}
	return value, int(start), int(n), true
}

// parseText reads a number as strtoull does: blanks and a sign in front, then digits; used is 0 when there are none.
func parseText(data []byte, base int) (value uint64, used int) {
	i := 0
	for i < len(data) && (data[i] == ' ' || data[i] >= '\t' && data[i] <= '\r') {
		i++
	}
	negative := false
	if i < len(data) && (data[i] == '+' || data[i] == '-') {
		negative = data[i] == '-'
		i++
	}
	prefixed := i+1 < len(data) && data[i] == '0' && data[i+1]|0x20 == 'x'
	switch {
	case (base == 0 || base == 16) && prefixed && i+2 < len(data) && digit(data[i+2]) < 16:
		base = 16
		i += 2
	case base == 0 && i < len(data) && data[i] == '0':
		base = 8
	case base == 0:
		base = 10
	}
	start := i
	for i < len(data) && digit(data[i]) < base {
		high, low := bits.Mul64(value, uint64(base))
		sum, carry := bits.Add64(low, uint64(digit(data[i])), 0)
		if high != 0 || carry != 0 {
			sum = ^uint64(0)
		}
		value = sum
		i++
	}
	if i == start {
		return 0, 0
	}
	if negative {
		value = -value
	}
	return value, i
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	return 99
}

// mask applies a bit mask and shifts the result down to the mask's lowest bit.
func mask(value, m uint64) uint64 {
	if m == 0 {
		return value
	}
	return (value & m) >> bits.TrailingZeros64(m)
}

// Operator compares in byte_test and computes in byte_math.
type Operator uint8

// The operators.
const (
	Equal Operator = iota
	Less
	Greater
	LessEqual
	GreaterEqual
	And
	Xor
	Add
	Subtract
	Multiply
	Divide
	ShiftLeft
	ShiftRight
)

// ByteTest is byte_test.
type ByteTest struct {
	Source  Source
	Op      Operator
	Negated bool
	Value   Number
	Mask    uint64
}

func (t *ByteTest) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	value, _, _, ok := t.Source.read(s, b)
	if !ok {
		return false
	}
	value = mask(value, t.Mask)
	want := uint64(t.Value.value(s))
	switch t.Op {
	case Less:
		ok = value < want
	case Greater:
		ok = value > want
	case LessEqual:
		ok = value <= want
	case GreaterEqual:
		ok = value >= want
	case And:
		ok = value&want != 0
	case Xor:
		ok = value^want != 0
	default:
		ok = value == want
	}
	return ok != t.Negated && p.next(at+1, s, b)
}

// ByteJump is byte_jump.
type ByteJump struct {
	Source     Source
	Multiplier uint64
	Align      bool
	PostOffset Number
	FromStart  bool
	FromEnd    bool
	Mask       uint64
}

func (j *ByteJump) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	value, start, used, ok := j.Source.read(s, b)
	if !ok {
		return false
	}
	value = mask(value, j.Mask) * j.Multiplier
	if j.Align && value%4 != 0 {
		value += 4 - value%4
	}
	to := int64(value) + j.PostOffset.value(s)
	switch {
	case j.FromStart:
	case j.FromEnd:
		to += int64(len(b.Data))
	default:
		to += int64(start) + int64(used)
	}
	// A jump to before the buffer ends at its start; one past its end is no match.
	if to = max(to, 0); to >= int64(len(b.Data)) {
		return false
	}
	s.offset = int(to)
	return p.next(at+1, s, b)
}

// ByteExtract is byte_extract.
type ByteExtract struct {
	Source     Source
	Into       Var
	Multiplier uint64
	Align      uint64 // 0, 2 or 4
}

func (e *ByteExtract) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	value, start, used, ok := e.Source.read(s, b)
	if !ok {
		return false
	}
	value *= e.Multiplier
	if e.Align > 0 && value%e.Align != 0 {
		value += e.Align - value%e.Align
	}
	s.Values[e.Into] = value
	s.offset = start + used
	return p.next(at+1, s, b)
}

// ByteMath is byte_math.
type ByteMath struct {
	Source Source
	Op     Operator
	Right  Number
	Mask   uint64
	Into   Var
}

func (m *ByteMath) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	value, start, used, ok := m.Source.read(s, b)
	if !ok {
		return false
	}
	right := uint64(m.Right.value(s))
	switch m.Op {
	case Subtract:
		value -= right
	case Multiply:
		value *= right
	case Divide:
		if right == 0 {
			return false
		}
		value /= right
	case ShiftLeft:
		value <<= right
	case ShiftRight:
		value >>= right
	default:
		value += right
	}
	s.Values[m.Into] = mask(value, m.Mask)
	s.offset = start + used
	return p.next(at+1, s, b)
}
