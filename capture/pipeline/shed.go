package pipeline

import (
	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// Load tells how much work must be shed. Level is called by the worker every 64 packets and may be called by any goroutine.
type Load interface {
	// Level is 0 for a worker that keeps up, up to LevelMax.
	Level() int
}

// LevelMax is the highest level of shedding.
const LevelMax = 6

// The declared order. Levels up to levelCut shorten how much payload of a direction is matched, headers, protocols and transactions are not touched.
// From levelLow on flows that matter least are let go: they are still counted and recorded, but neither parsed nor inspected. levelAll lets every flow
// go once its beginning has been seen. What has been shed of a flow stays so: taking up in its middle would tell nonsense.
const (
	levelCut = 4
	levelLow = 5
	levelAll = 6
)

// cutAfter is how many payload bytes of a direction are matched, by level. Never written.
var cutAfter = [LevelMax + 1]uint64{1: 512 << 10, 2: 128 << 10, 3: 32 << 10, levelCut: 8 << 10, levelLow: 8 << 10, levelAll: 8 << 10}

// bulkBytes is from when on a flow counts as bulk.
const bulkBytes = 1 << 20

// loadEvery is how many packets pass between looks at the load.
const loadEvery = 64

// ShedStats count what was shed because of load.
type ShedStats struct {
	Level       int64  // now
	Cuts        uint64 // directions of which payload was no longer matched
	CutBytes    uint64 // payload bytes that were not matched
	Flows       uint64 // flows let go
	FlowPackets uint64 // their packets from then on
	FlowBytes   uint64 // and payload bytes
}

// lowPriority is the default of Config.LowPriority: flows whose protocol is not known or cannot be read, and bulk.
func lowPriority(f *flow.Flow) bool {
	if f.NoPayload || f.App == flow.AppFailed {
		return true
	}
	return f.Count[0].Payload+f.Count[1].Payload > bulkBytes
}

// look asks for the load now and then.
func (w *Pipeline) look() {
	if w.stats.Packets%loadEvery == 0 {
		w.stats.Shed.Level = int64(min(max(w.cfg.Load.Level(), 0), LevelMax))
	}
}

// relieve sheds what the level asks for. It returns true when the packet needs nothing more than to be counted.
func (w *Pipeline) relieve(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction) bool {
	shed, n := &w.stats.Shed, uint64(len(p.Payload))
	if f.LetGo {
		shed.FlowPackets++
		shed.FlowBytes += n
		if p.Kind == packet.KindTCP && f.Kind == packet.KindTCP {
			w.follow(p, f, dir) // the end of the flow must still be seen
		}
		return true
	}
	limit := cutAfter[shed.Level]
	if shed.Level > 0 && !f.Cut[dir] && f.Count[dir].Payload > limit {
		f.Cut[dir] = true
		shed.Cuts++
		if f.TCP != nil {
			if len(w.insp) > 0 {
				w.raw(p, f, dir) // what has gathered is still shown
			}
			w.streams.StopRaw(f.TCP, dir)
		}
	}
	if f.Cut[dir] {
		shed.CutBytes += n
	}
	if shed.Level < levelLow || n == 0 {
		return false
	}
	if w.cfg.LowPriority(f) || shed.Level == levelAll && f.Count[0].Payload+f.Count[1].Payload > 2*limit {
		w.letGo(f, l)
	}
	return false // this packet is the last to be seen
}

// letGo stops parsing and inspection of a flow.
func (w *Pipeline) letGo(f *flow.Flow, l *layer) {
	f.LetGo = true
	w.stats.Shed.Flows++
	w.stopApp(f, l)
	if f.TCP != nil {
		w.streams.StopRaw(f.TCP, flow.ToServer)
		w.streams.StopRaw(f.TCP, flow.ToClient)
	}
}
