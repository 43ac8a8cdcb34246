package policy

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// lines is a builder that takes every line but "bad" ones.
type lines struct {
	builds    int
	installed []string
	fail      error
}

func (l *lines) Build(docs []Document) (func(context.Context) (int, error), map[Key]string) {
	l.builds++
	refused := map[Key]string{}
	var set []string
	for _, d := range docs {
		var problems []string
		for n, line := range strings.Fields(string(d.Body)) {
			if line == "bad" {
				problems = append(problems, fmt.Sprintf("line %d: bad", n+1))
			}
			set = append(set, line)
		}
		if len(problems) > 0 {
			refused[d.Key] = Reasons(problems)
		}
	}
	return func(context.Context) (int, error) {
		if l.fail != nil {
			return 0, l.fail
		}
		l.installed = set
		return len(set), nil
	}, refused
}

// head makes a head of bodies, oldest first.
func head(kind, name string, bodies ...string) Head {
	h := Head{Key: Key{"440000", kind, name}}
	for v := len(bodies); v > 0; v-- {
		h.Versions = append(h.Versions, uint64(v))
	}
	h.Load = func(_ context.Context, v uint64) ([]byte, error) {
		if bodies[v-1] == "unreadable" {
			return nil, errors.New("disk")
		}
		return []byte(bodies[v-1]), nil
	}
	return h
}

func TestARefusedVersionLeavesTheOlderOneInForce(t *testing.T) {
	b := &lines{}
	a := New(map[string]Builder{KindRuleset: b}, nil)
	v, err := a.Apply(t.Context(), []Head{head(KindRuleset, "x", "a1", "a2 bad bad bad bad", "a3 bad"), head(KindRuleset, "y", "b1"), head(KindRuleset, "z", "bad")})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.installed, []string{"a1", "b1"}) {
		t.Errorf("in force: %v", b.installed)
	}
	want := []Verdict{
		{Key{"440000", KindRuleset, "x"}, 3, false, "line 2: bad"},
		{Key{"440000", KindRuleset, "y"}, 1, true, ""},
		{Key{"440000", KindRuleset, "z"}, 1, false, "line 1: bad"},
	}
	if !slices.Equal(v, want) {
		t.Errorf("verdicts: %+v", v)
	}
	if s := a.Summary(); s.Sizes[KindRuleset] != 2 || len(s.Verdicts) != 3 {
		t.Errorf("summary: %+v", s)
	}
}

func TestOnlyWhatChangedIsBuilt(t *testing.T) {
	rules, intel := &lines{}, &lines{}
	a := New(map[string]Builder{KindRuleset: rules, KindIndicators: intel}, nil)
	heads := []Head{head(KindRuleset, "x", "a"), head(KindIndicators, "i", "1")}
	for range 3 {
		if _, err := a.Apply(t.Context(), heads); err != nil {
			t.Fatal(err)
		}
	}
	heads[1] = head(KindIndicators, "i", "1", "2")
	v, err := a.Apply(t.Context(), heads)
	if err != nil || len(v) != 2 || v[1].Version != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	if rules.builds != 1 || intel.builds != 2 || !slices.Equal(intel.installed, []string{"2"}) {
		t.Errorf("builds %d and %d", rules.builds, intel.builds)
	}
	if _, err := a.Apply(t.Context(), nil); err != nil || len(rules.installed) != 0 {
		t.Errorf("withdrawn: %v, %v", rules.installed, err)
	}
}

