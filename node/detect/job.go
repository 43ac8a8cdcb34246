package detect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/analyze/signature"
	"fengsui/capture/eve"
	"fengsui/capture/event"
	"fengsui/capture/evidence"
	"fengsui/capture/file"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
)

// job is one run of the command: an engine, its workers, and where results go.
type job struct {
	s      *settings
	eng    *engine.Engine
	set    atomic.Pointer[signature.Set]
	names  *signature.Names
	shared *signature.Shared
	stderr io.Writer

	alertsTo *bufio.Writer // nil when EVE has standard output
	alertsMu sync.Mutex
	eveOut   *eve.Output
	eveFile  *os.File
	store    *file.Store
	evidence *evidence.Store
	more     []engine.Detector // beside the rules: indicators, YARA
	digests  []file.Digest
	lanesMu  sync.Mutex
	lanes    []*lane
	sources  []source.Source
	alerts   atomic.Uint64
	refused  int
	begun    time.Time
	elapsed  time.Duration
	cutOff   []string

	errMu sync.Mutex
	err   error // of writing results

	broken atomic.Bool // err is set
}

// lane is one worker.
type lane struct {
	j      *job
	judge  *engine.Worker
	pipe   *pipeline.Pipeline
	log    *eve.Logger
	record *evidence.Recorder
	line   []byte
	stop   func()       // ends the source, where several workers share it
	now    atomic.Int64 // packet time reached, Unix nanoseconds
}

// newJob opens what results go to. Nothing runs yet.
func newJob(s *settings, set *signature.Set, names *signature.Names, stdout, stderr io.Writer) (*job, error) {
	j := &job{s: s, names: names, shared: &signature.Shared{}, stderr: stderr}
	j.set.Store(set)
	if err := j.load(); err != nil {
		return nil, err
	}
	j.eng = engine.New(j.ruleset(set))
	switch {
	case s.eve == "-":
		j.eveOut = eve.NewOutput(bufio.NewWriterSize(stdout, 1<<18))
	case s.eve != "":
		f, err := os.OpenFile(s.eve, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640) //nolint:gosec // named by the operator; readable by the group that collects logs
		if err != nil {
			return nil, fmt.Errorf("EVE file: %w", err)
		}
		j.eveFile, j.eveOut = f, eve.NewOutput(bufio.NewWriterSize(f, 1<<18))
	}
	if s.eve != "-" {
		j.alertsTo = bufio.NewWriterSize(stdout, 1<<16)
	}
	if s.extract != "" {
		store, err := file.OpenStore(file.StoreConfig{Dir: s.extract})
		if err != nil {
			return nil, fmt.Errorf("extract: %w", err)
		}
		j.store = store
	}
	if s.evidence != "" {
		store, err := evidence.NewStore(evidence.StoreConfig{Dir: s.evidence})
		if err != nil {
			return nil, err
		}
		j.evidence = store
	}
	return j, nil
}

func (j *job) ruleset(set *signature.Set) *engine.Ruleset {
	return &engine.Ruleset{Detectors: append([]engine.Detector{signature.NewDetector(set, j.shared)}, j.more...)}
}

// config is what each worker's pipeline gets.
func (j *job) config() pipeline.Config {
	cfg := j.s.pipeline()
	if len(j.digests) > 0 || j.store != nil {
		cfg.Files = &file.Config{Store: j.store, StoreAll: j.store != nil, Digests: j.digests}
	}
	return cfg
}

// newLane makes a worker.
func (j *job) newLane() *lane {
	l := &lane{j: j}
	l.judge = j.eng.NewWorker(l.alert)
	insp := []pipeline.Inspector{l.judge}
	if j.evidence != nil {
		l.record = j.evidence.NewRecorder()
		insp = []pipeline.Inspector{l.record, l.judge}
	}
	if j.eveOut != nil {
		l.log = eve.NewLogger(eve.Config{Types: j.s.types, Interface: j.s.iface, Payload: j.s.payload, Packet: j.s.packet}, j.eveOut)
		insp = append(insp, l.log)
	}
	var sink pipeline.Sink
	if j.store != nil {
		sink = nothing{} // files go to the store with their event
	}
	l.pipe = pipeline.New(j.config(), insp, sink)
	j.lanesMu.Lock()
	j.lanes = append(j.lanes, l)
	j.lanesMu.Unlock()
	return l
}

