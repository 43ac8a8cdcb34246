package snmp

import (
	"encoding/hex"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/ber"
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_data", "unknown_security_model", "version_mismatch"}

// Transaction is one message.
type Transaction struct {
	proto.State
	Message
	Readable bool // false: it could not be read to its end
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "snmp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// pduNames is indexed by PDU type and never written.
var pduNames = [pduCount]string{
	"get_request", "get_next_request", "response", "set_request", "trap_v1", "get_bulk_request", "inform_request", "trap_v2", "report",
}

// errorNames is indexed by error-status (RFC 3416 3) and never written.
var errorNames = [...]string{
	"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength", "wrongEncoding", "wrongValue",
	"noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError", "notWritable", "inconsistentName",
}

// trapNames is indexed by generic-trap (RFC 1157 4.1.6) and never written.
var trapNames = [...]string{"coldStart", "warmStart", "linkDown", "linkUp", "authenticationFailure", "egpNeighborLoss", "enterpriseSpecific"}

// nameOf returns the name of a number, the number itself when it has none.
func nameOf(list []string, n int64) string {
	if n >= 0 && n < int64(len(list)) {
		return list[n]
	}
	return strconv.FormatInt(n, 10)
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if t.Version == 0 {
		return
	}
	e.Uint(event.SNMPVersion, uint64(t.Version))
	e.Bytes(event.SNMPCommunity, t.Community)
	e.Bytes(event.SNMPUSM, t.User)
	e.Str(event.SNMPEngineID, hex.EncodeToString(t.EngineID))
	e.Bytes(event.SNMPContext, t.Context)
	if t.Version == 3 {
		e.Bool(event.SNMPEncrypted, t.Encrypted)
	}
	if !t.HasPDU {
		return
	}
	e.Str(event.SNMPPDUType, pduNames[t.PDU])
	if t.PDU == TrapV1 {
		e.Str(event.SNMPTrapType, nameOf(trapNames[:], t.TrapType))
		e.Str(event.SNMPTrapOID, t.TrapOID)
		e.Addr(event.SNMPTrapAddress, t.TrapFrom)
	} else {
		e.Int(event.SNMPRequestID, t.RequestID)
	}
	if t.PDU == Response {
		outcome := "success"
		if t.Error != 0 {
			outcome = "failure"
			e.Str(event.SNMPError, nameOf(errorNames[:], t.Error))
			e.Int(event.SNMPErrorIndex, t.ErrorAt)
		}
		e.Str(event.EventOutcome, outcome)
	}
	names, values, any := make([]string, len(t.Bindings)), make([]string, len(t.Bindings)), false
	for i, b := range t.Bindings {
		names[i], values[i] = b.OID, b.Value
		any = any || b.Value != ""
	}
	e.Strs(event.SNMPVars, names)
	if any {
		e.Strs(event.SNMPValues, values)
	}
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	if !p.Datagram || len(p.Data) == 0 || p.Data[0] != ber.Sequence {
		return proto.No
	}
	r, version, ok := head(p.Data)
	if !ok {
		return proto.No
	}
	id := r.Peek()
	if version == versionThree && id == ber.Sequence || version != versionThree && id == ber.OctetString && community(r) {
		return proto.Yes
	}
	return proto.No
}

// community tells whether a community and a PDU follow.
func community(r ber.Reader) bool {
	if _, err := r.Next(); err != nil {
		return false
	}
	return r.Peek() >= ber.Explicit(0) && r.Peek() < ber.Explicit(pduCount)
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct{ version uint8 }

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser { return &Parser{} }

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	if t.Readable = t.parse(b); !t.Readable {
		c.Malformed++
		t.Anomaly("malformed_data")
	}
	if t.Version == 3 && t.Model != 0 && t.Model != modelUSM {
		t.Anomaly("unknown_security_model")
	}
	if p.version == 0 {
		p.version = t.Version
	} else if t.Version != 0 && t.Version != p.version {
		t.Anomaly("version_mismatch")
	}
	c.Begin(t)
	t.Touch(dir)
	return len(b), proto.Continue
}

// Gap implements proto.Parser.
func (p *Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict {
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(*proto.Context, flow.Direction, []byte) {}
