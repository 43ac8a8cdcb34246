package address

import (
	"fmt"
	"strings"
)

// variableDepthMax bounds variables that name variables.
const variableDepthMax = 16

// Vars resolves $NAME; the name comes without the dollar sign.
type Vars func(name string) (value string, ok bool)

// Error is an expression that cannot be read. Offset counts bytes of the expression as written in the rule.
type Error struct {
	Offset int
	Reason string
}

// Error is the reason.
func (e *Error) Error() string { return e.Reason }

func failAt(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// visitor receives the members of an expression; negated says whether an odd number of ! stands before one.
type visitor func(text string, negated bool) error

// walk takes a group apart. Offsets in errors are those of the outermost text.
func walk(text string, vars Vars, negated bool, depth int, visit visitor) error {
	if depth > variableDepthMax {
		return failAt(0, "variables and groups nest deeper than %d", variableDepthMax)
	}
	start := len(text) - len(strings.TrimLeft(text, " \t"))
	text = strings.TrimSpace(text)
	for strings.HasPrefix(text, "!") {
		negated = !negated
		text = strings.TrimLeft(text[1:], " \t")
		start++
	}
	switch {
	case text == "":
		return failAt(start, "empty member")
	case text[0] == '[':
		if text[len(text)-1] != ']' {
			return failAt(start, "group has no ] at its end")
		}
		return walkGroup(text[1:len(text)-1], start+1, vars, negated, depth, visit)
	case text[0] == '$':
		value, ok := vars(text[1:])
		if !ok {
			return failAt(start, "variable %s is not defined", text)
		}
		if err := walk(value, vars, negated, depth+1, visit); err != nil {
			return failAt(start, "in %s: %v", text, err)
		}
		return nil
	}
	if err := visit(text, negated); err != nil {
		return failAt(start, "%v", err)
	}
	return nil
}

func walkGroup(text string, start int, vars Vars, negated bool, depth int, visit visitor) error {
	nesting, from := 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) {
			switch text[i] {
			case '[':
				nesting++
			case ']':
				nesting--
			}
			if text[i] != ',' || nesting != 0 {
				continue
			}
		}
		if err := walk(text[from:i], vars, negated, depth+1, visit); err != nil {
			if e, ok := err.(*Error); ok { //nolint:errorlint // made by this package, never wrapped
				e.Offset += start + from
			}
			return err
		}
		from = i + 1
	}
	return nil
}
