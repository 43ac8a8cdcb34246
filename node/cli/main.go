package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"fengsui/node/api"
	"fengsui/node/config"
)

// version is set by the linker: see Makefile.
var version = "dev"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Env is what a command sees of the world.
type Env struct {
	Stdin   io.Reader
	Stdout  io.Writer // results
	Stderr  io.Writer // everything else
	Environ []string  // NAME=value
}

// SystemEnv is the environment of this process.
func SystemEnv() Env { return Env{os.Stdin, os.Stdout, os.Stderr, os.Environ()} }

// Getenv returns a variable, "" where it is not set.
func (e Env) Getenv(name string) string {
	for _, kv := range slices.Backward(e.Environ) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// command is one row of the dispatch table.
type command struct {
	name    string // one or two words
	args    string // what may follow
	summary string // one line in the list
	help    string // paragraphs and an example that runs
	run     func(ctx context.Context, e Env, args []string) error
}

// usageError is a wrong call: exit code 2.
type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// exitError ends the program with a code of its own after everything has been said.
type exitError int

func (x exitError) Error() string { return fmt.Sprintf("exit code %d", int(x)) }

// Main runs one command and returns its exit code. args is without the program's name.
func Main(args []string, e Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, e)
}

func run(ctx context.Context, args []string, e Env) int {
	if len(args) == 0 {
		_ = printHelp(e.Stderr) // nobody to tell
		return exitUsage
	}
	if slices.Contains([]string{"-h", "--help", "-help"}, args[0]) {
		args = []string{"help"}
	}
	if args[0] == "--version" {
		args = []string{"version"}
	}
	c, rest := find(args)
	if c == nil {
		fmt.Fprintf(e.Stderr, "fengsui: %s\n", unknownCommand(args))
		return exitUsage
	}
	return report(e, c, c.run(ctx, e, rest))
}

// report says how a command ended and returns the exit code.
func report(e Env, c *command, err error) int {
	var usage *usageError
	var problems config.Problems
	var exit exitError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		if err := c.printHelp(e.Stdout); err != nil {
			return exitFailed
		}
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &problems):
		for _, p := range problems {
			fmt.Fprintf(e.Stderr, "fengsui: %s\n", oneLine(p.String()))
		}
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(e.Stderr, "fengsui: %s: %s; see `fengsui help %s`\n", c.name, oneLine(usage.text), c.name)
		return exitUsage
	}
	fmt.Fprintf(e.Stderr, "fengsui: %s: %s\n", c.name, oneLine(describe(err)))
	if api.CodeOf(err) == api.CodeBadRequest {
		return exitUsage
	}
	return exitFailed
}

// describe renders an error with what to do about it.
func describe(err error) string {
	var p *api.Problem
	if errors.As(err, &p) {
		if p.Hint == "" {
			return p.Message
		}
		return p.Message + "; " + p.Hint
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// oneLine joins the lines of an error: scripts and people read the first one only.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// find looks for the longest command name at the start of args.
func find(args []string) (*command, []string) {
	table := commands()
	for words := min(2, len(args)); words > 0; words-- {
		name := strings.Join(args[:words], " ")
		for i := range table {
			if table[i].name == name {
				return &table[i], args[words:]
			}
		}
	}
	return nil, nil
}

func unknownCommand(args []string) string {
	var under []string
	for _, c := range commands() {
		if rest, ok := strings.CutPrefix(c.name, args[0]+" "); ok {
			under = append(under, rest)
		}
	}
	if len(under) > 0 {
		if len(args) == 1 {
			return fmt.Sprintf("%s: say what: %s", args[0], strings.Join(under, ", "))
		}
		return fmt.Sprintf("%s: unknown command %q; commands here are %s", args[0], args[1], strings.Join(under, ", "))
	}
	return fmt.Sprintf("unknown command %q; `fengsui help` lists the commands", args[0])
}
