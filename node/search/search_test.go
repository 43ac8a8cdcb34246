package search

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	row = Row{
		Site: "440106", Sensor: "n1", Class: "alert", ID: "00ff", Time: now.Add(-10 * time.Minute), Detected: now.Add(-9 * time.Minute),
		Detector: "signature", SID: 2019401, GID: 1, Rev: 3, Msg: "ET MALWARE Possible 木马 Beacon", Category: "A Network Trojan was detected", Severity: 1,
		Proto: "TCP", AppProto: "http", Src: netip.MustParseAddrPort("10.1.2.3:44211"), Dst: netip.MustParseAddrPort("[2001:db8::7]:80"), FlowID: 9, Count: 5,
	}
)

func TestMatches(t *testing.T) {
	f := func(expr string, want bool) {
		t.Helper()
		e, err := Parse(expr, now)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			return
		}
		if got := e.Match(&row); got != want {
			t.Errorf("%s: %v", expr, got)
		}
	}
	f("", true)
	f("*", true)
	f("beacon", true)
	f("木马", true)
	f(`"possible 木马"`, true)
	f("trojan", true)
	f("440106", true)
	f("nothing", false)
	f("sid=2019401", true)
	f("SID = 2019401", true)
	f("sid=2019402", false)
	f("sid!=2019402", true)
	f("severity<=2", true)
	f("severity<1", false)
	f("severity>=1 count>4", true)
	f("sid in (1, 2019401,3)", true)
	f("sid in (1,2)", false)
	f("proto=tcp", true)
	f("msg=et*beacon", true)
	f("msg=et*beaco", false)
	f("msg=*木马*", true)
	f("msg!=*nothing*", true)
	f("msg~malware", true)
	f("msg~nothing", false)
	f("src_ip=10.0.0.0/8", true)
	f("src_ip=10.1.2.3", true)
	f("src_ip=::ffff:10.1.2.3", true)
	f("src_ip!=10.0.0.0/8", false)
	f("ip=2001:db8::/32", true)
	f("dest_ip=10.0.0.0/8", false)
	f("port=80", true)
	f("port!=80", false)
	f("port=44211", true)
	f("dest_port>1000", false)
	f("time>now-15m", true)
	f("time>now-5m", false)
	f("time>=2026-11-21", true)
	f("time<2026-11-21T11:51:00Z", true)
	f("detected>now-1d", true)
	f("not beacon", false)
	f("not (beacon or nothing)", false)
	f("nothing or severity=1 and proto=udp", false)
	f("(nothing or severity=1) and proto=tcp", true)
	f("site=4401*", true)
	f("id=00FF", true)
}

func TestMistakesNameTheColumn(t *testing.T) {
	f := func(expr string, column int, part string) {
		t.Helper()
		_, err := Parse(expr, now)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted", expr)
			return
		}
		if e.Column != column || !strings.Contains(e.Reason, part) {
			t.Errorf("%s: got %v, want column %d and %q", expr, err, column, part)
		}
	}
	f("colour=red", 1, "no field")
	f("木马 colour=red", 4, "no field")
	f("sid=abc", 5, "is a number")
	f("src_ip=10.0.0", 8, "address or a prefix")
	f("src_ip>10.0.0.1", 7, "takes = and != only")
	f("sid~1", 4, "is for text")
	f("time>yesterday", 6, "is a time")
	f("time>now*3", 6, "is a time")
	f("sid=", 5, "a value must stand here")
	f("sid in 1", 8, "list in brackets")
	f("sid in (1", 10, "comma or a closing bracket")
	f("sid in ()", 9, "a value must stand here")
	f("(a or b", 1, "not closed")
	f(`"abc`, 1, "not closed")
	f("a)", 2, "does not belong here")
	f("or a", 1, "nothing on its left")
	f("a or", 5, "must stand here")
	f("!a", 1, "write != or not")
	f("= 3", 1, "a field or a word")
	f(strings.Repeat("(", 60), 52, "nested deeper")
	f(strings.Repeat("not ", 60), 205, "nested deeper")
	f(strings.Repeat("a ", 600), 1001, "more than 500 terms")
	f(strings.Repeat("a", 5000), 1, "longer than")
	f("a\xff", 1, "UTF-8")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "*", "sid=1 or (not msg~\"a\\\"b\" and ip=10.0.0.0/8)", "sid in (1,2)", "time>now-7d", "a*b", "msg=**", "((("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s, now)
		if err != nil {
			var pe *Error
			if !errors.As(err, &pe) || pe.Column < 1 || pe.Reason == "" {
				t.Fatalf("odd error %v", err)
			}
			return
		}
		got := e.Match(&row)
		again, err := Parse(e.String(), now)
		if err != nil || again.Match(&row) != got {
			t.Fatalf("%q does not mean the same twice: %v", s, err)
		}
		if not, err := Parse("not ("+s+")", now); err == nil && !e.All() && not.Match(&row) == got {
			t.Fatalf("%q and its negation agree", s)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	e, err := Parse("severity<=2 and (src_ip=10.0.0.0/8 or msg~beacon)", now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Match(&row)
	}
}
