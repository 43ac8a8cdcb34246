package dhcp

import (
	"encoding/binary"
	"net/netip"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Options this package names (RFC 2132).
const (
	OptSubnetMask   = 1
	OptRouters      = 3
	OptDNS          = 6
	OptHostname     = 12
	OptDomain       = 15
	OptRequestedIP  = 50
	OptLeaseTime    = 51
	OptOverload     = 52
	OptMessageType  = 53
	OptServerID     = 54
	OptParams       = 55
	OptMessage      = 56
	OptRenewal      = 58
	OptRebinding    = 59
	OptVendorClass  = 60
	OptClientID     = 61
	OptBootFile     = 67
	optPad          = 0
	optEnd          = 255
	fixedBytes      = 240 // with the cookie
	cookie          = 0x63825363
	optionsMax      = 128
	optionBytesMax  = 4 << 10
	hardwareMax     = 16
	overloadFile    = 1
	overloadName    = 2
	nameAt, fileAt  = 44, 108
	fileEnd         = 236
	addressBytes    = 4
	opRequest       = 1
	opReply         = 2
	cookieAt        = 236
	hardwareAddress = 28
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_options", "truncated_options"}

// Option is one option, its parts joined.
type Option struct {
	Code uint8
	Data []byte
}

// Transaction is one message.
type Transaction struct {
	proto.State
	Reply        bool
	XID          uint32
	HardwareType uint8
	Hardware     []byte     // client hardware address
	ClientIP     netip.Addr // zero address: invalid
	AssignedIP   netip.Addr
	NextServer   netip.Addr
	RelayIP      netip.Addr
	Options      []Option
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "dhcp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// Option returns the data of an option, nil when it is absent.
func (t *Transaction) Option(code uint8) []byte {
	for i := range t.Options {
		if t.Options[i].Code == code {
			return t.Options[i].Data
		}
	}
	return nil
}

// Number returns an option of four bytes as a number.
func (t *Transaction) Number(code uint8) (n uint32, ok bool) {
	b := t.Option(code)
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

func address(b []byte) netip.Addr {
	if binary.BigEndian.Uint32(b) == 0 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(b))
}

// plausible judges the fixed part.
func plausible(b []byte) bool {
	return len(b) >= fixedBytes && (b[0] == opRequest || b[0] == opReply) && b[2] <= hardwareMax && binary.BigEndian.Uint32(b[cookieAt:]) == cookie
}

// parse reads a message; false when it is none.
func (t *Transaction) parse(b []byte) bool {
	if !plausible(b) {
		return false
	}
	t.Reply = b[0] == opReply
	t.HardwareType = b[1]
	t.XID = binary.BigEndian.Uint32(b[4:])
	t.ClientIP, t.AssignedIP, t.NextServer, t.RelayIP = address(b[12:]), address(b[16:]), address(b[20:]), address(b[24:])
	t.Hardware = append([]byte(nil), b[hardwareAddress:hardwareAddress+int(b[2])]...)
	t.options(b[fixedBytes:])
	if o := t.Option(OptOverload); len(o) == 1 {
		if o[0]&overloadFile != 0 {
			t.options(b[fileAt:fileEnd])
		}
		if o[0]&overloadName != 0 {
			t.options(b[nameAt:fileAt])
		}
	}
	return true
}

func (t *Transaction) options(b []byte) {
	for len(b) > 0 {
		switch b[0] {
		case optPad:
			b = b[1:]
			continue
		case optEnd:
			return
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			t.Anomaly("malformed_options")
			return
		}
		t.option(b[0], b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
	}
	t.Anomaly("truncated_options")
}

// option adds an option or joins a further part to it (RFC 3396 7).
func (t *Transaction) option(code uint8, data []byte) {
	for i := range t.Options {
		if o := &t.Options[i]; o.Code == code {
			o.Data = append(o.Data, data[:min(len(data), max(0, optionBytesMax-len(o.Data)))]...)
			return
		}
	}
	if len(t.Options) < optionsMax {
		t.Options = append(t.Options, Option{code, append([]byte{}, data...)})
	}
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	if p.Datagram && plausible(p.Data) {
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
		return len(b), proto.Continue
	}
	c.Begin(t)
	t.Touch(dir)
	return len(b), proto.Continue
}

// Gap implements proto.Parser.
func (Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict { return proto.Continue }

// End implements proto.Parser.
func (Parser) End(*proto.Context, flow.Direction, []byte) {}
