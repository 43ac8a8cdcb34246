package flow

import (
	"hash/maphash"
	"net/netip"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// Timeouts say how long a flow may be silent in each state.
type Timeouts struct{ New, Established, Closed time.Duration }

// Config bounds a Table. A zero field takes the default in its comment.
type Config struct {
	FlowsMax int      // 200 000
	TCP      Timeouts // 60 s, 600 s, 60 s
	UDP      Timeouts // 30 s, 300 s
	ICMP     Timeouts // 30 s, 300 s
	Other    Timeouts // 30 s, 300 s
	Worker   uint16   // goes into the flow IDs
}

func (c *Config) fill() {
	if c.FlowsMax <= 0 {
		c.FlowsMax = 200_000
	}
	set := func(t *Timeouts, fresh, established, closed time.Duration) {
		if t.New <= 0 {
			t.New = fresh
		}
		if t.Established <= 0 {
			t.Established = established
		}
		if t.Closed <= 0 {
			t.Closed = closed
		}
	}
	set(&c.TCP, 60*time.Second, 600*time.Second, 60*time.Second)
	set(&c.UDP, 30*time.Second, 300*time.Second, 10*time.Second)
	set(&c.ICMP, 30*time.Second, 300*time.Second, 10*time.Second)
	set(&c.Other, 30*time.Second, 300*time.Second, 10*time.Second)
}

// Stats count what a Table did.
type Stats struct {
	Created, Now, Peak              uint64
	TCP, UDP, ICMP, ICMPv6, Others  uint64 // created, by transport
	TimedOut, Evicted, Reused, Ends uint64
}

// list is a chain of flows that share a timeout, least recently used first.
type list struct {
	head, tail *Flow
	timeout    time.Duration
}

const (
	groups     = 4 // TCP, UDP, ICMP, other
	states     = 3
	lists      = groups * states
	bucketsMin = 1024
	sweepGap   = 100 * time.Millisecond // packet time between looks at the lists' heads
)

// Table is the bounded flow table of one worker.
type Table struct {
	cfg     Config
	buckets []*Flow
	mask    uint64
	seed    uint64
	lists   [lists]list
	count   int
	free    *Flow
	nextID  uint64
	now     time.Time
	swept   time.Time
	end     func(*Flow)
	stats   Stats
}

// NewTable returns an empty table. end is called once for each flow that ends, with Flow.End set.
func NewTable(cfg Config, end func(*Flow)) *Table {
	cfg.fill()
	t := &Table{
		cfg: cfg, buckets: make([]*Flow, bucketsMin), mask: bucketsMin - 1, end: end,
		seed:   maphash.Bytes(maphash.MakeSeed(), []byte("flow table")),
		nextID: uint64(cfg.Worker)<<48 | 1,
	}
	for g, o := range [groups]Timeouts{cfg.TCP, cfg.UDP, cfg.ICMP, cfg.Other} {
		t.lists[g*states+int(StateNew)].timeout = o.New
		t.lists[g*states+int(StateEstablished)].timeout = o.Established
		t.lists[g*states+int(StateClosed)].timeout = o.Closed
	}
	return t
}

// Stats returns the counters so far.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Now = uint64(t.count)
	return s
}

// Packet finds or makes the flow of a packet and counts the packet. It returns nil for packets without a flow. fresh
// tells that the flow is new: the caller attaches what it needs.
func (t *Table) Packet(p *packet.Packet) (f *Flow, dir Direction, fresh bool) {
	key, swapped, ok := MakeKey(p)
	if !ok {
		return nil, ToServer, false
	}
	t.advance(p.Time)
	bucket := &t.buckets[key.Hash(t.seed)&t.mask]
	for f = *bucket; f != nil; f = f.link.chain {
		if f.Key == key {
			break
		}
	}
	if f != nil {
		dir = f.direction(swapped)
		switch {
		case t.now.Sub(f.Last) > t.lists[f.link.list].timeout:
			t.stats.TimedOut++
			t.finish(f, EndTimeout)
			f = nil
		case p.Kind == packet.KindTCP && reused(f, p, dir):
			t.stats.Reused++
			t.finish(f, EndReused)
			f = nil
		}
	}
	if f == nil {
		if isError(p) {
			return nil, ToServer, false
		}
		f = t.create(key, swapped, p)
		dir = f.direction(swapped)
		fresh = true
	}
	t.count1(f, p, dir)
	return f, dir, fresh
}

