package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fengsui/node/api"
	"fengsui/node/cli/text"
)

func ids(ids ...string) []api.AlertID {
	var out []api.AlertID
	for i, id := range ids {
		out = append(out, api.AlertID{ID: id, Origin: county, Epoch: 1, Class: "alert", Seq: uint64(i + 1)})
	}
	return out
}

func TestCompareFindsEveryKindOfFault(t *testing.T) {
	f := func(county, city, province []api.AlertID, lost, duplicated, strange int) {
		t.Helper()
		a := compare(county, city, province)
		if a.lost != lost || a.duplicated != duplicated || a.strange != strange || a.equal() != (lost+duplicated+strange == 0) {
			t.Errorf("%+v, want %d lost, %d duplicated, %d strange", a, lost, duplicated, strange)
		}
	}
	f(nil, nil, nil, 0, 0, 0)
	f(ids("a", "b"), ids("a", "b"), ids("a", "b"), 0, 0, 0)
	f(ids("a", "b"), ids("b", "a"), ids("a", "b"), 0, 0, 0) // order is not compared
	f(ids("a", "b"), ids("a", "b"), ids("a"), 1, 0, 0)
	f(ids("a", "b"), ids("a"), ids("a"), 2, 0, 0)
	f(ids("a"), ids("a", "a"), ids("a"), 0, 1, 0)
	f(ids("a", "a"), ids("a"), ids("a"), 0, 1, 0)
	f(ids("a"), ids("a", "x"), ids("a"), 0, 0, 1)
	two := ids("a", "b")
	two[1].Seq = 1 // two records under one number
	f(ids("a", "b"), two, ids("a", "b"), 0, 1, 0)
}

func TestQuantileIsNearestRank(t *testing.T) {
	f := func(q float64, want time.Duration, all ...time.Duration) {
		t.Helper()
		if got := quantile(all, q); got != want {
			t.Errorf("%v of %v: %v, want %v", q, all, got, want)
		}
	}
	f(0.5, 0)
	f(0.5, 7, 7)
	f(0.5, 3, 5, 1, 3, 2, 4)
	f(0.99, 5, 5, 1, 3, 2, 4)
	f(1, 5, 5, 1, 3, 2, 4)
}

func TestWatcherCountsARecordOncePerTier(t *testing.T) {
	w := newWatcher()
	w.see(atCounty, api.Alert{ID: "a"})
	w.see(atCity, api.Alert{ID: "a"})
	w.see(atCity, api.Alert{ID: "a"})
	w.see(atProvince, api.Alert{ID: "b"})
	if n, _ := w.count(atCity); n != 1 || w.len() != 2 {
		t.Errorf("%d at the city, %d in all", n, w.len())
	}
	if c := w.since(0)[0]; c.times != [tiers]int{1, 2, 0} {
		t.Errorf("%v", c.times)
	}
	if err := w.wait(t.Context(), atProvince, 1); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if err := w.wait(ctx, atProvince, 2); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestPrinterFitsItsWidth(t *testing.T) {
	var b bytes.Buffer
	p := newPrinter(&b, false, func(string) string { return "" })
	p.columns = 60
	p.title()
	p.begin("x", "烽", "Heading", "标题")
	p.fact("440106 天河区", strings.Repeat("检测 detection ", 10), "7.4 ms")
	p.note("%s", strings.Repeat("理由 because of something long ", 6))
	p.note("%s", strings.Repeat("长", 100))
	p.end(nil)
	for i, line := range strings.Split(b.String(), "\n") {
		if i > 4 && text.Width(line) > 60 {
			t.Errorf("line %d is %d wide: %q", i, text.Width(line), line)
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("colour without a terminal")
	}
	if n := strings.Count(b.String(), "理由"); n != 6 {
		t.Errorf("a reason was cut: %d of 6 parts\n%s", n, b.String())
	}
	if n := strings.Count(b.String(), "长"); n != 100 {
		t.Errorf("a text without spaces was cut: %d of 100", n)
	}
}

func TestPrinterForProgramsPrintsObjectsOnly(t *testing.T) {
	var b bytes.Buffer
	p := newPrinter(&b, true, func(string) string { return "" })
	p.title()
	p.begin("policy", "令", "Heading", "标题")
	p.fact("a", "b", "c")
	p.note("d")
	p.say("e")
	p.end(map[string]any{"n": 1})
	if got := b.String(); !strings.HasPrefix(got, `{"ms":`) || !strings.HasSuffix(got, `,"n":1,"number":1,"step":"policy"}`+"\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
}
