package telnet

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

const (
	lineBytesMax   = 1024
	outputBytesMax = 4096
	promptBytesMax = 256
)

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	c         *proto.Context
	cmds      [2]commands
	buf       []byte
	tx        *Transaction // whose output is coming
	typed     []byte       // the line so far
	cut       bool
	prompt    []byte // when its first byte was typed
	typing    bool
	escape    int    // bytes into an escape sequence of the client
	unended   []byte // the server's unfinished line
	afterCR   bool   // the client's last byte was CR
	user      []byte
	terminal  []byte
	environ   []Variable
	tooLong   bool
	encrypted bool
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	p := &Parser{}
	for dir := range p.cmds {
		p.cmds[dir].tooLong = func() { p.tooLong = true }
	}
	p.cmds[flow.ToClient].content = func(option byte, b []byte) {
		p.encrypted = p.encrypted || option == optEncrypt && len(b) > 0 && b[0] == encryptStart
	}
	p.cmds[flow.ToServer].content = func(option byte, b []byte) {
		switch option {
		case optTerminal:
			p.terminal = terminal(b)
		case optEnviron:
			p.environ = environ(b)
		case optEncrypt:
			p.encrypted = p.encrypted || len(b) > 0 && b[0] == encryptStart
		}
	}
	return p
}

// Recognise is the proto.Recogniser of Telnet: two negotiations one after the other, or on its port one, or a log-in
// prompt.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	negotiates := func(b []byte) bool {
		return len(b) >= 3 && b[0] == iac && (b[1] >= will && b[1] <= dont && b[2] <= 50 || b[1] == sb)
	}
	switch {
	case len(b) > 0 && b[0] == iac:
		if negotiates(b) && (p.Port(23) || len(b) >= 6 && b[1] != sb && negotiates(b[3:])) {
			return proto.Yes
		}
		if len(b) < 6 && (len(b) < 3 || negotiates(b)) {
			return proto.Maybe
		}
		return proto.No
	case !p.Port(23) || p.Dir == flow.ToServer:
		return proto.No
	}
	if low := bytes.ToLower(b); bytes.Contains(low, []byte("login:")) || bytes.Contains(low, []byte("username:")) || bytes.Contains(low, []byte("password:")) {
		return proto.Yes
	}
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' && c != '\t' && c != 0x1b && c != 0 && c != '\a' {
			return proto.No
		}
	}
	return proto.Maybe
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	p.c = c
	p.buf = p.cmds[dir].text(p.buf[:0], b)
	if dir == flow.ToClient {
		p.printed(p.buf)
	} else {
		for _, k := range p.buf {
			p.key(k)
		}
	}
	if p.tooLong {
		p.tooLong = false
		c.Malformed++
		p.current().Anomaly("subnegotiation_too_long")
		p.tx.Touch(dir)
	}
	if p.encrypted {
		p.finish()
		return len(b), proto.Stop
	}
	return len(b), proto.Continue
}

// current returns the transaction whose output is coming, the banner's at first.
func (p *Parser) current() *Transaction {
	if p.tx == nil {
		p.tx = &Transaction{Kind: Banner}
		p.tx.progress[flow.ToServer] = Done
		p.c.Begin(p.tx)
	}
	return p.tx
}

// printed takes what the server prints.
func (p *Parser) printed(b []byte) {
	if len(b) == 0 {
		return
	}
	if i := bytes.LastIndexAny(b, "\r\n"); i >= 0 {
		p.unended = append(p.unended[:0], b[max(i+1, len(b)-promptBytesMax):]...)
	} else if p.unended = append(p.unended, b[max(len(b)-promptBytesMax, 0):]...); len(p.unended) > promptBytesMax {
		p.unended = p.unended[:copy(p.unended, p.unended[len(p.unended)-promptBytesMax:])]
	}
	if p.typing && bytes.IndexByte(b, '\n') < 0 {
		return // echo
	}
	t := p.current()
	for _, k := range b {
		if len(t.Output) < outputBytesMax && k != 0 {
			t.Output = append(t.Output, k)
		}
	}
	t.advance(flow.ToClient, Begun)
}

// key takes one byte the user types.
func (p *Parser) key(k byte) {
	cr := p.afterCR
	p.afterCR = k == '\r'
	switch {
	case p.escape == 1: // the byte behind ESC
		p.escape = 0
		if k == '[' || k == 'O' {
			p.escape = 2
		}
	case p.escape == 2: // parameters, up to a letter
		if k >= '@' && k <= '~' {
			p.escape = 0
		}
	case k == 0x1b:
		p.escape = 1
	case cr && (k == '\n' || k == 0): // belongs to the CR
	case k == '\r' || k == '\n':
		p.entered()
	case k == 0x7f || k == '\b':
		p.typed = p.typed[:max(len(p.typed)-1, 0)]
	case k == 0x15 || k == 0x03: // kill, interrupt
		p.typed = p.typed[:0]
	case k >= ' ' || k == '\t':
		if !p.typing {
			p.typing = true
			p.prompt = append(p.prompt[:0], p.unended...)
		}
		if len(p.typed) < lineBytesMax {
			p.typed = append(p.typed, k)
		} else {
			p.cut = true
		}
	}
}

// entered ends a line.
func (p *Parser) entered() {
	if !p.typing {
		p.prompt = append(p.prompt[:0], p.unended...)
	}
	t := &Transaction{Kind: kindOf(p.prompt), Terminal: p.terminal, Environ: p.environ, Cut: p.cut}
	t.Line, _ = line.Clip(p.typed, lineBytesMax)
	t.Prompt, _ = line.Clip(p.prompt, promptBytesMax)
	p.typed, p.typing, p.cut, p.unended = p.typed[:0], false, false, p.unended[:0]
	if t.Kind == User {
		p.user = t.Line
	}
	t.User = p.user
	p.finish()
	p.tx = t
	p.c.Begin(t)
	p.c.Flush[flow.ToServer] = true
	t.advance(flow.ToServer, Done)
}

// kindOf tells from the prompt what a line is.
func kindOf(prompt []byte) Kind {
	b := bytes.ToLower(bytes.TrimRight(prompt, " \t\x00"))
	switch {
	case bytes.HasSuffix(b, []byte("login:")), bytes.HasSuffix(b, []byte("username:")), bytes.HasSuffix(b, []byte("user:")),
		bytes.HasSuffix(b, []byte("user name:")), bytes.HasSuffix(b, []byte("login name:")), bytes.HasSuffix(b, []byte("account:")):
		return User
	case bytes.Contains(b, []byte("password")) && bytes.HasSuffix(b, []byte(":")), bytes.HasSuffix(b, []byte("passwd:")),
		bytes.HasSuffix(b, []byte("passcode:")), bytes.HasSuffix(b, []byte("enable secret:")):
		return Password
	}
	return Command
}

// finish ends the output of the last line.
func (p *Parser) finish() {
	if p.tx != nil {
		p.tx.advance(flow.ToClient, Done)
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, _ int64) proto.Verdict {
	p.cmds[dir].at = inText
	if dir == flow.ToServer {
		p.escape, p.cut = 0, true
	} else {
		p.unended = p.unended[:0]
	}
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, _ []byte) {
	p.c = c
	if dir == flow.ToServer {
		if len(p.typed) > 0 {
			p.entered()
		}
		return
	}
	p.finish()
}
