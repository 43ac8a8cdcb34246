package zone

import (
	"net/netip"

	"fengsui/capture/event"
)

// next is what takes events on: pipeline.Sink, declared here so that this package knows nothing of pipelines.
type next interface {
	Event(e *event.Event)
}

// Sink adds zones to events on their way.
type Sink struct {
	table *Table
	next  next
}

// NewSink returns a Sink that hands every event on to next, with the zones of its addresses.
func NewSink(t *Table, to next) *Sink { return &Sink{t, to} }

// Event implements pipeline.Sink.
func (s *Sink) Event(e *event.Event) {
	s.table.Tag(e)
	s.next.Event(e)
}

// Tag adds the zones of an event's source and destination, the class and the direction of its flow. Tags of the flow are
// read from the event: the innermost VLAN and the VNI.
func (t *Table) Tag(e *event.Event) {
	if t == nil {
		return
	}
	src, err := netip.ParseAddr(e.Text(event.SourceIP))
	if err != nil {
		return // an event without a flow
	}
	dst, err := netip.ParseAddr(e.Text(event.DestinationIP))
	if err != nil {
		return
	}
	vlan, ok := e.Get(event.NetworkInnerVLAN)
	if !ok {
		vlan, _ = e.Get(event.NetworkVLAN)
	}
	vni, _ := e.Get(event.NetworkVNI)
	p := t.Path(src, dst, uint16(vlan.Num), uint32(vni.Num))
	from, to := p.Names()
	e.Str(event.ObserverIngressZone, from)
	e.Str(event.ObserverEgressZone, to)
	e.Str(event.ZoneClass, p.Class.String())
	e.Str(event.ZoneDirection, p.Class.Direction())
	e.Str(event.NetworkDirection, p.Way())
}
