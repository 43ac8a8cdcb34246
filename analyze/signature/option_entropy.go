package signature

import (
	"math"
	"strconv"
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/rule"
)

// floatTest compares with one or two bounds.
type floatTest func(v float64) bool

func parseFloatTest(text string) (floatTest, error) {
	text = strings.TrimSpace(text)
	op := ""
	for _, p := range []string{"!=", "<=", ">=", "!", "<", ">", "="} {
		if rest, ok := strings.CutPrefix(text, p); ok {
			op, text = p, strings.TrimSpace(rest)
			break
		}
	}
	low, high, ranged := strings.Cut(text, "-")
	lo, err := strconv.ParseFloat(strings.TrimSpace(low), 64)
	if err != nil {
		return nil, atOffset(0, "%q is no number", low)
	}
	if ranged {
		hi, err := strconv.ParseFloat(strings.TrimSpace(high), 64)
		if err != nil || hi <= lo || op != "" && op[0] != '!' {
			return nil, atOffset(0, "range %q is not in order", text)
		}
		negated := op != ""
		return func(v float64) bool { return (v > lo && v < hi) != negated }, nil
	}
	switch op {
	case "!=", "!":
		return func(v float64) bool { return v != lo }, nil
	case "<":
		return func(v float64) bool { return v < lo }, nil
	case "<=":
		return func(v float64) bool { return v <= lo }, nil
	case ">":
		return func(v float64) bool { return v > lo }, nil
	case ">=":
		return func(v float64) bool { return v >= lo }, nil
	}
	return func(v float64) bool { return v == lo }, nil
}

// optEntropy reads entropy:[bytes N,][offset N,]value test: Shannon's entropy in bits a byte.
func optEntropy(b *builder, o rule.Option) error {
	var test floatTest
	var size, offset uint64
	for _, word := range split(o.Value) {
		name, value, _ := strings.Cut(word, " ")
		var err error
		switch name {
		case "bytes":
			size, err = parseUint(strings.TrimSpace(value), 1<<31)
		case "offset":
			offset, err = parseUint(strings.TrimSpace(value), 1<<31)
		case "value":
			test, err = parseFloatTest(value)
		default:
			err = atOffset(0, "%q is not bytes, offset or value", name)
		}
		if err != nil {
			return err
		}
	}
	if test == nil || b.cur.buffer == nil {
		return atOffset(0, "want a sticky buffer before it and a value")
	}
	b.addStep(&inspect.Check{Test: func(data []byte) bool {
		if offset > uint64(len(data)) {
			return false
		}
		data = data[offset:]
		if size > 0 && size < uint64(len(data)) {
			data = data[:size]
		}
		return test(entropy(data))
	}}, false)
	return nil
}

func entropy(data []byte) float64 {
	if len(data) == 0 {
		return 0
	}
	var counts [256]int
	for _, c := range data {
		counts[c]++
	}
	e, n := 0.0, float64(len(data))
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / n
			e -= p * math.Log2(p)
		}
	}
	return e
}