// Peek finds the flow of a packet without counting it.
func (t *Table) Peek(p *packet.Packet) *Flow {
	key, _, ok := MakeKey(p)
	if !ok {
		return nil
	}
	for f := t.buckets[key.Hash(t.seed)&t.mask]; f != nil; f = f.link.chain {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// isError tells ICMP errors, which belong to the flow they speak of and begin none.
func isError(p *packet.Packet) bool {
	if p.Kind != packet.KindICMP {
		return false
	}
	switch p.ICMP.Type {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

func (f *Flow) direction(swapped bool) Direction {
	if swapped == f.link.clientB {
		return ToServer
	}
	return ToClient
}

// reused tells whether a packet begins a new connection on the addresses and ports of one that is over.
func reused(f *Flow, p *packet.Packet, dir Direction) bool {
	fl := p.TCP.Flags
	if f.TCP == nil || fl&packet.SYN == 0 || fl&(packet.RST|packet.FIN) != 0 {
		return false
	}
	st := f.TCP.State
	over := st == stream.StateLastAck || st == stream.StateTimeWait || st == stream.StateClosed
	if fl&packet.ACK != 0 { // a SYN/ACK begins nothing unless the old session is gone
		return false
	}
	if dir == ToServer {
		return over && f.TCP.InitialSeq(ToServer) != p.TCP.Seq+1
	}
	return over
}

func (t *Table) create(key Key, swapped bool, p *packet.Packet) *Flow {
	for t.count >= t.cfg.FlowsMax {
		t.stats.Evicted++
		t.finish(t.oldest(), EndEvicted)
	}
	f := t.free
	if f != nil {
		t.free = f.link.chain
	} else {
		f = &Flow{}
	}
	*f = Flow{ID: t.nextID, Key: key, Kind: p.Kind, Proto: p.Proto, VLAN: p.VLAN, VLANs: p.VLANs, VNI: p.VNI, First: p.Time, Last: p.Time}
	t.nextID++
	f.link.clientB = swapped
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	f.Client, f.Server = src, dst
	group := 3
	switch p.Kind {
	case packet.KindTCP:
		t.stats.TCP++
		group = 0
		if p.TCP.Flags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK {
			f.Client, f.Server = dst, src
			f.link.clientB = !swapped
		}
	case packet.KindUDP:
		t.stats.UDP++
		group = 1
	case packet.KindICMP, packet.KindICMPv6:
		group = 2
		f.ICMPType, f.ICMPCode = p.ICMP.Type, p.ICMP.Code
		if p.Kind == packet.KindICMP {
			t.stats.ICMP++
		} else {
			t.stats.ICMPv6++
		}
	default:
		t.stats.Others++
	}
	if t.count >= len(t.buckets) {
		t.grow()
	}
	b := &t.buckets[key.Hash(t.seed)&t.mask]
	f.link.chain = *b
	*b = f
	f.link.list = uint8(group * states)
	t.append(f)
	t.count++
	t.stats.Created++
	t.stats.Peak = max(t.stats.Peak, uint64(t.count))
	return f
}

// grow doubles the buckets. The table's bound on flows bounds them as well.
func (t *Table) grow() {
	old := t.buckets
	t.buckets = make([]*Flow, 2*len(old))
	t.mask = uint64(len(t.buckets) - 1)
	for _, f := range old {
		for f != nil {
			next := f.link.chain
			b := &t.buckets[f.Key.Hash(t.seed)&t.mask]
			f.link.chain = *b
			*b = f
			f = next
		}
	}
}

// count1 counts a packet of a flow and moves the flow to the end of its list.
func (t *Table) count1(f *Flow, p *packet.Packet, dir Direction) {
	c := &f.Count[dir]
	c.Packets++
	c.Bytes += uint64(max(p.OrigLen, len(p.Data)))
	c.Payload += uint64(len(p.Payload))
	if p.Time.After(f.Last) {
		f.Last = p.Time
	}
	f.TCPFlags[dir] |= p.TCP.Flags
	f.established = f.State == StateEstablished
	if f.Kind == packet.KindTCP {
		f.established = f.established || f.TCP != nil && f.TCP.State >= stream.StateEstablished
	} else if f.State == StateNew && f.SeenBoth() {
		t.SetState(f, StateEstablished)
		f.established = true
		return
	}
	l := &t.lists[f.link.list]
	if l.tail != f {
		t.unlink(f)
		t.append(f)
	}
}

// SetState changes a flow's state, and with it its timeout.
func (t *Table) SetState(f *Flow, s State) {
	if f.State == s {
		return
	}
	t.unlink(f)
	f.link.list = f.link.list - uint8(f.State) + uint8(s)
	f.State = s
	t.append(f)
}

// Swap exchanges client and server of a flow whose beginning was not seen.
func (t *Table) Swap(f *Flow) {
	f.Client, f.Server = f.Server, f.Client
	f.Count[0], f.Count[1] = f.Count[1], f.Count[0]
	f.TCPFlags[0], f.TCPFlags[1] = f.TCPFlags[1], f.TCPFlags[0]
	f.AppDir[0], f.AppDir[1] = f.AppDir[1], f.AppDir[0]
	f.AppDone[0], f.AppDone[1] = f.AppDone[1], f.AppDone[0]
	f.link.clientB = !f.link.clientB
	if f.TCP != nil {
		f.TCP.SwapSides()
	}
}

// Flush ends all flows, oldest activity first within each timeout class.
func (t *Table) Flush() {
	for i := range t.lists {
		for t.lists[i].head != nil {
			t.finish(t.lists[i].head, EndShutdown)
		}
	}
}

// advance moves the clock and ends flows whose time is up.
func (t *Table) advance(now time.Time) {
	if now.After(t.now) {
		t.now = now
	}
	if t.now.Sub(t.swept) < sweepGap {
		return
	}
	t.swept = t.now
	for i := range t.lists {
		l := &t.lists[i]
		for l.head != nil && t.now.Sub(l.head.Last) > l.timeout {
			t.stats.TimedOut++
			t.finish(l.head, EndTimeout)
		}
	}
}

// oldest is the flow that has been silent for longest.
func (t *Table) oldest() *Flow {
	var f *Flow
	for i := range t.lists {
		if h := t.lists[i].head; h != nil && (f == nil || h.Last.Before(f.Last)) {
			f = h
		}
	}
	return f
}

func (t *Table) finish(f *Flow, why EndReason) {
	f.End = why
	t.stats.Ends++
	t.end(f)
	t.unlink(f)
	b := &t.buckets[f.Key.Hash(t.seed)&t.mask]
	for *b != f {
		b = &(*b).link.chain
	}
	*b = f.link.chain
	t.count--
	*f = Flow{}
	f.link.chain = t.free
	t.free = f
}

func (t *Table) append(f *Flow) {
	l := &t.lists[f.link.list]
	f.link.prev, f.link.next = l.tail, nil
	if l.tail != nil {
		l.tail.link.next = f
	} else {
		l.head = f
	}
	l.tail = f
}

func (t *Table) unlink(f *Flow) {
	l := &t.lists[f.link.list]
	if f.link.prev != nil {
		f.link.prev.link.next = f.link.next
	} else {
		l.head = f.link.next
	}
	if f.link.next != nil {
		f.link.next.link.prev = f.link.prev
	} else {
		l.tail = f.link.prev
	}
	f.link.next, f.link.prev = nil, nil
}

// Tick moves the clock without a packet.
func (t *Table) Tick(now time.Time) { t.advance(now) }

// Now returns the packet time reached so far.
func (t *Table) Now() time.Time { return t.now }
