package ike

import (
	"encoding/binary"

	"fengsui/capture/proto/wire"
)

const (
	headerBytes   = 28
	payloadsMax   = 64
	proposalsMax  = 32
	transformsMax = 512
	vendorsMax    = 32
	nonceMax      = 1 << 10
	keyMax        = 2 << 10
	flagV1Encrypt = 1
	protoISAKMP   = 1
	protoAH       = 2
	protoESP      = 3
)

// Payload types of version 1 (RFC 2408 3.1) and 2 (RFC 7296 3.2), by what they carry.
const (
	v1SA, v2SA         = 1, 33
	v1Key, v2Key       = 4, 34
	v1Identity         = 5
	v2IDi, v2IDr       = 35, 36
	v1Nonce, v2Nonce   = 10, 40
	v1Notify, v2Notify = 11, 41
	v1Vendor, v2Vendor = 13, 43
	v2Encrypted        = 46
	v2Fragment         = 53
)

// Kinds of transform attributes: those of version 1 by attribute number (RFC 2409 A), of version 2 by transform type.
const (
	attrEncryption   = 1
	attrHash         = 2
	attrAuth         = 3
	attrGroup        = 4
	attrGroupType    = 5
	attrLifeType     = 11
	attrLifeDuration = 12
	attrPRF          = 13
	attrKeyLength    = 14
	attrFieldSize    = 15

	typeEncryption = 1
	typePRF        = 2
	typeIntegrity  = 3
	typeDH         = 4
)

// Attribute is a chosen or offered property of a security association.
type Attribute struct {
	Name  string // as ike.chosen_sa_attribute names it
	Value uint32
}

// Proposal is one proposal with its transforms' attributes in their order.
type Proposal struct {
	Number, Protocol uint8
	Transforms       [][]Attribute
}

// Message is what a datagram says.
type Message struct {
	Major      uint8
	Exchange   uint8
	Flags      uint8
	InitSPI    uint64
	RespSPI    uint64
	MessageID  uint32
	Encrypted  bool
	Payloads   []uint8
	Proposals  []Proposal
	Key        []byte // nil: none
	KeyBytes   int
	Nonce      []byte
	NonceBytes int
	Identity   []byte
	Vendors    [][]byte
	Notify     []uint16
	known      bool // every proposal's protocol is one we know
	valid      bool // every proposal has transforms
	transforms int
}

// v1Names maps attributes of version 1 to the rule language's names. Never written.
var v1Names = map[uint16]string{
	attrEncryption: "alg_enc", attrHash: "alg_hash", attrAuth: "alg_auth", attrGroup: "alg_dh", attrGroupType: "sa_group_type", attrLifeType: "sa_life_type",
	attrLifeDuration: "sa_life_duration", attrPRF: "alg_prf", attrKeyLength: "sa_key_length", attrFieldSize: "sa_field_size",
}

// v2Names is indexed by transform type of version 2. Never written.
var v2Names = [...]string{typeEncryption: "alg_enc", typePRF: "alg_prf", typeIntegrity: "alg_auth", typeDH: "alg_dh"}

// plausible judges a header.
func plausible(b []byte) bool {
	if len(b) < headerBytes || binary.BigEndian.Uint64(b) == 0 || uint64(binary.BigEndian.Uint32(b[24:])) != uint64(len(b)) {
		return false
	}
	next, exchange := b[16], b[18]
	switch b[17] >> 4 {
	case 1:
		return next <= 33 && (exchange <= 6 || exchange >= 32 && exchange <= 34) || next >= 128 && exchange <= 6
	case 2:
		return (next == 0 || next >= v2SA && next <= 60) && exchange >= 34 && exchange <= 44
	}
	return false
}

// parse reads a datagram; false when its payloads break off.
func (m *Message) parse(b []byte) bool {
	r := wire.NewReader(b)
	m.InitSPI, m.RespSPI = r.BE64(), r.BE64()
	next := r.U8()
	m.Major = r.U8() >> 4
	m.Exchange, m.Flags, m.MessageID = r.U8(), r.U8(), r.BE32()
	size := r.BE32()
	if r.Short() || int64(size) != int64(len(b)) {
		return false
	}
	m.known, m.valid = true, true
	if m.Major == 1 && m.Flags&flagV1Encrypt != 0 {
		m.Encrypted = true
		return true
	}
	for next != 0 && len(m.Payloads) < payloadsMax {
		kind := next
		m.Payloads = append(m.Payloads, kind)
		if kind == v2Encrypted && m.Major == 2 || kind == v2Fragment && m.Major == 2 {
			m.Encrypted = true
			return true
		}
		next = r.U8()
		r.Skip(1)
		body := r.Bytes(int(r.BE16()) - 4)
		if r.Short() {
			return false
		}
		if !m.payload(kind, body) {
			return false
		}
	}
	return true
}

