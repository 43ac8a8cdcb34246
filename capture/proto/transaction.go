package proto

import (
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
)

// Transaction is one exchange of an application protocol: an HTTP request with its response, a DNS query or answer, a
// TLS handshake. The concrete types (http.Transaction, dns.Transaction, tls.Transaction) export all buffers; an
// inspector switches on them.
type Transaction interface {
	Protocol() string // the protocol's name in the rule language
	ID() uint64       // counts from 0 within the flow
	// Progress says how far one side is. The numbers are constants of the concrete package and only grow.
	Progress(dir flow.Direction) int
	// Complete tells whether a side can make no further progress.
	Complete(dir flow.Direction) bool
	// Event fills e (already Reset by the caller, addresses set) with the transaction's fields.
	Event(e *event.Event)
	Base() *State
}

// State is what all transactions share. It is embedded.
type State struct {
	TxID  uint64
	Begun time.Time // packet time of its first byte
	// Ext belongs to the inspector: what it knows about this transaction between calls. Nil at first.
	Ext any
	// Anomalies are protocol oddities seen so far, named as app-layer-event names them after the protocol's dot
	// ("invalid_response_chunk_len"); repeated ones are listed once.
	Anomalies []string
	// OneSide is set when the transaction consists of one direction only (a DNS message): the other never advances.
	OneSide bool
	Only    flow.Direction // that direction

	seen    [2]uint32 // change counter last shown to inspectors
	changes [2]uint32
	logged  bool
}

// ID implements Transaction.
func (b *State) ID() uint64 { return b.TxID }

// Base implements Transaction.
func (b *State) Base() *State { return b }

// Touch records that a side has advanced (progress or more body), so that inspectors will be called.
func (b *State) Touch(dir flow.Direction) { b.changes[dir]++ }

// TakeChange tells whether a side has advanced since the last call. The pipeline calls it before the inspectors.
func (b *State) TakeChange(dir flow.Direction) bool {
	if b.changes[dir] == b.seen[dir] {
		return false
	}
	b.seen[dir] = b.changes[dir]
	return true
}

// TakeLog tells, once, that the transaction's event is due.
func (b *State) TakeLog() bool {
	was := b.logged
	b.logged = true
	return !was
}

// Anomaly adds an oddity unless it is listed already.
func (b *State) Anomaly(name string) {
	for _, a := range b.Anomalies {
		if a == name {
			return
		}
	}
	b.Anomalies = append(b.Anomalies, name)
}
