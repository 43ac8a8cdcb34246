package stream

import (
	"slices"

	"fengsui/capture/packet"
)

// data handles a packet of a session past its handshake: validate as the receiver would, take the acknowledgement, store
// the payload, follow FINs.
func (a *Assembler) data(s *Session, p *packet.Packet, dir Direction) bool {
	t := &p.TCP
	x, y := &s.side[dir], &s.side[dir.Other()]
	if t.Flags&packet.ACK == 0 {
		return false
	}
	if !x.known {
		x.adopt(t.Seq - 1)
	}
	if !y.known {
		y.adopt(t.Ack - 1)
	}
	if !a.timestampFits(s, x, p, dir) {
		Note(p, EventInvalidTimestamp)
		return false
	}
	off, ack := x.offset(t.Seq), y.offset(t.Ack)
	if !s.ackFits(y, ack) {
		Note(p, EventPacketInvalidAck)
		Note(p, invalidAckEvent(s.State, t.Flags&packet.FIN != 0))
		return false
	}
	n := int64(len(p.Payload))
	if !s.seqFits(x, off, n) {
		Note(p, outOfWindowEvent(s.State, t.Flags&packet.FIN != 0))
		return false
	}
	if n > 0 && off+n <= min(x.acked, x.next) {
		Note(p, EventSpuriousRetransmission)
		if s.State == StateCloseWait {
			Note(p, EventCloseWaitBeforeLastAck)
		} else {
			Note(p, EventEstBeforeLastAck)
		}
	}
	if s.Async {
		x.acked = max(x.acked, min(off, x.next))
	}
	s.takeAck(x, y, t, ack, dir)
	if n > 0 {
		a.store(s, x, off, p)
	}
	if t.Flags&packet.FIN != 0 {
		if x.fin < 0 || off+n < x.fin {
			x.fin = off + n
		}
		x.next = max(x.next, off+n+1)
	}
	s.advance(p, dir, ack)
	return true
}

func (a *Assembler) timestampFits(s *Session, x *side, p *packet.Packet, dir Direction) bool {
	o := &p.TCP.Options
	if !o.HasTimestamp {
		return true
	}
	now := p.Time.UnixNano()
	if x.hasTS && int32(o.TSVal-x.ts) < 0 && s.lastTS[dir] != 0 && now-s.lastTS[dir] < tsIdleMax {
		return false
	}
	x.hasTS, x.ts = true, o.TSVal
	s.lastTS[dir] = now
	return true
}

// ackFits refuses acknowledgements of bytes that cannot have been sent.
func (s *Session) ackFits(y *side, ack int64) bool {
	if s.Async {
		return true
	}
	upper := y.next
	if y.hasLimit {
		upper = max(upper, y.limit)
	}
	if s.Midstream && !y.hasLimit {
		return true
	}
	return ack <= upper+1 // a FIN may stand behind the last byte of a full window
}

// seqFits tells whether a segment touches what the receiver accepts: not beyond its window.
func (s *Session) seqFits(x *side, off, n int64) bool {
	if s.Async || !x.hasLimit {
		return true
	}
	upper := max(x.limit, x.acked+1) // one byte into a closed window is a probe
	if s.Midstream {
		upper = max(upper, x.next+1<<20)
	}
	return off+n <= upper
}

func invalidAckEvent(st State, fin bool) Event {
	switch st {
	case StateCloseWait:
		return EventCloseWaitInvalidAck
	case StateClosing:
		return EventClosingInvalidAck
	case StateLastAck:
		return EventLastAckInvalidAck
	case StateTimeWait:
		return EventTimeWaitInvalidAck
	case StateFinWait1:
		return EventFin1InvalidAck
	case StateFinWait2:
		return EventFin2InvalidAck
	}
	if fin {
		return EventFinInvalidAck
	}
	return EventEstInvalidAck
}

// outOfWindowEvent names, by state, a segment beyond what its receiver accepts.
func outOfWindowEvent(st State, fin bool) Event {
	switch st {
	case StateFinWait1:
		if fin {
			return EventFin1FinWrongSeq
		}
		return EventFin1AckWrongSeq
	case StateFinWait2:
		if fin {
			return EventFinWrongSeq
		}
		return EventFin2AckWrongSeq
	case StateCloseWait:
		if fin {
			return EventCloseWaitFinOutOfWindow
		}
		return EventCloseWaitAckOutOfWindow
	case StateClosing:
		return EventClosingAckWrongSeq
	case StateLastAck:
		return EventLastAckAckWrongSeq
	case StateTimeWait:
		return EventTimeWaitAckWrongSeq
	}
	if fin {
		return EventFinOutOfWindow
	}
	return EventEstOutOfWindow
}

