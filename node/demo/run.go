package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"fengsui/node/cli/text"
	"fengsui/node/demo/sample"
)

// Options of Run.
type Options struct {
	Once    bool     // end after the story even on a terminal
	JSON    bool     // one object a step instead of prose
	Keep    bool     // leave the directory, to look at what the processes left
	Pcap    string   // capture file to replay instead of the shipped one
	Rules   []string // rule files instead of the shipped ones
	Program string   // what the reader calls this program, for the commands to try
	Binary  string   // the program to start; "" = this one
	Environ []string // added to every child's environment
	Seed    uint64   // of the relay's decisions by chance

	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Lab            func(*Lab) // when given, called once with the lab before anything starts: tests look at it from outside
}

// StepError says which step of the story was not true.
type StepError struct {
	Step string
	Err  error
}

// Error names the step and what went wrong.
func (e *StepError) Error() string { return "step " + e.Step + ": " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *StepError) Unwrap() error { return e.Err }

// Summary is the last object of --json.
type Summary struct {
	Detected        int          `json:"detected"` // alert records of the county
	City            int          `json:"city"`     // of those, in the city's ledger
	Province        int          `json:"province"`
	Lost            int          `json:"lost"`
	Duplicated      int          `json:"duplicated"`
	UpP50           float64      `json:"up_ms_p50"` // detection in the county to seen at the province, in quiet operation
	UpP99           float64      `json:"up_ms_p99"`
	PolicyMS        float64      `json:"policy_ms"`        // rule set issued by the province to applied at the last node of the tree
	OfflineDetected int          `json:"offline_detected"` // alerts the county raised while it was cut off
	CatchUpMS       float64      `json:"catch_up_ms"`      // line back to all of them at the province
	Query           QuerySummary `json:"query"`
}

// QuerySummary counts who answered the question over the subtree while the county was cut off.
type QuerySummary struct {
	Answered int `json:"answered"`
	Offline  int `json:"offline"`
}

// Run tells the story. It returns nil when all of it was true, or when ctx ended after it. Processes and directory are gone then.
func Run(ctx context.Context, o Options) (err error) {
	l, err := NewLab(LabConfig{Binary: o.Binary, Environ: o.Environ, Seed: o.Seed})
	if err != nil {
		return err
	}
	defer func() {
		l.keep = l.keep || o.Keep
		err = errors.Join(err, l.Close())
		if o.Keep {
			fmt.Fprintf(o.Stderr, "kept %s\n", l.Dir)
		}
	}()
	if o.Lab != nil {
		o.Lab(l)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with ctx, which ends with Run
		select {
		case <-l.Failed():
			cancel(l.Failure())
		case <-ctx.Done():
		}
	}()
	s := &story{o: o, lab: l, out: newPrinter(o.Stdout, o.JSON, o.Getenv), watch: newWatcher()}
	defer s.wg.Wait() // tails end with ctx
	defer cancel(nil)
	if err := s.prepare(); err != nil {
		return err
	}
	s.out.title()
	for _, step := range s.steps(ctx) {
		if err := step.run(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
				err = cause
			}
			return &StepError{step.name, err}
		}
	}
	if o.Once || !text.IsTerminal(o.Stdout) {
		return nil
	}
	return s.linger(ctx)
}

// prepare puts traffic and rules where the processes can read them.
func (s *story) prepare() error {
	s.pcap = filepath.Join(s.lab.Dir, "county.pcap.gz")
	if s.o.Pcap != "" {
		abs, err := filepath.Abs(s.o.Pcap)
		if err != nil {
			return fmt.Errorf("find %s: %w", s.o.Pcap, err)
		}
		s.pcap = abs
		if _, err := os.Stat(abs); err != nil {
			return fmt.Errorf("read capture: %w", err)
		}
	} else if err := os.WriteFile(s.pcap, sample.Capture(), 0o600); err != nil {
		return fmt.Errorf("lay out the capture: %w", err)
	}
	s.rules = sample.Rules()
	if len(s.o.Rules) > 0 {
		s.rules = nil
		for _, name := range s.o.Rules {
			b, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("read rules: %w", err)
			}
			s.rules = append(append(s.rules, b...), '\n')
		}
	}
	return nil
}

// linger keeps everything running, with traffic, and says what to try.
func (s *story) linger(ctx context.Context) error {
	if !s.o.JSON {
		s.invite()
	}
	for ctx.Err() == nil {
		if _, err := s.replay(ctx, 1, lingerSpeed); err != nil && ctx.Err() == nil {
			return &StepError{"after the story", err}
		}
	}
	if l := context.Cause(ctx); !errors.Is(l, context.Canceled) {
		return &StepError{"after the story", l}
	}
	return nil
}

// lingerSpeed is the pace of the traffic after the story: as captured.
const lingerSpeed = 1

// invite prints commands for a second terminal.
func (s *story) invite() {
	at := func(id string) string { return "--data " + s.lab.Node(id).Data }
	p := s.o.Program
	s.out.write("")
	s.out.write("  " + s.out.style.Bold("Still running") + s.out.style.Dim("  the county sees its traffic again and again. In a second terminal try:"))
	s.out.write("")
	for _, c := range [][2]string{
		{"topology show", at(province + "/n1")},
		{"alert tail", at(province + "/n2")},
		{"query 'severity=1' --scope subtree", at(province + "/n1")},
		{"policy status ruleset demo", at(province + "/n1")},
		{"policy list", at(city + "/n1")},
		{"node status", at(county + "/n1")},
		{"enforce show", at(county + "/n1")},
		{"ledger balance", at(city + "/n1")},
	} {
		s.out.write("     " + p + " " + c[0] + " " + s.out.style.Dim(c[1]))
	}
	s.out.write("")
	s.out.write("  " + s.out.style.Dim("Ctrl-C ends everything and removes "+s.lab.Dir))
}

// stepBudget bounds one step: whatever it waits for has happened by then, or will not.
const stepBudget = 60 * time.Second
