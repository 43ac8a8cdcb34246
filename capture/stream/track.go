package stream

import (
	"time"

	"fengsui/capture/packet"
)

// Packet takes one TCP packet of the session, sent by the side dir (ToServer = by the client). It returns whether the
// packet fits the session; only then was its payload used. A packet without session (no SYN seen, no mid-stream pick-up)
// leaves the session in StateNone. Slices that Ready and Raw returned before are invalid after the call.
func (a *Assembler) Packet(s *Session, p *packet.Packet, dir Direction) bool {
	a.pool.settle()
	ok := a.step(s, p, dir)
	if !ok && s.State != StateNone {
		a.stats.Rejected++
	}
	return ok
}

func (a *Assembler) step(s *Session, p *packet.Packet, dir Direction) bool {
	f := p.TCP.Flags
	if f&packet.ACK == 0 && p.TCP.Ack != 0 && f&packet.SYN == 0 && f&packet.RST == 0 {
		Note(p, EventPacketBrokenAck)
	}
	if f&(packet.SYN|packet.FIN) == packet.SYN|packet.FIN {
		Note(p, EventFinSyn)
	}
	switch s.State {
	case StateNone:
		return a.open(s, p, dir)
	case StateSynSent, StateSynRecv:
		return a.handshake(s, p, dir)
	case StateClosed:
		if f&packet.SYN != 0 {
			Note(p, EventShutdownSynResend)
		}
		if s.Reset && dir == s.resetBy && f&(packet.RST|packet.SYN) == 0 && s.before >= StateEstablished {
			return a.resume(s, p, dir)
		}
		return f&packet.SYN == 0 && a.late(s, p, dir)
	}
	switch {
	case f&packet.RST != 0:
		return a.reset(s, p, dir)
	case f&packet.SYN != 0:
		s.noteLateSyn(p, dir)
		return false
	}
	return a.data(s, p, dir)
}

// open handles the first packet of a session.
func (a *Assembler) open(s *Session, p *packet.Packet, dir Direction) bool {
	t := &p.TCP
	x, y := &s.side[dir], &s.side[dir.Other()]
	switch {
	case t.Flags&packet.RST != 0:
		Note(p, EventRSTNoSession)
		return false
	case t.Flags&packet.FIN != 0 && !a.cfg.Midstream:
		Note(p, EventFinNoSession)
		return false
	case t.Flags&(packet.SYN|packet.ACK) == packet.SYN:
		s.State = StateSynSent
		x.start(t)
		a.synPayload(s, x, p)
		return true
	case t.Flags&packet.SYN != 0: // SYN/ACK without its SYN
		if !a.cfg.Midstream && !a.cfg.AsyncOneway {
			return false
		}
		s.State, s.Midstream = StateSynRecv, true
		a.stats.Midstream++
		x.start(t)
		y.adopt(t.Ack - 1)
		y.setWindow(t.Ack, t.Window, 0)
		// The client's scale is unknown: the largest one, so that none of its windows looks too small.
		s.scaled = true
		y.wscale = 14
		return true
	case t.Flags&packet.ACK == 0 || !a.cfg.Midstream:
		return false
	}
	s.State, s.Midstream = StateEstablished, true
	a.stats.Midstream++
	x.adopt(t.Seq - 1)
	y.adopt(t.Ack - 1)
	s.scaled = true
	x.wscale, y.wscale = 14, 14
	return a.data(s, p, dir)
}

func (x *side) start(t *packet.TCPHeader) {
	x.isn, x.known = t.Seq, true
	x.next, x.acked = 0, 0
	x.wscale = 0
	if t.Options.HasWScale {
		x.wscale = t.Options.WScale
	}
	x.hasTS, x.ts = t.Options.HasTimestamp, t.Options.TSVal
}

// adopt takes over a numbering seen in the middle.
func (x *side) adopt(isn uint32) { x.isn, x.known = isn, true }

