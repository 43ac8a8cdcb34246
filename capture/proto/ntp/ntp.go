package ntp

import (
	"encoding/binary"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Modes (RFC 5905 figure 10).
const (
	ModeReserved = iota
	ModeSymmetricActive
	ModeSymmetricPassive
	ModeClient
	ModeServer
	ModeBroadcast
	ModeControl
	ModePrivate
)

const (
	headerBytes  = 48
	controlBytes = 12
	privateBytes = 8
	dataMax      = 1 << 10
	eraSeconds   = 2208988800 // from 1900 to 1970
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_data"}

// Transaction is one message.
type Transaction struct {
	proto.State
	Readable    bool // false: nothing below was read
	Version     uint8
	Mode        uint8
	Leap        uint8
	Stratum     uint8  // of time messages, as the next
	Poll        int8   // log2 of seconds
	Precision   int8   // log2 of seconds
	ReferenceID []byte // 4 bytes
	Transmit    uint64 // 32.32 fixed point seconds since 1900
	KeyID       uint32 // 0: none
	Response    bool   // of control and private messages
	OpCode      uint8  // of control messages
	Request     uint8  // of private messages
	Data        []byte // of control messages
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "ntp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// Timed tells whether the message carries time: stratum, reference and timestamps.
func (t *Transaction) Timed() bool { return t.Readable && t.Mode < ModeControl }

// TransmitTime is when the sender says it sent the message, zero when it does not say. Times wrap in 2036; a value below
// the middle of the era is taken to lie behind the wrap.
func (t *Transaction) TransmitTime() time.Time {
	if t.Transmit == 0 {
		return time.Time{}
	}
	seconds := int64(t.Transmit >> 32)
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	return time.Unix(seconds-eraSeconds, int64(t.Transmit&0xffffffff*1e9>>32)).UTC()
}

// plausible judges the first byte and the size that its mode asks for.
func plausible(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	version, mode := b[0]>>3&7, b[0]&7
	need := headerBytes
	switch mode {
	case ModeReserved:
		return false
	case ModeControl:
		need = controlBytes
	case ModePrivate:
		need = privateBytes
	}
	return version >= 1 && version <= 4 && len(b) >= need
}

func (t *Transaction) parse(b []byte) bool {
	if !plausible(b) {
		return false
	}
	t.Readable = true
	t.Version, t.Mode = b[0]>>3&7, b[0]&7
	switch t.Mode {
	case ModeControl:
		t.Response, t.OpCode = b[1]&0x80 != 0, b[1]&0x1f
		n := int(binary.BigEndian.Uint16(b[10:]))
		t.Data = append([]byte(nil), b[controlBytes:min(len(b), controlBytes+min(n, dataMax))]...)
	case ModePrivate:
		t.Response, t.Request = b[0]&0x80 != 0, b[3]
	default:
		t.Leap, t.Stratum, t.Poll, t.Precision = b[0]>>6, b[1], int8(b[2]), int8(b[3])
		t.ReferenceID = append([]byte(nil), b[12:16]...)
		t.Transmit = binary.BigEndian.Uint64(b[40:])
		t.authenticator(b[headerBytes:])
	}
	return true
}

// authenticator finds the key identifier behind the extension fields (RFC 7822 7.5): what is 4, 20 or 24 bytes long.
func (t *Transaction) authenticator(b []byte) {
	for len(b) > 24 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 16 || n > len(b) {
			return
		}
		b = b[n:]
	}
	if len(b) == 4 || len(b) == 20 || len(b) == 24 {
		t.KeyID = binary.BigEndian.Uint32(b)
	}
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Datagram || !plausible(b) {
		return proto.No
	}
	if p.Port(123) {
		return proto.Yes
	}
	if mode := b[0] & 7; len(b) == headerBytes && (mode == ModeClient || mode == ModeServer) && b[0]>>3&7 >= 3 && b[1] <= 16 &&
		int8(b[2]) >= 3 && int8(b[2]) <= 17 && int8(b[3]) <= -6 && int8(b[3]) >= -32 && binary.BigEndian.Uint64(b[40:]) != 0 {
		return proto.Yes
	}
	return proto.No
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct{}

var _ proto.Parser = Parser{}

// New makes a parser.
func New(bool) proto.Parser { return Parser{} }

// Data implements proto.Parser.
func (Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	if !t.parse(b) {
		c.Malformed++
		t.Anomaly("malformed_data")
	}
	c.Begin(t)
	t.Touch(dir)
	return len(b), proto.Continue
}

// Gap implements proto.Parser.
func (Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict { return proto.Continue }

// End implements proto.Parser.
func (Parser) End(*proto.Context, flow.Direction, []byte) {}
