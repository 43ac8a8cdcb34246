package filter

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
)

const nestingMax = 64

// Expr is a parsed expression.
type Expr struct {
	text string
	root *node // nil passes everything
}

// String returns the expression as it was given.
func (e *Expr) String() string { return e.text }

type nodeKind uint8

const (
	nodeAnd nodeKind = iota
	nodeOr
	nodeNot
	nodePrimitive // qualifiers and a value
	nodeWord      // a keyword, with or without a number: vlan 5, broadcast, less 100
	nodeRelation
)

// node is one part of an expression.
type node struct {
	kind nodeKind
	at   int
	l, r *node

	q    qualifiers
	id   value
	word string
	has  bool // id is given (nodeWord)

	op   string
	a, b *arith
}

type qualifiers struct{ proto, dir, kind string }

// value is what a primitive compares with.
type value struct {
	text   string
	at     int
	lo, hi uint32 // numbers, ports
	num    bool
	addr   netip.Addr
	bits   int // of a network
	mac    [6]byte
}

// arith is an arithmetic expression.
type arith struct {
	at    int
	op    string // "" for a constant, "len", "[" for a load, else an operator
	k     uint32
	proto string
	size  uint32
	l, r  *arith
}

// Words of the language. Never written.
var (
	protoWords = map[string]bool{
		"ether": true, "link": true, "ip": true, "ip6": true, "arp": true, "rarp": true, "tcp": true, "udp": true, "sctp": true, "icmp": true,
		"icmp6": true, "igmp": true, "igrp": true, "pim": true, "vrrp": true, "carp": true, "ah": true, "esp": true,
		"aarp": true, "atalk": true, "decnet": true, "sca": true, "lat": true, "mopdl": true, "moprc": true, "loopback": true,
	}
	kindWords  = map[string]bool{"host": true, "net": true, "port": true, "portrange": true, "proto": true}
	plainWords = map[string]bool{
		"vlan": true, "mpls": true, "pppoed": true, "pppoes": true, "broadcast": true, "multicast": true, "less": true, "greater": true, "inbound": true, "outbound": true,
	}
	refusedWords = map[string]string{
		"gateway": "gateway needs a look-up of the gateway's link address", "protochain": "protochain needs a loop, which no kernel runs",
		"wlan": "IEEE 802.11 frames are not read", "type": "IEEE 802.11 frames are not read", "subtype": "IEEE 802.11 frames are not read",
		"ra": "IEEE 802.11 frames are not read", "ta": "IEEE 802.11 frames are not read", "fddi": "FDDI is not read", "tr": "Token Ring is not read",
		"geneve": "tunnels are looked into by the decoder; capture them by udp port 6081", "vxlan": "tunnels are looked into by the decoder; capture them by udp port 4789",
		"stp": "LLC protocols are not told apart", "iso": "LLC protocols are not told apart", "clnp": "LLC protocols are not told apart",
		"ipx": "LLC protocols are not told apart", "netbeui": "LLC protocols are not told apart", "llc": "LLC protocols are not told apart",
		"ifname": "this belongs to PF", "rset": "this belongs to PF", "action": "this belongs to PF", "on": "this belongs to PF",
	}
)

type parser struct {
	text  string
	toks  []token
	pos   int
	depth int
	last  qualifiers // for values that stand alone: port 80 or 443
}

// Parse reads an expression. The error is an *Error. An expression of blanks passes everything.
func Parse(text string) (*Expr, error) {
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, toks: toks}
	e := &Expr{text: text}
	if p.peek().kind == tokEnd {
		return e, nil
	}
	if e.root, err = p.expression(); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.fail(t, fmt.Sprintf("%q does not follow here; join tests with and, or", t.text))
	}
	// What depends on the link type is found when the expression is compiled; what does not must be found here.
	if _, err := e.Compile(Target{Link: 1, Metadata: true}); err != nil {
		return nil, err
	}
	return e, nil
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) take() token {
	t := p.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

func (p *parser) fail(t token, reason string) error { return &Error{p.text, t.at, reason} }

func (p *parser) isOp(text string) bool { t := p.peek(); return t.kind == tokOp && t.text == text }

func (p *parser) isWord(text string) bool { t := p.peek(); return t.kind == tokWord && t.text == text }

// join reads a connective and tells which.
func (p *parser) join() (nodeKind, bool) {
	switch {
	case p.isWord("and") || p.isOp("&&"):
		p.pos++
		return nodeAnd, true
	case p.isWord("or") || p.isOp("||"):
		p.pos++
		return nodeOr, true
	}
	return 0, false
}

func (p *parser) enter() error {
	if p.depth++; p.depth > nestingMax {
		return p.fail(p.peek(), fmt.Sprintf("nested deeper than %d", nestingMax))
	}
	return nil
}

// expression reads terms joined by and, or: equally strong, from the left.
func (p *parser) expression() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.term()
	for err == nil {
		at := p.peek().at
		kind, ok := p.join()
		if !ok {
			return left, nil
		}
		var right *node
		if right, err = p.term(); err == nil {
			left = &node{kind: kind, at: at, l: left, r: right}
		}
	}
	return nil, err
}

