package cluster

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func errNotLeaderForTest() error { return raft.ErrNotLeader }

func TestLogAdapter(t *testing.T) {
	var out bytes.Buffer
	a := newLogAdapter(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	l := a.hclog()
	l.Debug("not shown")
	l.Info("shown", "servers", hclog.Fmt("%d of %d", 1, 3))
	l.Error("failed to heartbeat to", "peer", "n2", "error", raft.ErrRaftShutdown)
	for range 5 {
		l.Error("failed to heartbeat to", "peer", "n2")
	}
	got := out.String()
	if strings.Contains(got, "not shown") || !strings.Contains(got, `servers="1 of 3"`) || strings.Count(got, "heartbeat") != 1 || !strings.Contains(got, "level=WARN") {
		t.Fatalf("logged:\n%s", got)
	}
	if skipped, write := a.admit("failed to heartbeat to", time.Now().Add(repeatWindow)); !write || skipped != 5 {
		t.Fatalf("after the window: skipped %d, write %v", skipped, write)
	}
	for i := range 3 * repeatKindsMax {
		a.admit(strings.Repeat("x", i), time.Now())
	}
	if len(a.seen) > repeatKindsMax {
		t.Fatalf("%d messages are remembered", len(a.seen))
	}
}
