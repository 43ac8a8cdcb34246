package proto

import "fengsui/capture/flow"

// Match is a recogniser's answer.
type Match uint8

// Answers.
const (
	No    Match = iota
	Maybe       // more bytes are needed
	Yes
	// Reversed: yes, but these bytes come from the other side than the flow's direction says (the flow was picked up in
	// the middle).
	Reversed
)

// Probe is what a recogniser sees: the first bytes of one direction.
type Probe struct {
	Dir                    flow.Direction
	Data                   []byte
	Datagram               bool // UDP: Data is whole
	ServerPort, ClientPort uint16
}

// Port tells whether either port is n.
func (p *Probe) Port(n uint16) bool { return p.ServerPort == n || p.ClientPort == n }

// Recogniser judges whether bytes belong to its protocol.
type Recogniser func(p *Probe) Match

// Protocol is one entry of the registry.
type Protocol struct {
	App       flow.App
	TCP, UDP  bool
	Recognise Recogniser
	// New makes a parser for one flow; nil for protocols that are recognised only.
	New func(datagram bool) Parser
	// NewExpected makes a parser for a flow that another parser announced (Context.Expect) or turned into this protocol
	// (Context.Next); nil when New will do.
	NewExpected func(data any) Parser
}

// DetectBytesMax is how many bytes of a direction recognition looks at before it gives up.
const DetectBytesMax = 1024

// Detect asks every protocol of the list. It returns the first that says yes; pending tells that some want more bytes.
func Detect(list []Protocol, p *Probe) (found *Protocol, reversed, pending bool) {
	for i := range list {
		q := &list[i]
		if p.Datagram && !q.UDP || !p.Datagram && !q.TCP {
			continue
		}
		switch q.Recognise(p) {
		case Yes:
			return q, false, false
		case Reversed:
			return q, true, false
		case Maybe:
			pending = true
		}
	}
	return nil, false, pending && !p.Datagram && len(p.Data) < DetectBytesMax
}
