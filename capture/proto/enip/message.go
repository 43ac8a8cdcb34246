package enip

import (
	"bytes"
	"encoding/binary"

	"fengsui/capture/proto/wire"
)

// Commands of the encapsulation (volume 2, table 2-3.2).
const (
	CommandNOP               = 0x00
	CommandListServices      = 0x04
	CommandListIdentity      = 0x63
	CommandListInterfaces    = 0x64
	CommandRegisterSession   = 0x65
	CommandUnregisterSession = 0x66
	CommandSendRRData        = 0x6f
	CommandSendUnitData      = 0x70
	CommandIndicateStatus    = 0x72
	CommandCancel            = 0x73
)

// Items of the common packet format and CIP services that are looked into.
const (
	itemIdentity    = 0x0c
	itemConnected   = 0xb1
	itemUnconnected = 0xb2
	itemServices    = 0x100

	serviceGetList     = 0x03
	serviceSetList     = 0x04
	serviceMultiple    = 0x0a
	serviceUnconnected = 0x52
	classConnections   = 0x06
	answerBit          = 0x80
)

const (
	headerBytes   = 24
	dataMax       = 65511
	cipMax        = 64
	wrapMax       = 4
	attributesMax = 64
	itemsMax      = 32
	textMax       = 128
)

// CIP is one explicit message.
type CIP struct {
	Service    uint8 // without the answer's bit
	Answer     bool
	Classes    []uint32 // of the path
	Instances  []uint32
	Attributes []uint32 // of the path, and those a list service names
	Symbols    []string
	Status     uint8 // of answers, as the next
	Extended   []uint16
}

// Identity is what a device says of itself.
type Identity struct {
	Vendor, DeviceType, ProductCode, Revision, Status uint16
	Serial                                            uint32
	Name                                              []byte
	State                                             uint8
}

// PDU is one message of the encapsulation.
type PDU struct {
	Command      uint16
	Session      uint32
	Status       uint32
	Context      uint64
	Version      uint16 // of sessions, identities and services
	HasVersion   bool
	Identity     *Identity
	ServiceName  []byte
	Capabilities uint16
	HasService   bool
	CIP          []CIP
}

// known tells whether a command exists.
func known(c uint16) bool {
	switch c {
	case CommandNOP, CommandListServices, CommandListIdentity, CommandListInterfaces, CommandRegisterSession, CommandUnregisterSession,
		CommandSendRRData, CommandSendUnitData, CommandIndicateStatus, CommandCancel:
		return true
	}
	return false
}

// plausible judges a header.
func plausible(b []byte) bool {
	return len(b) >= headerBytes && known(binary.LittleEndian.Uint16(b)) && binary.LittleEndian.Uint16(b[2:]) <= dataMax &&
		binary.LittleEndian.Uint32(b[8:]) <= 0xffff && binary.LittleEndian.Uint32(b[20:]) == 0
}

// parse reads a whole message; false when what it carries breaks off.
func (p *PDU) parse(b []byte) bool {
	r := wire.NewReader(b)
	p.Command = r.LE16()
	n := int(r.LE16())
	p.Session, p.Status, p.Context = r.LE32(), r.LE32(), r.LE64()
	r.Skip(4)
	if r.Short() || r.Len() < n {
		return false
	}
	in := wire.NewReader(r.Bytes(n))
	if n == 0 {
		return true
	}
	switch p.Command {
	case CommandRegisterSession:
		p.Version, p.HasVersion = in.LE16(), true
		in.Skip(2)
	case CommandListIdentity, CommandListServices, CommandListInterfaces:
		return p.items(&in)
	case CommandSendRRData, CommandSendUnitData:
		in.Skip(6)
		return p.items(&in)
	}
	return !in.Short()
}

// items reads the common packet format.
func (p *PDU) items(r *wire.Reader) bool {
	n := int(r.LE16())
	for range min(n, itemsMax) {
		kind := r.LE16()
		in := wire.NewReader(r.Bytes(int(r.LE16())))
		if r.Short() {
			return false
		}
		ok := true
		switch kind {
		case itemIdentity:
			ok = p.identity(&in)
		case itemServices:
			p.Version, p.HasVersion = in.LE16(), true
			p.Capabilities, p.HasService = in.LE16(), true
			name, _, _ := bytes.Cut(in.Rest(), []byte{0})
			p.ServiceName, _ = wire.Keep(name, textMax)
			ok = !in.Short()
		case itemConnected:
			in.Skip(2)
			ok = !in.Short() && p.cip(in.Rest(), 0)
		case itemUnconnected:
			ok = p.cip(in.Rest(), 0)
		}
		if !ok {
			return false
		}
	}
	return !r.Short()
}

