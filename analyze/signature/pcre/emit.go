package pcre

import (
	"fmt"
	"strings"
)

// stdRepeatMax is the largest bound the standard library takes in one {n,m}.
const stdRepeatMax = 1000

// emitter writes a tree in the syntax of one engine.
type emitter struct {
	out strings.Builder
	std bool // the standard library, else regexp2
	// captures keeps group numbers in the standard library's form too.
	captures bool
}

func (e *emitter) node(n *node) {
	switch n.kind {
	case kindEmpty:
	case kindSet:
		e.set(n.set)
	case kindConcat:
		for _, sub := range n.subs {
			e.node(sub)
		}
	case kindAlternate:
		e.out.WriteString("(?:")
		for i, sub := range n.subs {
			if i > 0 {
				e.out.WriteByte('|')
			}
			e.node(sub)
		}
		e.out.WriteByte(')')
	case kindRepeat:
		e.repeat(n)
	case kindGroup:
		switch {
		case n.index > 0 && !e.std:
			fmt.Fprintf(&e.out, "(?<g%d>", n.index)
		case n.index > 0 && e.captures:
			e.out.WriteByte('(')
		default:
			e.out.WriteString("(?:")
		}
		e.node(n.subs[0])
		e.out.WriteByte(')')
	case kindAtomic:
		e.wrap("(?>", n.subs[0])
	case kindLook:
		e.wrap(lookOpening(n), n.subs[0])
	case kindBackref:
		if n.fold {
			fmt.Fprintf(&e.out, `(?i:\k<g%d>)`, n.index)
		} else {
			fmt.Fprintf(&e.out, `\k<g%d>`, n.index)
		}
	case kindBegin:
		e.out.WriteString(`\A`)
	case kindBeginLine:
		e.out.WriteString(`(?m:^)`)
	case kindEnd:
		e.out.WriteString(`\z`)
	case kindEndLF:
		if e.std {
			e.out.WriteString(`(?:\n?\z)`)
		} else {
			e.out.WriteString(`\Z`)
		}
	case kindEndLine:
		e.out.WriteString(`(?m:$)`)
	case kindWord:
		e.boundary(`\b`, `(?:(?<=W)(?!W)|(?<!W)(?=W))`)
	case kindNotWord:
		e.boundary(`\B`, `(?:(?<=W)(?=W)|(?<!W)(?!W))`)
	case kindStart:
		e.out.WriteString(`\G`)
	}
}

func lookOpening(n *node) string {
	switch {
	case n.behind && n.negated:
		return "(?<!"
	case n.behind:
		return "(?<="
	case n.negated:
		return "(?!"
	}
	return "(?="
}

func (e *emitter) wrap(opening string, sub *node) {
	e.out.WriteString(opening)
	e.node(sub)
	e.out.WriteByte(')')
}

// boundary writes a word boundary; regexp2's own counts letters above 127 as word characters, PCRE does not.
func (e *emitter) boundary(std, other string) {
	if e.std {
		e.out.WriteString(std)
		return
	}
	e.out.WriteString(strings.ReplaceAll(other, "W", "[0-9A-Za-z_]"))
}

func (e *emitter) repeat(n *node) {
	sub := n.subs[0]
	if n.form == possessive {
		e.out.WriteString("(?>")
	}
	low, high := n.min, n.max
	if e.std {
		// The engine takes at most 1000 in one repeat: write x{2500} as x{1000}x{1000}x{500}.
		for low > stdRepeatMax {
			e.counted(sub, stdRepeatMax, stdRepeatMax, n.form)
			low -= stdRepeatMax
			if high != noMax {
				high -= stdRepeatMax
			}
		}
		for high > stdRepeatMax {
			part := stdRepeatMax
			e.counted(sub, low, part, n.form)
			low = 0
			high -= part
		}
	}
	e.counted(sub, low, high, n.form)
	if n.form == possessive {
		e.out.WriteByte(')')
	}
}

func (e *emitter) counted(sub *node, low, high int, form repeatForm) {
	e.wrap("(?:", sub)
	switch {
	case low == 0 && high == noMax:
		e.out.WriteByte('*')
	case low == 1 && high == noMax:
		e.out.WriteByte('+')
	case low == 0 && high == 1:
		e.out.WriteByte('?')
	case high == noMax:
		fmt.Fprintf(&e.out, "{%d,}", low)
	default:
		fmt.Fprintf(&e.out, "{%d,%d}", low, high)
	}
	if form == lazy {
		e.out.WriteByte('?')
	}
}

// set writes a set of bytes as ranges of Latin-1 runes.
func (e *emitter) set(s *byteSet) {
	if c, ok := s.single(); ok {
		e.char(c)
		return
	}
	if *s == (byteSet{}) { // a class that no byte is in
		if e.std {
			e.out.WriteString(`[^\x{0}-\x{10ffff}]`)
		} else {
			e.out.WriteString(`(?!)`)
		}
		return
	}
	e.out.WriteByte('[')
	for c := 0; c < 256; c++ {
		if !s.has(byte(c)) {
			continue
		}
		end := c
		for end+1 < 256 && s.has(byte(end+1)) {
			end++
		}
		e.char(byte(c))
		if end > c {
			e.out.WriteByte('-')
			e.char(byte(end))
		}
		c = end
	}
	e.out.WriteByte(']')
}

func (e *emitter) char(c byte) {
	if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		e.out.WriteByte(c)
		return
	}
	if e.std {
		fmt.Fprintf(&e.out, `\x{%02x}`, c)
	} else {
		fmt.Fprintf(&e.out, `\x%02x`, c)
	}
}

// needs says which powers a tree asks for.
type needs struct {
	backtracking bool // something only the backtracking engine has
	left         bool // an assertion that looks at what stands before the match
	instructions int  // rough size when repeats are written out
}

func (n *needs) add(x *node, times int) {
	switch x.kind {
	case kindAtomic, kindLook, kindBackref, kindStart:
		n.backtracking = true
		n.left = n.left || x.behind || x.kind == kindStart
	case kindBegin, kindBeginLine, kindWord, kindNotWord:
		n.left = true
	case kindSet:
		n.instructions += times
	case kindRepeat:
		if x.form == possessive {
			n.backtracking = true
		}
		if bound := max(x.min, x.max, 1); times < 1<<20 {
			times *= bound
		}
	}
	for _, sub := range x.subs {
		n.add(sub, times)
	}
}
