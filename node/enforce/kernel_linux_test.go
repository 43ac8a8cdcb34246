package enforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fengsui/node/config"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// helperEnv makes the test binary try to enforce and print what came of it, as a process without rights.
const helperEnv = "FENGSUI_TEST_ENFORCE"

func TestMain(m *testing.M) {
	if ns := os.Getenv(helperEnv); ns != "" {
		e, err := New(Config{Mode: config.EnforceNftables, Namespace: ns, Site: "440106", Node: "n1"})
		if err == nil {
			err = e.Apply(context.Background(), []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")})
		}
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"capability": errors.Is(err, ErrCapability), "text": fmt.Sprint(err), "state": e.Status().State})
		return
	}
	os.Exit(m.Run())
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI this runs as root")
		}
		t.Skip("needs root: makes network namespaces and nftables tables in them")
	}
}

// rig is a router (where the Enforcer works) between a left and a right host, each in a namespace of its own.
type rig struct {
	t                   *testing.T
	router, left, right netns.NsHandle
}

// newRig leaves the calling goroutine locked to a thread inside the router's namespace until the test ends.
func newRig(t *testing.T) *rig {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread() // not unlocked when a step fails: the thread must not be used again
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t}
	for _, ns := range []*netns.NsHandle{&r.left, &r.right, &r.router} { // the thread ends up in the last
		if *ns, err = netns.New(); err != nil {
			t.Fatal(err)
		}
		r.up("lo")
	}
	t.Cleanup(func() {
		if err := netns.Set(home); err != nil {
			t.Error(err)
			return
		}
		runtime.UnlockOSThread()
		for _, ns := range []*netns.NsHandle{&r.left, &r.right, &r.router, &home} {
			_ = ns.Close()
		}
	})
	r.wire("l", r.left, []string{"10.9.0.1/24", "fd09::1/64"}, []string{"10.9.0.2/24", "10.9.0.3/24", "fd09::2/64"}, "10.9.0.1")
	r.wire("r", r.right, []string{"10.10.0.1/24"}, []string{"10.10.0.2/24"}, "10.10.0.1")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// in runs f inside a namespace.
func (r *rig) in(ns netns.NsHandle, f func()) {
	r.t.Helper()
	r.must(netns.Set(ns))
	f()
	r.must(netns.Set(r.router))
}

func (r *rig) up(name string, addrs ...string) {
	r.t.Helper()
	link, err := netlink.LinkByName(name)
	r.must(err)
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(a)
		r.must(err)
		addr.Flags = syscall.IFA_F_NODAD
		r.must(netlink.AddrAdd(link, addr))
	}
	r.must(netlink.LinkSetUp(link))
}

func (r *rig) wire(name string, far netns.NsHandle, near, there []string, gateway string) {
	r.t.Helper()
	r.must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p", PeerNamespace: netlink.NsFd(far)}))
	r.up(name, near...)
	r.in(far, func() {
		r.up(name+"p", there...)
		r.must(netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)}))
	})
}

