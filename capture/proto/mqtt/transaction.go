package mqtt

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of an exchange.
const (
	NotStarted = iota
	Begun      // its first packet is whole
	Done       // nothing more belongs to it
)

const messagesMax = 64

// Transaction is one exchange. It belongs to the direction of its first packet.
type Transaction struct {
	proto.State
	Version  uint8 // protocol level of the session, 0 when CONNECT was not seen
	Messages []Message
	done     bool
	held     int // payload bytes counted against the flow's limit
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{
	"missing_connect", "missing_publish", "missing_subscribe", "missing_unsubscribe", "double_connect", "unintroduced_message",
	"invalid_qos_level", "missing_msg_id", "unassigned_msg_type", "too_many_transactions", "malformed_traffic",
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "mqtt" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	switch {
	case t.done:
		return Done
	case dir == t.Only:
		return Begun
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return t.done }

// First returns the first message of a type, nil when there is none.
func (t *Transaction) First(kind uint8) *Message {
	for i := range t.Messages {
		if t.Messages[i].Type == kind {
			return &t.Messages[i]
		}
	}
	return nil
}

func (t *Transaction) add(m Message) {
	if len(t.Messages) < messagesMax {
		t.Messages = append(t.Messages, m)
	}
}
