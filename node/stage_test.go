package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStagesStopInTheOppositeOrder(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s)
	}
	r := newRunner(slog.New(slog.DiscardHandler))
	bad := errors.New("bad")
	for _, name := range []string{"link", "raft", "api"} {
		r.start(stage{
			name: name, budget: time.Second,
			drain: func(context.Context) error { note("drain " + name); return nil },
			run:   func(ctx context.Context) error { <-ctx.Done(); note("end " + name); return ctx.Err() },
			close: func() error {
				note("close " + name)
				if name == "raft" {
					return bad
				}
				return nil
			},
		})
	}
	err := r.stop()
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), "stop raft") {
		t.Errorf("error: %v", err)
	}
	want := []string{"drain api", "end api", "close api", "drain raft", "end raft", "close raft", "drain link", "end link", "close link"}
	if !slices.Equal(seen, want) {
		t.Errorf("order: %v", seen)
	}
	if err := r.stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestAStageThatHangsDoesNotHoldTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(slog.New(slog.DiscardHandler))
		ended, release := false, make(chan struct{})
		r.start(stage{name: "below", budget: time.Second, run: func(ctx context.Context) error { <-ctx.Done(); ended = true; return nil }})
		r.start(stage{name: "hangs", budget: time.Second, run: func(context.Context) error { <-release; return nil }})
		if err := r.stop(); err == nil || !strings.Contains(err.Error(), "hangs: did not end within 1s") || !ended {
			t.Errorf("%v, ended %v", err, ended)
		}
		close(release)
	})
}

func TestAStageThatBreaksIsReported(t *testing.T) {
	r := newRunner(slog.New(slog.DiscardHandler))
	r.start(stage{name: "fine", budget: time.Second, run: func(ctx context.Context) error { <-ctx.Done(); return nil }})
	r.start(stage{name: "raft", budget: time.Second, run: func(context.Context) error { return errors.New("disk full") }})
	if err := <-r.broken; err.Error() != "raft: disk full" {
		t.Errorf("%v", err)
	}
	r.start(stage{name: "quiet", budget: time.Second, run: func(context.Context) error { return nil }})
	if err := <-r.broken; err.Error() != "quiet: ended by itself" {
		t.Errorf("%v", err)
	}
	if err := r.stop(); err == nil {
		t.Error("stop did not tell of raft")
	}
}
