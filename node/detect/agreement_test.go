package detect

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature"
)

const (
	capturesDir = "../../../shared/data/pcaps"
	rulesetFile = "../../../shared/data/rules/etopen-suricata5-2025-08.tar.gz"
)

// agreementMin is the share of (capture, sid) pairs with equal counts that has been reached, in per cent.
const agreementMin = 80

// rulesetLoadedMin is how many of the 23254 rules have been accepted.
const rulesetLoadedMin = 23072

type reference struct {
	File   string `json:"file"`
	Alerts map[string]struct {
		Count int    `json:"count"`
		Msg   string `json:"signature"`
	} `json:"alerts"`
}

func loadRuleset(tb testing.TB) *signature.Set {
	tb.Helper()
	if _, err := os.Stat(rulesetFile); err != nil && os.Getenv("CI") == "" {
		tb.Skipf("%s is not here", rulesetFile)
	}
	set, refusals, err := load(&settings{rules: []string{rulesetFile}, external: "any", checksums: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("%d rules loaded, %d refused", set.Len(), len(refusals))
	return set
}

// TestAgreement runs detection over every capture with the large rule set and compares the alerts with those of the reference engine.
func TestAgreement(t *testing.T) {
	set := loadRuleset(t)
	if set.Len() < rulesetLoadedMin {
		t.Errorf("%d rules loaded, want at least %d", set.Len(), rulesetLoadedMin)
	}
	names, err := filepath.Glob(filepath.Join(capturesDir, "reference", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatal("no references", err)
	}
	s := &settings{checksums: false}
	equal, total := 0, 0
	missing, extra := map[string]int{}, map[string]int{}
	for _, name := range names {
		var ref reference
		readJSON(t, name, &ref)
		got := map[string]int{}
		sum, err := Traffic(t.Context(), set, []string{filepath.Join(capturesDir, ref.File)}, s.pipeline(), func(a *alert.Alert) error {
			got[strconv.Itoa(int(a.SID))]++
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", ref.File, err)
			continue
		}
		same, all, diffs := compare(ref, got, missing, extra)
		equal += same
		total += all
		t.Logf("%-70s packets %6d alerts %4d sids equal %2d of %2d %s", ref.File, sum.Packets, sum.Alerts, same, all, diffs)
	}
	share := 100 * float64(equal) / float64(max(total, 1))
	t.Logf("in all: %d of %d counts by capture and sid equal, %.1f %%", equal, total, share)
	t.Logf("missed most: %s", top(missing))
	t.Logf("raised beyond the reference: %s", top(extra))
	if share < agreementMin {
		t.Errorf("agreement %.1f %%, want at least %d %%", share, agreementMin)
	}
}

func compare(ref reference, got, missing, extra map[string]int) (same, all int, diffs string) {
	sids := map[string]bool{}
	for sid := range ref.Alerts {
		sids[sid] = true
	}
	for sid := range got {
		sids[sid] = true
	}
	var list []string
	for _, sid := range slices.Sorted(maps.Keys(sids)) {
		have, want := got[sid], ref.Alerts[sid].Count
		switch {
		case have == want:
			same++
			continue
		case have < want:
			missing[sid] += want - have
		default:
			extra[sid] += have - want
		}
		list = append(list, fmt.Sprintf("%s %d/%d", sid, have, want))
	}
	if len(list) > 0 {
		diffs = "(ours/reference: " + strings.Join(list, ", ") + ")"
	}
	return same, len(sids), diffs
}

func top(counts map[string]int) string {
	sids := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var parts []string
	for _, sid := range sids[:min(len(sids), 12)] {
		parts = append(parts, fmt.Sprintf("%s ×%d", sid, counts[sid]))
	}
	return strings.Join(parts, ", ")
}
