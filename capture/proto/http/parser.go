package http

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// stage is where one direction stands inside a message.
type stage uint8

const (
	atStart    stage = iota // before a start line
	atHeaders               // before the end of the header block
	atLength                // in a body of known length
	atClose                 // in a body that ends with the connection
	atChunk                 // before a chunk-size line
	atData                  // in a chunk
	atDataEnd               // before the line end behind a chunk
	atTrailer               // before the end of the trailer
	atLost                  // behind a hole: looking for a start line
	atProtocol              // behind a request line without protocol: what follows tells whether headers come
)

// half is one direction of the parser.
type half struct {
	stage   stage
	tx      *Transaction
	left    int64 // bytes left of the body or chunk
	scanned int   // of the unconsumed bytes, how many were searched for the end of the line or block
	body    body
	cut     bool // the message ends before its end
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	limits  *Limits
	kit     *kit
	half    [2]half
	waiting []*Transaction // requests without a response yet, oldest first
	last    *Transaction   // the last complete request
	fresh   bool           // it was completed in this call

	answered *Transaction // the response that was completed in this call
	hold     bool         // the last request asked for another protocol: what the client sends waits for the answer
	tunnel   bool         // the server accepted CONNECT or an upgrade
}

var _ proto.Parser = (*Parser)(nil)

// New returns a maker of parsers with these limits. The parsers of one maker belong to one worker.
func New(l Limits) func(datagram bool) proto.Parser {
	l.fill()
	k := &kit{limits: l}
	return func(bool) proto.Parser { return &Parser{limits: &k.limits, kit: k} }
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	done := 0
	p.fresh, p.answered = false, nil
	for done < len(b) && !p.waits(dir, b[done:]) {
		n, v := p.step(c, dir, b[done:])
		done += n
		if v != proto.Continue {
			return done, v
		}
		if n == 0 {
			break
		}
	}
	if dir == flow.ToServer && p.half[dir].stage == atProtocol && done == len(b) {
		p.complete(c, dir) // HTTP/0.9: the request is its line
	}
	return done, proto.Continue
}

// waits tells whether bytes of the client wait for the answer to its wish for another protocol. Those that begin a request
// do not: it goes on in HTTP, and where only this side is captured no answer would ever come.
func (p *Parser) waits(dir flow.Direction, b []byte) bool {
	if dir == flow.ToServer && p.hold {
		p.hold = requestLike(b) != proto.Yes
		return p.hold
	}
	return false
}

// step reads as much as one stage takes: zero means that more bytes are needed. Only a change of stage may come without
// consuming, and then the next stage consumes.
func (p *Parser) step(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	switch h.stage {
	case atStart, atLost:
		return p.startLine(c, dir, b)
	case atHeaders, atTrailer:
		return p.headers(c, dir, b)
	case atLength, atData:
		n := int(min(int64(len(b)), h.left))
		h.body.write(c, b[:n])
		h.left -= int64(n)
		h.tx.Touch(dir)
		if h.left == 0 {
			if h.stage == atData {
				h.stage = atDataEnd
			} else {
				return n, p.complete(c, dir)
			}
		}
		return n, proto.Continue
	case atClose:
		h.body.write(c, b)
		h.tx.Touch(dir)
		return len(b), proto.Continue
	case atDataEnd:
		return p.chunkEnd(dir, b)
	case atProtocol:
		return p.protocolMissing(c, b)
	}
	return p.chunkSize(c, dir, b)
}

// startLine reads a request or status line.
func (p *Parser) startLine(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	if h.scanned == 0 {
		if n := emptyLines(b); n > 0 {
			return n, proto.Continue
		}
	}
	i := bytes.IndexByte(b[min(h.scanned, len(b)):], '\n')
	if i < 0 {
		h.scanned = len(b)
		if len(b) <= p.limits.HeaderBytesMax {
			return 0, proto.Continue
		}
		if h.stage == atLost || dir == flow.ToClient {
			h.scanned = 0
			return len(b), p.noStart(c, dir, b)
		}
		p.begin(c, dir).Anomaly("request_field_too_long")
		return 0, proto.Fail
	}
	n := h.scanned + i + 1
	h.scanned = 0
	line := bytes.TrimRight(b[:n-1], "\r")
	if h.stage == atLost {
		if dir == flow.ToServer && requestLike(line) == proto.No || dir == flow.ToClient && responseLike(line) != proto.Yes {
			return n, proto.Continue
		}
	}
	if dir == flow.ToServer {
		if p.fresh && h.stage == atStart && requestLike(line) == proto.No && !bytes.Contains(line, []byte(" HTTP/")) {
			// Right behind a request and no request: a body that nobody announced.
			p.last.Anomaly("request_body_unexpected")
			p.last.Touch(dir)
			return n, proto.Continue
		}
		return n, p.request(c, bytes.Clone(line))
	}
	if responseLike(line) != proto.Yes {
		if p.answered != nil {
			// Right behind a response and no response: more body than was announced.
			p.answered.Anomaly("response_body_unexpected")
			p.answered.Touch(dir)
			return len(b), proto.Continue
		}
		return len(b), p.noStart(c, dir, b)
	}
	return n, p.response(c, bytes.Clone(line))
}

