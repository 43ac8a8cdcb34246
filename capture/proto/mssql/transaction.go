package mssql

import (
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

// Transaction is the login or one request with its answer.
type Transaction struct {
	proto.State
	database.Access
	Login     bool
	Text      []byte // of the statement, UTF-8
	Procedure string // of a call
	Server    string // product and version, of the login
	Program   string // of the login
	Host      string // the client's, of the login
	Target    string // the server's name as the client calls it, of the login
	Auth      string // of the login
	Encrypted bool   // the login cannot be read
	request   bool
	began     bool
	over      bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_request", "malformed_response"}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "mssql" }

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
	e.Str(event.DBClientHost, t.Host)
	e.Str(event.DBService, t.Target)
	e.Str(event.DBAuth, t.Auth)
	if t.Encrypted {
		e.Bool(event.DBEncrypted, true)
	}
}

// take moves what an answer said into the transaction.
func (t *Transaction) take(s *result) {
	if s.hasRows {
		t.AddRows(s.rows)
	}
	switch {
	case s.failed && (!t.Login || !s.accepted):
		t.Fail(s.errCode, s.errText)
	case !t.Login || s.accepted:
		t.Succeed()
	}
	if s.server != "" {
		t.Server = s.server
	}
	if t.Login && s.database != "" {
		t.Database = s.database
	}
}