func (p *PDU) identity(r *wire.Reader) bool {
	p.Version, p.HasVersion = r.LE16(), true
	r.Skip(16) // socket address
	d := &Identity{Vendor: r.LE16(), DeviceType: r.LE16(), ProductCode: r.LE16(), Revision: r.LE16(), Status: r.LE16(), Serial: r.LE32()}
	d.Name, _ = wire.Keep(r.Bytes(int(r.U8())), textMax)
	d.State = r.U8()
	if r.Short() {
		return false
	}
	p.Identity = d
	return true
}

// cip reads an explicit message and those wrapped in it.
func (p *PDU) cip(b []byte, depth int) bool {
	if len(b) == 0 || len(p.CIP) >= cipMax || depth >= wrapMax {
		return true
	}
	r := wire.NewReader(b)
	m := CIP{Service: r.U8()}
	if m.Service&answerBit != 0 {
		m.Service, m.Answer = m.Service&^answerBit, true
		r.Skip(1)
		m.Status = r.U8()
		for range min(int(r.U8()), attributesMax) {
			m.Extended = append(m.Extended, r.LE16())
		}
	} else {
		m.path(r.Bytes(2 * int(r.U8())))
	}
	if r.Short() {
		return false
	}
	if !m.Answer && (m.Service == serviceGetList || m.Service == serviceSetList) {
		list := r
		count := list.LE16()
		if m.Service == serviceSetList {
			count = min(count, 1) // the values between have lengths of their own
		}
		for range min(int(count), attributesMax) {
			if a := list.LE16(); !list.Short() {
				m.Attributes = append(m.Attributes, uint32(a))
			}
		}
	}
	p.CIP = append(p.CIP, m)
	switch {
	case m.Service == serviceMultiple:
		return p.multiple(r.Rest(), depth)
	case m.Service == serviceUnconnected && !m.Answer && len(m.Classes) > 0 && m.Classes[0] == classConnections:
		r.Skip(2)
		inner := r.Bytes(int(r.LE16()))
		return !r.Short() && p.cip(inner, depth+1)
	}
	return true
}

// multiple reads the messages of a multiple service packet: their number, where each begins, and they.
func (p *PDU) multiple(b []byte, depth int) bool {
	r := wire.NewReader(b)
	n := int(r.LE16())
	at := make([]int, 0, min(n, cipMax)+1)
	for range min(n, cipMax) {
		at = append(at, int(r.LE16()))
	}
	if r.Short() {
		return false
	}
	at = append(at, len(b))
	for i := 0; i+1 < len(at); i++ {
		if at[i] > at[i+1] || at[i+1] > len(b) || !p.cip(b[at[i]:at[i+1]], depth+1) {
			return false
		}
	}
	return true
}

// path reads the segments of a request path (volume 1, appendix C).
func (m *CIP) path(b []byte) {
	r := wire.NewReader(b)
	for r.Len() > 0 && !r.Short() {
		s := r.U8()
		switch {
		case s&0xe0 == 0x20: // logical
			v := uint32(0)
			switch s & 3 {
			case 0:
				v = uint32(r.U8())
			case 1:
				r.Skip(1)
				v = uint32(r.LE16())
			case 2:
				r.Skip(1)
				v = r.LE32()
			default:
				return
			}
			m.logical(s>>2&7, v)
		case s == 0x91: // symbol
			n := int(r.U8())
			name := r.Bytes(n)
			r.Skip(n & 1)
			if len(m.Symbols) < attributesMax && name != nil {
				m.Symbols = append(m.Symbols, string(name[:min(n, textMax)]))
			}
		case s&0xe0 == 0: // port
			if s&0x10 != 0 {
				n := int(r.U8())
				r.Skip(n + n&1)
			} else {
				r.Skip(1)
			}
		case s == 0x80: // data
			r.Skip(2 * int(r.U8()))
		default:
			return
		}
	}
}

func (m *CIP) logical(kind uint8, v uint32) {
	to := (*[]uint32)(nil)
	switch kind {
	case 0:
		to = &m.Classes
	case 1:
		to = &m.Instances
	case 4:
		to = &m.Attributes
	default:
		return
	}
	if len(*to) < attributesMax {
		*to = append(*to, v)
	}
}