func TestFailuresAreVerdictsOrErrorsAndAreTriedAgain(t *testing.T) {
	b := &lines{fail: errors.New("operation not permitted: run with CAP_NET_ADMIN")}
	a := New(map[string]Builder{KindBlocklist: b}, nil)
	heads := []Head{head(KindBlocklist, "x", "10.1.1.1"), head(KindRuleset, "r", "a")}
	v, err := a.Apply(t.Context(), heads)
	if err != nil || len(v) != 2 || v[1].Applied || !strings.Contains(v[1].Reason, "CAP_NET_ADMIN") || !strings.Contains(v[0].Reason, "does not apply") {
		t.Fatalf("%+v, %v", v, err)
	}
	b.fail = nil
	if v, err = a.Apply(t.Context(), heads); err != nil || !v[1].Applied {
		t.Fatalf("again: %+v, %v", v, err)
	}
	heads[0] = head(KindBlocklist, "x", "10.1.1.1", "unreadable")
	if v, err = a.Apply(t.Context(), heads); err == nil || len(b.installed) != 1 || len(v) != 2 {
		t.Fatalf("unreadable: %+v, %v", v, err)
	}
	heads[0] = head(KindBlocklist, "x", "10.1.1.1", "\xff\xfe")
	if v, err = a.Apply(t.Context(), heads); err != nil || v[1].Applied || v[1].Reason != "the body is not UTF-8 text" || len(b.installed) != 1 {
		t.Fatalf("not text: %+v, %v", v, err)
	}
}

func TestGzip(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte("a b")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := &lines{}
	a := New(map[string]Builder{KindRuleset: b}, nil)
	v, err := a.Apply(t.Context(), []Head{head(KindRuleset, "x", z.String()), head(KindRuleset, "y", z.String()[:z.Len()-9])})
	if err != nil || !v[0].Applied || v[1].Applied || !slices.Equal(b.installed, []string{"a", "b"}) {
		t.Fatalf("%+v, %v, %v", v, b.installed, err)
	}
}

type firewall struct {
	now  []netip.Prefix
	fail error
}

func (f *firewall) Apply(_ context.Context, p []netip.Prefix) error {
	if f.fail == nil {
		f.now = p
	}
	return f.fail
}

func TestBlocklists(t *testing.T) {
	fw := &firewall{}
	b := &Blocklists{Enforcer: fw, Protected: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.9.0.1")} }}
	f := func(body string, want ...string) {
		t.Helper()
		install, refused := b.Build([]Document{{Key: Key{Name: "x"}, Body: []byte(body)}})
		if len(refused) > 0 {
			t.Errorf("%q refused: %v", body, refused)
			return
		}
		n, err := install(t.Context())
		var have []string
		for _, p := range fw.now {
			have = append(have, p.String())
		}
		if err != nil || n != len(want) || !slices.Equal(have, want) {
			t.Errorf("%q: %v, %v", body, have, err)
		}
	}
	f("# comment\n\n203.0.113.7\n198.51.100.0/24 # why\n203.0.113.7\n", "198.51.100.0/24", "203.0.113.7/32")
	f("2001:db8::1\n::ffff:203.0.113.9", "203.0.113.9/32", "2001:db8::1/128")
	f("")
	bad := func(body, part string) {
		t.Helper()
		_, refused := b.Build([]Document{{Key: Key{Name: "x"}, Body: []byte(body)}})
		if r := refused[Key{Name: "x"}]; !strings.Contains(r, part) {
			t.Errorf("%q: %q, want %q", body, r, part)
		}
	}
	bad("203.0.113.7\nbogus", "line 2: \"bogus\" is neither")
	bad("0.0.0.0/0", "wider than /8")
	bad("2000::/3", "wider than /16")
	bad("10.9.0.0/16", "contains 10.9.0.1")
	bad("127.0.0.1", "not an address a peer can have")
	bad("198.51.100.1/24", "host bits set, write 198.51.100.0/24")
	bad("fe80::1%eth0", "zone")
	bad("a\nb\nc\nd\ne", "and 2 more")
	fw.fail = errors.New("no right")
	install, _ := b.Build(nil)
	if _, err := install(t.Context()); err != nil {
		t.Errorf("nothing to enforce: %v", err)
	}
}

func FuzzBlocklist(f *testing.F) {
	f.Add([]byte("203.0.113.7\n198.51.100.0/24 # why\n\n2001:db8::/32"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, problems := parseBlocklist(b, nil)
		for _, p := range list {
			if !p.IsValid() || p.Masked() != p {
				t.Fatalf("%v", p)
			}
		}
		for _, p := range problems {
			if !strings.HasPrefix(p, "line ") {
				t.Fatalf("%q", p)
			}
		}
	})
}
