package proto

import (
	"time"

	"fengsui/capture/event"
	"fengsui/capture/file"
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

// FileCarrier is a transaction that carries files. The list of a direction only grows, until the transaction is over.
type FileCarrier interface {
	Files(dir flow.Direction) []*file.File
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

	live    *Live
	seen    [2]uint32 // change counter last shown to inspectors
	changes [2]uint32
	logged  bool
}

// ID implements Transaction.
func (s *State) ID() uint64 { return s.TxID }

// Base implements Transaction.
func (s *State) Base() *State { return s }

// Touch records that a side has advanced (progress or more body), so that inspectors will be called.
func (s *State) Touch(dir flow.Direction) {
	s.changes[dir]++
	if s.live != nil {
		s.live.Changed[dir] = true
	}
}

// TakeChange tells whether a side has advanced since the last call. The pipeline calls it before the inspectors.
func (s *State) TakeChange(dir flow.Direction) bool {
	if s.changes[dir] == s.seen[dir] {
		return false
	}
	s.seen[dir] = s.changes[dir]
	return true
}

// TakeLog tells, once, that the transaction's event is due.
func (s *State) TakeLog() bool {
	was := s.logged
	s.logged = true
	return !was
}

// Anomaly adds an oddity unless it is listed already.
func (s *State) Anomaly(name string) {
	for _, a := range s.Anomalies {
		if a == name {
			return
		}
	}
	s.Anomalies = append(s.Anomalies, name)
}

// Changed tells whether a side has advanced since TakeChange.
func (s *State) Changed(dir flow.Direction) bool { return s.changes[dir] != s.seen[dir] }

// Pending tells whether either side has advanced and was not shown yet.
func (s *State) Pending() bool { return s.Changed(flow.ToServer) || s.Changed(flow.ToClient) }
