package database

import (
	"fengsui/capture/event"
	"fengsui/capture/proto/wire"
)

// Limits.
const (
	StatementMax = 4 << 10
	ObjectsMax   = 32
	TextMax      = 512
)

// Outcome is how an access ended.
type Outcome uint8

// Outcomes.
const (
	Unknown Outcome = iota
	Success
	Failure
)

// Access is one access: a login or a statement with its answer.
type Access struct {
	User      string
	Database  string
	Statement []byte // at most StatementMax, as sent
	Cut       bool   // there was more
	Operation string
	Objects   []string
	Outcome   Outcome
	ErrorCode string
	Error     []byte
	Rows      uint64
	HasRows   bool
}

// SetStatement keeps SQL text and reads operation and objects from it.
func (a *Access) SetStatement(sql []byte) {
	a.Statement, a.Cut = wire.Keep(sql, StatementMax)
	a.Operation, a.Objects = Statement(a.Statement)
}

// SetCommand keeps a command that is no SQL.
func (a *Access) SetCommand(operation string, text []byte, objects ...string) {
	a.Statement, a.Cut = wire.Keep(text, StatementMax)
	a.Operation, a.Objects = operation, objects
}

// Fail notes an error.
func (a *Access) Fail(code string, text []byte) {
	a.Outcome, a.ErrorCode = Failure, code
	a.Error, _ = wire.Keep(text, TextMax)
}

// Succeed notes success unless something has failed before.
func (a *Access) Succeed() {
	if a.Outcome == Unknown {
		a.Outcome = Success
	}
}

// AddRows counts rows.
func (a *Access) AddRows(n uint64) {
	a.Rows += n
	a.HasRows = true
}

// Event writes the access.
func (a *Access) Event(e *event.Event) {
	e.Str(event.EventCategory, "database")
	e.Str(event.DBUser, a.User)
	e.Str(event.UserName, a.User)
	e.Str(event.DBName, a.Database)
	e.Str(event.DBOperation, a.Operation)
	e.Bytes(event.DBStatement, Mask(a.Statement))
	if a.Cut {
		e.Bool(event.DBCut, true)
	}
	e.Strs(event.DBObject, a.Objects)
	switch a.Outcome {
	case Success:
		e.Str(event.DBOutcome, "success")
		e.Str(event.EventOutcome, "success")
	case Failure:
		e.Str(event.DBOutcome, "failure")
		e.Str(event.EventOutcome, "failure")
	}
	e.Str(event.DBErrorCode, a.ErrorCode)
	e.Bytes(event.DBError, a.Error)
	if a.HasRows {
		e.Uint(event.DBRows, a.Rows)
	}
}
