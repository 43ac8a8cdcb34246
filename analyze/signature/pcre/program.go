package pcre

// opcode says what an instruction of a program does.
type opcode uint8

const (
	opMatch  opcode = iota
	opSet           // takes a byte out of set, goes on at x
	opSplit         // goes on at x and y
	opAssert        // goes on at x where the assertion holds
)

type instruction struct {
	op     opcode
	assert kind // kindBegin, kindBeginLine, kindEnd, kindEndLine, kindWord, kindNotWord
	set    *byteSet
	x, y   uint16
}

const (
	programMax = 2000 // instructions
	// repeatsMax is how often a counted repeat is written out. What asks for more is taken to be open from there on: such a program accepts more than the
	// expression.
	repeatsMax = 64
)

// program is an expression as a nondeterministic automaton that says whether there is a match. It accepts whatever the expression does; when it is exact, nothing else.
type program struct {
	code     []instruction
	start    uint16
	exact    bool
	linear   bool
	words    bool // has \b or \B
	lines    bool // has ^ or $ of lines
	classes  [256]uint8
	count    int // of classes; the class of the end of the subject is count
	tooLarge bool
}

// newProgram builds the automaton of an expression, nil when it would be too large to be of use.
// linear says that the expression runs in the linear engine.
func newProgram(root *node, linear bool) *program {
	p := &program{exact: true, linear: linear}
	match := p.add(instruction{op: opMatch})
	p.start = p.build(root, match)
	if p.tooLarge {
		return nil
	}
	p.classify()
	return p
}

func (p *program) add(i instruction) uint16 {
	if len(p.code) >= programMax {
		p.tooLarge = true
		return 0
	}
	p.code = append(p.code, i)
	return uint16(len(p.code) - 1)
}

// build adds the instructions of n, which go on at next, and returns where they begin.
func (p *program) build(n *node, next uint16) uint16 {
	if p.tooLarge {
		return 0
	}
	switch n.kind {
	case kindSet:
		return p.add(instruction{op: opSet, set: n.set, x: next})
	case kindConcat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			next = p.build(n.subs[i], next)
		}
		return next
	case kindAlternate:
		at := p.build(n.subs[len(n.subs)-1], next)
		for i := len(n.subs) - 2; i >= 0; i-- {
			at = p.add(instruction{op: opSplit, x: p.build(n.subs[i], next), y: at})
		}
		return at
	case kindRepeat:
		p.exact = p.exact && n.form != possessive
		return p.repeat(n, next)
	case kindGroup:
		return p.build(n.subs[0], next)
	case kindAtomic: // takes less than the group inside it
		p.exact = false
		return p.build(n.subs[0], next)
	case kindBackref: // what it repeats could be anything
		p.exact = false
		var any byteSet
		any.negate()
		loop := p.add(instruction{op: opSplit, y: next})
		if !p.tooLarge {
			p.code[loop].x = p.add(instruction{op: opSet, set: &any, x: loop})
		}
		return loop
	case kindLook, kindStart: // only restrict
		p.exact = false
		return next
	case kindEndLF:
		if !p.linear { // the backtracking engine does not take the line feed: any line feed may be the last
			p.exact, p.lines = false, true
			return p.add(instruction{op: opAssert, assert: kindEndLine, x: next})
		}
		var lf byteSet
		lf.add('\n')
		end := p.add(instruction{op: opAssert, assert: kindEnd, x: next})
		return p.add(instruction{op: opSplit, x: p.add(instruction{op: opSet, set: &lf, x: end}), y: end})
	case kindWord, kindNotWord:
		p.words = true
		return p.add(instruction{op: opAssert, assert: n.kind, x: next})
	case kindBeginLine, kindEndLine:
		p.lines = true
		return p.add(instruction{op: opAssert, assert: n.kind, x: next})
	case kindBegin, kindEnd:
		return p.add(instruction{op: opAssert, assert: n.kind, x: next})
	}
	return next // kindEmpty
}

func (p *program) repeat(n *node, next uint16) uint16 {
	sub, low, high := n.subs[0], n.min, n.max
	if low > repeatsMax || high > repeatsMax {
		p.exact = false
		low, high = min(low, repeatsMax), noMax
	}
	at := next
	if high == noMax {
		loop := p.add(instruction{op: opSplit, y: next})
		body := p.build(sub, loop)
		if p.tooLarge {
			return 0
		}
		p.code[loop].x = body
		at = loop
	} else {
		for range high - low {
			at = p.add(instruction{op: opSplit, x: p.build(sub, at), y: next})
		}
	}
	for range low {
		at = p.build(sub, at)
	}
	return at
}

// classify parts the bytes into classes that no instruction tells apart.
func (p *program) classify() {
	var sets []*byteSet
	for i := range p.code {
		if p.code[i].op == opSet {
			sets = append(sets, p.code[i].set)
		}
	}
	if p.words {
		sets = append(sets, wordBytes())
	}
	if p.lines {
		var lf byteSet
		lf.add('\n')
		sets = append(sets, &lf)
	}
	p.count = 1
	for _, s := range sets {
		// Bytes of one class of which only some are in s part.
		var inside, outside [256]bool
		for c := range 256 {
			if s.has(byte(c)) {
				inside[p.classes[c]] = true
			} else {
				outside[p.classes[c]] = true
			}
		}
		var moved [256]uint8
		for c := range 256 {
			k := p.classes[c]
			if !s.has(byte(c)) || !inside[k] || !outside[k] {
				continue
			}
			if moved[k] == 0 {
				moved[k] = uint8(p.count)
				p.count++
			}
			p.classes[c] = moved[k]
		}
	}
}
