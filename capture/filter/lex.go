package filter

import (
	"fmt"
	"strings"
)

const textBytesMax = 16 << 10

// Error is what is wrong with an expression, and where.
type Error struct {
	Text   string // the expression
	Offset int    // byte offset of the trouble, from 0
	Reason string
}

// Error gives reason and column in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("column %d of %q: %s", e.Offset+1, clip(e.Text), e.Reason)
}

func clip(s string) string {
	const longest = 120
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokEscaped // a word after a backslash: never a keyword
	tokOp
)

type token struct {
	kind tokenKind
	text string // lower case for words
	at   int
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c >= 0x80
}

// lex splits an expression. A colon belongs to a word (an address) except between brackets, where it separates offset and size.
func lex(text string) ([]token, error) {
	if len(text) > textBytesMax {
		return nil, &Error{text, textBytesMax, fmt.Sprintf("the expression is longer than %d KiB", textBytesMax>>10)}
	}
	var out []token
	brackets := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case isWordByte(c) || c == '\\' || c == ':' && brackets == 0:
			kind, start := tokWord, i
			if c == '\\' {
				kind = tokEscaped
				i++
			}
			from := i
			for i < len(text) && (isWordByte(text[i]) || text[i] == ':' && brackets == 0 || text[i] == '-' && i > from && i+1 < len(text) && isWordByte(text[i+1])) {
				i++
			}
			if i == from {
				return nil, &Error{text, start, "a backslash without a word"}
			}
			out = append(out, token{kind, strings.ToLower(text[from:i]), start})
		default:
			n := operator(text[i:])
			if n == 0 {
				return nil, &Error{text, i, fmt.Sprintf("%q means nothing here", c)}
			}
			switch c {
			case '[':
				brackets++
			case ']':
				brackets--
			}
			out = append(out, token{tokOp, text[i : i+n], i})
			i += n
		}
	}
	return append(out, token{kind: tokEnd, at: len(text)}), nil
}

func operator(s string) int {
	if len(s) > 1 {
		switch s[:2] {
		case "&&", "||", "<<", ">>", "<=", ">=", "==", "!=":
			return 2
		}
	}
	if strings.IndexByte("()[]!&|^+-*/%<>=:", s[0]) >= 0 {
		return 1
	}
	return 0
}
