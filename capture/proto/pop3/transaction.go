package pop3

import (
	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/mime"
)

// Progress of either side.
const (
	NotStarted = iota
	Commanded  // client: the command was read; server: its response has begun
	InBody     // server: the header of a mail is complete
	Done
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:pop3 and of the mails
// within. Never written.
var Anomalies = []string{
	"incorrect_argument_count", "mime_invalid_base64", "mime_invalid_qp", "mime_long_boundary", "mime_long_enc_line",
	"mime_long_filename", "mime_long_header_name", "mime_long_header_value", "mime_long_line", "mime_malformed_msg",
	"mime_parse_failed", "request_too_long", "response_too_long", "too_many_transactions", "unknown_command",
}

// Transaction is a command with its response. The greeting has no command.
type Transaction struct {
	proto.State
	Line    []byte // the command as sent, without line end
	Command []byte // in upper case when it is a known one
	Args    [][]byte
	// Status is the response's first word without its sign: "OK", "ERR", "" while there is none.
	Status  []byte
	Header  []byte // the rest of its first line
	Data    [][]byte
	Mail    *mime.Mail // of RETR and TOP
	User    []byte
	STLS    bool // the flow goes on encrypted
	sasl    bool // challenges may come
	answers int
	many    bool // the response goes on up to a line with a dot
	bytes   int  // of Data

	progress [2]int
}

var (
	_ proto.Transaction = (*Transaction)(nil)
	_ proto.FileCarrier = (*Transaction)(nil)
)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "pop3" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// Files implements proto.FileCarrier: the attachments.
func (t *Transaction) Files(dir flow.Direction) []*file.File {
	if dir == flow.ToServer || t.Mail == nil {
		return nil
	}
	return t.Mail.Files
}

// finish completes both sides.
func (t *Transaction) finish() {
	t.progress = [2]int{Done, Done}
	t.Touch(flow.ToServer)
	t.Touch(flow.ToClient)
}

// masked is what stands in an event in the place of a secret.
const masked = "********"

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "email")
	e.Bytes(event.POP3Command, t.Command)
	args := make([]string, len(t.Args))
	for i, a := range t.Args {
		args[i] = string(a)
	}
	switch string(t.Command) {
	case "PASS":
		clear(args)
		args = append(args[:0], masked)
	case "APOP", "AUTH": // digest, initial response
		if len(args) > 1 {
			args = append(args[:1], masked)
		}
	}
	e.Strs(event.POP3Args, args)
	e.Bytes(event.POP3Status, t.Status)
	e.Bytes(event.POP3Header, t.Header)
	data := make([]string, len(t.Data))
	for i, d := range t.Data {
		data[i] = string(d)
	}
	e.Strs(event.POP3Data, data)
	e.Bytes(event.UserName, t.User)
	if t.Command != nil && len(t.Status) > 0 {
		outcome := "failure"
		if string(t.Status) == "OK" {
			outcome = "success"
		}
		e.Str(event.EventOutcome, outcome)
	}
	if t.Mail != nil {
		t.Mail.Event(e)
	}
}
