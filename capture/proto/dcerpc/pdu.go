package dcerpc

import "encoding/binary"

// PDU types (C706 12.1; [MS-RPCE] 2.2.2).
const (
	Request          = 0
	Ping             = 1
	Response         = 2
	Fault            = 3
	Working          = 4
	NoCall           = 5
	Reject           = 6
	Ack              = 7
	CLCancel         = 8
	FAck             = 9
	CancelAck        = 10
	Bind             = 11
	BindAck          = 12
	BindNak          = 13
	AlterContext     = 14
	AlterContextResp = 15
	Auth3            = 16
	Shutdown         = 17
	COCancel         = 18
	Orphaned         = 19

	typeMax = Orphaned
)

// typeNames is indexed by PDU type and never written.
var typeNames = [...]string{
	"REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL", "FACK", "CANCEL_ACK",
	"BIND", "BINDACK", "BINDNAK", "ALTER_CONTEXT", "ALTER_CONTEXT_RESP", "AUTH3", "SHUTDOWN", "CO_CANCEL", "ORPHANED",
}

// TypeName returns the name of a PDU type as EVE logs write it.
func TypeName(t uint8) string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "UNKNOWN"
}

const (
	headerBytes   = 16
	requestBytes  = 24
	trailerBytes  = 8 // of the authentication verifier before its token
	contextsMax   = 64
	callsMax      = 64
	transfersMax  = 255
	syntaxBytes   = 20
	fragBytesMin  = headerBytes
	versionMajor  = 5
	versionMinors = 1
)

// Flags of connection-oriented PDUs (C706 12.6.3.1).
const (
	flagFirst  = 0x01
	flagLast   = 0x02
	flagObject = 0x80
)

// StubMax is how many bytes of stub data are kept for a direction of a call.
const StubMax = 128 << 10

// heldMax is how many bytes of stub data all open calls of an association keep.
const heldMax = 1 << 20

// UUID is an interface or object identifier in the order it is written as text.
type UUID [16]byte

// AppendText appends the usual form, lower case with hyphens.
func (u UUID) AppendText(dst []byte) ([]byte, error) {
	const digits = "0123456789abcdef"
	for i, c := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst, nil
}

func (u UUID) String() string {
	b, _ := u.AppendText(make([]byte, 0, 36))
	return string(b)
}

// ParseUUID reads the usual form.
func ParseUUID(s string) (u UUID, ok bool) {
	if len(s) != 36 {
		return u, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return u, false
			}
			continue
		}
		var d byte
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		default:
			return u, false
		}
		u[n/2] = u[n/2]<<4 | d
		n++
	}
	return u, true
}

// readUUID reads an identifier whose first three parts have the sender's byte order.
func readUUID(b []byte, little bool) (u UUID) {
	copy(u[:], b[:16])
	if little {
		u[0], u[1], u[2], u[3] = b[3], b[2], b[1], b[0]
		u[4], u[5], u[6], u[7] = b[5], b[4], b[7], b[6]
	}
	return u
}

// header is the common header of connection-oriented PDUs.
type header struct {
	kind, flags uint8
	little      bool
	order       binary.ByteOrder
	fragment    int // length of the fragment, header included
	auth        int // length of the authentication token
	call        uint32
}

// order returns the byte order of a data representation (C706 14.1).
func order(drep byte) (binary.ByteOrder, bool) {
	if drep>>4 == 0 {
		return binary.BigEndian, false
	}
	return binary.LittleEndian, true
}

// readHeader reads the common header; ok is false when these bytes, at least 16, are none.
func readHeader(b []byte) (h header, ok bool) {
	if b[0] != versionMajor || b[1] > versionMinors || b[2] > typeMax || b[4]>>4 > 1 || b[4]&15 > 1 || b[5] > 3 {
		return h, false
	}
	h.kind, h.flags = b[2], b[3]
	h.order, h.little = order(b[4])
	h.fragment, h.auth, h.call = int(h.order.Uint16(b[8:])), int(h.order.Uint16(b[10:])), h.order.Uint32(b[12:])
	return h, h.fragment >= fragBytesMin
}

// trailer returns the body of a fragment without authentication padding and verifier, and the verifier's type and level.
func (h *header) trailer(pdu []byte, fixed int) (body []byte, kind, level uint8) {
	if h.auth == 0 || h.auth+trailerBytes > len(pdu)-fixed {
		return pdu[fixed:], 0, 0
	}
	at := len(pdu) - h.auth - trailerBytes
	pad := min(int(pdu[at+2]), at-fixed)
	return pdu[fixed : at-pad], pdu[at], pdu[at+1]
}
