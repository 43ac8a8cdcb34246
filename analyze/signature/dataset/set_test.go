package dataset

import (
	"strings"
	"testing"
)

func TestKinds(t *testing.T) {
	f := func(kind, text string, in, out []byte, back string) {
		t.Helper()
		k, ok := ParseKind(kind)
		if !ok {
			t.Fatalf("%s is no kind", kind)
		}
		s := New("x", k, 0)
		if err := s.Load(text, false); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if _, ok := s.Has(in); !ok {
			t.Errorf("%s: %q is not in the set", kind, in)
		}
		if _, ok := s.Has(out); ok {
			t.Errorf("%s: %q is in the set", kind, out)
		}
		if got := string(s.Text()); got != back {
			t.Errorf("%s: written as %q, want %q", kind, got, back)
		}
	}
	f("string", "Z29vZ2xlLmNvbQ==\n# c\n\n", []byte("google.com"), []byte("Z29vZ2xlLmNvbQ=="), "Z29vZ2xlLmNvbQ==\n")
	f("md5", strings.Repeat("ab", 16), []byte(strings.Repeat("\xab", 16)), []byte("\xab"), strings.Repeat("ab", 16)+"\n")
	f("sha256", strings.Repeat("0c", 32), []byte(strings.Repeat("\x0c", 32)), nil, strings.Repeat("0c", 32)+"\n")
	f("ipv4", "192.0.2.1", []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2}, "192.0.2.1\n")
	f("ip", "::ffff:192.0.2.1\n2001:db8::1\n", []byte{192, 0, 2, 1}, make([]byte, 16), "192.0.2.1\n2001:db8::1\n")
}

func TestChange(t *testing.T) {
	s := New("x", String, 2*(entryBytes+1))
	if !s.Add([]byte("a")) || s.Add([]byte("a")) || !s.Add([]byte("b")) || s.Add([]byte("c")) {
		t.Error("a and b are new once, c has no room")
	}
	if n, full := s.Len(); n != 2 || full != 1 {
		t.Errorf("%d values, %d without room", n, full)
	}
	if !s.Remove([]byte("a")) || s.Remove([]byte("a")) || !s.Add([]byte("c")) {
		t.Error("a leaves once and makes room for c")
	}
	if New("x", MD5, 0).Add([]byte("short")) {
		t.Error("a digest of 5 bytes was added")
	}
}

func TestScores(t *testing.T) {
	s := New("x", String, 0)
	if err := s.Load("YQ==,7\n", true); err != nil {
		t.Fatal(err)
	}
	if rep, ok := s.Has([]byte("a")); !ok || rep != 7 {
		t.Errorf("reputation %d, %v", rep, ok)
	}
	for _, bad := range []string{"YQ==", "YQ==,x", "YQ==,70000", "?,1"} {
		if New("x", String, 0).Load(bad, true) == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestJSON(t *testing.T) {
	f := func(text, key, array string, lines, good bool) {
		t.Helper()
		s := New("x", String, 0)
		err := s.LoadJSON(text, key, array, lines)
		_, has := s.Has([]byte("toto.com"))
		if (err == nil) != good || has != good {
			t.Errorf("%s: error %v, found %v", text, err, has)
		}
	}
	f(`[{"host":"toto.com"},{"other":1}]`, "host", "", false, true)
	f(`{"response":{"threats":[{"host":{"name":"toto.com"}}]}}`, "host.name", "response.threats", false, true)
	f("{\"host\":\"toto.com\"}\n\n{\"host\":\"b\"}\n", "host", "", true, true)
	f(`{"a":1}`, "host", "", false, false)
	f(`[{"x":1}]`, "host", "", false, false)
	f(`[`, "host", "", false, false)
	f("{", "host", "", true, false)
}