// socket opens a UDP socket in a namespace.
func (r *rig) socket(ns netns.NsHandle, addr string) *net.UDPConn {
	r.t.Helper()
	var c *net.UDPConn
	r.in(ns, func() {
		a, err := net.ResolveUDPAddr("udp", addr)
		r.must(err)
		c, err = net.ListenUDP("udp", a)
		r.must(err)
	})
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// passes tells whether a packet from one socket reaches the other.
func (r *rig) passes(from, to *net.UDPConn) bool {
	r.t.Helper()
	const patience = 150 * time.Millisecond
	_, err := from.WriteTo([]byte("x"), to.LocalAddr())
	if err != nil && !errors.Is(err, syscall.EPERM) { // EPERM: dropped on output
		r.t.Fatal(err)
	}
	r.must(to.SetReadDeadline(time.Now().Add(patience)))
	_, _, err = to.ReadFrom(make([]byte, 8))
	return err == nil
}

func (r *rig) enforcer(c Config) *Enforcer {
	r.t.Helper()
	c.Mode, c.Site, c.Node = config.EnforceNftables, "440106", "n1"
	e, err := New(c)
	r.must(err)
	r.t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestPacketsAreDroppedAndPassAgain(t *testing.T) {
	r := newRig(t)
	e := r.enforcer(Config{})
	here, here6 := r.socket(r.router, "10.9.0.1:0"), r.socket(r.router, "[fd09::1]:0")
	two, three, six := r.socket(r.left, "10.9.0.2:0"), r.socket(r.left, "10.9.0.3:0"), r.socket(r.left, "[fd09::2]:0")
	beyond := r.socket(r.right, "10.10.0.2:0")
	f := func(list []string, wantTwo, wantThree, wantSix bool) {
		t.Helper()
		r.must(e.Apply(t.Context(), prefixes(t, list...)))
		for _, w := range []struct {
			name     string
			from, to *net.UDPConn
			want     bool
		}{
			{"two in", two, here, wantTwo},
			{"two out", here, two, wantTwo},
			{"two forwarded", two, beyond, wantTwo},
			{"two forwarded back", beyond, two, wantTwo},
			{"three in", three, here, wantThree},
			{"three forwarded", three, beyond, wantThree},
			{"six in", six, here6, wantSix},
			{"six out", here6, six, wantSix},
		} {
			if got := r.passes(w.from, w.to); got != w.want {
				t.Errorf("list %v: %s passes: %v", list, w.name, got)
			}
		}
		if s := e.Status(); s.State != StateInForce || !slices.Equal(s.Entries, prefixes(t, list...)) {
			t.Errorf("list %v: %+v", list, s)
		}
	}
	f(nil, true, true, true)
	f([]string{"10.9.0.2/32"}, false, true, true)
	dropped := e.Status()
	if dropped.Packets != 4 || dropped.Bytes == 0 {
		t.Errorf("%+v", dropped)
	}
	f([]string{"10.9.0.3/32", "203.0.113.0/24", "fd09::2/128"}, true, false, false)
	if s := e.Status(); s.Packets != 4+4 {
		t.Errorf("counted %d packets", s.Packets)
	}
	f(nil, true, true, true)
	r.must(e.Apply(t.Context(), prefixes(t, "10.9.0.2/31")))
	r.must(e.Remove(t.Context()))
	if !r.passes(two, here) || e.Status().State != StateIdle {
		t.Errorf("after removal: %+v", e.Status())
	}
	if err := e.Apply(t.Context(), prefixes(t, "10.9.0.0/24")); !errors.Is(err, ErrGuard) || !strings.Contains(err.Error(), "this machine's own address 10.9.0.1") {
		t.Errorf("own address: %v", err)
	}
}

func TestMeshPortPassesWhateverTheListSays(t *testing.T) {
	r := newRig(t)
	mesh := r.socket(r.router, "10.9.0.1:7400")
	other, two := r.socket(r.router, "10.9.0.1:0"), r.socket(r.left, "10.9.0.2:0")
	e := r.enforcer(Config{MeshPort: 7400})
	r.must(e.Apply(t.Context(), prefixes(t, "10.9.0.2/32")))
	if !r.passes(two, mesh) || !r.passes(mesh, two) || r.passes(two, other) || r.passes(other, two) {
		t.Error("the mesh port does not pass, or others do")
	}
}

func TestReplacementIsNeverHalfAList(t *testing.T) {
	r := newRig(t)
	here, two := r.socket(r.router, "10.9.0.1:0"), r.socket(r.left, "10.9.0.2:0")
	e := r.enforcer(Config{})
	lists := [][]netip.Prefix{prefixes(t, "10.9.0.2/32", "10.9.0.3/32"), prefixes(t, "198.51.100.0/24", "10.9.0.2/32")}
	r.must(e.Apply(t.Context(), lists[0]))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	sent := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := two.WriteTo([]byte("x"), here.LocalAddr()); err != nil {
					t.Error(err)
					return
				}
				sent++
			}
		}
	})
	for i := range 100 {
		r.must(e.Apply(t.Context(), lists[i%2]))
	}
	close(stop)
	wg.Wait()
	r.must(here.SetReadDeadline(time.Now().Add(10 * time.Millisecond)))
	if _, _, err := here.ReadFrom(make([]byte, 8)); err == nil {
		t.Error("a packet slipped through between two lists")
	}
	if s := e.Status(); s.Packets == 0 || sent == 0 {
		t.Errorf("sent %d, %+v", sent, s)
	}
}

