package number

import "testing"

func TestCondition(t *testing.T) {
	f := func(text string, yes, no uint64) {
		t.Helper()
		c, err := Parse(text, 1<<32)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if !c.Match(yes) || c.Match(no) {
			t.Errorf("%s: %d is %v, %d is %v", text, yes, c.Match(yes), no, c.Match(no))
		}
	}
	f("80", 80, 81)
	f("0x50", 80, 81)
	f("<70", 69, 70)
	f("<= 70", 70, 71)
	f(">70", 71, 70)
	f(">=70", 70, 69)
	f("!0", 1, 0)
	f("!=5", 4, 5)
	f("10-20", 11, 10)
	f("10<>20", 19, 20)
	f("!10-20", 10, 15)
	for _, bad := range []string{"", "x", "5-5", "<1-3", "99999999999", "-1"} {
		if _, err := Parse(bad, 1<<32); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
