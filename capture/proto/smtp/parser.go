package smtp

import (
	"bytes"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
	"fengsui/capture/proto/mime"
)

const (
	lineBytesMax    = 4096
	lineAllowed     = 510 // RFC 5321 4.5.3.1.4, without line end
	waitingMax      = 512
	recipientsMax   = 100
	pathBytesMax    = 1024
	linesKeptMax    = 64
	lineKeptMax     = 512
	mailPieceMax    = 8 << 10
	rawKeptMax      = 16 << 10 // of a mail as sent, for frames
	bdatBytesMax    = 1 << 32
	credentialsMax  = 4096
	userNameMax     = 256
	replyDigits     = 3
	tlsHandshake    = 0x16 // first byte of a TLS record
	sslHello        = 0x80 // of an SSL 2 one, at least
	continuedReply  = '-'
	terminatorBytes = 1 // "."
)

// mode is what the client's next bytes are.
type mode uint8

const (
	commands mode = iota
	sasl          // answers to the server's challenges
	dataNext      // a mail, unless DATA is refused first
	data          // a mail
	chunk         // a BDAT chunk
)

// verb is a command whose reply matters.
type verb uint8

const (
	other verb = iota
	greet
	startTLS
	auth
	dataStart
	dataEnd
	bdat
	bdatLast
	quit
)

// pending is a command that waits for its reply.
type pending struct {
	verb verb
	tx   *Transaction
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	c       *proto.Context // of the call
	tx      *Transaction   // the last one begun
	sent    bool           // its mail is complete
	helo    []byte
	user    []byte
	waiting []pending

	lines    [2]line.Cutter
	mode     mode
	left     int64 // bytes of the BDAT chunk
	last     bool  // it ends the mail
	mail     *mime.Reader
	start    bool   // the next byte of a mail begins a line
	login    string // SASL mechanism
	loginAt  int    // answers given
	welcomed bool   // the server has spoken
	reply    bool   // inside a reply of several lines
	upgrade  bool   // the server has agreed to STARTTLS
	deaf     bool   // bytes of the server were lost: replies cannot be matched
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	p.c = c
	if dir == flow.ToServer && p.upgrade {
		return 0, p.upgraded(b[0])
	}
	done := 0
	for done < len(b) {
		n, v := 0, proto.Continue
		switch {
		case dir == flow.ToClient:
			n, v = p.replyLine(b[done:])
		case p.mode == dataNext || p.mode == data:
			n = p.mailLine(b[done:])
		case p.mode == chunk:
			n = p.chunk(b[done:])
		default:
			n = p.commandLine(b[done:])
		}
		done += n
		if n == 0 || v != proto.Continue {
			return done, v
		}
	}
	return done, proto.Continue
}

// begin returns the transaction a command belongs to, a new one when the last is over.
func (p *Parser) begin() *Transaction {
	if p.tx == nil || p.sent {
		if p.tx != nil {
			p.finish(p.tx) // if no reply is to come, because the server's bytes were lost
		}
		p.tx, p.sent = &Transaction{Helo: p.helo, User: p.user}, false
		p.c.Begin(p.tx)
	}
	return p.tx
}

// current is begin for what begins nothing by itself.
func (p *Parser) current() *Transaction {
	if p.tx == nil {
		return p.begin()
	}
	return p.tx
}

// commandLine reads a command or an answer to a challenge.
func (p *Parser) commandLine(b []byte) int {
	l, n := p.lines[flow.ToServer].Next(b, lineBytesMax)
	if n == 0 || l.Rest {
		return n
	}
	p.c.Flush[flow.ToServer] = true
	verb := p.command(l.Text)
	if l.Cut {
		p.tx.Anomaly("truncated_line")
	}
	if len(l.Text) > lineAllowed && p.mode != sasl {
		p.tx.Anomaly("max_command_line_len_exceeded")
	}
	p.tx.Commands = keep(p.tx.Commands, l.Text)
	p.tx.Touch(flow.ToServer)
	if len(p.waiting) > 0 && p.waiting[len(p.waiting)-1].verb == startTLS && verb != startTLS {
		p.tx.Anomaly("invalid_pipelined_sequence")
	}
	if len(p.waiting) < waitingMax && !(p.mode == sasl && verb == other) {
		p.waiting = append(p.waiting, pending{verb, p.tx})
	}
	return n
}

