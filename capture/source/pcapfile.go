package source

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// FileOptions say how a capture file is read.
type FileOptions struct {
	// Speed is how fast time passes: 0 as fast as possible, 1 as it was captured, 10 ten times that.
	Speed float64
	// Repeat is how many more times the file is read after the first; -1 until ctx is cancelled. Each round begins where
	// the one before ended in time, so packet time never goes back.
	Repeat int
	// Rebase moves packet time so that the first packet happens at the moment Run begins. It is the clock reading to use,
	// usually time.Now; nil keeps the times of the file.
	Rebase func() time.Time
	// Sleep waits for d or until ctx ends; nil means a timer. Tests that own time replace it.
	Sleep func(ctx context.Context, d time.Duration)
}

// file is a Source that reads a capture file.
type file struct {
	path   string
	opts   FileOptions
	counts counts
}

// PcapFile returns a source that reads the file at path: pcap or pcapng, plain or gzip-compressed. "-" is standard
// input. The file is opened, and its header checked, by Run.
func PcapFile(path string, opts FileOptions) Source {
	if opts.Sleep == nil {
		opts.Sleep = sleep
	}
	return &file{path: path, opts: opts}
}

// CheckPcapFile opens the file and reads its header, so that a wrong file is found before anything is started.
func CheckPcapFile(path string) error {
	s := file{path: path}
	return s.with(func(r reader) error {
		var f Frame
		err := r.next(&f) // pcapng tells its link types only here
		if errors.Is(err, io.EOF) || errors.Is(err, errTruncated) {
			return nil
		}
		return err
	})
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
func (s *file) Counters() Counters { return s.counts.load() }

// Run implements Source.
func (s *file) Run(ctx context.Context, emit func(*Frame) error) error {
	var clock pace
	if s.opts.Rebase != nil {
		clock.rebase = true
		clock.start = s.opts.Rebase()
	}
	for round := 0; s.opts.Repeat < 0 || round <= s.opts.Repeat; round++ {
		n := s.counts.frames.Load()
		if err := s.once(ctx, &clock, emit); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if s.counts.frames.Load() == n {
			break // an empty file repeated for ever would spin
		}
		clock.next()
	}
	return nil
}

// with opens the file, sees through compression, and hands a reader on.
func (s *file) with(use func(reader) error) error {
	var in io.Reader = os.Stdin
	name := "standard input"
	if s.path != "-" {
		f, err := os.Open(s.path)
		if err != nil {
			return fmt.Errorf("opening capture: %w", err)
		}
		defer f.Close() //nolint:errcheck // opened for reading only
		if st, err := f.Stat(); err == nil && st.IsDir() {
			return fmt.Errorf("opening capture: %s is a directory; name a file in it", s.path)
		}
		in, name = f, filepath.Base(s.path)
	}
	plain, err := decompress(in, name)
	if err != nil {
		return err
	}
	r, err := newReader(plain, name, &s.counts)
	if err != nil {
		return err
	}
	return use(r)
}

// decompress sees through gzip.
func decompress(in io.Reader, name string) (io.Reader, error) {
	var head [2]byte
	n, err := io.ReadFull(in, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	whole := io.MultiReader(bytesReader(head[:n]), in)
	if n < 2 || head != [2]byte{0x1f, 0x8b} {
		return whole, nil
	}
	z, err := gzip.NewReader(whole)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w: gzip header: %w", name, ErrFormat, err)
	}
	return z, nil
}

func (s *file) once(ctx context.Context, clock *pace, emit func(*Frame) error) error {
	return s.with(func(r reader) error {
		f := Frame{Iface: filepath.Base(s.path)}
		for {
			if err := ctx.Err(); err != nil {
				return nil
			}
			err := r.next(&f)
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case errors.Is(err, errTruncated):
				s.counts.truncated.Add(1)
				return nil
			case err != nil:
				return err
			}
			wait := clock.adjust(&f, s.opts.Speed)
			if wait > 0 {
				s.opts.Sleep(ctx, wait)
				if ctx.Err() != nil {
					return nil
				}
			}
			f.Number = s.counts.delivered(len(f.Data))
			if err := emit(&f); err != nil {
				return err
			}
		}
	})
}

// pace moves packet time and says how long to wait.
type pace struct {
	rebase  bool
	started bool
	start   time.Time     // clock when the first packet was emitted
	first   time.Time     // file time of the round's first packet
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
		c.first = f.Time
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
