package pcre

import (
	"errors"
	"regexp"
	"testing"
)

func TestFind(t *testing.T) {
	f := func(pattern string, opt Options, subject string, start, end int) {
		t.Helper()
		r, err := Compile(pattern, opt)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			return
		}
		s, e, ok := r.Find(new(Scratch), []byte(subject), 0)
		if !ok {
			s, e = -1, -1
		}
		if s != start || e != end {
			t.Errorf("%s on %q: got %d,%d want %d,%d", pattern, subject, s, e, start, end)
		}
	}
	f(`a.c`, Options{}, "xxa\xffc", 2, 5)
	f(`\xff`, Options{}, "\xc3\xbf\xff", 2, 3) // the two bytes of U+00FF are not byte 0xff
	f(`^[^\n]{3}$`, Options{}, "\xc3\xbf\x80", 0, 3)
	f(`\xe9`, Options{Caseless: true}, "\xc9", -1, -1)
	f(`[a-c]+`, Options{Caseless: true}, "xABCd", 1, 4)
	f(`^foo$`, Options{}, "foo\n", 0, 4)
	f(`^foo$`, Options{DollarEnd: true}, "foo\n", -1, -1)
	f(`^b$`, Options{Multiline: true}, "a\nb\nc", 2, 3)
	f(`a.b`, Options{}, "a\nb", -1, -1)
	f(`a.b`, Options{DotAll: true}, "a\nb", 0, 3)
	f("a b # c\n d", Options{Extended: true}, "abd", 0, 3)
	f(`b`, Options{Anchored: true}, "ab", -1, -1)
	f(`a+`, Options{Ungreedy: true}, "aaa", 0, 1)
	f(`a+?`, Options{Ungreedy: true}, "aaa", 0, 3)
	f(`(?i)ab(?-i)c`, Options{}, "ABc", 0, 3)
	f(`foo(?!bar)`, Options{}, "foobar foobaz", 7, 10)
	f(`(?<=x)\d{2}`, Options{}, "12x34", 3, 5)
	f(`(.)\1`, Options{}, "abccd", 2, 4)
	f(`(?P<q>['"])x(?P=q)`, Options{}, `'x" "x"`, 4, 7)
	f(`a++b`, Options{}, "aaab", 0, 4)
	f(`(?>a+)ab`, Options{}, "aaab", -1, -1)
	f(`x{2500}`, Options{}, string(make([]byte, 10)), -1, -1)
	f(`\d{0,1200}z`, Options{}, "123z", 0, 4)
	f(`[[:alpha:]_]+`, Options{}, "12ab_3", 2, 5)
	f(`\Qa.b\E+`, Options{}, "a.bbb", 0, 5)
	f(`[\x80-\xff]{2}`, Options{}, "a\xe4\xbd\xa0", 1, 3)
	f(`\bcat\b`, Options{}, "a cat", 2, 5)
	f(`\s\v`, Options{}, "\x0b\x0b", 0, 2)
	f(`a{,3}`, Options{}, "a{,3}", 0, 5)
	f(`\x41\x{42}\103`, Options{}, "ABC", 0, 3)
	f(`[]a]+`, Options{}, "x]a]", 1, 4)
	f(`\R`, Options{}, "a\r\nb", 1, 3)
	f(``, Options{}, "", 0, 0)
}

func TestFindFrom(t *testing.T) {
	f := func(pattern, subject string, from, start int) {
		t.Helper()
		r, err := Compile(pattern, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, _, ok := r.Find(new(Scratch), []byte(subject), from)
		if !ok {
			s = -1
		}
		if s != start {
			t.Errorf("%s in %q from %d: %d, want %d", pattern, subject, from, s, start)
		}
	}
	f(`a`, "aba", 1, 2)
	f(`^a`, "aa", 1, -1)
	f(`\ba`, "aa a", 1, 3)
	f(`a`, "\xffa\xffa", 2, 3)
	f(`(?<=b)a`, "ba ba", 2, 4)
	f(`a`, "a", 2, -1)
}

func TestRefused(t *testing.T) {
	f := func(pattern string) {
		t.Helper()
		_, err := Compile(pattern, Options{})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %v, want a SyntaxError", pattern, err)
		}
	}
	for _, p := range []string{`(?R)`, `(?1)`, `a(*FAIL)`, `(?(1)a|b)`, `(?|a|b)`, `a\Kb`, `\p{L}`, `(`, `)`, `[a`, `*a`, `a{3,2}`, `\`, `[b-a]`, `(?<n`, `\k<x>`, `(?C1)`} {
		f(p)
	}
}

// TestByteExact compares with Go's engine on patterns whose meaning is the same, over every single byte.
func TestByteExact(t *testing.T) {
	for _, p := range []string{`\d`, `\w`, `[^a-z]`, `[\x20-\x7e]`, `.`} {
		r, err := Compile(p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		slow := regexp.MustCompile(`\A(?:` + p + `)\z`)
		for c := 0; c < 256; c++ {
			_, _, got := r.Find(new(Scratch), []byte{byte(c)}, 0)
			if want := slow.MatchString(string(rune(c))); got != want {
				t.Errorf("%s on byte %#x: %v, want %v", p, c, got, want)
			}
		}
	}
}

func FuzzCompileFind(f *testing.F) {
	f.Add(`^(GET|POST)\s+[^\r\n]{1,20}\x0d?$`, []byte("GET /a\r\n"), byte(0))
	f.Add(`(?<!a)b(?=c)(\d)\1`, []byte("bc11"), byte(3))
	f.Add(`[[:alpha:]\xff-]+?(?i:x)`, []byte("\xff\xfeX"), byte(7))
	f.Fuzz(func(t *testing.T, pattern string, subject []byte, flags byte) {
		opt := Options{Caseless: flags&1 != 0, Multiline: flags&2 != 0, DotAll: flags&4 != 0, Extended: flags&8 != 0, Anchored: flags&16 != 0, Ungreedy: flags&32 != 0}
		r, err := Compile(pattern, opt)
		if err != nil || r.Backtracking() && len(subject) > 64 {
			return
		}
		var s Scratch
		start, end, ok := r.Find(&s, subject, 0)
		if ok && (start < 0 || end < start || end > len(subject)) {
			t.Fatalf("%q on %q: %d,%d", pattern, subject, start, end)
		}
		if ok {
			if again, _, _ := r.Find(&s, subject, start); again != start {
				t.Fatalf("%q on %q: starts at %d, but from there at %d", pattern, subject, start, again)
			}
		}
	})
}
