package ntp

import (
	"net/netip"
	"strconv"
	"strings"

	"fengsui/capture/event"
)

// modeNames is indexed by mode and never written.
var modeNames = [8]string{"reserved", "symmetric_active", "symmetric_passive", "client", "server", "broadcast", "control", "private"}

// ModeName returns the rule language's name of a mode.
func ModeName(mode uint8) string { return modeNames[mode&7] }

// opNames is indexed by a control message's operation (RFC 9327 2) and never written.
var opNames = [...]string{"unspecified", "read_status", "read_variables", "write_variables", "read_clock_variables", "write_clock_variables", "set_trap", "trap_response", "configure", "export_configuration", "read_mru", "read_ordered_list", "request_nonce"}

// reference writes the reference identifier: text of a clock (stratum 0 and 1), else an address or hash.
func (t *Transaction) reference() string {
	if t.Stratum <= 1 {
		s := strings.TrimRight(string(t.ReferenceID), "\x00 ")
		for i := range len(s) {
			if s[i] < ' ' || s[i] > '~' {
				return netip.AddrFrom4([4]byte(t.ReferenceID)).String()
			}
		}
		return s
	}
	return netip.AddrFrom4([4]byte(t.ReferenceID)).String()
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if !t.Readable {
		return
	}
	e.Uint(event.NTPVersion, uint64(t.Version))
	e.Str(event.NTPMode, ModeName(t.Mode))
	switch t.Mode {
	case ModeControl:
		e.Bool(event.NTPResponse, t.Response)
		if int(t.OpCode) < len(opNames) {
			e.Str(event.NTPOpCode, opNames[t.OpCode])
		} else {
			e.Str(event.NTPOpCode, strconv.Itoa(int(t.OpCode)))
		}
		e.Bytes(event.NTPData, t.Data)
	case ModePrivate:
		e.Bool(event.NTPResponse, t.Response)
		e.Uint(event.NTPRequestCode, uint64(t.Request))
	default:
		e.Uint(event.NTPLeap, uint64(t.Leap))
		e.Uint(event.NTPStratum, uint64(t.Stratum))
		e.Int(event.NTPPoll, int64(t.Poll))
		e.Int(event.NTPPrecision, int64(t.Precision))
		e.Str(event.NTPReferenceID, t.reference())
		e.At(event.NTPTransmit, t.TransmitTime())
		if t.KeyID != 0 {
			e.Uint(event.NTPKeyID, uint64(t.KeyID))
		}
	}
}
