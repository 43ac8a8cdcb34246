package packet

import (
	"encoding/binary"
	"net/netip"
	"sort"
	"time"
)

// DefragLimits bound a Defragmenter. A zero field takes the default in its comment.
type DefragLimits struct {
	TrackersMax  int           // packets being put together at once, 4096; the oldest gives way
	BytesMax     int           // bytes they hold together, 32 MiB; the oldest gives way
	FragmentsMax int           // fragments of one packet, 8192 (65 535 bytes in eights); later ones are ignored
	Timeout      time.Duration // packet time a packet may take to arrive, 60 s
}

func (l *DefragLimits) fill() {
	if l.TrackersMax <= 0 {
		l.TrackersMax = 4096
	}
	if l.BytesMax <= 0 {
		l.BytesMax = 32 << 20
	}
	if l.FragmentsMax <= 0 {
		l.FragmentsMax = 8192
	}
	if l.Timeout <= 0 {
		l.Timeout = 60 * time.Second
	}
}

// DefragStats count what a Defragmenter did.
type DefragStats struct {
	Fragments, Rebuilt, TimedOut, Evicted, Refused uint64
}

// Defragmenter puts IPv4 and IPv6 fragments together. See doc.go for the overlap policy.
type Defragmenter struct {
	limits     DefragLimits
	trackers   map[fragKey]*fragTracker
	head, tail *fragTracker // least and most recently used
	free       *fragTracker // one spare, so that steady traffic does not allocate trackers
	bytes      int
	out        []byte
	stats      DefragStats
}

type fragKey struct {
	src, dst netip.Addr
	id       uint32
	proto    Proto // IPv4 only; IPv6 fragments of one packet may name different next headers
	vlan     [3]uint16
}

type fragTracker struct {
	key        fragKey
	next, prev *fragTracker
	last       time.Time
	data       []byte
	parts      []fragPart // sorted by start
	longest    int        // length of the longest part: how far back an overlap may begin
	covered    int        // bytes that have come at least once
	total      int        // -1 until the last fragment has come
	header     []byte     // of the first fragment
	proto      Proto
	haveFirst  bool
	ext        uint16
	events     EventSet
}

type fragPart struct{ start, end int }

// NewDefragmenter returns an empty Defragmenter.
func NewDefragmenter(l DefragLimits) *Defragmenter {
	l.fill()
	return &Defragmenter{limits: l, trackers: make(map[fragKey]*fragTracker)}
}

// Stats returns the counters so far.
func (d *Defragmenter) Stats() DefragStats { return d.stats }

// Add takes a fragment. When it completes a packet, Add decodes that packet into whole and returns true; whole is valid
// until the next call. An event of the packet (overlap) is added to whole, an event of the fragment to p.
func (d *Defragmenter) Add(p, whole *Packet) bool {
	d.stats.Fragments++
	d.expire(p.Time)
	start, end := int(p.FragOff), int(p.FragOff)+len(p.IPPayload)
	if end > 0xffff {
		p.Events.Add(pick(p, EventIPv4FragTooLarge, EventIPv6FragTooLarge))
		d.stats.Refused++
		return false
	}
	t := d.tracker(p)
	if !t.add(p, start, end, d.limits.FragmentsMax, &d.bytes) {
		p.Events.Add(pick(p, EventIPv4FragIgnored, EventIPv6FragIgnored))
		d.stats.Refused++
		return false
	}
	for d.bytes > d.limits.BytesMax && d.head != nil {
		evicted := d.head
		d.stats.Evicted++
		d.drop(evicted)
		if evicted == t {
			return false
		}
	}
	if !t.complete() {
		return false
	}
	d.rebuild(t, p)
	events, ext := t.events, t.ext
	d.drop(t)
	whole.DecodeIP(p, d.out)
	whole.OrigLen += p.LinkLen // as if it had come in one frame
	whole.Rebuilt = true
	whole.ExtHdrs |= ext
	for i := range events {
		whole.Events[i] |= events[i]
	}
	d.stats.Rebuilt++
	return true
}

func pick(p *Packet, v4, v6 Event) Event {
	if p.IPVersion == 6 {
		return v6
	}
	return v4
}

func (d *Defragmenter) tracker(p *Packet) *fragTracker {
	k := fragKey{src: p.Src, dst: p.Dst, id: p.IPID, vlan: p.VLAN}
	if p.IPVersion == 4 {
		k.proto = p.Proto
	}
	t := d.trackers[k]
	if t != nil {
		d.unlink(t)
	} else {
		for len(d.trackers) >= d.limits.TrackersMax {
			d.stats.Evicted++
			d.drop(d.head)
		}
		t = d.free
		d.free = nil
		if t == nil {
			t = &fragTracker{}
		}
		*t = fragTracker{key: k, total: -1, data: t.data[:0], parts: t.parts[:0], header: t.header[:0]}
		d.bytes += cap(t.data)
		d.trackers[k] = t
	}
	t.last = p.Time
	d.link(t)
	return t
}

