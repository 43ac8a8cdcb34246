package inspect

import (
	"fengsui/analyze/signature/pcre"
)

// stepsMax bounds the keywords tried on one buffer: a rule that needs more does not match.
const stepsMax = 30000

// VarsMax is how many byte_extract and byte_math results one rule may name.
const VarsMax = 32

// Var is the slot of such a result; NoVar means the keyword states a plain number.
type Var int8

// NoVar says that a number is plain.
const NoVar Var = -1

// Number is a plain number or a variable.
type Number struct {
	Plain int64
	Var   Var
}

// Plain makes a Number of n.
func Plain(n int64) Number { return Number{Plain: n, Var: NoVar} }

func (n Number) value(s *Scratch) int64 {
	if n.Var == NoVar {
		return n.Plain
	}
	return int64(s.Values[n.Var])
}

// Scratch is the working memory of one goroutine. Values are the variables of the rule being evaluated; they live from buffer to buffer of the
// same rule and are cleared by StartRule.
type Scratch struct {
	Regex   pcre.Scratch
	Values  [VarsMax]uint64
	Exceeds uint64 // searches cut off at stepsMax
	Little  bool   // byte order of the DCE/RPC call looked at
	decoded []byte
	inner   Buffer // of decoded

	offset int // where relative keywords start
	steps  int
	stop   bool // an independent keyword failed
	length int  // of the outer buffer
}

// StartRule clears what one rule leaves behind.
func (s *Scratch) StartRule() { s.Values = [VarsMax]uint64{} }

// Buffer is what a program is tried on.
type Buffer struct {
	Data []byte
	// Start is the position of Data[0] in its stream: depth counts from the start of the stream.
	Start uint64
}

// Step is one keyword of a program.
type Step interface {
	// match tries the keyword at s.offset and then the rest of the program.
	match(p *Program, at int, s *Scratch, b *Buffer) bool
}

// Program is a list of keywords, ready to be tried.
type Program struct {
	steps []Step
}

// NewProgram joins steps; it tells each content and pcre whether a relative keyword leans on it.
func NewProgram(steps []Step) *Program {
	for i, step := range steps {
		if !relative(step) {
			continue
		}
		for _, earlier := range steps[:i] {
			if r, ok := earlier.(*Regex); ok {
				r.followed = true
			}
		}
		for j := i - 1; j >= 0; j-- {
			if leanOn(steps[j]) {
				break
			}
		}
	}
	return &Program{steps: steps}
}

func relative(step Step) bool {
	switch t := step.(type) {
	case *Content:
		return t.HasDistance || t.HasWithin
	case *Regex:
		return t.Relative
	case *DataAt:
		return t.Relative
	case *ByteTest:
		return t.Source.Relative
	case *ByteJump:
		return t.Source.Relative
	case *ByteExtract:
		return t.Source.Relative
	case *ByteMath:
		return t.Source.Relative
	case *Base64:
		return t.Relative
	case *At:
		return t.Relative
	}
	return false
}

func leanOn(step Step) bool {
	switch t := step.(type) {
	case *Content:
		t.leaned = true
		return true
	case *Regex:
		t.leaned = true
		return true
	}
	return false
}

// Empty tells whether the program has no keyword.
func (p *Program) Empty() bool { return p == nil || len(p.steps) == 0 }

// Steps lists the keywords.
func (p *Program) Steps() []Step { return p.steps }

// Match tries the program on a buffer.
func (p *Program) Match(s *Scratch, b *Buffer) bool {
	s.Regex.Reset()
	s.offset, s.steps, s.stop, s.length = 0, 0, false, len(b.Data)
	return p.next(0, s, b)
}

// next goes on with the keyword at at.
func (p *Program) next(at int, s *Scratch, b *Buffer) bool {
	if at == len(p.steps) {
		return true
	}
	if !s.spend() {
		return false
	}
	return p.steps[at].match(p, at, s, b)
}

// spend counts one step; false means that the search has taken too many and is over.
func (s *Scratch) spend() bool {
	if s.steps++; s.steps <= stepsMax {
		return true
	}
	if s.steps == stepsMax+1 {
		s.Exceeds++
	}
	s.stop = true
	return false
}

// Check is a keyword that looks at the buffer as a whole: bsize, dataset, entropy. It gets the outer buffer's bytes.
type Check struct {
	Test func(data []byte) bool
}

func (c *Check) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	if !c.Test(b.Data) {
		s.stop = true
		return false
	}
	return p.next(at+1, s, b)
}

// DataAt is isdataat.
type DataAt struct {
	Offset   Number
	Relative bool
	Negated  bool
}

func (d *DataAt) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	offset := d.Offset.value(s)
	var has bool
	if d.Relative {
		has = int64(s.offset)+offset <= int64(len(b.Data))
	} else {
		has = offset < int64(len(b.Data))
	}
	if has == d.Negated {
		s.stop = s.stop || !d.Relative
		return false
	}
	return p.next(at+1, s, b)
}

// Regex is pcre.
type Regex struct {
	Expr     *pcre.Regex
	Relative bool // starts where the last match ended
	Negated  bool
	leaned   bool
	followed bool // a relative keyword comes later, so where it matched matters
}

func (r *Regex) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	base := 0
	if r.Relative {
		base = s.offset
	}
	if base > len(b.Data) {
		return false
	}
	subject := b.Data[base:]
	if r.Negated || !r.followed {
		if r.Expr.Match(&s.Regex, subject) == r.Negated {
			s.stop = s.stop || !r.Relative && !r.Negated
			return false
		}
		return p.next(at+1, s, b)
	}
	for from := 0; ; {
		start, end, ok := r.Expr.Find(&s.Regex, subject, from)
		if !ok {
			s.stop = s.stop || !r.Relative && from == 0
			return false
		}
		s.offset = base + end
		if p.next(at+1, s, b) {
			return true
		}
		if s.stop || !r.leaned {
			return false
		}
		from = start + 1
	}
}
