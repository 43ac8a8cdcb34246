package http

import (
	"bytes"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http/coding"
)

// body takes one message body: content codings are undone, the rest goes to what is kept and to the files it carries.
type body struct {
	tx    *Transaction
	dir   flow.Direction
	to    *Body
	kit   *kit
	c     *proto.Context // of the current call
	dec   [codingsMax]*coding.Decoder
	decs  int
	sink  [codingsMax]coding.Sink // where the output of each decoder goes
	held  []byte                  // encoded bytes until the first decoded ones come, in case it is not encoded at all
	file  *file.File
	form  *form
	lost  bool
	plain bool // decoding has failed before it showed anything
}

// kit is what the parsers of one worker share.
type kit struct {
	limits Limits
	pool   coding.Pool
}

// heldMax bounds what is held until decoding shows something.
const heldMax = 4096

// start prepares for the body of a message whose headers are read.
func (g *body) start(t *Transaction, dir flow.Direction, k *kit) {
	m := t.Side(dir)
	*g = body{tx: t, dir: dir, to: &m.Body, kit: k}
	for rest := m.Get("content-encoding"); len(rest) > 0; {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{','})
		kind, known := coding.Parse(word)
		if !known {
			t.Anomaly("abnormal_ce_header")
		}
		switch {
		case kind == coding.Identity:
			continue
		case g.decs == codingsMax:
			t.Anomaly("too_many_encoding_layers")
			rest = nil
			continue
		}
		if kind == coding.Other { // shown as sent
			g.release()
			return
		}
		g.dec[g.decs], g.sink[g.decs] = coding.New(kind, k.limits.DecodedBytesMax, &k.pool), g.layer(g.decs)
		g.decs++
	}
	if dir == flow.ToServer {
		g.form = newForm(g, m.Get("content-type"))
	}
}

// write takes bytes of the body, transfer coding undone.
func (g *body) write(c *proto.Context, b []byte) {
	g.to.Wire += uint64(len(b))
	g.c = c
	switch {
	case g.lost: // encoded, behind a hole
	case g.decs == 0:
		g.show(b)
	default:
		g.decode(b)
	}
}

// decode undoes the codings, the last one first.
func (g *body) decode(b []byte) {
	var beyond []byte
	if g.to.Total == 0 {
		n := min(len(b), heldMax-len(g.held))
		g.held = append(g.held, b[:n]...)
		beyond = b[n:]
	}
	g.judge(g.dec[g.decs-1].Write(b, g.sink[g.decs-1]))
	if g.plain {
		g.showPlain(beyond)
	}
	if g.to.Total > 0 {
		g.held = nil
	}
}

// layer is where the output of a decoder goes.
func (g *body) layer(i int) coding.Sink {
	if i == 0 {
		return g.keepOn
	}
	return func(b []byte) bool { return g.judge(g.dec[i-1].Write(b, g.sink[i-1])) }
}

// keepOn shows decoded bytes and tells whether more are wanted.
func (g *body) keepOn(b []byte) bool {
	g.show(b)
	return true
}

// judge notes how decoding went; it tells whether it goes on.
func (g *body) judge(o coding.Outcome) bool {
	switch o {
	case coding.Fine:
		return true
	case coding.Bomb:
		g.tx.Anomaly("compression_bomb")
		g.to.Truncated = true
		if g.file != nil {
			g.file.Abort()
		}
	case coding.Failed:
		// Not encoded at all, whatever the header says, as some servers do. What was held is shown once the decoders, which
		// may be in the middle of their work, have returned.
		if g.to.Total == 0 && len(g.held) > 0 && !g.plain {
			g.tx.Anomaly("gzip_decompression_failed")
			g.plain = true
		}
	}
	return false
}

// showPlain gives up decoding and shows what has come, as it was sent.
func (g *body) showPlain(beyond []byte) {
	held := g.held
	g.held, g.plain = nil, false
	g.release()
	g.show(held)
	if len(beyond) > 0 {
		g.show(beyond)
	}
}

// show takes plain bytes.
func (g *body) show(b []byte) {
	g.to.Total += uint64(len(b))
	if g.form != nil {
		g.form.write(b)
	}
	if g.file == nil && g.form == nil && g.tx.carriesFile(g.dir) {
		g.file = g.tx.openFile(g.c, g.dir)
	}
	if g.file != nil {
		g.file.Write(b)
		g.to.Data = g.file.Data // the same bytes: kept once
		g.to.Truncated = g.to.Truncated || g.to.Total > uint64(len(g.to.Data))
		return
	}
	room := g.kit.limits.BodyBytesMax - len(g.to.Data)
	if len(b) > room {
		g.to.Truncated = true
		b = b[:max(room, 0)]
	}
	g.to.Data = append(g.to.Data, b...)
}

// gap tells that n bytes are missing. What is encoded cannot be read behind them.
func (g *body) gap(n int64) {
	g.to.Truncated = true
	if g.form != nil {
		g.form.gap(n)
	}
	if g.file != nil {
		g.file.Gap(n)
	}
	if g.decs > 0 {
		g.release()
		g.lost = true
	}
}

// finish ends the body; whole tells that all of it has come.
func (g *body) finish(c *proto.Context, whole bool) {
	if g.to == nil || g.to.Done {
		return
	}
	g.c = c
	g.to.Done = true
	for i := g.decs - 1; i >= 0 && !g.plain; i-- {
		g.judge(g.dec[i].Close(g.sink[i]))
	}
	if g.plain {
		g.showPlain(nil)
	}
	g.release()
	if g.form != nil {
		g.form.end(whole)
	}
	if g.file != nil {
		if whole {
			g.file.Close()
		} else {
			g.file.Abort()
		}
	}
	*g = body{}
}

// release gives the decoders back.
func (g *body) release() {
	for i := range g.decs {
		g.dec[i].Release(&g.kit.pool)
		g.dec[i] = nil
	}
	g.decs = 0
}
