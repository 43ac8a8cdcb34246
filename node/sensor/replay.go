package sensor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"fengsui/capture/source"
	"fengsui/node/api"
	"fengsui/node/intake"
)

// Limits of replays.
const (
	replaysAtOnce = 8
	replaysKept   = 256
	repeatMax     = 1_000_000
)

// replay is one job.
type replay struct {
	id      string
	path    string
	started time.Time
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended and its records are settled

	src  source.Source
	work *worker
	out  *outlet
	job  *intake.Job

	mu    sync.Mutex
	state string
	err   error
	ended time.Time
}

// Start begins a replay; it goes on when the call has returned.
func (s *Sensor) Start(_ context.Context, r api.ReplayRequest) (api.Replay, error) {
	if r.Repeat == 0 {
		r.Repeat = 1
	}
	if r.Repeat > repeatMax {
		return api.Replay{}, api.Problemf(api.CodeBadRequest, "", "repeat is %d, at most %d", r.Repeat, repeatMax)
	}
	if err := readable(r.Path); err != nil {
		return api.Replay{}, err
	}
	src, err := s.cfg.OpenFile(Source{Path: r.Path, Speed: r.Speed, Repeat: r.Repeat}, r.Rebase)
	if err != nil {
		return api.Replay{}, api.Problemf(api.CodeRefused, "", "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == nil {
		return api.Replay{}, api.Problemf(api.CodeUnavailable, "", "the node is not ready to read captures")
	}
	running := 0
	for _, j := range s.jobs {
		if st := j.status(); st.State == "running" {
			running++
		}
	}
	if running >= replaysAtOnce {
		return api.Replay{}, api.Problemf(api.CodeBusy, "wait for one to end, or cancel one", "%d replays are running", running)
	}
	s.number++
	ctx, cancel := context.WithCancel(s.base)
	j := &replay{
		id: "r" + strconv.FormatUint(s.number, 10), path: r.Path, started: time.Now(), cancel: cancel, done: make(chan struct{}),
		src: src, job: &intake.Job{}, state: "running",
	}
	j.out = newOutlet(ctx, s, j.job)
	j.work = s.newWorker(j.out)
	s.jobs = append([]*replay{j}, s.jobs...)
	s.jobs = s.jobs[:min(len(s.jobs), replaysKept)]
	s.wg.Go(func() { s.runReplay(ctx, j) })
	return j.status(), nil
}

// readable answers the commonest mistakes in one line.
func readable(path string) error {
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return api.Problemf(api.CodeNotFound, "", "no file %s on the node's machine", path)
	case errors.Is(err, fs.ErrPermission):
		return api.Problemf(api.CodeRefused, "the node runs as another user than you", "the node may not read %s", path)
	case err != nil:
		return api.Problemf(api.CodeRefused, "", "look at %s: %v", path, err)
	}
	return nil
}

func (s *Sensor) runReplay(ctx context.Context, j *replay) {
	defer j.cancel()
	err := s.pump(ctx, j.src, j.work, j.out)
	j.out.flush()
	state := "done"
	switch {
	case ctx.Err() != nil:
		state, err = "cancelled", nil
	case err != nil:
		state = "failed"
	}
	// The job counts as running until the ledger has what it raised; a node that stops does not wait for that.
	if waitErr := j.job.Wait(ctx); waitErr != nil && state == "done" {
		state = "cancelled"
	}
	j.mu.Lock()
	j.state, j.err, j.ended = state, err, time.Now()
	j.mu.Unlock()
	close(j.done)
	st := j.status()
	s.cfg.Logger.Info("replay has ended", "id", j.id, "state", st.State, "packets", st.Packets, "alerts", st.Alerts, "committed", st.Committed, "error", err)
}

func (j *replay) status() api.Replay {
	j.mu.Lock()
	defer j.mu.Unlock()
	c, p := j.src.Counters(), j.work.pipe.Stats()
	_, committed := j.job.Counts()
	st := api.Replay{
		ID: j.id, Path: j.path, State: j.state, Started: j.started, Ended: j.ended, Packets: c.Frames, Bytes: c.Bytes, Flows: p.Flows.Created,
		Raised: j.out.raised.Load(), Alerts: j.out.emitted.Load(), Committed: committed,
		CutOff: c.Truncated > 0,
	}
	if j.err != nil {
		st.Error = j.err.Error()
	}
	return st
}

func (s *Sensor) find(id string) (*replay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.id == id {
			return j, nil
		}
	}
	return nil, api.Problemf(api.CodeNotFound, "", "no replay %q", id)
}

// Wait returns the job when it has ended and what it raised is settled, or ctx's error.
func (s *Sensor) Wait(ctx context.Context, id string) (api.Replay, error) {
	j, err := s.find(id)
	if err != nil {
		return api.Replay{}, err
	}
	select {
	case <-j.done:
		return j.status(), nil
	case <-ctx.Done():
		return j.status(), fmt.Errorf("wait for replay %s: %w", id, ctx.Err())
	}
}

// Replay returns one job.
func (s *Sensor) Replay(_ context.Context, id string) (api.Replay, error) {
	j, err := s.find(id)
	if err != nil {
		return api.Replay{}, err
	}
	return j.status(), nil
}

// Replays returns the jobs since the start, newest first, at most replaysKept.
func (s *Sensor) Replays(context.Context) ([]api.Replay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]api.Replay, 0, len(s.jobs))
	for _, j := range s.jobs {
		list = append(list, j.status())
	}
	return list, nil
}

// Cancel stops a job and returns it when it has ended.
func (s *Sensor) Cancel(ctx context.Context, id string) (api.Replay, error) {
	j, err := s.find(id)
	if err != nil {
		return api.Replay{}, err
	}
	j.cancel()
	return s.Wait(ctx, id)
}
