package modbus

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side.
const (
	NotStarted = iota
	Done       // its message was read, or will not come
)

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:modbus. Never written.
var Anomalies = []string{
	"invalid_protocol_id", "unsolicited_response", "invalid_length", "invalid_unit_identifier", "invalid_function_code", "invalid_value",
	"invalid_exception_code", "value_mismatch", "flooded",
}

// Transaction is a request with its response. It implements proto.Transaction.
type Transaction struct {
	proto.State
	Number      uint16 // of the exchange, chosen by the client
	Unit        uint8
	Request     Request
	RequestSeen bool
	Answered    bool
	Exception   uint8 // code; 0 is none

	done [2]bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "modbus" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	if t.done[dir] {
		return Done
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.done[dir] }

func (t *Transaction) finish(dir flow.Direction) {
	t.done[dir] = true
	t.Touch(dir)
}

// valuesShown is how many written values an event lists.
const valuesShown = 16

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	q := &t.Request
	e.Uint(event.ModbusID, uint64(t.Number))
	e.Uint(event.ModbusUnit, uint64(t.Unit))
	e.Uint(event.ModbusFunction, uint64(q.Function))
	e.Str(event.ModbusFunctionName, functions[q.Function].name)
	e.Str(event.ModbusCategory, categoryName(CategoryOf(q.Function)))
	e.Strs(event.ModbusAccess, accessNames(AccessOf(q.Function)))
	if q.HasSub {
		e.Uint(event.ModbusSubfunction, uint64(q.Subfunction))
	}
	if q.Read.Seen {
		e.Uint(event.ModbusReadAddress, uint64(q.Read.Address))
		e.Uint(event.ModbusReadCount, uint64(q.Read.Quantity))
	}
	if q.Write.Seen {
		e.Uint(event.ModbusWriteAddress, uint64(q.Write.Address))
		e.Uint(event.ModbusWriteCount, uint64(q.Write.Quantity))
		var values []int64
		for _, v := range q.Values[:min(len(q.Values), valuesShown)] {
			values = append(values, int64(v))
		}
		e.Ints(event.ModbusWriteValues, values)
	}
	switch {
	case t.Exception != 0:
		e.Uint(event.ModbusException, uint64(t.Exception))
		e.Str(event.EventOutcome, "failure")
	case t.Answered:
		e.Str(event.EventOutcome, "success")
	}
}

func categoryName(c Category) string {
	switch c {
	case Assigned:
		return "assigned"
	case User:
		return "user"
	case Reserved:
		return "reserved"
	}
	return "unassigned"
}

func accessNames(a Access) (names []string) {
	for i, name := range [...]string{"read", "write", "discretes", "coils", "input", "holding", "single", "multiple"} {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
