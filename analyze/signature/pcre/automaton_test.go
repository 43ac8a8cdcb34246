package pcre

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// engine runs the expression without its automaton.
func (r *Regex) engine(s *Scratch, subject []byte, from int) bool {
	if from > 0 && r.anchored {
		return false
	}
	var ok bool
	switch {
	case r.back != nil:
		_, _, ok = r.findBack(s, subject, from)
	case from > 0 && r.left:
		_, _, ok = r.findAfter(s, subject, from)
	default:
		ok = r.std.Match(s.toLatin(subject[from:]))
	}
	return ok
}

// draw makes a random expression.
func draw(rng *rand.Rand, depth int) string {
	atom := func() string {
		list := []string{"a", "b", "ab", ".", "[ab]", "[^a]", `\w`, `\W`, `\s`, `\n`, `\xff`, `^`, `$`, `\b`, `\B`, `\A`, `\z`, `\Z`, `(?=a)`, `(?!b)`, `(?<=b)`, `(?<!a)`, ""}
		return list[rng.IntN(len(list))]
	}
	if depth == 0 {
		return atom()
	}
	switch rng.IntN(6) {
	case 0:
		return draw(rng, depth-1) + draw(rng, depth-1)
	case 1:
		return "(?:" + draw(rng, depth-1) + "|" + draw(rng, depth-1) + ")"
	case 2:
		return "(" + draw(rng, depth-1) + ")" + []string{"*", "+", "?", "*?", "{2}", "{1,3}", "{2,}", "++"}[rng.IntN(8)]
	case 3:
		return "(?>" + draw(rng, depth-1) + ")" + draw(rng, depth-1)
	case 4:
		return draw(rng, depth-1) + atom() + draw(rng, depth-1)
	}
	return atom() + draw(rng, depth-1)
}

func agree(t *testing.T, r *Regex, s *Scratch, subject []byte, from int) (exact bool) {
	t.Helper()
	timeouts := s.Timeouts
	want := r.engine(s, subject, from)
	if s.Timeouts > timeouts {
		return false
	}
	v, exact := r.look(s, subject, from)
	if from > 0 && r.anchored {
		return false
	}
	switch {
	case v == cannotMatch && want:
		t.Fatalf("%q %+v on %q from %d: refused, but it matches", r.text, r.opt, subject, from)
	case v == canMatch && exact && !want:
		t.Fatalf("%q %+v on %q from %d: accepted for certain, but it does not match", r.text, r.opt, subject, from)
	}
	return exact && v != unknown
}

// TestAutomatonAgainstEngines compares verdicts with the engines on drawn expressions and subjects.
func TestAutomatonAgainstEngines(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	exact := 0
	var s Scratch
	for range 4000 {
		opt := Options{Multiline: rng.IntN(2) == 0, DotAll: rng.IntN(2) == 0, Caseless: rng.IntN(3) == 0, Anchored: rng.IntN(8) == 0, DollarEnd: rng.IntN(4) == 0}
		r, err := Compile(draw(rng, 3), opt)
		if err != nil {
			continue
		}
		for range 6 {
			subject := make([]byte, rng.IntN(9))
			for i := range subject {
				subject[i] = "abAB_ \n\xff"[rng.IntN(8)]
			}
			s.Reset()
			from := 0
			if rng.IntN(3) == 0 && !r.left {
				from = rng.IntN(len(subject) + 1)
			}
			if agree(t, r, &s, subject, from) {
				exact++
			}
		}
	}
	if exact < 2000 {
		t.Fatalf("only %d exact verdicts: the test shows little", exact)
	}
}

// TestAutomatonGivesUp draws a subject on which the automaton needs a new state nearly every byte: it must fall back, not grow or err.
func TestAutomatonGivesUp(t *testing.T) {
	r, err := Compile(`a[ab]{60}c`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var s Scratch
	rng := rand.New(rand.NewPCG(1, 1))
	subject := make([]byte, 100_000)
	for i := range subject {
		subject[i] = "ab"[rng.IntN(2)]
	}
	if r.Match(&s, subject) {
		t.Error("matched without a c")
	}
	if a := s.automata[r]; a != nil {
		t.Errorf("still in use with %d states", len(a.sets))
	}
	if s.cells != 0 {
		t.Errorf("%d cells are counted as in use", s.cells)
	}
	subject[len(subject)-62], subject[len(subject)-1] = 'a', 'c'
	if !r.Match(&s, subject) {
		t.Error("not matched")
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	r, err := Compile(`^(?:GET|POST) /[a-z0-9]{4,12}\.php\?id=\d+`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var s Scratch
	subject := []byte("GET /index12.html HTTP/1.1")
	r.Match(&s, subject)
	if n := testing.AllocsPerRun(100, func() { s.Reset(); r.Match(&s, subject) }); n != 0 {
		t.Errorf("%v allocations a match", n)
	}
}

func FuzzAutomaton(f *testing.F) {
	f.Add(`(?:a|b\b)+c?$`, []byte("ab b\n"), byte(0), byte(0))
	f.Add(`^a{70,}[^\n]\Z`, []byte("aaa\n"), byte(2), byte(1))
	f.Fuzz(func(t *testing.T, pattern string, subject []byte, flags, from byte) {
		opt := Options{Caseless: flags&1 != 0, Multiline: flags&2 != 0, DotAll: flags&4 != 0, Anchored: flags&16 != 0, DollarEnd: flags&32 != 0}
		r, err := Compile(pattern, opt)
		if err != nil || r.Backtracking() && len(subject) > 64 || len(subject) > 4096 {
			return
		}
		var s Scratch
		at := 0
		if !r.left {
			at = min(int(from), len(subject))
		}
		agree(t, r, &s, subject, at)
	})
}

func BenchmarkMatch(b *testing.B) {
	subject := []byte(strings.Repeat("GET /index.html?q=alpha&lang=en HTTP/1.1\r\nHost: www.example.com\r\n", 20))
	for _, pattern := range []string{`=.+?(?:on(?:focus|blur)|s(?:cript|tyle=))`, `(?:x|y)z[0-9]{4}`, `[a-z]+\d{3}[a-z]+q`} {
		r, err := Compile(pattern, Options{Caseless: true})
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range []string{"automaton", "engine"} {
			b.Run(fmt.Sprint(name, " ", pattern), func(b *testing.B) {
				var s Scratch
				b.SetBytes(int64(len(subject)))
				b.ReportAllocs()
				for b.Loop() {
					s.Reset()
					if name == "engine" {
						r.engine(&s, subject, 0)
					} else {
						r.Match(&s, subject)
					}
				}
			})
		}
	}
}
