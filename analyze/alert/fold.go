package alert

import (
	"net/netip"
	"time"
)

// foldsMax bounds the repeats remembered at once; beyond it alerts pass through unfolded.
const foldsMax = 1 << 16

// foldKey is what makes two alerts repeats of each other.
type foldKey struct {
	detector  string
	gid, sid  uint32
	indicator string
	src, dst  netip.Addr
	dport     uint16
}

type fold struct {
	first *Alert
	last  *Alert
	count uint64
	end   time.Time
}

// Fold turns repeats into a count: of the alerts that agree in detector, rule, indicator, addresses and destination port within a window, the first is
// emitted at once and the others as one tally when the window closes.
type Fold struct {
	// Passed counts alerts let through unfolded because the table was full.
	Passed uint64

	window time.Duration
	emit   func(*Alert)
	live   map[foldKey]*fold
	order  []foldKey // by end of window
}

// NewFold makes a Fold. A window of 0 folds nothing.
func NewFold(window time.Duration, emit func(*Alert)) *Fold {
	return &Fold{window: window, emit: emit, live: map[foldKey]*fold{}}
}

// Add takes an alert. Time moves with the alerts: windows that ended before a.Time are closed first.
func (f *Fold) Add(a *Alert) {
	if a.Count == 0 {
		a.Count, a.First, a.Last = 1, a.Time, a.Time
	}
	if f.window <= 0 {
		f.emit(a)
		return
	}
	f.Advance(a.Time)
	key := foldKey{a.Detector, a.GID, a.SID, a.Indicator, a.Src.Addr(), a.Dst.Addr(), a.Dst.Port()}
	if have := f.live[key]; have != nil {
		have.last = a
		have.count += a.Count
		return
	}
	if len(f.live) >= foldsMax {
		f.Passed++
		f.emit(a)
		return
	}
	f.live[key] = &fold{first: a, end: a.Time.Add(f.window)}
	f.order = append(f.order, key)
	f.emit(a)
}

// Advance closes the windows that ended before now.
func (f *Fold) Advance(now time.Time) {
	n := 0
	for n < len(f.order) && !now.Before(f.live[f.order[n]].end) {
		f.close(f.order[n])
		n++
	}
	f.order = append(f.order[:0], f.order[n:]...)
}

// Flush closes every window.
func (f *Fold) Flush() {
	for _, key := range f.order {
		f.close(key)
	}
	f.order = f.order[:0]
}

// close emits the tally of a window, if anything repeated in it.
func (f *Fold) close(key foldKey) {
	have := f.live[key]
	delete(f.live, key)
	if have.count == 0 {
		return
	}
	tally := *have.last
	tally.ID = NewID(have.last.Time)
	tally.Count = have.count
	tally.First = have.first.Time
	tally.Last = have.last.Time
	f.emit(&tally)
}
