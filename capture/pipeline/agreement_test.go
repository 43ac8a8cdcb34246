package pipeline

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/source"
)

const dataDir = "../../../shared/data"

// needData skips a test when the shared data is absent, except in CI.
func needData(t *testing.T, path string) string {
	t.Helper()
	p := filepath.Join(dataDir, path)
	if _, err := os.Stat(p); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("test data is missing: %v", err)
		}
		t.Skipf("test data is missing: %v", err)
	}
	return p
}

// reference is the part of reference/NAME.json that is compared.
type reference struct {
	FlowStats struct {
		Total, TCP, UDP, ICMPv4, ICMPv6 uint64
	} `json:"flow_stats"`
	ByApp map[string]int `json:"flows_by_app_proto"`
	HTTP  [][]any        `json:"http"`
	DNS   map[string]int `json:"dns_queries"`
	TLS   [][]any        `json:"tls"`
}

// collector keeps events.
type collector struct{ events []*event.Event }

func (c *collector) Event(e *event.Event) { c.events = append(c.events, e.Clone()) }

// versions maps the reference's TLS version names to ours. Never written.
var versions = map[string]string{"SSLv3": "ssl 3", "TLSv1": "tls 1.0", "TLS 1.1": "tls 1.1", "TLS 1.2": "tls 1.2", "TLS 1.3": "tls 1.3"}

// tally compares multisets and keeps sums.
type tally struct{ same, ours, theirs int }

func (t *tally) add(ours, theirs map[string]int, diff func(sign, key string, n int)) {
	for k, n := range theirs {
		t.theirs += n
		t.same += min(n, ours[k])
		if ours[k] < n {
			diff("-", k, n-ours[k])
		}
	}
	for k, n := range ours {
		t.ours += n
		if n > theirs[k] {
			diff("+", k, n-theirs[k])
		}
	}
}

// share is agreement as the part of the larger side that is the same.
func (t *tally) share() float64 {
	if m := max(t.ours, t.theirs); m > 0 {
		return 100 * float64(t.same) / float64(m)
	}
	return 100
}

// recall is agreement as the part of the reference that is the same.
func (t *tally) recall() float64 { return 100 * float64(t.same) / float64(max(t.theirs, 1)) }

func (t *tally) String() string {
	return fmt.Sprintf("%d same, ours %d, reference %d: %.2f %% (of the reference %.2f %%)", t.same, t.ours, t.theirs, t.share(), t.recall())
}

func text(v any) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(v)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// readCapture runs one capture through a worker without inspectors.
func readCapture(t *testing.T, path string, cfg Config) ([]*event.Event, Stats) {
	t.Helper()
	var c collector
	w := New(cfg, nil, &c)
	if err := w.Run(context.Background(), source.PcapFile(path, source.FileOptions{})); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return c.events, w.Stats()
}

// referenceFlows reads the flow records of the reference's event log by community ID and counters.
func referenceFlows(t *testing.T, path string) (counts, apps, named map[string]int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	counts, apps, named = map[string]int{}, map[string]int{}, map[string]int{}
	dec := json.NewDecoder(z)
	for dec.More() {
		var e struct {
			Type  string `json:"event_type"`
			ID    string `json:"community_id"`
			App   string `json:"app_proto"`
			Proto string `json:"proto"`
			Flow  struct {
				TS  uint64 `json:"pkts_toserver"`
				TC  uint64 `json:"pkts_toclient"`
				BTS uint64 `json:"bytes_toserver"`
				BTC uint64 `json:"bytes_toclient"`
			} `json:"flow"`
		}
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Type != "flow" {
			continue
		}
		counts[bothWays(e.Proto+" "+e.ID, fmt.Sprintf("%d/%d", e.Flow.TS, e.Flow.BTS), fmt.Sprintf("%d/%d", e.Flow.TC, e.Flow.BTC))]++
		switch e.App {
		case "http", "dns", "tls", "mdns":
			apps[e.App+" "+e.ID]++
		}
		if e.App != "" && e.App != "failed" {
			named[e.App+" "+e.ID]++
		}
	}
	return counts, apps, named
}

