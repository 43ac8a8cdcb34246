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
)

// traffic runs the captures, or the interface, through the workers.
func (j *job) traffic(ctx context.Context) error {
	if j.s.iface != "" {
		return j.live(ctx)
	}
	src := source.PcapFiles(j.s.pcaps, source.FileOptions{Filter: j.s.filter})
	j.listen(src)
	l := j.newLane()
	err := l.run(ctx, src)
	if src.Counters().Truncated > 0 {
		j.cutOff = []string{strings.Join(j.s.pcaps, ", ")}
	}
	return err
}

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
	err := src.Run(ctx, func(f *source.Frame) error {
		l.pipe.Frame(f)
		l.now.Store(f.Time.UnixNano())
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
		addStats(&t.Pipeline, l.pipe.Stats())
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

// addStats adds the counters that summaries and records show.
func addStats(to *pipeline.Stats, s pipeline.Stats) {
	for _, x := range [...]struct {
		to   *uint64
		more uint64
	}{
		{&to.Packets, s.Packets}, {&to.Bytes, s.Bytes}, {&to.IPv4, s.IPv4}, {&to.IPv6, s.IPv6}, {&to.TCP, s.TCP}, {&to.UDP, s.UDP}, {&to.ICMP, s.ICMP},
		{&to.ICMPv6, s.ICMPv6}, {&to.OtherIP, s.OtherIP}, {&to.NoIP, s.NoIP}, {&to.Inner, s.Inner}, {&to.BadChecksum, s.BadChecksum}, {&to.Invalid, s.Invalid},
		{&to.Flows.Created, s.Flows.Created}, {&to.Flows.Now, s.Flows.Now}, {&to.Flows.Evicted, s.Flows.Evicted}, {&to.TxLost, s.TxLost},
		{&to.ParserFailed, s.ParserFailed}, {&to.Files, s.Files},
	} {
		*x.to += x.more
	}
	for i := range s.Decode {
		to.Decode[i] += s.Decode[i]
	}
	for i := range s.FlowsByApp {
		to.FlowsByApp[i] += s.FlowsByApp[i]
		to.Transactions[i] += s.Transactions[i]
	}
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
