package linktest

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// Eventually polls cond every few milliseconds until it holds, and fails the test after the given time.
func Eventually(tb testing.TB, within time.Duration, what string, cond func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !cond(); <-tick.C {
		if time.Now().After(end) {
			tb.Fatalf("not within %v: %s", within, what)
		}
	}
}

// NoGoroutines fails the test when goroutines of the federation or of its libraries are still running after a while.
func NoGoroutines(tb testing.TB) {
	tb.Helper()
	if left := Goroutines(5 * time.Second); len(left) > 0 {
		tb.Errorf("%d goroutines left behind:\n\n%s", len(left), strings.Join(left, "\n\n"))
	}
}

// Goroutines waits until no goroutine of the federation or its libraries runs, and returns the stacks of those that
// still do at the end.
func Goroutines(within time.Duration) []string {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		left := running()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// running gives the stacks that were started by our packages or by theirs.
func running() []string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var left []string
	for i, g := range strings.Split(string(buf), "\n\n") {
		if i == 0 || strings.Contains(g, "testing.(*T)") || strings.Contains(g, "testing.tRunner") || strings.Contains(g, "testing.(*B)") || strings.Contains(g, "testing.(*M)") {
			continue
		}
		for _, mark := range []string{"fengsui/federation/", "quic-go/quic-go", "hashicorp/memberlist", "hashicorp/raft"} {
			if strings.Contains(g, mark) {
				left = append(left, g)
				break
			}
		}
	}
	return left
}
