package inspect

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Trace is what became of a program on one buffer, for people who ask why a rule matched or did not.
type Trace struct {
	Matched bool
	// Reached is how many keywords held on the way that got furthest.
	Reached int
	// Found are the places of those keywords: where each ended (and, for contents, began). -1 for keywords that have no place.
	Found []Span
	// Failed is why the next keyword did not hold, "" when all did.
	Failed string
	// Near is where Failed looked last, as far as that can be said; From < 0 when nowhere.
	Near Span
	// Cut: the search was given up after stepsMax.
	Cut bool
}

// Span is a piece of a buffer.
type Span struct{ From, To int }

// recorder stands in front of each keyword while a program is traced.
type recorder struct {
	inner Step
	at    int
	run   *traced
}

// traced gathers what the recorders see.
type traced struct {
	path  []int // where relative keywords started, by keyword, on the way being tried
	best  []int // the same, on the way that got furthest
	value [][VarsMax]uint64
}

// match implements Step: it notes how far the search has come, then lets the keyword do its work.
func (r *recorder) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	t := r.run
	t.path = append(t.path[:r.at], s.offset)
	if len(t.path) > len(t.best) {
		t.best = append(t.best[:0], t.path...)
		t.value = append(t.value, s.Values)
	}
	return r.inner.match(p, at, s, b)
}

// ending is a last keyword that always holds, so that the end of the last real one is seen.
type ending struct{}

func (ending) match(p *Program, at int, s *Scratch, b *Buffer) bool { return p.next(at+1, s, b) }

// Trace tries the program as Match does and tells what happened. It is slow and allocates; the hot path does not know of it.
func (p *Program) Trace(s *Scratch, b *Buffer) Trace {
	run := &traced{}
	q := &Program{}
	for i, step := range p.steps {
		q.steps = append(q.steps, &recorder{inner: step, at: i, run: run})
	}
	q.steps = append(q.steps, &recorder{inner: ending{}, at: len(p.steps), run: run})
	before := s.Exceeds
	t := Trace{Matched: q.Match(s, b), Near: Span{-1, -1}}
	t.Cut = s.Exceeds > before
	t.Reached = max(len(run.best)-1, 0)
	for i := range t.Reached {
		t.Found = append(t.Found, place(p.steps[i], run.best[i+1], b))
	}
	if t.Matched || t.Reached >= len(p.steps) {
		return t
	}
	if n := t.Reached; n < len(run.value) {
		s.Values = run.value[n]
	}
	if n := len(run.best); n > 0 {
		s.offset = run.best[n-1]
	}
	t.Failed, t.Near = why(p.steps[t.Reached], s, b)
	if t.Cut {
		t.Failed = fmt.Sprintf("given up after %d steps; %s", stepsMax, t.Failed)
	}
	return t
}

// place is where a keyword that held was found; end is where the next one starts.
func place(step Step, end int, b *Buffer) Span {
	c, ok := step.(*Content)
	switch {
	case !ok:
		if _, regex := step.(*Regex); regex && end <= len(b.Data) {
			return Span{end, end}
		}
		return Span{-1, -1}
	case c.Negated:
		return Span{-1, -1}
	}
	return Span{max(end-len(c.Pattern), 0), end}
}

// why says why a keyword does not hold at s.offset.
func why(step Step, s *Scratch, b *Buffer) (string, Span) {
	none := Span{-1, -1}
	switch t := step.(type) {
	case *Content:
		return whyContent(t, s, b)
	case *Regex:
		return whyRegex(t, s, b)
	case *DataAt:
		return whyDataAt(t, s, b), none
	case *ByteTest:
		return whyByteTest(t, s, b)
	case *ByteJump:
		return whyJump(t, s, b)
	case *ByteExtract:
		return whyNumber(&t.Source, s, b), none
	case *ByteMath:
		return whyNumber(&t.Source, s, b), none
	case *Base64:
		return whyBase64(t, s, b), none
	case *Check:
		return fmt.Sprintf("does not hold for these %d bytes", len(b.Data)), none
	}
	return "does not hold", none
}

func whyContent(c *Content, s *Scratch, b *Buffer) (string, Span) {
	from, to, ok := c.window(s, b, s.offset)
	if c.Negated {
		if at := c.find(b.Data[min(max(from, 0), int64(len(b.Data))):min(max(to, 0), int64(len(b.Data)))]); ok && at >= 0 {
			n := int(from) + at
			return fmt.Sprintf("is there, at %d", n), Span{n, n + len(c.Pattern)}
		}
		return "is there", Span{-1, -1}
	}
	at := c.first(b.Data, max(int(from), 0))
	if at < 0 {
		at = c.first(b.Data, 0)
	}
	if at < 0 {
		if fold := IndexFold(b.Data, bytes.ToLower(c.Pattern)); !c.NoCase && fold >= 0 {
			return fmt.Sprintf("not found; at %d it stands in other case, and the rule has no nocase", fold), Span{fold, fold + len(c.Pattern)}
		}
		return "not found", Span{-1, -1}
	}
	end := at + len(c.Pattern)
	return fmt.Sprintf("found at %d (ends at %d), but %s", at, end, c.asks(s, from, to, end, len(b.Data))), Span{at, end}
}

