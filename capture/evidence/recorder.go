package evidence

import (
	"sync/atomic"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/source"
	"fengsui/capture/stream"
)

// Limits bound a Recorder and its cuts. A zero field takes the default in its comment.
type Limits struct {
	RingBytes     int           // recent frames, for each worker, 32 MiB
	Before        time.Duration // packet time before the alert, 60 s
	After         time.Duration // and after it, 30 s
	BeforePackets int           // packets before the alert, 64
	BeforeBytes   int           // bytes before the alert, 256 KiB
	Packets       int           // packets in all, 1000
	Bytes         int           // bytes of packets in all, 1 MiB
	Open          int           // cuts that wait for more packets, 256
}

func (l *Limits) fill() {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.RingBytes, 32<<20)
	set(&l.BeforePackets, 64)
	set(&l.BeforeBytes, 256<<10)
	set(&l.Packets, 1000)
	set(&l.Bytes, 1<<20)
	set(&l.Open, 256)
	if l.Before <= 0 {
		l.Before = time.Minute
	}
	if l.After <= 0 {
		l.After = 30 * time.Second
	}
}

// Request is an alert that wants its packets kept.
type Request struct {
	ID      [16]byte  // names the file
	Rule    uint64    // alerts of one rule in one flow share a file while its cut is open; 0 never shares
	FlowID  uint64    // 0: no flow, the current frame alone
	Time    time.Time // packet time
	Comment string    // the alert, for people
}

// Recorder keeps the recent frames of one worker and cuts evidence out of them. It is a pipeline.Inspector.
type Recorder struct {
	limits Limits
	store  *Store
	ring   *ring
	open   map[uint64][]*cut // by flow
	count  int               // open cuts
	due    time.Time         // when the first of them ends

	stats recorderStats
}

type recorderStats struct {
	frames, cuts, joined, refused atomic.Uint64
}

// Frame takes the next frame, before the pipeline does.
func (r *Recorder) Frame(f *source.Frame) {
	if r.count > 0 && !f.Time.Before(r.due) {
		r.expire(f.Time)
	}
	if len(f.Data) == 0 {
		return // it only tells the time
	}
	r.ring.put(f)
	if r.ring.seq&0x3ff == 0 {
		r.stats.frames.Store(r.ring.seq)
	}
}

// Packet implements pipeline.Inspector: the current frame belongs to f.
func (r *Recorder) Packet(p *packet.Packet, f *flow.Flow, _ flow.Direction) {
	e := r.ring.get(r.ring.seq)
	if e == nil || p.Pseudo {
		return
	}
	if f == nil {
		if p.Fragment {
			e.frag = fragment(p)
		}
		return
	}
	if p.Rebuilt {
		r.fragments(p, f.ID)
	}
	r.take(e, f.ID)
}

// take gives a frame to its flow, and to the cuts that wait for it.
func (r *Recorder) take(e *entry, flowID uint64) {
	if !r.ring.claim(e, flowID) || r.count == 0 {
		return
	}
	for _, c := range r.open[flowID] {
		c.add(r.ring, e)
	}
	r.sweep(flowID)
}

// fragment tells fragments of one packet from others, well enough: it is compared only with recent ones.
func fragment(p *packet.Packet) uint32 {
	a, b := p.Src.As16(), p.Dst.As16()
	h := uint32(2166136261)
	for i := range a {
		h = (h ^ uint32(a[i])) * 16777619
		h = (h ^ uint32(b[i])) * 16777619
	}
	return (h^p.IPID)*16777619 | 1
}

// fragmentsBack is how many frames back the pieces of a packet are looked for.
const fragmentsBack = 1024

// fragments gives the frames a packet was put together from to its flow, oldest first.
func (r *Recorder) fragments(p *packet.Packet, flowID uint64) {
	want := fragment(p)
	var found []*entry
	for seq := r.ring.seq; seq > 0 && r.ring.seq-seq < fragmentsBack; seq-- {
		e := r.ring.get(seq)
		if e == nil {
			break
		}
		if e.frag == want {
			found = append(found, e)
		}
	}
	for i := len(found) - 1; i >= 0; i-- {
		r.take(found[i], flowID)
	}
}

// Stream implements pipeline.Inspector.
func (r *Recorder) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk) {}

// Transaction implements pipeline.Inspector.
func (r *Recorder) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}

// FlowEnd implements pipeline.Inspector: nothing more can come for the flow's cuts. An alert that is raised in FlowEnd,
// after this call, gets the packets before it and ends by time.
func (r *Recorder) FlowEnd(f *flow.Flow) {
	if r.count == 0 {
		return
	}
	for _, c := range r.open[f.ID] {
		r.finish(c)
	}
	delete(r.open, f.ID)
}

// Cut begins a file for an alert and returns its name, "" when there are too many open cuts. It is called by the worker,
// from within the pipeline's call for the packet the alert was raised on.
func (r *Recorder) Cut(q Request) string {
	if q.Rule != 0 && q.FlowID != 0 {
		for _, c := range r.open[q.FlowID] {
			if c.rule == q.Rule {
				c.comment(q.Comment)
				r.stats.joined.Add(1)
				return c.name
			}
		}
	}
	if r.count >= r.limits.Open {
		r.stats.refused.Add(1)
		return ""
	}
	r.stats.cuts.Add(1)
	c := &cut{name: Name(q.ID), rule: q.Rule, limits: &r.limits, end: q.Time.Add(r.limits.After), mark: r.ring.seq}
	c.comment(q.Comment)
	if q.FlowID == 0 {
		if e := r.ring.get(r.ring.seq); e != nil {
			c.add(r.ring, e)
		}
		r.count++
		r.finish(c)
		return c.name
	}
	list := r.ring.before(q.FlowID, q.Time.Add(-r.limits.Before), r.limits.BeforePackets, r.limits.BeforeBytes)
	for i := len(list) - 1; i >= 0; i-- {
		c.add(r.ring, r.ring.get(list[i]))
	}
	r.open[q.FlowID] = append(r.open[q.FlowID], c)
	if r.count++; r.count == 1 || c.end.Before(r.due) {
		r.due = c.end
	}
	r.sweep(q.FlowID)
	return c.name
}

// finish hands a cut to the store; the caller takes it out of the list.
func (r *Recorder) finish(c *cut) {
	r.count--
	r.store.put(c.name, c.file())
}

// sweep finishes the full cuts of a flow.
func (r *Recorder) sweep(flowID uint64) {
	list := r.open[flowID]
	kept := list[:0]
	for _, c := range list {
		if c.full {
			r.finish(c)
		} else {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		delete(r.open, flowID)
		return
	}
	clear(list[len(kept):])
	r.open[flowID] = kept
}

// expire finishes the cuts whose time is over.
func (r *Recorder) expire(now time.Time) {
	r.due = time.Time{}
	for id, list := range r.open {
		for _, c := range list {
			if !now.Before(c.end) {
				c.full = true
			} else if r.due.IsZero() || c.end.Before(r.due) {
				r.due = c.end
			}
		}
		r.sweep(id)
	}
}

// Close finishes all open cuts; the worker has ended.
func (r *Recorder) Close() {
	for id, list := range r.open {
		for _, c := range list {
			r.finish(c)
		}
		delete(r.open, id)
	}
	r.stats.frames.Store(r.ring.seq)
}
