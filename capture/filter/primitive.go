package filter

import (
	"fmt"
	"net/netip"
	"strings"
)

// primitive reads qualifiers and a value, a protocol alone, or a keyword.
func (p *parser) primitive() (*node, error) {
	t := p.peek()
	if t.kind == tokWord {
		if why := refusedWords[t.text]; why != "" {
			return nil, p.fail(t, why)
		}
		if plainWords[t.text] {
			return p.keyword()
		}
	}
	q, given := p.qualifiers()
	next := p.peek()
	if !given {
		if t.kind == tokEnd {
			return nil, p.fail(t, "the expression ends where a test should stand")
		}
		if t.kind == tokOp {
			return nil, p.fail(t, fmt.Sprintf("%q stands where a test should", t.text))
		}
		if q = p.last; q == (qualifiers{}) {
			q.kind = "host" // a value alone, with nothing before it to carry over
		}
		return p.value(q)
	}
	if q.dir == "" && q.kind == "" {
		switch {
		case next.kind == tokWord && (next.text == "broadcast" || next.text == "multicast"):
			p.pos++
			return &node{kind: nodeWord, at: t.at, word: next.text, q: q}, nil
		case next.kind == tokWord && refusedWords[next.text] != "":
			return nil, p.fail(next, refusedWords[next.text])
		}
		p.last = qualifiers{}
		return &node{kind: nodeWord, at: t.at, word: "proto", q: q}, nil
	}
	if q.kind == "" {
		q.kind = "host"
	}
	p.last = q
	if p.isOp("(") {
		return p.values(q)
	}
	return p.value(q)
}

// qualifiers reads proto, direction and kind, as far as they are given.
func (p *parser) qualifiers() (q qualifiers, given bool) {
	if t := p.peek(); t.kind == tokWord && protoWords[t.text] {
		q.proto, given = t.text, true
		p.pos++
	}
	if p.isWord("src") || p.isWord("dst") {
		q.dir, given = p.take().text, true
		// "src or dst" and "src and dst" are one direction; "src or host x" is not.
		if save := p.pos; true {
			if kind, ok := p.join(); ok && (p.isWord("src") || p.isWord("dst")) && p.peek().text != q.dir {
				p.pos++
				q.dir = map[nodeKind]string{nodeAnd: "both", nodeOr: "either"}[kind]
			} else {
				p.pos = save
			}
		}
	}
	if t := p.peek(); t.kind == tokWord && kindWords[t.text] {
		q.kind, given = t.text, true
		p.pos++
	}
	return q, given
}

// values reads (80 or 443) after qualifiers.
func (p *parser) values(q qualifiers) (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if !p.isOp("(") {
		if t := p.peek(); p.isWord("not") || p.isOp("!") {
			p.pos++
			x, err := p.values(q)
			return &node{kind: nodeNot, at: t.at, l: x}, err
		}
		return p.value(q)
	}
	p.pos++
	left, err := p.values(q)
	for err == nil {
		at := p.peek().at
		kind, ok := p.join()
		if !ok {
			break
		}
		var right *node
		right, err = p.values(q)
		left = &node{kind: kind, at: at, l: left, r: right}
	}
	if err != nil {
		return nil, err
	}
	if !p.isOp(")") {
		return nil, p.fail(p.peek(), "a closing parenthesis is missing")
	}
	p.pos++
	return left, nil
}

// keyword reads a word that stands for itself, and its number.
func (p *parser) keyword() (*node, error) {
	t := p.take()
	n := &node{kind: nodeWord, at: t.at, word: t.text}
	most, needed := uint64(0), false
	switch t.text {
	case "vlan":
		most = 4095
	case "mpls":
		most = 1<<20 - 1
	case "pppoes":
		most = 0xffff
	case "less", "greater":
		most, needed = 1<<32-1, true
	default:
		return n, nil
	}
	next := p.peek()
	if next.kind == tokWord && next.text[0] >= '0' && next.text[0] <= '9' {
		k, ok := number(next.text, most)
		if !ok {
			return nil, p.fail(next, fmt.Sprintf("%s takes a number up to %d", t.text, most))
		}
		p.pos++
		n.id, n.has = value{lo: k, num: true}, true
	} else if needed {
		return nil, p.fail(next, t.text+" needs a length in bytes")
	}
	return n, nil
}

