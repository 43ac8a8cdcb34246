package field

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
)

// TestTables holds every table to what the engine takes for granted.
func TestTables(t *testing.T) {
	apps := map[flow.App]bool{}
	kinds := map[string]string{} // a keyword is the same kind of thing in all protocols
	for _, p := range Protocols() {
		if apps[p.App] || !p.App.Known() {
			t.Errorf("%s is listed twice, or is no protocol", p.App)
		}
		apps[p.App] = true
		mine := map[string]bool{}
		check := func(kind string, names []string, dirs Dirs, complete bool) {
			t.Helper()
			if len(names) == 0 || dirs == 0 || dirs&^Both != 0 || !complete {
				t.Errorf("%s: %s %v: names, directions or functions are missing", p.App, kind, names)
			}
			for _, name := range names {
				if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
					t.Errorf("%s: %q is no keyword", p.App, name)
				}
				if mine[name] {
					t.Errorf("%s: %s stands in the table twice", p.App, name)
				}
				mine[name] = true
				if have := kinds[name]; have != "" && have != kind {
					t.Errorf("%s: %s is a %s, elsewhere a %s", p.App, name, kind, have)
				}
				kinds[name] = kind
			}
		}
		for i := range p.Buffers {
			b := &p.Buffers[i]
			check("buffer", b.Names, b.Dirs, b.Get != nil)
			if b.Ended != nil && !b.Grows {
				t.Errorf("%s: %s ends but does not grow", p.App, b.Names[0])
			}
		}
		for i := range p.Numbers {
			n := &p.Numbers[i]
			check("number", n.Names, n.Dirs, n.Get != nil && n.Max > 0)
			for word, v := range n.Words {
				if word != strings.ToLower(word) || v > n.Max {
					t.Errorf("%s: %s: the word %q is not in lower case, or its value %d is above %d", p.App, n.Names[0], word, v, n.Max)
				}
			}
		}
		for i := range p.Tests {
			check("test", p.Tests[i].Names, p.Tests[i].Dirs, p.Tests[i].Parse != nil)
		}
		for i := range p.Frames {
			if f := &p.Frames[i]; len(f.Names) != 1 || f.Dirs == 0 || f.Get == nil {
				t.Errorf("%s: frame %v: name, directions or Get are missing", p.App, f.Names)
			}
		}
		checkEvents(t, &p)
	}
	if len(apps) < 4 {
		t.Errorf("only %d protocols", len(apps))
	}
}

func checkEvents(t *testing.T, p *Protocol) {
	t.Helper()
	for i, name := range p.Events {
		if name == "" || strings.ContainsAny(name, " .,") || slices.Contains(p.Events[:i], name) {
			t.Errorf("%s: event %q is listed twice, or is no name", p.App, name)
		}
	}
	for other, name := range p.EventNames {
		if !slices.Contains(p.Events, name) {
			t.Errorf("%s: event %s stands for %s, which is not raised", p.App, other, name)
		}
	}
}

// TestReadersOfValues gives each parser of values what no keyword takes: it must say so or take it, without panic.
func TestReadersOfValues(t *testing.T) {
	for _, p := range Protocols() {
		for i := range p.Tests {
			for _, value := range []string{"", "!", ",", "\"", "<>", "-1", "99999999999999999999", "a,b,c,d,e,f,g", "!!x", "0x", strings.Repeat("x", 1000)} {
				test, err := p.Tests[i].Parse(value)
				if err == nil && test == nil {
					t.Errorf("%s: %s:%q: neither a condition nor an error", p.App, p.Tests[i].Names[0], value)
				}
			}
		}
	}
}
