package search

import (
	"net/netip"
	"strings"
	"time"
)

// Expr is a parsed expression.
type Expr struct {
	source string
	root   node
}

// Match says whether the row is chosen.
func (e *Expr) Match(r *Row) bool {
	return e.root == nil || e.root.match(r)
}

// All says whether the expression chooses everything.
func (e *Expr) All() bool { return e.root == nil }

// String returns the expression as it was written.
func (e *Expr) String() string { return e.source }

// node is one piece of the tree.
type node interface{ match(r *Row) bool }

type (
	both   struct{ a, b node }
	either struct{ a, b node }
	negate struct{ a node }
	word   struct{ lower string }
)

func (n both) match(r *Row) bool   { return n.a.match(r) && n.b.match(r) }
func (n either) match(r *Row) bool { return n.a.match(r) || n.b.match(r) }
func (n negate) match(r *Row) bool { return !n.a.match(r) }

func (n word) match(r *Row) bool {
	for _, h := range haystack(r) {
		if strings.Contains(strings.ToLower(h), n.lower) {
			return true
		}
	}
	return false
}

// anyOf is field in (a, b, …).
type anyOf []node

func (n anyOf) match(r *Row) bool {
	for _, m := range n {
		if m.match(r) {
			return true
		}
	}
	return false
}

type op uint8

const (
	opEqual op = iota + 1
	opNotEqual
	opGreater
	opGreaterEqual
	opLess
	opLessEqual
	opContains
)

type textMatch struct {
	get   func(*Row) string
	op    op
	lower string
}

func (n textMatch) match(r *Row) bool {
	have := strings.ToLower(n.get(r))
	switch n.op {
	case opEqual:
		return glob(n.lower, have)
	case opNotEqual:
		return !glob(n.lower, have)
	case opContains:
		return strings.Contains(have, n.lower)
	case opGreater:
		return have > n.lower
	case opGreaterEqual:
		return have >= n.lower
	case opLess:
		return have < n.lower
	default:
		return have <= n.lower
	}
}

// glob matches "*" as any run of bytes in time linear in len(have) for each star.
func glob(pattern, have string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == have
	}
	if !strings.HasPrefix(have, first) {
		return false
	}
	have = have[len(first):]
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(have, part)
		}
		i := strings.Index(have, part)
		if i < 0 {
			return false
		}
		have, rest = have[i+len(part):], more
	}
}

type numberMatch struct {
	get  func(*Row) (uint64, uint64)
	op   op
	want uint64
}

// match is true when either value fits; != is true when neither is equal.
func (n numberMatch) match(r *Row) bool {
	a, b := n.get(r)
	switch n.op {
	case opEqual:
		return a == n.want || b == n.want
	case opNotEqual:
		return a != n.want && b != n.want
	case opGreater:
		return a > n.want || b > n.want
	case opGreaterEqual:
		return a >= n.want || b >= n.want
	case opLess:
		return a < n.want || b < n.want
	default:
		return a <= n.want || b <= n.want
	}
}

type addrMatch struct {
	get  func(*Row) (netip.Addr, netip.Addr)
	not  bool
	want netip.Prefix
}

func (n addrMatch) match(r *Row) bool {
	a, b := n.get(r)
	return (n.want.Contains(a) || n.want.Contains(b)) != n.not
}

type timeMatch struct {
	get  func(*Row) time.Time
	op   op
	want time.Time
}

func (n timeMatch) match(r *Row) bool {
	c := n.get(r).Compare(n.want)
	switch n.op {
	case opEqual:
		return c == 0
	case opNotEqual:
		return c != 0
	case opGreater:
		return c > 0
	case opGreaterEqual:
		return c >= 0
	case opLess:
		return c < 0
	default:
		return c <= 0
	}
}
