package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stage is one part of the node with a life of its own. Stages start in the order given and stop in the opposite one.
type stage struct {
	name   string
	why    string                          // why it stops where it does in the order
	budget time.Duration                   // for draining and ending; over it the stop goes on without it and says so
	drain  func(ctx context.Context) error // finishes work already accepted; nil = there is none
	run    func(ctx context.Context) error // blocks until ctx ends; nil = the stage has no loop
	close  func() error                    // frees what run leaves; nil = nothing
}

// runner holds the stages that have started.
type runner struct {
	log    *slog.Logger
	active []*activeStage
	broken chan error // the first stage that ended although nobody asked it to
}

type activeStage struct {
	stage
	cancel context.CancelFunc
	done   chan error
}

func newRunner(log *slog.Logger) *runner {
	return &runner{log: log, broken: make(chan error, 1)}
}

// start runs the stage in a goroutine that stop waits for.
func (r *runner) start(s stage) {
	ctx, cancel := context.WithCancel(context.Background())
	a := &activeStage{stage: s, cancel: cancel, done: make(chan error, 1)}
	r.active = append(r.active, a)
	if s.run == nil {
		a.done <- nil
		return
	}
	go func() {
		err := s.run(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("ended by itself")
			}
			select {
			case r.broken <- fmt.Errorf("%s: %w", s.name, err):
			default:
			}
		}
		a.done <- err
	}()
}

// stop ends the stages, the last started first, and returns everything that went wrong. A second call does nothing.
func (r *runner) stop() error {
	var faults []error
	for len(r.active) > 0 {
		a := r.active[len(r.active)-1]
		r.active = r.active[:len(r.active)-1]
		began := time.Now()
		if err := a.end(); err != nil {
			faults = append(faults, fmt.Errorf("stop %s: %w", a.name, err))
		}
		r.log.Debug("stopped", "part", a.name, "because", a.why, "took", time.Since(began).Round(time.Millisecond))
	}
	return errors.Join(faults...)
}

func (a *activeStage) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.budget)
	defer cancel()
	var faults []error
	if a.drain != nil {
		if err := a.drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			faults = append(faults, err)
		}
	}
	a.cancel()
	select {
	case err := <-a.done:
		if err != nil && !errors.Is(err, context.Canceled) {
			faults = append(faults, err)
		}
	case <-time.After(a.budget):
		faults = append(faults, fmt.Errorf("did not end within %v", a.budget))
	}
	if a.close != nil {
		faults = append(faults, a.close())
	}
	return errors.Join(faults...)
}
