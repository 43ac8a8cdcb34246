package sensor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fengsui/capture/packettest"
	"fengsui/node/detect"
)

// What a process of this test is: the one with a network of its own, or the one that detects in it.
const (
	insideEnv = "FENGSUI_TEST_LIVE"
	detectEnv = "FENGSUI_TEST_DETECT"
)

// TestLiveDetect runs `fengsui detect --interface` on a real wire, in a user and network namespace of its own.
func TestLiveDetect(t *testing.T) {
	if os.Getenv(insideEnv)+os.Getenv(detectEnv) != "" {
		t.Skip("this is a child")
	}
	for _, tool := range []string{"ip", "tcpreplay", "tshark"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is not installed: make debian", tool)
		}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestInsideLiveDetect$", "-test.v", "-test.timeout", "3m")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("no namespaces here: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInsideLiveDetect") {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "measured") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// TestDetectProcess is the command itself.
func TestDetectProcess(t *testing.T) {
	args := os.Getenv(detectEnv)
	if args == "" {
		t.Skip("runs inside TestLiveDetect")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if code := detect.Run(ctx, strings.Split(args, "\n"), os.Stdout, os.Stderr); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// lines gathers what a process prints.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	grew chan struct{}
}

func gather(r io.Reader) *lines {
	l := &lines{grew: make(chan struct{}, 1)}
	go func() { // ends with the process
		s := bufio.NewScanner(r)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			l.mu.Lock()
			l.text.WriteString(s.Text() + "\n")
			l.mu.Unlock()
			select {
			case l.grew <- struct{}{}:
			default:
			}
		}
		close(l.grew)
	}()
	return l
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns when the text matches, false when the process has ended or time is over.
func (l *lines) await(what *regexp.Regexp) bool {
	for deadline := time.After(60 * time.Second); ; {
		if what.MatchString(l.String()) {
			return true
		}
		select {
		case _, more := <-l.grew:
			if !more {
				return what.MatchString(l.String())
			}
		case <-deadline:
			return false
		}
	}
}

type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, log *lines
}

func runDetect(t *testing.T, args ...string) *running {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestDetectProcess$")
	cmd.Env = append(os.Environ(), insideEnv+"=", detectEnv+"="+strings.Join(args, "\n"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{t, cmd, gather(stdout), gather(stderr)}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return r
}

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Error(err)
	}
}

// end interrupts the command and waits.
func (r *running) end() {
	r.t.Helper()
	r.signal(os.Interrupt)
	ended := regexp.MustCompile(`(?m)^(PASS|FAIL)`)
	if !r.out.await(ended) {
		r.t.Errorf("detect did not end: %s%s", r.out, r.log)
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("%v: %s%s", err, r.out, r.log)
	}
}

func must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// wireFile writes a capture of n datagrams to a port, over 50 flows.
func wireFile(t *testing.T, dir, name string, n int, port uint16, payload string) string {
	t.Helper()
	var c packettest.Capture
	c.Now, c.Step = time.Unix(1_700_000_000, 0), time.Microsecond
	dst := netip.AddrPortFrom(netip.MustParseAddr("10.9.0.200"), port)
	for i := range n {
		c.UDP(netip.AddrPortFrom(netip.MustParseAddr("10.9.0.1"), uint16(20000+i%50)), dst, []byte(payload))
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, c.Pcap(binary.LittleEndian, false), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ready sends a knock until the command has seen it: then every ring is open.
func (r *running) ready(knock string) {
	r.t.Helper()
	seen := regexp.MustCompile(`knock`)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(60 * time.Second); !seen.MatchString(r.out.String()); {
		must(r.t, "tcpreplay", "-q", "-i", "fs0", "--topspeed", knock)
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("detect sees nothing: %s%s", r.out, r.log)
		}
	}
}

func TestInsideLiveDetect(t *testing.T) {
	if os.Getenv(insideEnv) == "" {
		t.Skip("runs inside TestLiveDetect")
	}
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o600) // else the kernel talks on the wire too
	must(t, "ip", "link", "add", "fs0", "type", "veth", "peer", "name", "fs1")
	must(t, "ip", "link", "set", "fs0", "up")
	must(t, "ip", "link", "set", "fs1", "up")
	dir := t.TempDir()
	rules := filepath.Join(dir, "live.rules")
	if err := os.WriteFile(rules, []byte(`alert udp any any -> any 5001 (msg:"knock"; content:"knock"; sid:1;)
alert udp any any -> any 5000 (msg:"live attack"; content:"attack"; threshold:type limit, track by_src, count 1, seconds 3600; sid:2;)
alert udp any any -> any 6000 (msg:"filtered away"; content:"attack"; sid:3;)
`), 0o600); err != nil {
		t.Fatal(err)
	}
	knock := wireFile(t, dir, "knock.pcap", 1, 5001, "knock")
	attack := wireFile(t, dir, "attack.pcap", 4000, 5000, "attack")
	hidden := wireFile(t, dir, "hidden.pcap", 50, 6000, "attack")
	evidence := filepath.Join(dir, "evidence")

	// Below what the rings hold: everything is seen, nothing is lost, the filter is honoured.
	r := runDetect(t, "--rules", rules, "--interface", "fs1", "--workers", "2", "--filter", "udp and not port 6000", "--evidence", evidence, "--stats", "1")
	r.ready(knock)
	must(t, "tcpreplay", "-q", "-i", "fs0", "--pps=20000", hidden)
	must(t, "tcpreplay", "-q", "-i", "fs0", "--pps=20000", attack)
	if !r.out.await(regexp.MustCompile(`live attack`)) {
		t.Errorf("no alert: %s%s", r.out, r.log)
	}
	if !r.log.await(regexp.MustCompile(`packets 40\d\d .*dropped by kernel 0`)) {
		t.Errorf("not everything was seen: %s", r.log)
	}
	r.end()
	if strings.Contains(r.out.String(), "filtered away") || strings.Contains(r.log.String(), "were dropped") {
		t.Errorf("%s%s", r.out, r.log)
	}
	files, _ := filepath.Glob(filepath.Join(evidence, "*.pcapng"))
	found := false
	for _, f := range files {
		out, err := exec.Command("tshark", "-r", f, "-Y", "frame.comment contains \"live attack\"").Output()
		if err != nil {
			t.Errorf("tshark: %v", err)
		}
		found = found || len(out) > 0
	}
	if !found {
		t.Errorf("no evidence of the alert in %d files", len(files))
	}

	// Above: the reader stands still while more comes than its ring holds.
	r = runDetect(t, "--rules", rules, "--interface", "fs1")
	r.ready(knock)
	r.signal(syscall.SIGSTOP)
	must(t, "tcpreplay", "-q", "-i", "fs0", "--topspeed", "--loop=100", attack)
	r.signal(syscall.SIGCONT)
	r.end()
	m := regexp.MustCompile(`(\d+) packets were dropped by the kernel`).FindStringSubmatch(r.log.String())
	if m == nil {
		t.Fatalf("no drops are told: %s", r.log)
	}
	if n, _ := strconv.Atoi(m[1]); n < 1000 || n > 400_000 {
		t.Errorf("%d drops of 400000 packets", n)
	}
	t.Logf("measured: %s of 400000 packets dropped while the reader stood still, and told", m[1])
}
