package detect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"fengsui/capture/eve"
	"fengsui/capture/filter"
	"fengsui/capture/flow"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
	"fengsui/capture/spread"
)

// traffic runs the captures, or the interface, through the workers.
func (j *job) traffic(ctx context.Context) error {
	if j.s.iface != "" {
		return j.live(ctx)
	}
	src := source.PcapFiles(j.s.pcaps, source.FileOptions{Filter: j.s.filter})
	j.listen(src)
	var err error
	if j.s.workers == 1 {
		err = j.newLane().run(ctx, src)
	} else {
		err = j.spread(ctx, src)
	}
	if src.Counters().Truncated > 0 {
		j.cutOff = []string{strings.Join(j.s.pcaps, ", ")}
	}
	return err
}

// spread parts captures over workers. What hosts share (thresholds, marks) is changed in the order of the packets, so the alerts are those of
// one worker, unless --unordered lets workers go their own ways.
func (j *job) spread(ctx context.Context, src source.Source) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lanes := make([]*lane, j.s.workers)
	workers := make([]spread.Worker, j.s.workers)
	for i := range lanes {
		lanes[i] = j.newLane()
		lanes[i].stop = stop
		workers[i] = lanes[i]
	}
	s, err := spread.New(workers)
	if err != nil {
		return err
	}
	if j.s.unordered {
		s.Unordered()
	} else {
		for i, l := range lanes {
			l.judge.Gate(s.Gate(i))
		}
	}
	if err := s.Run(ctx, src); err != nil {
		return err
	}
	return j.problem()
}

// FrameAt implements spread.Worker.
func (l *lane) FrameAt(number uint64, f *source.Frame) {
	if l.j.writing() != nil { // nobody can take the results any more
		l.stop()
		return
	}
	if l.record != nil {
		l.record.Frame(f)
	}
	l.pipe.FrameAt(number, f)
	l.now.Store(f.Time.UnixNano())
}

// Tick implements spread.Worker.
func (l *lane) Tick(now time.Time) { l.pipe.Tick(now) }

// Flush implements spread.Worker.
func (l *lane) Flush() { l.pipe.Flush() }

// listen notes the sources whose counters are shown.
func (j *job) listen(sources ...source.Source) {
	j.lanesMu.Lock()
	defer j.lanesMu.Unlock()
	j.sources = sources
}

// live has one worker for each ring of the interface.
func (j *job) live(ctx context.Context) error {
	sources := source.Live(j.s.iface, j.s.workers, source.LiveOptions{Filter: j.s.filter})
	j.listen(sources...)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(sources))
	var group sync.WaitGroup
	for i, src := range sources {
		l := j.newLane()
		group.Go(func() {
			if errs[i] = l.run(ctx, src); errs[i] != nil {
				stop() // one ring that fails ends the others
			}
		})
	}
	fmt.Fprintf(j.stderr, "listening on %s with %d worker(s); Ctrl-C ends\n", j.s.iface, len(sources))
	group.Wait()
	return errors.Join(errs...)
}

// run feeds the worker until the source ends, then ends all flows.
func (l *lane) run(ctx context.Context, src source.Source) error {
	live := l.j.s.iface != ""
	var written time.Time
	err := src.Run(ctx, func(f *source.Frame) error {
		if l.record != nil {
			l.record.Frame(f)
		}
		l.pipe.Frame(f)
		l.now.Store(f.Time.UnixNano())
		if live && l.log != nil && f.Time.Sub(written) >= time.Second { // somebody follows the file
			written = f.Time
			if err := errors.Join(l.log.Flush(), l.j.eveOut.Flush()); err != nil {
				l.j.fail(err)
			}
		}
		return l.j.writing()
	})
	l.pipe.Flush()
	if err != nil && !errors.Is(err, errWriting) {
		return fmt.Errorf("reading packets: %w", err)
	}
	return l.j.problem()
}

// errWriting stops a source whose results nobody can take any more.
var errWriting = errors.New("results cannot be written")

// writing fails once results could not be written.
func (j *job) writing() error {
	if j.broken.Load() {
		return errWriting
	}
	return nil
}

// reloads reads the rules again on SIGHUP and puts them in force between two packets. Rules that cannot be read change nothing.
// It closes ready when it listens.
func (j *job) reloads(ctx context.Context, ready chan<- struct{}) {
	hup := make(chan os.Signal, 1)
	if len(j.s.rules) > 0 {
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
	}
	close(ready)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			j.reload()
		}
	}
}

func (j *job) reload() {
	begun := time.Now()
	if err := j.saveState(); err != nil {
		fmt.Fprintf(j.stderr, "fengsui detect: %v\n", err)
	}
	set, refusals, err := loadNamed(j.s, j.names)
	if err != nil {
		fmt.Fprintf(j.stderr, "fengsui detect: rules not reloaded, the old ones stay in force: %v\n", err)
		return
	}
	j.eng.Swap(j.ruleset(set))
	j.set.Store(set)
	fmt.Fprintf(j.stderr, "rules reloaded: %d loaded, %d refused, in %s\n", set.Len(), len(refusals), time.Since(begun).Round(time.Millisecond))
	printRefusals(j.stderr, refusals, j.s.refused)
}

// reports says every so often how it goes.
func (j *job) reports(ctx context.Context) {
	if j.s.stats <= 0 {
		return
	}
	tick := time.NewTicker(j.s.stats)
	defer tick.Stop()
	var before uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		t := j.totals()
		rate := float64(t.Pipeline.Packets-before) / j.s.stats.Seconds()
		before = t.Pipeline.Packets
		fmt.Fprintf(j.stderr, "stats: %s up, packet time %s, packets %d (%.0f/s), flows %d now, alerts %d, not decoded %d, dropped by kernel %d\n",
			t.Uptime.Round(time.Second), t.At.UTC().Format(time.DateTime), t.Pipeline.Packets, rate, t.Pipeline.Flows.Now, t.Alerts, t.Pipeline.Invalid, t.KernelDrops)
		if j.eveOut != nil && j.s.types.Has("stats") {
			eve.WriteStats(j.eveOut, j.s.iface, t)
		}
	}
}

// totals adds up what the workers have counted.
func (j *job) totals() *eve.Totals {
	t := &eve.Totals{Uptime: time.Since(j.begun), Alerts: j.alerts.Load(), RulesLoaded: j.set.Load().Len(), RulesRefused: j.refused, At: j.begun}
	j.lanesMu.Lock()
	defer j.lanesMu.Unlock()
	for i, l := range j.lanes {
		t.Pipeline = pipeline.Sum(t.Pipeline, l.pipe.Stats())
		if at := l.now.Load(); at != 0 && (i == 0 || at > t.At.UnixNano()) {
			t.At = time.Unix(0, at)
		}
	}
	for _, src := range j.sources {
		c := src.Counters()
		t.KernelPackets += c.Frames + c.KernelDrops
		t.KernelDrops += c.KernelDrops
	}
	return t
}

// appName is the name of an application protocol by its number in the counters.
func appName(i int) string { return flow.App(i).String() }

// checkFilter tells what is wrong with a filter before anything is read.
func checkFilter(text string) error {
	if text == "" {
		return nil
	}
	if _, err := filter.Parse(text); err != nil {
		return fmt.Errorf("--filter: %w", err)
	}
	return nil
}
