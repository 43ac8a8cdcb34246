package detect

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"fengsui/capture/eve"
)

// settings are the command line, read.
type settings struct {
	rules      []string
	pcaps      []string
	iface      string
	filter     string
	workers    int
	unordered  bool
	json       bool
	refused    bool
	homeNet    string
	external   string
	vars       map[string]string
	checksums  bool
	midstream  bool
	async      bool
	thresholds string
	categories string
	reputation []string
	indicators []string
	yara       []string
	state      string
	digests    map[string]bool // of files, that rules ask for
	eve        string
	types      eve.Types
	payload    bool
	packet     bool
	evidence   string
	extract    string
	stats      time.Duration
	top        int
}

// workersMax is more than any machine this runs on has use for.
const workersMax = 256

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

// raw are the flags that need more than the flag package to be understood.
type raw struct {
	rules, pcaps, reputation list
	indicators, yara         list
	vars, types              string
	seconds                  int
}

func (s *settings) flags(x *raw) *flag.FlagSet {
	set := flag.NewFlagSet("detect", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	set.Var(&x.rules, "rules", "")
	set.Var(&x.pcaps, "pcap", "")
	set.StringVar(&s.iface, "interface", "", "")
	set.StringVar(&s.filter, "filter", "", "")
	set.IntVar(&s.workers, "workers", 1, "")
	set.BoolVar(&s.unordered, "unordered", false, "")
	set.BoolVar(&s.json, "json", false, "")
	set.BoolVar(&s.refused, "refused", false, "")
	set.StringVar(&s.homeNet, "home-net", "", "")
	set.StringVar(&s.external, "external-net", "!$HOME_NET", "")
	set.Var(pairs(s.vars), "var", "")
	set.StringVar(&x.vars, "vars", "", "")
	set.BoolVar(&s.checksums, "checksum-validation", true, "")
	set.BoolVar(&s.midstream, "midstream", false, "")
	set.BoolVar(&s.async, "async-oneside", false, "")
	set.StringVar(&s.thresholds, "threshold-file", "", "")
	set.StringVar(&s.categories, "reputation-categories", "", "")
	set.Var(&x.reputation, "reputation", "")
	set.Var(&x.indicators, "indicators", "")
	set.Var(&x.yara, "yara", "")
	set.StringVar(&s.state, "state-dir", "", "")
	set.StringVar(&s.eve, "eve", "", "")
	set.StringVar(&x.types, "eve-types", "all", "")
	set.BoolVar(&s.payload, "eve-payload", false, "")
	set.BoolVar(&s.packet, "eve-packet", false, "")
	set.StringVar(&s.evidence, "evidence", "", "")
	set.StringVar(&s.extract, "extract", "", "")
	set.IntVar(&x.seconds, "stats", 0, "")
	set.IntVar(&s.top, "top", 10, "")
	return set
}

// parse reads the command line. A flag.ErrHelp means that help was asked for and printed.
func parse(args []string, stdout io.Writer) (*settings, error) {
	s := &settings{vars: pairs{}}
	var x raw
	set := s.flags(&x)
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(stdout, usage) // nobody to tell
			return nil, err
		}
		return nil, errors.New(strings.Replace(err.Error(), "flag provided but not defined: ", "unknown flag -", 1))
	}
	s.rules, s.pcaps, s.reputation, s.indicators, s.yara = x.rules, x.pcaps, x.reputation, x.indicators, x.yara
	s.stats = time.Duration(x.seconds) * time.Second
	if set.NArg() > 0 {
		return nil, fmt.Errorf("argument %q is not understood; files are given by --rules and --pcap", set.Arg(0))
	}
	var err error
	if s.types, err = eve.ParseTypes(x.types); err != nil {
		return nil, fmt.Errorf("--eve-types: %w", err)
	}
	if err := s.check(x.types != "all", x.seconds); err != nil {
		return nil, err
	}
	if x.vars != "" {
		err = s.readVars(x.vars)
		set.Visit(func(f *flag.Flag) { // what was said on the command line wins
			switch f.Name {
			case "home-net":
				delete(s.vars, "HOME_NET")
			case "external-net":
				delete(s.vars, "EXTERNAL_NET")
			}
		})
	}
	return s, err
}

// check finds options that contradict each other.
func (s *settings) check(typesGiven bool, seconds int) error {
	switch {
	case len(s.rules) == 0 && len(s.indicators) == 0 && len(s.yara) == 0 && s.eve == "" && s.extract == "":
		return errors.New("no rules: give --rules FILE (or only --eve FILE to write what is seen)")
	case len(s.pcaps) == 0 && s.iface == "":
		return errors.New("no traffic: give --pcap FILE or --interface NAME")
	case len(s.pcaps) > 0 && s.iface != "":
		return errors.New("--pcap and --interface exclude each other: one reads captures, the other listens")
	case len(s.reputation) > 0 && s.categories == "":
		return errors.New("--reputation needs --reputation-categories")
	case s.eve == "" && (typesGiven || s.payload || s.packet):
		return errors.New("--eve-types, --eve-payload and --eve-packet say what --eve FILE writes: give it too")
	case s.eve == "-" && s.json:
		return errors.New("--json and --eve - both write to standard output: leave out --json, --eve writes the alerts too")
	case s.workers < 1 || s.workers > workersMax:
		return fmt.Errorf("--workers %d: want 1 to %d", s.workers, workersMax)
	case seconds < 0 || seconds > 86400:
		return fmt.Errorf("--stats %d: want seconds, 1 to 86400", seconds)
	case s.top < 0:
		return fmt.Errorf("--top %d: want 0 or more", s.top)
	}
	return nil
}

// readVars joins a vars file with the variables of the command line, which win.
func (s *settings) readVars(name string) error {
	vars, err := readVars(name)
	if err != nil {
		return &fileError{err}
	}
	maps.Copy(vars, s.vars)
	s.vars = vars
	return nil
}

// fileError marks an error of reading, which ends with exit code 1, not 2.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }
