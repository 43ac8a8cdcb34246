package pcre

import (
	"strconv"
	"strings"
)

// class parses a bracket expression after its opening bracket.
func (p *parser) class() (*node, error) {
	negated := p.take("^")
	var s byteSet
	first := true
	for {
		if !p.more() {
			return nil, p.fail("missing ]")
		}
		if p.text[p.at] == ']' && !first {
			p.at++
			break
		}
		first = false
		if p.has("[:") {
			ok, err := p.posix(&s)
			if err != nil {
				return nil, err
			}
			if ok {
				continue
			}
		}
		if p.take(`\E`) || p.take(`\Q`) {
			continue
		}
		if err := p.classItem(&s); err != nil {
			return nil, err
		}
	}
	if p.opt.Caseless {
		s.fold()
	}
	if negated {
		s.negate()
	}
	return &node{kind: kindSet, set: &s}, nil
}

// classItem parses one member: a set, a byte, or a range.
func (p *parser) classItem(s *byteSet) error {
	low, sub, err := p.classAtom()
	if err != nil {
		return err
	}
	if sub != nil {
		s.addSet(sub)
		return nil
	}
	if !p.has("-") || p.at+1 >= len(p.text) || p.text[p.at+1] == ']' {
		s.add(low)
		return nil
	}
	p.at++
	high, sub, err := p.classAtom()
	if err != nil {
		return err
	}
	if sub != nil { // [a-\d] means a, - and digits
		s.add(low)
		s.add('-')
		s.addSet(sub)
		return nil
	}
	if high < low {
		return p.fail("range in [] is backwards")
	}
	s.addRange(low, high)
	return nil
}

func (p *parser) classAtom() (byte, *byteSet, error) {
	c := p.text[p.at]
	p.at++
	if c != '\\' {
		return c, nil, nil
	}
	if !p.more() {
		return 0, nil, p.fail("backslash at the end")
	}
	c = p.text[p.at]
	p.at++
	if s, ok := classLetter(c); ok {
		return 0, s, nil
	}
	switch c {
	case 'b':
		return '\b', nil, nil
	case 'p', 'P', 'X', 'R', 'B', 'N':
		return 0, nil, p.fail(`\%c in [] is not supported`, c)
	}
	value, err := p.charEscape(c)
	return value, nil, err
}

// charEscape gives the byte an escape stands for; c is the character after the backslash, already taken.
func (p *parser) charEscape(c byte) (byte, error) {
	switch c {
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'f':
		return '\f', nil
	case 'a':
		return 7, nil
	case 'e':
		return 0x1b, nil
	case 'c':
		if !p.more() {
			return 0, p.fail(`\c at the end`)
		}
		c = p.text[p.at]
		p.at++
		if c >= 'a' && c <= 'z' {
			c -= 0x20
		}
		return c ^ 0x40, nil
	case 'x':
		return p.hexEscape()
	case 'o':
		return 0, p.fail(`\o is not supported`)
	}
	if c >= '0' && c <= '7' {
		end := p.at
		for end < len(p.text) && end < p.at+2 && p.text[end] >= '0' && p.text[end] <= '7' {
			end++
		}
		n, err := strconv.ParseUint(string(c)+p.text[p.at:end], 8, 16)
		if err != nil || n > 255 {
			return 0, p.fail("octal value above 377")
		}
		p.at = end
		return byte(n), nil
	}
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		switch c {
		case 'i', 'j', 'l', 'm', 'q', 'u', 'y', 'F', 'I', 'J', 'L', 'M', 'O', 'T', 'U', 'Y':
			return 0, p.fail(`\%c has no meaning`, c)
		}
	}
	return c, nil
}

func (p *parser) hexEscape() (byte, error) {
	if p.take("{") {
		name, err := p.until('}')
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseUint(name, 16, 8)
		if err != nil {
			return 0, p.fail(`\x{%s} is not a byte`, name)
		}
		return byte(n), nil
	}
	end := p.at
	for end < len(p.text) && end < p.at+2 && isHex(p.text[end]) {
		end++
	}
	if end == p.at {
		return 0, nil // \x alone is NUL
	}
	n, err := strconv.ParseUint(p.text[p.at:end], 16, 8)
	if err != nil {
		return 0, p.fail("bad hexadecimal escape")
	}
	p.at = end
	return byte(n), nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// posix parses [:name:]; ok is false when it is no such class and the bracket stands for itself.
func (p *parser) posix(s *byteSet) (ok bool, err error) {
	end := strings.Index(p.text[p.at:], ":]")
	if end < 0 {
		return false, nil
	}
	name := p.text[p.at+2 : p.at+end]
	negated := strings.HasPrefix(name, "^")
	name = strings.TrimPrefix(name, "^")
	for i := 0; i < len(name); i++ {
		if name[i] < 'a' || name[i] > 'z' {
			return false, nil
		}
	}
	var c byteSet
	for b := 0; b < 256; b++ {
		in, known := posixHas(name, byte(b))
		if !known {
			return false, p.fail("class [:%s:] is not known", name)
		}
		if in != negated {
			c.add(byte(b))
		}
	}
	s.addSet(&c)
	p.at += end + 2
	return true, nil
}

func posixHas(name string, c byte) (in, known bool) {
	lower, upper, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	graph := c > 0x20 && c < 0x7f
	switch name {
	case "alpha":
		return lower || upper, true
	case "digit":
		return digit, true
	case "alnum":
		return lower || upper || digit, true
	case "lower":
		return lower, true
	case "upper":
		return upper, true
	case "space":
		return spaces().has(c), true
	case "blank":
		return c == ' ' || c == '\t', true
	case "punct":
		return graph && !lower && !upper && !digit, true
	case "xdigit":
		return isHex(c), true
	case "word":
		return wordBytes().has(c), true
	case "print":
		return graph || c == ' ', true
	case "graph":
		return graph, true
	case "cntrl":
		return c < 0x20 || c == 0x7f, true
	case "ascii":
		return c < 0x80, true
	}
	return false, false
}
