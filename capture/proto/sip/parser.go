package sip

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

// half is one direction of a TCP connection.
type half struct {
	tx      *Transaction // whose body is being read
	left    int64        // bytes of it still to come
	scanned int          // of the unconsumed bytes, how many were searched for the empty line
	lost    bool
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram bool
	half     [2]half
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(datagram bool) proto.Parser { return &Parser{datagram: datagram} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.datagram {
		p.packet(c, dir, b)
		return len(b), proto.Continue
	}
	h := &p.half[dir]
	done := 0
	for done < len(b) {
		rest := b[done:]
		switch {
		case h.tx != nil:
			n := int(min(int64(len(rest)), h.left))
			h.tx.body(rest[:n])
			h.left -= int64(n)
			if h.left == 0 {
				p.finish(c, dir)
			}
			done += n
			continue
		case h.scanned == 0 && (rest[0] == '\r' || rest[0] == '\n'): // keep-alive (RFC 5626 3.5.1)
			done++
			continue
		case h.lost:
			done += resume(rest)
			rest = b[done:]
			if h.lost = !startLike(rest); h.lost {
				if len(rest) > fieldBytesMax {
					done = len(b)
				}
				return done, proto.Continue
			}
			continue
		}
		end := emptyLine(rest, h.scanned)
		if end < 0 {
			h.scanned = len(rest)
			if len(rest) <= headerBytesMax {
				break
			}
			p.broken(c, dir, "invalid_data")
			return done, proto.Fail
		}
		h.scanned = 0
		if !p.begin(c, dir, rest[:end]) {
			h.lost = true
		}
		done += end
	}
	return done, proto.Continue
}

// resume returns how many bytes of whole lines do not begin a message.
func resume(b []byte) int {
	n := 0
	for {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 || startLike(b[n:n+i]) {
			return n
		}
		n += i + 1
	}
}

// startLike tells whether a line, or the beginning of one, may be a start line.
func startLike(b []byte) bool {
	if len(b) > headerBytesMax {
		return false
	}
	if begins(b, "SIP/2.0 ") != proto.No {
		return true
	}
	return begins(b, methods[:]...) != proto.No
}

// begin reads start line and headers. It reports whether they are those of a message.
func (p *Parser) begin(c *proto.Context, dir flow.Direction, head []byte) bool {
	t := p.message(c, dir, head)
	if t == nil {
		return false
	}
	h := &p.half[dir]
	h.tx, h.left = t, max(t.contentLength(), 0)
	t.progress = InBody
	t.Touch(dir)
	if h.left == 0 {
		p.finish(c, dir)
	}
	return true
}

// message makes a transaction of a header; nil when it is none.
func (p *Parser) message(c *proto.Context, dir flow.Direction, head []byte) *Transaction {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	first, rest, _ := bytes.Cut(head, []byte{'\n'})
	if !t.startLine(bytes.TrimRight(first, "\r")) {
		p.broken(c, dir, "invalid_data")
		return nil
	}
	c.Begin(t)
	t.headers(rest)
	t.Raw = bytes.Clone(head)
	return t
}

// broken makes a transaction of something that is no message.
func (p *Parser) broken(c *proto.Context, dir flow.Direction, anomaly string) {
	c.Malformed++
	t := &Transaction{progress: Done}
	t.OneSide, t.Only = true, dir
	c.Begin(t)
	t.Anomaly(anomaly)
	t.Touch(dir)
}

// body takes bytes of the body.
func (t *Transaction) body(b []byte) {
	t.BodyBytes += uint64(len(b))
	b = b[:min(len(b), bodyKeptMax-len(t.Body))]
	t.Body = append(t.Body, b...)
	t.Raw = append(t.Raw, b...)
	t.Touch(t.Only)
}

// finish ends the message of a direction.
func (p *Parser) finish(c *proto.Context, dir flow.Direction) {
	h := &p.half[dir]
	if h.tx == nil {
		return
	}
	h.tx.describe()
	h.tx.progress = Done
	h.tx.Touch(dir)
	c.Flush[dir] = true
	h.tx, h.left = nil, 0
}

// packet reads a datagram.
func (p *Parser) packet(c *proto.Context, dir flow.Direction, b []byte) {
	b = bytes.TrimLeft(b, "\r\n")
	if len(bytes.Trim(b, "\x00\r\n \t")) < len("jaK\x00") { // keep-alives of several kinds
		return
	}
	end := emptyLine(b, 0)
	whole := end >= 0
	if !whole {
		end = len(b)
	}
	t := p.message(c, dir, b[:end])
	if t == nil {
		return
	}
	content := b[end:]
	if n := t.contentLength(); !whole || n > int64(len(content)) {
		t.Anomaly("incomplete_data")
	}
	// What lies behind the declared length is none of SIP's (RFC 3261 18.3), yet Suricata and many phones read it.
	if len(content) > 0 {
		t.body(content)
	}
	p.half[dir].tx = t
	p.finish(c, dir)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	h.scanned = 0
	if h.tx != nil && n <= h.left {
		h.left -= n
		if h.left == 0 {
			p.finish(c, dir)
		}
		return proto.Continue
	}
	p.finish(c, dir)
	h.lost = true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	h := &p.half[dir]
	if h.tx != nil {
		h.tx.Anomaly("incomplete_data")
		p.finish(c, dir)
		return
	}
	if rest = bytes.TrimLeft(rest, "\r\n"); !p.datagram && !h.lost && len(rest) > 0 {
		if t := p.message(c, dir, rest); t != nil {
			t.Anomaly("incomplete_data")
			h.tx = t
			p.finish(c, dir)
		}
	}
}

// methods are those of RFC 3261 and its extensions. Never written.
var methods = [...]string{
	"INVITE ", "REGISTER ", "OPTIONS ", "ACK ", "BYE ", "CANCEL ", "SUBSCRIBE ", "NOTIFY ", "MESSAGE ", "PRACK ", "REFER ",
	"UPDATE ", "INFO ", "PUBLISH ",
}

// begins tells whether b begins with one of the words, in either case.
func begins(b []byte, words ...string) proto.Match {
	best := proto.No
	for _, w := range words {
		n := min(len(b), len(w))
		if !line.HasFold(b[:n], w[:n]) {
			continue
		}
		if n == len(w) {
			return proto.Yes
		}
		best = proto.Maybe
	}
	return best
}

// Recognise is the proto.Recogniser of SIP: a response, or a request whose method, URI or version are SIP's.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if m := begins(b, "SIP/2.0 "); m != proto.No {
		return m
	}
	m := begins(b, methods[:]...)
	if m != proto.Yes {
		return m
	}
	first, _, whole := bytes.Cut(b[:min(len(b), proto.DetectBytesMax)], []byte{'\n'})
	first = bytes.ToLower(bytes.TrimSpace(first))
	switch {
	case bytes.Contains(first, []byte(" sip:")), bytes.Contains(first, []byte(" sips:")), bytes.HasSuffix(first, []byte(" sip/2.0")):
		return proto.Yes
	case !whole && !p.Datagram:
		return proto.Maybe
	}
	return proto.No
}