// asks says what the modifiers of a content ask that its nearest occurrence does not fulfil.
func (c *Content) asks(s *Scratch, from, to int64, end, size int) string {
	at := int64(end - len(c.Pattern))
	var parts []string
	switch {
	case at < from && c.Relative():
		parts = append(parts, fmt.Sprintf("the last match ended at %d and distance:%d asks for it at %d or later", s.offset, c.Distance.valueOr0(s, c.HasDistance), from))
	case at < from:
		parts = append(parts, fmt.Sprintf("offset:%d asks for it at %d or later", c.Offset.valueOr0(s, c.HasOffset), from))
	}
	if int64(end) > to {
		switch {
		case c.HasWithin:
			parts = append(parts, fmt.Sprintf("the last match ended at %d and within:%d asks that it ends at %d or before", s.offset, c.Within.value(s), to))
		case c.HasDepth:
			parts = append(parts, fmt.Sprintf("depth:%d asks that it ends at %d or before", c.Depth.value(s), to))
		}
	}
	if c.EndsWith && end != size {
		parts = append(parts, fmt.Sprintf("endswith asks that it ends at %d", size))
	}
	if len(parts) == 0 {
		return "what follows does not hold from there"
	}
	return strings.Join(parts, ", ")
}

func (n Number) valueOr0(s *Scratch, has bool) int64 {
	if !has {
		return 0
	}
	return n.value(s)
}

// first finds the pattern at from or later, wherever its modifiers want it.
func (c *Content) first(data []byte, from int) int {
	if from > len(data) {
		return -1
	}
	var at int
	if c.NoCase {
		at = IndexFold(data[from:], c.Pattern)
	} else {
		at = bytes.Index(data[from:], c.Pattern)
	}
	if at < 0 {
		return -1
	}
	return from + at
}

func whyRegex(r *Regex, s *Scratch, b *Buffer) (string, Span) {
	base := 0
	if r.Relative {
		base = min(s.offset, len(b.Data))
	}
	start, end, ok := r.Expr.Find(&s.Regex, b.Data[base:], 0)
	switch {
	case r.Negated && ok:
		return fmt.Sprintf("matches at %d, which the rule forbids", base+start), Span{base + start, base + end}
	case ok:
		return fmt.Sprintf("matches at %d to %d, but what follows does not hold from there", base+start, base+end), Span{base + start, base + end}
	case r.Relative:
		return fmt.Sprintf("does not match from %d on, where the last match ended", base), Span{base, base}
	}
	return "does not match", Span{-1, -1}
}

func whyDataAt(d *DataAt, s *Scratch, b *Buffer) string {
	asked := d.Offset.value(s)
	if d.Relative {
		asked += int64(s.offset)
	}
	if d.Negated {
		return fmt.Sprintf("the buffer has %d bytes, so there is something at %d", len(b.Data), asked)
	}
	return fmt.Sprintf("the buffer ends at %d, the rule asks for data at %d", len(b.Data), asked)
}

// comparisons are the signs of byte_test's operators. Never written.
var comparisons = map[Operator]string{Less: "<", Greater: ">", LessEqual: "<=", GreaterEqual: ">=", And: "&", Xor: "^", Equal: "="}

func whyByteTest(t *ByteTest, s *Scratch, b *Buffer) (string, Span) {
	value, at, used, ok := t.Source.read(s, b)
	if !ok {
		return whyNumber(&t.Source, s, b), Span{-1, -1}
	}
	not := ""
	if t.Negated {
		not = "!"
	}
	return fmt.Sprintf("read %d (0x%x) at %d, the rule asks for %s%s %d", mask(value, t.Mask), mask(value, t.Mask), at, not, comparisons[t.Op], t.Value.value(s)), Span{at, at + used}
}

func whyJump(j *ByteJump, s *Scratch, b *Buffer) (string, Span) {
	value, at, used, ok := j.Source.read(s, b)
	if !ok {
		return whyNumber(&j.Source, s, b), Span{-1, -1}
	}
	return fmt.Sprintf("read %d (0x%x) at %d: the jump leaves the buffer of %d bytes", value, value, at, len(b.Data)), Span{at, at + used}
}

func whyNumber(r *Source, s *Scratch, b *Buffer) string {
	start := r.Offset.value(s)
	if r.Relative {
		start += int64(s.offset)
	}
	if n := r.Bytes.value(s); start < 0 || start+n > int64(len(b.Data)) {
		return "wants " + strconv.FormatInt(n, 10) + " bytes at " + strconv.FormatInt(start, 10) + ", the buffer has " + strconv.Itoa(len(b.Data))
	}
	if r.Text {
		return "no digits at " + strconv.FormatInt(start, 10)
	}
	return "what follows does not hold"
}

func whyBase64(d *Base64, s *Scratch, b *Buffer) string {
	if len(s.decoded) == 0 {
		return "nothing there decodes"
	}
	return fmt.Sprintf("decodes to %d bytes (%.60q), but what is asked of them does not hold", len(s.decoded), s.decoded)
}
