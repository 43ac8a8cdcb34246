package signature

import (
	"slices"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/prefilter"
	"fengsui/analyze/signature/track"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// Shared is what the workers of one engine have in common: counts and bits that belong to hosts, not flows. It outlives the sets. The zero value
// is ready.
type Shared struct {
	thresholds track.Thresholds
	rates      track.Rate
	bits       track.Bits
	tags       hostTags
}

// Stats counts a worker's work.
type Stats struct {
	Packets    uint64 // packets judged
	Candidates uint64 // rules the prefilters and the lists without pattern brought up
	Matches    uint64 // rules that matched
	Alerts     uint64 // alerts emitted
	Overflow   uint64 // matches beyond alertsPerPacketMax
	Timeouts   uint64 // regular expressions given up
	Exceeds    uint64 // searches cut off
}

// alertsPerPacketMax is how many alerts one packet may raise, as in Suricata.
const alertsPerPacketMax = 15

// Worker judges the flows of one goroutine. It has the methods of capture's pipeline.Inspector.
type Worker struct {
	set    *Set
	shared *Shared
	emit   func(*alert.Alert)
	stats  Stats
	hits   []uint64 // alerts by rule number of the set

	p   *packet.Packet
	f   *flow.Flow
	dir flow.Direction
	fs  *flowState

	found   prefilter.Hits
	txFound prefilter.Hits
	scratch inspect.Scratch
	input   inspect.Buffer // of the program being tried
	value   []byte         // built by buffer getters
	forms   [2][]byte      // results of transforms
	chunks  []chunk        // of the packet being judged
	bytes   []byte         // behind chunks
	views   []txView       // transactions that advanced on it
	other   field.View     // the other side of the transaction being judged
	judging appSet         // the protocol of that transaction, which its flow may have left behind by an upgrade
	matched []match
	spare   []*txState // to be used again
	tables  tables     // of payload patterns, by class of traffic
	tagged  TaggedPacket
	costs   []Cost // by rule number of the set; nil unless Profile is on
	gate    func() // waits for other workers, see Gate
}

// chunk is a piece of stream kept until the packet is judged.
type chunk struct {
	from, to int // in Worker.bytes
	seen     int // bytes at its start that have been judged before
}

// match is a rule that matched on the packet being judged.
type match struct {
	sig   *sig
	tx    proto.Transaction
	whole bool // its action applies to the flow
}

// flowState is what the detector remembers of a flow.
type flowState struct {
	flowbits []uint32
	ints     map[uint32]uint32
	set      *Set        // that the following belong to
	paid     [2][]uint32 // rules on transactions whose payload part has matched
	pass     bool        // a pass rule let the flow go
	rare     *rareState  // nil for nearly all flows

	decided [2]uint64 // packets the flow had, plus one, when the protocol of a direction was seen to be decided; 0 before
}

// NewWorker makes a worker that emits alerts by calling emit, which keeps them. Shared must be the same for all workers of an engine.
func NewWorker(set *Set, shared *Shared, emit func(*alert.Alert)) *Worker {
	w := &Worker{shared: shared, emit: emit, value: make([]byte, 0, 4096)}
	w.Swap(set)
	return w
}

// Swap makes the worker use another set from the next packet on. What flows and hosts have been marked with stays.
func (w *Worker) Swap(set *Set) {
	w.set = set
	w.hits = make([]uint64, len(set.sigs))
	if w.costs != nil {
		w.costs = make([]Cost, len(set.sigs))
	}
	w.found, w.txFound = prefilter.Hits{}, prefilter.Hits{}
	w.tables = newTables()
	w.chunks, w.views, w.bytes = w.chunks[:0], w.views[:0], w.bytes[:0]
}

// Gate makes the worker call wait before it uses what it shares with other workers: counts of thresholds, bits of hosts. wait returns when all packets before
// the worker's own have been judged by whoever has them; so the outcome does not depend on how packets are spread over workers.
func (w *Worker) Gate(wait func()) { w.gate = wait }

// inOrder waits for the worker's turn.
func (w *Worker) inOrder() {
	if w.gate != nil {
		w.gate()
	}
}

// Stats returns the counters so far.
func (w *Worker) Stats() Stats {
	s := w.stats
	s.Timeouts, s.Exceeds = w.scratch.Regex.Timeouts, w.scratch.Exceeds
	return s
}

// EachHit calls visit for each rule that has alerted since the last Swap.
func (w *Worker) EachHit(visit func(m *Meta, alerts uint64)) {
	for i, n := range w.hits {
		if n > 0 {
			visit(&w.set.sigs[i].Meta, n)
		}
	}
}

// Stream takes reassembled bytes; they are judged with the packet they came on.
func (w *Worker) Stream(_ *packet.Packet, f *flow.Flow, dir flow.Direction, c *stream.Chunk) {
	if len(c.Data) == 0 || f.TCP != nil && f.TCP.State <= stream.StateSynSent {
		return // a session that never was has no stream: its packets have been judged by themselves
	}
	g := &w.set.groups[kindTCP][dir]
	if len(g.chunked) == 0 && g.stream == nil {
		return
	}
	from := len(w.bytes)
	w.bytes = append(w.bytes, c.Data...)
	w.chunks = append(w.chunks, chunk{from: from, to: len(w.bytes), seen: len(c.Data) - c.New})
}

// Transaction notes that a side of a transaction has advanced; it is judged with the packet it came on.
func (w *Worker) Transaction(_ *packet.Packet, _ *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	w.views = append(w.views, txView{View: field.View{Tx: tx, Dir: dir}})
}

// FlowEnd forgets the flow.
func (w *Worker) FlowEnd(f *flow.Flow) {
	w.chunks, w.views, w.bytes = w.chunks[:0], w.views[:0], w.bytes[:0]
	f.Ext = nil
}

// Packet judges the packet with everything that came on it. f is nil for packets without a flow.
func (w *Worker) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	w.stats.Packets++
	w.p, w.f, w.dir, w.fs = p, f, dir, nil
	if f != nil {
		w.fs, _ = f.Ext.(*flowState)
	}
	if w.fs == nil || !w.fs.pass {
		w.judge()
		if len(w.matched) > 0 {
			w.finish()
		}
	}
	if w.tagged != nil {
		w.showTagged()
	}
	w.chunks, w.views, w.bytes = w.chunks[:0], w.views[:0], w.bytes[:0]
	w.p, w.f, w.fs = nil, nil, nil
}

