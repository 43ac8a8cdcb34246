package stream

import (
	"fengsui/capture/packet"
)

// Direction of the bytes of a stream.
type Direction = packet.Direction

// State is the state of a TCP session. After the handshake the names are those the server's end goes through (a FIN
// from the client makes CLOSE-WAIT, one from the server FIN-WAIT-1).
type State uint8

// Session states, in the words of RFC 9293.
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

// stateNames is indexed by State and never written.
var stateNames = [...]string{
	"none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "time_wait", "last_ack", "close_wait", "closing", "closed",
}

// String returns the state's name in flow records.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Chunk is a piece of one direction of a stream, in order.
type Chunk struct {
	// Data is a window on the stream. Its last New bytes have not been shown before; what stands in front of them is a
	// look-back so that a pattern that lies across the border can be found.
	Data   []byte
	New    int
	Offset uint64 // position of Data[0] in this direction's stream, the first byte after SYN being 0
	Gap    bool   // bytes are missing before Data; there is no look-back then
	Start  bool   // Data[0] is the first byte of the stream
	End    bool   // nothing will follow in this direction
}

// side is one end of a session: what it sent.
type side struct {
	isn      uint32
	known    bool  // isn is known
	next     int64 // offset after the highest byte it sent
	acked    int64 // offset below which the other side has acknowledged
	limit    int64 // offset up to which the other side allows it to send
	hasLimit bool
	wscale   uint8
	hasTS    bool
	ts       uint32
	fin      int64   // offset of its FIN, -1 when none was seen
	depth    bool    // the depth limit was reached
	depthAt  int64   // where
	gaps     int64   // bytes lost
	started  bool    // Raw has shown some of it
	urgent   []int64 // offsets of urgent bytes, which are not part of the stream the application reads
	win      window
}

// synAck is one of several SYN/ACKs with different numbers.
type synAck struct {
	seq, ack uint32
	window   uint16
	opts     packet.TCPOptions
}

// Session is the TCP state of one flow. Its zero value is a session of which nothing is known.
type Session struct {
	State     State
	Midstream bool // picked up without its handshake
	Async     bool // only one direction is seen
	Reset     bool // closed by RST
	TFO       bool // the SYN carried data that was acknowledged

	side    [2]side // by Direction: what the client sent, what the server sent
	lastTS  [2]int64
	synData int64 // bytes of data in the SYN, until the SYN/ACK decides
	scaled  bool  // both sides agreed on window scaling
	flush   bool  // the end has come: unacknowledged bytes count too
	deep    bool  // no depth limit
	resetBy Direction
	before  State // state when a RST closed it
	alt     []synAck
}

// Size is how many bytes the side dir sent, as far as sequence numbers tell (the rule keyword stream_size).
func (s *Session) Size(dir Direction) uint64 { return uint64(max(0, s.side[dir].next)) }

// GapBytes is how many bytes of a direction were lost.
func (s *Session) GapBytes(dir Direction) uint64 { return uint64(s.side[dir].gaps) }

// LiftDepth lets the session be put together without a depth limit, for protocols whose files are longer.
func (s *Session) LiftDepth() { s.deep = true }

// DepthReached tells whether a direction is no longer put together because it is too long.
func (s *Session) DepthReached(dir Direction) bool { return s.side[dir].depth }

// Finished tells whether all a side will send is there and acknowledged up to its FIN, or the session has ended.
func (s *Session) Finished(dir Direction) bool {
	x := &s.side[dir]
	return s.flush || x.fin >= 0 && x.acked >= x.fin
}

// InitialSeq returns the sequence number of the first byte after the SYN.
func (s *Session) InitialSeq(dir Direction) uint32 { return s.side[dir].isn + 1 }

// offset turns a sequence number into an offset near what the side has sent.
func (x *side) offset(seq uint32) int64 {
	ref := x.next
	return ref + int64(int32(seq-x.isn-1-uint32(ref)))
}

// inStream turns an offset by sequence number into one in the stream the application reads.
func (x *side) inStream(off int64) int64 {
	n := int64(0)
	for _, u := range x.urgent {
		if u >= off {
			break
		}
		n++
	}
	return off - n
}

// Assembler follows sessions. It holds the memory all of them share.
type Assembler struct {
	cfg   Config
	pool  pool
	stats Stats
	free  []*Session

	scratch []byte
}

// NewAssembler returns an Assembler without sessions.
func NewAssembler(cfg Config) *Assembler {
	cfg.fill()
	return &Assembler{cfg: cfg, pool: pool{max: cfg.BytesMax}}
}

// Stats returns the counters so far.
func (a *Assembler) Stats() Stats {
	s := a.stats
	s.MemoryNow, s.MemoryPeak = a.pool.used, a.pool.peak
	return s
}

// New returns a fresh session.
func (a *Assembler) New() *Session {
	a.stats.Sessions++
	var s *Session
	if n := len(a.free); n > 0 {
		s = a.free[n-1]
		a.free[n-1] = nil
		a.free = a.free[:n-1]
	} else {
		s = &Session{}
	}
	for i := range s.side {
		s.side[i].fin = -1
		s.side[i].win.rawOff = !a.cfg.Raw
	}
	return s
}

const sessionsKeep = 1024

// Release gives a session's memory back; it must not be used afterwards.
func (a *Assembler) Release(s *Session) {
	for i := range s.side {
		s.side[i].win.release(&a.pool)
	}
	if len(a.free) >= sessionsKeep {
		return
	}
	var keep [2]window
	var urgent [2][]int64
	for i := range keep {
		urgent[i] = s.side[i].urgent[:0]
		keep[i] = window{regions: s.side[i].win.regions[:0], early: s.side[i].win.early[:0], kept: s.side[i].win.kept[:0]}
		if cap(keep[i].early) > 64 {
			keep[i].early, keep[i].kept = nil, nil
		}
	}
	*s = Session{alt: s.alt[:0]}
	s.side[0].win, s.side[1].win = keep[0], keep[1]
	s.side[0].urgent, s.side[1].urgent = urgent[0], urgent[1]
	a.free = append(a.free, s)
}

// SwapSides exchanges client and server, for a session that was picked up in the middle the wrong way round.
func (s *Session) SwapSides() {
	s.side[0], s.side[1] = s.side[1], s.side[0]
	s.lastTS[0], s.lastTS[1] = s.lastTS[1], s.lastTS[0]
}
