package detect

import (
	"fmt"
	"slices"
	"strings"

	"fengsui/analyze/signature"
)

// RuleFiles say which rules are meant and what they need beside their text. Zero fields leave the defaults of package signature.
type RuleFiles struct {
	Files       []string // rule files, folders of *.rules, .tar.gz of them
	HomeNet     string
	ExternalNet string
	Vars        map[string]string
	Thresholds  string // path of a threshold.config
	Categories  string // path of iprep categories
	Reputation  []string
	State       string // folder of data sets that are kept from run to run
}

// Read reads all of it. names keeps the meaning of flowbits from an earlier set; nil makes a fresh one.
func (r *RuleFiles) Read(names *signature.Names) ([]signature.Source, signature.Options, error) {
	f, err := readRules(r.Files)
	if err != nil {
		return nil, signature.Options{}, err
	}
	opt := signature.Options{HomeNet: r.HomeNet, ExternalNet: r.ExternalNet, Vars: r.Vars, ReadFile: f.read, Names: names}
	if r.Thresholds != "" {
		text, err := readLimited(r.Thresholds, dataFileBytesMax)
		if err != nil {
			return nil, opt, fmt.Errorf("threshold file: %w", err)
		}
		opt.Thresholds, opt.ThresholdName = string(text), r.Thresholds
	}
	if r.Categories != "" {
		rep, err := readReputation(r.Categories, r.Reputation)
		if err != nil {
			return nil, opt, err
		}
		opt.Reputation = rep
	}
	if r.State != "" {
		opt.ReadState = func(name string) ([]byte, error) { return readState(r.State, name) }
	}
	return f.sources, opt, nil
}

func (s *settings) ruleFiles() *RuleFiles {
	return &RuleFiles{
		Files: s.rules, HomeNet: s.homeNet, ExternalNet: s.external, Vars: s.vars, Thresholds: s.thresholds, Categories: s.categories, Reputation: s.reputation,
		State: s.state,
	}
}

// load reads everything rules need and compiles them.
func load(s *settings) (*signature.Set, []signature.Refusal, error) { return loadNamed(s, nil) }

// loadNamed does so with the names of an earlier set.
func loadNamed(s *settings, names *signature.Names) (*signature.Set, []signature.Refusal, error) {
	sources, opt, err := s.ruleFiles().Read(names)
	if err != nil {
		return nil, nil, err
	}
	if s.digests == nil {
		s.digests = map[string]bool{}
	}
	for _, digest := range []string{"md5", "sha1", "sha256"} {
		s.digests[digest] = s.digests[digest] || slices.ContainsFunc(sources, func(x signature.Source) bool { return strings.Contains(x.Text, "file"+digest+":") })
	}
	set, refusals := signature.Compile(sources, opt)
	return set, refusals, nil
}

// ReadVars reads a vars file: a line each, "NAME: VALUE".
func ReadVars(name string) (map[string]string, error) { return readVars(name) }
