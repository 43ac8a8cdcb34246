package engine

import (
	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// Inspector judges traffic; it is capture's pipeline.Inspector.
type Inspector interface {
	Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction)
	Stream(p *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk)
	Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction)
	FlowEnd(f *flow.Flow)
}

// Detector is compiled knowledge: immutable, shared by workers. At most one detector of a Ruleset may use the Ext slots of flows and
// transactions (the signature detector does).
type Detector interface {
	// Name is the detector's name in alerts.
	Name() string
	// NewInspector makes the part that one goroutine uses. It calls emit for each finding.
	NewInspector(emit func(*alert.Alert)) Inspector
}

// Ruleset is a list of detectors, never changed after it has been handed to an Engine.
type Ruleset struct {
	// Version says which rules these are, for people: document versions, file names.
	Version   string
	Detectors []Detector
}
