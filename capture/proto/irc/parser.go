package irc

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	lines [2]line.Cutter
	nick  []byte
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser of IRC: the client's registration (RFC 2812 3.1), with commands FTP has too only when
// they have IRC's form, or the server's first notices.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient {
		return serverFirst(b)
	}
	first, rest, whole := bytes.Cut(b, []byte{'\n'})
	word, args := line.Word(bytes.TrimRight(first, "\r"))
	command := string(line.Fold(word, 8))
	if !whole {
		if len(b) < 512 && (len(args) > 0 || len(word) < 6) {
			for _, w := range [...]string{"NICK", "USER", "PASS", "CAP"} {
				if n := min(len(word), len(w)); command == w || command == w[:n] && n == len(word) {
					return proto.Maybe
				}
			}
		}
		return proto.No
	}
	switch command {
	case "NICK":
		if len(args) > 0 && (!bytes.ContainsAny(args, " \t") || args[0] == ':') {
			return proto.Yes
		}
	case "CAP":
		if line.HasFold(args, "LS") || line.HasFold(args, "REQ") || line.HasFold(args, "END") {
			return proto.Yes
		}
	case "USER":
		if words := bytes.Fields(args); len(words) >= 4 {
			return proto.Yes
		}
	case "PASS": // registration goes on with another of these
		next, _, _ := bytes.Cut(rest, []byte{'\n'})
		switch word, _ := line.Word(bytes.TrimRight(next, "\r")); string(line.Fold(word, 8)) {
		case "NICK", "CAP":
			return proto.Yes
		case "USER":
			if bytes.Count(next, []byte{' '}) >= 4 {
				return proto.Yes
			}
		case "":
			return proto.Maybe
		}
	}
	return proto.No
}

// serverFirst judges the first line of a server.
func serverFirst(b []byte) proto.Match {
	best := proto.No
	for _, w := range [...]string{"NOTICE AUTH :", "NOTICE * :"} {
		n := min(len(b), len(w))
		if string(b[:n]) != w[:n] {
			continue
		}
		if n == len(w) {
			return proto.Yes
		}
		best = proto.Maybe
	}
	if len(b) == 0 || b[0] != ':' {
		return best
	}
	first, _, whole := bytes.Cut(b[:min(len(b), 512)], []byte{'\n'})
	_, rest := line.Word(first)
	for _, w := range [...]string{"NOTICE ", "001 ", "020 ", "CAP "} {
		if bytes.HasPrefix(rest, []byte(w)) {
			return proto.Yes
		}
	}
	if !whole && len(b) < 512 {
		return proto.Maybe
	}
	return proto.No
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for done < len(b) {
		l, n := p.lines[dir].Next(b[done:], lineBytesMax)
		if n == 0 {
			break
		}
		done += n
		if l.Rest || len(l.Text) == 0 {
			continue
		}
		if v := p.message(c, dir, l); v != proto.Continue {
			return done, v
		}
	}
	return done, proto.Continue
}

// message reads one line.
func (p *Parser) message(c *proto.Context, dir flow.Direction, l line.Line) proto.Verdict {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	ok := t.parse(l.Text)
	if !ok {
		c.Malformed++
		t.Anomaly("invalid_message")
	}
	if l.Cut {
		t.Anomaly("line_too_long")
	}
	switch {
	case dir == flow.ToServer && t.Command == "NICK" && len(t.Params) > 0,
		dir == flow.ToClient && t.Command == "001" && len(t.Params) > 0,
		dir == flow.ToClient && t.Command == "NICK" && len(t.Params) > 0 && bytes.Equal(t.Nick(), p.nick):
		p.nick, _ = line.Clip(t.Params[0], nameBytesMax)
	}
	if ok && !l.Cut && quiet(t.Command, dir) {
		return proto.Continue
	}
	t.User = p.nick
	t.DCC = t.dcc()
	c.Begin(t)
	t.Touch(dir)
	if dir == flow.ToClient && t.Command == "670" { // STARTTLS
		c.Flush = [2]bool{true, true}
		c.Next = flow.AppTLS
		return proto.Restart
	}
	return proto.Continue
}

// quiet tells whether a message says nothing worth an event.
func quiet(command string, dir flow.Direction) bool {
	if command == "PING" || command == "PONG" {
		return true
	}
	if dir == flow.ToServer || len(command) != 3 || command[0] < '0' || command[0] > '9' {
		return false
	}
	switch command {
	case "001", "332", "670", "691": // welcome, topic, STARTTLS
		return false
	}
	return command < "400" // errors are told
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, _ int64) proto.Verdict {
	p.lines[dir].Lose()
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	if len(rest) > 0 && !p.lines[dir].Pending() {
		p.message(c, dir, line.Line{Text: rest})
	}
}