// setWindow notes how far the other side lets x send.
func (x *side) setWindow(ack uint32, window uint16, scale uint8) {
	x.limit = max(x.limit, x.offset(ack)+int64(window)<<scale)
	x.hasLimit = true
}

// synPayload keeps the data of a SYN until the SYN/ACK tells whether the server took it.
func (a *Assembler) synPayload(s *Session, x *side, p *packet.Packet) {
	s.synData = 0
	x.win.base, x.win.app, x.win.raw, x.win.shown = 0, 0, 0, 0
	if len(p.Payload) == 0 {
		return
	}
	if what, _ := x.win.insert(0, p.Payload, &a.cfg, &a.pool); what == stored {
		s.synData = int64(len(p.Payload))
		x.next = s.synData
		p.InStream = true
	}
}

// dropSynPayload forgets data of the SYN that the server did not take.
func (a *Assembler) dropSynPayload(s *Session) {
	x := &s.side[packet.ToServer]
	if s.synData == 0 {
		return
	}
	w := &x.win
	a.pool.put(w.data)
	w.data, w.head, w.base, w.regions = nil, 0, 0, w.regions[:0]
	x.next, s.synData = 0, 0
}

func (a *Assembler) handshake(s *Session, p *packet.Packet, dir Direction) bool {
	t := &p.TCP
	x, y := &s.side[dir], &s.side[dir.Other()]
	switch {
	case t.Flags&packet.RST != 0:
		if !s.resetFits(x, y, t) {
			Note(p, EventRSTInvalid)
			return false
		}
		s.closeBy(dir)
		return true
	case t.Flags&packet.FIN != 0 && t.Flags&packet.SYN != 0:
		return false
	case t.Flags&(packet.SYN|packet.ACK) == packet.SYN:
		return a.synAgain(s, p, dir)
	case t.Flags&packet.SYN != 0:
		return a.synAck(s, p, dir)
	case t.Flags&packet.ACK == 0:
		return false
	}
	if s.State == StateSynSent {
		return a.asyncStart(s, p, dir)
	}
	return a.thirdPacket(s, p, dir)
}

// synAgain handles a second SYN before the handshake is complete.
func (a *Assembler) synAgain(s *Session, p *packet.Packet, dir Direction) bool {
	x := &s.side[dir]
	if dir == packet.ToClient {
		Note(p, EventSynToClient)
		if s.State == StateSynSent && !x.known { // simultaneous open
			Note(p, EventSyn4WHS)
			x.start(&p.TCP)
			return true
		}
		return false
	}
	if p.TCP.Seq == x.isn {
		return true
	}
	Note(p, EventSynResendDiffSeq)
	if s.State == StateSynSent {
		a.dropSynPayload(s)
		x.start(&p.TCP)
		a.synPayload(s, x, p)
		return true
	}
	return false
}

// synAck handles SYN/ACKs, the first and repeated ones.
func (a *Assembler) synAck(s *Session, p *packet.Packet, dir Direction) bool {
	t := &p.TCP
	x, y := &s.side[dir], &s.side[dir.Other()]
	if dir == packet.ToServer {
		if s.State == StateSynSent && x.known && y.known { // the fourth packet of a simultaneous open
			return s.fourthPacket(p, x, y)
		}
		if s.State == StateSynSent {
			Note(p, EventSynAckWrongDir)
		} else {
			Note(p, EventSynAckToServer)
		}
		return false
	}
	first := y.isn + 1
	if t.Ack != first && t.Ack != first+uint32(s.synData) {
		Note(p, EventSynAckWrongAck)
		return false
	}
	if s.State == StateSynRecv && x.isn != t.Seq {
		Note(p, EventSynAckResendDiffSeq)
		if len(s.alt) == 0 {
			s.alt = append(s.alt, synAck{seq: x.isn, ack: first, window: uint16(min(y.limit, 0xffff)), opts: packet.TCPOptions{HasWScale: s.scaled, WScale: x.wscale}})
		}
		if len(s.alt) >= 4 {
			Note(p, EventSynAckFlood)
			return false
		}
		o := t.Options
		o.FastOpenData = nil
		s.alt = append(s.alt, synAck{seq: t.Seq, ack: t.Ack, window: t.Window, opts: o})
		return true
	}
	if s.State == StateSynRecv {
		return true // the same again
	}
	s.State = StateSynRecv
	if t.Ack == first && s.synData > 0 {
		Note(p, EventSynAckTFOIgnored)
		a.dropSynPayload(s)
	}
	s.TFO = s.synData > 0
	clientScale := y.wscale
	x.start(t)
	s.scaled = t.Options.HasWScale && clientScale <= 14
	if !t.Options.HasWScale {
		x.wscale, y.wscale = 0, 0
	}
	y.acked = max(y.acked, y.offset(t.Ack))
	y.setWindow(t.Ack, t.Window, 0) // windows of SYN segments are never scaled
	return true
}

