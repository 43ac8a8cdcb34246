package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// vethChild is set in the process that has a network of its own.
const vethChild = "FENGSUI_TEST_VETH"

// TestLiveOnVeth runs the TestVeth tests of this file in a process with a user and a network namespace of its own, where
// it may make interfaces whoever runs it.
func TestLiveOnVeth(t *testing.T) {
	for _, tool := range []string{"ip", "tcpreplay"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is not installed: make debian", tool)
		}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestVeth", "-test.v", "-test.timeout", "2m")
	cmd.Env = append(os.Environ(), vethChild+"=1")
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
	if err != nil || strings.Count(string(out), "--- PASS: TestVeth") != 5 {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "measured") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// pair makes two interfaces joined by a wire; what is sent on the first arrives at the second.
func pair(t *testing.T) (in, out string) {
	t.Helper()
	if os.Getenv(vethChild) == "" {
		t.Skip("runs inside TestLiveOnVeth")
	}
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o600) // else the kernel talks on the wire too
	for _, args := range []string{"link add fs0 type veth peer name fs1", "link set fs0 up", "link set fs1 up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "link", "del", "fs0").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return "fs0", "fs1"
}

// datagram is a frame of flow number i with a sequence number as payload.
func datagram(flow, seq int, back bool, port uint16) []byte {
	b := append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0}, 10, 9, 0, 1, 10, 9, byte(flow>>8), byte(flow))
	src, dst := uint16(20000+flow), port
	if back {
		copy(b[26:], []byte{10, 9, byte(flow >> 8), byte(flow), 10, 9, 0, 1})
		src, dst = dst, src
	}
	b = binary.BigEndian.AppendUint16(b, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = append(b, 0, 40, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(seq))
	return append(b, make([]byte, 28)...)
}

// tagged puts a VLAN tag in front of the type.
func tagged(b []byte, tpid, tci uint16) []byte {
	out := append(bytes.Clone(b[:12]), byte(tpid>>8), byte(tpid), byte(tci>>8), byte(tci))
	return append(out, b[12:]...)
}

func wireFile(t *testing.T, frames [][]byte) string {
	t.Helper()
	list := make([]testFrame, len(frames))
	for i, b := range frames {
		list[i] = testFrame{time.Unix(1_700_000_000, int64(i)*1000), b, len(b)}
	}
	p := filepath.Join(t.TempDir(), "wire.pcap")
	if err := os.WriteFile(p, classicFile(binary.LittleEndian, false, 1, list), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func replay(t *testing.T, iface, path string, how ...string) {
	t.Helper()
	out, err := exec.Command("tcpreplay", append(append([]string{"-q", "-i", iface}, how...), path)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Failed packets:            0") {
		t.Fatalf("tcpreplay: %v: %s", err, out)
	}
}

// tapRun runs sources until stop, which waits until nothing more comes.
type tapRun struct {
	sources []Source
	seen    atomic.Int64
	wg      sync.WaitGroup
	cancel  context.CancelFunc
	err     chan error
}

// listen runs the sources and returns when their rings are open: when a first packet, sent for that, has arrived.
func listen(t *testing.T, iface string, rings int, opts LiveOptions, emit func(ring int, f *Frame)) *tapRun {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &tapRun{sources: Live(iface, rings, opts), cancel: cancel, err: make(chan error, rings)}
	t.Cleanup(func() { cancel(); r.wg.Wait() })
	var mu sync.Mutex
	for i, s := range r.sources {
		r.wg.Go(func() {
			r.err <- s.Run(ctx, func(f *Frame) error {
				if len(f.Data) > 0 {
					mu.Lock()
					emit(i, f)
					mu.Unlock()
					r.seen.Add(1)
				}
				return nil
			})
		})
	}
	s := r.sources[0].(*live)
	s.tap.open() // returns when all rings are open, whoever opens them
	if s.tap.err != nil {
		t.Fatal(s.tap.err)
	}
	return r
}

// until waits for n frames, and whether more come than that, then ends the run.
func (r *tapRun) until(t *testing.T, n int64) (c Counters) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); r.seen.Load() < n; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%d frames arrived, %d were expected", r.seen.Load(), n)
			return r.stop(t)
		}
	}
	r.quiet()
	return r.stop(t)
}

// quiet returns when nothing has come for a while.
func (r *tapRun) quiet() {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for n, last := r.seen.Load(), int64(-1); n != last; n = r.seen.Load() {
		last = n
		<-tick.C
	}
}

func (r *tapRun) stop(t *testing.T) (c Counters) {
	t.Helper()
	r.cancel()
	r.wg.Wait()
	for range r.sources {
		if err := <-r.err; err != nil {
			t.Error(err)
		}
	}
	for _, s := range r.sources {
		k := s.Counters()
		c.Frames += k.Frames
		c.KernelDrops += k.KernelDrops
	}
	return c
}

