package dht

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_packet"}

// Transaction is one message.
type Transaction struct {
	proto.State
	Message
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "bittorrent-dht" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Str(event.DHTTransaction, hex.EncodeToString(t.Transaction))
	switch t.Type {
	case 'q':
		e.Str(event.DHTType, "query")
		e.Bytes(event.DHTRequest, t.Request)
	case 'r':
		e.Str(event.DHTType, "response")
	case 'e':
		e.Str(event.DHTType, "error")
		e.Str(event.DHTErrorCode, strconv.FormatInt(t.ErrorCode, 10))
		e.Bytes(event.DHTError, t.Error)
	}
	e.Str(event.DHTID, hex.EncodeToString(t.NodeID))
	e.Str(event.DHTTarget, hex.EncodeToString(t.Target))
	e.Str(event.DHTInfoHash, hex.EncodeToString(t.InfoHash))
	if t.HasPort {
		e.Int(event.DHTPort, t.Port)
	}
	e.Strs(event.DHTPeers, texts(t.Peers))
	e.Strs(event.DHTNodes, texts(t.Nodes))
	e.Str(event.DHTClient, hex.EncodeToString(t.Client))
}

func texts(list []netip.AddrPort) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return out
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Datagram || len(b) < 12 || b[0] != 'd' || b[len(b)-1] != 'e' || b[1] < '1' || b[1] > '9' {
		return proto.No
	}
	if !bytes.Contains(b, []byte("1:y1:q")) && !bytes.Contains(b, []byte("1:y1:r")) && !bytes.Contains(b, []byte("1:y1:e")) {
		return proto.No
	}
	kind := false
	if each(b, 0, func(key, _ []byte) { kind = kind || string(key) == "y" }) && kind || bytes.HasPrefix(b, []byte("d1:")) {
		return proto.Yes
	}
	return proto.No
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct{}

var _ proto.Parser = Parser{}

// New makes a parser.
func New(bool) proto.Parser { return Parser{} }

// Data implements proto.Parser.
func (Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	if !t.parse(b) {
		c.Malformed++
		t.Anomaly("malformed_packet")
	}
	c.Begin(t)
	t.Touch(dir)
	return len(b), proto.Continue
}

// Gap implements proto.Parser.
func (Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict { return proto.Continue }

// End implements proto.Parser.
func (Parser) End(*proto.Context, flow.Direction, []byte) {}
