package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const capturesDir = "../../../shared/data/pcaps"

// capture gives the path of a real capture; the test is skipped where the shared data is absent, except in CI.
func capture(t *testing.T, name string) string {
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

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type runner func(ctx context.Context, args []string, stdout, stderr *bytes.Buffer) int

func call(run runner, args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	code = run(context.Background(), args, &out, &log)
	return code, out.String(), log.String()
}

func checkRun(ctx context.Context, args []string, out, log *bytes.Buffer) int {
	return Check(ctx, args, out, log)
}

func explainRun(ctx context.Context, args []string, out, log *bytes.Buffer) int {
	return Explain(ctx, args, out, log)
}

const mixed = `alert udp any any -> any any (msg:"fine"; content:"hello"; sid:5;)
alert udp any any -> any any (content:"hello"; lua:x.lua; sid:6;)
alert udp any any -> any any (content:"hello"; depth:2; sid:7;)
`

func TestCheck(t *testing.T) {
	name := write(t, "a.rules", mixed)
	code, out, log := call(checkRun, name)
	if code != 1 || log != "" || !strings.Contains(out, name+":2:48: refused: sid 6: lua: ") || !strings.Contains(out, name+":3:54: refused: sid 7: depth: ") {
		t.Errorf("%d %q %q", code, out, log)
	}
	if !strings.Contains(out, "1 accepted, 2 refused\nrefused by keyword:\n       1  depth\n       1  lua\n") {
		t.Errorf("%q", out)
	}
	code, out, _ = call(checkRun, "--rules", write(t, "b.rules", `alert udp any any -> any $PORTS (content:"x"; sid:1;)`), "--var", "PORTS=[1,2]", "--keywords")
	if code != 0 || !strings.HasPrefix(out, "1 accepted, 0 refused\nrules by keyword they use:\n       1  content\n") {
		t.Errorf("%d %q", code, out)
	}
	code, out, _ = call(checkRun, name, "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var first refusal
	var sum totals
	if code != 1 || len(lines) != 3 || json.Unmarshal([]byte(lines[0]), &first) != nil || json.Unmarshal([]byte(lines[2]), &sum) != nil {
		t.Fatalf("%d %q", code, out)
	}
	if first.Line != 2 || first.Column != 48 || first.SID != 6 || first.Keyword != "lua" || sum.Accepted != 1 || sum.ByKeyword["depth"] != 1 {
		t.Errorf("%+v %+v", first, sum)
	}
}

func TestProblems(t *testing.T) {
	good := write(t, "a.rules", mixed)
	f := func(run runner, code int, reason string, args ...string) {
		t.Helper()
		got, out, log := call(run, args...)
		if got != code || !strings.Contains(log, reason) || out != "" || strings.Count(log, "\n") != 1 {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, got, out, log)
		}
	}
	f(checkRun, 2, "no rules: name a rule file")
	f(checkRun, 2, "unknown flag --nope", "--nope")
	f(checkRun, 2, "NAME=VALUE", good, "--var", "X")
	f(checkRun, 1, "does not exist", good+"x")
	f(checkRun, 1, "vars file: ", good, "--vars", good+"x")
	f(explainRun, 2, "want one SID", "--rules", good, "--pcap", good)
	f(explainRun, 2, `"x" is no rule`, "x", "--rules", good, "--pcap", good)
	f(explainRun, 2, "no rules: give --rules", "5", "--pcap", good)
	f(explainRun, 2, "no traffic: give --pcap", "5", "--rules", good)
	f(explainRun, 2, "--attempts 0", "5", "--rules", good, "--pcap", good, "--attempts", "0")
	f(explainRun, 1, "no rule with sid 55 (gid 1) is in these files", "55", "--rules", good, "--pcap", good)
	f(explainRun, 1, "rule 6 is refused, so it can never match: "+good+":2:48: lua: ", "6", "--rules", good, "--pcap", good)
	f(explainRun, 1, "not a capture file", "5", "--rules", good, "--pcap", good)
}

// TestExplainReal explains rules on a real capture: an exploit of Apache over HTTP.
func TestExplainReal(t *testing.T) {
	pcap := capture(t, "malcolm-CVE-2021-41773-apache_exploit_success.pcap")
	rules := write(t, "a.rules", `alert http any any -> any any (msg:"dots"; flow:established,to_server; http.method; content:"POST"; http.uri.raw; content:"/cgi-bin/"; content:".%2e/"; distance:0; sid:1;)
alert http any any -> any any (msg:"far"; http.uri.raw; content:"/cgi-bin/"; content:"/bin/sh"; within:8; sid:2;)
alert http any any -> any any (msg:"other case"; http.method; content:"post"; sid:3;)
alert http any any -> any any (msg:"marked"; flowbits:isset,seen; http.method; content:"POST"; sid:4;)
alert http any any -> any 81 (msg:"port"; http.method; content:"POST"; sid:5;)
alert http any any -> any any (msg:"answer"; http.stat_code; content:"404"; sid:6;)
alert http any any -> any any (msg:"often"; http.method; content:"POST"; threshold:type threshold,track by_src,count 100,seconds 60; sid:7;)
`)
	f := func(sid string, want ...string) {
		t.Helper()
		code, out, log := call(explainRun, sid, "--rules", rules, "--pcap", pcap, "--checksum-validation=false")
		if code != 0 || log != "" {
			t.Fatalf("%s: %d %q", sid, code, log)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is not in\n%s", sid, w, out)
			}
		}
	}
	f("1", "MATCHED: rule 1:1 alerted ", `  ok      content:".%2e/"; distance:0 -- found at 9`, "»/cgi-bin/«.%2e/", "  ok    alert")
	f("2", "MISSED: rule 1:2 did not match in ", `FAILED    content:"/bin/sh"; within:8 -- found at `, "but the last match ended at 9 and within:8 asks that it ends at 17 or before")
	f("3", "it got furthest on packet ", `content:"post" in http.method: not found; at 0 it stands in other case, and the rule has no nocase`)
	f("4", "FAILED  flowbits:isset,seen -- seen is not set: no rule that sets it has matched here before")
	f("5", "MISSED: rule 1:5 was tried on none of ", "destination port is not in 81")
	f("6", `in http.stat_code: not found`, "200")
	f("7", "MATCHED, NO ALERT: rule 1:7 matched ", "its limit kept this match from becoming an alert")
	code, out, _ := call(explainRun, "1", "--rules", rules, "--pcap", pcap)
	if code != 0 || !strings.HasPrefix(out, "MISSED: rule 1:1 looks at transactions, and none of its protocol was seen in ") ||
		!strings.Contains(out, "TCP segments with a wrong checksum were not used; if the capture was taken on the sending host, give --checksum-validation=false") {
		t.Errorf("%d %q", code, out)
	}
	code, out, _ = call(explainRun, "2", "--rules", rules, "--pcap", pcap, "--json", "--checksum-validation=false")
	var x struct {
		Packets  uint64
		Attempts []struct{ Steps []struct{ Buffer string } }
	}
	if err := json.Unmarshal([]byte(out), &x); code != 0 || err != nil || x.Packets == 0 || len(x.Attempts) == 0 {
		t.Errorf("%d %v %q", code, err, out)
	}
}