// keep adds a line to those that are kept.
func keep(list [][]byte, b []byte) [][]byte {
	if len(list) >= linesKeptMax {
		return list
	}
	b, _ = line.Clip(b, lineKeptMax)
	return append(list, b)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.c = c
	if dir == flow.ToClient {
		p.deaf = true
		for _, w := range p.waiting {
			if w.tx != p.tx {
				w.tx.advance(dir, Done)
			}
		}
		p.waiting = p.waiting[:0]
		p.lines[dir].Lose()
		if p.mode == sasl {
			p.mode = commands
		}
		return proto.Continue
	}
	switch p.mode {
	case dataNext, data:
		p.mailBytes(rest)
		p.mail.Gap(n)
		p.mode, p.start = data, true
		p.lines[dir].Reset()
	case chunk:
		k := min(n, p.left)
		p.mail.Gap(k)
		p.left -= k
		if p.left == 0 {
			p.chunkEnd()
			p.lines[dir].Lose()
		}
	default:
		p.lines[dir].Lose()
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	p.c = c
	if dir == flow.ToServer {
		if len(rest) > 0 && (p.mode == data || p.mode == dataNext) {
			p.mailBytes(rest)
		}
		if p.tx != nil && !p.sent {
			if p.mail != nil {
				p.mail.Abort()
			}
			p.tx.advance(dir, Done)
		}
		p.sent, p.mail = true, nil
		return
	}
	for _, w := range p.waiting {
		w.tx.advance(dir, Done)
	}
	p.waiting = p.waiting[:0]
	if p.tx != nil {
		p.tx.advance(dir, Done)
	}
}

// over ends the current mail on the client's side.
func (p *Parser) over() {
	if p.tx != nil && !p.sent {
		p.sent = true
		p.tx.advance(flow.ToServer, Done)
	}
	p.mail = nil
}

// startMail begins a mail in the current transaction.
func (p *Parser) startMail() {
	t := p.tx
	if t.Mail == nil {
		p.mail = mime.NewReader(mime.Options{
			File:    func(name []byte) *file.File { return p.c.NewFile(flow.ToServer, name) },
			Anomaly: t.Anomaly,
			KeepRaw: rawKeptMax,
		})
		t.Mail = p.mail.Mail()
		p.start = true
	}
	t.advance(flow.ToServer, InHeader)
}

// mailLine reads a line of a mail sent with DATA, or a piece of a long one.
func (p *Parser) mailLine(b []byte) int {
	if p.mode == dataNext {
		p.mode = data
		if p.welcomed && !p.deaf {
			p.tx.Anomaly("invalid_pipelined_sequence")
		}
		p.startMail()
	}
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
	if p.start && n == terminatorBytes && b[0] == '.' {
		p.dataOver()
		return i + 1
	}
	p.mailPiece(b[:n], b[n:i+1])
	return i + 1
}

// mailPiece hands a line on, the doubled dot removed (RFC 5321 4.5.2).
func (p *Parser) mailPiece(b, end []byte) {
	if p.start && len(b) > 0 && b[0] == '.' {
		b = b[1:]
	}
	p.start = end != nil
	p.mail.Line(b, end)
	p.shown()
}

// mailBytes hands on an unfinished line.
func (p *Parser) mailBytes(b []byte) {
	if p.mode == dataNext {
		p.startMail()
		p.mode = data
	}
	if p.mail != nil && len(b) > 0 {
		p.mailPiece(b, nil)
	}
}

// shown tells inspectors that the mail has grown.
func (p *Parser) shown() {
	if p.tx.Mail.HeaderDone && p.tx.progress[flow.ToServer] < InBody {
		p.c.Flush[flow.ToServer] = true
		p.tx.advance(flow.ToServer, InBody)
		return
	}
	p.tx.Touch(flow.ToServer)
}

// dataOver ends a mail sent with DATA.
func (p *Parser) dataOver() {
	p.mail.Close()
	p.mode = commands
	p.lines[flow.ToServer].Reset()
	p.c.Flush[flow.ToServer] = true
	if len(p.waiting) < waitingMax {
		p.waiting = append(p.waiting, pending{dataEnd, p.tx})
	}
	p.over()
}

// chunk reads bytes of a BDAT chunk.
func (p *Parser) chunk(b []byte) int {
	n := int(min(int64(len(b)), p.left))
	p.mail.Write(b[:n])
	p.left -= int64(n)
	p.shown()
	if p.left == 0 {
		p.chunkEnd()
	}
	return n
}

// chunkEnd ends a chunk, and the mail when it was the last.
func (p *Parser) chunkEnd() {
	p.mode = commands
	p.c.Flush[flow.ToServer] = true
	if p.last {
		p.mail.Close()
		p.over()
	}
}
