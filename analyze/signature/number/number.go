// Package number holds the numeric conditions of rule options: "80", "<70", ">=4", "!0", "10-20", "10<>20", hexadecimal too.
//
// Both range forms exclude their ends, as Suricata's do. Everything is immutable and safe for concurrent use.
package number

import (
	"fmt"
	"strconv"
	"strings"
)

type mode uint8

const (
	equal mode = iota
	notEqual
	less
	lessEqual
	greater
	greaterEqual
	between
	notBetween
)

// Condition is one test of an unsigned number.
type Condition struct {
	mode   mode
	lo, hi uint64
}

// Equal is the condition of being n.
func Equal(n uint64) Condition { return Condition{lo: n} }

// prefixes are tried in order: the longer ones first. Never written.
var prefixes = []struct {
	text string
	mode mode
}{{"!=", notEqual}, {"<=", lessEqual}, {">=", greaterEqual}, {"!", notEqual}, {"<", less}, {">", greater}, {"=", equal}}

// Parse reads a condition on numbers up to limit.
func Parse(text string, limit uint64) (Condition, error) {
	text = strings.TrimSpace(text)
	var c Condition
	for _, p := range prefixes {
		rest, ok := strings.CutPrefix(text, p.text)
		if !ok {
			continue
		}
		c.mode = p.mode
		text = strings.TrimSpace(rest)
		break
	}
	low, high, ranged := strings.Cut(text, "<>")
	if !ranged {
		low, high, ranged = strings.Cut(text, "-")
	}
	var err error
	if c.lo, err = parseNumber(low, limit); err != nil {
		return c, err
	}
	if !ranged {
		return c, nil
	}
	if c.hi, err = parseNumber(high, limit); err != nil {
		return c, err
	}
	switch c.mode {
	case equal:
		c.mode = between
	case notEqual:
		c.mode = notBetween
	default:
		return c, fmt.Errorf("%q is both a range and a comparison", text)
	}
	if c.lo >= c.hi {
		return c, fmt.Errorf("range %q is empty", text)
	}
	return c, nil
}

func parseNumber(text string, limit uint64) (uint64, error) {
	text = strings.TrimSpace(text)
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		text, base = hex, 16
	}
	n, err := strconv.ParseUint(text, base, 64)
	if err != nil || n > limit {
		return 0, fmt.Errorf("%q is not a number up to %d", text, limit)
	}
	return n, nil
}

// Match tells whether n meets the condition.
func (c Condition) Match(n uint64) bool {
	switch c.mode {
	case notEqual:
		return n != c.lo
	case less:
		return n < c.lo
	case lessEqual:
		return n <= c.lo
	case greater:
		return n > c.lo
	case greaterEqual:
		return n >= c.lo
	case between:
		return n > c.lo && n < c.hi
	case notBetween:
		return n <= c.lo || n >= c.hi
	}
	return n == c.lo
}
