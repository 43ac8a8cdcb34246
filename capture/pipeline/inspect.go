package pipeline

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// Inspector judges traffic. All calls come from the one worker that owns the flow, in the order doc.go states. Nothing
// passed in is valid after the call returns, except that f is the same *flow.Flow until FlowEnd and tx the same object
// until its flow ends (their Ext slots belong to the inspector).
type Inspector interface {
	// Packet is called once for each packet, after its flow, stream and transactions are up to date, as the last call
	// for that packet. f is nil for packets without a flow (no IP, malformed, fragments).
	Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction)
	// Stream shows reassembled bytes of a TCP flow in the direction of p.
	Stream(p *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk)
	// Transaction is called when the side dir of tx has advanced, on a packet of that direction; at least once when
	// that side is complete.
	Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction)
	// FlowEnd is the last call for f. f.Ext is dropped afterwards.
	FlowEnd(f *flow.Flow)
}

// Sink takes flow and transaction events. e is reused after the call returns: Clone what is kept.
type Sink interface {
	Event(e *event.Event)
}