// buffer keeps what a program is tried on where it costs no allocation.
func (w *Worker) buffer(b inspect.Buffer) *inspect.Buffer {
	w.input = b
	return &w.input
}

// state gives the flow's state, made when first needed.
func (w *Worker) state() *flowState {
	if w.fs == nil {
		w.fs = &flowState{set: w.set}
		w.f.Ext = w.fs
	}
	if w.fs.set != w.set { // rule numbers of another set mean nothing here
		w.fs.set = w.set
		w.fs.paid = [2][]uint32{}
	}
	return w.fs
}

func (w *Worker) anyFlowbit(nums []uint32) bool {
	if w.fs == nil {
		return false
	}
	for _, n := range nums {
		if slices.Contains(w.fs.flowbits, n) {
			return true
		}
	}
	return false
}

// flowbitsMax bounds the bits of one flow.
const flowbitsMax = 1024

func (w *Worker) changeFlowbit(num uint32, command bitCommand) {
	if w.f == nil {
		return
	}
	fs := w.state()
	at := slices.Index(fs.flowbits, num)
	switch {
	case at < 0 && command != bitUnset:
		if len(fs.flowbits) < flowbitsMax {
			fs.flowbits = append(fs.flowbits, num)
		}
	case at >= 0 && command != bitSet:
		fs.flowbits = slices.Delete(fs.flowbits, at, at+1)
	}
}

func (w *Worker) flowint(num uint32) (uint32, bool) {
	if w.fs == nil {
		return 0, false
	}
	v, ok := w.fs.ints[num]
	return v, ok
}

func (w *Worker) setFlowint(num, value uint32) {
	fs := w.state()
	if fs.ints == nil {
		fs.ints = map[uint32]uint32{}
	}
	if len(fs.ints) < flowbitsMax {
		fs.ints[num] = value
	}
}

// streamSize is how much a side has sent by its sequence numbers; the SYN counts as one.
func (w *Worker) streamSize(dir flow.Direction) uint64 {
	n := w.f.TCP.Size(dir)
	if w.f.TCPFlags[dir]&packet.SYN != 0 {
		n++
	}
	return n
}
