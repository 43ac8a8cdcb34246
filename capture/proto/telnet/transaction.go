package telnet

import (
	"bytes"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of either side.
const (
	NotStarted = iota
	Begun
	Done // the line is ended; the next one has begun
)

// Anomalies are the names Transaction.Anomalies can hold. Never written.
var Anomalies = []string{"subnegotiation_too_long"}

// Kind says what a line is.
type Kind uint8

// Kinds.
const (
	Banner   Kind = iota // no line: what the server says first
	User                 // an answer to a log-in prompt
	Password             // an answer to a password prompt
	Command              // anything else
)

// Transaction is a line with what the server prints after it.
type Transaction struct {
	proto.State
	Kind     Kind
	Prompt   []byte // the unfinished line of the server the user answers
	Line     []byte
	Output   []byte // its beginning
	User     []byte // who was logging in
	Terminal []byte
	Environ  []Variable
	Cut      bool // the line was longer than is kept

	progress [2]int
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "telnet" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// advance moves a side forward and tells inspectors.
func (t *Transaction) advance(dir flow.Direction, to int) {
	t.progress[dir] = max(t.progress[dir], to)
	t.Touch(dir)
}

// refusals are what servers print when a log-in fails. Never written.
var refusals = [...]string{"incorrect", "failed", "failure", "denied", "invalid", "bad password", "bad secrets"}

// masked is what stands in an event in the place of a secret.
const masked = "********"

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "session")
	e.Bytes(event.TelnetPrompt, bytes.TrimSpace(t.Prompt))
	switch t.Kind {
	case User:
		e.Bytes(event.TelnetLine, t.Line)
	case Password:
		e.Str(event.TelnetLine, masked)
		low := bytes.ToLower(t.Output)
		for _, r := range refusals {
			if bytes.Contains(low, []byte(r)) {
				e.Str(event.EventOutcome, "failure")
				break
			}
		}
	case Command:
		e.Bytes(event.TelnetLine, t.Line)
		e.Bytes(event.ProcessCommandLine, t.Line)
	case Banner:
	}
	e.Bytes(event.TelnetOutput, bytes.TrimSpace(t.Output))
	e.Bytes(event.UserName, t.User)
	e.Bytes(event.TelnetTerminal, t.Terminal)
	var list []string
	for _, v := range t.Environ {
		list = append(list, string(v.Name)+"="+string(v.Value))
	}
	e.Strs(event.TelnetEnviron, list)
}