// nothing is a sink for events that nobody reads.
type nothing struct{}

func (nothing) Event(*event.Event) {}

// alert takes an alert of this worker.
func (l *lane) alert(a *alert.Alert) {
	j := l.j
	j.alerts.Add(1)
	if l.log != nil {
		l.log.Alert(eveAlert(a))
	}
	if l.record != nil {
		l.record.Cut(evidence.Request{ID: a.ID, Rule: uint64(a.GID)<<32 | uint64(a.SID), FlowID: a.FlowID, Time: a.Time, Comment: fmt.Sprintf("[%d:%d:%d] %s", a.GID, a.SID, a.Rev, a.Msg)})
	}
	if j.alertsTo == nil {
		return
	}
	line, err := appendAlert(l.line[:0], a, j.s.json)
	l.line = line
	if err == nil {
		j.alertsMu.Lock()
		_, err = j.alertsTo.Write(line)
		if err == nil && j.s.iface != "" { // somebody is looking
			err = j.alertsTo.Flush()
		}
		j.alertsMu.Unlock()
	}
	if err != nil {
		j.fail(fmt.Errorf("writing alerts: %w", err))
	}
}

func (j *job) fail(err error) {
	j.errMu.Lock()
	defer j.errMu.Unlock()
	if j.err == nil {
		j.err = err
	}
	j.broken.Store(true)
}

// problem is the first error of writing results.
func (j *job) problem() error {
	j.errMu.Lock()
	defer j.errMu.Unlock()
	if j.err == nil && j.eveOut != nil {
		j.err = j.eveOut.Err()
	}
	return j.err
}

// run takes the traffic through the workers until it ends or ctx does. Interrupting a live capture is its regular end.
func (j *job) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var beside sync.WaitGroup
	j.begun = time.Now()
	if j.store != nil {
		beside.Go(func() {
			if err := j.store.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				j.fail(fmt.Errorf("extract: %w", err))
			}
		})
	}
	ready := make(chan struct{})
	beside.Go(func() { j.reloads(ctx, ready) })
	<-ready
	beside.Go(func() { j.reports(ctx) })
	err := j.traffic(ctx)
	j.elapsed = time.Since(j.begun)
	interrupted := ctx.Err()
	stop()
	beside.Wait()
	if j.s.iface != "" {
		interrupted = nil
	}
	return errors.Join(err, interrupted)
}

// close writes what has gathered.
func (j *job) close() error {
	for _, l := range j.lanes {
		if l.log != nil {
			if err := l.log.Flush(); err != nil {
				j.fail(err)
			}
		}
		if l.record != nil {
			j.evidence.Release(l.record)
		}
	}
	if j.evidence != nil {
		if err := j.evidence.Close(); err != nil {
			j.fail(err)
		}
	}
	if j.eveOut != nil && j.s.types.Has("stats") {
		eve.WriteStats(j.eveOut, j.s.iface, j.totals())
	}
	if err := j.saveState(); err != nil {
		j.fail(err)
	}
	if j.alertsTo != nil {
		if err := j.alertsTo.Flush(); err != nil {
			j.fail(fmt.Errorf("writing alerts: %w", err))
		}
	}
	if j.eveOut != nil {
		if err := j.eveOut.Flush(); err != nil {
			j.fail(err)
		}
	}
	if j.eveFile != nil {
		if err := j.eveFile.Close(); err != nil {
			j.fail(fmt.Errorf("EVE file: %w", err))
		}
	}
	return j.problem()
}

// locked lets the workers and the reports share standard error.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
