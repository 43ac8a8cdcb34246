package dns

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Question is one entry of the question section.
type Question struct {
	Name  []byte // labels joined by dots, no trailing dot, bytes as sent; empty for the root
	Type  uint16
	Class uint16
}

// Record is one resource record.
type Record struct {
	Name  []byte
	Type  uint16
	Class uint16
	TTL   uint32
	// Data is the record data in text form for the types we know (A, AAAA, CNAME, NS, PTR, MX, SOA, SRV, TXT, …),
	// the raw bytes otherwise. Names in it have no trailing dot.
	Data []byte
	// Raw is the record data as sent (names in it may be compressed).
	Raw []byte
}

// Message is one DNS message.
type Message struct {
	MsgID       uint16
	Flags       uint16 // the second header word as sent
	Response    bool
	Opcode      uint8
	RCode       uint16 // with the extended bits of an OPT record
	Questions   []Question
	Answers     []Record
	Authorities []Record
	Additionals []Record
}

// Transaction is one DNS message: as in Suricata 8, query and answer are separate transactions, each complete at once
// and in one direction only.
type Transaction struct {
	proto.State
	Message
	Raw  []byte // the message as sent, from its ID
	TCP  bool
	MDNS bool
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string {
	if t.MDNS {
		return "mdns"
	}
	return "dns"
}

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return true }

var _ proto.Transaction = (*Transaction)(nil)
