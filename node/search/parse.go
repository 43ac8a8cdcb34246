package search

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	sourceBytesMax = 4096
	depthMax       = 50
	termsMax       = 500
)

// Error is a mistake in an expression.
type Error struct {
	Column int // in characters, from 1
	Reason string
}

// Error says where and what.
func (e *Error) Error() string { return fmt.Sprintf("expression, column %d: %s", e.Column, e.Reason) }

// Parse reads an expression; now is what relative times count from. The error is an *Error.
func Parse(source string, now time.Time) (*Expr, error) {
	p := &parser{src: source, now: now}
	if len(source) > sourceBytesMax {
		return nil, &Error{1, fmt.Sprintf("longer than %d bytes", sourceBytesMax)}
	}
	if !utf8.ValidString(source) {
		return nil, &Error{1, "not UTF-8"}
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return &Expr{source: source}, nil
	}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.fail(p.tok.pos, "%s does not belong here", p.tok)
	}
	if _, all := root.(everything); all {
		root = nil
	}
	return &Expr{source: source, root: root}, nil
}

// everything is a lone "*".
type everything struct{}

func (everything) match(*Row) bool { return true }

type tokKind uint8

const (
	tokEnd tokKind = iota
	tokWord
	tokQuoted
	tokOp
	tokOpen
	tokClose
	tokComma
)

type token struct {
	kind tokKind
	text string
	pos  int // byte offset
}

func (t token) String() string {
	if t.kind == tokEnd {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// is says whether the token is a bare keyword.
func (t token) is(keyword string) bool {
	return t.kind == tokWord && strings.EqualFold(t.text, keyword)
}

type parser struct {
	src   string
	pos   int
	tok   token
	terms int
	now   time.Time
}

func (p *parser) fail(pos int, format string, args ...any) error {
	return &Error{utf8.RuneCountInString(p.src[:pos]) + 1, fmt.Sprintf(format, args...)}
}

// next reads one token into p.tok.
func (p *parser) next() error {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
	start := p.pos
	if start == len(p.src) {
		p.tok = token{tokEnd, "", start}
		return nil
	}
	kind, n := tokOp, 1
	switch c := p.src[start]; c {
	case '(':
		kind = tokOpen
	case ')':
		kind = tokClose
	case ',':
		kind = tokComma
	case '"':
		return p.quoted()
	case '=', '~':
	case '!', '>', '<':
		if strings.HasPrefix(p.src[start+1:], "=") {
			n = 2
		} else if c == '!' {
			return p.fail(start, "write != or not")
		}
	default:
		kind = tokWord
		if n = strings.IndexAny(p.src[start:], " \t\r\n(),\"=~!><"); n < 0 {
			n = len(p.src) - start
		}
	}
	p.pos += n
	p.tok = token{kind, p.src[start:p.pos], start}
	return nil
}

// quoted reads text in double quotes; \" and \\ stand for themselves.
func (p *parser) quoted() error {
	var b strings.Builder
	start := p.pos
	for i := start + 1; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '"':
			p.pos = i + 1
			p.tok = token{tokQuoted, b.String(), start}
			return nil
		case c == '\\' && i+1 < len(p.src) && (p.src[i+1] == '"' || p.src[i+1] == '\\'):
			i++
			b.WriteByte(p.src[i])
		default:
			b.WriteByte(c)
		}
	}
	return p.fail(start, "the quote is not closed")
}

func (p *parser) or(depth int) (node, error) {
	if depth > depthMax {
		return nil, p.fail(p.tok.pos, "nested deeper than %d", depthMax)
	}
	left, err := p.and(depth)
	for err == nil && p.tok.is("or") {
		if err = p.next(); err != nil {
			break
		}
		var right node
		if right, err = p.and(depth); err == nil {
			left = either{left, right}
		}
	}
	return left, err
}

func (p *parser) and(depth int) (node, error) {
	left, err := p.not(depth)
	for err == nil && p.tok.kind != tokEnd && p.tok.kind != tokClose && !p.tok.is("or") {
		if p.tok.is("and") {
			if err = p.next(); err != nil {
				break
			}
		}
		var right node
		if right, err = p.not(depth); err == nil {
			left = both{left, right}
		}
	}
	return left, err
}

