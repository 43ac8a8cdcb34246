package enforce

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fengsui/node/config"
)

func prefixes(t *testing.T, texts ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestMergeLeavesNoOverlaps(t *testing.T) {
	f := func(in []string, want ...string) {
		t.Helper()
		var got []string
		for _, r := range merge(prefixes(t, in...)) {
			for _, p := range r.prefixes() {
				got = append(got, p.String())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", in, got, want)
		}
	}
	f(nil)
	f([]string{"10.0.0.1/32"}, "10.0.0.1/32")
	f([]string{"10.0.0.1/24"}, "10.0.0.0/24")
	f([]string{"10.0.0.0/25", "10.0.0.128/25"}, "10.0.0.0/24")
	f([]string{"10.0.0.0/8", "10.1.2.3/32", "10.0.0.0/8"}, "10.0.0.0/8")
	f([]string{"10.0.0.3/32", "10.0.0.1/32", "10.0.0.2/32"}, "10.0.0.1/32", "10.0.0.2/31")
	f([]string{"255.255.255.255/32", "255.255.255.254/32"}, "255.255.255.254/31")
	f([]string{"::ffff:10.0.0.0/104", "10.1.0.0/16"}, "10.0.0.0/8")
	f([]string{"2001:db8::/33", "203.0.113.9/32", "2001:db8:8000::/33"}, "203.0.113.9/32", "2001:db8::/32")
	f([]string{"0.0.0.0/0", "::/0"}, "0.0.0.0/0", "::/0")
}

func TestGuardRefusesListsThatHurtTheNode(t *testing.T) {
	f := func(entry, want string) {
		t.Helper()
		err := guard([]netip.Prefix{netip.MustParsePrefix("203.0.113.9/32"), netip.MustParsePrefix(entry)}, true)
		if want == "" {
			if err != nil {
				t.Errorf("%s refused: %v", entry, err)
			}
			return
		}
		if !errors.Is(err, ErrGuard) || err.Error() != "entry "+entry+" "+want+"; nothing of the list was applied" {
			t.Errorf("%s: %v", entry, err)
		}
	}
	f("198.51.100.0/24", "")
	f("2001:db8::/32", "")
	f("0.0.0.0/0", "is wider than /8")
	f("64.0.0.0/7", "is wider than /8")
	f("2000::/3", "is wider than /16")
	f("::ffff:0.0.0.0/96", "is wider than /8")
	f("127.0.0.0/8", "is loopback")
	f("::1/128", "is loopback")
	f("0.0.0.0/32", "is the unspecified address")
	f("224.0.0.1/32", "is multicast")
	if err := guard([]netip.Prefix{{}}, true); !errors.Is(err, ErrGuard) {
		t.Errorf("invalid prefix: %v", err)
	}
	if err := guard(make([]netip.Prefix, entriesMax+1), false); !errors.Is(err, ErrGuard) || !strings.Contains(err.Error(), "65537 entries") {
		t.Errorf("long list: %v", err)
	}
}

func TestOffRefusesWithTheReason(t *testing.T) {
	e, err := New(Config{Mode: config.EnforceOff, Site: "440111", Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Apply(t.Context(), prefixes(t, "203.0.113.9/32"))
	var r *Refusal
	if !errors.As(err, &r) || !errors.Is(err, ErrOff) || err.Error() != "enforcement is off at 440111/n1; set enforce.mode to nftables" {
		t.Errorf("%v", err)
	}
	if s := e.Status(); s.State != StateOff || s.Mode != config.EnforceOff || s.Reason != err.Error() || len(s.Entries) != 0 {
		t.Errorf("%+v", s)
	}
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	for _, bad := range []Config{{Mode: "on"}, {Mode: config.EnforceNftables, Namespace: "mine"}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
}

// fakeKernel keeps a table in memory and can be told to misbehave.
type fakeKernel struct {
	state    *tableState
	fail     error
	tamper   func(*tableState)
	replaced int
}

func (k *fakeKernel) replace(r []addrRange, port uint16, build bool) error {
	if k.fail != nil {
		return k.fail
	}
	k.replaced++
	if build != (k.state == nil || k.state.rules != rulesWanted(port)) {
		return errors.New("build asked for at the wrong time")
	}
	k.state = &tableState{ranges: slices.Clone(r), rules: rulesWanted(port), mark: ruleMark(port), packets: 5, bytes: 500}
	if k.tamper != nil {
		k.tamper(k.state)
	}
	return nil
}

func (k *fakeKernel) read() (tableState, error) {
	if k.state == nil {
		return tableState{}, errNoTable
	}
	return *k.state, nil
}
func (k *fakeKernel) remove() error { k.state = nil; return k.fail }
func (k *fakeKernel) close() error  { return nil }

func withFake(t *testing.T, k *fakeKernel) *Enforcer {
	t.Helper()
	e, err := newEnforcer(Config{Mode: config.EnforceNftables, Namespace: config.NamespacePrivate, Site: "440106", Node: "n1"}, func(string) (kernel, error) { return k, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestStatusFollowsTheKernel(t *testing.T) {
	k := &fakeKernel{}
	e := withFake(t, k)
	state := func(want string, entries ...string) Status {
		t.Helper()
		s := e.Status()
		if s.State != want || !slices.Equal(s.Entries, prefixes(t, entries...)) || (s.Reason == "") != (want == StateIdle || want == StateInForce) {
			t.Errorf("got %+v, want %s %v", s, want, entries)
		}
		return s
	}
	state(StateIdle)
	if err := e.Apply(t.Context(), prefixes(t, "203.0.113.9/32")); err != nil {
		t.Fatal(err)
	}
	state(StateInForce, "203.0.113.9/32")

	// A refused list leaves the one before in force.
	if err := e.Apply(t.Context(), prefixes(t, "198.51.100.1/32", "127.0.0.1/32")); !errors.Is(err, ErrGuard) {
		t.Errorf("%v", err)
	}
	state(StateRefused, "203.0.113.9/32")

	k.fail = &Refusal{ErrCapability, "nftables takes CAP_NET_ADMIN, which the process lacks"}
	if err := e.Apply(t.Context(), nil); !errors.Is(err, ErrCapability) || err.Error() != "nftables takes CAP_NET_ADMIN, which the process lacks at 440106/n1" {
		t.Errorf("%v", err)
	}
	state(StateRefused, "203.0.113.9/32")

	k.fail = nil
	if err := e.Apply(t.Context(), prefixes(t, "198.51.100.1/32")); err != nil {
		t.Fatal(err)
	}
	if s := state(StateInForce, "198.51.100.1/32"); s.Packets != 5 {
		t.Errorf("%+v", s)
	}

	// Somebody else changes the firewall.
	k.state.rules--
	if s := state(StateFailed, "198.51.100.1/32"); !strings.Contains(s.Reason, "something else changed it") {
		t.Errorf("%+v", s)
	}
	if err := e.Apply(t.Context(), prefixes(t, "198.51.100.1/32")); err != nil {
		t.Fatal(err)
	}
	if s := state(StateInForce, "198.51.100.1/32"); s.Packets != 5+5 {
		t.Errorf("counters do not go on when the table is made anew: %+v", s)
	}
	k.state = nil
	if s := state(StateFailed); !strings.Contains(s.Reason, "is not there") {
		t.Errorf("%+v", s)
	}
	if err := e.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	state(StateIdle)
}

func TestAListCountsOnlyWhenReadBack(t *testing.T) {
	k := &fakeKernel{tamper: func(s *tableState) { s.ranges = s.ranges[1:] }}
	e := withFake(t, k)
	err := e.Apply(t.Context(), prefixes(t, "203.0.113.9/32", "198.51.100.1/32"))
	if err == nil || !strings.Contains(err.Error(), "1 ranges instead of 2") {
		t.Errorf("%v", err)
	}
	if s := e.Status(); s.State != StateFailed {
		t.Errorf("%+v", s)
	}
}

func TestKernelThatComesLaterIsUsed(t *testing.T) {
	fail := error(&Refusal{ErrUnsupported, "this kernel has no nf_tables (x)"})
	k := &fakeKernel{}
	e, err := newEnforcer(Config{Mode: config.EnforceNftables}, func(string) (kernel, error) {
		if fail != nil {
			return nil, fail
		}
		return k, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := e.Status(); s.State != StateRefused || s.Reason != "this kernel has no nf_tables (x) at this node" {
		t.Errorf("%+v", s)
	}
	if err := e.Apply(t.Context(), nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
	fail = nil
	if err := e.Apply(t.Context(), nil); err != nil || k.replaced != 1 {
		t.Errorf("%v, %d", err, k.replaced)
	}
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if err := e.Apply(t.Context(), nil); err == nil {
		t.Error("applied after Close")
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1, 24, 10, 0, 0, 200, 32}, []byte{10, 0, 0, 7})
	f.Fuzz(func(t *testing.T, raw, probe []byte) {
		var list []netip.Prefix
		for ; len(raw) >= 5; raw = raw[5:] {
			a, _ := netip.AddrFromSlice(raw[:4])
			list = append(list, netip.PrefixFrom(a, int(raw[4]%33)))
		}
		ranges := merge(list)
		for i, r := range ranges {
			if r.from.Compare(r.to) > 0 || i > 0 && ranges[i-1].to.Next().Compare(r.from) >= 0 {
				t.Fatalf("%v are not ascending and apart", ranges)
			}
		}
		a, ok := netip.AddrFromSlice(probe)
		if !ok || !a.Is4() {
			return
		}
		holds := func(ps []netip.Prefix) bool {
			return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
		}
		var back []netip.Prefix
		for _, r := range ranges {
			back = append(back, r.prefixes()...)
		}
		if holds(list) != holds(back) {
			t.Fatalf("%v: before %v, after %v", a, list, fmt.Sprint(back))
		}
	})
}
