// Package number holds the numeric conditions of rule options: "80", "<70", ">=4", "!0", "10-20", "10<>20", "&0xc0=0x80", hexadecimal too, with the
// units kb, mb and gb; and those of keywords that have several values, which say behind a comma which of them is meant.
//
// Both range forms exclude their ends, as Suricata's do. Everything is immutable and safe for concurrent use.
package number

import (
	"fmt"
	"math/bits"
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
	masked
	notMasked
)

// Condition is one test of an unsigned number.
type Condition struct {
	mode   mode
	lo, hi uint64 // masked: the value and the mask
}

// Equal is the condition of being n.
func Equal(n uint64) Condition { return Condition{lo: n} }

// prefixes are tried in order: the longer ones first. Never written.
var prefixes = []struct {
	text string
	mode mode
}{{"!=", notEqual}, {"<=", lessEqual}, {">=", greaterEqual}, {"!", notEqual}, {"<", less}, {">", greater}, {"=", equal}}

// Parse reads a condition on numbers up to limit.
func Parse(text string, limit uint64) (Condition, error) { return ParseNamed(text, limit, nil) }

// ParseNamed reads a condition whose numbers may be given by name, in lower case.
func ParseNamed(text string, limit uint64, names map[string]uint64) (Condition, error) {
	text = strings.TrimSpace(text)
	if mask, ok := strings.CutPrefix(text, "&"); ok {
		return parseMask(mask, limit)
	}
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
	if n, ok := names[strings.ToLower(text)]; ok {
		c.lo = n
		return c, nil
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

// parseMask reads mask=value and mask!=value.
func parseMask(text string, limit uint64) (c Condition, err error) {
	mask, value, ok := strings.Cut(text, "=")
	if !ok {
		return c, fmt.Errorf("mask %q has no = and value", text)
	}
	c.mode = masked
	if rest, negated := strings.CutSuffix(mask, "!"); negated {
		c.mode, mask = notMasked, rest
	}
	if c.hi, err = parseNumber(mask, limit); err != nil {
		return c, err
	}
	if c.lo, err = parseNumber(value, limit); err != nil {
		return c, err
	}
	if c.lo&^c.hi != 0 {
		return c, fmt.Errorf("value %d has bits that the mask %d takes away", c.lo, c.hi)
	}
	return c, nil
}

// ParseBits reads a list of bit names, each with an optional ! in front: all of them must be so.
func ParseBits(text string, names map[string]uint64) (c Condition, ok bool) {
	c.mode = masked
	for _, word := range strings.Split(text, ",") {
		word, negated := strings.CutPrefix(strings.ToLower(strings.TrimSpace(word)), "!")
		bit, known := names[strings.TrimSpace(word)]
		if !known || bit == 0 {
			return Condition{}, false
		}
		c.hi |= bit
		if !negated {
			c.lo |= bit
		}
	}
	return c, true
}

// units are the suffixes a number may have. Never written.
var units = []struct {
	text string
	size uint64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}}

func parseNumber(text string, limit uint64) (uint64, error) {
	word := strings.ToLower(strings.TrimSpace(text))
	unit := uint64(1)
	base := 10
	if hex, ok := strings.CutPrefix(word, "0x"); ok {
		word, base = hex, 16
	} else {
		for _, u := range units {
			if rest, ok := strings.CutSuffix(word, u.text); ok {
				word, unit = strings.TrimSpace(rest), u.size
				break
			}
		}
	}
	n, err := strconv.ParseUint(word, base, 64)
	high, n := bits.Mul64(n, unit)
	if err != nil || high != 0 || n > limit {
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
	case masked:
		return n&c.hi == c.lo
	case notMasked:
		return n&c.hi != c.lo
	}
	return n == c.lo
}

// Number is the value that is compared with.
func (c Condition) Number() uint64 { return c.lo }

// Rising tells that a number which meets the condition still does when it has grown.
func (c Condition) Rising() bool { return c.mode == greater || c.mode == greaterEqual }
