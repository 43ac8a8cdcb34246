package rules

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"strings"

	"fengsui/node/detect"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(v string) error {
	*l = append(*l, v)
	return nil
}

// pairs is a flag of NAME=VALUE that may be given more than once.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(v string) error {
	name, value, ok := strings.Cut(v, "=")
	name = strings.TrimPrefix(name, "$")
	if !ok || name == "" || value == "" {
		return errors.New("want NAME=VALUE, for example HTTP_PORTS=[80,8080]")
	}
	p[name] = value
	return nil
}

// flags are what the three commands have in common.
type flags struct {
	*flag.FlagSet
	rules                list
	pcaps                list
	json                 bool
	vars                 pairs
	varsFile             string
	home, external       string
	thresholds           string
	categories           string
	reputation           list
	checksums, midstream bool
	async                bool
	args                 []string
}

func newFlags() *flags {
	f := &flags{FlagSet: flag.NewFlagSet("", flag.ContinueOnError), vars: pairs{}}
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.Var(&f.rules, "rules", "")
	f.BoolVar(&f.json, "json", false, "")
	f.Var(f.vars, "var", "")
	f.StringVar(&f.varsFile, "vars", "", "")
	f.StringVar(&f.home, "home-net", "", "")
	f.StringVar(&f.external, "external-net", "!$HOME_NET", "")
	f.StringVar(&f.thresholds, "threshold-file", "", "")
	f.StringVar(&f.categories, "reputation-categories", "", "")
	f.Var(&f.reputation, "reputation", "")
	return f
}

// withTraffic adds what says which captures are read, and how.
func (f *flags) withTraffic() *flags {
	f.Var(&f.pcaps, "pcap", "")
	f.BoolVar(&f.checksums, "checksum-validation", true, "")
	f.BoolVar(&f.midstream, "midstream", false, "")
	f.BoolVar(&f.async, "async-oneside", false, "")
	return f
}

// parse reads args; flags may stand before, between and behind the arguments.
func (f *flags) parse(args []string) error {
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return errors.New(strings.Replace(err.Error(), "flag provided but not defined: ", "unknown flag -", 1))
		}
		rest := f.Args()
		if len(rest) == 0 {
			break
		}
		f.args, args = append(f.args, rest[0]), rest[1:]
	}
	return nil
}

// files gives the rule files with their variables.
func (f *flags) files(names []string) (*detect.RuleFiles, error) {
	vars := map[string]string{}
	if f.varsFile != "" {
		var err error
		if vars, err = detect.ReadVars(f.varsFile); err != nil {
			return nil, err
		}
	}
	maps.Copy(vars, f.vars)
	return &detect.RuleFiles{
		Files: names, HomeNet: f.home, ExternalNet: f.external, Vars: vars, Thresholds: f.thresholds, Categories: f.categories, Reputation: f.reputation,
	}, nil
}

// usageError ends a command with exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// end says how a command ended and gives the exit code.
func end(name string, stderr io.Writer, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "fengsui rules %s: %v; see `fengsui help rules %s`\n", name, err, name)
		return exitUsage
	}
	fmt.Fprintf(stderr, "fengsui rules %s: %v\n", name, err)
	return exitFailed
}
