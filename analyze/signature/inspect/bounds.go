package inspect

import "math"

// unbounded is the end of an area without end.
const unbounded = math.MaxInt32

// Bounds tells where in the buffer a content that is not negated must lie for the program to match: wholly within the bytes from … to-1. ok is false when nothing
// is known about its end. It follows offset and depth, and distance and within back to a content with known bounds.
func (p *Program) Bounds(c *Content) (from, to int, ok bool) {
	low, high := int64(0), int64(0) // where the last match may have ended
	for _, step := range p.steps {
		switch t := step.(type) {
		case *Content:
			if t.Negated {
				continue
			}
			lo, hi := t.area(low, high)
			if t == c {
				return int(min(lo, unbounded)), int(min(hi, unbounded)), hi < unbounded
			}
			low, high = lo+int64(len(t.Pattern)), hi
		case *DataAt, *ByteTest, *Check:
		case *Regex:
			if !t.Negated {
				low, high = 0, unbounded
			}
		default:
			low, high = 0, unbounded
		}
	}
	return 0, unbounded, false
}

// area is where the content may lie when the match before it ended between low and high.
func (c *Content) area(low, high int64) (from, to int64) {
	to = unbounded
	for _, n := range []Number{c.Offset, c.Depth, c.Distance, c.Within} {
		if n.Var != NoVar && (c.HasOffset || c.HasDepth || c.HasDistance || c.HasWithin) {
			return 0, unbounded
		}
	}
	if !c.Relative() {
		if c.HasDepth {
			to = max(c.Depth.Plain, 0)
		}
		if c.HasOffset {
			from = max(c.Offset.Plain, 0)
		}
		return from, to
	}
	distance := int64(0)
	if c.HasDistance {
		distance = c.Distance.Plain
	}
	from = max(low+distance, 0)
	if c.HasWithin && high < unbounded {
		to = max(high+c.Within.Plain+distance, 0)
	}
	return from, to
}
