package rfb

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side.
const (
	NotStarted   = iota
	VersionDone  // its version line was read
	SecurityDone // server: its result; client: its choice and answer
	Done         // the session is set up, lost or over
)

// Anomalies are the names Transaction.Anomalies can hold, those of app-layer-event:rfb. Never written.
var Anomalies = []string{"malformed_message", "confused_state", "unimplemented_security_type", "unknown_security_result"}

// Security types (RFC 6143 7.1.2).
const (
	SecurityInvalid = 0
	SecurityNone    = 1
	SecurityVNC     = 2
)

// Security results (RFC 6143 7.1.3); 2 is of protocol 3.7 ("too many").
const (
	ResultOK      = 0
	ResultFail    = 1
	ResultTooMany = 2
)

// Version is one side's protocol version.
type Version struct {
	Seen         bool
	Major, Minor uint16
}

// Transaction is the one session of a flow. It implements proto.Transaction.
type Transaction struct {
	proto.State
	Version       [2]Version // by flow.Direction: the client's, the server's
	Offered       []uint8    // security types the server offered
	Security      uint32     // chosen; see SecuritySeen
	SecuritySeen  bool
	Challenge     []byte // of VNC authentication, 16 bytes
	Response      []byte
	Result        uint32
	ResultSeen    bool
	Reason        []byte // why the server refused
	Shared        bool   // the client leaves others connected
	SharedSeen    bool
	Width, Height uint16
	BitsPerPixel  uint8
	Depth         uint8
	Name          []byte // of the desktop
	InitSeen      bool   // ServerInit was read

	progress [2]int
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "rfb" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

func (t *Transaction) advance(dir flow.Direction, to int) {
	t.progress[dir] = max(t.progress[dir], to)
	t.Touch(dir)
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if v := t.Version[flow.ToServer]; v.Seen {
		e.Uint(event.RFBClientMajor, uint64(v.Major))
		e.Uint(event.RFBClientMinor, uint64(v.Minor))
	}
	if v := t.Version[flow.ToClient]; v.Seen {
		e.Uint(event.RFBServerMajor, uint64(v.Major))
		e.Uint(event.RFBServerMinor, uint64(v.Minor))
	}
	if t.SecuritySeen {
		e.Uint(event.RFBSecurityType, uint64(t.Security))
	}
	if t.ResultSeen {
		e.Str(event.RFBSecurityResult, resultName(t.Result))
		e.Str(event.EventOutcome, map[bool]string{true: "success", false: "failure"}[t.Result == ResultOK])
	}
	e.Bytes(event.EventReason, t.Reason)
	if t.SharedSeen {
		e.Bool(event.RFBShared, t.Shared)
	}
	if t.InitSeen {
		e.Uint(event.RFBWidth, uint64(t.Width))
		e.Uint(event.RFBHeight, uint64(t.Height))
		e.Uint(event.RFBBitsPerPixel, uint64(t.BitsPerPixel))
		e.Uint(event.RFBDepth, uint64(t.Depth))
		e.Bytes(event.RFBName, t.Name)
	}
}

func resultName(n uint32) string {
	switch n {
	case ResultOK:
		return "OK"
	case ResultFail:
		return "FAIL"
	case ResultTooMany:
		return "TOOMANY"
	}
	return "UNKNOWN"
}
