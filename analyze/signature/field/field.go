package field

import (
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// View is a transaction seen from one side.
type View struct {
	Tx  proto.Transaction
	Dir flow.Direction
	Now time.Time // of the packet being judged
}

// Dirs are the directions a value exists in.
type Dirs uint8

// Directions.
const (
	ToServer Dirs = 1 << flow.ToServer
	ToClient Dirs = 1 << flow.ToClient
	Both          = ToServer | ToClient
)

// Has tells whether d contains a direction.
func (d Dirs) Has(dir flow.Direction) bool { return d&(1<<dir) != 0 }

// Need is, by direction, the progress of that side (proto.Transaction.Progress) from which on a value is final; for a
// growing one: has begun.
type Need [2]int

// After needs the same progress of both directions.
func After(progress int) Need { return Need{progress, progress} }

// Buffer is a place bytes come from: what sticky buffers name.
type Buffer struct {
	Names []string // the first is canonical, the others are older spellings
	Dirs  Dirs
	Need  Need
	Multi bool // has several values: Get is called with i = 0, 1, … until ok is false
	Grows bool // may gain bytes, or values, until the side is complete
	// Ended tells that value i will gain no more bytes though the side is not complete: it is looked at without waiting for more. For Grows; may be nil.
	Ended func(v *View, i int) bool
	// Get returns a value; ok is false when there is none. scratch may be appended to in order to build it.
	Get func(v *View, i int, scratch []byte) (data []byte, ok bool)
}

// Number is a numeric condition in the rule language's integer syntax, which the engine reads: 5, !5, <5, >=5, 1-5, &0x40=0x40, words; and, behind a
// comma, which of several values is meant: any (the default), all, all1, nb and a condition on how many there are, or a place (0 the first, -1 the last).
type Number struct {
	Names []string
	Dirs  Dirs
	Need  Need
	Max   uint64            // largest value a rule may name
	Words map[string]uint64 // values with a name, lower case
	Bits  map[string]uint64 // bits with a name, lower case: a rule may list them
	// Get returns value i = 0, 1, …; ok is false when there is none. Any value may match.
	Get  func(v *View, i int) (n uint64, ok bool)
	Late bool // may get values later: asked again until the side is complete
}

// ValueRule says whether a keyword has a value.
type ValueRule uint8

// Value rules.
const (
	ValueOptional ValueRule = iota
	ValueNeeded
	ValueNone
)

// Test is any other condition.
type Test struct {
	Names []string
	Dirs  Dirs
	Need  Need
	Value ValueRule
	Late  bool // may become true later: asked again until the side is complete
	// Parse reads the keyword's value as it stands in the rule. Its error speaks about the value.
	Parse func(value string) (func(v *View) bool, error)
	// Mark, if there is one, is called when the whole rule has matched (filestore).
	Mark func(v *View)
}

// Protocol is one protocol's table.
type Protocol struct {
	App     flow.App
	Buffers []Buffer
	Numbers []Number
	Tests   []Test
	// Files are the directions in which transactions carry files, as proto.FileCarrier tells them: the file keywords are added to the table.
	Files Dirs
	// Frames are the records of the protocol as frame:<prefix>.<name> names them, raw as sent. Names[0] is without the prefix.
	Frames []Buffer
	// Events are the names app-layer-event may ask for behind EventPrefix and a dot: those the parser puts into
	// proto.State.Anomalies.
	Events      []string
	EventNames  map[string]string // other spellings, to the parser's name
	EventPrefix string            // of events and frames; "" is the name of App
}
