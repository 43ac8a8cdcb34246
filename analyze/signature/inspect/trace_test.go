package inspect

import (
	"strings"
	"testing"
)

func TestTrace(t *testing.T) {
	f := func(data string, reached int, failed string, steps ...Step) {
		t.Helper()
		var s Scratch
		p := NewProgram(steps)
		b := &Buffer{Data: []byte(data)}
		got := p.Trace(&s, b)
		if got.Reached != reached || !strings.Contains(got.Failed, failed) || (failed == "") != got.Matched {
			t.Errorf("%q: %+v, want %d steps and %q", data, got, reached, failed)
		}
		if want := p.Match(&s, b); want != got.Matched {
			t.Errorf("%q: traced %v, matched %v", data, got.Matched, want)
		}
	}
	f("GET /a", 1, "", content("GET", none, 3, none, none))
	f("xGET /a", 0, "found at 1 (ends at 4), but depth:3 asks that it ends at 3 or before", content("GET", none, 3, none, none))
	f("get /a", 0, "stands in other case", content("GET", none, none, none, none))
	f("GET /a", 0, "not found", content("POST", none, none, none, none))
	f("a----------b", 1, "the last match ended at 1 and within:5 asks that it ends at 6 or before", content("a", none, none, none, none), content("b", none, none, 0, 5))
	f("ab", 1, "distance:3 asks for it at 4 or later", content("a", none, none, none, none), content("b", none, none, 3, none))
	// The way that got furthest counts, not the last that was tried.
	f("ab a", 2, "not found", content("a", none, none, none, none), content("b", none, none, 0, none), content("c", none, none, 0, none))
	f("ab", 1, "the buffer ends at 2, the rule asks for data at 12", content("b", none, none, none, none), &DataAt{Offset: Plain(10), Relative: true})
	f("\x00\x05", 0, "read 5 (0x5) at 0, the rule asks for > 9", &ByteTest{Source: Source{Bytes: Plain(2), Offset: Plain(0)}, Op: Greater, Value: Plain(9)})
	f("\x00\x05", 0, "wants 4 bytes at 0, the buffer has 2", &ByteTest{Source: Source{Bytes: Plain(4), Offset: Plain(0)}, Op: Greater, Value: Plain(9)})
	not := content("evil", none, none, none, none)
	not.Negated = true
	f("an evil host", 0, "is there, at 3", not)
	f("host", 1, "", not)
}

func TestTraceFindsPlaces(t *testing.T) {
	var s Scratch
	got := NewProgram([]Step{content("id=", none, none, none, none), content("77", none, none, 0, none)}).Trace(&s, &Buffer{Data: []byte("x id=x id=77")})
	if !got.Matched || len(got.Found) != 2 || got.Found[0] != (Span{2, 5}) || got.Found[1] != (Span{10, 12}) {
		t.Errorf("%+v", got)
	}
}

// FuzzTrace checks that tracing agrees with matching and never leaves the buffer.
func FuzzTrace(f *testing.F) {
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
		third := &ByteTest{Source: Source{Bytes: Plain(int64(mode % 9)), Offset: Plain(int64(a)), Relative: mode&8 != 0}, Op: Operator(mode % 7), Value: Plain(int64(b))}
		p := NewProgram([]Step{first, second, third, &DataAt{Offset: Plain(int64(mode)), Relative: true}})
		var s, q Scratch
		buf := &Buffer{Data: data}
		got := p.Trace(&s, buf)
		if got.Matched != p.Match(&q, buf) || got.Matched != (got.Failed == "") {
			t.Fatalf("%+v", got)
		}
		for _, x := range append(got.Found, got.Near) {
			if x.From > len(data) || x.To > len(data) && x.From >= 0 && x != got.Near {
				t.Fatalf("%+v of %d", got, len(data))
			}
		}
	})
}
