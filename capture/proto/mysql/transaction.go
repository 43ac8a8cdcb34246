package mysql

import (
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/database"
)

// Progress of one side.
const (
	NotStarted = iota
	Begun      // of the server's side: the answer has begun
	Done
)

const rowsMax = 64 << 10

// Transaction is the login or one command with its answer.
type Transaction struct {
	proto.State
	database.Access
	Command    uint8
	Text       []byte // of the command as rules see it: SQL text, a database's name
	Lines      [][]byte
	Server     string // version, of the login
	Auth       string // plug-in, of the login
	Program    string // of the login
	Encrypted  bool   // of the login: TLS follows
	Compressed bool   // of the login

	lineBytes int
	request   bool
	began     bool
	over      bool
	answer    answer
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_request", "malformed_response", "too_many_transactions"}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "mysql" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	switch {
	case t.over, dir == flow.ToServer && t.request:
		return Done
	case dir == flow.ToClient && t.began:
		return Begun
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.Progress(dir) == Done }

// Login tells whether this is the login.
func (t *Transaction) Login() bool { return t.Command == commandLogin }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	t.Access.Event(e)
	e.Str(event.DBServer, t.Server)
	e.Str(event.DBAuth, t.Auth)
	e.Str(event.DBClient, t.Program)
	if t.Encrypted {
		e.Bool(event.DBEncrypted, true)
	}
	if t.Compressed {
		e.Bool(event.DBCompressed, true)
	}
}

// commandName returns a command's name.
func commandName(c uint8) string {
	if int(c) < len(commandNames) {
		return commandNames[c]
	}
	return "COMMAND_" + strconv.Itoa(int(c))
}

// line keeps a row for rules.
func (t *Transaction) line(b []byte) {
	if t.lineBytes+len(b) <= rowsMax {
		t.Lines = append(t.Lines, b)
		t.lineBytes += len(b) + 16
	}
}
