package intel

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/ssh"
)

const sampleList = `# sample
ip 203.0.113.7 severity=1 name="Example C2 # not a comment"
cidr 198.51.100.0/24
cidr 198.51.100.128/25 name=nearer
domain Bad.Example. source=feed
url http://evil.example/gate.php
url evil.example/q?a=1
ja3 E7D705A3286E19EA42F587B344EE6865
ip 2001:db8::1   # six
`

func load(t testing.TB, text string) *Set {
	t.Helper()
	s, problems := Parse("list", text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

func TestFind(t *testing.T) {
	s := load(t, sampleList)
	if s.Len() != 8 || s.Count(CIDR) != 2 {
		t.Errorf("%d indicators", s.Len())
	}
	addr := func(text, want string) {
		t.Helper()
		got := ""
		if x := s.FindAddr(netip.MustParseAddr(text)); x != nil {
			got = x.Value
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	addr("203.0.113.7", "203.0.113.7")
	addr("::ffff:203.0.113.7", "203.0.113.7")
	addr("203.0.113.8", "")
	addr("198.51.100.1", "198.51.100.0/24")
	addr("198.51.100.200", "198.51.100.128/25")
	addr("2001:db8::1", "2001:db8::1")
	name := func(text string, want bool) {
		t.Helper()
		if got := s.FindDomain([]byte(text)) != nil; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	name("bad.example", true)
	name("A.B.BAD.example.", true)
	name("notbad.example", false)
	name("example", false)
	name("", false)
	name(strings.Repeat("a", 300), false)
	link := func(host, uri string, want bool) {
		t.Helper()
		if got := s.FindURL([]byte(host), []byte(uri), nil) != nil; got != want {
			t.Errorf("%s%s: %v", host, uri, got)
		}
	}
	link("EVIL.example", "/gate.php", true)
	link("evil.example", "/gate.php?id=3", true)
	link("evil.example", "http://evil.example/gate.php", true)
	link("evil.example", "/q?a=1", true)
	link("evil.example", "/q?a=2", false)
	link("evil.example", "/", false)
	if s.FindText(JA3, "e7d705a3286e19ea42f587b344ee6865") == nil {
		t.Error("ja3 not found")
	}
}

func TestProblems(t *testing.T) {
	f := func(line string, column int, reason string) {
		t.Helper()
		_, problems := Parse("l", "ip 1.1.1.1\n"+line+"\n")
		if len(problems) != 1 || problems[0].Line != 2 || problems[0].Column != column || !strings.Contains(problems[0].Reason, reason) {
			t.Errorf("%q: %+v", line, problems)
		}
	}
	f("host x", 1, "type")
	f("ip", 3, "without a value")
	f("  ip 1.2.3", 6, "not an address")
	f("cidr 10.0.0.1/8", 6, "did you mean 10.0.0.0/8")
	f("domain com", 8, "top-level")
	f("domain a..b", 8, "not a domain")
	f("url ftp://x/", 5, "URL")
	f("ja3 12", 5, "32 hexadecimal")
	f("sha256 12", 8, "64 hexadecimal")
	f("sm3 12", 5, "64 hexadecimal")
	f("sha1 12", 6, "40 hexadecimal")
	f("ja4 x", 5, "JA4")
	f("ip 1.2.3.4 severity=9", 12, "1 to 4")
	f("ip 1.2.3.4 colour=red", 12, "field")
	f(`ip 1.2.3.4 name="x`, 12, "quote")
}

func TestInspect(t *testing.T) {
	var got []string
	in := NewDetector(load(t, sampleList)).NewInspector(func(a *alert.Alert) { got = append(got, a.Indicator) })
	p := &packet.Packet{IPVersion: 4, Kind: packet.KindUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("203.0.113.7")}
	f := &flow.Flow{}
	f.Count[0].Packets = 1
	in.Packet(p, f, flow.ToServer)
	f.Count[0].Packets = 2
	in.Packet(p, f, flow.ToServer) // not again
	q := &dns.Transaction{Message: dns.Message{Questions: []dns.Question{{Name: []byte("www.bad.example")}, {Name: []byte("ok.example")}}}}
	in.Transaction(p, f, flow.ToServer, q)
	if fmt.Sprint(got) != "[ip:203.0.113.7 domain:bad.example]" {
		t.Error(got)
	}
}

func TestFindFile(t *testing.T) {
	s := load(t, "md5 00112233445566778899aabbccddeeff\nsm3 "+strings.Repeat("AB", 32)+"\n")
	if fmt.Sprint(s.Digests()) != "[md5 sm3]" {
		t.Error(s.Digests())
	}
	find := func(name string, sum []byte) string {
		x, value := s.FindFile(func(n string) []byte {
			if n == name {
				return sum
			}
			return nil
		})
		if x == nil {
			return ""
		}
		return x.Kind.String() + ":" + value
	}
	if got := find("md5", []byte{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}); got != "md5:00112233445566778899aabbccddeeff" {
		t.Error(got)
	}
	if got := find("sm3", bytes.Repeat([]byte{0xab}, 32)); got == "" {
		t.Error("sm3 not found")
	}
	if find("sha256", bytes.Repeat([]byte{0xab}, 32)) != "" || find("md5", nil) != "" || find("md5", make([]byte, 64)) != "" {
		t.Error("found what is not there")
	}
}

func TestInspectSSH(t *testing.T) {
	var got []string
	in := NewDetector(load(t, "hassh 00112233445566778899aabbccddeeff\n")).NewInspector(func(a *alert.Alert) { got = append(got, a.Indicator) })
	x := &ssh.Transaction{}
	x.Offer[flow.ToServer].HASSH = []byte("00112233445566778899aabbccddeeff")
	p := &packet.Packet{IPVersion: 4, Kind: packet.KindTCP, Pseudo: true}
	in.Transaction(p, &flow.Flow{}, flow.ToClient, x)
	in.Transaction(p, &flow.Flow{}, flow.ToServer, x)
	if fmt.Sprint(got) != "[hassh:00112233445566778899aabbccddeeff]" {
		t.Error(got)
	}
}

func TestMerge(t *testing.T) {
	s := Merge(load(t, "ip 1.1.1.1 name=a\n"), load(t, "ip 1.1.1.1 name=b\ncidr 10.0.0.0/8\n"))
	if s.Len() != 2 || s.FindAddr(netip.MustParseAddr("1.1.1.1")).Name != "a" || s.FindAddr(netip.MustParseAddr("10.1.1.1")) == nil {
		t.Error("merge lost something")
	}
}

func TestNoAllocation(t *testing.T) {
	s := load(t, sampleList)
	name, a, key := []byte("www.Some.Other.Example"), netip.MustParseAddr("192.0.2.1"), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		s.FindDomain(name)
		s.FindAddr(a)
		s.FindURL(name, []byte("/x?y"), key)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sampleList)
	f.Fuzz(func(t *testing.T, text string) {
		s, problems := Parse("f", text)
		lines := strings.Count(text, "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 {
				t.Fatalf("%+v in %d lines", p, lines)
			}
		}
		if s.Len() > lines {
			t.Fatal("more indicators than lines")
		}
	})
}

func BenchmarkMillionDomains(b *testing.B) {
	var text strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "domain host%d.example\n", i)
	}
	s := load(b, text.String())
	hit, miss := []byte("a.b.host77777.example"), []byte("www.some.where.else.org")
	b.ReportAllocs()
	for b.Loop() {
		s.FindDomain(hit)
		s.FindDomain(miss)
	}
}