// value reads what a primitive compares with.
func (p *parser) value(q qualifiers) (*node, error) {
	t := p.take()
	if t.kind == tokEnd {
		return nil, p.fail(t, fmt.Sprintf("%s needs a value", q.kind))
	}
	if t.kind == tokOp {
		return nil, p.fail(t, fmt.Sprintf("%s needs a value, not %q", q.kind, t.text))
	}
	n := &node{kind: nodePrimitive, at: t.at, q: q, id: value{text: t.text, at: t.at}}
	var reason string
	switch {
	case q.kind == "port" || q.kind == "portrange":
		reason = n.id.ports(q.kind == "portrange")
	case q.kind == "proto":
		reason = n.id.protocol(q.proto)
	case q.proto == "ether" || q.proto == "link":
		reason = n.id.hardware()
	case q.kind == "net":
		reason = p.network(&n.id)
	default:
		if a, err := netip.ParseAddr(t.text); err == nil && a.Zone() == "" {
			n.id.addr, n.id.bits = a.Unmap(), a.Unmap().BitLen()
		} else if t.kind == tokWord && (protoWords[t.text] || kindWords[t.text] || plainWords[t.text]) {
			reason = fmt.Sprintf("%q stands where an address should", t.text)
		} else {
			reason = fmt.Sprintf("%q is no address; names are not looked up", t.text)
		}
	}
	if reason != "" {
		return nil, p.fail(t, reason)
	}
	return n, nil
}

func (v *value) ports(isRange bool) string {
	lo, hi, cut := v.text, v.text, false
	if isRange {
		if lo, hi, cut = strings.Cut(v.text, "-"); !cut {
			hi = lo
		}
	}
	for i, text := range []string{lo, hi} {
		n, ok := number(text, 65535)
		if !ok {
			if n, ok = services[text]; !ok {
				return fmt.Sprintf("%q is no port (0 to 65535) and no service known here", text)
			}
		}
		if i == 0 {
			v.lo = n
		}
		v.hi = n
	}
	if v.lo > v.hi {
		v.lo, v.hi = v.hi, v.lo
	}
	return ""
}

func (v *value) protocol(of string) string {
	table, most, what := ipProtocols, uint64(255), "an IP protocol"
	if of == "ether" || of == "link" {
		table, most, what = etherTypes, 0xffff, "an Ethernet type"
	}
	if n, ok := number(v.text, most); ok {
		v.lo = n
		return ""
	}
	n, ok := table[v.text]
	if !ok {
		return fmt.Sprintf("%q is not %s", v.text, what)
	}
	v.lo = n
	return ""
}

// hardware reads a MAC address: aa:bb:cc:dd:ee:ff, also with dashes or dots, or aabb.ccdd.eeff.
func (v *value) hardware() string {
	text := v.text
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '-' || r == '.' })
	if len(parts) == 3 && len(text) == 14 {
		parts = []string{parts[0][:2], parts[0][2:], parts[1][:2], parts[1][2:], parts[2][:2], parts[2][2:]}
	}
	if len(parts) != 6 {
		return fmt.Sprintf("%q is no hardware address; write such as 02:00:00:00:00:01", v.text)
	}
	for i, s := range parts {
		n, ok := number("0x"+s, 255)
		if !ok || len(s) > 2 {
			return fmt.Sprintf("%q is no hardware address; write such as 02:00:00:00:00:01", v.text)
		}
		v.mac[i] = byte(n)
	}
	return ""
}

// network reads 10.0.0.0/8, 10.0.0.0 mask 255.0.0.0, 192.168 (which means /16), 2001:db8::/32.
func (p *parser) network(v *value) string {
	text := v.text
	if !strings.Contains(text, ":") {
		if n := strings.Count(text, "."); n < 3 {
			v.bits = 8 * (n + 1)
			text += strings.Repeat(".0", 3-n)
		} else {
			v.bits = 32
		}
	} else {
		v.bits = 128
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return fmt.Sprintf("%q is no network; names are not looked up", v.text)
	}
	v.addr = a
	switch {
	case p.isOp("/"):
		p.pos++
		n, ok := number(p.take().text, uint64(a.BitLen()))
		if !ok {
			return fmt.Sprintf("the prefix length of %s is 0 to %d", v.text, a.BitLen())
		}
		v.bits = int(n)
	case p.isWord("mask"):
		p.pos++
		m, err := netip.ParseAddr(p.take().text)
		if err != nil || !m.Is4() || !a.Is4() {
			return "mask takes an IPv4 mask such as 255.255.0.0"
		}
		b := m.As4()
		mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		bits := 0
		for mask&0x80000000 != 0 {
			mask <<= 1
			bits++
		}
		if mask != 0 {
			return "a mask with holes is not supported; write the network as address/length"
		}
		v.bits = bits
	}
	if netip.PrefixFrom(a, v.bits).Masked().Addr() != a {
		return fmt.Sprintf("%s/%d has bits set behind its prefix", a, v.bits)
	}
	return ""
}
