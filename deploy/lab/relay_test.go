package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// echo answers every packet with itself until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, packetBytesMax)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if _, err := c.WriteToUDPAddrPort(buf[:n], from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return c.LocalAddr().String()
}

func start(t *testing.T, targets ...string) *Relay {
	t.Helper()
	r, err := Open(Config{Targets: targets, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, r.Close()); err != nil {
			t.Errorf("relay: %v", err)
		}
	})
	return r
}

func dial(t *testing.T, to string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// send sends numbered packets.
func send(t *testing.T, c net.Conn, numbers ...uint32) {
	t.Helper()
	for _, n := range numbers {
		if _, err := c.Write(binary.BigEndian.AppendUint32(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
}

// receive returns want numbers, or fewer when none comes for a while.
func receive(t *testing.T, c net.Conn, want int, patience time.Duration) []uint32 {
	t.Helper()
	var got []uint32
	buf := make([]byte, 16)
	for len(got) < want {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if err != nil {
			return got
		}
		got = append(got, binary.BigEndian.Uint32(buf[:n]))
	}
	return got
}

const (
	soon = 100 * time.Millisecond // to see that nothing comes
	long = 5 * time.Second        // to see that something does
)

func TestRelayKeepsConversationsApart(t *testing.T) {
	r := start(t, echo(t), echo(t))
	if len(r.Fronts()) != 2 {
		t.Fatalf("fronts %v", r.Fronts())
	}
	a, b, c := dial(t, r.Fronts()[0]), dial(t, r.Fronts()[0]), dial(t, r.Fronts()[1])
	send(t, a, 1)
	send(t, b, 2)
	send(t, c, 3)
	for conn, want := range map[net.Conn]uint32{a: 1, b: 2, c: 3} {
		if got := receive(t, conn, 1, long); !slices.Equal(got, []uint32{want}) {
			t.Errorf("got %v, want %d", got, want)
		}
	}
	if s := r.Stats(); s != (Stats{Passed: 6}) {
		t.Errorf("%+v", s)
	}
}

func TestCutDropsBothWaysAndHealEnds(t *testing.T) {
	r := start(t, echo(t))
	c := dial(t, r.Fronts()[0])
	send(t, c, 1)
	if got := receive(t, c, 1, long); len(got) != 1 {
		t.Fatal("no answer before the cut")
	}
	r.Cut()
	send(t, c, 2, 3)
	if got := receive(t, c, 1, soon); len(got) != 0 {
		t.Errorf("%v came through the cut", got)
	}
	if s := r.Stats(); s.Cut != 2 {
		t.Errorf("%+v", s)
	}
	r.Heal()
	send(t, c, 4)
	if got := receive(t, c, 1, long); !slices.Equal(got, []uint32{4}) {
		t.Errorf("after the cut: %v", got)
	}
}

func TestCutDropsWhatIsOnItsWay(t *testing.T) {
	r := start(t, echo(t))
	if err := r.Shape(Faults{Delay: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, r.Fronts()[0])
	send(t, c, 1)
	r.Cut()
	if got := receive(t, c, 1, 3*soon); len(got) != 0 {
		t.Errorf("%v came through the cut", got)
	}
}

func TestDelayIsAddedEachWay(t *testing.T) {
	r := start(t, echo(t))
	const delay = 30 * time.Millisecond
	if err := r.Shape(Faults{Delay: delay}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, r.Fronts()[0])
	began := time.Now()
	send(t, c, 1, 2, 3, 4, 5)
	got := receive(t, c, 5, long)
	if took := time.Since(began); took < 2*delay {
		t.Errorf("answered after %s", took)
	}
	if !slices.Equal(got, []uint32{1, 2, 3, 4, 5}) {
		t.Errorf("a constant delay changed the order: %v", got)
	}
}

func TestTargetMayComeLater(t *testing.T) {
	reserve, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := reserve.LocalAddr().(*net.UDPAddr)
	if err := reserve.Close(); err != nil {
		t.Fatal(err)
	}
	r := start(t, address.String())
	c := dial(t, r.Fronts()[0])
	send(t, c, 1)
	if got := receive(t, c, 1, soon); len(got) != 0 {
		t.Errorf("nobody answered %v", got)
	}
	late, err := net.ListenUDP("udp", address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer func() { _ = late.Close() }()
	send(t, c, 2, 3) // the first may meet the refusal of packet 1
	if got := receive(t, late, 1, long); len(got) != 1 {
		t.Error("nothing reached the target that came later")
	}
}

func TestRelayRefusesBadTargetsAndFaults(t *testing.T) {
	for _, target := range []string{"", "nowhere", "127.0.0.1:99999"} {
		if r, err := Open(Config{Targets: []string{echo(t), target}}); err == nil {
			t.Errorf("%q accepted", target)
			_ = r.Close()
		}
	}
	r := start(t)
	nan := 0.0
	nan /= nan
	for _, f := range []Faults{{Loss: -0.1}, {Loss: 1.1}, {Reorder: nan}, {Delay: -1}, {Jitter: time.Hour}, {Duplicate: 2}} {
		if err := r.Shape(f); err == nil {
			t.Errorf("%+v accepted", f)
		}
	}
}

func TestFateFollowsTheSeed(t *testing.T) {
	draw := func(seed uint64, f Faults) [][]time.Duration {
		s := newShaper(seed, 3)
		out := make([][]time.Duration, 2000)
		for i := range out {
			out[i] = s.fate(f)
		}
		return out
	}
	f := Faults{Loss: 0.25, Jitter: time.Millisecond, Reorder: 0.1, Duplicate: 0.05}
	a := draw(1, f)
	if !reflect.DeepEqual(a, draw(1, f)) || reflect.DeepEqual(a, draw(2, f)) {
		t.Error("decisions do not follow the seed")
	}
	count := map[string]int{}
	for _, fate := range a {
		switch {
		case len(fate) == 0:
			count["lost"]++
		case len(fate) == 2:
			count["twice"]++
		}
		if len(fate) > 0 && fate[0] >= reorderByDefault {
			count["late"]++
		}
	}
	within := func(what string, low, high int) {
		if n := count[what]; n < low || n > high {
			t.Errorf("%s: %d of 2000", what, n)
		}
	}
	within("lost", 430, 570)
	within("twice", 45, 110)
	within("late", 110, 200)
	// Loss alone must hit the same packets as loss together with other faults.
	for i, fate := range draw(1, Faults{Loss: 0.25}) {
		if (len(fate) == 0) != (len(a[i]) == 0) {
			t.Fatalf("packet %d: another fault changed who is lost", i)
		}
	}
}

func TestDelayQueueRunsInOrderOfDueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newDelayQueue()
		var got []int
		var at []time.Duration
		began := time.Now()
		done := make(chan struct{})
		go func() { q.run(); close(done) }()
		add := func(n int, after time.Duration) {
			if !q.put(began.Add(after), func() { got = append(got, n); at = append(at, time.Since(began)) }) {
				t.Errorf("%d refused", n)
			}
		}
		add(1, 30*time.Millisecond)
		synctest.Wait() // the queue now waits for the first; what follows is due earlier and later
		add(2, 10*time.Millisecond)
		add(3, 30*time.Millisecond)
		add(4, 20*time.Millisecond)
		<-time.After(time.Second) // fake time
		synctest.Wait()
		q.stop()
		<-done
		ms := time.Millisecond
		if !slices.Equal(got, []int{2, 4, 1, 3}) || !slices.Equal(at, []time.Duration{10 * ms, 20 * ms, 30 * ms, 30 * ms}) {
			t.Errorf("%v at %v", got, at)
		}
		for range waitingMax {
			q.put(began, func() {})
		}
		if q.put(began, func() {}) {
			t.Error("the queue has no end")
		}
	})
}
