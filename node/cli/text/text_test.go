package text

import (
	"bytes"
	"strings"
	"testing"
)

func TestWidthCountsColumns(t *testing.T) {
	f := func(s string, want int) {
		t.Helper()
		if got := Width(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
	f("", 0)
	f("abc", 3)
	f("天河区", 6)
	f("烽燧 ok", 7)
	f("é", 1)
	f("e\u0301", 1)
	f("（）", 4)
	f("ｱ", 1)
	f("①→✓", 3)
	f("𠮷", 2)
	f("\x1b", 0)
}

func TestCutKeepsWholeCharacters(t *testing.T) {
	f := func(s string, width int, want string) {
		t.Helper()
		if got := Cut(s, width); got != want || Width(got) > max(width, 0) {
			t.Errorf("%q to %d: %q, want %q", s, width, got, want)
		}
	}
	f("abc", 3, "abc")
	f("abcd", 3, "ab…")
	f("天河区", 6, "天河区")
	f("天河区", 5, "天河…")
	f("天河区", 4, "天…")
	f("天河区", 1, "…")
	f("天河区", 0, "")
	f("天河区", -1, "")
}

func TestTableAlignsChinese(t *testing.T) {
	table := NewTable("site", "name", "alerts>", "note…")
	table.Row("440000", "广东省", 1024, "x")
	table.Row("440106", "天河", 7, "")
	table.Row("4", "a\x1b[31mb\nc")
	var b bytes.Buffer
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	want := "site    name       alerts  note\n" +
		"440000  广东省       1024  x\n" +
		"440106  天河            7  -\n" +
		"4       a [31mb c       -  -\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	column := -1
	for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n")[:3] {
		cells := strings.Fields(line)
		if at := Width(line[:strings.Index(line, cells[2])+len(cells[2])]); column >= 0 && at != column {
			t.Errorf("column ends at %d, before at %d", at, column)
		} else {
			column = at
		}
	}
	b.Reset()
	if err := NewTable("a").Print(&b); err != nil || b.Len() != 0 {
		t.Errorf("empty table: %v %q", err, b.String())
	}
}

func TestNoTerminalNoColourNoProgress(t *testing.T) {
	var b bytes.Buffer
	s := NewStyle(&b, func(string) string { return "" })
	if got := s.Bold("x") + s.Dim("x") + s.Good("x") + s.Warn("x") + s.Bad("x"); got != "xxxxx" {
		t.Errorf("%q", got)
	}
	p := NewProgress(&b)
	p.Show("half")
	p.Done()
	if b.Len() != 0 || IsTerminal(&b) || Columns(&b, 99) != 99 {
		t.Errorf("%q", b.String())
	}
	if got := (Style{true}).Bad("x"); got != "\x1b[31mx\x1b[0m" || (Style{true}).Bad("") != "" {
		t.Errorf("%q", got)
	}
}
