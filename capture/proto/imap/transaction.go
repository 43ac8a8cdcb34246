package imap

import (
	"bytes"

	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
	"fengsui/capture/proto/mime"
)

// Progress of either side.
const (
	NotStarted = iota
	Begun
	Done // the tagged response was read, or none will come
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:imap and of the mails
// within. Never written.
var Anomalies = []string{
	"invalid_data", "mime_invalid_base64", "mime_invalid_qp", "mime_long_boundary", "mime_long_enc_line", "mime_long_filename",
	"mime_long_header_name", "mime_long_header_value", "mime_long_line", "mime_malformed_msg", "mime_parse_failed",
	"request_not_found", "too_many_headers", "too_many_transactions",
}

// Transaction is a tagged command with its responses. What the server says unasked has no command.
type Transaction struct {
	proto.State
	Tag     []byte
	Command []byte // in upper case, "UID FETCH" with its prefix
	// Requests and Responses are the lines without line end, secrets included. Literals are left out but for short ones of
	// commands.
	Requests, Responses [][]byte
	Status              []byte          // of the tagged response: OK, NO, BAD
	Mails               [2][]*mime.Mail // by the direction they go
	User                []byte
	Mailbox             []byte // of SELECT, EXAMINE, APPEND

	progress [2]int
	sasl     bool
	files    int
}

var (
	_ proto.Transaction = (*Transaction)(nil)
	_ proto.FileCarrier = (*Transaction)(nil)
)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "imap" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// Files implements proto.FileCarrier: the attachments of all mails of a direction.
func (t *Transaction) Files(dir flow.Direction) []*file.File {
	if len(t.Mails[dir]) == 1 {
		return t.Mails[dir][0].Files
	}
	var list []*file.File
	for _, m := range t.Mails[dir] {
		list = append(list, m.Files...)
	}
	return list
}

// begin notes that a side has begun.
func (t *Transaction) begin(dir flow.Direction) {
	t.progress[dir] = max(t.progress[dir], Begun)
	t.Touch(dir)
}

// finish completes both sides.
func (t *Transaction) finish() {
	t.progress = [2]int{Done, Done}
	t.Touch(flow.ToServer)
	t.Touch(flow.ToClient)
}

// masked is what stands in an event in the place of a secret.
const masked = "********"

// shownRequest returns a request line as an event may show it.
func (t *Transaction) shownRequest(i int) string {
	b := t.Requests[i]
	switch string(t.Command) {
	case "LOGIN", "AUTHENTICATE":
	default:
		return string(b)
	}
	if i > 0 {
		return masked
	}
	at := 0
	for range 3 { // tag, command, user or mechanism
		w, _ := line.Word(b[at:])
		at += len(w)
		for at < len(b) && (b[at] == ' ' || b[at] == '\t') {
			at++
		}
	}
	if at >= len(b) {
		return string(b)
	}
	return string(bytes.TrimRight(b[:at], " \t")) + " " + masked
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "email")
	e.Bytes(event.IMAPTag, t.Tag)
	e.Bytes(event.IMAPCommand, t.Command)
	requests, responses := make([]string, len(t.Requests)), make([]string, len(t.Responses))
	for i := range t.Requests {
		requests[i] = t.shownRequest(i)
	}
	for i, r := range t.Responses {
		responses[i] = string(r)
	}
	e.Strs(event.IMAPRequests, requests)
	e.Strs(event.IMAPResponses, responses)
	e.Bytes(event.IMAPStatus, t.Status)
	e.Bytes(event.IMAPMailbox, t.Mailbox)
	e.Bytes(event.UserName, t.User)
	switch string(t.Status) {
	case "OK":
		e.Str(event.EventOutcome, "success")
	case "NO", "BAD":
		e.Str(event.EventOutcome, "failure")
	}
	for dir, mails := range t.Mails {
		if len(mails) > 0 {
			e.Str(event.IMAPEmailDirection, [2]string{"to_server", "to_client"}[dir])
			e.Uint(event.IMAPEmails, uint64(len(mails)))
			mails[0].Event(e)
			return
		}
	}
}
