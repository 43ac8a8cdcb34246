package signature

import (
	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/prefilter"
	"fengsui/analyze/signature/transform"
)

// choice is the pattern that stands for a rule in the prefilter. A nil pattern: the rule has none and is tried wherever its header fits.
type choice struct {
	pattern  []byte
	part     int // index in sig.parts, or one of the two below
	from, to int // the pattern lies within these bytes of its buffer; to 0: anywhere
}

const (
	onPayload = -1
	onNothing = -2
)

// choose picks the pattern: the one marked fast_pattern if it can serve, else the longest. Patterns of a rule that has both payload and transaction
// keywords are taken from the payload, where they are seen first.
func (b *builder) choose() choice {
	best, bestLength := choice{part: onNothing}, 0
	var chosen *inspect.Content
	consider := func(c *inspect.Content, part int) {
		if c.Negated {
			return
		}
		pattern := c.Pattern
		length := len(pattern)
		if c == b.fast {
			pattern = pattern[b.chop[0]:b.chop[1]]
			length = 1 << 16
		}
		// A body is long and most rules on it have a rarer place to look: prefer any other buffer unless told.
		if part >= 0 && b.out.parts[part].buffer.grows && length < 1<<16 {
			length /= 2
		}
		if length > bestLength {
			best, bestLength, chosen = choice{pattern: pattern, part: part}, length, c
		}
	}
	if b.out.payload != nil {
		for _, step := range b.out.payload.Steps() {
			if c, ok := step.(*inspect.Content); ok {
				consider(c, onPayload)
			}
		}
		if best.part == onPayload {
			if from, to, ok := b.out.payload.Bounds(chosen); ok && b.out.anchored {
				best.from, best.to = from, to
			}
			return best
		}
	}
	for i := range b.out.parts {
		if b.out.parts[i].absent {
			continue // may match without any of its contents
		}
		for _, step := range b.out.parts[i].program.Steps() {
			if c, ok := step.(*inspect.Content); ok {
				consider(c, i)
			}
		}
	}
	if best.part >= 0 {
		if from, to, ok := b.out.parts[best.part].program.Bounds(chosen); ok {
			best.from, best.to = from, to
		}
	}
	return best
}

// table is the prefilter of one buffer under one chain of transforms.
type table struct {
	field      *field.Buffer
	transforms []transform.Func
	name       string
	found      *prefilter.Table
}
