package ssh

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side.
const (
	NotStarted = iota
	BannerDone // identification read
	KexDone    // key exchange offer read
	Done       // encrypted, lost or over
)

// Anomalies are the names Transaction.Anomalies can hold, those of the rule keyword app-layer-event:ssh. Never written.
var Anomalies = []string{"invalid_banner", "invalid_record", "long_banner", "long_kex_record"}

// Transaction is the one SSH session of a flow. Its arrays are by flow.Direction: the client's side, the server's.
type Transaction struct {
	proto.State
	Ident     [2]Identification
	Offer     [2]Offer
	Encrypted [2]bool // NEWKEYS was seen

	progress [2]int
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "ssh" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	c, s := &t.Ident[flow.ToServer], &t.Ident[flow.ToClient]
	e.Bytes(event.SSHClientProto, c.Proto)
	e.Bytes(event.SSHClientSoftware, c.Software)
	e.Bytes(event.SSHClientComments, c.Comments)
	e.Bytes(event.SSHServerProto, s.Proto)
	e.Bytes(event.SSHServerSoftware, s.Software)
	e.Bytes(event.SSHServerComments, s.Comments)
	e.Bytes(event.SSHClientHASSH, t.Offer[flow.ToServer].HASSH)
	e.Bytes(event.SSHClientHASSHString, t.Offer[flow.ToServer].HASSHString)
	e.Bytes(event.SSHServerHASSH, t.Offer[flow.ToClient].HASSH)
	e.Bytes(event.SSHServerHASSHString, t.Offer[flow.ToClient].HASSHString)
	e.Bytes(event.SSHServerHostKeys, t.Offer[flow.ToClient].HostKey)
	e.Bool(event.SSHEstablished, t.Encrypted[0] && t.Encrypted[1])
}
