package wire

import (
	"context"
	"math/rand/v2"
	"time"
)

// Bounds of the pause between two sessions. The link underneath has its own.
const (
	pauseMin = 50 * time.Millisecond
	pauseMax = 2 * time.Second
)

// Keep runs one session after another until ctx ends. The pause between them grows, with
// jitter, and starts anew after a session that worked or lasted: a parent that greets but
// cannot do what it is asked is not to be hammered, one that comes back is not to be kept
// waiting. ended hears why a session ended, unless that was ctx.
func Keep(ctx context.Context, session func(context.Context) (worked bool, err error), ended func(error)) {
	pause := pauseMin
	for ctx.Err() == nil {
		start := time.Now()
		worked, err := session(ctx)
		if worked || time.Since(start) > pauseMax {
			pause = pauseMin
		}
		if ctx.Err() != nil {
			return
		}
		ended(err)
		wait := time.NewTimer(pause/2 + rand.N(pause/2))
		pause = min(2*pause, pauseMax)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}
