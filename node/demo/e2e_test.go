package demo_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fengsui/capture/source"
	"fengsui/node/cli"
	"fengsui/node/demo/sample"
)

// asProgram makes this test binary behave as the fengsui program, so that the processes of a test are built as the test is (with
// the race detector, where that is asked for).
const asProgram = "TEST_AS_FENGSUI=1"

func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_FENGSUI") == "1" {
		os.Exit(cli.Main(os.Args[1:], cli.SystemEnv()))
	}
	os.Exit(m.Run())
}

// patience bounds every wait of these tests; it is long because the machine may be busy with other things.
const patience = 3 * time.Minute

func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts eight processes")
	}
}

// program is a run of this binary as fengsui, with what it says line by line.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of standard output
	errs  said
	done  chan struct{}
	err   error
}

// launch starts `fengsui demo args…`. before is a shell command that runs first, in the same namespaces; "" = none.
func launch(t *testing.T, attributes *syscall.SysProcAttr, before string, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, lines: make(chan string, 1000), done: make(chan struct{})}
	p.cmd = exec.Command(self, append([]string{"demo"}, args...)...)
	if before != "" {
		p.cmd = exec.Command("sh", append([]string{"-c", before + ` exec "$0" demo "$@"`, self}, args...)...)
	}
	p.cmd.Env = append(os.Environ(), asProgram)
	p.cmd.SysProcAttr = attributes
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			t.Log(s.Text())
			p.lines <- s.Text()
		}
		close(p.lines)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.done
	})
	return p
}

// said gathers what a program says while it runs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// step returns the object of a step, or what the story ended with.
func (p *program) step(name string) map[string]any {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				p.t.Fatalf("ended before step %q: %s", name, p.errs.String())
			}
			var o map[string]any
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				p.t.Fatalf("not an object: %q", line)
			}
			if e, failed := o["error"]; failed {
				p.t.Fatalf("the story failed: %v\n%s", e, p.errs.String())
			}
			if o["step"] == name || name == "summary" && o["step"] == nil {
				return o
			}
		case <-timer.C:
			p.t.Fatalf("no step %q in %s", name, patience)
		}
	}
}

// exit waits for the end and returns the exit code, -1 for a signal.
func (p *program) exit() int {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.t.Fatalf("still running after %s", patience)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode()
	}
	if p.err != nil {
		p.t.Fatal(p.err)
	}
	return 0
}

// processesOf lists processes that name a directory in their command line.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range all {
		b, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(b), dir) && !strings.HasPrefix(name, fmt.Sprintf("/proc/%d/", os.Getpid())) {
			out = append(out, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return out
}

func gone(t *testing.T, dir string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := processesOf(t, dir)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("processes left: %v", left)
		}
	}
}

// telltales are texts of the sample's alerts, rules, names and traffic that must not appear on the wire or on disk in clear.
func telltales(t *testing.T) []string {
	t.Helper()
	out := []string{"jndi:ldap", "UNION SELECT", "etc/passwd", "update-check.example", "login-verify.example", "exfil-drop.example", "bad-mirror.example", "sync-pool.example", "sqlmap/1.8", "198.51.100."}
	for _, m := range regexp.MustCompile(`msg:"([^"]+)"`).FindAllSubmatch(sample.Rules(), -1) {
		out = append(out, string(m[1]))
	}
	if len(out) < 20 {
		t.Fatalf("only %d telltales", len(out))
	}
	return out
}

