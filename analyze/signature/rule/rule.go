package rule

import (
	"fmt"
	"strings"
)

// Pos is a place in a rule file. Line and Column count from 1; Column counts bytes.
type Pos struct {
	File   string
	Line   int
	Column int
}

// String is "file:line:column".
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Word is a piece of the rule with the place where it starts.
type Word struct {
	Text string
	Pos  Pos
}

// Option is one "name:value;" of the option list. Value has the blanks round it removed and keeps quotes and escapes as written.
type Option struct {
	Name     string
	Value    string
	HasValue bool
	Pos      Pos // of the name
	ValuePos Pos // of the value; of the name when there is none
}

// Direction is the arrow of the header.
type Direction uint8

// The arrows: one way, both ways as two rules, both ways in one transaction (Suricata 8).
const (
	OneWay Direction = iota
	BothWays
	BothInTransaction
)

// Rule is one rule as written.
type Rule struct {
	Pos       Pos
	Text      string // the logical line, continuations joined
	Action    Word
	Proto     Word
	Src       Word
	SrcPorts  Word
	Direction Direction
	Dst       Word
	DstPorts  Word
	Options   []Option
}

// First gives the value of the first option called name.
func (r *Rule) First(name string) (string, bool) {
	for i := range r.Options {
		if r.Options[i].Name == name {
			return r.Options[i].Value, true
		}
	}
	return "", false
}

// Problem says why a piece of rule text is not a rule. SID is "" when the text has none that can be read.
type Problem struct {
	Pos     Pos
	SID     string
	Keyword string
	Reason  string
}

// Error is "file:line:column: reason".
func (p *Problem) Error() string { return p.Pos.String() + ": " + p.Reason }

// Unquote removes the double quotes round a value, if both are there.
func Unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// Text resolves the escapes of a free-text value (msg, reference): backslash before ; : " or backslash.
func Text(s string) string {
	s = Unquote(strings.TrimSpace(s))
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`;:"\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
