package smtp

import (
	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/mime"
)

// Progress of the client's side. The server's is NotStarted until the mail is answered, then Done.
const (
	NotStarted = iota
	Greeted    // HELO, EHLO or LHLO, or something that should come behind it
	Envelope   // MAIL
	InHeader   // DATA or BDAT: recipients are final
	InBody     // the mail's header is complete
	Done       // the mail is complete, or will not come
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:smtp. Never written.
var Anomalies = []string{
	"bdat_chunk_len_exceeded", "data_command_rejected", "duplicate_fields", "failed_protocol_change", "invalid_pipelined_sequence", "invalid_reply",
	"max_command_line_len_exceeded", "max_reply_line_len_exceeded", "mime_invalid_base64", "mime_invalid_qp",
	"mime_long_boundary", "mime_long_enc_line", "mime_long_filename", "mime_long_header_name", "mime_long_header_value",
	"mime_long_line", "mime_malformed_msg", "mime_parse_failed", "no_server_welcome_message", "tls_rejected", "truncated_line",
	"unable_to_match_reply_with_request", "unparsable_content",
}

// Transaction is one mail with the commands around it.
type Transaction struct {
	proto.State
	Helo     []byte   // what the client introduced itself with, nil when it did not
	MailFrom []byte   // the reverse path as sent, with its angle brackets
	RcptTo   [][]byte // the forward paths as sent
	User     []byte   // who logged in
	Mail     *mime.Mail
	// Commands and Replies are the lines, without line end; secrets included. Mail data is not among them.
	Commands, Replies [][]byte
	// Code is the server's answer to the mail: 250 when it was accepted; 0 when none was seen.
	Code int
	TLS  bool // the session goes on encrypted

	progress [2]int
}

var (
	_ proto.Transaction = (*Transaction)(nil)
	_ proto.FileCarrier = (*Transaction)(nil)
)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "smtp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// Files implements proto.FileCarrier: the attachments.
func (t *Transaction) Files(dir flow.Direction) []*file.File {
	if dir == flow.ToClient || t.Mail == nil {
		return nil
	}
	return t.Mail.Files
}

// advance moves a side forward and tells inspectors.
func (t *Transaction) advance(dir flow.Direction, to int) {
	t.progress[dir] = max(t.progress[dir], to)
	t.Touch(dir)
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "email")
	e.Bytes(event.SMTPHelo, t.Helo)
	e.Bytes(event.SMTPMailFrom, t.MailFrom)
	list := make([]string, len(t.RcptTo))
	for i, r := range t.RcptTo {
		list[i] = string(r)
	}
	e.Strs(event.SMTPRcptTo, list)
	e.Bytes(event.UserName, t.User)
	if t.Code > 0 {
		e.Uint(event.SMTPReplyCode, uint64(t.Code))
		outcome := "failure"
		if t.Code/100 == 2 {
			outcome = "success"
		}
		e.Str(event.EventOutcome, outcome)
	}
	if t.TLS {
		e.Bool(event.SMTPTLS, true)
	}
	if t.Mail != nil {
		t.Mail.Event(e)
	}
}
