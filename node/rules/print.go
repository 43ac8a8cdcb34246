package rules

import (
	"fmt"
	"io"
	"strings"
	"time"

	"fengsui/analyze/signature"
)

// printer writes an explanation for people.
type printer struct{ w io.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) explanation(x *signature.Explanation, attempts int) {
	p.line("%s", verdict(x))
	m := &x.Meta
	p.line("")
	p.line("rule %d:%d:%d  %s", m.GID, m.SID, m.Rev, m.Msg)
	p.line("     %s:%d", m.File, m.Line)
	p.wrap(x.Rule, 5, 150)
	for i := range x.Attempts[:min(len(x.Attempts), attempts)] {
		p.line("")
		p.attempt(i+1, &x.Attempts[i])
	}
	if more := uint64(max(len(x.Attempts)-attempts, 0)) + x.Overlooked; more > 0 {
		p.line("")
		p.line("%d further attempts got no further than these; --attempts N shows more", more)
	}
	if len(x.Misfits) > 0 {
		p.line("")
		p.line("not tried, because the header does not fit:")
		for i, f := range x.Misfits {
			if i == 10 {
				p.line("          … and %d other reasons", len(x.Misfits)-i)
				break
			}
			p.line("%8d  %s", f.Packets, f.Reason)
		}
	}
}

// verdict is the answer in one line.
func verdict(x *signature.Explanation) string {
	m := &x.Meta
	id := fmt.Sprintf("rule %d:%d", m.GID, m.SID)
	switch {
	case x.Alerts > 0 && x.Alerts == x.Matches:
		return fmt.Sprintf("MATCHED: %s alerted %s in %d packets", id, times(x.Alerts), x.Packets)
	case x.Alerts > 0:
		return fmt.Sprintf("MATCHED: %s matched %s in %d packets and alerted %s", id, times(x.Matches), x.Packets, times(x.Alerts))
	case x.Matches > 0:
		return fmt.Sprintf("MATCHED, NO ALERT: %s matched %s in %d packets; %s", id, times(x.Matches), x.Packets, quiet(x))
	case x.Packets == 0:
		return "NO PACKETS: the capture is empty"
	case len(x.Attempts) == 0 && x.TxRule && x.Looked == 0 && len(x.Misfits) == 0:
		return fmt.Sprintf("MISSED: %s looks at transactions, and none of its protocol was seen in %d packets", id, x.Packets)
	case len(x.Attempts) == 0:
		if len(x.Misfits) == 1 {
			return fmt.Sprintf("MISSED: %s was tried on none of %d packets: %s", id, x.Packets, x.Misfits[0].Reason)
		}
		return fmt.Sprintf("MISSED: %s was tried on none of %d packets: its header or its buffers fit none of them", id, x.Packets)
	}
	a := &x.Attempts[0]
	s := a.Steps[len(a.Steps)-1]
	where := s.What
	if s.Buffer != "" {
		where += " in " + s.Buffer
	}
	return fmt.Sprintf("MISSED: %s did not match in %d packets; it got furthest on %s, where it failed at %s: %s", id, x.Packets, packetName(a), where, s.Detail)
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// quiet says what kept a match from becoming an alert.
func quiet(x *signature.Explanation) string {
	for i := range x.Attempts {
		if a := &x.Attempts[i]; a.Matched && len(a.Steps) > 0 {
			s := a.Steps[len(a.Steps)-1]
			return s.What + ": " + s.Detail
		}
	}
	return "see below"
}

func packetName(a *signature.Attempt) string {
	if a.Packet == 0 {
		return "the end of a flow"
	}
	return fmt.Sprintf("packet %d", a.Packet)
}

func (p *printer) attempt(n int, a *signature.Attempt) {
	what := "failed"
	switch {
	case a.Alerted:
		what = "matched, alerted"
	case a.Matched:
		what = "matched, no alert"
	}
	head := fmt.Sprintf("%d. %s  %s  %s %s -> %s", n, packetName(a), a.At.UTC().Format(time.RFC3339Nano), a.Proto, a.Src, a.Dst)
	if a.Tx != "" {
		head += ", " + a.Tx
	}
	if a.Tried > 1 {
		head += fmt.Sprintf(" (the best of %d tries)", a.Tried)
	}
	p.line("%s: %s", head, what)
	buffer := ""
	for i := range a.Steps {
		s := &a.Steps[i]
		if s.Buffer != buffer && s.Buffer != "" {
			p.line("           in %s", s.Buffer)
		}
		buffer = s.Buffer
		p.step(s)
	}
}

func (p *printer) step(s *signature.ExplainStep) {
	mark := "  ok  "
	if !s.Held {
		mark = "FAILED"
	}
	indent := ""
	if s.Buffer != "" {
		indent = "  "
	}
	text := s.What
	if s.Detail != "" {
		text += " -- " + s.Detail
	}
	p.line("   %s  %s%s", mark, indent, text)
	if len(s.Data) > 0 {
		p.data(s)
	}
}

// data shows the bytes round a place: as text and in hexadecimal, the place itself in brackets.
func (p *printer) data(s *signature.ExplainStep) {
	const hexMax = 32
	var text, hex strings.Builder
	from := 0
	if s.Mark[1] > hexMax { // keep the place in sight
		from = max(s.Mark[0]-4, 0)
	}
	marked := s.Mark[1] > s.Mark[0]
	for i, c := range s.Data {
		if marked && i == s.Mark[0] {
			text.WriteString("»")
		}
		switch {
		case c == '\r':
			text.WriteString(`\r`)
		case c == '\n':
			text.WriteString(`\n`)
		case c >= 0x20 && c < 0x7f:
			text.WriteByte(c)
		default:
			text.WriteByte('.')
		}
		if marked && i == s.Mark[1]-1 {
			text.WriteString("«")
		}
		if i >= from && i < from+hexMax {
			switch {
			case marked && i == s.Mark[0]:
				hex.WriteString(" [")
			case marked && i == s.Mark[1]:
				hex.WriteString("] ")
			case i > from:
				hex.WriteByte(' ')
			}
			fmt.Fprintf(&hex, "%02x", c)
			if marked && i == s.Mark[1]-1 && (i == len(s.Data)-1 || i == from+hexMax-1) {
				hex.WriteByte(']')
			}
		}
	}
	more := ""
	if from+hexMax < len(s.Data) {
		more = " …"
	}
	p.line("             at %-5d %s", s.Offset, text.String())
	p.line("             %8s %s%s", "", strings.TrimSpace(hex.String()), more)
}

// wrap writes a long line in several, at blanks where there are some.
func (p *printer) wrap(text string, indent, width int) {
	pad := strings.Repeat(" ", indent)
	for len(text) > width {
		at := strings.LastIndexByte(text[:width], ' ')
		if at <= width/2 {
			at = width
		}
		p.line("%s%s", pad, text[:at])
		text = strings.TrimPrefix(text[at:], " ")
	}
	p.line("%s%s", pad, text)
}
