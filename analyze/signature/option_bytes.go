package signature

import (
	"strconv"
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
)

func byteKeywords() map[string]keyword {
	return map[string]keyword{
		"isdataat":      {value: valueNeeded, parse: optIsDataAt},
		"byte_test":     {value: valueNeeded, parse: optByteTest},
		"byte_jump":     {value: valueNeeded, parse: optByteJump},
		"byte_extract":  {value: valueNeeded, parse: optByteExtract},
		"byte_math":     {value: valueNeeded, parse: optByteMath},
		"base64_decode": {value: valueOptional, parse: optBase64Decode},
		"base64_data":   {value: valueNone, parse: optBase64Data},
		"asn1":          {value: valueNeeded, parse: optASN1},
	}
}

// split cuts a value at commas and trims.
func split(text string) []string {
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func optIsDataAt(b *builder, o rule.Option) error {
	text, negated := strings.CutPrefix(o.Value, "!")
	parts := split(text)
	d := &inspect.DataAt{Negated: negated}
	for _, word := range parts[1:] {
		switch word {
		case "relative":
			d.Relative = true
		case "rawbytes":
		default:
			return atOffset(0, "%q is not relative or rawbytes", word)
		}
	}
	var err error
	if d.Offset, err = b.number(parts[0], 0, 65535); err != nil {
		return err
	}
	b.addStep(d, d.Relative)
	return nil
}

// byteOperators are those of byte_test. Never written.
var byteOperators = map[string]inspect.Operator{
	"=": inspect.Equal, "": inspect.Equal, "<": inspect.Less, ">": inspect.Greater, "<=": inspect.LessEqual, ">=": inspect.GreaterEqual,
	"&": inspect.And, "^": inspect.Xor,
}

// sourceWords reads the words that the byte keywords share. It reports whether the word was one of them.
func sourceWord(src *inspect.Source, mask *uint64, word string) (bool, error) {
	name, value, _ := strings.Cut(word, " ")
	value = strings.TrimSpace(value)
	switch name {
	case "relative":
		src.Relative = true
	case "big":
		src.Little = false
	case "little":
		src.Little = true
	case "string":
		src.Text = true
		if value != "" {
			return sourceWord(src, mask, value)
		}
	case "hex":
		src.Base = 16
	case "dec":
		src.Base = 10
	case "oct":
		src.Base = 8
	case "endian":
		switch value {
		case "big", "little":
			src.Little = value == "little"
		case "dce":
			src.DCE = true
		default:
			return true, atOffset(0, "endian %q is not big, little or dce", value)
		}
	case "bitmask":
		m, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(value), "0x"), 16, 64)
		if err != nil || m == 0 || m > 1<<32-1 {
			return true, atOffset(0, "bitmask %q is not 1 to 4 bytes in hexadecimal", value)
		}
		*mask = m
	case "dce":
		src.DCE = true
	default:
		return false, nil
	}
	return true, nil
}

// useDCE narrows a rule that takes its byte order from DCE/RPC to flows that carry it.
func (b *builder) useDCE(src *inspect.Source) {
	if !src.DCE {
		return
	}
	b.out.dce = true
	carriers, flows := nameApps(flow.AppDCERPC)
	if b.txApps == 0 {
		b.txApps, b.out.apps = carriers, flows
	}
}

// checkWidth says whether so many bytes can be read that way.
func (b *builder) checkWidth(src *inspect.Source) error {
	b.useDCE(src)
	if src.Bytes.Var != inspect.NoVar {
		return nil
	}
	if src.Bytes.Plain == 0 && !src.Text {
		return atOffset(0, "0 bytes make no number")
	}
	if n := src.Bytes.Plain; !src.Text && n > 8 || src.Text && n > 23 {
		return atOffset(0, "%d bytes are too many to read as a number", n)
	}
	if !src.Text && src.Base != 0 {
		return atOffset(0, "hex, dec and oct need string")
	}
	return nil
}

func optByteTest(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 4 {
		return atOffset(0, "want byte_test:bytes,operator,value,offset[,…]")
	}
	t := &inspect.ByteTest{}
	op, negated := strings.CutPrefix(parts[1], "!")
	t.Negated = negated
	var ok bool
	if t.Op, ok = byteOperators[strings.TrimSpace(op)]; !ok {
		return atOffset(len(parts[0])+1, "operator %q is not known", parts[1])
	}
	var err error
	if t.Source.Bytes, err = b.number(parts[0], 0, 23); err != nil {
		return err
	}
	if t.Value, err = b.unsigned(parts[2]); err != nil {
		return err
	}
	if t.Source.Offset, err = b.number(parts[3], -1<<31, 1<<31); err != nil {
		return err
	}
	for _, word := range parts[4:] {
		known, err := sourceWord(&t.Source, &t.Mask, word)
		if err != nil {
			return err
		}
		if !known {
			return atOffset(0, "%q is not known", word)
		}
	}
	if err := b.checkWidth(&t.Source); err != nil {
		return err
	}
	b.addStep(t, t.Source.Relative)
	return nil
}

// unsigned reads a value of up to 64 bits, or a variable.
func (b *builder) unsigned(text string) (inspect.Number, error) {
	if v, ok := b.variable(text); ok {
		return inspect.Number{Var: v}, nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		// A leading zero is decimal to rule writers unless it reads as octal.
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			return inspect.Number{}, atOffset(0, "%q is neither a number nor a variable set before", text)
		}
	}
	return inspect.Plain(int64(n)), nil
}

