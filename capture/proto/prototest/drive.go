// Package prototest drives one protocol parser in tests the way the pipeline does: bytes not consumed come again, gaps
// and ends are told, transactions gather.
package prototest

import (
	"fmt"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Driver feeds one parser.
type Driver struct {
	Parser  proto.Parser
	Flow    flow.Flow
	Live    proto.Live
	Verdict proto.Verdict
	rest    [2][]byte
	ctx     proto.Context
}

// New returns a driver of a parser.
func New(p proto.Parser) *Driver {
	d := &Driver{Parser: p}
	d.ctx = proto.NewContext(&d.Flow, time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), &d.Live)
	return d
}

// Feed gives bytes of one direction.
func (d *Driver) Feed(dir flow.Direction, b []byte) {
	if d.Verdict != proto.Continue {
		return
	}
	d.rest[dir] = append(d.rest[dir], b...)
	if len(d.rest[dir]) == 0 {
		return
	}
	n, v := d.Parser.Data(&d.ctx, dir, d.rest[dir])
	if n < 0 || n > len(d.rest[dir]) {
		panic(fmt.Sprintf("parser consumed %d of %d bytes", n, len(d.rest[dir])))
	}
	d.rest[dir] = append([]byte(nil), d.rest[dir][n:]...)
	d.Verdict = v
}

// Gap loses n bytes of one direction.
func (d *Driver) Gap(dir flow.Direction, n int64) {
	if d.Verdict == proto.Continue {
		d.Verdict = d.Parser.Gap(&d.ctx, dir, d.rest[dir], n)
		d.rest[dir] = nil
	}
}

// End ends both directions, the client's first.
func (d *Driver) End() {
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		d.Parser.End(&d.ctx, dir, d.rest[dir])
		d.rest[dir] = nil
	}
}

// Rest is what the parser has not consumed of one direction.
func (d *Driver) Rest(dir flow.Direction) []byte { return d.rest[dir] }

// JSON returns the events of all transactions, one a line, without time and ID.
func (d *Driver) JSON() string {
	out := ""
	for _, tx := range d.Live.List {
		var e event.Event
		e.Reset(event.Kind(tx.Protocol()), time.Time{})
		tx.Event(&e)
		e.Strs(event.TxEvents, tx.Base().Anomalies)
		out += string(e.AppendJSON(nil)) + "\n"
	}
	return out
}

// Script cuts fuzz input into calls: each piece begins with a byte that says what is done and how much of the rest it takes.
func (d *Driver) Script(b []byte) {
	for len(b) > 2 {
		op, n := b[0], int(b[1])<<(b[0]>>5&3)
		b = b[2:]
		n = min(n, len(b))
		switch dir := flow.Direction(op & 1); {
		case op&0x1e == 0x1e:
			d.Gap(dir, int64(n)+1)
		default:
			d.Feed(dir, b[:n])
			b = b[n:]
		}
	}
	d.End()
}

// Pack writes one piece for Script.
func Pack(dir flow.Direction, data string) []byte {
	var out []byte
	for len(data) > 0 {
		n := min(len(data), 255)
		out = append(out, byte(dir), byte(n))
		out = append(out, data[:n]...)
		data = data[n:]
	}
	return out
}
