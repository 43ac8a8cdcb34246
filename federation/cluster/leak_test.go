package cluster

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain checks after all tests that closed clusters have left no goroutine behind, raft's
// included (see the package comment for the one kind that raft itself may strand).
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftGoroutines(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s", left)
			code = 1
		}
	}
	os.Exit(code)
}

func leftGoroutines() string {
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		buf := make([]byte, 1<<20)
		var left []string
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			ours := strings.Contains(g, "hashicorp/raft") || strings.Contains(g, "federation/cluster") || strings.Contains(g, "federation/fsm")
			if ours && !strings.Contains(g, "leftGoroutines") && !strings.Contains(g, "(*Cluster).await") && !strings.Contains(g, "saturationMetric") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return ""
		}
		select {
		case <-tick.C:
		case <-deadline:
			return strings.Join(left, "\n\n") + "\n"
		}
	}
}
