package number

import "testing"

func TestMulti(t *testing.T) {
	words := map[string]uint64{"connect": 1}
	bitNames := map[string]uint64{"fin": 0x80, "comp": 0x40}
	f := func(text string, want bool, values ...uint64) {
		t.Helper()
		m, err := ParseMulti(text, 1<<32, words, bitNames)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		got := m.Match(func(i int) (uint64, bool) {
			if i >= len(values) {
				return 0, false
			}
			return values[i], true
		})
		if got != want {
			t.Errorf("%s of %v: %v", text, values, got)
		}
		if want && len(values) == 0 && !m.Absent() {
			t.Errorf("%s may hold of nothing, but does not say so", text)
		}
	}
	f("5", true, 1, 5)
	f("5", false, 1, 2)
	f("5", false)
	f("connect", true, 1)
	f("!CONNECT", false, 1)
	f("!connect", true, 1, 2)
	f(">2,any", true, 1, 3)
	f(">2,all", false, 1, 3)
	f(">2,all", true, 4, 3)
	f(">2,all", false)
	f(">2,all_or_absent", true)
	f("5,or_absent", true)
	f("5,or_absent", false, 6)
	f("5,nb>1", true, 5, 5, 6)
	f("5,nb>1", false, 5, 6)
	f("5,nb 0", true)
	f("5,0", true, 5, 6)
	f("5,1", false, 5, 6)
	f("6,-1", true, 5, 6)
	f("6,7", false, 5, 6)
	f("6,oob_or 7", true, 5, 6)
	f("6,oob_or 0", false, 5, 6)
	f("4,all,3:-2", true, 1, 2, 3, 4, 5, 6)
	f("4,any,-4:-1", true, 1, 2, 3, 4, 5, 6)
	f("6,any,-4:-1", false, 1, 2, 3, 4, 5, 6)
	f("6,any,2:9", false, 1, 2, 6)
	f("count >1", true, 9, 9)
	f("count >1", false, 9)
	f("fin,!comp", true, 0x81)
	f("fin,!comp", false, 0xc0)
	f("&0xc0=0x80", true, 0x81)
	f("&0xc0!=0x80", true, 0xc1)
	f("1kb", true, 1024)
	for _, bad := range []string{"", "x", "5,sometimes", "5,nb", "5,any,1", "5,any,1:2,3", "&3", "&1=2", "count", "fin,nope", "1tb"} {
		if _, err := ParseMulti(bad, 1<<32, words, bitNames); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func FuzzParseMulti(f *testing.F) {
	for _, text := range []string{"5,nb>1", "!1-4,all,-4:-1", "&0xc0!=0", "count <= 0x10", "5,oob_or -1", "3gb"} {
		f.Add(text, uint64(5), uint64(7))
	}
	f.Fuzz(func(_ *testing.T, text string, a, b uint64) {
		m, err := ParseMulti(text, 1<<40, nil, nil)
		if err != nil {
			return
		}
		values := []uint64{a, b}
		for n := range 3 {
			m.Match(func(i int) (uint64, bool) {
				if i >= n || i >= len(values) {
					return 0, false
				}
				return values[i], true
			})
		}
	})
}
