package eve

import (
	"net/netip"
	"slices"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// bufferBytes is how much gathers before it is written.
const bufferBytes = 64 << 10

// Config says what is written.
type Config struct {
	Types     Types
	Interface string // in_iface, "" leaves it out
	Payload   bool   // alerts carry payload_printable and payload
	Packet    bool   // alerts carry the frame
}

// Alert is what a detector found, in EVE's words.
type Alert struct {
	Time          time.Time
	Action        string // "allowed" or "blocked"
	GID, SID, Rev uint32
	Signature     string
	Category      string
	Severity      int
	Metadata      map[string][]string
	Src, Dst      netip.AddrPort
	TxID          uint64
	HasTx         bool
	// Extra is appended as the object "fengsui"; it is valid JSON, or empty.
	Extra []byte
}

// Logger writes the events of one worker. It has the methods of pipeline.Inspector.
type Logger struct {
	cfg    Config
	out    *Output
	buf    []byte
	lines  uint64
	clock  clock
	head   [headPlaces]head
	alerts []Alert
	ready  []done                         // transactions that are over, of the packet being handled
	ended  []proto.Transaction            // written on the made-up packets at the end of a flow
	marked map[uint64]struct{}            // flows that have alerted
	early  map[proto.Transaction]struct{} // written, but still to be shown to the inspectors
	ev     event.Event
	nest   nest

	// what is asked for, looked up once
	alert, flows, files, anomalies, decode bool
}

// done is a transaction to be written with the packet it ended on.
type done struct {
	tx  proto.Transaction
	dir flow.Direction
}

var _ pipeline.Inspector = (*Logger)(nil)

// markedMax bounds the flows remembered as alerted.
const markedMax = 1 << 16

// NewLogger makes the logger of one worker.
func NewLogger(cfg Config, out *Output) *Logger {
	l := &Logger{cfg: cfg, out: out, buf: make([]byte, 0, bufferBytes+16<<10), marked: map[uint64]struct{}{}, early: map[proto.Transaction]struct{}{}}
	l.alert, l.flows, l.files = cfg.Types.Has("alert"), cfg.Types.Has("flow"), cfg.Types.Has("fileinfo")
	l.anomalies, l.decode = cfg.Types.Has("anomaly"), cfg.Types.Has("decode")
	return l
}

// Alert takes an alert raised on the packet that the Logger will see next.
func (l *Logger) Alert(a Alert) { l.alerts = append(l.alerts, a) }

// Flush writes what has gathered.
func (l *Logger) Flush() error {
	l.out.write(l.buf, l.lines)
	l.buf, l.lines = l.buf[:0], 0
	return l.out.Err()
}

// end finishes a line.
func (l *Logger) end() {
	l.buf = append(l.buf, '}', '\n')
	if l.lines++; len(l.buf) >= bufferBytes {
		l.out.write(l.buf, l.lines)
		l.buf, l.lines = l.buf[:0], 0
	}
}

// Stream implements pipeline.Inspector.
func (l *Logger) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk) {}

// Transaction implements pipeline.Inspector: it notes the transactions that are over.
func (l *Logger) Transaction(_ *packet.Packet, _ *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	if !over(tx) {
		return
	}
	if len(l.early) > 0 {
		if _, ok := l.early[tx]; ok {
			delete(l.early, tx)
			l.ended = append(l.ended, tx)
			return
		}
	}
	l.ready = append(l.ready, done{tx, dir})
}

const (
	// liveMax is up to how many live transactions a flow's are looked through on each packet.
	liveMax = 16
	// earlyMax bounds the transactions remembered as written early; beyond it they are written when they have been shown.
	earlyMax = 1 << 16
)

// finished notes the transactions that both sides have completed, though not all of it has been shown to the inspectors: an answer is
// parsed when its receiver acknowledges it, and judged on the sender's next packet, which may be long in coming.
func (l *Logger) finished(f *flow.Flow, dir flow.Direction) {
	list := pipeline.Transactions(f)
	if len(list) == 0 || len(list) > liveMax || len(l.early) >= earlyMax {
		return
	}
	for _, tx := range list {
		s := tx.Base()
		if s.OneSide || !s.Pending() || !tx.Complete(flow.ToServer) || !tx.Complete(flow.ToClient) {
			continue
		}
		if _, ok := l.early[tx]; !ok {
			l.early[tx] = struct{}{}
			l.ready = append(l.ready, done{tx, dir})
		}
	}
}

// over tells whether both sides are complete and shown: the pipeline lets the transaction go after this packet.
func over(tx proto.Transaction) bool {
	s := tx.Base()
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		if s.OneSide && dir != s.Only {
			continue
		}
		if !tx.Complete(dir) || s.Changed(dir) {
			return false
		}
	}
	return true
}

// Packet implements pipeline.Inspector: alerts first, then the transactions that ended on it.
func (l *Logger) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if len(l.alerts) > 0 {
		for i := range l.alerts {
			l.writeAlert(&l.alerts[i], p, f, dir)
		}
		clear(l.alerts)
		l.alerts = l.alerts[:0]
		if f != nil && len(l.marked) < markedMax {
			l.marked[f.ID] = struct{}{}
		}
	}
	if f != nil && !p.Pseudo {
		l.finished(f, dir)
	}
	if len(l.ready) > 0 {
		for i := range l.ready {
			d := &l.ready[i]
			l.writeTx(p, f, d.dir, d.tx)
			if p.Pseudo {
				l.ended = append(l.ended, d.tx)
			}
		}
		clear(l.ready)
		l.ready = l.ready[:0]
	}
	if !p.Pseudo {
		clear(l.ended)
		l.ended = l.ended[:0]
	}
	if l.decode && !p.Pseudo && (p.Invalid != packet.EventNone || !p.Events.Empty() || p.StreamEvents != [2]uint64{}) {
		l.writeDecode(p, f, dir)
	}
}

// FlowEnd implements pipeline.Inspector: what never ended is written as it stands, then the flow.
func (l *Logger) FlowEnd(f *flow.Flow) {
	p := packet.Packet{Time: f.Last, Pseudo: true, Kind: f.Kind, Proto: f.Proto}
	for _, tx := range pipeline.Transactions(f) {
		if slices.Contains(l.ended, tx) {
			continue
		}
		if _, ok := l.early[tx]; ok {
			delete(l.early, tx)
			continue
		}
		dir := flow.ToServer
		if s := tx.Base(); s.OneSide {
			dir = s.Only
		}
		l.writeTx(&p, f, dir, tx)
	}
	clear(l.ended)
	l.ended = l.ended[:0]
	if l.flows {
		l.writeFlow(f)
	}
	delete(l.marked, f.ID)
}
