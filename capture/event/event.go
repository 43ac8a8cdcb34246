package event

import (
	"net/netip"
	"time"
)

// Kind says what was observed. It is the value of event.dataset.
type Kind string

// Kinds of events that capture produces.
const (
	KindFlow Kind = "flow"
	KindHTTP Kind = "http"
	KindDNS  Kind = "dns"
	KindTLS  Kind = "tls"
	KindFile Kind = "fileinfo" // a file seen in a transaction
)

// Type is the type of a Value.
type Type uint8

// Types of values.
const (
	TypeString Type = iota
	TypeInt
	TypeUint
	TypeBool
	TypeTime
	TypeStrings
	TypeInts
)

// Value is one typed field value. The zero Value is the empty string.
type Value struct {
	Type Type
	Str  string   // TypeString
	Num  uint64   // TypeInt (two's complement), TypeUint, TypeBool (0/1), TypeTime (Unix nanoseconds, two's complement)
	List []string // TypeStrings
	Ints []int64  // TypeInts
}

// Field is one named value.
type Field struct {
	Name  string
	Value Value
}

// Event is one observation. Fields keep the order in which they were added.
type Event struct {
	ID     ID
	Time   time.Time // when it happened, by the packet clock
	Kind   Kind
	Fields []Field
}

// Reset empties e for reuse, keeping its storage.
func (e *Event) Reset(kind Kind, at time.Time) {
	clear(e.Fields)
	*e = Event{Kind: kind, Time: at, Fields: e.Fields[:0]}
}

// Clone returns a copy that shares no storage with e.
func (e *Event) Clone() *Event {
	c := *e
	c.Fields = make([]Field, len(e.Fields))
	for i, f := range e.Fields {
		f.Value.List = append([]string(nil), f.Value.List...)
		f.Value.Ints = append([]int64(nil), f.Value.Ints...)
		c.Fields[i] = f
	}
	return &c
}

// Str adds a string; an empty one is left out, as ECS does.
func (e *Event) Str(name, v string) {
	if v != "" {
		e.Fields = append(e.Fields, Field{name, Value{Type: TypeString, Str: v}})
	}
}

// Bytes adds bytes seen on the wire as a string. Bytes that are no valid UTF-8 are escaped when the event is encoded.
func (e *Event) Bytes(name string, v []byte) {
	if len(v) > 0 {
		e.Str(name, string(v))
	}
}

// Int adds a signed number.
func (e *Event) Int(name string, v int64) {
	e.Fields = append(e.Fields, Field{name, Value{Type: TypeInt, Num: uint64(v)}})
}

// Uint adds an unsigned number.
func (e *Event) Uint(name string, v uint64) {
	e.Fields = append(e.Fields, Field{name, Value{Type: TypeUint, Num: v}})
}

// Bool adds a truth value.
func (e *Event) Bool(name string, v bool) {
	var n uint64
	if v {
		n = 1
	}
	e.Fields = append(e.Fields, Field{name, Value{Type: TypeBool, Num: n}})
}

// Addr adds an address in its canonical text; an invalid one is left out.
func (e *Event) Addr(name string, v netip.Addr) {
	if v.IsValid() {
		e.Str(name, v.String())
	}
}

// At adds a point in time; the zero time is left out.
func (e *Event) At(name string, v time.Time) {
	if !v.IsZero() {
		e.Fields = append(e.Fields, Field{name, Value{Type: TypeTime, Num: uint64(v.UnixNano())}})
	}
}

// Strs adds a list of strings; an empty one is left out. The list is kept, not copied.
func (e *Event) Strs(name string, v []string) {
	if len(v) > 0 {
		e.Fields = append(e.Fields, Field{name, Value{Type: TypeStrings, List: v}})
	}
}

// Ints adds a list of numbers; an empty one is left out. The list is kept, not copied.
func (e *Event) Ints(name string, v []int64) {
	if len(v) > 0 {
		e.Fields = append(e.Fields, Field{name, Value{Type: TypeInts, Ints: v}})
	}
}

// Get returns the first field of that name.
func (e *Event) Get(name string) (Value, bool) {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value, true
		}
	}
	return Value{}, false
}

// Text returns the string form of a field, "" when it is absent.
func (e *Event) Text(name string) string {
	v, _ := e.Get(name)
	return v.String()
}