// takeAck notes what x's packet says about y's bytes.
func (s *Session) takeAck(x, y *side, t *packet.TCPHeader, ack int64, dir Direction) {
	if ack > y.acked {
		y.acked = ack
	}
	y.next = max(y.next, min(ack, max(y.limit, y.next)))
	scale := uint8(0)
	if s.scaled {
		scale = x.wscale
	}
	y.limit = max(y.limit, ack+int64(t.Window)<<scale)
	y.hasLimit = true
}

func (a *Assembler) store(s *Session, x *side, off int64, p *packet.Packet) {
	payload := p.Payload
	end := off + int64(len(payload))
	if end <= x.next && off < x.next {
		a.stats.Retransmitted++
		Note(p, EventRetransmission)
	}
	x.next = max(x.next, end)
	w := &x.win
	if w.appOff && w.rawOff {
		p.InStream = true
		return
	}
	if off < 0 {
		if end <= 0 {
			return
		}
		payload, off = payload[-off:], 0
	}
	payload = a.cutUrgent(x, off, payload, p)
	off = x.inStream(off)
	end = off + int64(len(payload))
	if len(payload) == 0 {
		return
	}
	if end > a.cfg.Depth && !s.deep {
		if !x.depth {
			x.depth, x.depthAt = true, a.cfg.Depth
			a.stats.DepthReached++
			Note(p, EventDepthReached)
		}
		if off >= a.cfg.Depth {
			return
		}
		payload = payload[:a.cfg.Depth-off]
	}
	what, differs := w.insert(off, payload, &a.cfg, &a.pool)
	if differs {
		a.stats.Overlaps++
		Note(p, EventOverlapDifferent)
	}
	switch what {
	case stored, nothingNew, outOfOrder:
		a.stats.Segments++
		p.InStream = true
		if what == outOfOrder {
			a.stats.OutOfOrder++
		}
	case noMemory:
		a.stats.DroppedMemory++
		Note(p, EventNoSegment)
	case tooMany:
		a.stats.DroppedOrder++
		Note(p, EventNoSegment)
	}
}

// cutUrgent takes urgent bytes out of a segment. The receiving program does not read them in line (RFC 9293 3.8.5 and
// what hosts do), so a word with one in its middle is whole for the program, and must be for us.
func (a *Assembler) cutUrgent(x *side, off int64, b []byte, p *packet.Packet) []byte {
	if u := int64(p.TCP.Urgent); p.TCP.Flags&packet.URG != 0 && u > 0 && u <= int64(len(b)) {
		at := off + u - 1
		last := int64(-1)
		if n := len(x.urgent); n > 0 {
			last = x.urgent[n-1]
		}
		switch {
		case at <= last || x.inStream(at) < x.win.end() || len(x.win.early) > 0:
			// Known, or behind bytes that are stored already: their places cannot change any more.
		case len(x.urgent) >= urgentMax:
			Note(p, EventUrgentDropped)
		default:
			x.urgent = append(x.urgent, at)
		}
	}
	if len(x.urgent) == 0 || x.urgent[len(x.urgent)-1] < off {
		return b
	}
	a.scratch = a.scratch[:0]
	for i, c := range b {
		if !slices.Contains(x.urgent, off+int64(i)) {
			a.scratch = append(a.scratch, c)
		}
	}
	return a.scratch
}

// advance follows FINs and their acknowledgements.
func (s *Session) advance(p *packet.Packet, dir Direction, ack int64) {
	fin := p.TCP.Flags&packet.FIN != 0
	y := &s.side[dir.Other()]
	ackedFin := y.fin >= 0 && ack > y.fin
	switch s.State {
	case StateEstablished:
		if fin && dir == packet.ToServer {
			s.State = StateCloseWait
		} else if fin {
			s.State = StateFinWait1
		}
	case StateCloseWait:
		if fin && dir == packet.ToClient {
			s.State = StateLastAck
		}
	case StateFinWait1:
		switch {
		case fin && dir == packet.ToServer && ackedFin:
			s.State = StateTimeWait
		case fin && dir == packet.ToServer:
			s.State = StateClosing
		case dir == packet.ToServer && ackedFin:
			s.State = StateFinWait2
		}
	case StateFinWait2:
		if fin && dir == packet.ToServer {
			s.State = StateTimeWait
		}
	case StateClosing:
		if dir == packet.ToServer && ackedFin {
			s.State = StateTimeWait
		}
	case StateLastAck:
		if dir == packet.ToServer && ackedFin {
			s.State = StateClosed
		}
	case StateTimeWait:
		if dir == packet.ToClient && ackedFin {
			s.State = StateClosed
		}
	}
}