// TestVethFanout: two rings see every packet once, both directions of a flow in the same ring, nothing is lost at the
// stated rate (what is sent fits the rings, so that a busy machine does not matter).
func TestVethFanout(t *testing.T) {
	in, out := pair(t)
	const packets, flows, rate = 20_000, 97, "20000"
	var frames [][]byte
	for i := range packets {
		frames = append(frames, datagram(1+i%flows, i, i/flows%2 == 1, 5000))
	}
	seen := make([]int, packets)
	ringOf := map[byte]int{}
	perRing := [2]int{}
	r := listen(t, out, 2, LiveOptions{}, func(ring int, f *Frame) {
		if len(f.Data) < 46 {
			t.Errorf("a strange frame: % x", f.Data)
			return
		}
		seq := binary.BigEndian.Uint32(f.Data[42:])
		seen[seq]++
		perRing[ring]++
		flow := max(f.Data[29], f.Data[33])
		if have, ok := ringOf[flow]; ok && have != ring {
			t.Errorf("flow %d is in both rings", flow)
		}
		ringOf[flow] = ring
	})
	begun := time.Now()
	replay(t, in, wireFile(t, frames), "--pps="+rate)
	took := time.Since(begun)
	c := r.until(t, packets)
	if c.Frames != packets || c.KernelDrops != 0 {
		t.Errorf("%+v of %d", c, packets)
	}
	for seq, n := range seen {
		if n != 1 {
			t.Fatalf("packet %d was seen %d times", seq, n)
		}
	}
	if perRing[0] == 0 || perRing[1] == 0 {
		t.Errorf("shared %v", perRing)
	}
	t.Logf("measured: %d packets at %s a second in %v over two rings: %d and %d, 0 drops", packets, rate, took.Round(time.Millisecond), perRing[0], perRing[1])
}

// TestVethDropsAreCounted: a reader that stands still and a ring of 128 KiB must lose packets, and what is lost is known
// to the packet.
func TestVethDropsAreCounted(t *testing.T) {
	in, out := pair(t)
	const packets = 30_000
	var frames [][]byte
	for i := range packets {
		frames = append(frames, datagram(1, i, false, 5000))
	}
	wake := make(chan struct{})
	var once sync.Once
	r := listen(t, out, 1, LiveOptions{RingBytes: 128 << 10, BlockBytes: 64 << 10, SnapLen: 2048}, func(int, *Frame) {
		once.Do(func() { <-wake })
	})
	replay(t, in, wireFile(t, frames), "--topspeed")
	close(wake)
	r.quiet() // what the ring holds is read
	c := r.stop(t)
	if c.KernelDrops == 0 || c.Frames == 0 || c.Frames+c.KernelDrops != packets {
		t.Errorf("%+v of %d", c, packets)
	}
	t.Logf("measured: reader stopped, ring 128 KiB, topspeed: %d sent, %d read, %d dropped and counted", packets, c.Frames, c.KernelDrops)
}

// TestVethFilter: the kernel passes what the expression says and nothing else.
func TestVethFilter(t *testing.T) {
	in, out := pair(t)
	var frames [][]byte
	for i := range 3000 {
		frames = append(frames, datagram(1+i%3, i, false, []uint16{53, 54}[i%2]))
	}
	got := 0
	r := listen(t, out, 2, LiveOptions{Filter: "udp dst port 53 and not host 10.9.0.2", SnapLen: 50}, func(_ int, f *Frame) {
		if f.Data[33] == 2 || f.Data[37] != 53 || len(f.Data) != 50 || f.OrigLen != 74 {
			t.Errorf("passed: % x, %d bytes of %d", f.Data, len(f.Data), f.OrigLen)
		}
		got++
	})
	path := wireFile(t, append(frames, datagram(9, 0, false, 53)))
	replay(t, in, path, "--pps=50000")
	c := r.until(t, 1001)
	if got != 1001 || c.Frames != 1001 || c.KernelDrops != 0 {
		t.Errorf("%d passed, %+v", got, c)
	}
}

// TestVethVLAN: tags come back where they were, also two of them, and a filter can ask for them.
func TestVethVLAN(t *testing.T) {
	in, out := pair(t)
	plain := datagram(1, 1, false, 53)
	frames := [][]byte{
		plain, tagged(plain, 0x8100, 0x6064), tagged(tagged(plain, 0x8100, 7), 0x88a8, 100), tagged(plain, 0x8100, 0), tagged(plain, 0x8100, 5),
	}
	path := wireFile(t, append(frames, datagram(2, 2, false, 54)))
	var got [][]byte
	r := listen(t, out, 1, LiveOptions{}, func(_ int, f *Frame) {
		if len(f.Data) != f.OrigLen {
			t.Errorf("%d bytes of %d", len(f.Data), f.OrigLen)
		}
		got = append(got, bytes.Clone(f.Data))
	})
	replay(t, in, path, "--pps=10000")
	r.until(t, int64(len(frames)+1))
	for i, want := range frames {
		if i >= len(got) || !bytes.Equal(got[i], want) {
			t.Errorf("frame %d: % x\nwant % x", i, got[min(i, len(got)-1)][:22], want[:22])
		}
	}
	n := 0
	r = listen(t, out, 1, LiveOptions{Filter: "vlan 100 and udp dst port 53 or udp dst port 54"}, func(int, *Frame) { n++ })
	replay(t, in, path, "--pps=10000")
	r.until(t, 2) // the singly tagged one, and the mark at the end: with two tags the port is not where the filter looks
	if n != 2 {
		t.Errorf("%d frames of VLAN 100", n)
	}
}

// TestVethGoesDown: an interface that disappears ends the source with a sentence.
func TestVethGoesDown(t *testing.T) {
	in, out := pair(t)
	r := listen(t, out, 1, LiveOptions{}, func(int, *Frame) {})
	replay(t, in, wireFile(t, [][]byte{datagram(1, 1, false, 53)}), "--pps=10")
	r.quiet()
	if out, err := exec.Command("ip", "link", "set", "fs1", "down").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	select {
	case err := <-r.err:
		if err == nil || !strings.Contains(err.Error(), "went away or down") {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the source did not notice")
	}
}
