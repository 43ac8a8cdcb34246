package enip

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/wire"
)

// Progress of one side.
const (
	NotStarted = iota
	Done
)

const (
	port       = 44818
	waitingMax = 64
)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"too_many_transactions", "invalid_pdu"}

// Transaction is a message with the other side's next one of the same command.
type Transaction struct {
	proto.State
	PDUs [2]*PDU // by direction, nil: none
	over bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "enip" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	if t.over || t.PDUs[dir] != nil {
		return Done
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.Progress(dir) == Done }

// CommandNames maps commands to the rule language's words. Never written.
var CommandNames = map[uint16]string{
	CommandNOP: "nop", CommandListServices: "list_services", CommandListIdentity: "list_identity", CommandListInterfaces: "list_interfaces",
	CommandRegisterSession: "register_session", CommandUnregisterSession: "unregister_session", CommandSendRRData: "send_rr_data",
	CommandSendUnitData: "send_unit_data", CommandIndicateStatus: "indicate_status", CommandCancel: "cancel",
}

// StatusNames maps status codes of the encapsulation (volume 2, table 2-3.3) to the rule language's words. Never written.
var StatusNames = map[uint32]string{
	0: "success", 1: "invalid_cmd", 2: "no_resources", 3: "incorrect_data", 0x64: "invalid_session", 0x65: "invalid_length",
	0x69: "unsupported_protocol_rev", 0x6a: "encap_header_error",
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	var services, classes, instances, attributes, statuses []int64
	var symbols []string
	first := true
	for _, p := range t.PDUs {
		if p == nil {
			continue
		}
		if first {
			name := CommandNames[p.Command]
			if name == "" {
				name = strconv.Itoa(int(p.Command))
			}
			e.Str(event.ENIPCommand, name)
		}
		first = false
		p.event(e)
		for i := range p.CIP {
			m := &p.CIP[i]
			if m.Answer {
				statuses = append(statuses, int64(m.Status))
				continue
			}
			services = append(services, int64(m.Service))
			classes, instances, attributes = widen(classes, m.Classes), widen(instances, m.Instances), widen(attributes, m.Attributes)
			symbols = append(symbols, m.Symbols...)
		}
	}
	e.Ints(event.ENIPServices, services)
	e.Ints(event.ENIPClasses, classes)
	e.Ints(event.ENIPInstances, instances)
	e.Ints(event.ENIPAttributes, attributes)
	e.Strs(event.ENIPSymbols, symbols)
	e.Ints(event.ENIPCIPStatus, statuses)
}

func widen(to []int64, from []uint32) []int64 {
	for _, n := range from {
		to = append(to, int64(n))
	}
	return to
}

func (p *PDU) event(e *event.Event) {
	if p.Session != 0 {
		e.Uint(event.ENIPSession, uint64(p.Session))
	}
	if p.Status != 0 {
		name := StatusNames[p.Status]
		if name == "" {
			name = strconv.FormatUint(uint64(p.Status), 10)
		}
		e.Str(event.ENIPStatus, name)
	}
	if p.HasVersion {
		e.Uint(event.ENIPVersion, uint64(p.Version))
	}
	e.Bytes(event.ENIPServiceName, p.ServiceName)
	if d := p.Identity; d != nil {
		e.Bytes(event.ENIPProduct, d.Name)
		e.Uint(event.ENIPVendor, uint64(d.Vendor))
		e.Uint(event.ENIPDeviceType, uint64(d.DeviceType))
		e.Uint(event.ENIPProductCode, uint64(d.ProductCode))
		e.Str(event.ENIPRevision, fmt.Sprintf("%d.%d", d.Revision&0xff, d.Revision>>8))
		e.Uint(event.ENIPSerial, uint64(d.Serial))
		e.Uint(event.ENIPState, uint64(d.State))
	}
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) >= 2 && !known(binary.LittleEndian.Uint16(b)) {
		return proto.No
	}
	if len(b) < headerBytes {
		if p.Port(port) && !p.Datagram && len(b) > 0 {
			return proto.Maybe
		}
		return proto.No
	}
	if !plausible(b) {
		return proto.No
	}
	le := binary.LittleEndian
	n := int(le.Uint16(b[2:]))
	if p.Datagram && len(b) != headerBytes+n {
		return proto.No
	}
	if p.Port(port) {
		return proto.Yes
	}
	if le.Uint16(b) == CommandRegisterSession && n == 4 && len(b) == headerBytes+4 && le.Uint32(b[4:]) == 0 && le.Uint32(b[8:]) == 0 && le.Uint32(b[24:]) == 1 {
		return proto.Yes
	}
	return proto.No
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	datagram bool
	frames   wire.Frames
	waiting  []*Transaction // oldest first
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(datagram bool) proto.Parser {
	return &Parser{datagram: datagram, frames: wire.Frames{Max: headerBytes + dataMax, Size: size, Sync: func(_ flow.Direction, b []byte) bool {
		return plausible(b)
	}}}
}

func size(_ flow.Direction, b []byte) int64 {
	if len(b) < 4 {
		return 0
	}
	n := int64(binary.LittleEndian.Uint16(b[2:]))
	if n > dataMax || !known(binary.LittleEndian.Uint16(b)) {
		return -1
	}
	return headerBytes + n
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.datagram {
		p.message(c, dir, b)
		return len(b), proto.Continue
	}
	done := 0
	for {
		f, ok := p.frames.Next(dir, b[done:])
		done += f.Taken
		if !ok {
			p.broken(c, dir, &PDU{})
			return len(b), proto.Fail
		}
		if f.Bytes == nil {
			return done, proto.Continue
		}
		p.message(c, dir, f.Bytes)
		c.Flush[dir] = true
	}
}

// broken makes a transaction of what cannot be read.
func (p *Parser) broken(c *proto.Context, dir flow.Direction, m *PDU) {
	c.Malformed++
	t := &Transaction{over: true}
	t.PDUs[dir] = m
	t.OneSide, t.Only = true, dir
	t.Anomaly("invalid_pdu")
	c.Begin(t)
	t.Touch(dir)
}

func (p *Parser) message(c *proto.Context, dir flow.Direction, b []byte) {
	m := &PDU{}
	if !m.parse(b) {
		p.broken(c, dir, m)
		return
	}
	for i, t := range p.waiting {
		if other := t.PDUs[dir.Other()]; other != nil && other.Command == m.Command && other.Context == m.Context {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			t.PDUs[dir] = m
			p.finish(t)
			return
		}
	}
	t := &Transaction{}
	t.PDUs[dir] = m
	c.Begin(t)
	t.Touch(dir)
	if m.Command == CommandNOP || m.Command == CommandUnregisterSession || m.Status != 0 {
		p.finish(t) // these have no answer
		return
	}
	if len(p.waiting) >= waitingMax {
		p.waiting[0].Anomaly("too_many_transactions")
		p.finish(p.waiting[0])
		p.waiting = append(p.waiting[:0], p.waiting[1:]...)
	}
	p.waiting = append(p.waiting, t)
}

func (p *Parser) finish(t *Transaction) {
	t.over = true
	t.Touch(flow.ToServer)
	t.Touch(flow.ToClient)
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	p.frames.Gap(dir, rest, n)
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		for _, t := range p.waiting {
			p.finish(t)
		}
		p.waiting = nil
	}
}
