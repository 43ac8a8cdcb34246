package detect

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// realCapture gives the path of a real capture; the test is skipped where the shared data is absent, except in CI.
func realCapture(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(capturesDir, name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

const busyRules = `alert http any any -> any any (msg:"answer"; flow:established,to_client; http.stat_code; content:"200"; sid:1;)
alert http any any -> any any (msg:"often"; flow:to_server; http.method; content:"GET"; threshold:type both,track by_src,count 3,seconds 60; sid:2;)
alert dns any any -> any any (msg:"query"; dns.query; content:"."; threshold:type limit,track by_src,count 2,seconds 30; sid:3;)
alert tls any any -> any any (msg:"hello"; tls.sni; content:"."; xbits:set,seen,track ip_src; sid:4;)
alert tcp any any -> any any (msg:"after"; flow:established; xbits:isset,seen,track ip_src; dsize:>0; threshold:type limit,track by_src,count 1,seconds 5; sid:5;)
`

// TestWorkersAgree runs a capture through one worker and through several: alerts and records are the same, in another order.
func TestWorkersAgree(t *testing.T) {
	pcap := realCapture(t, "ndpi-1kxun.pcap")
	rules := write(t, "a.rules", busyRules)
	run := func(workers string) []string {
		code, out, log := runCommand("--rules", rules, "--pcap", pcap, "--checksum-validation=false", "--eve", "-", "--workers", workers)
		if code != 0 {
			t.Fatal(code, log)
		}
		var keys []string
		for line := range strings.Lines(out) {
			var r map[string]any
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r["event_type"] == "stats" {
				continue
			}
			delete(r, "flow_id") // numbers of flows go by worker
			if x, ok := r["fengsui"].(map[string]any); ok {
				delete(x, "id")
			}
			if r["event_type"] == "flow" { // when a worker's clock lets a flow go depends on what else it sees
				delete(r["flow"].(map[string]any), "reason")
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, string(b))
		}
		slices.Sort(keys)
		return keys
	}
	one, three := run("1"), run("3")
	if len(one) < 100 || !slices.ContainsFunc(one, func(s string) bool { return strings.Contains(s, `"event_type":"alert"`) }) {
		t.Fatalf("only %d records", len(one))
	}
	if !slices.Equal(one, three) {
		n := 0
		for _, x := range one {
			if !slices.Contains(three, x) && n < 5 {
				t.Errorf("only with one worker: %s", x)
				n++
			}
		}
		for _, x := range three {
			if !slices.Contains(one, x) && n < 10 {
				t.Errorf("only with three: %s", x)
				n++
			}
		}
		t.Errorf("%d records with one worker, %d with three", len(one), len(three))
	}
}

// TestEvidenceAndExtract looks at what lies on the disk afterwards.
func TestEvidenceAndExtract(t *testing.T) {
	pcap := realCapture(t, "malcolm-CVE-2021-41773-apache_exploit_success.pcap")
	rules := write(t, "a.rules", `alert http any any -> any any (msg:"dots"; flow:established,to_server; http.uri.raw; content:".%2e/"; sid:7; rev:1;)`)
	dir := t.TempDir()
	code, out, log := runCommand("--rules", rules, "--pcap", pcap, "--checksum-validation=false", "--evidence", filepath.Join(dir, "ev"), "--extract", filepath.Join(dir, "files"),
		"--eve", filepath.Join(dir, "eve.json"), "--eve-types", "alert,fileinfo")
	if code != 0 || out == "" {
		t.Fatal(code, log)
	}
	text, err := os.ReadFile(filepath.Join(dir, "eve.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := eveRecords(t, string(text))
	if len(got["alert"]) == 0 || len(got["fileinfo"]) == 0 {
		t.Fatalf("%s", text)
	}
	cuts, err := filepath.Glob(filepath.Join(dir, "ev", "*.pcapng"))
	if err != nil || len(cuts) == 0 || !strings.Contains(log, "evidence in "+filepath.Join(dir, "ev")+": ") {
		t.Errorf("no evidence: %v %v %s", cuts, err, log)
	}
	named := map[string]bool{}
	for _, a := range got["alert"] {
		named[a["fengsui"].(map[string]any)["id"].(string)+".pcapng"] = true
	}
	for _, name := range cuts {
		if !named[filepath.Base(name)] {
			t.Errorf("%s is not named by an alert's id", name)
		}
		// What was cut shows the same alert again.
		code, out, log := runCommand("--rules", rules, "--pcap", name, "--checksum-validation=false")
		if code != 0 || !strings.Contains(out, "[1:7:1] dots") {
			t.Errorf("%s: %d %q %s", name, code, out, log)
		}
	}
	for _, r := range got["fileinfo"] {
		f := r["fileinfo"].(map[string]any)
		sum, _ := f["sha256"].(string)
		if f["state"] != "CLOSED" || f["size"] == 0.0 {
			continue
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "files", "*", sum)); len(found) != 1 {
			t.Errorf("file %v is not kept: %v", f, found)
		}
	}
}

func TestIndicators(t *testing.T) {
	pcap := pcapFile(t, 1, udpFrame("hello"))
	code, out, log := runCommand("--indicators", write(t, "i.txt", "ip 192.0.2.7\n"), "--pcap", pcap)
	if code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "192.0.2.7") {
		t.Errorf("%d %q %q", code, out, log)
	}
	code, out, log = runCommand("--indicators", write(t, "i.txt", "ip 192.0.2.7\nip nonsense\n"), "--pcap", pcap)
	if code != 1 || out != "" || !strings.Contains(log, "i.txt:2:") {
		t.Errorf("%d %q %q", code, out, log)
	}
}

func TestStdin(t *testing.T) {
	whole, err := os.ReadFile(pcapFile(t, 1, udpFrame("hello")))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	saved := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = saved }()
	go func() {
		_, _ = bytes.NewReader(whole).WriteTo(w) // what cannot be written is missing below
		_ = w.Close()
	}()
	code, out, log := runCommand("--rules", write(t, "a.rules", `alert udp any any -> any any (msg:"x"; content:"hello"; sid:5;)`), "--pcap", "-")
	if code != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("%d %q %q", code, out, log)
	}
}

// TestStateIsKept runs twice: what a rule learns in the first run it knows in the second.
func TestStateIsKept(t *testing.T) {
	rules := write(t, "a.rules", `alert dns any any -> any any (msg:"new name"; dns.query; dataset:set,names,type string,state names.lst; sid:1;)`)
	dir := filepath.Join(t.TempDir(), "state")
	pcap := realCapture(t, "malcolm-SIGred-sigxploit.pcap")
	code, first, log := runCommand("--rules", rules, "--pcap", pcap, "--state-dir", dir, "--checksum-validation=false")
	if code != 0 || first == "" {
		t.Fatalf("%d %q %q", code, first, log)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "names.lst")); err != nil || len(text) == 0 {
		t.Fatalf("%v %q", err, text)
	}
	code, second, log := runCommand("--rules", rules, "--pcap", pcap, "--state-dir", dir, "--checksum-validation=false")
	if code != 0 || second != "" {
		t.Errorf("names of the first run are not known: %d %q %q", code, second, log)
	}
	if _, err := readState(dir, "../x"); err == nil {
		t.Error("a name leads out of the folder")
	}
}
