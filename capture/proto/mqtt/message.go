package mqtt

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto/wire"
)

// Packet types (mqtt-v5.0-os 2.1.2).
const (
	Unassigned = iota
	Connect
	Connack
	Publish
	Puback
	Pubrec
	Pubrel
	Pubcomp
	Subscribe
	Suback
	Unsubscribe
	Unsuback
	Pingreq
	Pingresp
	Disconnect
	Auth
)

// Limits of what a packet or a transaction keeps.
const (
	packetMax     = 128 << 10
	topicsMax     = 256
	propertiesMax = 64
	headerMax     = 5
)

// Connection flags (mqtt-v5.0-os 3.1.2.3).
const (
	FlagCleanSession = 0x02
	FlagWill         = 0x04
	FlagWillRetain   = 0x20
	FlagPassword     = 0x40
	FlagUsername     = 0x80
)

// Property is one property of version 5: numbers in Num, text and bytes in Data, a pair in Name and Data.
type Property struct {
	ID   uint8
	Num  uint32
	Name []byte
	Data []byte
}

// Identifiers of properties that events show (mqtt-v5.0-os 2.2.2.2).
const (
	PropAuthMethod      = 0x15
	PropServerReference = 0x1c
	PropReasonString    = 0x1f
	PropUser            = 0x26
)

// Opening is what CONNECT says.
type Opening struct {
	Protocol    []byte // "MQTT", "MQIsdp"
	Flags       uint8
	KeepAlive   uint16 // seconds
	ClientID    []byte
	WillTopic   []byte
	WillMessage []byte
	Username    []byte
	Password    []byte
}

// Message is one packet.
type Message struct {
	Type    uint8
	Flags   uint8 // low half of the first byte
	Dir     flow.Direction
	ID      uint16 // packet identifier, 0 when it has none
	Reasons []uint8
	Props   []Property

	Connect        *Opening // of CONNECT
	SessionPresent bool     // of CONNACK
	Topics         [][]byte // of SUBSCRIBE, UNSUBSCRIBE; one of PUBLISH
	Payload        []byte   // of PUBLISH
	PayloadBytes   int64    // of PUBLISH, as sent
}

// QoS is the quality of service in the fixed header.
func (m *Message) QoS() uint8 { return m.Flags >> 1 & 3 }

// Dup tells whether the packet says it was sent before.
func (m *Message) Dup() bool { return m.Flags&8 != 0 }

// Retain tells whether the packet asks to be retained.
func (m *Message) Retain() bool { return m.Flags&1 != 0 }

// size reads the fixed header: total size of the packet, 0 when more is needed, -1 when the length has more than four bytes.
func size(b []byte) int64 {
	n := int64(0)
	for i := 1; i < headerMax; i++ {
		if i >= len(b) {
			return 0
		}
		n |= int64(b[i]&0x7f) << (7 * (i - 1))
		if b[i]&0x80 == 0 {
			return n + int64(i) + 1
		}
	}
	return -1
}

// reader reads the parts packets are made of.
type reader struct{ wire.Reader }

// text reads a field with its length in two bytes.
func (r *reader) text() []byte {
	return append([]byte(nil), r.Bytes(int(r.BE16()))...)
}

// varint reads a number of one to four bytes.
func (r *reader) varint() (n uint32) {
	for i := range 4 {
		c := r.U8()
		n |= uint32(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n
		}
	}
	r.Skip(-1) // longer than allowed: what follows cannot be read
	return 0
}

