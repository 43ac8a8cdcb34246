package sensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/evidence"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
	"fengsui/capture/zone"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/intake"
	"fengsui/node/sensor/governor"
)

// Times of supervision.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// Source is one configured place frames come from. Exactly one of Path and Interface is set.
type Source struct {
	Name      string
	Path      string
	Speed     float64
	Repeat    int
	Interface string
	Filter    string // tcpdump expression, "" passes everything

	Workers     int // of an interface; 0: the opener decides
	SnapLen     int
	RingBytes   int64
	Promiscuous bool
}

// Task runs until ctx ends, and then finishes what was handed to it.
type Task func(ctx context.Context) error

// Config is what a Sensor needs.
type Config struct {
	Site       identity.Site
	Node       string
	Intake     *intake.Intake
	FoldWindow time.Duration
	Pipeline   pipeline.Config
	Sources    []Source
	// Inspector makes the judge of one pipeline; it calls emit from the pipeline's goroutine.
	Inspector func(emit func(*alert.Alert)) pipeline.Inspector
	// OpenFile and OpenInterface open sources; an interface may give several, each of which gets a pipeline of its own. Repeat counts
	// passes; rebase moves packet times so that the first packet happens now.
	OpenFile      func(c Source, rebase bool) (source.Source, error)
	OpenInterface func(c Source) ([]source.Source, error)
	Zones         *zone.Table        // nil: alerts are not told where they go
	Evidence      *evidence.Store    // nil: no packets are kept; closed when Run ends
	Governor      *governor.Governor // nil: nothing is shed; run by Run
	Beside        []Task             // run by Run for as long as a worker may need them
	Logger        *slog.Logger
}

// Sensor runs sources and replays.
type Sensor struct {
	cfg     Config
	sources []*watched
	total   totals

	workersMu sync.Mutex
	workers   map[*worker]bool   // that have not ended
	shed      pipeline.ShedStats // by those that have

	mu     sync.Mutex
	base   context.Context // of Run; nil before it and after it has ended
	wg     sync.WaitGroup  // replays
	jobs   []*replay       // newest first
	number uint64
}

