package krb5

import (
	"bytes"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Transaction is one message.
type Transaction struct {
	proto.State
	Message
	// Failed is the type of the request an error answers, 0 when it was not seen.
	Failed uint32
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "krb5" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "authentication")
	e.Str(event.KRB5Type, TypeName(t.Type))
	if t.Failed != 0 {
		e.Str(event.KRB5FailedRequest, TypeName(t.Failed))
	}
	if t.HasError {
		e.Str(event.KRB5Error, ErrorName(t.ErrorCode))
	}
	e.Bytes(event.KRB5ErrorText, t.Text)
	client := bytes.Join(t.Client, []byte{'/'})
	e.Bytes(event.KRB5Client, client)
	e.Bytes(event.KRB5Realm, t.Realm)
	e.Bytes(event.KRB5Server, bytes.Join(t.Server, []byte{'/'}))
	if len(t.Offered) > 0 {
		list := make([]string, 0, len(t.Offered))
		for _, n := range t.Offered {
			list = append(list, EncryptionName(n))
		}
		e.Strs(event.KRB5Offered, list)
	}
	if t.HasEncrypted {
		e.Str(event.KRB5Encryption, EncryptionName(t.Encryption))
		e.Bool(event.KRB5Weak, Weak(t.Encryption))
		e.Str(event.KRB5Ticket, EncryptionName(t.Ticket))
		e.Bool(event.KRB5TicketWeak, Weak(t.Ticket))
	} else {
		e.Str(event.KRB5Encryption, "<none>")
		e.Bool(event.KRB5Weak, false)
	}
	e.Bytes(event.UserName, client)
	e.Bytes(event.UserDomain, t.Realm)
	switch t.Type {
	case ASReply, TGSReply:
		e.Str(event.EventOutcome, "success")
	case Error:
		e.Str(event.EventOutcome, "failure")
	}
}