func (p *parser) not(depth int) (node, error) {
	if depth > depthMax {
		return nil, p.fail(p.tok.pos, "nested deeper than %d", depthMax)
	}
	if p.terms++; p.terms > termsMax {
		return nil, p.fail(p.tok.pos, "more than %d terms", termsMax)
	}
	t := p.tok
	if err := p.next(); err != nil {
		return nil, err
	}
	switch {
	case t.is("not"):
		n, err := p.not(depth + 1)
		return negate{n}, err
	case t.is("and"), t.is("or"):
		return nil, p.fail(t.pos, "%s has nothing on its left", t)
	case t.kind == tokOpen:
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != tokClose {
			return nil, p.fail(t.pos, "the bracket is not closed")
		}
		return n, p.next()
	case t.kind == tokQuoted:
		return word{strings.ToLower(t.text)}, nil
	case t.kind != tokWord:
		return nil, p.fail(t.pos, "a field or a word must stand here, not %s", t)
	case p.tok.kind == tokOp || p.tok.is("in"):
		return p.comparison(t)
	case t.text == "*":
		return everything{}, nil
	default:
		return word{strings.ToLower(t.text)}, nil
	}
}

func (p *parser) comparison(name token) (node, error) {
	f, ok := fields[strings.ToLower(name.text)]
	if !ok {
		return nil, p.fail(name.pos, "no field %q; there are %s", name.text, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
	operator := p.tok
	if err := p.next(); err != nil {
		return nil, err
	}
	if operator.kind == tokOp {
		return p.value(f, name, operator)
	}
	if p.tok.kind != tokOpen {
		return nil, p.fail(p.tok.pos, "in wants a list in brackets")
	}
	var list anyOf
	for {
		if err := p.next(); err != nil {
			return nil, err
		}
		if p.terms++; p.terms > termsMax {
			return nil, p.fail(p.tok.pos, "more than %d terms", termsMax)
		}
		n, err := p.value(f, name, token{tokOp, "=", operator.pos})
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		switch p.tok.kind {
		case tokComma:
		case tokClose:
			return list, p.next()
		default:
			return nil, p.fail(p.tok.pos, "a comma or a closing bracket must stand here, not %s", p.tok)
		}
	}
}

// operators by how they are written. Never written after the package is loaded.
var operators = map[string]op{
	"=": opEqual, "!=": opNotEqual, ">": opGreater, ">=": opGreaterEqual, "<": opLess, "<=": opLessEqual, "~": opContains,
}

// value reads the right side of a comparison and builds its matcher.
func (p *parser) value(f field, name, operator token) (node, error) {
	v := p.tok
	if v.kind != tokWord && v.kind != tokQuoted {
		return nil, p.fail(v.pos, "a value must stand here, not %s", v)
	}
	o := operators[operator.text]
	if o == opContains && f.kind != kindText {
		return nil, p.fail(operator.pos, "~ is for text, and %s is not", name.text)
	}
	var n node
	switch f.kind {
	case kindText:
		n = textMatch{f.text, o, strings.ToLower(v.text)}
	case kindNumber:
		want, err := strconv.ParseUint(v.text, 10, 64)
		if err != nil {
			return nil, p.fail(v.pos, "%s is a number, and %q is not", name.text, v.text)
		}
		n = numberMatch{f.number, o, want}
	case kindAddr:
		want, ok := parsePrefix(v.text)
		if !ok {
			return nil, p.fail(v.pos, "%s is an address or a prefix, and %q is not", name.text, v.text)
		}
		if o != opEqual && o != opNotEqual {
			return nil, p.fail(operator.pos, "%s takes = and != only", name.text)
		}
		n = addrMatch{f.addr, o == opNotEqual, want}
	default:
		want, ok := parseInstant(v.text, p.now)
		if !ok {
			return nil, p.fail(v.pos, "%s is a time (2026-11-21T08:00:00+08:00, now-15m), and %q is not", name.text, v.text)
		}
		n = timeMatch{f.time, o, want}
	}
	return n, p.next()
}

func parsePrefix(v string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(v); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), a.Zone() == ""
	}
	pre, err := netip.ParsePrefix(v)
	return pre.Masked(), err == nil
}