// properties reads the properties of version 5; ok is false when they are malformed.
func (r *reader) properties(list []Property) (all []Property, ok bool) {
	b := r.Bytes(int(r.varint()))
	if r.Short() {
		return list, false
	}
	in := reader{wire.NewReader(b)}
	for in.Len() > 0 {
		p := Property{ID: in.U8()}
		switch p.ID {
		case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a:
			p.Num = uint32(in.U8())
		case 0x13, 0x21, 0x22, 0x23:
			p.Num = uint32(in.BE16())
		case 0x02, 0x11, 0x18, 0x27:
			p.Num = in.BE32()
		case 0x0b:
			p.Num = in.varint()
		case 0x03, 0x08, 0x09, 0x12, PropAuthMethod, 0x16, 0x1a, PropServerReference, PropReasonString:
			p.Data = in.text()
		case PropUser:
			p.Name, p.Data = in.text(), in.text()
		default:
			return list, false
		}
		if in.Short() {
			return list, false
		}
		if len(list) < propertiesMax {
			list = append(list, p)
		}
	}
	return list, true
}

// parse reads one packet behind its fixed header. version is the session's protocol level, cut tells that bytes are
// missing at its end, payload bounds what is kept of a publication. It returns false when the packet is malformed.
func (m *Message) parse(b []byte, cut bool, missing int64, version *uint8, payload int) bool {
	r := reader{wire.NewReader(b)}
	ok := true
	props := func() {
		if *version >= 5 && ok {
			m.Props, ok = r.properties(m.Props)
		}
	}
	switch m.Type {
	case Connect:
		ok = m.connect(&r, version)
	case Connack:
		m.SessionPresent = r.U8()&1 != 0
		m.Reasons = []uint8{r.U8()}
		if r.Len() > 0 { // the version is unknown when CONNECT was not seen
			props()
		}
	case Publish:
		m.Topics = [][]byte{r.text()}
		if m.QoS() > 0 {
			m.ID = r.BE16()
		}
		props()
		m.PayloadBytes = int64(r.Len()) + missing
		m.Payload, _ = wire.Keep(r.Rest(), payload)
	case Puback, Pubrec, Pubrel, Pubcomp:
		m.ID = r.BE16()
		m.reason(&r, *version, props)
	case Subscribe, Unsubscribe:
		m.ID = r.BE16()
		props()
		for ok && r.Len() > 0 && !(cut && r.Short()) {
			topic := r.text()
			if m.Type == Subscribe {
				r.Skip(1)
			}
			if len(m.Topics) < topicsMax && !r.Short() {
				m.Topics = append(m.Topics, topic)
			}
		}
	case Suback, Unsuback:
		m.ID = r.BE16()
		props()
		m.Reasons, _ = wire.Keep(r.Rest(), topicsMax)
	case Disconnect, Auth:
		m.reason(&r, *version, props)
	}
	return ok && (cut || !r.Short())
}

// reason reads the reason code that version 5 may leave out (0 then) with its properties, which may be left out as well.
func (m *Message) reason(r *reader, version uint8, props func()) {
	if version < 5 {
		return
	}
	m.Reasons = []uint8{0}
	if r.Len() > 0 {
		m.Reasons[0] = r.U8()
		if r.Len() > 0 {
			props()
		}
	}
}

// connect reads CONNECT (3.1 of all versions).
func (m *Message) connect(r *reader, version *uint8) bool {
	c := &Opening{Protocol: r.text()}
	*version = r.U8() & 0x7f // the top bit marks a bridge
	c.Flags = r.U8()
	c.KeepAlive = r.BE16()
	ok := true
	if *version >= 5 {
		m.Props, ok = r.properties(nil)
	}
	c.ClientID = r.text()
	if c.Flags&FlagWill != 0 {
		if *version >= 5 && ok {
			m.Props, ok = r.properties(m.Props)
		}
		c.WillTopic, c.WillMessage = r.text(), r.text()
	}
	// Version 3.1 lets a client announce a name or password and leave it out.
	if c.Flags&FlagUsername != 0 && (*version > 3 || r.Len() > 0) {
		c.Username = r.text()
	}
	if c.Flags&FlagPassword != 0 && (*version > 3 || r.Len() > 0) {
		c.Password = r.text()
	}
	m.Connect = c
	return ok
}