// protocolMissing looks at what follows a request line that names no protocol: another request, or headers.
func (p *Parser) protocolMissing(c *proto.Context, b []byte) (int, proto.Verdict) {
	h := &p.half[flow.ToServer]
	if requestLike(b) != proto.No {
		p.complete(c, flow.ToServer)
		return p.startLine(c, flow.ToServer, b)
	}
	if n := emptyLines(b); n > 0 {
		p.complete(c, flow.ToServer)
		return n, proto.Continue
	}
	h.tx.Anomaly("request_line_missing_protocol")
	h.stage = atHeaders
	return p.headers(c, flow.ToServer, b)
}

// noStart handles bytes of the server that begin no response: the body of an HTTP/0.9 response, or noise.
func (p *Parser) noStart(c *proto.Context, dir flow.Direction, b []byte) proto.Verdict {
	h := &p.half[dir]
	if h.stage == atLost || dir == flow.ToServer {
		return proto.Continue
	}
	t := p.begin(c, dir)
	t.Response.ContentLength = -1
	if !t.RequestSeen || t.Request.Protocol != nil {
		t.Anomaly("response_invalid_protocol")
	}
	t.advance(dir, InBody)
	h.body.start(t, dir, p.kit)
	h.body.write(c, b)
	h.stage = atClose
	return proto.Continue
}

// emptyLines counts the bytes of empty lines in front of a start line (RFC 9112 2.2).
func emptyLines(b []byte) int {
	n := 0
	for range emptyLinesMax {
		switch {
		case hasPrefix(b[n:], "\r\n"):
			n += 2
		case hasPrefix(b[n:], "\n"):
			n++
		default:
			return n
		}
	}
	return n
}

// begin starts the message of a direction: a new transaction for a request, the oldest waiting one for a response.
func (p *Parser) begin(c *proto.Context, dir flow.Direction) *Transaction {
	h := &p.half[dir]
	if dir == flow.ToClient && len(p.waiting) > 0 {
		h.tx = p.waiting[0]
		h.tx.ResponseSeen = true
		return h.tx
	}
	t := &Transaction{}
	t.Request.ContentLength, t.Response.ContentLength = -1, -1
	c.Begin(t)
	h.tx = t
	if dir == flow.ToServer {
		t.RequestSeen = true
		if len(p.waiting) >= waitingMax {
			p.waiting = append(p.waiting[:0], p.waiting[1:]...)
		}
		p.waiting = append(p.waiting, t)
		return t
	}
	t.ResponseSeen = true
	t.Anomaly("unable_to_match_response_to_request")
	p.waiting = append(p.waiting, t) // complete takes it out
	t.progress[flow.ToServer] = Done
	t.Touch(flow.ToServer)
	return t
}

// headers reads a header block or a trailer once it is whole.
func (p *Parser) headers(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	n := headersEnd(b, h.scanned)
	if n < 0 {
		h.scanned = len(b)
		if len(b) <= p.limits.HeaderBytesMax {
			return 0, proto.Continue
		}
		h.tx.Anomaly(sideName(dir) + "_field_too_long")
		h.tx.Touch(dir)
		return 0, proto.Fail
	}
	h.scanned = 0
	if h.stage == atTrailer {
		h.tx.Side(dir).Trailers = h.tx.readFields(dir, bytes.Clone(b[:n]), p.limits)
		return n, p.complete(c, dir)
	}
	h.tx.parseHeaders(dir, bytes.Clone(b[:n]), p.limits)
	if dir == flow.ToServer {
		return n, p.requestHeaders(c)
	}
	return n, p.responseHeaders(c)
}

// chunkSize reads a chunk-size line (RFC 9112 7.1).
func (p *Parser) chunkSize(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	i := bytes.IndexByte(b, '\n')
	if i < 0 && len(b) < chunkLineMax {
		return 0, proto.Continue
	}
	size, ok := int64(0), false
	if i >= 0 {
		size, ok = chunkNumber(b[:i])
		if ok && bytes.IndexByte(b[:i], ';') >= 0 {
			h.tx.Anomaly(sideName(dir) + "_chunk_extension")
		}
	}
	if !ok {
		h.tx.Anomaly("invalid_" + sideName(dir) + "_chunk_len")
		// As libhtp does: what follows is taken for a body that ends with the connection.
		h.stage = atClose
		h.body.write(c, b)
		h.tx.Touch(dir)
		return len(b), proto.Continue
	}
	if size == 0 {
		h.stage = atTrailer
		h.tx.advance(dir, InTrailer)
		return i + 1, proto.Continue
	}
	h.stage, h.left = atData, size
	return i + 1, proto.Continue
}