func optByteJump(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 2 {
		return atOffset(0, "want byte_jump:bytes,offset[,…]")
	}
	j := &inspect.ByteJump{Multiplier: 1, PostOffset: inspect.Plain(0)}
	var err error
	if j.Source.Bytes, err = b.number(parts[0], 0, 23); err != nil {
		return err
	}
	if j.Source.Offset, err = b.number(parts[1], -65535, 65535); err != nil {
		return err
	}
	for _, word := range parts[2:] {
		name, value, _ := strings.Cut(word, " ")
		value = strings.TrimSpace(value)
		switch name {
		case "align":
			j.Align = true
		case "from_beginning":
			j.FromStart = true
		case "from_end":
			j.FromEnd = true
		case "multiplier":
			if j.Multiplier, err = parseUint(value, 65535); err != nil {
				return err
			}
		case "post_offset":
			if j.PostOffset, err = b.number(value, -65535, 65535); err != nil {
				return err
			}
		default:
			known, err := sourceWord(&j.Source, &j.Mask, word)
			if err != nil {
				return err
			}
			if !known {
				return atOffset(0, "%q is not known", word)
			}
		}
	}
	if j.Source.Bytes.Var != inspect.NoVar || j.Source.Bytes.Plain > 0 { // 0 bytes: a jump by post_offset alone
		if err := b.checkWidth(&j.Source); err != nil {
			return err
		}
	}
	b.addStep(j, j.Source.Relative)
	return nil
}

func optByteExtract(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 3 {
		return atOffset(0, "want byte_extract:bytes,offset,name[,…]")
	}
	e := &inspect.ByteExtract{Multiplier: 1}
	var err error
	if e.Source.Bytes, err = b.number(parts[0], 1, 23); err != nil {
		return err
	}
	if e.Source.Offset, err = b.number(parts[1], -65535, 65535); err != nil {
		return err
	}
	if e.Into, err = b.newVariable(parts[2]); err != nil {
		return err
	}
	var mask uint64
	for _, word := range parts[3:] {
		name, value, _ := strings.Cut(word, " ")
		switch name {
		case "multiplier":
			if e.Multiplier, err = parseUint(strings.TrimSpace(value), 65535); err != nil {
				return err
			}
		case "align":
			if e.Align, err = parseUint(strings.TrimSpace(value), 4); err != nil || e.Align != 2 && e.Align != 4 {
				return atOffset(0, "align is 2 or 4")
			}
		default:
			known, err := sourceWord(&e.Source, &mask, word)
			if err != nil {
				return err
			}
			if !known || mask != 0 {
				return atOffset(0, "%q is not known", word)
			}
		}
	}
	if err := b.checkWidth(&e.Source); err != nil {
		return err
	}
	b.addStep(e, e.Source.Relative)
	return nil
}

// mathOperators are those of byte_math. Never written.
var mathOperators = map[string]inspect.Operator{
	"+": inspect.Add, "-": inspect.Subtract, "*": inspect.Multiply, "/": inspect.Divide, "<<": inspect.ShiftLeft, ">>": inspect.ShiftRight,
}

func optByteMath(b *builder, o rule.Option) error {
	m := &inspect.ByteMath{}
	seen := map[string]bool{}
	var result string
	for _, word := range split(o.Value) {
		name, value, _ := strings.Cut(word, " ")
		value = strings.TrimSpace(value)
		seen[name] = true
		var err error
		switch name {
		case "bytes":
			m.Source.Bytes, err = b.number(value, 1, 10)
		case "offset":
			m.Source.Offset, err = b.number(value, -65535, 65535)
		case "oper":
			var ok bool
			if m.Op, ok = mathOperators[value]; !ok {
				err = atOffset(0, "operator %q is not known", value)
			}
		case "rvalue":
			m.Right, err = b.unsigned(value)
		case "result":
			result = value
		default:
			var known bool
			if known, err = sourceWord(&m.Source, &m.Mask, word); err == nil && !known {
				err = atOffset(0, "%q is not known", word)
			}
		}
		if err != nil {
			return err
		}
	}
	for _, name := range []string{"bytes", "offset", "oper", "rvalue", "result"} {
		if !seen[name] {
			return atOffset(0, "%s is missing", name)
		}
	}
	var err error
	if m.Into, err = b.newVariable(result); err != nil {
		return err
	}
	if err := b.checkWidth(&m.Source); err != nil {
		return err
	}
	b.addStep(m, m.Source.Relative)
	return nil
}

func optBase64Decode(b *builder, o rule.Option) error {
	if b.base64 != nil {
		return atOffset(0, "base64_decode stands twice in the rule")
	}
	d := &inspect.Base64{}
	if o.HasValue {
		for _, word := range split(o.Value) {
			name, value, _ := strings.Cut(word, " ")
			switch name {
			case "relative":
				d.Relative = true
			case "bytes", "offset":
				n, err := parseUint(strings.TrimSpace(value), 65535)
				if err != nil {
					return err
				}
				if name == "bytes" {
					d.Bytes = int(n)
				} else {
					d.Offset = int(n)
				}
			default:
				return atOffset(0, "%q is not bytes, offset or relative", word)
			}
		}
	}
	b.addStep(d, d.Relative)
	b.base64 = d
	return nil
}

func optBase64Data(b *builder, _ rule.Option) error {
	if b.base64 == nil {
		return atOffset(0, "no base64_decode stands before it")
	}
	b.inner = true
	return nil
}
