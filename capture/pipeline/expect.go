package pipeline

import (
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
)

const (
	expectMax = 1024             // announced flows that are waited for; the oldest is forgotten beyond it
	expectFor = 30 * time.Second // of packet time
)

// expected is a flow that a parser has announced.
type expected struct {
	proto.Expectation
	until time.Time
}

// expect takes the announcements of a parser call.
func (w *Pipeline) expect() {
	for _, e := range w.ctx.Expected {
		if len(w.expected) >= expectMax {
			w.expected = append(w.expected[:0], w.expected[1:]...)
		}
		w.expected = append(w.expected, expected{e, w.ctx.Now.Add(expectFor)})
	}
	w.ctx.Expected = nil
}

// welcome gives a new TCP flow the protocol that another flow has announced for it.
func (w *Pipeline) welcome(p *packet.Packet, f *flow.Flow, l *layer) {
	kept := w.expected[:0]
	found := false
	for _, e := range w.expected {
		switch {
		case p.Time.After(e.until):
			continue
		case !found && f.Kind == packet.KindTCP && e.Server == f.Server && (!e.Client.IsValid() || e.Client == f.Client.Addr()):
			found = true
			w.assign(f, l, e.App, e.Data)
			continue
		}
		kept = append(kept, e)
	}
	clear(w.expected[len(kept):])
	w.expected = kept
}

// assign makes a flow one of a named protocol without recognition.
func (w *Pipeline) assign(f *flow.Flow, l *layer, app flow.App, data any) {
	for i := range w.protocols {
		q := &w.protocols[i]
		if q.App != app {
			continue
		}
		f.App, f.AppDir, f.AppDone = app, [2]flow.App{app, app}, [2]bool{true, true}
		liftDepth(f)
		switch {
		case q.NewExpected != nil:
			l.parser = q.NewExpected(data)
		case q.New != nil:
			l.parser = q.New(f.TCP == nil)
		default:
			w.stopApp(f, l)
		}
		return
	}
}
