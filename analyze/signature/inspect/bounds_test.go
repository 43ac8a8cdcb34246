package inspect

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestBoundsHold draws programs and buffers: where a program matches, each of its contents stands within its bounds.
func TestBoundsHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	word := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[rng.IntN(2)]
		}
		return b
	}
	matched, known := 0, 0
	for range 20000 {
		var steps []Step
		var contents []*Content
		for range 1 + rng.IntN(3) {
			c := &Content{Pattern: word(1 + rng.IntN(3)), Negated: rng.IntN(6) == 0, Offset: Plain(0), Depth: Plain(0), Distance: Plain(0), Within: Plain(0)}
			switch rng.IntN(4) {
			case 0:
				c.HasOffset, c.HasDepth = true, true
				c.Offset = Plain(int64(rng.IntN(5)))
				c.Depth = Plain(c.Offset.Plain + int64(len(c.Pattern)+rng.IntN(5)))
			case 1:
				c.HasDistance = true
				c.Distance = Plain(int64(rng.IntN(6) - 2))
			case 2:
				c.HasDistance, c.HasWithin = true, true
				c.Distance = Plain(int64(rng.IntN(6) - 2))
				c.Within = Plain(int64(len(c.Pattern) + rng.IntN(5)))
			}
			steps, contents = append(steps, c), append(contents, c)
			if rng.IntN(8) == 0 {
				steps = append(steps, &DataAt{Offset: Plain(1), Relative: true})
			}
		}
		p := NewProgram(steps)
		data := word(rng.IntN(24))
		var s Scratch
		if !p.Match(&s, &Buffer{Data: data}) {
			continue
		}
		matched++
		for _, c := range contents {
			if c.Negated {
				continue
			}
			from, to, ok := p.Bounds(c)
			if ok {
				known++
			}
			to = min(to, len(data))
			if from > to || !bytes.Contains(data[from:to], c.Pattern) {
				t.Fatalf("%+v is said to lie in [%d, %d) of %q", c, from, to, data)
			}
		}
	}
	if matched < 1000 || known < 1000 {
		t.Fatalf("only %d programs matched, %d bounds were known: the test shows nothing", matched, known)
	}
}