func TestLongListGoesInWhole(t *testing.T) {
	r := newRig(t)
	e := r.enforcer(Config{})
	list := make([]netip.Prefix, 0, entriesMax)
	for i := range entriesMax {
		if i%4 == 0 {
			list = append(list, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 16), byte(i >> 8), byte(i), 15: 1}), 128))
			continue
		}
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(i >> 15), byte(i >> 7), byte(i<<1) & 0xfe}), 32))
	}
	began := time.Now()
	r.must(e.Apply(t.Context(), list))
	t.Logf("%d entries in %s", len(list), time.Since(began))
	if s := e.Status(); s.State != StateInForce || len(s.Entries) != entriesMax {
		t.Errorf("%s %s, %d entries", s.State, s.Reason, len(s.Entries))
	}
}

func TestPrivateNamespaceTouchesNothingElse(t *testing.T) {
	r := newRig(t)
	e := r.enforcer(Config{Namespace: config.NamespacePrivate})
	r.must(e.Apply(t.Context(), prefixes(t, "10.9.0.2/32")))
	if s := e.Status(); s.State != StateInForce || !slices.Equal(s.Entries, prefixes(t, "10.9.0.2/32")) {
		t.Errorf("%+v", s)
	}
	if !r.passes(r.socket(r.left, "10.9.0.2:0"), r.socket(r.router, "10.9.0.1:0")) {
		t.Error("the namespace we came from is affected")
	}
	host := r.enforcer(Config{})
	if _, err := host.kernel.read(); !errors.Is(err, errNoTable) {
		t.Errorf("a table appeared outside: %v", err)
	}
}

func TestSomebodyElseFlushesTheTable(t *testing.T) {
	r := newRig(t)
	e := r.enforcer(Config{})
	r.must(e.Apply(t.Context(), prefixes(t, "10.9.0.2/32")))
	other := r.enforcer(Config{})
	r.must(other.Remove(t.Context()))
	if s := e.Status(); s.State != StateFailed || !strings.Contains(s.Reason, "is not there") {
		t.Errorf("%+v", s)
	}
	r.must(e.Apply(t.Context(), prefixes(t, "10.9.0.2/32")))
	if s := e.Status(); s.State != StateInForce {
		t.Errorf("%+v", s)
	}
}

// TestUserNamespaceIsEnough runs this test binary as nobody, in a user namespace of its own.
func TestUserNamespaceIsEnough(t *testing.T) {
	self := readableSelf(t)
	cmd := exec.Command(self)
	cmd.Dir, cmd.Env = "/", []string{helperEnv + "=" + config.NamespacePrivate}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 0, Gid: 0}, Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
	}
	out, err := cmd.Output()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("this kernel gives no user namespaces: %v", err)
	}
	if err != nil || !strings.Contains(string(out), `"state":"in force"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestMissingCapabilityIsNamed runs this test binary as nobody.
func TestMissingCapabilityIsNamed(t *testing.T) {
	self := readableSelf(t)
	f := func(namespace, want string) {
		t.Helper()
		cmd := exec.Command(self)
		cmd.Dir, cmd.Env = "/", []string{helperEnv + "=" + namespace}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var got struct {
			Capability  bool
			Text, State string
		}
		if err := json.Unmarshal(out, &got); err != nil || !got.Capability || got.Text != want || got.State != StateRefused {
			t.Errorf("%s: %v %s", namespace, err, out)
		}
	}
	f(config.NamespaceHost, "nftables takes CAP_NET_ADMIN, which the process lacks at 440106/n1")
	f(config.NamespacePrivate, "a private network namespace takes CAP_SYS_ADMIN, which the process lacks at 440106/n1")
}

// readableSelf is a copy of this test binary where nobody may run it.
func readableSelf(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "enforce")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self := filepath.Join(dir, "self")
	if err := errors.Join(os.Chmod(dir, 0o755), copyFile("/proc/self/exe", self)); err != nil {
		t.Fatal(err)
	}
	return self
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
