package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"fengsui/capture/filter"
)

// FileOptions say how capture files are read.
type FileOptions struct {
	// Speed is how fast time passes: 0 as fast as possible, 1 as it was captured, 10 ten times that.
	Speed float64
	// Repeat is how many more times the files are read after the first; -1 until ctx is cancelled. Each round begins where
	// the one before ended in time, so packet time never goes back.
	Repeat int
	// Rebase moves packet time so that the first packet happens at the moment Run begins. It is the clock reading to use,
	// usually time.Now; nil keeps the times of the file.
	Rebase func() time.Time
	// Filter is a tcpdump expression; packets it refuses are counted and not delivered. "" passes everything.
	Filter string
	// Sleep waits for d or until ctx ends; nil means a timer. Tests that own time replace it.
	Sleep func(ctx context.Context, d time.Duration)
}

// files is a Source that reads capture files.
type files struct {
	paths  []string
	opts   FileOptions
	counts counts
	sieve  sieve
}

// PcapFile returns a source that reads what is at path: a pcap or pcapng file, plain or compressed with gzip, zstd or
// lz4, or a directory of them. "-" is standard input. Files are opened, and their headers checked, by Run.
func PcapFile(path string, opts FileOptions) Source { return PcapFiles([]string{path}, opts) }

// PcapFiles returns a source that reads several captures as one: packets come in the order of their time stamps, so that
// the two directions of a tap, or the pieces of a rotated capture, fit together whatever their names. Each file is
// opened when time reaches its first packet, and packets within one file keep their order.
func PcapFiles(paths []string, opts FileOptions) Source {
	if opts.Sleep == nil {
		opts.Sleep = sleep
	}
	return &files{paths: paths, opts: opts}
}

// CheckPcapFile opens what is at path and reads headers and the first packet, so that a wrong file is found before
// anything is started.
func CheckPcapFile(path string) error {
	list, err := expand([]string{path})
	if err != nil {
		return err
	}
	for _, p := range list {
		if p == standardInput {
			continue // what is read to look at would be missing later
		}
		var c counts
		o, err := open(p, &c, 1<<16)
		if err != nil {
			return err
		}
		var f Frame
		err = o.r.next(&f) // pcapng tells its link types only here
		o.close()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errTruncated) {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Counters implements Source.
func (s *files) Counters() Counters { return s.counts.load() }

// Run implements Source.
func (s *files) Run(ctx context.Context, emit func(*Frame) error) error {
	if s.opts.Filter != "" {
		e, err := filter.Parse(s.opts.Filter)
		if err != nil {
			return fmt.Errorf("filter: %w", err)
		}
		s.sieve.expr = e
	}
	list, err := expand(s.paths)
	if err != nil {
		return err
	}
	clock := pace{idle: s.opts.Speed <= 0 && s.opts.Repeat == 0 && s.opts.Rebase == nil}
	if s.opts.Rebase != nil {
		clock.rebase = true
		clock.start = s.opts.Rebase()
	}
	defer s.counts.publish()
	for round := 0; s.opts.Repeat < 0 || round <= s.opts.Repeat; round++ {
		n := s.counts.read
		if err := s.once(ctx, list, &clock, emit); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if s.counts.read == n {
			break // an empty file repeated for ever would spin
		}
		clock.next()
	}
	return nil
}

// opened is a file being read.
type opened struct {
	r     reader
	iface string
	f     Frame
	close func()
}

// open opens one file, sees through compression and reads its header.
func open(path string, c *counts, size int) (*opened, error) {
	var in io.ReadCloser = io.NopCloser(os.Stdin)
	name := "standard input"
	if path != standardInput {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening capture: %w", err)
		}
		in, name = f, filepath.Base(path)
	}
	plain, release, err := unpack(in, name)
	if err != nil {
		_ = in.Close() // opened for reading only
		return nil, err
	}
	closeAll := func() {
		release()
		_ = in.Close() // opened for reading only
	}
	r, err := newReader(plain, name, c, size)
	if err != nil {
		closeAll()
		return nil, err
	}
	return &opened{r: r, iface: filepath.Base(path), close: closeAll}, nil
}

// advance reads the next frame that the filter passes; io.EOF when the file has ended, well or cut off.
func (s *files) advance(o *opened) error {
	for {
		o.f.Iface = o.iface
		err := o.r.next(&o.f)
		if errors.Is(err, errTruncated) {
			s.counts.truncated.Add(1)
			return io.EOF
		}
		if err != nil {
			return err
		}
		s.counts.read++
		if s.sieve.expr == nil {
			return nil
		}
		pass, err := s.sieve.pass(&o.f)
		if err != nil {
			return err
		}
		if pass {
			return nil
		}
		s.counts.filtered.Add(1)
	}
}

// once reads everything once.
func (s *files) once(ctx context.Context, list []string, clock *pace, emit func(*Frame) error) error {
	if len(list) > 1 {
		return s.merge(ctx, list, clock, emit)
	}
	o, err := open(list[0], &s.counts, readAhead)
	if err != nil {
		return err
	}
	defer o.close()
	for ctx.Err() == nil {
		if err := s.advance(o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := s.deliver(ctx, &o.f, clock, emit); err != nil {
			return err
		}
	}
	return nil
}

func (s *files) deliver(ctx context.Context, f *Frame, clock *pace, emit func(*Frame) error) error {
	if !clock.idle {
		if wait := clock.adjust(f, s.opts.Speed); wait > 0 {
			s.opts.Sleep(ctx, wait)
			if ctx.Err() != nil {
				return nil
			}
		}
	}
	f.Number = s.counts.delivered(len(f.Data))
	return emit(f)
}

// pace moves packet time and says how long to wait.
type pace struct {
	idle    bool // time is neither moved nor waited for
	rebase  bool
	started bool
	start   time.Time     // clock when the first packet was emitted
	offset  time.Duration // added to file times in this round
	last    time.Time     // latest time emitted
	begun   time.Time     // wall clock at the first packet
	origin  time.Time     // emitted time of the first packet
	round   bool          // the next packet begins a round
}

// next begins another round: its first packet comes right after the last one of the round before.
func (c *pace) next() { c.round = true }

func (c *pace) adjust(f *Frame, speed float64) time.Duration {
	if !c.started {
		c.started = true
		if c.rebase {
			c.offset = c.start.Sub(f.Time)
		}
		c.origin = f.Time.Add(c.offset)
		c.begun = time.Now()
	} else if c.round {
		c.offset = c.last.Add(time.Microsecond).Sub(f.Time)
	}
	c.round = false
	f.Time = f.Time.Add(c.offset)
	if f.Time.After(c.last) {
		c.last = f.Time
	}
	if speed <= 0 {
		return 0
	}
	due := time.Duration(float64(f.Time.Sub(c.origin)) / speed)
	if due <= 0 {
		return 0
	}
	return due - time.Since(c.begun)
}