func (m *Message) payload(kind uint8, b []byte) bool {
	two := m.Major == 2
	switch {
	case !two && kind == v1SA:
		if len(b) < 8 {
			return false
		}
		return m.proposals(b[8:]) // behind the domain of interpretation and the situation
	case two && kind == v2SA:
		return m.proposals(b)
	case !two && kind == v1Key:
		m.Key, _ = wire.Keep(b, keyMax)
		m.KeyBytes = len(b)
	case two && kind == v2Key:
		if len(b) < 4 {
			return false
		}
		m.Key, _ = wire.Keep(b[4:], keyMax)
		m.KeyBytes = len(b) - 4
	case !two && kind == v1Nonce, two && kind == v2Nonce:
		m.Nonce, _ = wire.Keep(b, nonceMax)
		m.NonceBytes = len(b)
	case !two && kind == v1Identity, two && (kind == v2IDi || kind == v2IDr):
		if len(b) < 4 {
			return false
		}
		m.Identity, _ = wire.Keep(b[4:], nonceMax)
	case !two && kind == v1Vendor, two && kind == v2Vendor:
		if len(m.Vendors) < vendorsMax {
			v, _ := wire.Keep(b, nonceMax)
			m.Vendors = append(m.Vendors, v)
		}
	case !two && kind == v1Notify:
		if len(b) < 8 {
			return false
		}
		m.Notify = append(m.Notify, binary.BigEndian.Uint16(b[6:]))
	case two && kind == v2Notify:
		if len(b) < 4 {
			return false
		}
		m.Notify = append(m.Notify, binary.BigEndian.Uint16(b[2:]))
	}
	return true
}

// proposals reads the proposal substructures of a security association payload.
func (m *Message) proposals(b []byte) bool {
	r := wire.NewReader(b)
	for r.Len() > 0 && len(m.Proposals) < proposalsMax {
		r.Skip(2)
		in := wire.NewReader(r.Bytes(int(r.BE16()) - 4))
		p := Proposal{Number: in.U8(), Protocol: in.U8()}
		spi, count := in.U8(), in.U8()
		in.Skip(int(spi))
		if r.Short() || in.Short() {
			return false
		}
		for in.Len() > 0 && m.transforms < transformsMax {
			in.Skip(2)
			body := in.Bytes(int(in.BE16()) - 4)
			if in.Short() {
				return false
			}
			t, ok := m.transform(body)
			if !ok {
				return false
			}
			p.Transforms = append(p.Transforms, t)
			m.transforms++
		}
		m.known = m.known && p.Protocol >= protoISAKMP && p.Protocol <= 4
		m.valid = m.valid && count > 0 && int(count) == len(p.Transforms)
		m.Proposals = append(m.Proposals, p)
	}
	return true
}

// transform reads one transform behind its generic header.
func (m *Message) transform(b []byte) (list []Attribute, ok bool) {
	r := wire.NewReader(b)
	if m.Major == 2 {
		kind := r.U8()
		r.Skip(1)
		id := r.BE16()
		if int(kind) < len(v2Names) && v2Names[kind] != "" {
			list = append(list, Attribute{v2Names[kind], uint32(id)})
		}
	} else {
		r.Skip(4)
	}
	for r.Len() > 0 && !r.Short() {
		kind := r.BE16()
		var value uint32
		if kind&0x8000 != 0 {
			value = uint32(r.BE16())
		} else {
			for _, c := range r.Bytes(int(r.BE16())) {
				value = value<<8 | uint32(c)
			}
		}
		name := v1Names[kind&0x7fff]
		if m.Major == 2 && kind&0x7fff == attrKeyLength {
			name = "sa_key_length"
		} else if m.Major == 2 {
			name = ""
		}
		if name != "" {
			list = append(list, Attribute{name, value})
		}
	}
	return list, !r.Short()
}