// add stores one fragment; false means it was refused.
func (t *fragTracker) add(p *Packet, start, end, partsMax int, bytes *int) bool {
	if len(t.parts) >= partsMax {
		return false
	}
	if !p.MoreFrags {
		if t.total < 0 {
			t.total = end
		} else if t.total != end {
			t.events.Add(pick(p, EventIPv4FragOverlap, EventIPv6FragOverlap))
		}
	}
	if start == 0 && !t.haveFirst {
		t.haveFirst = true
		t.header = append(t.header[:0], p.IPHeader...)
		t.proto = p.Proto
	}
	t.ext |= p.ExtHdrs
	if start == end {
		return true
	}
	if end > len(t.data) {
		before := cap(t.data)
		if end > cap(t.data) {
			grown := make([]byte, end, max(end, min(2*cap(t.data), 0xffff), 2048))
			copy(grown, t.data)
			t.data = grown
		} else {
			t.data = t.data[:end]
		}
		*bytes += cap(t.data) - before
	}
	at := sort.Search(len(t.parts), func(i int) bool { return t.parts[i].start > start })
	first := at
	for first > 0 && t.parts[first-1].start+t.longest > start {
		first--
	}
	keepUntil, pos, fresh, overlap := start, start, 0, false
	for i := first; i < len(t.parts) && t.parts[i].start < end; i++ {
		q := t.parts[i]
		if q.end <= start {
			continue
		}
		overlap = true
		if i < at { // it began first, or at the same place: its bytes stay
			keepUntil = max(keepUntil, q.end)
		}
		fresh += max(0, q.start-pos)
		pos = max(pos, q.end)
	}
	fresh += max(0, end-pos)
	if overlap {
		t.events.Add(pick(p, EventIPv4FragOverlap, EventIPv6FragOverlap))
	}
	if keepUntil < end {
		copy(t.data[keepUntil:end], p.IPPayload[keepUntil-start:])
	}
	t.covered += fresh
	t.longest = max(t.longest, end-start)
	t.parts = append(t.parts, fragPart{})
	copy(t.parts[at+1:], t.parts[at:])
	t.parts[at] = fragPart{start, end}
	return true
}

// complete tells whether every byte up to the last fragment's end has come. Bytes beyond that end (fragments that
// contradict it) do not count as holes.
func (t *fragTracker) complete() bool {
	if t.total < 0 || !t.haveFirst || t.covered < t.total {
		return false
	}
	if t.covered == t.total && t.parts[len(t.parts)-1].end <= t.total {
		return true
	}
	reach := 0
	for _, q := range t.parts {
		if q.start > reach {
			return false
		}
		reach = max(reach, q.end)
	}
	return reach >= t.total
}

// rebuild writes the whole packet into d.out: the first fragment's header, without its fragmentation, and the data.
func (d *Defragmenter) rebuild(t *fragTracker, p *Packet) {
	d.out = append(d.out[:0], t.header...)
	d.out = append(d.out, t.data[:t.total]...)
	h := d.out
	if p.IPVersion == 6 {
		binary.BigEndian.PutUint16(h[4:], uint16(t.total))
		h[6] = byte(t.proto) // headers before the fragment header are left out
		return
	}
	// The largest sum is 60 + 65535: cut what an IPv4 length cannot say.
	if len(h) > 0xffff {
		h = h[:0xffff]
		d.out = h
	}
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)))
	h[6], h[7] = h[6]&0xc0, 0
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], ^fold(sum(0, h[:len(t.header)])))
}

func (d *Defragmenter) expire(now time.Time) {
	for d.head != nil && now.Sub(d.head.last) > d.limits.Timeout {
		d.stats.TimedOut++
		d.drop(d.head)
	}
}

func (d *Defragmenter) link(t *fragTracker) {
	t.prev, t.next = d.tail, nil
	if d.tail != nil {
		d.tail.next = t
	} else {
		d.head = t
	}
	d.tail = t
}

func (d *Defragmenter) unlink(t *fragTracker) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		d.head = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		d.tail = t.prev
	}
	t.next, t.prev = nil, nil
}

func (d *Defragmenter) drop(t *fragTracker) {
	d.unlink(t)
	delete(d.trackers, t.key)
	d.bytes -= cap(t.data)
	d.free = t
}
