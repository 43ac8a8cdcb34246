package ftp

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of either side.
const (
	NotStarted = iota
	Commanded  // the command was read
	Done       // the final reply was read, or none will come
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:ftp. Never written.
var Anomalies = []string{"request_command_too_long", "response_command_too_long", "too_many_transactions"}

// Mode says how a command sets up data connections.
type Mode uint8

// Modes.
const (
	NoMode  Mode = iota
	Active       // the server connects to the client
	Passive      // the client connects to the server
)

// String returns the mode's name in the rule language, "" for none.
func (m Mode) String() string {
	switch m {
	case Active:
		return "active"
	case Passive:
		return "passive"
	case NoMode:
	}
	return ""
}

// Reply is one line of a reply.
type Reply struct {
	Code []byte // three digits, nil for a line without
	Text []byte // what stands behind the code
}

// Transaction is a command with its replies. The greeting has no command.
type Transaction struct {
	proto.State
	Command   []byte // as sent
	Data      []byte // its argument
	Line      []byte // both, as sent, without line end
	Truncated bool   // the line was longer than the limit
	Replies   []Reply
	// ReplyTruncated: a reply line was longer than the limit, or there were too many.
	ReplyTruncated bool
	User           []byte // who was to be logged in by then
	Mode           Mode
	Port           uint16 // the data port that PORT, EPRT or the answer to PASV, EPSV names
	Bounce         bool   // PORT or EPRT names an address that is not the client's

	progress   [2]int
	replyBytes int
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "ftp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

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
	e.Str(event.EventCategory, "network")
	e.Bytes(event.FTPCommand, t.Command)
	if len(t.Data) > 0 {
		if secret(t.Command) {
			e.Str(event.FTPCommandData, masked)
		} else {
			e.Bytes(event.FTPCommandData, t.Data)
		}
		e.Bool(event.FTPCommandTruncated, t.Truncated)
	}
	var codes, texts []string
	for _, r := range t.Replies {
		if r.Code != nil {
			codes = append(codes, string(r.Code))
		}
		texts = append(texts, string(r.Text))
	}
	e.Strs(event.FTPCompletionCode, codes)
	e.Strs(event.FTPReply, texts)
	received := "no"
	if len(t.Replies) > 0 {
		received = "yes"
		e.Bool(event.FTPReplyTruncated, t.ReplyTruncated)
	}
	e.Str(event.FTPReplyReceived, received)
	e.Str(event.FTPMode, t.Mode.String())
	if t.Port > 0 {
		e.Uint(event.FTPDynamicPort, uint64(t.Port))
	}
	if t.Bounce {
		e.Bool(event.FTPBounce, true)
	}
	e.Bytes(event.UserName, t.User)
	if n := len(codes); n > 0 && t.Command != nil {
		switch codes[n-1][0] {
		case '2', '3':
			e.Str(event.EventOutcome, "success")
		case '4', '5':
			e.Str(event.EventOutcome, "failure")
		}
	}
}