// fourthPacket checks the client's SYN/ACK of a simultaneous open.
func (s *Session) fourthPacket(p *packet.Packet, x, y *side) bool {
	switch {
	case p.TCP.Ack != y.isn+1:
		Note(p, EventSynAck4WHSWrongAck)
	case p.TCP.Seq != x.isn:
		Note(p, EventSynAck4WHSWrongSyn)
	default:
		return true
	}
	return false
}

// fifthPacket ends a simultaneous open: the server's ACK of the client's SYN/ACK.
func (a *Assembler) fifthPacket(s *Session, p *packet.Packet, x, y *side, dir Direction) bool {
	ack := y.offset(p.TCP.Ack)
	switch {
	case x.offset(p.TCP.Seq) != 0:
		Note(p, Event4WHSWrongSeq)
		return false
	case ack < 0 || ack > y.next:
		Note(p, Event4WHSInvalidAck)
		return false
	}
	s.State = StateEstablished
	return a.data(s, p, dir)
}

// asyncStart handles data or an ACK while only the client's SYN is known.
func (a *Assembler) asyncStart(s *Session, p *packet.Packet, dir Direction) bool {
	t := &p.TCP
	x, y := &s.side[dir], &s.side[dir.Other()]
	if dir == packet.ToClient && x.known && y.known {
		return a.fifthPacket(s, p, x, y, dir)
	}
	if !a.cfg.AsyncOneway || dir != packet.ToServer {
		return false
	}
	if off := x.offset(t.Seq); off != 0 && off != s.synData {
		Note(p, EventAsyncWrongSeq)
		return false
	}
	s.State, s.Async = StateEstablished, true
	y.adopt(t.Ack - 1)
	s.scaled = x.wscale > 0
	return a.data(s, p, dir)
}

// thirdPacket handles what follows the SYN/ACK: the client's ACK, or, when that was lost, the server's first data.
func (a *Assembler) thirdPacket(s *Session, p *packet.Packet, dir Direction) bool {
	t := &p.TCP
	x, y := &s.side[dir], &s.side[dir.Other()]
	if dir == packet.ToClient {
		lost := x.offset(t.Seq) == 0 && (len(p.Payload) > 0 || y.offset(t.Ack) > max(y.acked, 0))
		if s.Midstream || a.cfg.AsyncOneway || lost {
			s.Async = s.Midstream || !y.hasLimit
			s.State = StateEstablished
			return a.data(s, p, dir)
		}
		if x.offset(t.Seq) < 0 { // keep-alive or repeated
			return true
		}
		Note(p, EventAckWrongDir)
		return false
	}
	if len(s.alt) > 0 {
		a.choose(s, t)
	}
	if !s.Midstream {
		seq, ack := x.offset(t.Seq), y.offset(t.Ack)
		if seq < 0 || seq > max(x.limit, x.next) {
			Note(p, EventWrongSeqWrongAck)
			return false
		}
		if ack < 0 || ack > y.next {
			Note(p, EventRightSeqWrongAck)
			return false
		}
	}
	s.State = StateEstablished
	return a.data(s, p, dir)
}

