package address

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func testVars(name string) (string, bool) {
	v, ok := map[string]string{
		"HOME": "[192.168.0.0/16,10.0.0.0/8]", "EXT": "!$HOME", "P": "[80,8080:8090,!8085]", "LOOP": "$LOOP",
	}[name]
	return v, ok
}

func TestParse(t *testing.T) {
	f := func(text, in, out string) {
		t.Helper()
		s, err := Parse(text, testVars)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		for _, a := range strings.Fields(in) {
			if !s.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%s lacks %s", text, a)
			}
		}
		for _, a := range strings.Fields(out) {
			if s.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%s holds %s", text, a)
			}
		}
	}
	f("any", "1.2.3.4 ::1", "")
	f("$HOME", "10.1.2.3 192.168.1.1", "11.0.0.1 ::1 9.255.255.255")
	f("$EXT", "11.0.0.1 ::1 255.255.255.255 0.0.0.0", "10.0.0.0 10.255.255.255")
	f("!$EXT", "10.0.0.1", "")
	f("[10.0.0.0/8, ![10.1.0.0/16, 10.2.3.4]]", "10.0.0.1 10.2.3.5 10.255.255.255", "10.1.0.0 10.1.255.255 10.2.3.4")
	f("1.2.3.4-1.2.3.9", "1.2.3.4 1.2.3.9", "1.2.3.3 1.2.3.10")
	f("10.0.0.0/255.255.0.0", "10.0.255.255", "10.1.0.0")
	f("[fe80::/10,!fe80::1]", "fe80::2", "fe80::1 10.0.0.1")
	f("[!1.2.3.4]", "1.2.3.5", "1.2.3.4")
}

func TestParseProblems(t *testing.T) {
	f := func(text string, offset int, reason string) {
		t.Helper()
		_, err := Parse(text, testVars)
		var e *Error
		if !errors.As(err, &e) || e.Offset != offset || !strings.Contains(e.Reason, reason) {
			t.Errorf("%s: %#v", text, err)
		}
	}
	f("!any", 1, "nothing")
	f("[10.0.0.1,10.0.0.x]", 10, "not an address")
	f("$NOPE", 0, "not defined")
	f("$LOOP", 0, "nest")
	f("[1.2.3.4,]", 9, "empty")
	f("[1.2.3.4", 0, "no ]")
	f("[1.2.3.4,!1.2.3.4]", 0, "no address")
	f("1.2.3.4/255.0.255.0", 0, "mask")
}

func TestParsePorts(t *testing.T) {
	f := func(text string, in, out []uint16) {
		t.Helper()
		p, err := ParsePorts(text, testVars)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		for _, n := range in {
			if !p.Contains(n) {
				t.Errorf("%s lacks %d", text, n)
			}
		}
		for _, n := range out {
			if p.Contains(n) {
				t.Errorf("%s holds %d", text, n)
			}
		}
	}
	f("any", []uint16{0, 65535}, nil)
	f("80", []uint16{80}, []uint16{79, 81})
	f("1024:", []uint16{1024, 65535}, []uint16{1023})
	f(":1023", []uint16{0, 1023}, []uint16{1024})
	f("!80", []uint16{79}, []uint16{80})
	f("$P", []uint16{80, 8080, 8090, 8086}, []uint16{8085, 81})
	f("![25, 80:90]", []uint16{24, 91}, []uint16{25, 85})
	for _, bad := range []string{"", "x", "70000", "90:80", "!any", "[80,!80]", "$NOPE"} {
		if _, err := ParsePorts(bad, testVars); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

// TestSubtractSlow compares with going over every address of a small space.
func TestSubtractSlow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }
	for range 500 {
		var in, out []span
		var want [256]bool
		put := func(spans *[]span, value bool) {
			for range rng.IntN(4) + 1 {
				lo := rng.IntN(250)
				hi := lo + rng.IntN(6)
				*spans = append(*spans, span{addr(lo), addr(hi)})
				for i := lo; i <= hi; i++ {
					want[i] = value
				}
			}
		}
		put(&in, true)
		put(&out, false)
		s := &Set{spans: subtract(merge(in), merge(out))}
		for i, w := range want {
			if s.Contains(addr(i)) != w {
				t.Fatalf("in %v out %v: 10.0.0.%d is %v", in, out, i, !w)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[$HOME,!10.0.0.1]")
	f.Add("[80:90,!85]")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := Parse(text, testVars); err == nil && !s.any && len(s.spans) == 0 {
			t.Fatal("empty set accepted")
		}
		if p, err := ParsePorts(text, testVars); err == nil && !p.any && len(p.spans) == 0 {
			t.Fatal("empty ports accepted")
		}
	})
}
