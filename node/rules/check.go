package rules

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"fengsui/analyze/signature"
	"fengsui/analyze/signature/rule"
)

// refusal is one refused rule in JSON.
type refusal struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	SID     uint32 `json:"sid,omitempty"`
	Keyword string `json:"keyword,omitempty"`
	Reason  string `json:"reason"`
}

// totals end the JSON output.
type totals struct {
	Accepted  int            `json:"accepted"`
	Refused   int            `json:"refused"`
	ByKeyword map[string]int `json:"refused_by_keyword,omitempty"`
	Keywords  map[string]int `json:"rules_by_keyword,omitempty"`
}

// Check is `fengsui rules check`: it compiles rule files and lists what is refused. Exit code 1 when something is.
func Check(_ context.Context, args []string, stdout, stderr io.Writer) int {
	f := newFlags()
	keywords := f.Bool("keywords", false, "")
	if err := f.parse(args); err != nil {
		return end("check", stderr, usageError{err})
	}
	names := append(slices.Clone(f.args), f.rules...)
	if len(names) == 0 {
		return end("check", stderr, usagef("no rules: name a rule file, a folder of *.rules or a .tar.gz of them"))
	}
	files, err := f.files(names)
	if err != nil {
		return end("check", stderr, err)
	}
	sources, opt, err := files.Read(nil)
	if err != nil {
		return end("check", stderr, err)
	}
	set, refusals := signature.Compile(sources, opt)
	t := totals{Accepted: set.Len(), Refused: len(refusals), ByKeyword: map[string]int{}}
	for _, r := range refusals {
		t.ByKeyword[cmp.Or(r.Keyword, "(form)")]++
	}
	if *keywords {
		t.Keywords = used(sources)
	}
	out := bufio.NewWriter(stdout)
	if f.json {
		err = printJSON(out, refusals, &t)
	} else {
		printCheck(out, refusals, &t)
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		return end("check", stderr, fmt.Errorf("writing: %w", err))
	}
	if len(refusals) > 0 {
		return exitFailed
	}
	return exitDone
}

func printJSON(w io.Writer, refusals []signature.Refusal, t *totals) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range refusals {
		if err := enc.Encode(refusal(r)); err != nil {
			return err
		}
	}
	return enc.Encode(t)
}

func printCheck(w io.Writer, refusals []signature.Refusal, t *totals) {
	for _, r := range refusals {
		fmt.Fprintf(w, "%s:%d:%d: refused: ", r.File, r.Line, r.Column)
		if r.SID != 0 {
			fmt.Fprintf(w, "sid %d: ", r.SID)
		}
		if r.Keyword != "" {
			fmt.Fprintf(w, "%s: ", r.Keyword)
		}
		fmt.Fprintln(w, r.Reason)
	}
	fmt.Fprintf(w, "%d accepted, %d refused\n", t.Accepted, t.Refused)
	if len(t.ByKeyword) > 0 {
		fmt.Fprintln(w, "refused by keyword:")
		table(w, t.ByKeyword)
	}
	if len(t.Keywords) > 0 {
		fmt.Fprintln(w, "rules by keyword they use:")
		table(w, t.Keywords)
	}
}

func table(w io.Writer, counts map[string]int) {
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) }) {
		fmt.Fprintf(w, "%8d  %s\n", counts[k], k)
	}
}

// used counts the rules that use each keyword.
func used(sources []signature.Source) map[string]int {
	counts := map[string]int{}
	for _, s := range sources {
		rule.Read(s.Name, s.Text, func(r *rule.Rule) {
			seen := map[string]bool{}
			for _, o := range r.Options {
				if !seen[o.Name] {
					seen[o.Name] = true
					counts[o.Name]++
				}
			}
		}, func(*rule.Problem) {})
	}
	return counts
}
