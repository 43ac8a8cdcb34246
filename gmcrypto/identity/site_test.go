package identity

import (
	"strings"
	"testing"
)

func TestParseSite(t *testing.T) {
	for _, good := range []string{"000000", "440000", "440100", "440106", "441900", "44010601", "440106010203040506"} {
		if s, err := ParseSite(good); err != nil || s.String() != good {
			t.Errorf("%s: %v", good, err)
		}
	}
	f := func(code, wantInError string) {
		t.Helper()
		if _, err := ParseSite(code); err == nil || !strings.Contains(err.Error(), wantInError) {
			t.Errorf("%q: %v, want an error with %q", code, err, wantInError)
		}
	}
	f("", "0 digits")
	f("44", "2 digits")
	f("4401", "4 digits")
	f("44010", "5 digits")
	f("4401060", "even number")
	f("44010a", "position 6")
	f("４40106", "position 1")
	f("440 06", "position 4")
	f("-40106", "position 1")
	f("44010600", "must not end in 00")
	f(strings.Repeat("4", 20), "longer than 18")
	f(strings.Repeat("4", 1<<16), "longer than 18")
}

func TestSiteContains(t *testing.T) {
	f := func(a, b Site, contains, above bool) {
		t.Helper()
		if a.Contains(b) != contains || a.Above(b) != above {
			t.Errorf("%s and %s: contains %v, above %v", a, b, a.Contains(b), a.Above(b))
		}
	}
	f("440000", "440000", true, false)
	f("440000", "440100", true, true)
	f("440000", "440106", true, true)
	f("440100", "440106", true, true)
	f("440100", "440000", false, false)
	f("440100", "440200", false, false)
	f("440106", "440107", false, false)
	f("440106", "44010601", true, true)
	f("440100", "450106", false, false)
	f("000000", "440000", true, true)
	f("000000", "000000", true, false)
	f("440000", "000000", false, false)
	f("441000", "441001", true, true) // the zero of 10 belongs to a pair
	f("441000", "441101", false, false)
	f("410000", "411000", true, true)
	f("", "440000", false, false)
	f("440000", "", false, false)
}

func TestNodeNames(t *testing.T) {
	for _, good := range []string{"n1", "a", "node-3", strings.Repeat("x", nodeBytesMax)} {
		if err := checkNode(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "N1", "-a", "a-", "a.b", "a/b", "a:b", "节点", " n1", strings.Repeat("x", nodeBytesMax+1)} {
		if err := checkNode(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func FuzzParseSite(f *testing.F) {
	f.Add("440106")
	f.Add("44010600")
	f.Fuzz(func(t *testing.T, code string) {
		s, err := ParseSite(code)
		if err != nil {
			return
		}
		if s.String() != code || !s.Contains(s) || s.Above(s) || len(s.Prefix())%2 != 0 {
			t.Fatalf("%q breaks the rules", code)
		}
	})
}
