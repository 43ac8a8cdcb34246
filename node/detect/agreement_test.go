package detect

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fengsui/analyze/signature"
	"fengsui/capture/eve"
)

const (
	capturesDir = "../../../shared/data/pcaps"
	rulesetFile = "../../../shared/data/rules/etopen-suricata5-2025-08.tar.gz"
)

// rulesetLoadedMin is how many of the 23254 rules must be accepted.
const rulesetLoadedMin = 23254

// The floors of agreement with the reference engine, in per cent: what has been reached. docs/conformance.md explains what differs.
const (
	alertsMin = 99.0
	appsMin   = 99.0
	httpMin   = 100.0
	dnsMin    = 99.9
	tlsMin    = 100.0
	ja3Min    = 100.0
	ja4Min    = 98.7
	filesMin  = 99.4
)

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

// tally compares what two engines saw, thing by thing.
type tally struct {
	name  string
	floor float64
	// recall is the share of what the reference has: what only we see (protocols it does not know, TLS inside MySQL and RDP, files at the end of a
	// capture) is shown as ours, and explained.
	recall             bool
	same, ours, theirs int
	lack, more         map[string]int // by thing, over all captures
}

func (t *tally) add(ours, theirs map[string]int) (diffs []string) {
	keys := map[string]bool{}
	for k := range ours {
		keys[k] = true
	}
	for k := range theirs {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		a, b := ours[k], theirs[k]
		t.ours, t.theirs, t.same = t.ours+a, t.theirs+b, t.same+min(a, b)
		if a < b {
			t.lack[k] += b - a
			diffs = append(diffs, fmt.Sprintf("%s %d/%d", k, a, b))
		} else if a > b && !t.recall {
			t.more[k] += a - b
			diffs = append(diffs, fmt.Sprintf("%s %d/%d", k, a, b))
		}
	}
	return diffs
}

// counts compares numbers by key: a key counts as one thing, the same when both numbers are equal.
func (t *tally) counts(ours, theirs map[string]int) (diffs []string) {
	one := func(m, other map[string]int) map[string]int {
		out := map[string]int{}
		for k := range m {
			out[k] = 1
		}
		return out
	}
	keys := one(ours, theirs)
	maps.Copy(keys, one(theirs, ours))
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		t.ours, t.theirs = t.ours+1, t.theirs+1
		switch a, b := ours[k], theirs[k]; {
		case a == b:
			t.same++
			continue
		case a < b:
			t.lack[k] += b - a
		default:
			t.more[k] += a - b
		}
		diffs = append(diffs, fmt.Sprintf("%s %d/%d", k, ours[k], theirs[k]))
	}
	return diffs
}

func (t *tally) share() float64 {
	all := t.theirs
	if !t.recall {
		all = max(all, t.ours)
	}
	return 100 * float64(t.same) / float64(max(all, 1))
}

// seen is what an EVE log says, by kind of thing.
type seen struct {
	alerts, apps, http, dns, tls, ja3, ja4, files map[string]int
}

// number is a JSON number in the form both engines write.
type eveRecord struct {
	Type        string `json:"event_type"`
	App         string `json:"app_proto"`
	CommunityID string `json:"community_id"`
	Alert       struct {
		SID uint32 `json:"signature_id"`
	} `json:"alert"`
	HTTP struct {
		Method, Hostname, URL string
		HTTPMethod            string `json:"http_method"`
		Status                int
	} `json:"http"`
	DNS struct {
		Type    string
		Queries []struct{ RRName, RRType string }
	} `json:"dns"`
	TLS struct {
		SNI, Version, Subject, JA4 string
		JA3, JA3S                  struct{ Hash string }
	} `json:"tls"`
	QUIC struct {
		SNI, JA4  string
		JA3, JA3S struct{ Hash string }
	} `json:"quic"`
	File struct {
		Size        uint64
		State       string
		MD5, SHA256 string
	} `json:"fileinfo"`
}

