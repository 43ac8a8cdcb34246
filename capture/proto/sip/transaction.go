package sip

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a message.
const (
	NotStarted = iota
	InBody     // start line and headers are complete
	Done
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:sip. Never written.
var Anomalies = []string{"incomplete_data", "invalid_data"}

// Transaction is one message.
type Transaction struct {
	proto.State
	Message

	progress int
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "sip" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return t.progress }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return t.progress == Done }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	m := &t.Message
	e.Bytes(event.SIPMethod, m.Method)
	e.Bytes(event.SIPURI, m.URI)
	e.Bytes(event.SIPVersion, m.Version)
	if m.Request {
		e.Bytes(event.SIPRequestLine, m.Line)
	} else {
		e.Bytes(event.SIPCode, m.Code)
		e.Bytes(event.SIPReason, m.Reason)
		e.Bytes(event.SIPResponseLine, m.Line)
	}
	e.Bytes(event.SIPFrom, m.Get("from"))
	e.Bytes(event.SIPTo, m.Get("to"))
	e.Bytes(event.SIPCallID, m.Get("call-id"))
	e.Bytes(event.SIPContact, m.Get("contact"))
	e.Bytes(event.UserAgent, m.Get("user-agent"))
	e.Bytes(event.UserName, m.user())
	if s := m.SDP; s != nil {
		e.Bytes(event.SDPOrigin, s.Origin)
		e.Bytes(event.SDPSessionName, s.Name)
		e.Bytes(event.SDPConnection, s.Connection)
		media := make([]string, len(s.Media))
		for i := range s.Media {
			media[i] = string(s.Media[i].Media)
		}
		e.Strs(event.SDPMedia, media)
	}
}
