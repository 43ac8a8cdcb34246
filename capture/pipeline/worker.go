package pipeline

import (
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// layer is what the pipeline keeps for a flow beside its TCP session.
type layer struct {
	live     proto.Live
	parser   proto.Parser
	noApp    bool   // recognition failed, or the parser is done
	tried    [2]int // bytes the last look at a direction saw, so that the same bytes are not looked at twice
	probes   [2]int // datagrams looked at
	ended    [2]bool
	flush    [2]bool // show raw bytes at the next chance
	dirty    bool    // some transaction advanced since log looked
	restarts int

	second    bool // the other direction is to be looked at once, see lookAtSecond
	secondDir flow.Direction
	wantsTLS  bool // TLS was announced
}

// packet takes a decoded packet through all stages, then what it carries inside.
func (w *Pipeline) packet(p *packet.Packet, level int) {
	w.count(p)
	switch {
	case p.Invalid != packet.EventNone || p.Kind == packet.KindNone:
		w.show(p, nil, flow.ToServer)
		return
	case p.Fragment:
		whole := level+1 < len(w.pkts) && w.defrag.Add(p, &w.pkts[level+1])
		w.show(p, nil, flow.ToServer)
		if whole {
			w.packet(&w.pkts[level+1], level+1)
		}
		return
	}
	// The tunnel's header is read first: what is wrong with it is an event of the outer packet.
	inner := !w.cfg.NoTunnels && level+1 < len(w.pkts) && p.DecodeInner(&w.pkts[level+1])
	w.handle(p)
	if inner {
		w.stats.Inner++
		w.packet(&w.pkts[level+1], level+1)
	}
}

func (w *Pipeline) count(p *packet.Packet) {
	switch p.IPVersion {
	case 4:
		w.stats.IPv4++
	case 6:
		w.stats.IPv6++
	default:
		w.stats.NoIP++
	}
	switch p.Kind {
	case packet.KindTCP:
		w.stats.TCP++
	case packet.KindUDP:
		w.stats.UDP++
	case packet.KindICMP:
		w.stats.ICMP++
	case packet.KindICMPv6:
		w.stats.ICMPv6++
	case packet.KindIP:
		w.stats.OtherIP++
	}
	if p.Invalid != packet.EventNone {
		w.stats.Invalid++
	}
	if !p.Events.Empty() {
		for e := packet.Event(1); e < packet.EventCount; e++ {
			if p.Events.Has(e) {
				w.stats.Decode[e]++
			}
		}
	}
}

func (w *Pipeline) show(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	for _, in := range w.insp {
		in.Packet(p, f, dir)
	}
}

// handle is steps 3 to 6 of doc.go.
func (w *Pipeline) handle(p *packet.Packet) {
	f, dir, fresh := w.table.Packet(p)
	if f == nil {
		w.show(p, nil, flow.ToServer)
		return
	}
	if fresh {
		f.Layer = w.newLayer()
		if f.Kind == packet.KindTCP {
			f.TCP = w.streams.New()
		}
		if len(w.expected) > 0 {
			w.welcome(p, f, f.Layer.(*layer))
		}
	}
	l := f.Layer.(*layer)
	w.ctx = proto.NewContext(f, p.Time, &l.live)
	w.ctx.Files = w.cfg.Files
	if w.cfg.Load != nil {
		w.look()
		if w.relieve(p, f, l, dir) {
			return
		}
	}
	switch p.Kind {
	case packet.KindTCP:
		if f.Kind == packet.KindTCP {
			dir = w.tcp(p, f, l, dir)
		}
	case packet.KindUDP:
		if len(p.Payload) > 0 && f.Kind == packet.KindUDP {
			w.datagram(p, f, l, dir)
		}
	}
	w.inspect(p, f, l, dir)
	if l.dirty {
		w.log(f, l)
	}
}

// tcp takes a segment and feeds the parser. It returns the packet's direction, which a flow picked up in the middle may
// have changed.
func (w *Pipeline) tcp(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction) flow.Direction {
	s := f.TCP
	if !w.follow(p, f, dir) {
		return dir
	}
	if l.noApp {
		if len(w.insp) > 0 {
			w.holes(p, f, l, dir.Other())
		}
		return dir
	}
	if s.State < stream.StateEstablished {
		return dir // data of a SYN waits for the handshake
	}
	client := f.Client
	w.feed(p, f, l, dir.Other())
	if f.Client != client { // recognition turned the flow round
		dir = dir.Other()
		client = f.Client
	}
	if !s.Async && !s.Finished(dir) {
		return dir // nothing of its own direction can have become visible
	}
	w.feed(p, f, l, dir)
	if f.Client != client {
		dir = dir.Other()
	}
	return dir
}

// follow takes a segment into its session. It returns whether the segment fits.
func (w *Pipeline) follow(p *packet.Packet, f *flow.Flow, dir flow.Direction) bool {
	if !w.cfg.IgnoreChecksums && p.TransportChecksum() == packet.ChecksumBad {
		w.stats.BadChecksum++
		return false
	}
	if !w.streams.Packet(f.TCP, p, dir) {
		return false
	}
	switch f.TCP.State {
	case stream.StateEstablished, stream.StateFinWait1, stream.StateFinWait2, stream.StateClosing, stream.StateCloseWait:
		w.table.SetState(f, flow.StateEstablished)
	case stream.StateLastAck, stream.StateTimeWait, stream.StateClosed:
		w.table.SetState(f, flow.StateClosed)
	}
	return true
}

// inspect is step 5: stream chunks, transactions, packet.
func (w *Pipeline) inspect(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction) {
	if len(w.insp) == 0 {
		if l.live.Changed[dir] {
			w.settle(l, dir)
		}
		return
	}
	if f.TCP != nil && w.rawDue(f, l, dir) {
		w.raw(p, f, dir)
		l.flush[dir] = false
	}
	if f.NoPayload && f.TCP != nil && f.TCP.Wanted(dir) {
		w.streams.StopRaw(f.TCP, dir)
	}
	if l.live.Changed[dir] {
		l.live.Changed[dir] = false
		for _, tx := range l.live.List {
			if !tx.Base().TakeChange(dir) {
				continue
			}
			for _, in := range w.insp {
				in.Transaction(p, f, dir, tx)
			}
		}
	}
	w.show(p, f, dir)
	w.shown, w.raws = 0, [2]bool{}
	if f.TCP != nil && f.TCP.Wanted(dir) {
		w.streams.Trim(f.TCP, dir)
	}
}

// settle takes the place of inspectors when there are none.
func (w *Pipeline) settle(l *layer, dir flow.Direction) {
	l.live.Changed[dir] = false
	for _, tx := range l.live.List {
		tx.Base().TakeChange(dir)
	}
}

func (w *Pipeline) rawDue(f *flow.Flow, l *layer, dir flow.Direction) bool {
	n := f.TCP.Pending(dir)
	return n > 0 && (n >= w.cfg.RawChunk || l.flush[dir] || f.TCP.Finished(dir) || f.TCP.DepthReached(dir))
}

func (w *Pipeline) raw(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if w.shown == len(w.chunks) {
		w.chunks = append(w.chunks, new(stream.Chunk))
	}
	c := w.chunks[w.shown]
	if w.streams.Raw(f.TCP, dir, c) {
		w.shown++
		w.raws[dir] = true
		for _, in := range w.insp {
			in.Stream(p, f, dir, c)
		}
	}
}

// log is step 6: transactions that are over become events and leave the list.
func (w *Pipeline) log(f *flow.Flow, l *layer) {
	if l.live.Lost > 0 {
		for _, tx := range l.live.Overflow() {
			w.stats.TxLost++
			w.txEvent(f, tx)
		}
	}
	l.dirty = false
	kept := l.live.List[:0]
	for _, tx := range l.live.List {
		if w.over(tx) {
			w.txEvent(f, tx)
			continue
		}
		l.dirty = l.dirty || tx.Base().Pending()
		kept = append(kept, tx)
	}
	clear(l.live.List[len(kept):])
	l.live.List = kept
}

// over tells whether both sides are complete and shown.
func (w *Pipeline) over(tx proto.Transaction) bool {
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

func (w *Pipeline) txEvent(f *flow.Flow, tx proto.Transaction) {
	w.stats.Transactions[f.App&63]++
	if w.sink == nil || !tx.Base().TakeLog() {
		return
	}
	w.emitTx(f, tx)
}
