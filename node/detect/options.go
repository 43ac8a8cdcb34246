package detect

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// settings are the command line, read.
type settings struct {
	rules      []string
	pcaps      []string
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
}

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

const usage = `usage: fengsui detect --rules FILE… --pcap FILE… [options]

Judges capture files by Suricata rules and prints the alerts.

  fengsui detect --rules local.rules --pcap traffic.pcap
  fengsui detect --rules etopen.tar.gz --pcap a.pcap --pcap b.pcap --json > alerts.json

  --rules FILE                 rule file, folder of *.rules, or .tar.gz of them; repeatable
  --pcap FILE                  pcap or pcapng, plain or gzip; - is standard input; repeatable
  --json                       one EVE alert object a line instead of text
  --refused                    list every refused rule, not only the table by keyword
  --home-net LIST              default [192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]
  --external-net LIST          default !$HOME_NET
  --var NAME=VALUE             set a rule variable; repeatable
  --checksum-validation=false  use packets whose checksum is wrong
  --midstream                  follow TCP sessions whose start is missing
  --async-oneside              follow TCP sessions of which one direction is missing
  --threshold-file FILE        Suricata threshold.config
  --reputation-categories FILE iprep categories: id,name,text
  --reputation FILE            iprep list: address or network,category id,score; repeatable
`

// parse reads the command line. A flag.ErrHelp means that help was asked for and printed.
func parse(args []string, stdout, stderr io.Writer) (*settings, error) {
	s := &settings{vars: pairs{}}
	set := flag.NewFlagSet("detect", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	var rules, pcaps, reputation list
	set.Var(&rules, "rules", "")
	set.Var(&pcaps, "pcap", "")
	set.BoolVar(&s.json, "json", false, "")
	set.BoolVar(&s.refused, "refused", false, "")
	set.StringVar(&s.homeNet, "home-net", "", "")
	set.StringVar(&s.external, "external-net", "!$HOME_NET", "")
	set.Var(pairs(s.vars), "var", "")
	set.BoolVar(&s.checksums, "checksum-validation", true, "")
	set.BoolVar(&s.midstream, "midstream", false, "")
	set.BoolVar(&s.async, "async-oneside", false, "")
	set.StringVar(&s.thresholds, "threshold-file", "", "")
	set.StringVar(&s.categories, "reputation-categories", "", "")
	set.Var(&reputation, "reputation", "")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(stdout, usage)
			return nil, err
		}
		_, _ = io.WriteString(stderr, usage)
		return nil, err
	}
	s.rules, s.pcaps, s.reputation = rules, pcaps, reputation
	switch {
	case set.NArg() > 0:
		return nil, fmt.Errorf("argument %q is not understood; files are given by --rules and --pcap", set.Arg(0))
	case len(s.rules) == 0:
		return nil, errors.New("no rules: give --rules FILE")
	case len(s.pcaps) == 0:
		return nil, errors.New("no traffic: give --pcap FILE")
	case len(s.reputation) > 0 && s.categories == "":
		return nil, errors.New("--reputation needs --reputation-categories")
	}
	return s, nil
}
