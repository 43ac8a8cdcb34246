package pcre

import (
	"strconv"
	"strings"
)

// group parses what follows an opening parenthesis.
func (p *parser) group() (*node, error) {
	if p.has("*") {
		return nil, p.fail("backtracking verbs are not supported")
	}
	if !p.take("?") {
		p.captures++
		return p.closeGroup(&node{kind: kindGroup, index: p.captures})
	}
	switch {
	case p.take("#"):
		end := strings.IndexByte(p.text[p.at:], ')')
		if end < 0 {
			return nil, p.fail("comment without end")
		}
		p.at += end + 1
		return nil, nil
	case p.take(":"):
		return p.closeGroup(&node{kind: kindGroup})
	case p.take(">"):
		return p.closeGroup(&node{kind: kindAtomic})
	case p.take("="):
		return p.closeGroup(&node{kind: kindLook})
	case p.take("!"):
		return p.closeGroup(&node{kind: kindLook, negated: true})
	case p.take("<="):
		return p.closeGroup(&node{kind: kindLook, behind: true})
	case p.take("<!"):
		return p.closeGroup(&node{kind: kindLook, behind: true, negated: true})
	case p.take("P<"), p.take("<"):
		return p.named('>')
	case p.take("'"):
		return p.named('\'')
	case p.take("P="):
		name, err := p.until(')')
		if err != nil {
			return nil, err
		}
		return p.backrefName(name)
	case p.has("|"):
		return nil, p.fail("branch reset groups are not supported")
	case p.has("("):
		return nil, p.fail("conditional groups are not supported")
	case p.has("R"), p.has("P>"), p.has("&"), p.has("C"), p.more() && p.text[p.at] >= '0' && p.text[p.at] <= '9':
		return nil, p.fail("recursion and callouts are not supported")
	}
	return p.flagGroup()
}

func (p *parser) closeGroup(g *node) (*node, error) {
	sub, err := p.alternation()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.fail("missing )")
	}
	g.subs = []*node{sub}
	return g, nil
}

func (p *parser) until(stop byte) (string, error) {
	end := strings.IndexByte(p.text[p.at:], stop)
	if end <= 0 {
		return "", p.fail("name without end")
	}
	name := p.text[p.at : p.at+end]
	p.at += end + 1
	return name, nil
}

func (p *parser) named(stop byte) (*node, error) {
	name, err := p.until(stop)
	if err != nil {
		return nil, err
	}
	p.captures++
	p.names[name] = p.captures
	return p.closeGroup(&node{kind: kindGroup, index: p.captures})
}

func (p *parser) backrefName(name string) (*node, error) {
	index, ok := p.names[name]
	if !ok {
		return nil, p.fail("reference to the unknown group %q", name)
	}
	return &node{kind: kindBackref, index: index, fold: p.opt.Caseless}, nil
}

// flagGroup parses (?i) and (?i-s:...). Settings last to the end of the enclosing group.
func (p *parser) flagGroup() (*node, error) {
	on, set := true, p.opt
	for p.more() {
		c := p.text[p.at]
		p.at++
		switch c {
		case '-':
			on = false
		case 'i':
			set.Caseless = on
		case 'm':
			set.Multiline = on
		case 's':
			set.DotAll = on
		case 'x':
			set.Extended = on
		case 'U':
			set.Ungreedy = on
		case ')':
			p.opt = set
			return nil, nil
		case ':':
			saved := p.opt
			p.opt = set
			n, err := p.closeGroup(&node{kind: kindGroup})
			p.opt = saved
			return n, err
		default:
			p.at--
			return nil, p.fail("group (?%c is not supported", c)
		}
	}
	return nil, p.fail("missing )")
}

// escape parses what follows a backslash outside a class.
func (p *parser) escape() (*node, error) {
	if !p.more() {
		return nil, p.fail("backslash at the end")
	}
	c := p.text[p.at]
	if s, ok := classLetter(c); ok {
		p.at++
		return &node{kind: kindSet, set: s}, nil
	}
	p.at++
	switch c {
	case 'b':
		return &node{kind: kindWord}, nil
	case 'B':
		return &node{kind: kindNotWord}, nil
	case 'A':
		return &node{kind: kindBegin}, nil
	case 'z':
		return &node{kind: kindEnd}, nil
	case 'Z':
		return &node{kind: kindEndLF}, nil
	case 'G':
		return &node{kind: kindStart}, nil
	case 'N':
		var s byteSet
		s.add('\n')
		s.negate()
		return &node{kind: kindSet, set: &s}, nil
	case 'R':
		return lineBreak(), nil
	case 'K', 'C', 'X', 'p', 'P':
		return nil, p.fail(`\%c is not supported`, c)
	case 'k':
		return p.backrefK()
	case 'g':
		return p.backrefG()
	}
	if c >= '1' && c <= '9' {
		p.at--
		if n, ok := p.backrefDigits(); ok {
			return n, nil
		}
		p.at++
	}
	value, err := p.charEscape(c)
	if err != nil {
		return nil, err
	}
	return p.literal(value), nil
}

// lineBreak is \R: CRLF or any vertical space, taken whole.
func lineBreak() *node {
	var cr, lf byteSet
	cr.add('\r')
	lf.add('\n')
	pair := &node{kind: kindConcat, subs: []*node{{kind: kindSet, set: &cr}, {kind: kindSet, set: &lf}}}
	return &node{kind: kindAlternate, subs: []*node{pair, {kind: kindSet, set: vertical()}}}
}

// backrefDigits reads \1 … \99; numbers beyond the groups seen so far are octal, as PCRE says.
func (p *parser) backrefDigits() (*node, bool) {
	end := p.at
	for end < len(p.text) && end < p.at+3 && p.text[end] >= '0' && p.text[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(p.text[p.at:end])
	if err != nil || n >= 10 && n > p.captures {
		return nil, false
	}
	p.at = end
	return &node{kind: kindBackref, index: n, fold: p.opt.Caseless}, true
}

func (p *parser) backrefK() (*node, error) {
	for _, pair := range []string{"<>", "{}", "''"} {
		if p.take(pair[:1]) {
			name, err := p.until(pair[1])
			if err != nil {
				return nil, err
			}
			return p.backrefName(name)
		}
	}
	return nil, p.fail(`\k without a name`)
}

func (p *parser) backrefG() (*node, error) {
	var name string
	if p.take("{") {
		var err error
		if name, err = p.until('}'); err != nil {
			return nil, err
		}
	} else {
		end := p.at
		for end < len(p.text) && (p.text[end] >= '0' && p.text[end] <= '9' || end == p.at && p.text[end] == '-') {
			end++
		}
		name = p.text[p.at:end]
		p.at = end
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return p.backrefName(name)
	}
	if n < 0 {
		n += p.captures + 1
	}
	if n <= 0 || n > p.captures {
		return nil, p.fail("reference to the unknown group %q", name)
	}
	return &node{kind: kindBackref, index: n, fold: p.opt.Caseless}, nil
}
