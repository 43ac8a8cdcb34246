package dnp3

import (
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side.
const (
	NotStarted = iota
	Done
)

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:dnp3. Never written.
var Anomalies = []string{"flooded", "len_too_small", "bad_link_crc", "bad_transport_crc", "unknown_object"}

// Fragment is one side's application fragment.
type Fragment struct {
	Seen        bool
	Data        []byte // whole, from the application header on, without link and transport layer
	Cut         bool   // it is longer than what is kept
	Sequence    uint8
	Function    uint8
	Indications uint16 // of responses
	Objects     []Object
}

// Transaction is a request with its response. It implements proto.Transaction.
type Transaction struct {
	proto.State
	Master, Outstation uint16      // link addresses
	Side               [2]Fragment // by flow.Direction

	done [2]bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "dnp3" }

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
	if !t.done[dir] {
		t.done[dir] = true
		t.Touch(dir)
	}
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Uint(event.DNP3Source, uint64(t.Master))
	e.Uint(event.DNP3Destination, uint64(t.Outstation))
	if f := &t.Side[flow.ToServer]; f.Seen {
		e.Uint(event.DNP3Function, uint64(f.Function))
		e.Str(event.DNP3Name, FunctionName(f.Function))
		e.Strs(event.DNP3Objects, objectNames(f.Objects))
	}
	if f := &t.Side[flow.ToClient]; f.Seen {
		e.Uint(event.DNP3Answer, uint64(f.Function))
		e.Str(event.DNP3AnswerName, FunctionName(f.Function))
		e.Strs(event.DNP3Indications, indicationNames(f.Indications))
		e.Strs(event.DNP3Answered, objectNames(f.Objects))
	}
}

func objectNames(list []Object) (names []string) {
	for _, o := range list {
		names = append(names, strconv.Itoa(int(o.Group))+"."+strconv.Itoa(int(o.Variation)))
	}
	return names
}
