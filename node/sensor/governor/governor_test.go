package governor

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// stage is a fake machine: time passes when someone sleeps, and readings are what the test says.
type stage struct {
	now   time.Time
	cpu   float64 // percent of all processors used from now on
	used  time.Duration
	rss   uint64
	fail  error
	soft  int64
	freed int
}

func (s *stage) clock() Clock {
	return Clock{Now: func() time.Time { return s.now }, Sleep: func(_ context.Context, d time.Duration) { s.pass(d) }}
}

func (s *stage) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.used += time.Duration(float64(d) * 4 * s.cpu / 100)
}

func (s *stage) governor(l Limits) *Governor {
	s.now = time.Unix(1_700_000_000, 0)
	return New(Config{
		Limits: l, Clock: s.clock(), Memory: func(n int64) { s.soft = n }, Free: func() { s.freed++ },
		Read: func() (Reading, error) {
			return Reading{CPU: s.used, Processors: 4, Resident: s.rss, Memory: 1000}, s.fail
		},
	})
}

// seconds lets the governor measure n times.
func (s *stage) seconds(g *Governor, n int) {
	for range n {
		g.measure()
		s.pass(tick)
	}
}

// TestLevelFollowsUse: up after two seconds above the limit, level by level; down slowly; not by one burst; not in between.
func TestLevelFollowsUse(t *testing.T) {
	s := &stage{cpu: 50}
	g := s.governor(Limits{CPU: 20})
	s.seconds(g, 1)
	for i, want := range []int{0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6, 6} {
		s.seconds(g, 1)
		if g.Level() != want {
			t.Fatalf("after %d seconds at 50%%: level %d, want %d", i+1, g.Level(), want)
		}
	}
	if st := g.Status(); st.CPU < 49.9 || st.CPU > 50.1 || st.Raised != 6 || st.CPULimit != 20 {
		t.Errorf("%+v", st)
	}
	s.cpu = 18 // below the limit, not below four fifths of it: stays
	s.seconds(g, 1)
	s.seconds(g, 30)
	if g.Level() != 6 {
		t.Errorf("between: level %d", g.Level())
	}
	s.cpu = 10
	s.seconds(g, 1)
	s.seconds(g, 9)
	if g.Level() != 6 {
		t.Errorf("fell too soon: level %d", g.Level())
	}
	s.seconds(g, 1)
	if g.Level() != 5 {
		t.Errorf("after ten seconds below: level %d", g.Level())
	}
	s.seconds(g, 50)
	if st := g.Status(); st.Level != 0 || st.Lowered != 6 {
		t.Errorf("%+v", st)
	}
	for range 5 { // a burst of a second now and then
		s.cpu = 90
		s.seconds(g, 1)
		s.cpu = 5
		s.seconds(g, 3)
	}
	if g.Level() != 0 {
		t.Errorf("bursts: level %d", g.Level())
	}
}

func TestMemory(t *testing.T) {
	s := &stage{rss: 40}
	g := s.governor(Limits{Memory: 5})
	s.seconds(g, 5)
	if s.soft != 45 || g.Level() != 0 || s.freed != 0 {
		t.Errorf("below: soft limit %d, level %d, freed %d", s.soft, g.Level(), s.freed)
	}
	s.rss = 60
	s.seconds(g, 12)
	if g.Level() != 6 || s.freed != 2 || g.Status().Memory != 6 {
		t.Errorf("above: level %d, freed %d, %+v", g.Level(), s.freed, g.Status())
	}
}

func TestNoLimits(t *testing.T) {
	s := &stage{cpu: 100, rss: 1000}
	g := s.governor(Limits{})
	s.seconds(g, 60)
	if g.Level() != 0 || s.soft != 0 || s.freed != 0 {
		t.Errorf("level %d, soft %d, freed %d", g.Level(), s.soft, s.freed)
	}
	var none *Governor
	if none.Level() != 0 {
		t.Error("no governor, no load")
	}
}

