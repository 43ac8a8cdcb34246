package pop3

import (
	"bytes"
	"encoding/base64"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
	"fengsui/capture/proto/mime"
)

const (
	lineBytesMax = 4096
	// What RFC 2449 4 allows: 255 bytes a command, 512 a response, with line end.
	requestAllowed  = 255
	responseAllowed = 512
	argsMax         = 16
	dataLinesMax    = 256
	dataBytesMax    = 16 << 10
	waitingMax      = 128
	userNameMax     = 256
	mailPieceMax    = 8 << 10
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	c       *proto.Context
	lines   [2]line.Cutter
	waiting []*Transaction // without their whole response, oldest first
	last    *Transaction
	user    []byte
	mail    *mime.Reader // of the response being read
	start   bool         // the next byte of it begins a line
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Recognise is the proto.Recogniser of POP3: its greeting, or on its port a first command.
func Recognise(p *proto.Probe) proto.Match {
	words := []string{"+OK "}
	if p.Dir == flow.ToServer {
		words = []string{"APOP ", "CAPA\r\n"}
		if p.Port(110) {
			words = append(words, "USER ", "AUTH", "STLS\r\n", "QUIT\r\n")
		}
	} else if p.Port(110) { // elsewhere it may be Redis
		words = append(words, "+OK\r\n", "-ERR ")
	}
	best := proto.No
	for _, w := range words {
		n := min(len(p.Data), len(w))
		if !line.HasFold(p.Data[:n], w[:n]) {
			continue
		}
		if n == len(w) {
			return proto.Yes
		}
		best = proto.Maybe
	}
	return best
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	p.c = c
	done := 0
	for done < len(b) {
		if dir == flow.ToClient && p.mail != nil {
			n := p.mailLine(b[done:])
			if n == 0 {
				break
			}
			done += n
			continue
		}
		l, n := p.lines[dir].Next(b[done:], lineBytesMax)
		if n == 0 {
			break
		}
		done += n
		if l.Rest {
			continue
		}
		c.Flush[dir] = true
		if dir == flow.ToServer {
			p.command(l)
		} else if v := p.response(l); v != proto.Continue {
			return done, v
		}
	}
	return done, proto.Continue
}

// arguments says how many arguments a command may have; ok is false for one we do not know.
func arguments(command string) (least, most int, ok bool) {
	switch command {
	case "QUIT", "STAT", "NOOP", "RSET", "CAPA", "STLS", "UTF8":
		return 0, 0, true
	case "USER", "RETR", "DELE":
		return 1, 1, true
	case "PASS", "LANG": // a password may hold spaces
		return 0, argsMax, true
	case "LIST", "UIDL":
		return 0, 1, true
	case "APOP", "TOP":
		return 2, 2, true
	case "AUTH":
		return 0, 2, true
	}
	return 0, 0, false
}

// command reads a line of the client.
func (p *Parser) command(l line.Line) {
	if t := p.last; t != nil && t.sasl && !t.Complete(flow.ToClient) {
		p.answer(t, l.Text)
		t.Touch(flow.ToServer)
		return
	}
	t := &Transaction{}
	t.Line, _ = line.Clip(l.Text, lineBytesMax)
	word, rest := line.Word(t.Line)
	t.Command = word
	if up := line.Fold(word, 8); up != nil {
		t.Command = up
	}
	for len(rest) > 0 && len(t.Args) < argsMax {
		var a []byte
		a, rest = line.Word(rest)
		t.Args = append(t.Args, a)
	}
	p.c.Begin(t)
	name := string(t.Command)
	least, most, ok := arguments(name)
	switch {
	case !ok:
		t.Anomaly("unknown_command")
	case len(t.Args) < least || len(t.Args) > most:
		t.Anomaly("incorrect_argument_count")
	}
	if len(l.Text) > requestAllowed || l.Cut {
		t.Anomaly("request_too_long")
	}
	switch name {
	case "USER", "APOP":
		if len(t.Args) > 0 {
			p.user, _ = line.Clip(t.Args[0], userNameMax)
		}
	case "AUTH":
		t.sasl = len(t.Args) > 0
		if len(t.Args) > 1 {
			p.answer(t, t.Args[1])
		}
	case "LIST", "UIDL":
		t.many = len(t.Args) == 0
	case "CAPA", "RETR", "TOP":
		t.many = true
	}
	t.many = t.many || name == "AUTH" && len(t.Args) == 0
	t.User = p.user
	t.progress[flow.ToServer] = Commanded
	t.Touch(flow.ToServer)
	p.last = t
	if len(p.waiting) >= waitingMax {
		t.Anomaly("too_many_transactions")
		p.waiting[0].finish()
		p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	}
	p.waiting = append(p.waiting, t)
}

// answer looks for the user's name in an answer to a challenge. Nothing else of it is kept.
func (p *Parser) answer(t *Transaction, b []byte) {
	at := t.answers
	t.answers++
	plain, err := base64.StdEncoding.DecodeString(string(b[:min(len(b), lineBytesMax)]))
	if err != nil || len(t.Args) == 0 {
		return
	}
	var name []byte
	switch string(line.Fold(t.Args[0], 16)) {
	case "PLAIN":
		if parts := bytes.Split(plain, []byte{0}); len(parts) == 3 {
			name = parts[1]
		}
	case "LOGIN":
		if at == 0 {
			name = plain
		}
	case "CRAM-MD5":
		name = plain[:max(bytes.LastIndexByte(plain, ' '), 0)]
	}
	if len(name) > 0 {
		p.user, _ = line.Clip(name, userNameMax)
		t.User = p.user
	}
}

// response reads a line of the server.
func (p *Parser) response(l line.Line) proto.Verdict {
	var t *Transaction
	if len(p.waiting) > 0 {
		t = p.waiting[0]
	} else {
		t = &Transaction{}
		p.c.Begin(t)
		p.waiting = append(p.waiting, t)
	}
	b := l.Text
	t.Touch(flow.ToClient)
	if l.Cut {
		t.Anomaly("response_too_long")
	}
	if len(t.Status) > 0 { // further lines
		if string(b) == "." {
			return p.over(t)
		}
		if len(b) > 1 && b[0] == '.' {
			b = b[1:]
		}
		if len(t.Data) < dataLinesMax && t.bytes < dataBytesMax {
			d, _ := line.Clip(b, lineBytesMax)
			t.Data = append(t.Data, d)
			t.bytes += len(d)
		}
		return proto.Continue
	}
	if len(b) > responseAllowed {
		t.Anomaly("response_too_long")
	}
	word, rest := line.Word(b)
	switch {
	case t.sasl && len(b) > 0 && b[0] == '+' && len(word) == 1: // a challenge
		return proto.Continue
	case len(word) > 1 && (word[0] == '+' || word[0] == '-'):
		t.Status = line.Fold(word[1:], 16)
		t.Header, _ = line.Clip(rest, responseAllowed)
	}
	if len(t.Status) == 0 {
		p.c.Malformed++
		return p.over(t)
	}
	t.progress[flow.ToClient] = Commanded
	if !t.many || string(t.Status) != "OK" {
		return p.over(t)
	}
	if name := string(t.Command); name == "RETR" || name == "TOP" {
		p.mail = mime.NewReader(mime.Options{
			File:    func(name []byte) *file.File { return p.c.NewFile(flow.ToClient, name) },
			Anomaly: t.Anomaly,
		})
		t.Mail = p.mail.Mail()
		p.start = true
	}
	return proto.Continue
}

// over ends the response to the oldest command.
func (p *Parser) over(t *Transaction) proto.Verdict {
	p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	p.mail = nil
	t.finish()
	if string(t.Command) == "STLS" && string(t.Status) == "OK" {
		t.STLS = true
		for _, w := range p.waiting {
			w.finish()
		}
		p.waiting = nil
		p.c.Flush = [2]bool{true, true}
		p.c.Next = flow.AppTLS
		return proto.Restart
	}
	return proto.Continue
}

// mailLine reads a line of a mail, or a piece of a long one.
func (p *Parser) mailLine(b []byte) int {
	i := bytes.IndexByte(b[:min(len(b), mailPieceMax)], '\n')
	if i < 0 {
		if len(b) < mailPieceMax {
			return 0
		}
		p.mailPiece(b[:mailPieceMax], nil)
		return mailPieceMax
	}
	n := i
	if n > 0 && b[n-1] == '\r' {
		n--
	}
	if p.start && n == 1 && b[0] == '.' {
		p.mail.Close()
		p.c.Flush[flow.ToClient] = true
		p.over(p.waiting[0])
		return i + 1
	}
	p.mailPiece(b[:n], b[n:i+1])
	return i + 1
}

// mailPiece hands a line on, the doubled dot removed.
func (p *Parser) mailPiece(b, end []byte) {
	if p.start && len(b) > 0 && b[0] == '.' {
		b = b[1:]
	}
	p.start = end != nil
	p.mail.Line(b, end)
	t := p.waiting[0]
	if t.Mail.HeaderDone && t.progress[flow.ToClient] < InBody {
		t.progress[flow.ToClient] = InBody
		p.c.Flush[flow.ToClient] = true
	}
	t.Touch(flow.ToClient)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.c = c
	if dir == flow.ToClient && p.mail != nil {
		if len(rest) > 0 {
			p.mailPiece(rest, nil)
		}
		p.mail.Gap(n)
		p.start = true
		return proto.Continue
	}
	p.lines[dir].Lose()
	if dir == flow.ToClient { // responses can no longer be told apart
		for _, t := range p.waiting {
			t.finish()
		}
		p.waiting = p.waiting[:0]
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	p.c = c
	if dir == flow.ToServer {
		if len(rest) > 0 && !p.lines[dir].Pending() {
			p.command(line.Line{Text: rest})
		}
		return
	}
	if p.mail != nil {
		if len(rest) > 0 {
			p.mailPiece(rest, nil)
		}
		p.mail.Abort()
		p.mail = nil
	}
	for _, t := range p.waiting {
		t.finish()
	}
	p.waiting = nil
}