func flowKey(e *event.Event) string {
	proto := map[string]string{"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "ipv6-icmp": "IPv6-ICMP", "sctp": "SCTP", "esp": "ESP", "ipip": "IP-in-IP", "ipv6": "IPv6"}[e.Text(event.NetworkTransport)]
	return bothWays(proto+" "+e.Text(event.NetworkCommunity), e.Text(event.SourcePackets)+"/"+e.Text(event.SourceBytes),
		e.Text(event.DestinationPkts)+"/"+e.Text(event.DestinationBytes))
}

// bothWays joins the counters of two directions so that it does not matter which is the client's: where a capture begins
// with a SYN/ACK we take its sender for the server, the reference takes it for the client.
func bothWays(id, a, b string) string { return id + " " + min(a, b) + " " + max(a, b) }

// wireText writes bytes the way the reference file does: a name with any byte outside ASCII has each such byte as \xNN.
func wireText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] >= 0x80 {
			fmt.Fprintf(&b, "\\x%02x", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// referenceName brings a record type the reference writes as a number to its name.
func referenceName(key string) string {
	for number, name := range map[string]string{" 252": " AXFR", " 257": " CAA"} {
		if rest, found := strings.CutSuffix(key, number); found {
			return rest + name
		}
	}
	return key
}

// TestAgreement compares what we see in the real captures with what Suricata 8.0.8 saw. AGREEMENT=full prints each
// difference, AGREEMENT_ONLY=text restricts it to captures whose name contains the text. What still differs:
//   - flows: the reference's Community IDs of IP in IP and of unpaired ICMPv6 types are not those of the specification
//     (it orders addresses of one-way types and gives types a counterpart 0); it counts the inner Ethernet header of GRE
//     differently; two ICMPv6 flows inside tunnels it does not look into.
//   - recognised: malcolm-proto-DNS holds hundreds of DNS answers whose questions were not captured. The reference only
//     looks at port 53 as a destination and calls them failed; they are DNS, to the last byte. So here the share is of
//     what the reference recognised.
//   - DNS: two questions seen in flows of that kind.
//   - TLS: JA4 of hellos without signature algorithms. The specification ends the hashed text without an underscore, the
//     reference adds one.
func TestAgreement(t *testing.T) {
	dir := needData(t, "pcaps")
	refs, err := filepath.Glob(filepath.Join(dir, "reference", "*.json"))
	if err != nil || len(refs) == 0 {
		t.Fatalf("no references in %s (%v)", dir, err)
	}
	full := os.Getenv("AGREEMENT") == "full"
	only := os.Getenv("AGREEMENT_ONLY")
	var flows, apps, named, http, dns, tls, total tally
	for _, ref := range refs {
		name := strings.TrimSuffix(filepath.Base(ref), ".json")
		if only != "" && !strings.Contains(name, only) {
			continue
		}
		var want reference
		b, err := os.ReadFile(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, name+".pcap*"))
		if len(files) != 1 {
			t.Fatalf("%s: capture not found", name)
		}
		events, stats := readCapture(t, files[0], Config{IgnoreChecksums: true})
		ours := map[string]map[string]int{"flow": {}, "app": {}, "named": {}, "http": {}, "dns": {}, "tls": {}}
		for _, e := range events {
			switch e.Kind {
			case event.KindFlow:
				ours["flow"][flowKey(e)]++
				if app := e.Text(event.NetworkProtocol); app != "" {
					ours["named"][app+" "+e.Text(event.NetworkCommunity)]++
				}
				switch app := e.Text(event.NetworkProtocol); app {
				case "http", "dns", "tls", "mdns":
					ours["app"][app+" "+e.Text(event.NetworkCommunity)]++
				}
			case event.KindHTTP:
				ours["http"][fmt.Sprintf("%s %s %s %s", orDash(e.Text(event.HTTPMethod)), orDash(e.Text(event.URLDomain)), orDash(e.Text(event.URLOriginal)), orDash(e.Text(event.HTTPStatus)))]++
			case event.KindDNS:
				if e.Text(event.DNSType) == "query" {
					ours["dns"][wireText(e.Text(event.DNSQuestionName))+" "+e.Text(event.DNSQuestionType)]++
				}
			case event.KindTLS:
				version := e.Text(event.TLSVersionProtocol) + " " + e.Text(event.TLSVersion)
				ours["tls"][strings.Join([]string{
					orDash(e.Text(event.TLSServerName)), version, orDash(e.Text(event.TLSClientJA3)), orDash(e.Text(event.TLSClientJA4)), orDash(e.Text(event.TLSServerSubject)),
				}, " ")]++
			}
		}
		theirs := map[string]map[string]int{"http": {}, "tls": {}}
		refDNS := map[string]int{}
		for k, n := range want.DNS {
			refDNS[referenceName(k)] += n
		}
		for _, h := range want.HTTP {
			if text(h[2]) == "/libhtp::request_uri_not_seen" { // a response without its request
				h[2] = nil
			}
			theirs["http"][fmt.Sprintf("%s %s %s %s", text(h[0]), text(h[1]), text(h[2]), text(h[3]))]++
		}
		for _, h := range want.TLS {
			theirs["tls"][strings.Join([]string{text(h[0]), versions[text(h[1])], text(h[2]), text(h[3]), text(h[4])}, " ")]++
		}
		refCounts, refApps, refNamed := referenceFlows(t, strings.TrimSuffix(ref, ".json")+".eve.json.gz")
		diff := func(kind string) func(sign, key string, n int) {
			return func(sign, key string, n int) {
				if full {
					t.Logf("%s %s %s%d %s", name, kind, sign, n, key)
				}
			}
		}
		flows.add(ours["flow"], refCounts, diff("flow"))
		apps.add(ours["app"], refApps, diff("app"))
		named.add(ours["named"], refNamed, diff("named"))
		http.add(ours["http"], theirs["http"], diff("http"))
		dns.add(ours["dns"], refDNS, diff("dns"))
		tls.add(ours["tls"], theirs["tls"], diff("tls"))
		total.add(map[string]int{name: int(stats.Flows.Created)}, map[string]int{name: int(want.FlowStats.Total)}, diff("total"))
	}
	for _, r := range []struct {
		name  string
		t     *tally
		floor float64
	}{
		{"flows (number)", &total, 99.9},
		{"flows (community ID, packets, bytes each way)", &flows, 99.4},
		{"flows recognised as http, dns, tls, mdns", &apps, 99.5},
		{"flows recognised as any protocol", &named, 99},
		{"HTTP transactions (method, host, URI, status)", &http, 99.4},
		{"DNS queries (name, type)", &dns, 99.5},
		{"TLS sessions (SNI, version, JA3, JA4, subject)", &tls, 98.7},
	} {
		share := r.t.share()
		if r.t == &apps || r.t == &named || r.t == &tls { // here TLS is read inside RDP and MySQL as well
			share = r.t.recall()
		}
		t.Logf("%-50s %s", r.name, r.t)
		if only == "" && share < r.floor {
			t.Errorf("%s: %.2f %% is below the floor of %.1f %%", r.name, share, r.floor)
		}
	}
}

// TestEveryCapture runs each capture there is, both ways of every option, and checks that nothing is left behind.
func TestEveryCapture(t *testing.T) {
	dir := needData(t, "pcaps")
	files, _ := filepath.Glob(filepath.Join(dir, "*.pcap*"))
	cases, _ := filepath.Glob(filepath.Join(dir, "../suricata-verify-dev/*/input.pcap"))
	files = append(files, cases...)
	for _, f := range files {
		for _, cfg := range []Config{{}, {IgnoreChecksums: true, Midstream: true, AsyncOneside: true}} {
			insp := &checker{t: t, name: f}
			var c collector
			w := New(cfg, []Inspector{insp}, &c)
			if err := w.Run(context.Background(), source.PcapFile(f, source.FileOptions{})); err != nil {
				t.Errorf("%s: %v", f, err)
			}
			s := w.Stats()
			if s.Stream.MemoryNow != 0 || s.Flows.Now != 0 || insp.open != 0 {
				t.Errorf("%s: left behind: %d stream bytes, %d flows, %d flows not ended for the inspector", f, s.Stream.MemoryNow, s.Flows.Now, insp.open)
			}
			if s.Packets == 0 {
				t.Errorf("%s: no packets read", f)
			}
		}
	}
	t.Logf("%d captures", len(files))
}
