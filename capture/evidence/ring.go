package evidence

import (
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/source"
)

// entry is one frame in the ring.
type entry struct {
	seq   uint64 // from 1; 0 is an empty slot
	at    uint64 // virtual position of its bytes: physical position modulo the size
	time  int64  // Unix nanoseconds
	size  uint32
	orig  uint32
	link  packet.LinkType
	flow  [2]uint64 // the flow of the frame, and that of a packet in its tunnel; 0 none
	prev  [2]link   // frame before it in the chain of either
	frag  uint32    // tells fragments of one packet from others; 0 no fragment
	iface string
}

// link names a frame and which of its two flows a chain goes on with; 0 ends the chain.
type link uint64

func linkOf(seq uint64, slot int) link { return link(seq<<1 | uint64(slot)) }

// ring holds recent frames. Positions only grow, so what has been overwritten is known by its position.
type ring struct {
	data    []byte
	pos     uint64 // virtual end of what has been written
	entries []entry
	seq     uint64 // of the newest frame
	heads   []link // newest frame by flow, hashed
}

const frameGuess = 256 // bytes a frame is expected to take, for the number of entries

func newRing(size int) *ring {
	n := 1
	for n < size/frameGuess {
		n *= 2
	}
	return &ring{data: make([]byte, size), entries: make([]entry, n), heads: make([]link, min(n, 1<<16))}
}

// put stores a frame, overwriting the oldest.
func (r *ring) put(f *source.Frame) {
	n := uint64(len(f.Data))
	size := uint64(len(r.data))
	if n > size {
		return // a ring smaller than one frame keeps nothing of it
	}
	if off := r.pos % size; off+n > size {
		r.pos += size - off // a frame is not split: the rest of the turn stays empty
	}
	r.seq++
	e := &r.entries[r.seq&uint64(len(r.entries)-1)]
	*e = entry{seq: r.seq, at: r.pos, time: f.Time.UnixNano(), size: uint32(n), orig: uint32(f.OrigLen), link: f.Link, iface: f.Iface}
	copy(r.data[r.pos%size:], f.Data)
	r.pos += n
}

// get returns a frame that is still there.
func (r *ring) get(seq uint64) *entry {
	e := &r.entries[seq&uint64(len(r.entries)-1)]
	if seq == 0 || e.seq != seq || e.at+uint64(len(r.data)) < r.pos {
		return nil
	}
	return e
}

func (r *ring) bytes(e *entry) []byte {
	off := e.at % uint64(len(r.data))
	return r.data[off : off+uint64(e.size)]
}

func (r *ring) head(flow uint64) *link {
	return &r.heads[flow*0x9e3779b97f4a7c15>>32&uint64(len(r.heads)-1)]
}

// claim notes that a frame belongs to a flow; false when it does already, or belongs to two others.
func (r *ring) claim(e *entry, flow uint64) bool {
	slot := 0
	switch {
	case e.flow[0] == flow || e.flow[1] == flow:
		return false
	case e.flow[0] == 0:
	case e.flow[1] == 0:
		slot = 1
	default:
		return false // deeper tunnels keep to the two outermost flows
	}
	h := r.head(flow)
	e.flow[slot], e.prev[slot] = flow, *h
	*h = linkOf(e.seq, slot)
	return true
}

// before lists the frames of a flow, newest first, within the limits.
func (r *ring) before(flow uint64, since time.Time, packets, bytes int) []uint64 {
	var out []uint64
	oldest := since.UnixNano()
	// Other flows share the chain: the walk is bounded by the chain's frames, and those by what is still in the ring.
	for at, steps := *r.head(flow), 0; at != 0 && steps < walkMax; steps++ {
		e := r.get(uint64(at >> 1))
		if e == nil || e.time < oldest {
			break
		}
		slot := at & 1
		if e.flow[slot] == flow {
			if bytes -= int(e.size); len(out) == packets || bytes < 0 {
				break
			}
			out = append(out, e.seq)
		}
		at = e.prev[slot]
	}
	return out
}

// walkMax bounds the look-back of one cut.
const walkMax = 1 << 16
