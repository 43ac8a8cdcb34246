package stream

import "fengsui/capture/packet"

// State is the state of a TCP session, in the words of RFC 9293.
type State uint8

// Session states.
const (
	StateNone State = iota
	StateSynSent
	StateSynRecv
	StateEstablished
	StateFinWait1
	StateFinWait2
	StateTimeWait
	StateLastAck
	StateCloseWait
	StateClosing
	StateClosed
)

// Chunk is a piece of one direction of a stream, in order.
type Chunk struct {
	// Data is a window on the stream. The last len(Data)-New bytes have not been shown before; the New bytes in
	// front of them are a look-back so that a pattern that lies across the border can be found.
	Data   []byte
	New    int
	Offset uint64 // position of Data[0] in this direction's stream, the first byte after SYN being 0
	Gap    bool   // bytes are missing before Data[New] (then New is 0)
	Start  bool   // Data[0] is the first byte of the stream
	End    bool   // nothing will follow in this direction
}

// Direction is packet.Direction, for brevity.
type Direction = packet.Direction

// Session is the TCP state of one flow, both directions.
type Session struct {
	State State
}