func readSeen(tb testing.TB, name string, in io.Reader) *seen {
	tb.Helper()
	s := &seen{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
	dec := json.NewDecoder(in)
	for dec.More() {
		var r eveRecord
		if err := dec.Decode(&r); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		switch r.Type {
		case "alert":
			s.alerts[fmt.Sprint(r.Alert.SID)]++
		case "flow":
			if r.App != "" && r.App != "failed" {
				s.apps[r.App+" "+r.CommunityID]++
			}
		case "http":
			url := r.HTTP.URL
			if url == "/libhtp::request_uri_not_seen" {
				url = ""
			}
			s.http[strings.Join([]string{r.HTTP.HTTPMethod, r.HTTP.Hostname, url, fmt.Sprint(r.HTTP.Status)}, " ")]++
		case "dns":
			for _, q := range r.DNS.Queries {
				if r.DNS.Type == "request" {
					s.dns[q.RRName+" "+q.RRType]++
				}
			}
		case "tls":
			s.tls[r.TLS.SNI+" "+r.TLS.Version+" "+r.TLS.Subject]++
			s.ja3[r.TLS.JA3.Hash+" "+r.TLS.JA3S.Hash]++
			s.ja4[r.TLS.JA4]++
		case "quic":
			if r.QUIC.JA4 != "" {
				s.tls["quic "+r.QUIC.SNI]++
				s.ja4[r.QUIC.JA4]++
			}
		case "fileinfo":
			if r.File.MD5 != "" || r.File.SHA256 != "" {
				s.files[fmt.Sprintf("%s %s %d", r.File.MD5, r.File.SHA256, r.File.Size)]++
			}
		}
	}
	return s
}

func referenceSeen(tb testing.TB, name string) *seen {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	return readSeen(tb, name, z)
}

// oursSeen runs the command's own job over a capture and reads the EVE it writes.
func oursSeen(tb testing.TB, set *signature.Set, pcap string) *seen {
	tb.Helper()
	var out, log bytes.Buffer
	s := &settings{pcaps: []string{pcap}, external: "any", workers: 1, eve: "-", types: eve.All()}
	j, err := newJob(s, set, nil, &out, &log)
	if err != nil {
		tb.Fatal(err)
	}
	if err := j.run(tb.Context()); err != nil {
		tb.Errorf("%s: %v", pcap, err)
	}
	if err := j.close(); err != nil {
		tb.Error(err)
	}
	return readSeen(tb, pcap, &out)
}

// TestAgreement runs the command over every capture with the large rule set and compares what it writes with the logs of the reference engine,
// Suricata 8.0.8. AGREEMENT=full lists each difference (ours/reference), AGREEMENT_ONLY=text restricts it to captures whose name contains the text.
func TestAgreement(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine and minutes of its time: make agreement runs it without the race detector")
	}
	set := loadRuleset(t)
	if set.Len() < rulesetLoadedMin {
		t.Errorf("%d rules loaded, want at least %d", set.Len(), rulesetLoadedMin)
	}
	logs, err := filepath.Glob(filepath.Join(capturesDir, "reference", "*.eve.json.gz"))
	if err != nil || len(logs) == 0 {
		t.Fatal("no references", err)
	}
	newTally := func(name string, floor float64, recall bool) *tally {
		return &tally{name: name, floor: floor, recall: recall, lack: map[string]int{}, more: map[string]int{}}
	}
	alerts := newTally("alert counts by capture and sid", alertsMin, false)
	apps := newTally("flows by application protocol", appsMin, true)
	http := newTally("HTTP requests (method, host, URI, status)", httpMin, false)
	dns := newTally("DNS queries (name, type)", dnsMin, true)
	tls := newTally("TLS and QUIC sessions (SNI, version, subject)", tlsMin, true)
	ja3 := newTally("JA3 and JA3S", ja3Min, true)
	ja4 := newTally("JA4", ja4Min, true)
	files := newTally("file hashes (MD5, SHA-256, size)", filesMin, true)
	all := []*tally{alerts, apps, http, dns, tls, ja3, ja4, files}
	full, only := os.Getenv("AGREEMENT") == "full", os.Getenv("AGREEMENT_ONLY")
	for _, log := range logs {
		name := strings.TrimSuffix(filepath.Base(log), ".eve.json.gz")
		pcaps, _ := filepath.Glob(filepath.Join(capturesDir, name+".pcap*"))
		if len(pcaps) != 1 {
			t.Fatalf("%s: capture not found", name)
		}
		if !strings.Contains(name, only) {
			continue
		}
		a, b := oursSeen(t, set, pcaps[0]), referenceSeen(t, log)
		before := alerts.same
		keys := alerts.ours
		diffs := map[*tally][]string{
			alerts: alerts.counts(a.alerts, b.alerts), apps: apps.add(a.apps, b.apps), http: http.add(a.http, b.http), dns: dns.add(a.dns, b.dns),
			tls: tls.add(a.tls, b.tls), ja3: ja3.add(a.ja3, b.ja3), ja4: ja4.add(a.ja4, b.ja4), files: files.add(a.files, b.files),
		}
		var notes []string
		for _, x := range all {
			if n := len(diffs[x]); n > 0 {
				word, _, _ := strings.Cut(x.name, " (")
				notes = append(notes, fmt.Sprintf("%s %d", word, n))
			}
			if full {
				for _, d := range diffs[x] {
					t.Logf("%s: %s: %s", name, x.name, d)
				}
			}
		}
		text := "all equal"
		if len(notes) > 0 {
			text = "differ: " + strings.Join(notes, ", ")
		}
		t.Logf("%-66s sids equal %2d of %2d  %s", name, alerts.same-before, alerts.ours-keys, text)
	}
	t.Logf("missed most: %s", top(alerts.lack))
	t.Logf("raised beyond the reference: %s", top(alerts.more))
	for _, x := range all {
		t.Logf("%-52s same %5d, ours %5d, reference %5d: %6.2f %% (at least %g)", x.name, x.same, x.ours, x.theirs, x.share(), x.floor)
		if only == "" && x.share() < x.floor {
			t.Errorf("%s: %.2f %%, want at least %g %%", x.name, x.share(), x.floor)
		}
	}
}

func top(counts map[string]int) string {
	sids := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var parts []string
	for _, sid := range sids[:min(len(sids), 12)] {
		parts = append(parts, fmt.Sprintf("%s ×%d", sid, counts[sid]))
	}
	return strings.Join(parts, ", ")
}
