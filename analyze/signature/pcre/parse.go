package pcre

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of one pattern.
const (
	patternBytesMax = 8 << 10
	nestingMax      = 100
	repeatMax       = 65535
)

// Options are the flags after the pattern's second slash that change its meaning.
type Options struct {
	Caseless   bool // i
	Multiline  bool // m
	DotAll     bool // s
	Extended   bool // x
	Anchored   bool // A
	DollarEnd  bool // E
	Ungreedy   bool // G
	StartAfter bool // the subject begins where another match ended (R): ^ matches there
}

// SyntaxError is a pattern that is not understood or cannot be honoured. Offset counts bytes of the pattern.
type SyntaxError struct {
	Offset int
	Reason string
}

// Error is the reason with its place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d of the expression", e.Reason, e.Offset)
}

type parser struct {
	text     string
	at       int
	opt      Options
	depth    int
	captures int
	names    map[string]int
}

func parsePattern(text string, opt Options) (root *node, err error) {
	p := &parser{text: text, opt: opt, names: map[string]int{}}
	if len(text) > patternBytesMax {
		return nil, p.fail("expression is longer than 8192 bytes")
	}
	root, err = p.alternation()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.text) {
		return nil, p.fail("unmatched )")
	}
	return root, nil
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{Offset: p.at, Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) more() bool { return p.at < len(p.text) }

func (p *parser) has(prefix string) bool { return strings.HasPrefix(p.text[p.at:], prefix) }

func (p *parser) take(prefix string) bool {
	if p.has(prefix) {
		p.at += len(prefix)
		return true
	}
	return false
}

func (p *parser) alternation() (*node, error) {
	if p.depth++; p.depth > nestingMax {
		return nil, p.fail("groups nest deeper than 100")
	}
	saved := p.opt
	defer func() { p.depth--; p.opt = saved }()
	var branches []*node
	for {
		branch, err := p.concat()
		if err != nil {
			return nil, err
		}
		branches = append(branches, branch)
		if !p.take("|") {
			break
		}
	}
	if len(branches) == 1 {
		return branches[0], nil
	}
	return &node{kind: kindAlternate, subs: branches}, nil
}

func (p *parser) concat() (*node, error) {
	out := &node{kind: kindConcat}
	for p.more() && p.text[p.at] != '|' && p.text[p.at] != ')' {
		if p.opt.Extended && p.skipExtended() {
			continue
		}
		if p.take(`\Q`) {
			if err := p.quoted(out); err != nil {
				return nil, err
			}
			continue
		}
		if p.take(`\E`) {
			continue
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if n, err = p.repeats(n); err != nil {
			return nil, err
		}
		out.subs = append(out.subs, n)
	}
	return out, nil
}

// skipExtended skips white space and comments under the x flag.
func (p *parser) skipExtended() bool {
	c := p.text[p.at]
	if spaces().has(c) {
		p.at++
		return true
	}
	if c != '#' {
		return false
	}
	for p.more() && p.text[p.at] != '\n' {
		p.at++
	}
	return true
}

// quoted takes everything up to \E as it stands; a repeat after it belongs to its last byte.
func (p *parser) quoted(out *node) error {
	end := strings.Index(p.text[p.at:], `\E`)
	stop := len(p.text)
	if end >= 0 {
		stop = p.at + end
	}
	for ; p.at < stop; p.at++ {
		out.subs = append(out.subs, p.literal(p.text[p.at]))
	}
	if end >= 0 {
		p.at += 2
	}
	last := len(out.subs) - 1
	if last < 0 {
		return nil
	}
	n, err := p.repeats(out.subs[last])
	out.subs[last] = n
	return err
}

func (p *parser) literal(c byte) *node {
	var s byteSet
	s.add(c)
	return p.setNode(&s)
}

func (p *parser) setNode(s *byteSet) *node {
	if p.opt.Caseless {
		s.fold()
	}
	return &node{kind: kindSet, set: s}
}

// atom parses one unit. It returns nil for what leaves no node behind (comments, flag settings).
func (p *parser) atom() (*node, error) {
	c := p.text[p.at]
	p.at++
	switch c {
	case '(':
		return p.group()
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '.':
		var s byteSet
		if !p.opt.DotAll {
			s.add('\n')
		}
		s.negate()
		return &node{kind: kindSet, set: &s}, nil
	case '^':
		if p.opt.Multiline {
			return &node{kind: kindBeginLine}, nil
		}
		return &node{kind: kindBegin}, nil
	case '$':
		switch {
		case p.opt.Multiline:
			return &node{kind: kindEndLine}, nil
		case p.opt.DollarEnd:
			return &node{kind: kindEnd}, nil
		}
		return &node{kind: kindEndLF}, nil
	case '*', '+', '?':
		p.at--
		return nil, p.fail("nothing to repeat before %c", c)
	}
	return p.literal(c), nil
}

// repeats wraps n in the quantifiers that follow it.
func (p *parser) repeats(n *node) (*node, error) {
	for p.more() {
		if p.opt.Extended && p.skipExtended() {
			continue
		}
		minimum, maximum, ok := p.quantifier()
		if !ok {
			return n, nil
		}
		if maximum != noMax && maximum < minimum {
			return nil, p.fail("repeat {%d,%d} is backwards", minimum, maximum)
		}
		if minimum > repeatMax || maximum > repeatMax {
			return nil, p.fail("repeat is larger than 65535")
		}
		form := greedy
		if p.opt.Ungreedy {
			form = lazy
		}
		if p.take("+") {
			form = possessive
		} else if p.take("?") {
			form = lazy - form
		}
		n = &node{kind: kindRepeat, subs: []*node{n}, min: minimum, max: maximum, form: form}
	}
	return n, nil
}

func (p *parser) quantifier() (minimum, maximum int, ok bool) {
	switch {
	case p.take("*"):
		return 0, noMax, true
	case p.take("+"):
		return 1, noMax, true
	case p.take("?"):
		return 0, 1, true
	case !p.has("{"):
		return 0, 0, false
	}
	end := strings.IndexByte(p.text[p.at:], '}')
	if end < 0 {
		return 0, 0, false
	}
	low, high, ranged := strings.Cut(p.text[p.at+1:p.at+end], ",")
	minimum, err := number(low)
	if err != nil {
		return 0, 0, false // PCRE takes { as itself then
	}
	switch {
	case !ranged:
		maximum = minimum
	case high == "":
		maximum = noMax
	default:
		if maximum, err = number(high); err != nil {
			return 0, 0, false
		}
	}
	p.at += end + 1
	return minimum, maximum, true
}

// number parses plain digits only: no sign, no blank.
func number(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err
}
