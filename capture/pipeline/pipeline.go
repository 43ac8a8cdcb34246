package pipeline

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/proto/registry"
	"fengsui/capture/source"
	"fengsui/capture/stream"
)

// Config says how a worker treats traffic. The zero value is what an IDS does by default.
type Config struct {
	// IgnoreChecksums uses TCP segments whose checksum is wrong, for captures taken on a host that leaves checksums to
	// its card. By default they are not used.
	IgnoreChecksums bool
	Midstream       bool // follow TCP sessions whose handshake was not seen
	AsyncOneside    bool // follow TCP sessions of which one direction is seen
	NoTunnels       bool // do not look into GRE, IP in IP, VXLAN, GENEVE, Teredo
	// RawChunk is how many new bytes of a stream gather before inspectors see them, 2560 when zero. A parser's
	// completed message is shown at once.
	RawChunk int
	Flow     flow.Config
	Stream   stream.Config // Midstream, AsyncOneway and Raw are set from the above and from whether there are inspectors
	Defrag   packet.DefragLimits
	Limits   registry.Limits // of the protocol parsers
	Files    *file.Config    // what is kept and computed of files; nil is the default
	Load     Load            // says when work must be shed, see shed.go; nil is never
	// LowPriority says which flows are let go first when work must be shed. nil: those whose protocol is unknown or cannot be read, and bulk.
	LowPriority func(f *flow.Flow) bool
}

// Pipeline is one worker. See doc.go for the order of things.
type Pipeline struct {
	cfg       Config
	insp      []Inspector
	sink      Sink
	table     *flow.Table
	streams   *stream.Assembler
	defrag    *packet.Defragmenter
	protocols []proto.Protocol
	stats     Stats
	published atomic.Pointer[Stats]

	pkts   [packet.TunnelDepthMax + 3]packet.Packet
	pseudo [2]packet.Packet // by direction, see makePseudo
	ctx    proto.Context
	chunks []*stream.Chunk // shown for the current packet
	shown  int
	raws   [2]bool // chunks were shown by direction since Packet was last called
	ev     event.Event
	free   []*layer
	number uint64

	expected []expected // flows that parsers have announced
	told     time.Time  // packet time of the last publication
}

// New returns a worker. It starts nothing. sink may be nil.
func New(cfg Config, insp []Inspector, sink Sink) *Pipeline {
	if cfg.RawChunk <= 0 {
		cfg.RawChunk = 2560
	}
	if cfg.LowPriority == nil {
		cfg.LowPriority = lowPriority
	}
	cfg.Stream.Midstream = cfg.Midstream
	cfg.Stream.AsyncOneway = cfg.AsyncOneside
	cfg.Stream.Raw = len(insp) > 0
	w := &Pipeline{
		cfg: cfg, insp: insp, sink: sink, streams: stream.NewAssembler(cfg.Stream),
		defrag: packet.NewDefragmenter(cfg.Defrag), protocols: registry.Protocols(cfg.Limits),
	}
	w.table = flow.NewTable(cfg.Flow, w.endFlow)
	w.publish()
	return w
}

// Run feeds the worker from src until the input ends or ctx is cancelled, then flushes. The error is the source's.
func (w *Pipeline) Run(ctx context.Context, src source.Source) error {
	err := src.Run(ctx, func(f *source.Frame) error {
		w.Frame(f)
		return nil
	})
	w.Flush()
	if err != nil {
		return fmt.Errorf("reading packets: %w", err)
	}
	return nil
}

// Frame takes one frame. A frame without data only moves the clock (live sources send them while nothing arrives).
func (w *Pipeline) Frame(f *source.Frame) {
	if len(f.Data) == 0 && f.OrigLen == 0 {
		w.Tick(f.Time)
		return
	}
	w.FrameAt(w.number+1, f)
}

// FrameAt is Frame for a worker that gets a share of a source: the frame has a number of its own.
func (w *Pipeline) FrameAt(number uint64, f *source.Frame) {
	w.number = number
	w.stats.Packets++
	w.stats.Bytes += uint64(len(f.Data))
	p := &w.pkts[0]
	p.Decode(f.Time, f.Data, f.OrigLen, f.Link)
	p.Number = w.number
	w.packet(p, 0)
	if w.stats.Packets%publishEvery == 0 || f.Time.Sub(w.told) >= publishAfter {
		w.told = f.Time
		w.publish()
	}
}

// Tick moves the clock without a packet, so that flows end while nothing arrives.
func (w *Pipeline) Tick(now time.Time) {
	w.table.Tick(now)
	w.publish()
}

// Flush ends all flows. The worker can go on afterwards.
func (w *Pipeline) Flush() {
	w.table.Flush()
	w.publish()
}

// Transactions returns the live transactions of a flow, oldest first, for inspectors.
func Transactions(f *flow.Flow) []proto.Transaction {
	if l, ok := f.Layer.(*layer); ok && l != nil {
		return l.live.List
	}
	return nil
}