func chunkNumber(line []byte) (int64, bool) {
	line = bytes.TrimSpace(line)
	n, digits := int64(0), 0
	for _, c := range line {
		d, ok := hexDigit(c)
		if !ok {
			if digits > 0 && (c == ';' || c == ' ' || c == '\t') {
				return n, true
			}
			return 0, false
		}
		if digits++; digits > 15 {
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	return n, digits > 0
}

func (p *Parser) chunkEnd(dir flow.Direction, b []byte) (int, proto.Verdict) {
	h := &p.half[dir]
	switch {
	case hasPrefix(b, "\r\n"):
		h.stage = atChunk
		return 2, proto.Continue
	case b[0] == '\n':
		h.stage = atChunk
		return 1, proto.Continue
	case b[0] == '\r' && len(b) == 1:
		return 0, proto.Continue
	}
	// No line end behind the chunk: skip to the next one.
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return len(b), proto.Continue
	}
	h.stage = atChunk
	return i + 1, proto.Continue
}

// complete ends the current message of a direction.
func (p *Parser) complete(c *proto.Context, dir flow.Direction) proto.Verdict {
	h := &p.half[dir]
	t := h.tx
	h.body.finish(c, !h.cut)
	if dir == flow.ToServer && !h.cut {
		for _, name := range t.hostNotes {
			t.Anomaly(name)
		}
	}
	h.cut = false
	h.stage, h.tx, h.scanned = atStart, nil, 0
	t.Side(dir).Body.Done = true
	t.advance(dir, Done)
	c.Flush[dir] = true
	if dir == flow.ToServer {
		p.last, p.fresh = t, true
		p.hold = t.asksSwitch()
		return proto.Continue
	}
	p.hold, p.answered = false, t
	for i, w := range p.waiting {
		if w == t {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			break
		}
	}
	if p.tunnel {
		t.announce(c)
		return proto.Restart
	}
	return proto.Continue
}

// advance moves a side forward and tells inspectors.
func (t *Transaction) advance(dir flow.Direction, to int) {
	if t.progress[dir] < to {
		t.progress[dir] = to
	}
	t.Touch(dir)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	h := &p.half[dir]
	if h.tx == nil {
		h.stage, h.scanned = atLost, 0
		return proto.Continue
	}
	m := h.tx.Side(dir)
	m.Gap = true
	switch {
	case h.stage == atClose:
		h.body.gap(n)
	case h.stage == atLength && n < h.left, h.stage == atData && n < h.left:
		h.left -= n
		h.body.gap(n)
	case h.stage == atLength && n == h.left:
		h.body.gap(n)
		return p.complete(c, dir)
	default:
		p.abandon(c, dir, rest)
		h.stage = atLost
	}
	return proto.Continue
}

// abandon ends a message that will not be completed, with what there is of it.
func (p *Parser) abandon(c *proto.Context, dir flow.Direction, rest []byte) {
	h := &p.half[dir]
	t := h.tx
	if t == nil {
		return
	}
	if h.stage == atHeaders && len(rest) > 0 {
		t.parseHeaders(dir, bytes.Clone(rest), p.limits)
		t.hosts(dir, c.Flow.Server.Port())
	}
	h.cut = h.stage != atClose
	t.Side(dir).Body.Truncated = t.Side(dir).Body.Truncated || h.cut && h.stage != atHeaders
	p.complete(c, dir)
}

// End implements proto.Parser.
func (p *Parser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	h := &p.half[dir]
	switch {
	case h.tx != nil:
		p.abandon(c, dir, rest)
	case h.stage == atStart && len(rest) > 0:
		p.lastLine(c, dir, rest)
	}
	if dir == flow.ToClient {
		// Nothing will answer what still waits.
		for _, t := range p.waiting {
			if t.progress[flow.ToClient] == NotStarted {
				t.advance(flow.ToClient, Done)
			}
		}
		p.waiting = p.waiting[:0]
	}
}

// lastLine reads a start line that has no line end.
func (p *Parser) lastLine(c *proto.Context, dir flow.Direction, rest []byte) {
	line := bytes.Clone(bytes.TrimRight(rest, "\r"))
	if dir == flow.ToServer {
		if requestLike(line) == proto.No {
			return
		}
		p.request(c, line)
		if t := p.half[dir].tx; t != nil {
			t.Anomaly("request_line_incomplete")
		}
	} else {
		if responseLike(line) != proto.Yes {
			p.noStart(c, dir, rest)
		} else {
			p.response(c, line)
		}
	}
	p.abandon(c, dir, nil)
}
