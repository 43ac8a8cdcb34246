package detect

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/analyze/signature"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// collectAt is how much garbage may gather before it is collected, in per cent of what is held: it keeps the large capture with 23 000 rules below
// 450 MB; more would be a little faster.
const collectAt = 60

// Run is the command. Alerts go to stdout, everything else to stderr; the result is the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stdout)
	var file *fileError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &file):
		fmt.Fprintf(stderr, "fengsui detect: %v\n", err)
		return exitFailed
	case err != nil:
		fmt.Fprintf(stderr, "fengsui detect: %v; see `fengsui detect --help`\n", err)
		return exitUsage
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if err := run(ctx, s, stdout, &locked{w: stderr}); err != nil {
		fmt.Fprintf(stderr, "fengsui detect: %v\n", err)
		return exitFailed
	}
	return exitDone
}

// run does what the settings ask.
func run(ctx context.Context, s *settings, stdout, stderr io.Writer) error {
	if err := checkTraffic(s); err != nil { // a wrong file is told before minutes of work
		return err
	}
	names := &signature.Names{}
	set, refusals, err := loadNamed(s, names)
	if err != nil {
		return err
	}
	j, err := newJob(s, set, names, stdout, stderr)
	if err != nil {
		return err
	}
	j.refused = len(refusals)
	printRefusals(stderr, refusals, s.refused)
	err = j.run(ctx)
	if closeErr := j.close(); err == nil {
		err = closeErr
	}
	sum := j.summary()
	sum.print(stderr)
	return err
}

func checkTraffic(s *settings) error {
	if err := checkFilter(s.filter); err != nil {
		return err
	}
	if s.iface != "" {
		return source.CheckInterface(s.iface)
	}
	for _, name := range s.pcaps {
		if name == "-" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		if info.IsDir() {
			continue
		}
		if err := source.CheckPcapFile(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) pipeline() pipeline.Config {
	return pipeline.Config{IgnoreChecksums: !s.checksums, Midstream: s.midstream, AsyncOneside: s.async}
}

// Traffic runs captures through a rule set, in one worker. emit is called for each alert, in order.
func Traffic(ctx context.Context, set *signature.Set, pcaps []string, cfg pipeline.Config, emit func(*alert.Alert) error) (Summary, error) {
	var sum Summary
	var failed error
	eng := engine.New(&engine.Ruleset{Detectors: []engine.Detector{signature.NewDetector(set, &signature.Shared{})}})
	worker := eng.NewWorker(func(a *alert.Alert) {
		sum.Alerts++
		if err := emit(a); err != nil && failed == nil {
			failed = err
		}
	})
	pipe := pipeline.New(cfg, []pipeline.Inspector{worker}, nil)
	begun := time.Now()
	for _, name := range pcaps {
		src := source.PcapFile(name, source.FileOptions{})
		err := pipe.Run(ctx, src)
		if src.Counters().Truncated > 0 {
			sum.CutOff = append(sum.CutOff, name)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
	}
	sum.take(pipe.Stats(), time.Since(begun))
	return sum, errors.Join(failed, ctx.Err())
}
