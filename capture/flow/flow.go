package flow

import (
	"net/netip"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// Direction of a packet relative to its flow.
type Direction = packet.Direction

// Directions, repeated here because most callers know flows, not packets.
const (
	ToServer = packet.ToServer
	ToClient = packet.ToClient
)

// State of a flow, which decides its timeout.
type State uint8

// Flow states.
const (
	StateNew         State = iota // seen from one side only, or TCP handshake not complete
	StateEstablished              // seen from both sides; TCP handshake complete
	StateClosed                   // TCP closed by FIN or RST
)

// String returns the state's word in flow records.
func (s State) String() string {
	switch s {
	case StateNew:
		return "new"
	case StateEstablished:
		return "established"
	case StateClosed:
		return "closed"
	}
	return "unknown"
}

// EndReason says why a flow ended.
type EndReason uint8

// Reasons for the end of a flow.
const (
	EndNone     EndReason = iota
	EndTimeout            // no packet for the timeout of its state
	EndShutdown           // the input ended
	EndEvicted            // the table was full
	EndReused             // a new TCP connection began on the same addresses and ports
)

// String returns the reason's word in flow records.
func (r EndReason) String() string {
	switch r {
	case EndTimeout:
		return "timeout"
	case EndShutdown:
		return "shutdown"
	case EndEvicted:
		return "evicted"
	case EndReused:
		return "reused"
	}
	return ""
}

// Counters count what one side sent.
type Counters struct {
	Packets, Bytes uint64 // Bytes: whole frames on the wire
	Payload        uint64 // transport payload
}

// Flow is one conversation. It belongs to the worker that owns its table; inspectors may read it during their calls
// and keep their own state in Ext.
type Flow struct {
	ID   uint64 // unique within a run
	Key  Key
	Kind packet.Kind // transport
	// Client sent the first packet (for TCP: the SYN, or was taken for the client when the SYN was not seen).
	Client, Server netip.AddrPort
	Proto          packet.Proto
	VLAN           [3]uint16
	VLANs          int
	VNI            uint32 // of the VXLAN or GENEVE tunnel its first packet was inside

	State       State
	First, Last time.Time
	Count       [2]Counters // by Direction: what the client sent, what the server sent
	TCPFlags    [2]uint8    // flags seen, by Direction
	ICMPType    uint8       // of the first packet
	ICMPCode    uint8
	App         App       // application protocol of the flow
	AppDir      [2]App    // as recognised in each direction
	AppDone     [2]bool   // recognition has ended for this direction
	AppEvents   AppEvent  // oddities of recognition
	End         EndReason // set when FlowEnd is called
	NoPayload   bool      // encrypted or bypassed: payload is no longer inspected, from the packet after NoPayloadAt on
	NoPayloadAt uint64    // number of the packet on which that became known
	Cut         [2]bool   // payload of this direction is no longer matched, for load
	LetGo       bool      // neither parsed nor inspected any more, for load
	TxCount     uint64    // transactions begun

	// TCP is the stream tracking of a TCP flow, nil otherwise.
	TCP *stream.Session

	// Layer belongs to the pipeline (parser and live transactions).
	Layer any

	// Ext belongs to the inspector. It is nil for a new flow.
	Ext any

	established bool
	link        links
}

// Established tells whether rules with flow:established apply to the packet being inspected. It is the state before
// that packet for TCP (the last packet of a handshake is not yet in an established flow); other protocols are established
// from the first answer on.
func (f *Flow) Established() bool { return f.established }

// SeenBoth tells whether both sides have sent something.
func (f *Flow) SeenBoth() bool { return f.Count[0].Packets > 0 && f.Count[1].Packets > 0 }

// Duration is the time from the first to the last packet.
func (f *Flow) Duration() time.Duration { return f.Last.Sub(f.First) }

type links struct {
	next, prev *Flow // in the timeout list
	chain      *Flow // in the hash bucket, or in the free list
	list       uint8
	clientB    bool // the client is the pair that stands second in the key
}
