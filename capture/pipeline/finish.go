package pipeline

import (
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
)

// endFlow is the table's call for a flow that ends: the rest of its streams is parsed and inspected, then it is recorded.
func (w *Pipeline) endFlow(f *flow.Flow) {
	l := f.Layer.(*layer)
	saved := w.ctx // a flow may end while a packet of another one is being handled
	w.ctx = proto.NewContext(f, f.Last, &l.live)
	w.ctx.Files = w.cfg.Files
	if f.TCP != nil {
		w.makePseudo(f, flow.ToServer)
		w.makePseudo(f, flow.ToClient)
		f.TCP.Flush()
		w.feed(&w.pseudo[0], f, l, flow.ToServer)
		w.feed(&w.pseudo[1], f, l, flow.ToClient)
	}
	if l.parser != nil {
		for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
			if !l.ended[dir] {
				l.ended[dir] = true
				var rest []byte
				if f.TCP != nil {
					rest = f.TCP.Ready(dir)
				}
				l.parser.End(&w.ctx, dir, rest)
			}
		}
		w.after(l)
	}
	var rest [2]bool
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		rest[dir] = l.live.Changed[dir] || w.raws[dir] || len(w.insp) > 0 && f.TCP != nil && f.TCP.Pending(dir) > 0
	}
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		if rest[dir] {
			w.makePseudo(f, dir)
			l.flush[dir] = true
			w.inspect(&w.pseudo[dir], f, l, dir)
		}
	}
	for _, tx := range l.live.Overflow() {
		w.stats.TxLost++
		w.txEvent(f, tx)
	}
	for _, tx := range l.live.List {
		w.txEvent(f, tx)
	}
	for _, in := range w.insp {
		in.FlowEnd(f)
	}
	w.stats.FlowsByApp[f.App&63]++
	if w.sink != nil {
		w.ev.Reset(event.KindFlow, f.Last)
		w.ev.ID = event.NewID(f.Last, f.ID, 0)
		f.Record(&w.ev)
		w.sink.Event(&w.ev)
	}
	if f.TCP != nil {
		w.streams.Release(f.TCP)
	}
	w.dropLayer(l)
	w.ctx = saved
}

// makePseudo makes the packet on which the rest of a flow is inspected.
func (w *Pipeline) makePseudo(f *flow.Flow, dir flow.Direction) {
	src, dst := f.Client, f.Server
	if dir == flow.ToClient {
		src, dst = dst, src
	}
	version := uint8(4)
	if src.Addr().Is6() {
		version = 6
	}
	w.pseudo[dir] = packet.Packet{
		Time: f.Last, Pseudo: true, IPVersion: version, Src: src.Addr(), Dst: dst.Addr(), Proto: f.Proto, Kind: f.Kind,
		SrcPort: src.Port(), DstPort: dst.Port(), VLAN: f.VLAN, VLANs: f.VLANs,
	}
}

func (w *Pipeline) emitTx(f *flow.Flow, tx proto.Transaction) {
	s := tx.Base()
	w.ev.Reset(event.Kind(tx.Protocol()), s.Begun)
	w.ev.ID = event.NewID(s.Begun, f.ID, s.TxID+1)
	f.Header(&w.ev)
	w.ev.Uint(event.TxID, s.TxID)
	tx.Event(&w.ev)
	w.ev.Strs(event.TxEvents, s.Anomalies)
	w.sink.Event(&w.ev)
	if c, ok := tx.(proto.FileCarrier); ok {
		w.emitFiles(f, tx, c)
	}
}

// fileIDs is added to the sequence numbers of files, so that their event IDs are not those of transactions.
const fileIDs = 1 << 40

// emitFiles makes an event of each file of a transaction that is over.
func (w *Pipeline) emitFiles(f *flow.Flow, tx proto.Transaction, c proto.FileCarrier) {
	s := tx.Base()
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		for i, file := range c.Files(dir) {
			if !file.TakeLog() {
				continue
			}
			w.stats.Files++
			w.ev.Reset(event.KindFile, s.Begun)
			w.ev.ID = event.NewID(s.Begun, f.ID, fileIDs+s.TxID<<20+uint64(dir)<<19+uint64(i))
			f.Header(&w.ev)
			w.ev.Uint(event.TxID, s.TxID)
			w.ev.Str(event.FileDirection, [2]string{"to_server", "to_client"}[dir])
			file.Event(&w.ev)
			w.cfg.Files.Finish(file, &w.ev)
			w.sink.Event(&w.ev)
		}
	}
}

// Now returns the packet time the worker has reached.
func (w *Pipeline) Now() time.Time { return w.table.Now() }
