package signature

import (
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/rule"
)

// asn1Wish is what asn1 looks for in a run of BER elements.
type asn1Wish struct {
	bitString bool // a bit string with more unused bits than a byte has
	double    bool // a real number in text form that is longer than a small buffer
	oversize  uint64
	sized     bool
	offset    int
	relative  bool
}

// asn1ElementsMax bounds the elements looked at, as Suricata's asn1-max-frames does.
const asn1ElementsMax = 256

// optASN1 reads asn1:bitstring_overflow, double_overflow, oversize_length N, absolute_offset N, relative_offset N.
func optASN1(b *builder, o rule.Option) error {
	var wish asn1Wish
	for _, part := range split(o.Value) {
		name, value, _ := strings.Cut(part, " ")
		switch name {
		case "bitstring_overflow", "double_overflow":
			if value != "" {
				return atOffset(0, "%s takes no number", name)
			}
			wish.bitString = wish.bitString || name == "bitstring_overflow"
			wish.double = wish.double || name == "double_overflow"
		case "oversize_length":
			n, err := parseUint(strings.TrimSpace(value), 1<<32-1)
			if err != nil {
				return err
			}
			wish.oversize, wish.sized = n, true
		case "absolute_offset", "relative_offset":
			n, err := b.number(strings.TrimSpace(value), -65535, 65535)
			if err != nil {
				return err
			}
			wish.offset, wish.relative = int(n.Plain), name == "relative_offset"
		default:
			return atOffset(0, "%q is not bitstring_overflow, double_overflow, oversize_length, absolute_offset or relative_offset", name)
		}
	}
	if !wish.bitString && !wish.double && !wish.sized {
		return atOffset(0, "nothing to look for")
	}
	b.addStep(&inspect.At{Relative: wish.relative, Test: func(data []byte, offset int) bool {
		offset += wish.offset
		return offset >= 0 && offset < len(data) && wish.in(data[offset:])
	}}, wish.relative)
	return nil
}

// BER identifiers asn1 cares about.
const (
	berBitString = 3
	berReal      = 9
	doubleMax    = 256 // bytes of a real number that the parsers of old had room for
)

// in walks elements one after the other and into constructed ones; what cannot be read ends the walk.
func (w *asn1Wish) in(data []byte) bool {
	for range asn1ElementsMax {
		head, tag, constructed, universal := berIdentifier(data)
		if head == 0 {
			return false
		}
		length, size, ok := berLength(data[head:])
		if !ok {
			return false
		}
		if w.sized && length > w.oversize {
			return true
		}
		body := data[head+size:]
		if universal && !constructed {
			switch {
			case w.bitString && tag == berBitString && len(body) > 0 && (length == 0 || body[0] > 7 || uint64(body[0]) > 8*(length-1)):
				return true
			case w.double && tag == berReal && len(body) > 0 && body[0]&0xc0 == 0 && length > doubleMax:
				return true
			}
		}
		if !constructed { // what is constructed is entered, the rest passed
			if length > uint64(len(body)) {
				return false
			}
			body = body[length:]
		}
		data = body
	}
	return false
}

// berIdentifier reads tag and class; head is 0 when they do not fit.
func berIdentifier(data []byte) (head int, tag uint32, constructed, universal bool) {
	if len(data) == 0 {
		return 0, 0, false, false
	}
	constructed, universal = data[0]&0x20 != 0, data[0]&0xc0 == 0
	if tag = uint32(data[0] & 0x1f); tag != 0x1f {
		return 1, tag, constructed, universal
	}
	tag = 0
	for i := 1; i < len(data) && i < 5; i++ {
		tag = tag<<7 | uint32(data[i]&0x7f)
		if data[i]&0x80 == 0 {
			return i + 1, tag, constructed, universal
		}
	}
	return 0, 0, false, false
}

// berLength reads a length; the indefinite form counts as 0, its content follows.
func berLength(data []byte) (length uint64, size int, ok bool) {
	if len(data) == 0 {
		return 0, 0, false
	}
	if data[0] < 0x80 {
		return uint64(data[0]), 1, true
	}
	n := int(data[0] & 0x7f)
	if n > 8 || len(data) < 1+n {
		return 0, 0, false
	}
	for _, c := range data[1 : 1+n] {
		length = length<<8 | uint64(c)
	}
	return length, 1 + n, true
}
