package rules

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature"
)

// cost is what one rule has taken. Times are in nanoseconds.
type cost struct {
	GID     uint32  `json:"gid"`
	SID     uint32  `json:"sid"`
	Rev     uint32  `json:"rev"`
	Msg     string  `json:"msg"`
	File    string  `json:"file"`
	Line    int     `json:"line"`
	Checks  uint64  `json:"checks"`
	Matches uint64  `json:"matches"`
	Time    int64   `json:"time_ns"`
	Each    int64   `json:"time_per_check_ns"`
	Share   float64 `json:"share_of_time"`
}

// run is what the whole of a profile amounted to.
type profileTotals struct {
	Packets    uint64 `json:"packets"`
	Candidates uint64 `json:"candidates"`
	Rules      int    `json:"rules"`
	Judged     int    `json:"rules_judged"`
	Checks     uint64 `json:"checks"`
	Matches    uint64 `json:"matches"`
	Alerts     uint64 `json:"alerts"`
	Time       int64  `json:"time_judging_ns"`
	Elapsed    int64  `json:"time_ns"`
}

// Profile is `fengsui rules profile`: it runs the rules over captures and lists what each of them cost, the dearest first.
func Profile(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := newFlags().withTraffic()
	top := f.Int("top", 30, "")
	order := f.String("sort", "time", "")
	if err := f.parse(args); err != nil {
		return end("profile", stderr, usageError{err})
	}
	return end("profile", stderr, profile(ctx, f, *top, *order, stdout))
}

// orders are the columns a profile can be sorted by, largest first. Never written.
var orders = map[string]func(c *cost) int64{
	"time": func(c *cost) int64 { return c.Time }, "checks": func(c *cost) int64 { return int64(c.Checks) },
	"matches": func(c *cost) int64 { return int64(c.Matches) }, "each": func(c *cost) int64 { return c.Each },
}

func profile(ctx context.Context, f *flags, top int, order string, stdout io.Writer) error {
	by := orders[order]
	switch {
	case len(f.args) > 0:
		return usagef("argument %q is not understood; rules are given by --rules, captures by --pcap", f.args[0])
	case len(f.rules) == 0:
		return usagef("no rules: give --rules FILE")
	case len(f.pcaps) == 0:
		return usagef("no traffic: give --pcap FILE")
	case by == nil:
		return usagef("--sort %s: want time, checks, matches or each", order)
	case top < 1:
		return usagef("--top %d: want 1 or more", top)
	}
	files, err := f.files(f.rules)
	if err != nil {
		return err
	}
	sources, opt, err := files.Read(nil)
	if err != nil {
		return err
	}
	set, _ := signature.Compile(sources, opt)
	var t profileTotals
	w := signature.NewWorker(set, &signature.Shared{}, func(*alert.Alert) { t.Alerts++ })
	w.Profile(true)
	begun := time.Now()
	if _, err := f.run(ctx, w); err != nil {
		return err
	}
	t.Elapsed = time.Since(begun).Nanoseconds()
	t.Packets, t.Candidates, t.Rules = w.Stats().Packets, w.Stats().Candidates, set.Len()
	list := costs(w, &t)
	slices.SortStableFunc(list, func(a, b cost) int { return cmp.Compare(by(&b), by(&a)) })
	out := bufio.NewWriter(stdout)
	if f.json {
		err = profileJSON(out, list, &t)
	} else {
		printProfile(out, list, &t, top)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// costs gathers what each rule cost; the two halves of a <> rule are one.
func costs(w *signature.Worker, t *profileTotals) []cost {
	var list []cost
	at := map[[2]uint32]int{}
	w.EachCost(func(m *signature.Meta, c signature.Cost) {
		i, ok := at[[2]uint32{m.GID, m.SID}]
		if !ok {
			i = len(list)
			at[[2]uint32{m.GID, m.SID}] = i
			list = append(list, cost{GID: m.GID, SID: m.SID, Rev: m.Rev, Msg: m.Msg, File: m.File, Line: m.Line})
		}
		x := &list[i]
		x.Checks, x.Matches, x.Time = x.Checks+c.Checks, x.Matches+c.Matches, x.Time+c.Time.Nanoseconds()
		t.Checks, t.Matches, t.Time = t.Checks+c.Checks, t.Matches+c.Matches, t.Time+c.Time.Nanoseconds()
	})
	t.Judged = len(list)
	for i := range list {
		list[i].Each = list[i].Time / int64(list[i].Checks)
		list[i].Share = float64(list[i].Time) / float64(max(t.Time, 1))
	}
	return list
}

func profileJSON(w io.Writer, list []cost, t *profileTotals) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return err
		}
	}
	return enc.Encode(t)
}

func printProfile(w io.Writer, list []cost, t *profileTotals, top int) {
	fmt.Fprintf(w, "%d packets, %d of %d rules judged, %d checks, %d matches, %d alerts; judging took %s of %s\n\n", t.Packets, t.Judged, t.Rules, t.Checks, t.Matches, t.Alerts,
		time.Duration(t.Time).Round(time.Microsecond), time.Duration(t.Elapsed).Round(time.Microsecond))
	fmt.Fprintf(w, "%10s %6s %9s %8s %10s  %s\n", "time", "share", "checks", "matches", "each", "rule")
	for i := range list[:min(len(list), top)] {
		c := &list[i]
		fmt.Fprintf(w, "%10s %5.1f%% %9d %8d %10s  %d:%d:%d %s\n", time.Duration(c.Time).Round(time.Microsecond), 100*c.Share, c.Checks, c.Matches,
			time.Duration(c.Each), c.GID, c.SID, c.Rev, c.Msg)
	}
	if len(list) > top {
		fmt.Fprintf(w, "\n%d further rules cost less; --top N shows more\n", len(list)-top)
	}
}
