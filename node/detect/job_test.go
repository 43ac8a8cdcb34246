package detect

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fengsui/analyze/signature"
)

// eveRecords decodes EVE lines by event type.
func eveRecords(t *testing.T, text string) map[string][]map[string]any {
	t.Helper()
	out := map[string][]map[string]any{}
	for line := range strings.Lines(text) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		kind, _ := r["event_type"].(string)
		out[kind] = append(out[kind], r)
	}
	return out
}

func TestRunEVE(t *testing.T) {
	rules := write(t, "a.rules", `alert udp any any -> any any (msg:"hello"; content:"hello"; sid:5; rev:2; metadata:tag one;)`)
	pcap := pcapFile(t, 1, udpFrame("say hello"), udpFrame("nothing"))
	file := filepath.Join(t.TempDir(), "eve.json")
	code, out, log := runCommand("--rules", rules, "--pcap", pcap, "--eve", file, "--eve-payload")
	if code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(log, "3 EVE records in "+file) {
		t.Fatalf("%d %q %q", code, out, log)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := eveRecords(t, string(text))
	if len(got["alert"]) != 1 || len(got["flow"]) != 1 || len(got["stats"]) != 1 {
		t.Fatalf("%s", text)
	}
	a := got["alert"][0]
	if a["src_ip"] != "10.0.0.1" || a["dest_port"] != 53000.0 || a["payload_printable"] != "say hello" || a["pcap_cnt"] != 1.0 || a["direction"] != "to_server" {
		t.Errorf("alert %v", a)
	}
	if a["flow_id"] != got["flow"][0]["flow_id"] || a["community_id"] != got["flow"][0]["community_id"] || got["flow"][0]["flow"].(map[string]any)["alerted"] != true {
		t.Errorf("flow %v", got["flow"][0])
	}
	// Standard output carries nothing but EVE, and only what was asked for; rules may be left out.
	code, out, log = runCommand("--pcap", pcap, "--eve", "-", "--eve-types", "flow")
	if got := eveRecords(t, out); code != 0 || len(got) != 1 || len(got["flow"]) != 1 {
		t.Errorf("%d %q %q", code, out, log)
	}
}

func TestRunFilterAndDirectory(t *testing.T) {
	rules := write(t, "a.rules", `alert udp any any -> any any (msg:"hello"; content:"hello"; sid:5;)`)
	pcap := pcapFile(t, 1, udpFrame("hello"))
	code, out, log := runCommand("--rules", rules, "--pcap", filepath.Dir(pcap), "--filter", "udp dst port 53000")
	if code != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("%d %q %q", code, out, log)
	}
	code, out, log = runCommand("--rules", rules, "--pcap", pcap, "--filter", "tcp")
	if code != 0 || out != "" || !strings.Contains(log, "1 packets were left out by the filter") {
		t.Errorf("%d %q %q", code, out, log)
	}
}

func TestRunVars(t *testing.T) {
	rules := write(t, "a.rules", `alert udp $HOME_NET any -> $MINE $SECRET_PORTS (msg:"hello"; content:"hello"; sid:5;)`)
	pcap := pcapFile(t, 1, udpFrame("hello"))
	vars := write(t, "vars", "# of this site\nMINE: \"[192.0.2.0/24]\"\nSECRET_PORTS: [1,53000]\nHOME_NET: 11.0.0.0/8\n")
	if code, out, log := runCommand("--rules", rules, "--pcap", pcap, "--vars", vars); code != 0 || out != "" {
		t.Errorf("home net of the file is ignored: %d %q %q", code, out, log)
	}
	for _, args := range [][]string{{"--var", "HOME_NET=10.0.0.0/8"}, {"--home-net", "10.0.0.0/8"}} {
		code, out, log := runCommand(append([]string{"--rules", rules, "--pcap", pcap, "--vars", vars}, args...)...)
		if code != 0 || strings.Count(out, "\n") != 1 {
			t.Errorf("%v: %d %q %q", args, code, out, log)
		}
	}
}

func TestSummaryNamesTheRules(t *testing.T) {
	rules := write(t, "a.rules", `alert udp any any -> any any (msg:"first"; content:"hello"; sid:5; rev:7;)
alert udp any any -> any any (msg:"second"; content:"say"; sid:6;)`)
	pcap := pcapFile(t, 1, udpFrame("say hello"), udpFrame("hello"))
	_, _, log := runCommand("--rules", rules, "--pcap", pcap, "--top", "1")
	if !strings.Contains(log, "rules that alerted: 2, the first 1\n       2  [1:5:7] first\n") || strings.Contains(log, "second") {
		t.Errorf("%s", log)
	}
}

// lines is a buffer that several goroutines write and one reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// waitLine waits until the text is there.
func waitLine(t *testing.T, l *lines, text string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10000 {
		if strings.Contains(l.String(), text) {
			return
		}
		<-tick.C
	}
	t.Fatalf("%q does not come: %s", text, l.String())
}

// TestReload sends the process what `kill -HUP` sends: the next packets are judged by the new rules, rules that cannot be read change nothing.
func TestReload(t *testing.T) {
	rules := write(t, "a.rules", `alert udp any any -> any any (msg:"old"; content:"hello"; flowbits:set,seen; sid:5;)`)
	var out bytes.Buffer
	var log lines
	s, err := parse([]string{"--rules", rules, "--pcap", pcapFile(t, 1, udpFrame("hello"))}, &out)
	if err != nil {
		t.Fatal(err)
	}
	names := &signature.Names{}
	set, _, err := loadNamed(s, names)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJob(s, set, names, &out, &log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	ready := make(chan struct{})
	group.Go(func() { j.reloads(ctx, ready) })
	<-ready
	hup := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(rules, rules+".away"); err != nil {
		t.Fatal(err)
	}
	hup()
	waitLine(t, &log, "rules not reloaded, the old ones stay in force: rules: "+rules+" does not exist")
	if err := os.WriteFile(rules, []byte(`alert udp any any -> any any (msg:"new"; content:"hello"; sid:6;)`), 0o600); err != nil {
		t.Fatal(err)
	}
	hup()
	waitLine(t, &log, "rules reloaded: 1 loaded, 0 refused")
	stop()
	group.Wait()
	if err := j.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil || !strings.Contains(out.String(), "[1:6:0] new") || strings.Contains(out.String(), "old") {
		t.Errorf("%v %q", err, out.String())
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	pcap := pcapFile(t, 1, udpFrame("hello"))
	code, _, log := runCommand("--pcap", pcap, "--eve", "/dev/full")
	if code != 1 || !strings.Contains(log, "no space left on device") {
		t.Errorf("%d %q", code, log)
	}
}

func TestStatsAreReported(t *testing.T) {
	var out bytes.Buffer
	var log lines
	s, err := parse([]string{"--pcap", pcapFile(t, 1, udpFrame("hello")), "--eve", "-", "--stats", "1"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	s.stats = time.Millisecond
	j, err := newJob(s, new(signature.Set), nil, &out, &log)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.traffic(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { j.reports(ctx) })
	waitLine(t, &log, "packets 1 (")
	stop()
	group.Wait()
	if err := j.close(); err != nil || len(eveRecords(t, out.String())["stats"]) < 2 {
		t.Errorf("%v %s", err, out.String())
	}
}
