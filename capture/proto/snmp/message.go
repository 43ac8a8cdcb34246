package snmp

import (
	"encoding/hex"
	"net/netip"
	"strconv"

	"fengsui/capture/proto/ber"
	"fengsui/capture/proto/wire"
)

// PDU types: the context tags of RFC 3416 3 and RFC 1157 4.1.6.
const (
	GetRequest = iota
	GetNextRequest
	Response
	SetRequest
	TrapV1
	GetBulkRequest
	InformRequest
	TrapV2
	Report
	pduCount
)

const (
	versionOne   = 0 // on the wire
	versionTwoC  = 1
	versionThree = 3
	modelUSM     = 3
	flagPrivacy  = 2
	bindingsMax  = 64
	valueMax     = 256
	nameMax      = 256
)

// Value types of RFC 2578.
const (
	typeIPAddress = 0x40
	typeCounter32 = 0x41
	typeGauge32   = 0x42
	typeTimeTicks = 0x43
	typeOpaque    = 0x44
	typeCounter64 = 0x46
	noSuchObject  = 0x80
	noSuchInst    = 0x81
	endOfView     = 0x82
)

// Binding is one variable with its value as text.
type Binding struct{ OID, Value string }

// Message is what a datagram says.
type Message struct {
	Version   uint8  // 1, 2 (2c), 3
	Community []byte // versions 1 and 2c
	User      []byte // version 3
	EngineID  []byte // version 3
	Context   []byte // version 3
	Model     int64  // security model of version 3
	Encrypted bool
	HasPDU    bool
	PDU       uint8
	RequestID int64
	Error     int64 // error-status, of answers
	ErrorAt   int64
	TrapType  int64 // generic-trap of version 1
	TrapOID   string
	TrapFrom  netip.Addr
	Bindings  []Binding
	Cut       bool // there were more bindings
}

// head reads the outer sequence and the version; ok is false when this is no message.
func head(b []byte) (r ber.Reader, version int64, ok bool) {
	e, size, err := ber.Head(b)
	if err != nil || e.ID != ber.Sequence || size != len(b) {
		return r, 0, false
	}
	r = ber.NewReader(b[e.Header:])
	v, err := r.Expect(ber.Integer)
	if err != nil {
		return r, 0, false
	}
	version, ok = v.Int()
	return r, version, ok && (version == versionOne || version == versionTwoC || version == versionThree)
}

// parse reads a datagram.
func (m *Message) parse(b []byte) bool {
	r, version, ok := head(b)
	if !ok {
		return false
	}
	if version == versionThree {
		m.Version = 3
		return m.three(&r)
	}
	m.Version = uint8(version) + 1
	c, err := r.Expect(ber.OctetString)
	if err != nil {
		return false
	}
	m.Community, _ = wire.Keep(c.Body, nameMax)
	return m.pdu(&r)
}

// three reads the rest of a message of version 3 (RFC 3412 6).
func (m *Message) three(r *ber.Reader) bool {
	global, err := r.Expect(ber.Sequence)
	if err != nil {
		return false
	}
	in := global.Inside()
	var flags ber.Element
	for i := range 4 {
		e, err := in.Next()
		if err != nil {
			return false
		}
		switch i {
		case 2:
			flags = e
		case 3:
			m.Model, _ = e.Int()
		}
	}
	m.Encrypted = len(flags.Body) == 1 && flags.Body[0]&flagPrivacy != 0
	security, err := r.Expect(ber.OctetString)
	if err != nil {
		return false
	}
	if m.Model == modelUSM && !m.usm(security.Body) {
		return false
	}
	if m.Encrypted || r.Peek() == ber.OctetString {
		m.Encrypted = true
		return r.More()
	}
	scoped, err := r.Expect(ber.Sequence)
	if err != nil {
		return false
	}
	in = scoped.Inside()
	engine, err := in.Expect(ber.OctetString)
	if err != nil {
		return false
	}
	if len(m.EngineID) == 0 {
		m.EngineID, _ = wire.Keep(engine.Body, nameMax)
	}
	name, err := in.Expect(ber.OctetString)
	if err != nil {
		return false
	}
	m.Context, _ = wire.Keep(name.Body, nameMax)
	return m.pdu(&in)
}

