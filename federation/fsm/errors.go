package fsm

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed is returned by calls on an FSM that has been closed.
	ErrClosed = errors.New("the state machine is closed")
	// ErrReplaying is returned by Snapshot while raft is still replaying entries that
	// the state already holds: a snapshot taken now would be named by too old an index.
	ErrReplaying = errors.New("no snapshot yet: the log is still being replayed")
	// ErrCorrupt is wrapped by every error about bytes that do not decode or whose
	// digest or checksum does not match.
	ErrCorrupt = errors.New("corrupt")
	// ErrTooNew is wrapped by every error about a format or command that a later
	// version of the program wrote.
	ErrTooNew = errors.New("written by a newer version of the program")
)

// FatalError is why a state machine has stopped. Going on would lose or change data,
// so after it nothing is applied, no snapshot is taken and the node must be restarted
// once the cause is gone. What had been accepted is in the log and is applied then.
type FatalError struct {
	Step  string // what was being done, e.g. "committing"
	Index uint64 // log index of the first entry that was not applied
	Err   error
}

// Error names the step, the index and the cause, and says what to do.
func (e *FatalError) Error() string {
	return fmt.Sprintf("the state machine stopped while %s log entry %d: %v (nothing accepted is lost: it is in the log and is applied after a restart)", e.Step, e.Index, e.Err)
}

// Unwrap returns the cause.
func (e *FatalError) Unwrap() error { return e.Err }

// Refusal is a table's deterministic "no": every replica answers the same, and the
// command has had no effect. It survives the way from the leader to a follower.
type Refusal struct {
	Code uint32 // the table's own number, from its error's Code() uint32; 0 when it has none
	Text string // for people; cut at 1024 bytes on the wire
}

// CodeUnknownKind is the code of commands that were skipped because this replica does
// not know their kind and their flags allow that.
const CodeUnknownKind = 0xFFFF_FFFF

// Error returns the table's text.
func (r *Refusal) Error() string { return r.Text }

// Is tells whether target is a Refusal with the same code (and, for code 0, the same text).
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal) // the chain is walked by errors.Is; this compares one link
	return ok && t.Code == r.Code && (r.Code != 0 || t.Text == r.Text)
}

// asRefusal turns a table's error into what can cross the wire, here already, so that a
// caller on the leader and one on a follower see the same.
func asRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	var coded interface {
		error
		Code() uint32
	}
	if errors.As(err, &coded) {
		return &Refusal{Code: coded.Code(), Text: err.Error()}
	}
	return &Refusal{Text: err.Error()}
}
