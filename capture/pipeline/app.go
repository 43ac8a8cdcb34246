package pipeline

import (
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

const (
	// unconsumedMax bounds what a parser may leave unconsumed before it is taken to be lost.
	unconsumedMax = 256 << 10
	// undetectedMax bounds what is kept of one direction while only the other could still tell the protocol.
	undetectedMax = 64 << 10
	// datagramProbes is how many datagrams of a direction recognition looks at.
	datagramProbes = 2
	layersKeep     = 1024
	restartsMax    = 4 // times a flow may change its protocol
)

func (w *Pipeline) newLayer() *layer {
	if n := len(w.free); n > 0 {
		l := w.free[n-1]
		w.free = w.free[:n-1]
		return l
	}
	return &layer{}
}

func (w *Pipeline) dropLayer(l *layer) {
	list := l.live.List
	clear(list)
	if cap(list) > 16 {
		list = nil
	}
	*l = layer{}
	l.live.List = list[:0]
	if len(w.free) < layersKeep {
		w.free = append(w.free, l)
	}
}

// feed gives the parser what has become visible of one direction. Each turn of its loop consumes bytes or passes a hole,
// and there are only so many of both in a window.
func (w *Pipeline) feed(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction) {
	s := f.TCP
	for !l.noApp {
		b := s.Ready(dir)
		if len(b) > l.tried[dir] {
			if l.parser == nil {
				turned := w.detect(p, f, l, dir, b)
				if turned {
					dir = dir.Other()
				}
			}
			if l.parser != nil {
				if l.second && l.secondDir == dir {
					w.lookAtSecond(f, l, b)
				}
				w.parse(f, l, dir, b)
				continue
			}
		}
		hole := s.Hole(dir)
		if hole == 0 || l.noApp {
			break
		}
		w.pass(p, f, l, dir, hole)
	}
	if l.noApp {
		w.holes(p, f, l, dir)
		return
	}
	if s.Finished(dir) && !l.ended[dir] && len(s.Ready(dir)) <= l.tried[dir] {
		l.ended[dir] = true
		if l.parser != nil {
			l.parser.End(&w.ctx, dir, s.Ready(dir))
			w.after(l)
		} else {
			f.AppDone[dir] = true
			w.concludeDetection(f, l)
		}
	}
}

func (w *Pipeline) parse(f *flow.Flow, l *layer, dir flow.Direction, b []byte) {
	n, v := l.parser.Data(&w.ctx, dir, b)
	n = min(max(n, 0), len(b))
	w.streams.Consume(f.TCP, dir, n)
	l.tried[dir] = len(b) - n
	w.after(l)
	switch {
	case v == proto.Restart:
		w.restart(f, l)
	case v == proto.Fail || l.tried[dir] > unconsumedMax:
		w.stats.ParserFailed++
		w.stopApp(f, l)
	case v == proto.Stop:
		w.stopApp(f, l)
		f.NoPayload, f.NoPayloadAt = true, w.number // what has gathered is still shown once
		l.flush = [2]bool{true, true}
	}
}

// after notes what a parser call did.
func (w *Pipeline) after(l *layer) {
	for d := range l.flush {
		l.flush[d] = l.flush[d] || w.ctx.Flush[d]
	}
	w.ctx.Flush = [2]bool{}
	if len(w.ctx.Expected) > 0 {
		w.expect()
	}
	l.dirty = l.dirty || l.live.Changed[0] || l.live.Changed[1]
}

// restart begins recognition anew at the current place of both directions.
func (w *Pipeline) restart(f *flow.Flow, l *layer) {
	l.parser.End(&w.ctx, flow.ToServer, nil)
	l.parser.End(&w.ctx, flow.ToClient, nil)
	w.after(l)
	l.parser = nil
	if l.restarts++; l.restarts > restartsMax {
		w.stopApp(f, l)
		return
	}
	l.tried = [2]int{}
	l.second, l.wantsTLS = false, announcesTLS(f.App) || w.ctx.Next == flow.AppTLS
	f.AppDone = [2]bool{}
	f.AppDir = [2]flow.App{}
	if w.ctx.Next != flow.AppUnknown {
		if w.ctx.Next != flow.AppTLS { // whether TLS really comes is seen by its first bytes
			w.assign(f, l, w.ctx.Next, w.ctx.NextData)
		}
		w.ctx.Next, w.ctx.NextData = flow.AppUnknown, nil
	}
}

func (w *Pipeline) stopApp(f *flow.Flow, l *layer) {
	l.noApp = true
	if f.TCP != nil {
		w.streams.StopApp(f.TCP, flow.ToServer)
		w.streams.StopApp(f.TCP, flow.ToClient)
	}
}

// holes passes holes of a direction that has no parser; its bytes are only matched raw.
func (w *Pipeline) holes(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction) {
	for hole := f.TCP.Hole(dir); hole > 0; hole = f.TCP.Hole(dir) {
		w.raw(p, f, dir)
		w.streams.Skip(f.TCP, dir, hole)
	}
}

// pass tells the parser of a hole and goes on behind it.
func (w *Pipeline) pass(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction, hole int64) {
	stream.Note(p, stream.EventGap)
	if len(w.insp) > 0 {
		w.raw(p, f, dir) // what lies before the hole cannot be shown together with what lies behind it
	}
	l.tried[dir] = 0
	if l.parser == nil {
		w.streams.Skip(f.TCP, dir, hole)
		f.AppDone[dir] = true
		w.concludeDetection(f, l)
		return
	}
	v := l.parser.Gap(&w.ctx, dir, f.TCP.Ready(dir), hole)
	w.after(l)
	w.streams.Skip(f.TCP, dir, hole)
	if v != proto.Continue {
		w.stats.ParserFailed++
		w.stopApp(f, l)
	}
}

// detect tries to recognise the protocol from one direction. It returns true when it turned the flow round.
func (w *Pipeline) detect(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction, b []byte) bool {
	l.tried[dir] = len(b)
	if !f.AppDone[dir] {
		probe := proto.Probe{
			Dir: dir, Data: b[:min(len(b), proto.DetectBytesMax)],
			ServerPort: f.Server.Port(), ClientPort: f.Client.Port(),
		}
		found, reversed, pending := proto.Detect(w.protocols, &probe)
		if found != nil {
			turn := reversed && f.TCP.Midstream && !f.TCP.Shown()
			if turn {
				w.table.Swap(f)
				l.tried[0], l.tried[1] = l.tried[1], l.tried[0]
				l.ended[0], l.ended[1] = l.ended[1], l.ended[0]
				dir = dir.Other()
			}
			w.adopt(p, f, l, dir, found)
			return turn
		}
		if !pending {
			f.AppDone[dir] = true
		}
	}
	if len(b) > undetectedMax {
		if f.AppDone[dir] && f.TCP.Size(dir.Other()) == 0 {
			f.AppEvents |= flow.AppEventSkipped
		}
		f.AppDone = [2]bool{true, true}
	}
	w.concludeDetection(f, l)
	return false
}

// adopt gives the flow its protocol and parser, and the parser what the other direction has gathered.
func (w *Pipeline) adopt(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction, q *proto.Protocol) {
	f.App, f.AppDir[dir] = q.App, q.App
	f.AppDone = [2]bool{true, true}
	w.adopted(f, l, dir)
	liftDepth(f)
	if q.New == nil {
		w.stopApp(f, l)
		return
	}
	l.parser = q.New(f.TCP == nil)
	if f.TCP == nil {
		return
	}
	if other := dir.Other(); len(f.TCP.Ready(other)) > 0 {
		l.tried[other] = 0
		w.feed(p, f, l, other)
	}
}

// liftDepth takes the depth limit off protocols that carry files whole, as Suricata does.
func liftDepth(f *flow.Flow) {
	switch f.App {
	case flow.AppSMB, flow.AppFTPData, flow.AppNFS:
		if f.TCP != nil {
			f.TCP.LiftDepth()
		}
	}
}

// concludeDetection gives up once neither direction can tell.
func (w *Pipeline) concludeDetection(f *flow.Flow, l *layer) {
	if f.AppDone[0] && f.AppDone[1] && l.parser == nil && !l.noApp {
		if l.wantsTLS {
			f.AppEvents |= flow.AppEventNoTLS
		}
		if f.App == flow.AppUnknown {
			f.App = flow.AppFailed
		}
		w.stopApp(f, l)
	}
}

// datagram gives one UDP payload to the flow's parser, recognising the protocol first.
func (w *Pipeline) datagram(p *packet.Packet, f *flow.Flow, l *layer, dir flow.Direction) {
	if l.noApp {
		return
	}
	if l.parser == nil && !f.AppDone[dir] {
		l.probes[dir]++
		probe := proto.Probe{Dir: dir, Data: p.Payload, Datagram: true, ServerPort: f.Server.Port(), ClientPort: f.Client.Port()}
		if found, _, _ := proto.Detect(w.protocols, &probe); found != nil {
			w.adopt(p, f, l, dir, found)
		} else if l.probes[dir] >= datagramProbes {
			f.AppDone[dir] = true
			w.concludeDetection(f, l)
		}
	}
	if l.parser == nil || l.noApp {
		return
	}
	_, v := l.parser.Data(&w.ctx, dir, p.Payload)
	w.after(l)
	if v != proto.Continue {
		w.stopApp(f, l)
	}
}