func (p *parser) term() (*node, error) {
	t := p.peek()
	if p.isWord("not") || p.isOp("!") {
		p.pos++
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		x, err := p.term()
		if err != nil {
			return nil, err
		}
		return &node{kind: nodeNot, at: t.at, l: x}, nil
	}
	if n, ok, err := p.relation(); ok || err != nil {
		return n, err
	}
	if p.isOp("(") {
		p.pos++
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		if !p.isOp(")") {
			return nil, p.fail(p.peek(), "a closing parenthesis is missing")
		}
		p.pos++
		return x, nil
	}
	return p.primitive()
}

// relation reads arithmetic and a comparison, or puts everything back.
func (p *parser) relation() (*node, bool, error) {
	start, depth, t := p.pos, p.depth, p.peek()
	a, err := p.sum(0)
	if err == nil {
		if op := p.peek(); op.kind == tokOp {
			switch op.text {
			case "=", "==", "!=", "<", "<=", ">", ">=":
				p.pos++
				b, err := p.sum(0)
				if err != nil {
					return nil, false, err
				}
				return &node{kind: nodeRelation, at: t.at, op: op.text, a: a, b: b}, true, nil
			}
		}
		if a.op != "" && start != p.pos && a.op != "len" { // a load or an operator can be nothing else
			return nil, false, p.fail(p.peek(), "a comparison is missing: write such as tcp[13] & 2 != 0")
		}
	}
	if err != nil && t.kind == tokWord && (protoWords[t.text] || refusedWords[t.text] != "") && start+1 < len(p.toks) && p.toks[start+1].text == "[" {
		return nil, false, err
	}
	p.pos, p.depth = start, depth
	return nil, false, nil
}

// levels are the binary operators of arithmetic from weak to strong. Never written.
var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}}

func (p *parser) sum(level int) (*arith, error) {
	if level == len(levels) {
		return p.factor()
	}
	left, err := p.sum(level + 1)
	for err == nil {
		t, found := p.peek(), false
		for _, op := range levels[level] {
			found = found || t.kind == tokOp && t.text == op
		}
		if !found {
			return left, nil
		}
		p.pos++
		var right *arith
		if right, err = p.sum(level + 1); err == nil {
			left = &arith{at: t.at, op: t.text, l: left, r: right}
		}
	}
	return nil, err
}

func (p *parser) factor() (*arith, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	t := p.take()
	switch {
	case t.kind == tokOp && t.text == "(":
		x, err := p.sum(0)
		if err != nil {
			return nil, err
		}
		if !p.isOp(")") {
			return nil, p.fail(p.peek(), "a closing parenthesis is missing")
		}
		p.pos++
		return x, nil
	case t.kind == tokOp && t.text == "-":
		x, err := p.factor()
		if err != nil {
			return nil, err
		}
		return &arith{at: t.at, op: "neg", l: x}, nil
	case t.kind == tokWord && t.text == "len":
		return &arith{at: t.at, op: "len"}, nil
	case t.kind == tokWord && p.isOp("["):
		return p.load(t)
	case t.kind == tokWord:
		if k, ok := constants[t.text]; ok {
			return &arith{at: t.at, k: k}, nil
		}
		if k, err := strconv.ParseUint(t.text, 0, 32); err == nil {
			return &arith{at: t.at, k: uint32(k)}, nil
		}
	}
	return nil, p.fail(t, "a number is missing")
}

// load reads proto[offset:size].
func (p *parser) load(t token) (*arith, error) {
	if why := refusedWords[t.text]; why != "" {
		return nil, p.fail(t, why)
	}
	if !protoWords[t.text] {
		return nil, p.fail(t, fmt.Sprintf("%q is no protocol with bytes to read", t.text))
	}
	p.pos++
	index, err := p.sum(0)
	if err != nil {
		return nil, err
	}
	a := &arith{at: t.at, op: "[", proto: t.text, size: 1, l: index}
	if p.isOp(":") {
		p.pos++
		s := p.take()
		switch s.text {
		case "1", "2", "4":
			a.size = uint32(s.text[0] - '0')
		default:
			return nil, p.fail(s, "the size is 1, 2 or 4 bytes")
		}
	}
	if !p.isOp("]") {
		return nil, p.fail(p.peek(), "a closing bracket is missing")
	}
	p.pos++
	return a, nil
}

// number reads a plain number.
func number(text string, most uint64) (uint32, bool) {
	n, err := strconv.ParseUint(text, 0, 64)
	return uint32(n), err == nil && n <= min(most, math.MaxUint32)
}
