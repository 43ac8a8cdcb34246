package pcre

import (
	"fmt"
	"regexp"
)

// Capture is an expression of which the first group's text is wanted.
type Capture struct {
	std *regexp.Regexp
}

// CompileCapture compiles an expression whose groups keep their numbers. Only the linear engine is used: an expression that needs the other one is
// refused.
func CompileCapture(pattern string, opt Options) (*Capture, error) {
	root, err := parsePattern(pattern, opt)
	if err != nil {
		return nil, err
	}
	var need needs
	need.add(root, 1)
	if need.backtracking {
		return nil, fmt.Errorf("expression needs look-around or back references, which a capture cannot have")
	}
	e := emitter{std: true, captures: true}
	e.node(root)
	std, err := regexp.Compile(e.out.String())
	if err != nil {
		return nil, fmt.Errorf("translate expression: %w", err)
	}
	return &Capture{std: std}, nil
}

// First gives what the first group matched, or the whole match when the expression has no group.
func (c *Capture) First(subject []byte) ([]byte, bool) {
	var s Scratch
	text := s.toLatin(subject)
	loc := c.std.FindSubmatchIndex(text)
	if loc == nil {
		return nil, false
	}
	if len(loc) >= 4 && loc[2] >= 0 {
		loc = loc[2:]
	}
	if s.ascii {
		return subject[loc[0]:loc[1]], true
	}
	return subject[byteCount(text[:loc[0]]):byteCount(text[:loc[1]])], true
}
