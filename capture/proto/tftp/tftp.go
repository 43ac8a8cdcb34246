package tftp

import (
	"bytes"
	"encoding/binary"
	"strings"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

// Packet types (RFC 1350 5, RFC 2347).
const (
	OpRead = iota + 1
	OpWrite
	OpData
	OpAck
	OpError
	OpOptions
)

// Progress of one side.
const (
	NotStarted = iota
	Begun      // of the server's side: it has answered
	Done
)

const (
	textMax    = 512
	optionsMax = 16
)

// Option is one option of a request.
type Option struct{ Name, Value []byte }

// Transaction is one request with what the server says in the same flow.
type Transaction struct {
	proto.State
	Op           uint16 // OpRead, OpWrite
	File         []byte
	Mode         []byte // in lower case
	Options      []Option
	Blocks       uint64 // DATA packets seen, of both sides
	Failed       bool
	ErrorCode    uint16
	ErrorMessage []byte
	answered     bool
	over         bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "tftp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	switch {
	case dir == flow.ToServer || t.over:
		return Done
	case t.answered:
		return Begun
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return dir == flow.ToServer || t.over }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if t.Op == OpRead {
		e.Str(event.TFTPPacket, "read")
	} else {
		e.Str(event.TFTPPacket, "write")
	}
	e.Bytes(event.TFTPFile, t.File)
	e.Bytes(event.TFTPMode, t.Mode)
	options := make([]string, len(t.Options))
	for i, o := range t.Options {
		options[i] = string(o.Name) + "=" + string(o.Value)
	}
	e.Strs(event.TFTPOptions, options)
	if t.Blocks > 0 {
		e.Uint(event.TFTPReplyBlocks, t.Blocks)
	}
	if t.Failed {
		e.Str(event.EventOutcome, "failure")
		e.Uint(event.TFTPErrorCode, uint64(t.ErrorCode))
		e.Bytes(event.TFTPErrorMessage, t.ErrorMessage)
	}
}

// request reads a request; it must be right to its last byte.
func (t *Transaction) request(b []byte) bool {
	r := wire.NewReader(b)
	t.Op = r.BE16()
	file, mode := r.Text(), r.Text()
	if t.Op != OpRead && t.Op != OpWrite || r.Short() || len(file) == 0 {
		return false
	}
	switch strings.ToLower(string(mode)) {
	case "octet", "netascii", "mail":
	default:
		return false
	}
	for r.Len() > 0 && len(t.Options) < optionsMax {
		name, value := r.Text(), r.Text()
		if r.Short() || len(name) == 0 {
			return false
		}
		t.Options = append(t.Options, Option{bytes.Clone(name), bytes.Clone(value)})
	}
	t.File, _ = wire.Keep(file, textMax)
	t.Mode = bytes.ToLower(mode)
	return true
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	var t Transaction
	if p.Datagram && len(p.Data) >= 9 && len(p.Data) <= 2*textMax && p.Data[0] == 0 && p.Data[1] >= OpRead && p.Data[1] <= OpWrite && t.request(p.Data) {
		if p.Dir == flow.ToClient {
			return proto.Reversed
		}
		return proto.Yes
	}
	return proto.No
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct{ current *Transaction }

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if len(b) < 2 {
		c.Malformed++
		return len(b), proto.Continue
	}
	switch op := binary.BigEndian.Uint16(b); op {
	case OpRead, OpWrite:
		t := &Transaction{}
		if !t.request(b) {
			c.Malformed++
			break
		}
		p.finish()
		c.Begin(t)
		p.current = t
		t.Touch(flow.ToServer)
	case OpData, OpAck, OpError, OpOptions:
		p.follow(dir, op, b)
	default:
		c.Malformed++
	}
	return len(b), proto.Continue
}

func (p *Parser) follow(dir flow.Direction, op uint16, b []byte) {
	t := p.current
	if t == nil {
		return
	}
	t.answered = t.answered || dir == flow.ToClient
	switch op {
	case OpData:
		t.Blocks++
	case OpError:
		r := wire.NewReader(b[2:])
		t.Failed, t.ErrorCode = true, r.BE16()
		t.ErrorMessage, _ = wire.Keep(bytes.TrimRight(r.Rest(), "\x00"), textMax)
		p.finish()
	}
	t.Touch(dir)
}

// finish ends the request that is under way.
func (p *Parser) finish() {
	if t := p.current; t != nil {
		t.over, p.current = true, nil
		t.Touch(flow.ToClient)
	}
}

// Gap implements proto.Parser.
func (p *Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict {
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
