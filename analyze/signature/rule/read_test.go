package rule

import (
	"strings"
	"testing"
)

func readAll(text string) (rules []*Rule, problems []*Problem) {
	Read("f.rules", text, func(r *Rule) { rules = append(rules, r) }, func(p *Problem) { problems = append(problems, p) })
	return rules, problems
}

func TestReadRule(t *testing.T) {
	text := "# alert tcp any any -> any any (sid:9;)\n\n" +
		"alert http [$HOME_NET, !10.0.0.1] any <> any [80, 443:500] (msg:\"a \\; b\\: c\"; content:\"x|3b|\"; \\\n" +
		"   http_uri; sid:7; rev:2;)\r\n"
	rules, problems := readAll(text)
	if len(problems) != 0 || len(rules) != 1 {
		t.Fatalf("got %d rules, problems %v", len(rules), problems)
	}
	r := rules[0]
	if r.Src.Text != "[$HOME_NET, !10.0.0.1]" || r.DstPorts.Text != "[80, 443:500]" || r.Direction != BothWays || r.Action.Text != "alert" {
		t.Errorf("header: %+v", r)
	}
	if r.Pos.Line != 3 || r.Pos.Column != 1 {
		t.Errorf("rule at %v, want line 3", r.Pos)
	}
	var names []string
	for _, o := range r.Options {
		names = append(names, o.Name)
	}
	if got := strings.Join(names, " "); got != "msg content http_uri sid rev" {
		t.Errorf("options %s", got)
	}
	if got := Text(r.Options[0].Value); got != "a ; b: c" {
		t.Errorf("msg %q", got)
	}
	if o := r.Options[2]; o.Pos.Line != 4 || o.Pos.Column != 4 || o.HasValue {
		t.Errorf("http_uri at %v", o.Pos)
	}
	if o := r.Options[3]; o.ValuePos.Column != 18 || o.Value != "7" {
		t.Errorf("sid value %q at %v", o.Value, o.ValuePos)
	}
}

func TestReadProblems(t *testing.T) {
	f := func(text string, line, column int, sid, reason string) {
		t.Helper()
		rules, problems := readAll(text)
		if len(rules) != 0 || len(problems) != 1 {
			t.Fatalf("%q: %d rules, problems %v", text, len(rules), problems)
		}
		p := problems[0]
		if p.Pos.Line != line || p.Pos.Column != column || p.SID != sid || !strings.Contains(p.Reason, reason) {
			t.Errorf("%q: %+v", text, p)
		}
	}
	f("alert tcp any any", 1, 15, "", "header is incomplete")
	f("\nalert tcp any any >> any any (sid:3;)", 2, 19, "3", "direction")
	f("alert tcp any any -> any any sid:3;)", 1, 30, "3", "start with (")
	f("alert tcp any any -> any any (sid:3;", 1, 37, "3", "end with )")
	f("alert tcp any any -> any any (msg:\"x\"; sid:3)", 1, 40, "3", "no ;")
	f("alert tcp any any -> any any (ms g:\"x\"; sid:3;)", 1, 33, "3", "character")
	f("alert tcp any any -> any any (:3; sid:4;)", 1, 31, "4", "without a name")
}

func FuzzRead(f *testing.F) {
	f.Add("alert tcp any any -> any any (msg:\"x\\;\"; content:\"|41 42|\"; sid:1;)\n")
	f.Add("alert http [1.2.3.4, !$X] any => any 80 (a:b\\\n;c;sid:2;)")
	f.Add("#x\nalert\\\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		check := func(p Pos) {
			if p.Line < 1 || p.Line > lines || p.Column < 1 {
				t.Fatalf("position %v outside a text of %d lines", p, lines)
			}
		}
		Read("f", text, func(r *Rule) {
			check(r.Pos)
			for _, o := range r.Options {
				check(o.Pos)
				check(o.ValuePos)
				if o.Name == "" {
					t.Fatal("empty option name accepted")
				}
			}
		}, func(p *Problem) { check(p.Pos) })
	})
}
