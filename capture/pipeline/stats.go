package pipeline

import (
	"reflect"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// Stats are a worker's counters, a plain copy.
type Stats struct {
	Packets, Bytes uint64 // frames taken from the source
	IPv4, IPv6     uint64
	TCP, UDP       uint64
	ICMP, ICMPv6   uint64
	OtherIP        uint64
	NoIP           uint64
	Inner          uint64 // packets found in tunnels
	BadChecksum    uint64 // TCP segments not used because of their checksum
	Invalid        uint64 // packets that could not be decoded
	Decode         [packet.EventCount]uint64
	Defrag         packet.DefragStats
	Flows          flow.Stats
	Stream         stream.Stats
	FlowsByApp     [64]uint64 // ended flows by flow.App
	Transactions   [64]uint64 // transaction events by flow.App
	Files          uint64     // file events
	TxLost         uint64     // transactions let go because a flow had too many
	ParserFailed   uint64     // flows whose parser gave up
	Shed           ShedStats  // what was not done because of load
}

// InvalidBy returns the malformations seen, by the name of the decode event.
func (s *Stats) InvalidBy() map[string]uint64 {
	m := make(map[string]uint64)
	for e, n := range s.Decode {
		if n > 0 {
			m[packet.Event(e).String()] = n
		}
	}
	return m
}

// Stats returns the counters as of at most 4096 packets or a second of packet time ago; after Flush they are exact.
func (w *Pipeline) Stats() Stats {
	if s := w.published.Load(); s != nil {
		return *s
	}
	return Stats{}
}

const (
	publishEvery = 4096
	publishAfter = time.Second
)

// publish hands a copy of the counters to readers in other goroutines.
func (w *Pipeline) publish() {
	s := new(Stats)
	*s = w.stats
	s.Defrag = w.defrag.Stats()
	s.Flows = w.table.Stats()
	s.Stream = w.streams.Stats()
	w.published.Store(s)
}

// Sum adds the counters of several workers. Peaks are added too: they are bounds then, not what stood at one time.
func Sum(list ...Stats) Stats {
	var sum Stats
	for i := range list {
		add(reflect.ValueOf(&sum).Elem(), reflect.ValueOf(&list[i]).Elem())
	}
	return sum
}

// add adds the numbers of a structure, field by field: a counter that is added to Stats cannot be forgotten here.
func add(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			add(to.Field(i), from.Field(i))
		}
	case reflect.Array:
		for i := range to.Len() {
			add(to.Index(i), from.Index(i))
		}
	case reflect.Uint64:
		to.SetUint(to.Uint() + from.Uint())
	case reflect.Int64:
		to.SetInt(to.Int() + from.Int())
	}
}