func TestBlindGovernorSaysSo(t *testing.T) {
	s := &stage{fail: errors.New("no /proc")}
	g := s.governor(Limits{CPU: 1})
	s.seconds(g, 3)
	if st := g.Status(); st.Failures != 3 || st.Level != 0 {
		t.Errorf("%+v", st)
	}
}

func TestRunEnds(t *testing.T) {
	s := &stage{}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	g := New(Config{Clock: Clock{Now: func() time.Time { return s.now }, Sleep: func(context.Context, time.Duration) {
		if n++; n == 3 {
			cancel()
		}
	}}, Read: func() (Reading, error) { return Reading{}, nil }})
	if err := g.Run(ctx); err != nil || n != 3 {
		t.Errorf("%v after %d", err, n)
	}
}

// pipeConn records what is written and when.
type pipeConn struct {
	net.Conn
	s    *stage
	got  bytes.Buffer
	last time.Time
}

func (c *pipeConn) Write(b []byte) (int, error) {
	c.last = c.s.now
	return c.got.Write(b)
}

// TestUpwardRate: 100 Mbit/s, of which a tenth is 1.25 MB a second.
func TestUpwardRate(t *testing.T) {
	s := &stage{}
	g := s.governor(Limits{Link: 100, Upward: 10})
	if g.Status().UpwardMax != 1_250_000 {
		t.Fatalf("rate %d", g.Status().UpwardMax)
	}
	c := &pipeConn{s: s}
	conn := g.Bucket().Conn(context.Background(), c)
	begun := s.now
	for range 100 {
		if n, err := conn.Write(make([]byte, 100_000)); n != 100_000 || err != nil {
			t.Fatal(n, err)
		}
	}
	took := c.last.Sub(begun)
	if want := 7 * time.Second; took < want-50*time.Millisecond || took > want+50*time.Millisecond { // 10 MB, of which one second's worth at once
		t.Errorf("10 MB took %v", took)
	}
	if st := g.Status(); st.Upward != 10_000_000 || st.Waited < 6.9 || c.got.Len() != 10_000_000 {
		t.Errorf("%+v", st)
	}
	s.pass(time.Hour) // an idle bucket does not fill beyond a second
	begun = s.now
	_, _ = conn.Write(make([]byte, 2_500_000))
	if took := c.last.Sub(begun); took < 900*time.Millisecond {
		t.Errorf("after an idle hour 2.5 MB took %v", took)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Bucket().Conn(ended, c).Write([]byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("a write after the end: %v", err)
	}
	free := NewBucket(0, s.clock())
	begun = s.now
	_, _ = free.Conn(context.Background(), c).Write(make([]byte, 50_000_000))
	if n, waited := free.counts(); s.now != begun || n != 50_000_000 || waited != 0 {
		t.Errorf("without a limit: %d bytes, waited %v", n, waited)
	}
}

func TestReadings(t *testing.T) {
	r, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if r.CPU <= 0 || r.Processors <= 0 || r.Resident < 1<<20 || r.Memory < r.Resident {
		t.Errorf("%+v", r)
	}
	if p, m := cgroupLimits("150000 100000\n", "1073741824\n"); p != 1.5 || m != 1<<30 {
		t.Errorf("cgroup: %v, %d", p, m)
	}
	if p, m := cgroupLimits("max 100000\n", "max\n"); p != 0 || m != 0 {
		t.Errorf("cgroup without limits: %v, %d", p, m)
	}
	if p, m := limits("MemTotal:       2048 kB\n", "50000 100000", "1048576"); p != 0.5 || m != 1<<20 {
		t.Errorf("cgroup below the machine: %v, %d", p, m)
	}
	if _, m := limits("MemTotal:       2048 kB\n", "", "1073741824"); m != 2<<20 {
		t.Errorf("machine below the cgroup: %d", m)
	}
	if n, ok := resident("100 7 3 1 0 9 0"); !ok || n == 0 {
		t.Error("statm")
	}
	if _, ok := resident(""); ok {
		t.Error("an empty statm was read")
	}
	if g := ownGroup("12:cpu:/x\n0::/user.slice/a\n"); g != "/sys/fs/cgroup/user.slice/a" {
		t.Errorf("group %s", g)
	}
}
