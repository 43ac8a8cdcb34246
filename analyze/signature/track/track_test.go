package track

import (
	"net/netip"
	"testing"
	"time"
)

func TestThresholds(t *testing.T) {
	at := func(s float64) time.Time {
		return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second)))
	}
	f := func(kind Kind, count uint32, times []float64, want string) {
		t.Helper()
		var th Thresholds
		spec := &Spec{Kind: kind, Count: count, Window: 10 * time.Second, Multiplier: 2}
		got := ""
		for _, s := range times {
			if th.Pass(spec, Key{SID: 1}, at(s)) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != want {
			t.Errorf("kind %d count %d: %s, want %s", kind, count, got, want)
		}
	}
	f(Limit, 2, []float64{0, 1, 2, 3, 10.5, 11, 12}, "1100110")
	f(Threshold, 3, []float64{0, 1, 2, 3, 4, 5, 20, 21, 22}, "001001001")
	f(Both, 2, []float64{0, 1, 2, 3, 20, 21}, "010001")
	f(Filter, 2, []float64{0, 1, 2, 3, 20, 21, 22}, "0011001")
	f(Backoff, 1, []float64{0, 1, 2, 3, 4, 5, 6, 7}, "11010001")
}

func TestKeys(t *testing.T) {
	a, b := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("2.2.2.2")
	if MakeKey(1, 2, 0, ByBoth, a, b, 0) != MakeKey(1, 2, 0, ByBoth, b, a, 0) {
		t.Error("by_both depends on the direction")
	}
	if MakeKey(1, 2, 0, BySource, a, b, 0) == MakeKey(1, 2, 0, BySource, b, a, 0) {
		t.Error("by_src does not")
	}
}

func TestRate(t *testing.T) {
	var r Rate
	spec := &Spec{Count: 2, Window: 10 * time.Second}
	base := time.Unix(1000, 0)
	for i, want := range []bool{false, false, true, true, false} {
		now := base.Add(time.Duration(i) * time.Second)
		if i == 4 {
			now = base.Add(time.Minute)
		}
		if got := r.Over(spec, 20*time.Second, Key{SID: 1}, now); got != want {
			t.Errorf("match %d: %v, want %v", i, got, want)
		}
	}
}

func TestBits(t *testing.T) {
	var b Bits
	a, c := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("2.2.2.2")
	now := time.Unix(1000, 0)
	b.Set(PairKey(7, a, c), now, time.Minute)
	if !b.Has(PairKey(7, c, a), now) || b.Has(PairKey(8, a, c), now) || b.Has(PairKey(7, a, c), now.Add(2*time.Minute)) {
		t.Error("pair bit is wrong")
	}
	b.Unset(PairKey(7, a, c))
	if b.Has(PairKey(7, a, c), now) {
		t.Error("bit is still set")
	}
}