// TestStory is the demo itself, end to end, in a network namespace of its own so that everything on its loopback is ours.
func TestStory(t *testing.T) {
	long(t)
	tcpdump, errT := exec.LookPath("tcpdump")
	_, errI := exec.LookPath("ip")
	sniff := os.Geteuid() == 0 && errT == nil && errI == nil
	if !sniff && os.Getenv("CI") != "" {
		t.Fatal("in CI the wire is looked at: needs root, tcpdump and iproute2")
	}
	wire := filepath.Join(t.TempDir(), "lo.pcap")
	var attributes *syscall.SysProcAttr
	before := ""
	if sniff {
		attributes = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		before = "ip link set lo up; " + tcpdump + " -i lo -s 0 -B 65536 -U -w " + wire + " >/dev/null 2>" + wire + ".log & echo $! >" + wire + ".pid; while ! grep -q listening " + wire + ".log 2>/dev/null; do sleep 0.05; done;"
	}
	began := time.Now()
	p := launch(t, attributes, before, "--once", "--json", "--keep")
	start := p.step("start")
	dir, _ := start["dir"].(string)
	if dir == "" || start["processes"] != 8.0 {
		t.Fatalf("%v", start)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	policy := p.step("policy")
	for _, site := range []string{"440000", "440100", "440106", "440111"} {
		if after, ok := policy["ruleset_ms"].(map[string]any)[site].(float64); !ok || after <= 0 || after > 60_000 {
			t.Errorf("rule set applied at %s after %v ms", site, policy["ruleset_ms"])
		}
	}
	checkBlock(t, p.step("block"))
	s := p.step("summary")
	if code := p.exit(); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.errs.String())
	}
	t.Logf("the story took %s", time.Since(began).Round(time.Millisecond))
	checkSummary(t, s)
	gone(t, dir)
	checkDisk(t, dir)
	if !sniff {
		t.Log("the wire was not looked at: needs root, tcpdump and iproute2")
		return
	}
	endOf(t, wire+".pid")
	checkWire(t, wire)
}

// endOf ends the process whose number is in a file, and waits until it is gone.
func endOf(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(pid, syscall.SIGINT) == nil {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(state, []byte(") Z ")) {
			return // nobody reaps orphans here
		}
		<-tick.C
	}
}

func checkBlock(t *testing.T, block map[string]any) {
	t.Helper()
	nodes, _ := block["nodes"].([]any)
	states := map[string]string{}
	for _, n := range nodes {
		node := n.(map[string]any)
		states[node["site"].(string)] = node["state"].(string)
		if node["state"] == "refused" && node["reason"] == "" {
			t.Errorf("refused without a reason: %v", node)
		}
	}
	if states["440111"] != "refused" || os.Geteuid() == 0 && states["440106"] != "applied" {
		t.Errorf("block list: %v", states)
	}
}

// checkSummary holds the last object to the words of the issue.
func checkSummary(t *testing.T, s map[string]any) {
	t.Helper()
	number := func(key string) float64 {
		t.Helper()
		n, ok := s[key].(float64)
		if !ok {
			t.Errorf("summary lacks %s: %v", key, s)
		}
		return n
	}
	detected := number("detected")
	if detected < 2000 || number("city") != detected || number("province") != detected || number("lost") != 0 || number("duplicated") != 0 {
		t.Errorf("%v", s)
	}
	if number("up_ms_p50") <= 0 || number("up_ms_p99") < number("up_ms_p50") || number("policy_ms") <= 0 || number("offline_detected") < 300 || number("catch_up_ms") <= 0 {
		t.Errorf("%v", s)
	}
	q, _ := s["query"].(map[string]any)
	if q["answered"] != 3.0 || q["offline"] != 1.0 || len(q) != 2 || len(s) != 11 {
		t.Errorf("query %v, %d keys", q, len(s))
	}
}

// checkDisk looks for telltales in everything the nodes left: ledgers, spools, logs, configurations.
func checkDisk(t *testing.T, dir string) {
	t.Helper()
	tales, files := telltales(t), 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".pcap.gz") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if i := bytes.Index(b, []byte("WARNING: DATA RACE")); i >= 0 {
			t.Errorf("%s: %.4000s", path, b[i:])
		}
		for _, tale := range tales {
			if bytes.Contains(b, []byte(tale)) {
				t.Errorf("%s holds %q in clear", strings.TrimPrefix(path, dir), tale)
			}
		}
		return nil
	})
	if err != nil || files < 40 {
		t.Errorf("looked at %d files: %v", files, err)
	}
	// The same search finds them where they are: in the traffic itself and in the rules.
	z, err := gzip.NewReader(bytes.NewReader(sample.Capture()))
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for _, tale := range []string{"jndi:ldap", "update-check.example", "sqlmap/1.8"} {
		if !bytes.Contains(traffic, []byte(tale)) {
			t.Errorf("%q is not in the sample: the search proves nothing", tale)
		}
	}
}