func profileRun(ctx context.Context, args []string, out, log *bytes.Buffer) int {
	return Profile(ctx, args, out, log)
}

func TestProfile(t *testing.T) {
	pcap := capture(t, "malcolm-CVE-2021-41773-apache_exploit_success.pcap")
	rules := write(t, "a.rules", `alert http any any -> any any (msg:"often"; http.method; content:"POST"; sid:1; rev:4;)
alert http any any -> any any (msg:"near"; http.method; content:"POST"; http.uri; content:"nowhere"; sid:2;)
alert udp any any -> any any (msg:"never"; content:"x"; sid:3;)
`)
	code, out, log := call(profileRun, "--rules", rules, "--pcap", pcap, "--checksum-validation=false", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || log != "" || len(lines) < 2 {
		t.Fatalf("%d %q %q", code, out, log)
	}
	var sum profileTotals
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.Rules != 3 || sum.Judged != len(lines)-1 || sum.Alerts == 0 || sum.Time <= 0 || sum.Time > sum.Elapsed {
		t.Errorf("%v %+v", err, sum)
	}
	seen := map[uint32]cost{}
	for _, line := range lines[:len(lines)-1] {
		var c cost
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		seen[c.SID] = c
	}
	if c := seen[1]; c.Matches != sum.Alerts || c.Checks < c.Matches || c.Rev != 4 || c.Line != 1 {
		t.Errorf("%+v", c)
	}
	if _, ok := seen[3]; ok {
		t.Error("a rule that nothing brought up has a cost")
	}
	code, out, _ = call(profileRun, "--rules", rules, "--pcap", pcap, "--checksum-validation=false", "--top", "1", "--sort", "matches")
	if code != 0 || !strings.Contains(out, " 1:1:4 often\n") {
		t.Errorf("%d %q", code, out)
	}
	for _, bad := range [][]string{{"--pcap", pcap}, {"--rules", rules}, {"--rules", rules, "--pcap", pcap, "--sort", "name"}, {"--rules", rules, "--pcap", pcap, "x"}} {
		if code, out, log := call(profileRun, bad...); code != 2 || out != "" || strings.Count(log, "\n") != 1 {
			t.Errorf("%v: %d %q %q", bad, code, out, log)
		}
	}
}
