package eve_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/eve"
	"fengsui/capture/file"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
)

const capturesDir = "../../../shared/data/pcaps"

// needData skips a test when the shared data is absent, except in CI.
func needData(t testing.TB) string {
	t.Helper()
	if _, err := os.Stat(capturesDir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("test data is missing: %v", err)
		}
		t.Skipf("test data is missing: %v", err)
	}
	return capturesDir
}

// record is one decoded line.
type record map[string]any

// write runs a capture and returns what was written.
func write(t testing.TB, path string, cfg eve.Config) []byte {
	t.Helper()
	var b bytes.Buffer
	out := eve.NewOutput(&b)
	l := eve.NewLogger(cfg, out)
	digests := file.Config{Digests: []file.Digest{{Name: "md5", New: md5.New}, {Name: "sha256", New: sha256.New}}}
	w := pipeline.New(pipeline.Config{IgnoreChecksums: true, Files: &digests}, []pipeline.Inspector{l}, nil)
	if err := w.Run(t.Context(), source.PcapFile(path, source.FileOptions{})); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	if err := l.Flush(); err != nil {
		t.Error(err)
	}
	return b.Bytes()
}

func parse(t testing.TB, name string, b []byte) []record {
	t.Helper()
	var list []record
	for line := range bytes.Lines(b) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v in %s", name, err, line)
		}
		list = append(list, r)
	}
	return list
}

func referenceLog(t testing.TB, path string) []record {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return parse(t, path, b.Bytes())
}

// compared are the event types, what tells two records of one flow apart, and the floor of equal values in per cent. Never written.
var compared = []struct {
	kind  string
	key   func(r record) string
	floor float64
}{
	{"flow", func(r record) string { return at(r, "flow.start") }, 97.5},
	{"http", func(r record) string { return at(r, "http.http_method") + at(r, "http.url") + at(r, "http.status") }, 97},
	{"dns", func(r record) string { return at(r, "dns.type") + at(r, "dns.id") + at(r, "dns.queries") }, 99.5},
	{"tls", func(record) string { return "" }, 99.5},
	{"fileinfo", func(r record) string { return at(r, "fileinfo.filename") + at(r, "fileinfo.size") }, 92},
	{"smtp", func(r record) string { return at(r, "smtp.mail_from") + at(r, "smtp.rcpt_to") }, 95},
	{"ftp", func(r record) string { return at(r, "ftp.command") + at(r, "ftp.command_data") + at(r, "ftp.reply") }, 99},
	{"ssh", func(record) string { return "" }, 99},
}

// at gives the text of a member by dotted path.
func at(r record, path string) string {
	var v any = map[string]any(r)
	for _, k := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[k]
	}
	return fmt.Sprint(v)
}

// left are members that are not ours by design: see doc.go.
func left(kind, path string) bool {
	switch kind + " " + path {
	case "flow timestamp", "flow flow.reason", "tls timestamp", "tls pcap_cnt", "ssh timestamp", "ssh pcap_cnt":
		return true // when a flow is let go, and which packet ends a handshake
	}
	for _, p := range []string{
		"flow_id", "parent_id", "metadata", "flow.exception_policy", "flow.alerted", "tcp.ts_max_regions", "tcp.tc_max_regions", "pkt_src",
		"app_proto_tc", "app_proto_ts",
	} {
		if path == p || strings.HasPrefix(path, p+".") {
			return true
		}
	}
	return false
}

// flatten lists the members of a record by dotted path; lists are values.
func flatten(kind, prefix string, v map[string]any, into map[string]any) {
	for k, x := range v {
		if m, ok := x.(map[string]any); ok {
			flatten(kind, prefix+k+".", m, into)
		} else if !left(kind, prefix+k) {
			into[prefix+k] = x
		}
	}
}

type score struct {
	theirs, ours, matched, members, equal int
	missing, differ, extra                map[string]int
}

// TestReferenceLogs compares our records with those of the reference engine: of the records that both have, member by member.
// EVE=full prints which members differ how often, EVE_ONLY=text restricts it to captures whose name contains the text.
func TestReferenceLogs(t *testing.T) {
	dir := needData(t)
	logs, err := filepath.Glob(filepath.Join(dir, "reference", "*.eve.json.gz"))
	if err != nil || len(logs) == 0 {
		t.Fatal("no reference logs", err)
	}
	types := eve.All()
	scores := map[string]*score{}
	for _, c := range compared {
		scores[c.kind] = &score{missing: map[string]int{}, differ: map[string]int{}, extra: map[string]int{}}
	}
	for _, log := range logs {
		name := strings.TrimSuffix(filepath.Base(log), ".eve.json.gz")
		if !strings.Contains(name, os.Getenv("EVE_ONLY")) {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(dir, name+".pcap*"))
		if len(files) != 1 {
			t.Fatalf("%s: capture not found", name)
		}
		ours := parse(t, name, write(t, files[0], eve.Config{Types: types}))
		theirs := referenceLog(t, log)
		for _, c := range compared {
			compareRecords(t, name, c.kind, c.key, ours, theirs, scores[c.kind])
		}
	}
	for _, c := range compared {
		s := scores[c.kind]
		share := 100 * float64(s.equal) / float64(max(s.members, 1))
		t.Logf("%-8s records: reference %4d, ours %4d, in both %4d; members equal %6d of %6d: %.1f %%", c.kind, s.theirs, s.ours, s.matched, s.equal, s.members, share)
		if os.Getenv("EVE") == "full" {
			t.Logf("   missing %v", most(s.missing))
			t.Logf("   differ  %v", most(s.differ))
			t.Logf("   extra   %v", most(s.extra))
		}
		if os.Getenv("EVE_ONLY") == "" && share < c.floor {
			t.Errorf("%s: %.1f %% of members equal, want at least %.1f %%", c.kind, share, c.floor)
		}
	}
}

func compareRecords(t *testing.T, name, kind string, key func(record) string, ours, theirs []record, s *score) {
	byKey := map[string][]record{}
	for _, r := range ours {
		if r["event_type"] == kind {
			s.ours++
			k := at(r, "community_id") + " " + key(r)
			byKey[k] = append(byKey[k], r)
		}
	}
	for _, r := range theirs {
		if r["event_type"] != kind {
			continue
		}
		s.theirs++
		k := at(r, "community_id") + " " + key(r)
		list := byKey[k]
		if len(list) == 0 {
			if os.Getenv("EVE_ONLY") != "" {
				t.Logf("only theirs: %s %s", name, k)
			}
			continue
		}
		byKey[k] = list[1:]
		s.matched++
		a, b := map[string]any{}, map[string]any{}
		flatten(kind, "", list[0], a)
		flatten(kind, "", r, b)
		for path, want := range b {
			s.members++
			got, ok := a[path]
			switch {
			case !ok:
				s.missing[path]++
			case !reflect.DeepEqual(got, want):
				s.differ[path]++
				if os.Getenv("EVE_ONLY") != "" {
					t.Logf("%s %s: ours %v, reference %v", k, path, got, want)
				}
			default:
				s.equal++
			}
		}
		for path := range a {
			if _, ok := b[path]; !ok {
				s.extra[path]++
			}
		}
	}
	if os.Getenv("EVE_ONLY") != "" {
		for k, list := range byKey {
			if len(list) > 0 {
				t.Logf("only ours: %s %s ×%d", name, k, len(list))
			}
		}
	}
}

func most(counts map[string]int) []string {
	var out []string
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for _, k := range keys[:min(len(keys), 25)] {
		out = append(out, fmt.Sprintf("%s×%d", k, counts[k]))
	}
	return out
}
