package irc

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Anomalies are the names Transaction.Anomalies can hold. Never written.
var Anomalies = []string{"invalid_message", "line_too_long"}

// Transaction is one message.
type Transaction struct {
	proto.State
	Message
	DCC  *DCC
	User []byte // the client's nickname by then
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "irc" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// masked is what stands in an event in the place of a secret.
const masked = "********"

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Str(event.IRCDirection, [2]string{"to_server", "to_client"}[t.Only])
	e.Str(event.IRCCommand, t.Command)
	e.Bytes(event.IRCNick, t.Nick())
	e.Bytes(event.IRCChannel, t.Channel())
	params := make([]string, 0, len(t.Params))
	from, secret := t.secret()
	for i, p := range t.Params {
		if secret && i >= from {
			params = append(params, masked)
			break
		}
		params = append(params, string(p))
	}
	e.Strs(event.IRCParams, params)
	e.Bytes(event.UserName, t.User)
	if d := t.DCC; d != nil {
		e.Str(event.IRCDCCKind, d.Kind)
		e.Bytes(event.IRCDCCFile, d.File)
		if d.Kind == "SEND" {
			e.Bytes(event.FileName, d.File)
		}
		if d.Addr.IsValid() {
			e.Str(event.IRCDCCAddress, d.Addr.String())
		}
		if d.Size > 0 {
			e.Uint(event.IRCDCCSize, d.Size)
		}
	}
}