// choose picks the SYN/ACK that the client answered.
func (a *Assembler) choose(s *Session, t *packet.TCPHeader) {
	y := &s.side[packet.ToClient]
	for i := range s.alt {
		c := &s.alt[i]
		if c.seq+1 != t.Ack {
			continue
		}
		y.isn, y.next, y.acked = c.seq, 0, 0
		y.wscale = 0
		if c.opts.HasWScale {
			y.wscale = c.opts.WScale
		}
		break
	}
	s.alt = s.alt[:0]
}

func (s *Session) noteLateSyn(p *packet.Packet, dir Direction) {
	x := &s.side[dir]
	ack := p.TCP.Flags&packet.ACK != 0
	switch {
	case !ack && dir == packet.ToClient:
		Note(p, EventEstSynToClient)
	case !ack && p.TCP.Seq == x.isn:
		Note(p, EventEstSynResend)
	case !ack:
		Note(p, EventEstSynResendDiffSeq)
	case dir == packet.ToServer:
		Note(p, EventEstSynAckToServer)
	case p.TCP.Seq != x.isn:
		Note(p, EventEstSynAckResendDiffSeq)
	default:
		Note(p, EventEstSynAckResend)
	}
}

// resetFits checks the sequence number of a RST (RFC 5961 3, and RFC 9293 3.10.7.3 before the handshake is complete).
func (s *Session) resetFits(x, y *side, t *packet.TCPHeader) bool {
	if s.State == StateSynSent && !x.known {
		off := y.offset(t.Ack)
		return t.Flags&packet.ACK != 0 && off >= 0 && off <= y.next
	}
	if !x.known || s.Async {
		return true
	}
	off := x.offset(t.Seq)
	if t.Seq == 0 && t.Flags&packet.ACK != 0 { // some hosts answer like this; the ACK proves that they know the session
		ack := y.offset(t.Ack)
		return ack >= y.acked && ack <= y.next
	}
	upper := max(x.next, x.acked)
	if x.hasLimit {
		upper = max(upper, x.limit)
	}
	return off >= min(x.acked, x.next)-1 && off <= upper+1
}

func (a *Assembler) reset(s *Session, p *packet.Packet, dir Direction) bool {
	x, y := &s.side[dir], &s.side[dir.Other()]
	if !s.resetFits(x, y, &p.TCP) {
		Note(p, EventRSTInvalid)
		return false
	}
	if p.TCP.Flags&packet.ACK != 0 && y.known {
		if ack := y.offset(p.TCP.Ack); ack <= max(y.next, y.limit) {
			y.acked = max(y.acked, ack)
		}
	}
	s.closeBy(dir)
	return true
}

func (s *Session) closeBy(dir Direction) {
	s.before, s.resetBy = s.State, dir
	s.State, s.Reset = StateClosed, true
}

// resume goes on with a session whose RST its alleged sender does not know of: it was injected.
func (a *Assembler) resume(s *Session, p *packet.Packet, dir Direction) bool {
	s.State, s.Reset = s.before, false
	if !a.data(s, p, dir) {
		s.State, s.Reset = StateClosed, true
		return false
	}
	Note(p, EventRSTInject)
	return true
}

// late handles ACKs that come after the session has closed.
func (a *Assembler) late(s *Session, p *packet.Packet, dir Direction) bool {
	y := &s.side[dir.Other()]
	if p.TCP.Flags&packet.ACK != 0 && y.known {
		if ack := y.offset(p.TCP.Ack); ack > y.acked && ack <= y.next+1 {
			y.acked = ack
		}
	}
	return len(p.Payload) == 0
}

// tsIdleMax is how long a time stamp is believed (RFC 7323 5.5).
const tsIdleMax = int64(24 * 24 * time.Hour)