// New returns a Sensor. Nothing runs before Run.
func New(cfg Config) (*Sensor, error) {
	if cfg.Intake == nil || cfg.Inspector == nil || cfg.OpenFile == nil || cfg.OpenInterface == nil {
		return nil, errors.New("sensor: intake, inspector and openers are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sensor{cfg: cfg, workers: map[*worker]bool{}}
	for _, c := range cfg.Sources {
		s.sources = append(s.sources, &watched{Source: c, state: "starting"})
	}
	return s, nil
}

// Run runs the configured sources, and replays as they are asked for, until ctx ends; then it waits for all of them and returns nil.
func (s *Sensor) Run(ctx context.Context) error {
	s.mu.Lock()
	s.base = ctx
	s.mu.Unlock()
	var sources, beside sync.WaitGroup
	besideCtx, endBeside := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the workers
	defer endBeside()
	for _, run := range s.cfg.Beside {
		beside.Go(func() {
			if err := run(besideCtx); err != nil && besideCtx.Err() == nil {
				s.cfg.Logger.Error("a part of the sensor has ended", "error", err)
			}
		})
	}
	for _, w := range s.sources {
		sources.Go(func() { s.supervise(ctx, w) })
	}
	if s.cfg.Governor != nil {
		sources.Go(func() {
			if err := s.cfg.Governor.Run(ctx); err != nil {
				s.cfg.Logger.Error("the governor has ended", "error", err)
			}
		})
	}
	<-ctx.Done()
	sources.Wait()
	s.mu.Lock()
	s.base = nil // no replay starts any more
	s.mu.Unlock()
	s.wg.Wait()
	endBeside()
	beside.Wait()
	if s.cfg.Evidence != nil { // every worker has ended: what they cut is written
		if err := s.cfg.Evidence.Close(); err != nil {
			s.cfg.Logger.Error("evidence is missing on disk", "error", err)
		}
	}
	return nil
}

// watched is a configured source and how it is doing.
type watched struct {
	Source

	mu     sync.Mutex
	state  string
	err    error
	runs   []source.Source // being read now
	before source.Counters // of runs that have ended
	out    *outlet
}

func (w *watched) set(state string, err error, out *outlet, runs []source.Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.runs {
		w.before = sum(w.before, r.Counters())
	}
	w.state, w.err, w.out, w.runs = state, err, out, runs
}

func sum(a, b source.Counters) source.Counters {
	a.Frames += b.Frames
	a.Bytes += b.Bytes
	a.Filtered += b.Filtered
	a.KernelDrops += b.KernelDrops
	a.Truncated += b.Truncated
	a.Invalid += b.Invalid
	return a
}

// supervise keeps a live source running; a file runs once.
func (s *Sensor) supervise(ctx context.Context, w *watched) {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		began := time.Now()
		err := s.runSource(ctx, w)
		switch {
		case ctx.Err() != nil:
			w.set("stopped", nil, nil, nil)
			return
		case err == nil && w.Path != "":
			w.set("done", nil, nil, nil)
			s.cfg.Logger.Info("capture file has been read", "source", w.Name)
			return
		case w.Path != "":
			w.set("failed", err, nil, nil)
			s.cfg.Logger.Error("capture file cannot be read", "source", w.Name, "error", err)
			return
		}
		if time.Since(began) > time.Minute {
			wait = retryFirst
		}
		w.set("retrying", err, nil, nil)
		s.cfg.Logger.Error("capture has ended: trying again", "source", w.Name, "error", err, "in", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s *Sensor) runSource(ctx context.Context, w *watched) error {
	var runs []source.Source
	var job *intake.Job
	if w.Path != "" {
		src, err := s.cfg.OpenFile(w.Source, w.Speed > 0)
		if err != nil {
			return err
		}
		runs, job = []source.Source{src}, &intake.Job{}
	} else {
		var err error
		if runs, err = s.cfg.OpenInterface(w.Source); err != nil {
			return err
		}
	}
	out := newOutlet(ctx, s, job)
	w.set("running", nil, out, runs)
	defer out.flush()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(runs))
	for _, src := range runs {
		go func() { // waited for below
			err := s.pump(ctx, src, s.newWorker(out), out)
			cancel() // one worker of an interface that ends takes the others with it: they share the traffic
			errs <- err
		}()
	}
	var faults []error
	for range runs {
		faults = append(faults, <-errs)
	}
	return errors.Join(faults...)
}

// pump moves frames from src through w until the source ends or ctx does, then ends all flows.
func (s *Sensor) pump(ctx context.Context, src source.Source, w *worker, out *outlet) (err error) {
	defer func() {
		// A packet that breaks the program must cost one source, not the node: everything else goes on, and a person is told.
		if r := recover(); r != nil {
			err = fmt.Errorf("broke on a packet: %v", r)
			s.cfg.Logger.Error("detection broke on a packet: this is a bug, please report it", "panic", fmt.Sprint(r))
		}
		s.retire(w)
	}()
	err = src.Run(ctx, func(f *source.Frame) error {
		w.frame(f)
		if len(f.Data) == 0 && f.OrigLen == 0 {
			out.advance(f.Time)
		}
		return nil
	})
	w.pipe.Flush()
	return err
}

// Counts returns how many alerts detectors raised since the start, and how many records folding made of them.
func (s *Sensor) Counts() (raised, emitted uint64) {
	return s.total.raised.Load(), s.total.emitted.Load()
}

// Sources tells how the configured sources are doing.
func (s *Sensor) Sources() []api.CaptureStatus {
	list := make([]api.CaptureStatus, 0, len(s.sources))
	for _, w := range s.sources {
		w.mu.Lock()
		c := w.before
		for _, r := range w.runs {
			c = sum(c, r.Counters())
		}
		st := api.CaptureStatus{Name: w.Name, Kind: "pcap", State: w.state, Packets: c.Frames, Bytes: c.Bytes, Dropped: c.KernelDrops}
		if w.Interface != "" {
			st.Kind = "interface"
		}
		if w.err != nil {
			st.Error = w.err.Error()
		}
		w.mu.Unlock()
		list = append(list, st)
	}
	return list
}
