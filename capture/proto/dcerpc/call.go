package dcerpc

import "fengsui/capture/flow"

// Results of a presentation context's negotiation (C706 12.6.3.1); Pending until the answer was seen.
const (
	Accepted         = 0
	UserRejection    = 1
	ProviderRejected = 2
	NegotiateAck     = 3 // [MS-RPCE] 2.2.2.4: bind time features, not an interface
	Pending          = -1
)

// Interface is an offered or used presentation context.
type Interface struct {
	ID           uint16 // of the context
	UUID         UUID
	Major, Minor uint16
	Result       int
	Reason       uint16
}

// Side is one direction of a call.
type Side struct {
	Seen   bool
	Kind   uint8 // PDU type
	First  bool  // its first fragment was seen
	Done   bool  // its last fragment was seen
	Little bool  // byte order of its numbers
	// Stub is the stub data put together, at most StubMax bytes of StubBytes.
	Stub      []byte
	StubBytes int
	Fragments int
	AuthType  uint8 // 10 NTLM, 9 SPNEGO, 16 Kerberos, 68 Netlogon; 0 none ([MS-RPCE] 2.2.1.1.7)
	AuthLevel uint8 // 6 is encryption
}

// Call is one exchange: bind and answer, or request and response.
type Call struct {
	ID         uint32
	Version    uint8 // 5, or 4 over UDP
	Sides      [2]Side
	Opnum      uint16
	ContextID  uint16
	Object     UUID
	HasObject  bool
	Interfaces []Interface // bind: those offered; request: the one called, when its bind was seen
	// Endpoint is the secondary address of a bind's answer: a pipe or port.
	Endpoint  []byte
	NakReason uint16
	Status    uint32 // of a fault or rejection
	Activity  UUID   // version 4
	Sequence  uint32 // version 4
	// Owner is what the reader of the association keeps with the call.
	Owner any
}

// IsRequest tells whether the call is one of an operation (not a bind).
func (c *Call) IsRequest() bool {
	return c.Sides[flow.ToServer].Seen && c.Sides[flow.ToServer].Kind == Request ||
		!c.Sides[flow.ToServer].Seen && (c.Sides[flow.ToClient].Kind == Response || c.Sides[flow.ToClient].Kind == Fault)
}

// add takes a fragment's stub data. held counts what all open calls keep.
func (s *Side) add(b []byte, held *int) {
	s.StubBytes += len(b)
	if room := min(StubMax-len(s.Stub), heldMax-*held, len(b)); room > 0 {
		s.Stub = append(s.Stub, b[:room]...)
		*held += room
	}
}

// kept is how many bytes of stub data a call keeps.
func (c *Call) kept() int { return len(c.Sides[0].Stub) + len(c.Sides[1].Stub) }

// note takes what the header of a fragment says.
func (s *Side) note(h *header) {
	s.Seen, s.Kind, s.Little = true, h.kind, h.little
	s.First = s.First || h.flags&flagFirst != 0
	s.Done = s.Done || h.flags&flagLast != 0
	s.Fragments++
}
