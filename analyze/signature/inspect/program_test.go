package inspect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"fengsui/analyze/signature/pcre"
)

// plainContent makes a content with the given modifiers; -999 leaves one out.
const none = -999

func content(pattern string, offset, depth, distance, within int) *Content {
	c := &Content{Pattern: []byte(pattern), Offset: Plain(0), Depth: Plain(0), Distance: Plain(0), Within: Plain(0)}
	if offset != none {
		c.HasOffset, c.Offset = true, Plain(int64(offset))
	}
	if depth != none {
		c.HasDepth, c.Depth = true, Plain(int64(depth))
	}
	if distance != none {
		c.HasDistance, c.Distance = true, Plain(int64(distance))
	}
	if within != none {
		c.HasWithin, c.Within = true, Plain(int64(within))
	}
	return c
}

// slow says the obvious way whether contents from index on can be placed, the previous match ending at end. For relative contents every place is tried;
// an independent content is satisfied by any place, and what follows it leans on its first place or a later one.
func slow(list []*Content, at, end int, data []byte) bool {
	if at == len(list) {
		return true
	}
	c := list[at]
	for start := 0; start+len(c.Pattern) <= len(data); start++ {
		stop := start + len(c.Pattern)
		if !bytes.Equal(data[start:stop], c.Pattern) || c.EndsWith && stop != len(data) {
			continue
		}
		low, high := 0, len(data)
		if c.Relative() {
			low = end
			if c.HasDistance {
				low = max(0, end+int(c.Distance.Plain))
			}
			if c.HasWithin {
				high = min(high, end+int(c.Within.Plain)+int(c.Distance.Plain))
			}
		} else {
			low = int(c.Offset.Plain)
			if c.HasDepth {
				high = min(high, int(c.Depth.Plain))
			}
		}
		if start >= low && stop <= high && slow(list, at+1, stop, data) {
			return true
		}
	}
	return false
}

func TestContentAgainstSlow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[rng.IntN(2)]
		}
		return string(b)
	}
	var s Scratch
	for round := range 60000 {
		var steps []Step
		var list []*Content
		var text string
		for i := range rng.IntN(3) + 1 {
			p := random(rng.IntN(3) + 1)
			mods := [4]int{none, none, none, none}
			if i > 0 && rng.IntN(4) > 0 {
				mods[2] = rng.IntN(7) - 2
				if rng.IntN(2) == 0 {
					mods[3] = len(p) + rng.IntN(4)
				}
			} else {
				if rng.IntN(2) == 0 {
					mods[0] = rng.IntN(4)
				}
				if rng.IntN(2) == 0 {
					mods[1] = len(p) + max(mods[0], 0) + rng.IntN(5)
				}
			}
			c := content(p, mods[0], mods[1], mods[2], mods[3])
			c.EndsWith = rng.IntN(6) == 0 && i > 0
			list = append(list, c)
			steps = append(steps, c)
			text += fmt.Sprintf(" %q%v/%v", p, mods, c.EndsWith)
		}
		data := []byte(random(rng.IntN(12)))
		got := NewProgram(steps).Match(&s, &Buffer{Data: data})
		if want := slow(list, 0, 0, data); got != want {
			t.Fatalf("round %d:%s on %q: %v, want %v", round, text, data, got, want)
		}
	}
}

