package pcre

import (
	"encoding/binary"
	"slices"
)

// A deterministic automaton is made of a program while subjects are read: a state is the set of instructions the program may be at, and what the byte before was.
// It says whether an expression can match anywhere, one step a byte, and most subjects are refused here. Memory is bounded; what has too many states
// is left to the engines.

const (
	// Kinds of the byte before a state.
	beforeNothing uint8 = iota // the start of the subject
	beforeWord
	beforeLF
	beforeOther

	statesMax = 2000 // of one automaton, before it begins anew
	// cellsMax bounds the tables of all automata of a Scratch: 4 bytes each.
	cellsMax = 4 << 20
	// restartsMax is how often an automaton begins anew before it is given up, unless it earned it.
	restartsMax = 4
	// bytesPerState is how much must have been read for each state made for it to have been worth it.
	bytesPerState = 16

	cellUnknown = -1
	cellDead    = -2
	cellMatch   = -3
)

type automaton struct {
	prog     *program
	stride   int
	table    []int32 // state*stride + class: the next state times stride, or one of the above
	sets     [][]uint16
	before   []uint8
	byKey    map[string]int32
	first    [4]int32 // start state by what stands before, plus one; 0 when not made yet
	read     int      // bytes since the tables were last emptied
	age      int      // how often they were
	restarts int
	closure  []uint16
	mark     []uint32
	round    uint32
	key      []byte
}

func newAutomaton(p *program) *automaton {
	return &automaton{prog: p, stride: p.count + 1, byKey: map[string]int32{}, mark: make([]uint32, len(p.code))}
}

// verdict of an automaton.
type verdict uint8

const (
	cannotMatch verdict = iota
	canMatch
	unknown
)

// run reads subject from an offset. Assertions see what stands before it.
func (a *automaton) run(s *Scratch, subject []byte, from int) verdict {
	at, ok := a.begin(s, subject, from)
	if !ok {
		return unknown
	}
	a.read += len(subject) - from
	classes, table := &a.prog.classes, a.table
	for _, c := range subject[from:] {
		class := int(classes[c])
		next := table[int(at)+class]
		if next < 0 {
			if next == cellUnknown {
				next = a.step(s, at, class, c)
				table = a.table
			}
			if next < 0 {
				return verdictOf(next)
			}
		}
		at = next
	}
	end := table[int(at)+a.prog.count]
	if end == cellUnknown {
		end = a.step(s, at, a.prog.count, 0)
	}
	return verdictOf(end)
}

func verdictOf(cell int32) verdict {
	switch cell {
	case cellMatch:
		return canMatch
	case cellDead:
		return cannotMatch
	}
	return unknown
}

func (a *automaton) begin(s *Scratch, subject []byte, from int) (int32, bool) {
	before := beforeNothing
	if from > 0 {
		before = a.kindOf(subject[from-1])
	}
	if at := a.first[before]; at > 0 {
		return at - 1, true
	}
	at := a.state(s, []uint16{a.prog.start}, before)
	if at < 0 {
		return 0, false
	}
	a.first[before] = at + 1
	return at, true
}

// kindOf tells what a byte is to the assertions the program has.
func (a *automaton) kindOf(c byte) uint8 {
	switch {
	case a.prog.lines && c == '\n':
		return beforeLF
	case a.prog.words && isWord(c):
		return beforeWord
	}
	return beforeOther
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// step makes the transition of a state on a class, of which c is a byte. It returns the filled cell, or cellUnknown when the automaton has been given up.
func (a *automaton) step(s *Scratch, at int32, class int, c byte) int32 {
	number := int(at) / a.stride
	end := class == a.prog.count
	if a.close(a.sets[number], a.before[number], end, c) {
		a.table[int(at)+class] = cellMatch
		return cellMatch
	}
	if end {
		a.table[int(at)+class] = cellDead
		return cellDead
	}
	var next []uint16
	for _, pc := range a.closure {
		if i := &a.prog.code[pc]; i.op == opSet && i.set.has(c) && !slices.Contains(next, i.x) {
			next = append(next, i.x)
		}
	}
	if !slices.Contains(next, a.prog.start) && !a.onlyAtStart() {
		next = append(next, a.prog.start)
	}
	if len(next) == 0 {
		a.table[int(at)+class] = cellDead
		return cellDead
	}
	age := a.age
	to := a.state(s, next, a.kindOf(c))
	if to >= 0 && a.age == age { // the tables were not emptied in between
		a.table[int(at)+class] = to
	}
	return to
}

// onlyAtStart tells whether a match can only begin where the subject does.
func (a *automaton) onlyAtStart() bool {
	i := &a.prog.code[a.prog.start]
	return i.op == opAssert && i.assert == kindBegin
}

// close gathers the instructions that can be reached from set without taking a byte. It tells whether a match is among them.
func (a *automaton) close(set []uint16, before uint8, end bool, c byte) bool {
	a.round++
	a.closure = append(a.closure[:0], set...)
	matched := false
	for _, pc := range set {
		a.mark[pc] = a.round
	}
	push := func(pc uint16) {
		if a.mark[pc] != a.round {
			a.mark[pc] = a.round
			a.closure = append(a.closure, pc)
		}
	}
	for k := 0; k < len(a.closure); k++ {
		switch i := &a.prog.code[a.closure[k]]; i.op {
		case opMatch:
			matched = true
		case opSplit:
			push(i.x)
			push(i.y)
		case opAssert:
			if holds(i.assert, before, end, c) {
				push(i.x)
			}
		}
	}
	return matched
}

func holds(assert kind, before uint8, end bool, c byte) bool {
	switch assert {
	case kindBegin:
		return before == beforeNothing
	case kindBeginLine:
		return before == beforeNothing || before == beforeLF
	case kindEnd:
		return end
	case kindEndLine:
		return end || c == '\n'
	}
	boundary := (before == beforeWord) != (!end && isWord(c))
	return boundary == (assert == kindWord)
}

// state finds or makes the state of a set; -1 when the automaton has been given up.
func (a *automaton) state(s *Scratch, set []uint16, before uint8) int32 {
	slices.Sort(set)
	a.key = append(a.key[:0], before)
	for _, pc := range set {
		a.key = binary.LittleEndian.AppendUint16(a.key, pc)
	}
	if at, ok := a.byKey[string(a.key)]; ok {
		return at
	}
	if len(a.sets) >= statesMax || s.cells+a.stride > cellsMax {
		if !a.empty(s) {
			return cellUnknown
		}
	}
	at := int32(len(a.table))
	for range a.stride {
		a.table = append(a.table, cellUnknown)
	}
	s.cells += a.stride
	a.sets = append(a.sets, slices.Clone(set))
	a.before = append(a.before, before)
	a.byKey[string(a.key)] = at
	return at
}

// empty drops all states; false when the automaton makes too many of them to be worth its memory.
func (a *automaton) empty(s *Scratch) bool {
	if a.read < bytesPerState*len(a.sets) {
		a.restarts++
	}
	a.age++
	s.cells -= len(a.table)
	a.table, a.sets, a.before, a.first, a.read = a.table[:0], a.sets[:0], a.before[:0], [4]int32{}, 0
	clear(a.byKey)
	return a.restarts <= restartsMax && s.cells+a.stride <= cellsMax
}
