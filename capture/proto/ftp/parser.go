package ftp

import (
	"bytes"
	"net/netip"
	"strconv"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

const (
	lineBytesMax  = 4096
	repliesMax    = 64
	replyBytesMax = 64 << 10
	waitingMax    = 512
	userNameMax   = 256
	codeDigits    = 3
)

// Parser reads one control connection. It implements proto.Parser.
type Parser struct {
	lines    [2]line.Cutter
	waiting  []*Transaction // without their final reply, oldest first
	user     []byte
	transfer *Transfer // the data connection that was announced last
	flooded  bool      // too many commands without reply were noted
	many     []byte    // the code of a reply of several lines that goes on
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser of control connections.
func New(bool) proto.Parser { return &Parser{} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	for done < len(b) {
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
			p.command(c, l)
		} else if v := p.reply(c, l); v != proto.Continue {
			return done, v
		}
	}
	return done, proto.Continue
}

// command begins a transaction.
func (p *Parser) command(c *proto.Context, l line.Line) {
	b := bytes.TrimLeft(l.Text, "\xff\xf4\xf2 ") // Telnet's interrupt before ABOR (RFC 959 4.1.3)
	if len(b) == 0 {
		return
	}
	t := &Transaction{Truncated: l.Cut}
	t.Line, _ = line.Clip(b, lineBytesMax)
	t.Command, t.Data = line.Word(t.Line)
	c.Begin(t)
	if l.Cut {
		t.Anomaly("request_command_too_long")
	}
	p.act(c, t)
	t.User = p.user
	t.progress[flow.ToServer] = Commanded
	t.Touch(flow.ToServer)
	if len(p.waiting) >= waitingMax {
		if !p.flooded { // once is enough
			p.flooded = true
			t.Anomaly("too_many_transactions")
		}
		p.waiting[0].finish()
		p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	}
	p.waiting = append(p.waiting, t)
}

// name returns a command in the form in which commands are compared.
func name(command []byte) string { return string(line.Fold(command, 8)) }

// secret tells whether a command's argument must not be shown.
func secret(command []byte) bool {
	switch name(command) {
	case "PASS", "ACCT", "ADAT":
		return true
	}
	return false
}

// act does what a command means for later ones.
func (p *Parser) act(c *proto.Context, t *Transaction) {
	switch cmd := name(t.Command); cmd {
	case "USER":
		p.user, _ = line.Clip(t.Data, userNameMax)
	case "PORT", "EPRT":
		t.Mode = Active
		at, ok := hostPort(t.Data)
		if cmd == "EPRT" {
			at, ok = extended(t.Data, netip.Addr{})
		}
		if !ok {
			return
		}
		t.Port = at.Port()
		t.Bounce = at.Addr() != c.Flow.Client.Addr().Unmap()
		p.announce(c, at, c.Flow.Server.Addr())
	case "PASV", "EPSV":
		t.Mode = Passive
	case "RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD":
		if p.transfer != nil {
			p.transfer.Command, p.transfer.Name = cmd, t.Data
			p.transfer = nil // the next one needs a connection of its own
		}
	}
}

// announce tells the pipeline of a data connection.
func (p *Parser) announce(c *proto.Context, server netip.AddrPort, client netip.Addr) {
	p.transfer = &Transfer{}
	c.Expect(proto.Expectation{Server: server, Client: client, App: flow.AppFTPData, Data: p.transfer})
}

// hostPort reads h1,h2,h3,h4,p1,p2, wherever in b it begins.
func hostPort(b []byte) (at netip.AddrPort, ok bool) {
	for len(b) > 0 && (b[0] < '0' || b[0] > '9') {
		b = b[1:]
	}
	var n [6]byte
	for i := range n {
		digits, v := 0, 0
		for len(b) > 0 && b[0] >= '0' && b[0] <= '9' && digits < 3 {
			v = v*10 + int(b[0]-'0')
			b = b[1:]
			digits++
		}
		if digits == 0 || v > 255 {
			return at, false
		}
		n[i] = byte(v)
		if i < len(n)-1 {
			if len(b) == 0 || b[0] != ',' {
				return at, false
			}
			b = bytes.TrimLeft(b[1:], " ")
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), true
}

// extended reads |protocol|address|port| (RFC 2428), with any delimiter; an empty address means the given one.
func extended(b []byte, own netip.Addr) (at netip.AddrPort, ok bool) {
	if len(b) < 4 {
		return at, false
	}
	parts := bytes.Split(b[1:], b[:1])
	if len(parts) < 3 {
		return at, false
	}
	port, err := strconv.ParseUint(string(parts[2]), 10, 16)
	if err != nil {
		return at, false
	}
	if len(parts[1]) > 0 {
		if own, err = netip.ParseAddr(string(parts[1][:min(len(parts[1]), 64)])); err != nil {
			return at, false
		}
	}
	return netip.AddrPortFrom(own.Unmap(), uint16(port)), own.IsValid()
}

// reply reads a line of the server.
func (p *Parser) reply(c *proto.Context, l line.Line) proto.Verdict {
	var t *Transaction
	if len(p.waiting) > 0 {
		t = p.waiting[0]
	} else {
		t = &Transaction{}
		c.Begin(t)
		p.waiting = append(p.waiting, t)
	}
	code, last := status(l.Text)
	r := Reply{Text: l.Text}
	if code != nil {
		r.Code, r.Text = bytes.Clone(code), l.Text[min(codeDigits+1, len(l.Text)):]
	}
	if len(t.Replies) < repliesMax && t.replyBytes < replyBytesMax {
		r.Text, _ = line.Clip(r.Text, lineBytesMax)
		t.Replies = append(t.Replies, r)
		t.replyBytes += len(r.Text)
	} else {
		t.ReplyTruncated = true
	}
	if l.Cut {
		t.ReplyTruncated = true
		t.Anomaly("response_command_too_long")
	}
	t.Touch(flow.ToClient)
	switch {
	case code == nil: // inside a reply, or nothing we know
		if p.many == nil {
			c.Malformed++
			if t.Command == nil {
				return p.final(c, t, 0, nil)
			}
		}
		return proto.Continue
	case p.many != nil && !(last && bytes.Equal(code, p.many)):
		return proto.Continue
	case !last:
		p.many = bytes.Clone(code)
		return proto.Continue
	}
	p.many = nil
	n, _ := strconv.Atoi(string(code))
	return p.final(c, t, n, l.Text)
}

// status reads a line's code, nil when it has none, and whether it ends a reply.
func status(b []byte) (code []byte, last bool) {
	if len(b) < codeDigits || len(b) > codeDigits && b[codeDigits] != ' ' && b[codeDigits] != '-' {
		return nil, false
	}
	for _, d := range b[:codeDigits] {
		if d < '0' || d > '9' {
			return nil, false
		}
	}
	return b[:codeDigits], len(b) == codeDigits || b[codeDigits] == ' '
}

// final judges the last line of a reply.
func (p *Parser) final(c *proto.Context, t *Transaction, code int, text []byte) proto.Verdict {
	if code > 0 && code < 200 {
		return proto.Continue // preliminary: another one follows
	}
	switch {
	case code == 227 && t.Mode == Passive:
		if at, ok := hostPort(text[codeDigits:]); ok {
			p.passive(c, t, at)
		}
	case code == 229 && t.Mode == Passive:
		if _, inner, found := bytes.Cut(text, []byte{'('}); found {
			inner, _, _ = bytes.Cut(inner, []byte{')'})
			if at, ok := extended(inner, c.Flow.Server.Addr()); ok {
				p.passive(c, t, at)
			}
		}
	}
	p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	t.finish()
	if code == 234 && name(t.Command) == "AUTH" { // RFC 4217 4
		for _, w := range p.waiting {
			w.finish()
		}
		p.waiting = nil
		c.Flush = [2]bool{true, true}
		c.Next = flow.AppTLS
		return proto.Restart
	}
	return proto.Continue
}

// passive announces the connection a server offers. Behind address translation the address it names is often not the one
// it has.
func (p *Parser) passive(c *proto.Context, t *Transaction, at netip.AddrPort) {
	t.Port = at.Port()
	own := c.Flow.Server.Addr()
	p.announce(c, netip.AddrPortFrom(own, at.Port()), c.Flow.Client.Addr())
	if at.Addr() != own.Unmap() {
		c.Expect(proto.Expectation{Server: at, Client: c.Flow.Client.Addr(), App: flow.AppFTPData, Data: p.transfer})
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, _ int64) proto.Verdict {
	p.lines[dir].Lose()
	if dir == flow.ToClient { // replies can no longer be told apart: begin anew
		for _, t := range p.waiting {
			t.finish()
		}
		p.waiting, p.many = p.waiting[:0], nil
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	if dir == flow.ToServer {
		if len(rest) > 0 && !p.lines[dir].Pending() {
			p.command(c, line.Line{Text: rest})
		}
		return
	}
	for _, t := range p.waiting {
		t.finish()
	}
	p.waiting = nil
}
