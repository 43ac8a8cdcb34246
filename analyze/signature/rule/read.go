package rule

import (
	"strings"
)

// ruleBytesMax is the longest logical line read; Suricata's own limit is 8192, rule sets in the field stay below 6000.
const ruleBytesMax = 64 << 10

// optionsMax bounds the options of one rule.
const optionsMax = 1024

// Read calls rule for every rule in text and problem for every line that is none, in order of lines.
func Read(file, text string, rule func(*Rule), problem func(*Problem)) {
	r := &reader{file: file, text: text}
	for r.next() {
		parsed, bad := r.parse()
		if bad != nil {
			problem(bad)
			continue
		}
		rule(parsed)
	}
}

// piece is where a part of the logical line came from.
type piece struct {
	at     int // offset in the logical line
	line   int
	column int
}

type reader struct {
	file   string
	text   string
	line   int // lines consumed
	joined string
	pieces []piece
}

// next gathers one logical line that is neither empty nor a comment.
func (r *reader) next() bool {
	for r.text != "" {
		r.pieces = r.pieces[:0]
		var joined strings.Builder
		for {
			var line string
			line, r.text, _ = strings.Cut(r.text, "\n")
			r.line++
			r.pieces = append(r.pieces, piece{at: joined.Len(), line: r.line, column: 1})
			line = strings.TrimRight(line, " \t\r\f\v")
			comment := joined.Len() == 0 && strings.HasPrefix(strings.TrimLeft(line, " \t"), "#")
			if !comment && strings.HasSuffix(line, `\`) && r.text != "" && joined.Len() < ruleBytesMax {
				joined.WriteString(line[:len(line)-1])
				continue
			}
			joined.WriteString(line)
			break
		}
		r.joined = joined.String()
		trimmed := strings.TrimLeft(r.joined, " \t")
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		return true
	}
	return false
}

// pos maps an offset of the logical line to the file.
func (r *reader) pos(at int) Pos {
	for i := len(r.pieces) - 1; i >= 0; i-- {
		if p := r.pieces[i]; at >= p.at {
			return Pos{File: r.file, Line: p.line, Column: p.column + at - p.at}
		}
	}
	return Pos{File: r.file, Line: r.line, Column: 1}
}

func (r *reader) problem(at int, keyword, reason string) *Problem {
	return &Problem{Pos: r.pos(at), SID: guessSID(r.joined), Keyword: keyword, Reason: reason}
}

// guessSID finds the sid in a line too broken to parse, so that a refusal can still name the rule.
func guessSID(s string) string {
	i := strings.LastIndex(s, "sid:")
	if i < 0 {
		return ""
	}
	s = strings.TrimLeft(s[i+len("sid:"):], " ")
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n]
}

func (r *reader) parse() (*Rule, *Problem) {
	if len(r.joined) > ruleBytesMax {
		return nil, r.problem(0, "", "rule is longer than 65536 bytes")
	}
	out := &Rule{Text: r.joined}
	var words [7]Word
	at := 0
	for i := range words {
		start, end, ok := headerWord(r.joined, at)
		if !ok {
			return nil, r.problem(start, "", "header is incomplete: want action, protocol, source, ports, direction, destination, ports")
		}
		words[i] = Word{Text: r.joined[start:end], Pos: r.pos(start)}
		at = end
	}
	out.Pos = words[0].Pos
	out.Action, out.Proto, out.Src, out.SrcPorts, out.Dst, out.DstPorts = words[0], words[1], words[2], words[3], words[5], words[6]
	switch words[4].Text {
	case "->":
		out.Direction = OneWay
	case "<>":
		out.Direction = BothWays
	case "=>":
		out.Direction = BothInTransaction
	default:
		return nil, &Problem{Pos: words[4].Pos, SID: guessSID(r.joined), Reason: "direction is " + words[4].Text + ", want ->, <> or =>"}
	}
	open := skipBlanks(r.joined, at)
	if open == len(r.joined) || r.joined[open] != '(' {
		return nil, r.problem(open, "", "options must start with (")
	}
	closing := strings.LastIndexByte(r.joined, ')')
	if closing < open || strings.TrimSpace(r.joined[closing+1:]) != "" {
		return nil, r.problem(len(r.joined), "", "options must end with )")
	}
	if bad := r.options(out, open+1, closing); bad != nil {
		return nil, bad
	}
	return out, nil
}

// headerWord finds the next word; blanks inside brackets belong to the word, and an opening parenthesis ends it.
func headerWord(s string, at int) (start, end int, ok bool) {
	start = skipBlanks(s, at)
	depth := 0
	for end = start; end < len(s); end++ {
		switch c := s[end]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case (c == ' ' || c == '\t') && depth <= 0:
			return start, end, true
		case c == '(' && depth <= 0:
			return start, end, end > start
		}
	}
	return start, end, false
}

func skipBlanks(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\t') {
		at++
	}
	return at
}

func (r *reader) options(out *Rule, at, end int) *Problem {
	for {
		at = skipBlanks(r.joined, at)
		if at >= end {
			return nil
		}
		if len(out.Options) == optionsMax {
			return r.problem(at, "", "rule has more than 1024 options")
		}
		stop := optionEnd(r.joined[:end], at)
		if stop < 0 {
			return r.problem(at, "", "option has no ; at its end")
		}
		option, bad := r.option(at, stop)
		if bad != nil {
			return bad
		}
		out.Options = append(out.Options, option)
		at = stop + 1
	}
}

// optionEnd finds the semicolon that ends the option at at.
func optionEnd(s string, at int) int {
	for i := at; i < len(s); i++ {
		if s[i] == ';' && (i == at || s[i-1] != '\\') {
			return i
		}
	}
	return -1
}

func (r *reader) option(at, stop int) (Option, *Problem) {
	raw := r.joined[at:stop]
	name, value, has := strings.Cut(raw, ":")
	option := Option{Name: strings.TrimSpace(name), HasValue: has, Pos: r.pos(at), ValuePos: r.pos(at)}
	if option.Name == "" {
		return option, r.problem(at, "", "option without a name")
	}
	for i := 0; i < len(option.Name); i++ {
		if !nameByte(option.Name[i]) {
			return option, r.problem(at+i, option.Name, "option name has a character that no keyword has")
		}
	}
	if has {
		start := at + len(name) + 1
		start = skipBlanks(r.joined, start)
		option.Value = strings.TrimSpace(value)
		option.ValuePos = r.pos(start)
	}
	return option, nil
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}
