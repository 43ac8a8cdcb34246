package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"fengsui/node/cli/text"
)

// printer tells the story: to people as it happens, or to programs as one JSON object a step.
type printer struct {
	w       io.Writer
	json    bool
	style   text.Style
	columns int
	began   time.Time // of the step
	number  int       // of the step
	step    string    // its name, for programs
}

const (
	columnsMost   = 110 // wider lines are hard to read
	columnsNone   = 100 // where the output is no terminal
	columnsLeast  = 40
	indent        = "     "
	nameColumns   = 19
	figureColumns = 9
)

func newPrinter(w io.Writer, asJSON bool, getenv func(string) string) *printer {
	return &printer{w: w, json: asJSON, style: text.NewStyle(w, getenv), columns: max(columnsLeast, min(columnsMost, text.Columns(w, columnsNone)))}
}

func (p *printer) write(line string) {
	_, _ = io.WriteString(p.w, line+"\n") // where nobody listens there is nobody to tell
}

// say prints a line to people. Its parts are plain text: colour is added after the width has been reckoned.
func (p *printer) say(format string, args ...any) {
	if !p.json {
		p.write(text.Cut(text.Clean(fmt.Sprintf(format, args...)), p.columns))
	}
}

// title opens the story.
func (p *printer) title() {
	if p.json {
		return
	}
	p.write("")
	p.write("  " + p.style.Bold("烽燧 Fengsui") + p.style.Dim("  three tiers on this machine: real processes, real traffic, a cut line, a killed leader"))
}

// begin opens a step: a sign, an English and a Chinese heading.
func (p *printer) begin(step, sign, heading, chinese string) {
	p.began, p.step = time.Now(), step
	p.number++
	if !p.json {
		p.write("")
		p.write(fmt.Sprintf("  %s  %s  %s", p.style.Warn(sign), p.style.Bold(heading), p.style.Dim(chinese)))
	}
}

// fact prints one line of a step: who, what, and a figure at the right edge. What does not fit goes on below.
func (p *printer) fact(who, what, figure string) {
	if p.json {
		return
	}
	room := p.columns - len(indent) - nameColumns - 2 - figureColumns - 1
	lines := wrap(text.Clean(what), room)
	p.write(indent + text.Pad(text.Cut(text.Clean(who), nameColumns), nameColumns) + "  " +
		text.Pad(lines[0], room) + " " + p.style.Good(text.PadLeft(figure, figureColumns)))
	for _, more := range lines[1:] {
		p.write(indent + text.Pad("", nameColumns) + "  " + more)
	}
}

// note prints an aside of a step, in full: it may hold a reason somebody needs.
func (p *printer) note(format string, args ...any) {
	if p.json {
		return
	}
	for _, line := range wrap(text.Clean(fmt.Sprintf(format, args...)), p.columns-len(indent)) {
		p.write(indent + p.style.Dim(line))
	}
}

// wrap breaks a text into lines of at most room columns, at spaces where there are any. It returns at least one line.
func wrap(s string, room int) []string {
	var out []string
	for text.Width(s) > room {
		head := fold(s, room)
		out = append(out, strings.TrimSpace(head))
		s = strings.TrimSpace(s[len(head):])
	}
	return append(out, s)
}

// fold returns the start of a line that fits, up to a space where there is one, and at least one character.
func fold(line string, room int) string {
	width, end := 0, 0
	for i, r := range line {
		if width += text.Width(string(r)); width > room && i > 0 {
			break
		}
		end = i + len(string(r))
	}
	if i := strings.LastIndexByte(line[:end], ' '); i > end/2 {
		return line[:i]
	}
	return line[:end]
}

// end closes a step; fields go to programs, beside its name and time.
func (p *printer) end(fields map[string]any) {
	if !p.json {
		return
	}
	out := map[string]any{"step": p.step, "number": p.number, "ms": ms(time.Since(p.began))}
	for k, v := range fields {
		out[k] = v
	}
	p.object(out)
}

// object prints one JSON object on a line.
func (p *printer) object(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b = fmt.Appendf(nil, `{"error":%q}`, err.Error())
	}
	p.write(string(b))
}

// ms gives a duration as milliseconds with a tenth.
func ms(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// took renders a duration for people: 7.4 ms, 312 ms, 6.2 s.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d < 9950*time.Microsecond:
		return fmt.Sprintf("%.1f ms", ms(d))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
