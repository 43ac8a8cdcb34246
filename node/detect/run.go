package detect

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
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

// Run is the command. Alerts go to stdout, everything else to stderr; the result is the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		fmt.Fprintf(stderr, "fengsui detect: %v\n", err)
		return exitUsage
	}
	if err := run(ctx, s, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "fengsui detect: %v\n", err)
		return exitFailed
	}
	return exitDone
}

func run(ctx context.Context, s *settings, stdout, stderr io.Writer) error {
	for _, name := range s.pcaps { // a wrong file is told before minutes of work
		if name == "-" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		if err := source.CheckPcapFile(name); err != nil {
			return err
		}
	}
	set, refusals, err := load(s)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(stdout, 1<<16)
	sum, err := Traffic(ctx, set, s.pcaps, s.pipeline(), printer(out, s.json))
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("writing alerts: %w", flushErr)
	}
	sum.Loaded, sum.Refused = set.Len(), len(refusals)
	printRefusals(stderr, refusals, s.refused)
	sum.print(stderr)
	return err
}

// load reads everything rules need and compiles them.
func load(s *settings) (*signature.Set, []signature.Refusal, error) {
	f, err := readRules(s.rules)
	if err != nil {
		return nil, nil, err
	}
	opt := signature.Options{HomeNet: s.homeNet, ExternalNet: s.external, Vars: s.vars, ReadFile: f.read}
	if s.thresholds != "" {
		text, err := readLimited(s.thresholds, dataFileBytesMax)
		if err != nil {
			return nil, nil, fmt.Errorf("threshold file: %w", err)
		}
		opt.Thresholds, opt.ThresholdName = string(text), s.thresholds
	}
	if s.categories != "" {
		rep, err := readReputation(s.categories, s.reputation)
		if err != nil {
			return nil, nil, err
		}
		opt.Reputation = rep
	}
	set, refusals := signature.Compile(f.sources, opt)
	return set, refusals, nil
}

func (s *settings) pipeline() pipeline.Config {
	return pipeline.Config{IgnoreChecksums: !s.checksums, Midstream: s.midstream, AsyncOneside: s.async}
}

// Traffic runs captures through a rule set. emit is called for each alert, in order.
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