func TestContentNegation(t *testing.T) {
	f := func(data string, want bool, steps ...Step) {
		t.Helper()
		var s Scratch
		if got := NewProgram(steps).Match(&s, &Buffer{Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	not := func(c *Content) *Content { c.Negated = true; return c }
	f("abc", false, not(content("b", none, none, none, none)))
	f("abc", true, not(content("x", none, none, none, none)))
	f("abcx", true, content("a", none, none, none, none), not(content("x", none, none, 0, 2)))
	f("abx", false, content("a", none, none, none, none), not(content("x", none, none, 0, 2)))
	f("a1 a2", true, content("a", none, none, none, none), not(content("1", none, none, 0, 1)), content("2", none, none, 0, none))
	f("", true, not(content("u", none, none, none, none)))
	ends := not(content(".com", none, none, none, none))
	ends.EndsWith = true
	f("a.com", false, ends)
	f("a.com.cn", true, ends)
	// depth counts from the start of the stream.
	var s Scratch
	p := NewProgram([]Step{content("GET", none, 3, none, none)})
	if p.Match(&s, &Buffer{Data: []byte("GET"), Start: 100}) || !p.Match(&s, &Buffer{Data: []byte("GET")}) {
		t.Error("depth ignores the position in the stream")
	}
}

func TestBytes(t *testing.T) {
	f := func(data string, want bool, steps ...Step) {
		t.Helper()
		var s Scratch
		if got := NewProgram(steps).Match(&s, &Buffer{Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	src := func(n, offset int64, relative bool) Source {
		return Source{Bytes: Plain(n), Offset: Plain(offset), Relative: relative}
	}
	test := func(s Source, op Operator, v int64) *ByteTest { return &ByteTest{Source: s, Op: op, Value: Plain(v)} }
	f("\x01\x02\x03", true, test(src(2, 1, false), Equal, 0x0203))
	f("\x01\x02\x03", false, test(src(2, 2, false), Greater, 0))
	little := src(2, 0, false)
	little.Little = true
	f("\x01\x02", true, test(little, Equal, 0x0201))
	text := src(4, 0, false)
	text.Text, text.Base = true, 10
	f("1234", true, test(text, Equal, 1234))
	f("12x4", true, test(text, Equal, 12))
	f("xxxx", false, test(text, GreaterEqual, 0))
	auto := text
	auto.Base = 0
	f("0x1f", true, test(auto, Equal, 31))
	masked := test(src(1, 0, false), Equal, 3)
	masked.Mask = 0x0c
	f("\xfd", true, masked)
	jump := &ByteJump{Source: src(1, 0, false), Multiplier: 1, PostOffset: Plain(0)}
	f("\x02xxAB", true, jump, content("AB", none, none, 0, 2))
	f("\x09xxAB", false, jump)
	back := &ByteJump{Source: src(0, 0, true), Multiplier: 1, PostOffset: Plain(-10)}
	back.Source.Text = false
	f("abc", true, content("b", none, none, none, none), back, content("a", none, none, 0, 1))
	aligned := &ByteJump{Source: src(1, 0, false), Multiplier: 1, Align: true, PostOffset: Plain(0), FromStart: true}
	f("\x01abcX", true, aligned, content("X", none, none, 0, 1))
	extract := &ByteExtract{Source: src(1, 0, false), Multiplier: 1}
	within := content("B", none, none, none, none)
	within.HasOffset, within.Offset = true, Number{Var: 0}
	f("\x03AAB", true, extract, within)
	f("\x04BBBA", false, extract, within)
	math := &ByteMath{Source: src(1, 0, false), Op: Add, Right: Plain(1), Into: 1}
	f("\x02\x03", true, math, &ByteTest{Source: src(1, 1, false), Value: Number{Var: 1}})
	f("ab", true, content("a", none, none, none, none), &DataAt{Offset: Plain(1), Relative: true})
	f("ab", false, content("b", none, none, none, none), &DataAt{Offset: Plain(1), Relative: true})
	f("ab", true, content("b", none, none, none, none), &DataAt{Offset: Plain(1), Relative: true, Negated: true})
	f("x=YWJj", true, content("=", none, none, none, none), &Base64{Relative: true, Then: NewProgram([]Step{content("abc", none, none, none, none)})})
	f("x=YWJj", false, &Base64{Then: NewProgram([]Step{content("abd", none, none, none, none)})})
}

func TestRegexRetries(t *testing.T) {
	compile := func(text string) *pcre.Regex {
		r, err := pcre.Compile(text, pcre.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var s Scratch
	p := NewProgram([]Step{&Regex{Expr: compile(`\d`)}, content("x", none, none, 0, 1)})
	if !p.Match(&s, &Buffer{Data: []byte("1a 2x")}) {
		t.Error("expression is not tried at its next match")
	}
	rel := NewProgram([]Step{content("id=", none, none, none, none), &Regex{Expr: compile(`^\d+$`), Relative: true}})
	if !rel.Match(&s, &Buffer{Data: []byte("id=x id=77")}) || rel.Match(&s, &Buffer{Data: []byte("id=7x")}) {
		t.Error("relative expression is wrong")
	}
}

func TestStepsAreBounded(t *testing.T) {
	var steps []Step
	steps = append(steps, content("a", none, none, none, none))
	for range 12 {
		steps = append(steps, content("a", none, none, 0, none))
	}
	steps = append(steps, content("b", none, none, 0, none))
	var s Scratch
	if NewProgram(steps).Match(&s, &Buffer{Data: bytes.Repeat([]byte("a"), 5000)}) || s.Exceeds != 1 {
		t.Errorf("not cut off, exceeds %d", s.Exceeds)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	c := content("HOST: ", none, none, none, none)
	c.NoCase, c.Pattern = true, []byte("host: ")
	p := NewProgram([]Step{c, content("evil", none, none, 0, 40), content("x", none, none, 0, none)})
	var s Scratch
	b := &Buffer{Data: []byte("GET / HTTP/1.1\r\nHost: a\r\nhost: b.evil.c\r\n\r\n")}
	if n := testing.AllocsPerRun(100, func() { p.Match(&s, b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("ab"), []byte("xxabyyab"), int16(2), int16(4), byte(1))
	f.Fuzz(func(t *testing.T, pattern, data []byte, a, b int16, mode byte) {
		if len(pattern) == 0 || len(pattern) > 20 || len(data) > 200 {
			return
		}
		first := content(string(pattern), none, none, none, none)
		second := content(string(pattern[:1]), none, none, int(a), none)
		if mode&1 != 0 {
			second.HasWithin, second.Within = true, Plain(int64(b))
		}
		second.Negated, second.EndsWith = mode&2 != 0, mode&4 != 0
		steps := []Step{
			first, &ByteExtract{Source: Source{Bytes: Plain(int64(mode % 9)), Offset: Plain(int64(a)), Relative: mode&8 != 0}, Multiplier: 1}, second,
			&ByteJump{Source: Source{Bytes: Plain(int64(mode % 5)), Offset: Plain(int64(b)), Relative: true}, Multiplier: uint64(mode), PostOffset: Plain(int64(a))},
			&DataAt{Offset: Plain(int64(mode)), Relative: true},
		}
		var s Scratch
		NewProgram(steps).Match(&s, &Buffer{Data: data})
		if s.offset < 0 || s.offset > len(data) {
			t.Fatalf("offset %d of %d", s.offset, len(data))
		}
	})
}