// usm reads the security parameters of the user-based model (RFC 3414 2.4).
func (m *Message) usm(b []byte) bool {
	r := ber.NewReader(b)
	s, err := r.Expect(ber.Sequence)
	if err != nil {
		return false
	}
	in := s.Inside()
	engine, err := in.Expect(ber.OctetString)
	if err != nil {
		return false
	}
	m.EngineID, _ = wire.Keep(engine.Body, nameMax)
	for range 2 { // boots and time
		if _, err := in.Expect(ber.Integer); err != nil {
			return false
		}
	}
	user, err := in.Expect(ber.OctetString)
	if err != nil {
		return false
	}
	m.User, _ = wire.Keep(user.Body, nameMax)
	return true
}

// pdu reads one of the PDUs.
func (m *Message) pdu(r *ber.Reader) bool {
	e, err := r.Next()
	if err != nil || e.ID < ber.Explicit(0) || e.ID >= ber.Explicit(pduCount) {
		return false
	}
	m.HasPDU, m.PDU = true, e.ID-ber.Explicit(0)
	in := e.Inside()
	if m.PDU == TrapV1 {
		return m.trap(&in)
	}
	for i, p := range [...]*int64{&m.RequestID, &m.Error, &m.ErrorAt} {
		x, err := in.Expect(ber.Integer)
		if err != nil {
			return false
		}
		n, _ := x.Int()
		if i == 0 || m.PDU != GetBulkRequest { // non-repeaters and max-repetitions take the others' places
			*p = n
		}
	}
	return m.bindings(&in)
}

// trap reads the trap of version 1 (RFC 1157 4.1.6).
func (m *Message) trap(r *ber.Reader) bool {
	oid, err := r.Expect(ber.OID)
	if err != nil {
		return false
	}
	m.TrapOID = oid.OID()
	from, err := r.Next()
	if err != nil {
		return false
	}
	m.TrapFrom, _ = netip.AddrFromSlice(from.Body)
	generic, err := r.Expect(ber.Integer)
	if err != nil {
		return false
	}
	m.TrapType, _ = generic.Int()
	for range 2 { // specific trap and time
		if _, err := r.Next(); err != nil {
			return false
		}
	}
	return m.bindings(r)
}

func (m *Message) bindings(r *ber.Reader) bool {
	list, err := r.Expect(ber.Sequence)
	if err != nil {
		return false
	}
	in := list.Inside()
	for in.More() {
		pair, err := in.Expect(ber.Sequence)
		if err != nil {
			return false
		}
		if len(m.Bindings) >= bindingsMax {
			m.Cut = true
			return true
		}
		of := pair.Inside()
		name, err := of.Expect(ber.OID)
		if err != nil {
			return false
		}
		value, err := of.Next()
		if err != nil {
			return false
		}
		m.Bindings = append(m.Bindings, Binding{name.OID(), text(&value)})
	}
	return true
}

// text writes a value for people.
func text(e *ber.Element) string {
	switch e.ID {
	case ber.Integer:
		n, _ := e.Int()
		return strconv.FormatInt(n, 10)
	case typeCounter32, typeGauge32, typeTimeTicks, typeCounter64:
		n, _ := e.Uint()
		return strconv.FormatUint(n, 10)
	case ber.OID:
		return e.OID()
	case ber.OctetString:
		b := e.Body[:min(len(e.Body), valueMax)]
		for _, c := range b {
			if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
				return hex.EncodeToString(b)
			}
		}
		return string(b)
	case typeIPAddress:
		a, _ := netip.AddrFromSlice(e.Body)
		return a.String()
	case noSuchObject:
		return "noSuchObject"
	case noSuchInst:
		return "noSuchInstance"
	case endOfView:
		return "endOfMibView"
	case ber.Null:
		return ""
	}
	return hex.EncodeToString(e.Body[:min(len(e.Body), valueMax)])
}
