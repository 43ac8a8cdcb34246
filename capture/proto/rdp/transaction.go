package rdp

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of one side.
const (
	NotStarted  = iota
	Negotiated  // the connection request or confirm was read
	Done        // MCS connect was read, or the session goes on encrypted, or it is lost
	progressMax = Done
)

// Security protocols, bits of a request and the value of an answer ([MS-RDPBCGR] 2.2.1.1.1).
const (
	ProtocolRDP      = 0
	ProtocolSSL      = 1
	ProtocolHybrid   = 2
	ProtocolRDSTLS   = 4
	ProtocolHybridEx = 8
	ProtocolAAD      = 16
)

// Anomalies are the names Transaction.Anomalies can hold. Never written.
var Anomalies = []string{"malformed_message"}

// Core is the client's core data ([MS-RDPBCGR] 2.2.1.3.2).
type Core struct {
	Seen           bool
	Version        uint32
	Width, Height  uint16
	Depth          uint16 // bits per pixel
	KeyboardLayout uint32
	KeyboardType   uint32
	Build          uint32
	Name           string // of the client's computer
	ProductID      string
}

// Transaction is the beginning of a session. It implements proto.Transaction.
type Transaction struct {
	proto.State
	Cookie     []byte // value of mstshash
	Token      []byte // routing token or other text of the request
	Requested  uint32 // bits; see RequestSeen
	Negotiates bool   // the request asks for protocols at all
	Answered   bool
	Selected   uint32 // agreed on
	Supports   uint8  // flags of the answer
	Failure    uint32 // code; 0 is none
	Client     Core
	Channels   []string
	Server     struct {
		Seen          bool
		Version       uint32
		Method, Level uint32
		SecuritySeen  bool
	}

	progress [2]int
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "rdp" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == progressMax }

func (t *Transaction) advance(dir flow.Direction, to int) {
	t.progress[dir] = max(t.progress[dir], to)
	t.Touch(dir)
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Bytes(event.RDPCookie, t.Cookie)
	e.Bytes(event.RDPToken, t.Token)
	if t.Negotiates {
		e.Strs(event.RDPRequested, protocolNames(t.Requested))
	}
	switch {
	case t.Failure != 0:
		e.Str(event.RDPError, failureName(t.Failure))
		e.Str(event.EventOutcome, "failure")
	case t.Answered:
		e.Str(event.RDPProtocol, protocolName(t.Selected))
		e.Strs(event.RDPServerSupports, supportNames(t.Supports))
	}
	if c := &t.Client; c.Seen {
		e.Str(event.RDPClientVersion, versionName(c.Version))
		e.Str(event.RDPClientName, c.Name)
		e.Uint(event.RDPClientBuild, uint64(c.Build))
		e.Str(event.RDPClientProductID, c.ProductID)
		e.Uint(event.RDPDesktopWidth, uint64(c.Width))
		e.Uint(event.RDPDesktopHeight, uint64(c.Height))
		e.Uint(event.RDPColorDepth, uint64(c.Depth))
		e.Uint(event.RDPKeyboardLayout, uint64(c.KeyboardLayout))
		e.Uint(event.RDPKeyboardType, uint64(c.KeyboardType))
	}
	e.Strs(event.RDPChannels, t.Channels)
	if t.Server.Seen {
		e.Str(event.RDPServerVersion, versionName(t.Server.Version))
	}
	if t.Server.SecuritySeen {
		e.Uint(event.RDPEncryptionMethod, uint64(t.Server.Method))
		e.Uint(event.RDPEncryptionLevel, uint64(t.Server.Level))
	}
}
