package dcerpc

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a side.
const (
	NotStarted = iota
	Begun      // a fragment was seen: interface and operation are known
	Done       // the last fragment was seen, or the flow has ended
)

// Transaction is one call.
type Transaction struct {
	proto.State
	Call  *Call
	UDP   bool
	ended [2]bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "dcerpc" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	s := &t.Call.Sides[dir]
	switch {
	case s.Done || t.ended[dir]:
		return Done
	case s.Seen:
		return Begun
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.Progress(dir) == Done }

// RPC returns the call; package smb's transactions have the same method.
func (t *Transaction) RPC() *Call { return t.Call }

func (t *Transaction) end(dir flow.Direction) {
	if !t.ended[dir] && !t.Call.Sides[dir].Done {
		t.ended[dir] = true
		t.Touch(dir)
	}
}
