package cluster

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// logAdapter passes the messages of raft and raft-wal to slog. Repeats of one message
// within ten seconds are counted instead of written: raft reports a dead peer several
// times a second.
type logAdapter struct {
	to *slog.Logger

	mu   sync.Mutex
	seen map[string]*repeats
}

type repeats struct {
	until   time.Time
	skipped int
}

const (
	repeatWindow   = 10 * time.Second
	repeatKindsMax = 256 // distinct messages remembered; raft has about a hundred
)

func newLogAdapter(to *slog.Logger) *logAdapter {
	return &logAdapter{to: to, seen: map[string]*repeats{}}
}

// hclog returns a logger for the libraries.
func (a *logAdapter) hclog() hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(a)
	return l
}

// Accept implements hclog.SinkAdapter.
func (a *logAdapter) Accept(_ string, level hclog.Level, msg string, args ...any) {
	to := slogLevel(level)
	if !a.to.Enabled(context.Background(), to) {
		return
	}
	skipped, write := a.admit(msg, time.Now())
	if !write {
		return
	}
	attrs := make([]slog.Attr, 0, len(args)/2+1)
	for i := 0; i+1 < len(args); i += 2 {
		attrs = append(attrs, slog.Any(fmt.Sprint(args[i]), plain(args[i+1])))
	}
	if skipped > 0 {
		attrs = append(attrs, slog.Int("repeated", skipped))
	}
	a.to.LogAttrs(context.Background(), to, msg, attrs...)
}

// plain makes hclog's deferred formats readable.
func plain(v any) any {
	switch v := v.(type) {
	case hclog.Format:
		if len(v) > 0 {
			if f, ok := v[0].(string); ok {
				return fmt.Sprintf(f, v[1:]...)
			}
		}
		return ""
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	default:
		return v
	}
}

// admit says whether a message is written now and how many were not since the last time.
func (a *logAdapter) admit(msg string, now time.Time) (skipped int, write bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, known := a.seen[msg]
	if !known {
		if len(a.seen) >= repeatKindsMax {
			clear(a.seen)
		}
		a.seen[msg] = &repeats{until: now.Add(repeatWindow)}
		return 0, true
	}
	if now.Before(r.until) {
		r.skipped++
		return 0, false
	}
	skipped, r.skipped, r.until = r.skipped, 0, now.Add(repeatWindow)
	return skipped, true
}

// slogLevel takes raft's errors as warnings: they tell of unreachable peers, which the
// site survives. What it does not survive stops Run with an error.
func slogLevel(l hclog.Level) slog.Level {
	switch {
	case l >= hclog.Warn:
		return slog.LevelWarn
	case l == hclog.Info:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