// checkWire reads what passed over loopback: UDP only, and no telltale.
func checkWire(t *testing.T, name string) {
	t.Helper()
	tales := telltales(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	src := source.PcapFile(name, source.FileOptions{})
	frames, datagrams, bytesSeen := 0, 0, 0
	err := src.Run(ctx, func(f *source.Frame) error {
		const ethernet, v4Protocol, v6Protocol = 14, 9, 6
		frames++
		bytesSeen += len(f.Data)
		for _, tale := range tales {
			if bytes.Contains(f.Data, []byte(tale)) {
				t.Errorf("frame %d holds %q in clear", frames, tale)
			}
		}
		if len(f.Data) < ethernet+20 {
			return nil
		}
		protocol := f.Data[ethernet+v4Protocol]
		if f.Data[ethernet]>>4 == 6 {
			protocol = f.Data[ethernet+v6Protocol]
		}
		switch protocol {
		case syscall.IPPROTO_UDP:
			datagrams++
		case syscall.IPPROTO_ICMP, syscall.IPPROTO_ICMPV6, 0: // the kernel's own: nobody at the port of a killed process, multicast reports
		default:
			t.Errorf("frame %d is of protocol %d, not UDP", frames, protocol)
		}
		return nil
	})
	if err != nil || datagrams < 1000 {
		t.Errorf("%d frames, %d datagrams: %v", frames, datagrams, err)
	}
	t.Logf("%d frames, %d bytes on loopback: UDP only, no telltale", frames, bytesSeen)
}

// TestInterruptedDemoLeavesNothing ends the demo in the middle, politely and not.
func TestInterruptedDemoLeavesNothing(t *testing.T) {
	long(t)
	f := func(name string, sig syscall.Signal, wantCode int, wantDir bool) {
		t.Run(name, func(t *testing.T) {
			p := launch(t, nil, "", "--json")
			dir, _ := p.step("start")["dir"].(string)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			if len(processesOf(t, dir)) != 8 {
				t.Errorf("processes: %v", processesOf(t, dir))
			}
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := p.exit(); code != wantCode {
				t.Errorf("exit code %d, want %d: %s", code, wantCode, p.errs.String())
			}
			gone(t, dir)
			if _, err := os.Stat(dir); wantDir != (err == nil) {
				t.Errorf("directory %s: %v", dir, err)
			}
			if sig == syscall.SIGTERM && !strings.HasSuffix(strings.TrimSpace(p.errs.String()), "interrupted") {
				t.Errorf("said %q", p.errs.String())
			}
		})
	}
	f("terminated", syscall.SIGTERM, 1, false)
	f("killed", syscall.SIGKILL, -1, true)
}

// TestDeadChildIsNamed kills one process behind the demo's back.
func TestDeadChildIsNamed(t *testing.T) {
	long(t)
	p := launch(t, nil, "", "--json")
	dir, _ := p.step("start")["dir"].(string)
	out, err := exec.Command("pgrep", "-f", dir+"/440111-n1").Output()
	if err != nil {
		t.Fatalf("find the process: %v", err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(out))[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"last lines of 440111/n1:", "process 440111/n1: ended by itself: signal: killed", "step "} {
		if !strings.Contains(p.errs.String(), want) {
			t.Errorf("does not say %q:\n%s", want, p.errs.String())
		}
	}
	gone(t, dir)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory is left: %v", err)
	}
}

func TestBadFilesAreToldBeforeAnythingStarts(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		code := cli.Main(append([]string{"demo"}, args...), cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
		if code != 1 || !strings.Contains(errs.String(), want) || out.Len() != 0 || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: exit %d, %q %q", args, code, out.String(), errs.String())
		}
	}
	f("read capture: stat /nowhere.pcap: no such file or directory", "--pcap", "/nowhere.pcap")
	f("read rules: open /nowhere.rules: no such file or directory", "--rules", "/nowhere.rules")
}
