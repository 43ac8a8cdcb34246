package detect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature"
)

const casesDir = "../../../shared/data/suricata-verify-dev"

// Floors: what has been reached. Raise them when more passes; a test that falls below has lost something.
const (
	corePassedMin = 160
	allPassedMin  = 250
)

// caseTimeout is far above what any case needs: a case that takes longer hangs.
const caseTimeout = 30 * time.Second

type manifest struct {
	Cases []struct {
		Case string `json:"case"`
		Tier string `json:"tier"`
	} `json:"cases"`
}

type expectation struct {
	Alerts  map[string]int `json:"alerts"`
	Options struct {
		Checksums     *bool  `json:"checksum_validation"`
		Midstream     bool   `json:"midstream"`
		Async         bool   `json:"async_oneside"`
		ThresholdFile string `json:"threshold_file"`
		Reputation    *struct {
			Categories string   `json:"categories"`
			Files      []string `json:"files"`
		} `json:"reputation"`
	} `json:"options"`
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("%s is not here", name)
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// outcome of one case.
type outcome struct {
	word   string // passed, failed, refused
	detail string
}

func TestConformance(t *testing.T) {
	var m manifest
	readJSON(t, filepath.Join(casesDir, "MANIFEST.json"), &m)
	type tally struct{ passed, failed, refused, total int }
	tiers := map[string]*tally{"core": {}, "extended": {}, "all": {}}
	for _, c := range m.Cases {
		got := runCase(t, filepath.Join(casesDir, c.Case))
		for _, name := range []string{c.Tier, "all"} {
			tier := tiers[name]
			tier.total++
			switch got.word {
			case "passed":
				tier.passed++
			case "failed":
				tier.failed++
			default:
				tier.refused++
			}
		}
		t.Logf("%-8s %-9s %s%s", got.word, c.Tier, c.Case, got.detail)
	}
	for _, name := range []string{"core", "extended", "all"} {
		x := tiers[name]
		t.Logf("%-9s %3d passed, %3d failed, %3d refused of %3d: %.1f %%", name, x.passed, x.failed, x.refused, x.total,
			100*float64(x.passed)/float64(max(x.total, 1)))
	}
	if tiers["core"].passed < corePassedMin || tiers["all"].passed < allPassedMin {
		t.Errorf("passed %d of core and %d of all, want at least %d and %d", tiers["core"].passed, tiers["all"].passed, corePassedMin, allPassedMin)
	}
}

func runCase(t *testing.T, dir string) outcome {
	t.Helper()
	var want expectation
	readJSON(t, filepath.Join(dir, "expected.json"), &want)
	s := &settings{
		rules: []string{filepath.Join(dir, "test.rules")}, external: "!$HOME_NET", checksums: want.Options.Checksums == nil || *want.Options.Checksums,
		midstream: want.Options.Midstream, async: want.Options.Async,
	}
	if name := want.Options.ThresholdFile; name != "" {
		s.thresholds = filepath.Join(dir, name)
	}
	if rep := want.Options.Reputation; rep != nil {
		s.categories = filepath.Join(dir, rep.Categories)
		for _, name := range rep.Files {
			s.reputation = append(s.reputation, filepath.Join(dir, name))
		}
	}
	set, refusals, err := load(s)
	if err != nil {
		return outcome{"failed", ": " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	counts := map[string]int{}
	type result struct {
		sum Summary
		err error
	}
	done := make(chan result, 1)
	go func() {
		sum, err := Traffic(ctx, set, []string{filepath.Join(dir, "input.pcap")}, s.pipeline(), func(a *alert.Alert) error {
			name := strconv.Itoa(int(a.SID))
			if a.GID != 1 {
				name = strconv.Itoa(int(a.GID)) + ":" + name
			}
			counts[name]++
			return nil
		})
		done <- result{sum, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			t.Errorf("%s: %v", dir, r.err)
			return outcome{"failed", ": " + r.err.Error()}
		}
	case <-time.After(caseTimeout + 10*time.Second):
		t.Fatalf("%s hangs", dir)
	}
	return judgeCase(want.Alerts, counts, refusals)
}

func judgeCase(want, got map[string]int, refusals []signature.Refusal) outcome {
	var diffs []string
	for sid, n := range want {
		if got[sid] != n {
			diffs = append(diffs, fmt.Sprintf("sid %s: %d, want %d", sid, got[sid], n))
		}
	}
	// A case whose rules are refused has not passed, even when it only asks for silence.
	for _, r := range refusals {
		if _, named := want[strconv.Itoa(int(r.SID))]; named && !strings.HasPrefix(r.Reason, "rule with this sid") {
			return outcome{"refused", fmt.Sprintf(": sid %d: %s%s", r.SID, keywordText(r.Keyword), r.Reason)}
		}
	}
	if len(diffs) == 0 {
		return outcome{word: "passed"}
	}
	slices.Sort(diffs)
	return outcome{"failed", ": " + strings.Join(diffs, "; ")}
}
