//go:build yara

package yara

import (
	"fmt"

	libyara "github.com/hillu/go-yara/v4"
)

// Set is a compiled set of rules.
type Set struct{ rules *libyara.Rules }

// Compile reads rule files. Files with a fault are in problems and not in the set; includes are refused.
func Compile(sources []Source) (*Set, []Problem, error) {
	var problems []Problem
	good := make([]Source, 0, len(sources))
	for _, src := range sources { // each alone first: a compiler that met a fault takes no further file
		faults, err := check(src)
		if err != nil {
			return nil, nil, err
		}
		if problems = append(problems, faults...); len(faults) == 0 {
			good = append(good, src)
		}
	}
	c, err := libyara.NewCompiler()
	if err != nil {
		return nil, nil, fmt.Errorf("start the YARA compiler: %w", err)
	}
	defer c.Destroy()
	c.DisableIncludes()
	for _, src := range good {
		if err := c.AddString(src.Text, src.Name); err != nil {
			return nil, nil, fmt.Errorf("compile %s: %w", src.Name, err)
		}
	}
	rules, err := c.GetRules()
	if err != nil {
		return nil, nil, fmt.Errorf("compile YARA rules: %w", err)
	}
	return &Set{rules: rules}, problems, nil
}

// check compiles one file by itself for its faults.
func check(src Source) ([]Problem, error) {
	c, err := libyara.NewCompiler()
	if err != nil {
		return nil, fmt.Errorf("start the YARA compiler: %w", err)
	}
	defer c.Destroy()
	c.DisableIncludes()
	if c.AddString(src.Text, src.Name) == nil {
		return nil, nil
	}
	var problems []Problem
	for _, m := range c.Errors {
		problems = append(problems, Problem{File: src.Name, Line: m.Line, Reason: m.Text})
	}
	if len(problems) == 0 {
		problems = []Problem{{File: src.Name, Line: 1, Reason: "cannot be compiled"}}
	}
	return problems, nil
}

// Len is the number of rules.
func (s *Set) Len() int { return len(s.rules.GetRules()) }

func (s *Set) newScanner() scanner { return &libScanner{rules: s.rules} }

type libScanner struct{ rules *libyara.Rules }

func (x *libScanner) scan(data []byte) ([]Match, error) {
	var found libyara.MatchRules
	if err := x.rules.ScanMem(data, 0, ScanTimeout, &found); err != nil {
		return nil, fmt.Errorf("scan %d bytes: %w", len(data), err)
	}
	matches := make([]Match, len(found))
	for i, m := range found {
		matches[i] = Match{Rule: m.Rule, Tags: m.Tags, Meta: make(map[string]string, len(m.Metas))}
		for _, meta := range m.Metas {
			matches[i].Meta[meta.Identifier] = fmt.Sprint(meta.Value)
		}
	}
	return matches, nil
}
