package number

import (
	"fmt"
	"strconv"
	"strings"
)

// which says which values of several a condition speaks of.
type which uint8

const (
	anyOf        which = iota
	allOf              // all, and there is one
	allOrAbsent        // all, or there is none
	anyOrAbsent        // any, or there is none
	countOf            // so many meet it
	placeOf            // the one at a place
	placeOrOut         // the one at a place, or there is no such place
	countOfThere       // so many are there, whatever they are
)

// Multi is a condition on a list of numbers.
type Multi struct {
	value Condition
	which which
	count Condition // countOf
	place int       // placeOf; negative ones count from the end

	sliced   bool // only the values from low up to high are looked at; negative ones count from the end
	low, top int
}

// ParseMulti reads value[,index[,from:to]] or "count" and a condition. bitNames may be nil: names of bits, of which a list may stand in place of the
// value.
func ParseMulti(text string, limit uint64, names, bitNames map[string]uint64) (m Multi, err error) {
	text = strings.TrimSpace(text)
	if len(bitNames) > 0 {
		if c, ok := ParseBits(text, bitNames); ok {
			return Multi{value: c}, nil
		}
	}
	if rest, ok := strings.CutPrefix(text, "count"); ok {
		m.which = countOfThere
		m.count, err = Parse(rest, 1<<32-1)
		return m, err
	}
	parts := strings.Split(text, ",")
	if len(parts) > 3 {
		return m, fmt.Errorf("%q is more than a value, an index and a range", text)
	}
	if m.value, err = ParseNamed(parts[0], limit, names); err != nil {
		return m, err
	}
	if len(parts) > 1 {
		if err = m.index(strings.TrimSpace(parts[1])); err != nil {
			return m, err
		}
	}
	if len(parts) > 2 {
		err = m.slice(strings.TrimSpace(parts[2]))
	}
	return m, err
}

func (m *Multi) index(word string) (err error) {
	switch word {
	case "any":
		return nil
	case "all", "all1":
		m.which = allOf
		return nil
	case "all_or_absent":
		m.which = allOrAbsent
		return nil
	case "or_absent":
		m.which = anyOrAbsent
		return nil
	}
	if rest, ok := strings.CutPrefix(word, "nb"); ok {
		m.which = countOf
		m.count, err = Parse(rest, 1<<32-1)
		return err
	}
	m.which = placeOf
	for _, prefix := range []string{"oob_or ", "or_out_of_bounds "} {
		if rest, ok := strings.CutPrefix(word, prefix); ok {
			m.which, word = placeOrOut, strings.TrimSpace(rest)
		}
	}
	if m.place, err = strconv.Atoi(word); err != nil {
		return fmt.Errorf("index %q is not any, all, all_or_absent, or_absent, nb with a condition, or a place", word)
	}
	return nil
}

func (m *Multi) slice(text string) (err error) {
	from, to, ok := strings.Cut(text, ":")
	if ok {
		m.low, err = strconv.Atoi(from)
	}
	if ok && err == nil {
		m.top, err = strconv.Atoi(to)
	}
	if !ok || err != nil {
		return fmt.Errorf("range %q is not from:to", text)
	}
	m.sliced = true
	return nil
}

// Waits tells that the condition can only be judged when all values are there.
func (m *Multi) Waits() bool { return m.which != anyOf || m.sliced }

// Value is the condition on each value; it alone decides unless Waits.
func (m *Multi) Value() Condition { return m.value }

// Absent tells that the condition may hold of a list that is empty.
func (m *Multi) Absent() bool {
	return m.which == allOrAbsent || m.which == anyOrAbsent || m.which == placeOrOut || m.which >= countOf && m.count.Match(0)
}

// valuesMax bounds the values looked at.
const valuesMax = 1 << 16

// Match judges the values that get yields for 0, 1, … until it says false.
func (m *Multi) Match(get func(i int) (uint64, bool)) bool {
	if !m.Waits() {
		for i := range valuesMax {
			n, ok := get(i)
			if !ok {
				return false
			}
			if m.value.Match(n) {
				return true
			}
		}
		return false
	}
	total := 0
	for total < valuesMax {
		if _, ok := get(total); !ok {
			break
		}
		total++
	}
	from, to := m.bounds(total)
	return m.among(get, from, to)
}

// bounds gives the values that are looked at; none when the range lies outside.
func (m *Multi) bounds(total int) (from, to int) {
	if !m.sliced {
		return 0, total
	}
	from, to = m.low, m.top
	if from < 0 {
		from += total
	}
	if to < 0 {
		to += total
	}
	if from < 0 || from > total || to < from || to > total {
		return 0, 0
	}
	return from, to
}

func (m *Multi) among(get func(i int) (uint64, bool), from, to int) bool {
	switch m.which {
	case countOfThere:
		return m.count.Match(uint64(to - from))
	case placeOf, placeOrOut:
		at := from + m.place
		if m.place < 0 {
			at = to + m.place
		}
		if at < from || at >= to {
			return m.which == placeOrOut
		}
		n, _ := get(at)
		return m.value.Match(n)
	}
	met := 0
	for i := from; i < to; i++ {
		if n, ok := get(i); ok && m.value.Match(n) {
			met++
		}
	}
	switch m.which {
	case allOf:
		return to > from && met == to-from
	case allOrAbsent:
		return met == to-from
	case anyOrAbsent:
		return met > 0 || to == from
	case countOf:
		return m.count.Match(uint64(met))
	}
	return met > 0
}
