package pcre

import (
	"fmt"
	"regexp"
	"time"
	"unsafe"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one run of the backtracking engine.
const matchTimeout = 50 * time.Millisecond

// stdInstructionsMax is how large a pattern may grow when its counted repeats are written out for the standard library.
const stdInstructionsMax = 20000

// Regex is a compiled expression.
type Regex struct {
	std      *regexp.Regexp
	back     *regexp2.Regexp
	left     bool // looks at bytes before the match
	anchored bool // can only match at the start of the subject
	text     string
	opt      Options
}

// Scratch holds one goroutine's working memory.
type Scratch struct {
	Timeouts uint64                // matches given up because the backtracking engine ran out of time
	automata map[*Regex]*automaton // nil for an expression without
	cells    int                   // in their tables
	runes    []rune
	latin    []byte
	latinOf  *byte
	latinLen int
	ascii    bool
}

// Reset forgets the last subject. Call it whenever the bytes behind a slice may have changed.
func (s *Scratch) Reset() { s.latinOf = nil }

// Compile translates and compiles an expression. Errors are *SyntaxError or say what the engine refused.
func Compile(pattern string, opt Options) (*Regex, error) {
	root, err := parseWhole(pattern, opt)
	if err != nil {
		return nil, err
	}
	var need needs
	need.add(root, 1)
	r := &Regex{left: need.left, anchored: startsAnchored(root), text: pattern, opt: opt}
	e := emitter{std: !need.backtracking && need.instructions <= stdInstructionsMax}
	e.node(root)
	if e.std {
		if r.std, err = regexp.Compile(e.out.String()); err == nil {
			return r, nil
		}
		e = emitter{}
		e.node(root)
	}
	r.back, err = regexp2.Compile(e.out.String(), regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("translate expression: %w", err)
	}
	r.back.MatchTimeout = matchTimeout
	return r, nil
}

// parseWhole parses an expression as its flags have it.
func parseWhole(pattern string, opt Options) (*node, error) {
	root, err := parsePattern(pattern, opt)
	if err == nil && opt.Anchored {
		root = &node{kind: kindConcat, subs: []*node{{kind: kindBegin}, {kind: kindGroup, subs: []*node{root}}}}
	}
	return root, err
}

// startsAnchored tells whether every way through n begins with the start of the subject.
func startsAnchored(n *node) bool {
	switch n.kind {
	case kindBegin:
		return true
	case kindConcat, kindGroup, kindAtomic:
		return len(n.subs) > 0 && startsAnchored(n.subs[0])
	case kindAlternate:
		for _, sub := range n.subs {
			if !startsAnchored(sub) {
				return false
			}
		}
		return true
	}
	return false
}

// Backtracking tells whether the expression needs the backtracking engine.
func (r *Regex) Backtracking() bool { return r.back != nil }

// Match tells whether there is a match in subject. It is cheaper than Find.
func (r *Regex) Match(s *Scratch, subject []byte) bool {
	switch v, exact := r.look(s, subject, 0); {
	case v == cannotMatch:
		return false
	case v == canMatch && exact:
		return true
	}
	_, _, ok := r.Find(s, subject, 0)
	return ok
}

// automataMax bounds the expressions of which a Scratch holds automata; they are made anew when there are more.
const automataMax = 4096

// look asks the automaton of the expression, made on first use; exact tells that canMatch means a match.
func (r *Regex) look(s *Scratch, subject []byte, from int) (v verdict, exact bool) {
	a, ok := s.automata[r]
	if !ok {
		if len(s.automata) >= automataMax || s.cells >= cellsMax {
			clear(s.automata)
			s.cells = 0
		}
		if s.automata == nil {
			s.automata = map[*Regex]*automaton{}
		}
		if root, err := parseWhole(r.text, r.opt); err == nil {
			if p := newProgram(root, r.std != nil); p != nil {
				a = newAutomaton(p)
			}
		}
		s.automata[r] = a
	}
	if a == nil {
		return unknown, false
	}
	if v = a.run(s, subject, from); v == unknown {
		s.cells -= len(a.table)
		s.automata[r] = nil // too many states: from now on the engines alone
	}
	return v, a.prog.exact
}

// Find returns the first match in subject that starts at from or later. Assertions see the whole subject.
func (r *Regex) Find(s *Scratch, subject []byte, from int) (start, end int, ok bool) {
	if from > len(subject) || from > 0 && r.anchored {
		return 0, 0, false
	}
	if v, _ := r.look(s, subject, from); v == cannotMatch {
		return 0, 0, false
	}
	if r.back != nil {
		return r.findBack(s, subject, from)
	}
	if from > 0 && r.left {
		return r.findAfter(s, subject, from)
	}
	text := s.toLatin(subject)
	if s.ascii {
		loc := r.index(text[from:])
		if loc[0] < 0 {
			return 0, 0, false
		}
		return from + loc[0], from + loc[1], true
	}
	text = text[latinOffset(subject, from):]
	loc := r.index(text)
	if loc[0] < 0 {
		return 0, 0, false
	}
	return from + byteCount(text[:loc[0]]), from + byteCount(text[:loc[1]]), true
}

func (r *Regex) index(text []byte) [2]int {
	if loc := r.std.FindIndex(text); loc != nil {
		return [2]int{loc[0], loc[1]}
	}
	return [2]int{-1, -1}
}

// findAfter is Find for expressions that look left of the match: the standard library cannot start in the middle of a
// subject, so matches before from are stepped over.
func (r *Regex) findAfter(s *Scratch, subject []byte, from int) (start, end int, ok bool) {
	text := s.toLatin(subject)
	for _, loc := range r.std.FindAllIndex(text, -1) {
		if start = byteCount(text[:loc[0]]); start >= from {
			return start, byteCount(text[:loc[1]]), true
		}
	}
	return 0, 0, false
}

func (r *Regex) findBack(s *Scratch, subject []byte, from int) (start, end int, ok bool) {
	s.runes = s.runes[:0]
	for _, c := range subject {
		s.runes = append(s.runes, rune(c))
	}
	m, err := r.back.FindRunesMatchStartingAt(s.runes, from)
	if err != nil {
		s.Timeouts++
		return 0, 0, false
	}
	if m == nil {
		return 0, 0, false
	}
	return m.Index, m.Index + m.Length, true
}

// toLatin gives subject as UTF-8 in which rune N is byte N. It remembers the last subject until Reset.
func (s *Scratch) toLatin(subject []byte) []byte {
	if isASCII(subject) {
		s.ascii = true
		return subject
	}
	s.ascii = false
	first := unsafe.SliceData(subject)
	if s.latinOf == first && s.latinLen == len(subject) {
		return s.latin
	}
	s.latin = s.latin[:0]
	for _, c := range subject {
		if c < 0x80 {
			s.latin = append(s.latin, c)
		} else {
			s.latin = append(s.latin, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	s.latinOf, s.latinLen = first, len(subject)
	return s.latin
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if (b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7])&0x80 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// latinOffset maps an offset of the subject to one of its Latin-1 form.
func latinOffset(subject []byte, at int) int {
	n := at
	for _, c := range subject[:at] {
		n += int(c >> 7)
	}
	return n
}

// byteCount maps back: how many subject bytes a piece of the Latin-1 form stands for.
func byteCount(latin []byte) int {
	n := 0
	for _, c := range latin {
		if c&0xc0 != 0x80 {
			n++
		}
	}
	return n
}
