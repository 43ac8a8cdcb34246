// Package text puts words on a terminal: columns that stay aligned when some of them are Chinese, sparse colour where it is
// welcome, progress where somebody watches. It writes to what it is handed and knows nothing of Fengsui.
//
// Nothing here is safe for concurrent use by two goroutines at once, except the pure functions.
package text

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// wide are the ranges shown in two columns by terminals (Unicode East Asian Width W and F, to whole blocks).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x2e80, 0x303e, 1},
		{0x3041, 0x33ff, 1},
		{0x3400, 0x4dbf, 1},
		{0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1},
		{0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1},
		{0xfe30, 0xfe6f, 1},
		{0xff00, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f900, 0x1faff, 1}, {0x20000, 0x3fffd, 1}},
}

// Width is the number of terminal columns s takes. Control sequences are not expected in s.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0 || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// Pad fills s with spaces up to width columns. A longer s is returned as it is.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// PadLeft is Pad with the spaces in front, for numbers.
func PadLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-Width(s))) + s
}

// Cut shortens s to at most width columns, with an ellipsis where something was left out.
func Cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if Width(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		w := runeWidth(r)
		if n+w > width-1 {
			return s[:i] + "…"
		}
		n += w
	}
	return s
}

// Clean makes foreign text fit to be shown on one line: control characters, which could drive the terminal, become spaces.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
}

// IsTerminal tells whether w writes to a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Columns is the width of the terminal behind w, or fallback where there is none.
func Columns(w io.Writer, fallback int) int {
	f, ok := w.(*os.File)
	if !ok {
		return fallback
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil || n <= 0 {
		return fallback
	}
	return n
}

// Style colours text, or leaves it alone.
type Style struct{ on bool }

// NewStyle returns the style for w: coloured on a terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb.
func NewStyle(w io.Writer, getenv func(string) string) Style {
	return Style{IsTerminal(w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}

func (s Style) paint(code, t string) string {
	if !s.on || t == "" {
		return t
	}
	return "\x1b[" + code + "m" + t + "\x1b[0m"
}

// Bold is for what a reader looks for first.
func (s Style) Bold(t string) string { return s.paint("1", t) }

// Dim is for what may be skipped.
func (s Style) Dim(t string) string { return s.paint("2", t) }

// Good is for what went well.
func (s Style) Good(t string) string { return s.paint("32", t) }

// Warn is for what deserves a look.
func (s Style) Warn(t string) string { return s.paint("33", t) }

// Bad is for what failed.
func (s Style) Bad(t string) string { return s.paint("31", t) }

// Table gathers rows and prints them in aligned columns.
type Table struct {
	header []string
	rows   [][]string
	right  map[int]bool
	flow   int // index of the column that may be cut to the terminal's width; -1 = none
}

// NewTable starts a table. A header that ends in ">" aligns its column to the right; one that ends in "…" may be cut where the terminal is
// too narrow; the marks are not shown.
func NewTable(header ...string) *Table {
	t := &Table{right: map[int]bool{}, flow: -1}
	for i, h := range header {
		if s, ok := strings.CutSuffix(h, ">"); ok {
			h, t.right[i] = s, true
		}
		if s, ok := strings.CutSuffix(h, "…"); ok {
			h, t.flow = s, i
		}
		t.header = append(t.header, h)
	}
	return t
}

// Row adds one row. Cells may come from outside: they are cleaned.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(t.header))
	for i := range row {
		if i < len(cells) {
			row[i] = Clean(fmt.Sprint(cells[i]))
		}
		if row[i] == "" {
			row[i] = "-"
		}
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

const gap = "  " // between columns

// Print writes the table; a table without rows writes nothing.
func (t *Table) Print(w io.Writer) error {
	if len(t.rows) == 0 {
		return nil
	}
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	if t.flow >= 0 {
		total := len(gap) * (len(widths) - 1)
		for _, n := range widths {
			total += n
		}
		const narrowest = 12
		if over := total - Columns(w, 1<<20); over > 0 {
			widths[t.flow] = max(narrowest, widths[t.flow]-over)
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.header}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i == t.flow {
				cell = Cut(cell, widths[i])
			}
			if i > 0 {
				line.WriteString(gap)
			}
			if t.right[i] {
				line.WriteString(PadLeft(cell, widths[i]))
			} else {
				line.WriteString(Pad(cell, widths[i]))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Progress keeps one line on a terminal up to date. On anything else it writes nothing.
type Progress struct {
	w     io.Writer
	on    bool
	shown bool
}

// NewProgress returns a Progress for w.
func NewProgress(w io.Writer) *Progress { return &Progress{w: w, on: IsTerminal(w)} }

// Show replaces the line.
func (p *Progress) Show(format string, args ...any) {
	if !p.on {
		return
	}
	p.shown = true
	_, _ = fmt.Fprint(p.w, "\r\x1b[K"+Cut(Clean(fmt.Sprintf(format, args...)), Columns(p.w, 80)-1)) // nobody to tell when a terminal is gone
}

// Done removes the line.
func (p *Progress) Done() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
