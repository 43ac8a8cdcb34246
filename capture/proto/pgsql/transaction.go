package pgsql

import (
	"strconv"
	"strings"

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

// Kind is what a transaction is.
type Kind uint8

// Kinds.
const (
	Encryption Kind = iota // SSL or GSSAPI request
	Login
	Query     // simple
	Execution // extended
	Preparation
	Function
	Cancellation
	Broken // a message that cannot be read
)

// Transaction is one exchange.
type Transaction struct {
	proto.State
	database.Access
	Kind     Kind
	Text     []byte // of the query
	Server   string // server_version, of the login
	Program  string // application_name, of the login
	Auth     string // of the login
	Accepted bool   // of an encryption request
	DataRows uint64 // rows seen
	Copied   uint64 // COPY messages seen
	request  bool
	began    bool
	over     bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"too_many_transactions", "malformed_request", "malformed_response", "invalid_length"}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "pgsql" }

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

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	t.Access.Event(e)
	e.Str(event.DBServer, t.Server)
	e.Str(event.DBClient, t.Program)
	e.Str(event.DBAuth, t.Auth)
	if t.Kind == Encryption {
		e.Bool(event.DBEncrypted, t.Accepted)
	}
}

// tag reads a command tag ("SELECT 5", "INSERT 0 1"): the rows it counts, if it does.
func (t *Transaction) tag(b []byte) {
	words := strings.Fields(string(b[:min(len(b), 64)]))
	if len(words) > 1 {
		if n, err := strconv.ParseUint(words[len(words)-1], 10, 64); err == nil {
			t.AddRows(n)
		}
	}
	t.Succeed()
}
