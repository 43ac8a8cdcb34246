package websocket

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a frame.
const (
	NotStarted = iota
	Done
)

// Flags are the upper bits of a frame's first byte.
const (
	FlagFin        = 0x80
	FlagCompressed = 0x40
)

// Opcodes are the names of opcodes in rules, lower case (RFC 6455 5.2). Never written.
var Opcodes = map[string]uint64{"continuation": 0, "text": 1, "binary": 2, "connection_close": 8, "close": 8, "ping": 9, "pong": 10}

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:websocket. Never written.
var Anomalies = []string{"skip_end_of_payload", "reassembly_limit_reached"}

// Transaction is one frame.
type Transaction struct {
	proto.State
	Flags   uint8 // upper four bits
	Opcode  uint8
	Masked  bool
	Mask    uint32 // big-endian
	Length  uint64 // of the frame's payload as sent
	Payload []byte // unmasked; of a whole message when the frame ends one; decompressed
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "websocket" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "web")
	name := ""
	for n, code := range Opcodes {
		if code == uint64(t.Opcode) && n > name { // "connection_close" rather than "close"
			name = n
		}
	}
	e.Str(event.WebSocketOpcode, name)
	e.Bool(event.WebSocketFin, t.Flags&FlagFin != 0)
	if t.Masked {
		e.Uint(event.WebSocketMask, uint64(t.Mask))
	}
	e.Uint(event.WebSocketLength, t.Length)
}

var _ proto.Transaction = (*Transaction)(nil)
