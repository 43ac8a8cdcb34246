package upload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// ServerConfig is what a Server needs. Ledger, Proposer, Sealer and Logger are required.
type ServerConfig struct {
	Site     identity.Site // this site
	Ledger   Ledger
	Proposer Proposer
	Sealer   Sealer // seals what comes in with this site's key
	// Allow is asked at the start of a session and before every commit whether the peer may
	// (still) upload; nil allows every node of a site below this one. It must be quick.
	Allow  func(identity.Peer) error
	Logger *slog.Logger
}

// ServerStats counts since the start.
type ServerStats struct {
	Sessions  uint64 // served
	Batches   uint64 // taken in
	Records   uint64 // committed; a batch that repeats in part counts whole, one that repeats whole not at all
	Duplicate uint64 // batches recognised
	Gaps      uint64 // batches refused because an earlier one is missing
	Refused   uint64 // batches or sessions refused for another reason
	Malformed uint64 // frames that broke a rule; each ended its session
}

// Server takes in what children upload. Any number of sessions, also of one child and also at
// several nodes of the site, may run at once.
type Server struct {
	cfg   ServerConfig
	stats struct {
		sessions, batches, records, duplicate, gaps, refused, malformed atomic.Uint64
	}
}

// NewServer returns a Server.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Site == "" || cfg.Ledger == nil || cfg.Proposer == nil || cfg.Sealer == nil || cfg.Logger == nil {
		return nil, errors.New("upload server: site, ledger, proposer, sealer and logger are required")
	}
	if cfg.Allow == nil {
		cfg.Allow = func(identity.Peer) error { return nil }
	}
	return &Server{cfg: cfg}, nil
}

// Stats returns the counters.
func (s *Server) Stats() ServerStats {
	c := &s.stats
	return ServerStats{
		Sessions: c.sessions.Load(), Batches: c.batches.Load(), Records: c.records.Load(), Duplicate: c.duplicate.Load(),
		Gaps: c.gaps.Load(), Refused: c.refused.Load(), Malformed: c.malformed.Load(),
	}
}

// queuedBatches is how many batches a session reads ahead of the commit under way. With
// BatchBytesMax it bounds the session's memory.
const queuedBatches = 8

// incoming is a batch that was read, checked and sealed.
type incoming struct {
	batch
	number  uint64
	refused wire.Code // not to be proposed; answered in its turn
	bytes   int
}

// serving is one session.
type serving struct {
	*Server
	conn  *wire.Conn
	peer  identity.Peer
	class wire.Class
	lanes int
	queue chan incoming
}

// Serve runs one session until the stream or ctx ends, and closes conn. It returns nil on an
// ordinary end, and otherwise why the session was ended; the peer has been told.
func (s *Server) Serve(ctx context.Context, conn net.Conn, peer identity.Peer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer wire.Bind(ctx, conn)()
	s.stats.sessions.Add(1)
	v := &serving{Server: s, conn: wire.NewConn(conn), peer: peer, queue: make(chan incoming, queuedBatches)}

	var commit error
	var wg sync.WaitGroup
	wg.Go(func() {
		if commit = v.commit(ctx); commit != nil {
			v.end(commit)
			cancel() // the reader must not wait for a peer that waits for us
		}
	})
	read := v.read(ctx)
	close(v.queue)
	if !wire.Ended(read) {
		// What was read in order is still committed and answered before the end is told.
		wg.Wait()
		v.end(read)
	}
	wg.Wait()
	if commit != nil {
		read = commit
	}
	if wire.Ended(read) {
		return nil
	}
	return fmt.Errorf("upload session of %s: %w", peer.Site, read)
}

// end tells the peer why the session ends, if it still listens.
func (v *serving) end(err error) {
	switch wire.CodeOf(err) {
	case wire.CodeMalformed, wire.CodeTooLarge:
		v.stats.malformed.Add(1)
	case wire.CodeInternal, wire.CodeUnavailable:
	default:
		v.stats.refused.Add(1)
	}
	if !wire.Ended(err) {
		_ = v.conn.Write(&wire.UploadDown{Body: &wire.UploadDown_End{End: wire.StatusOf(err)}})
	}
}

func (v *serving) allow() error {
	if v.peer.Role != identity.RoleNode || !v.cfg.Site.Above(v.peer.Site) {
		return wire.Refuse(wire.CodeForbidden, "%s (%s) is not a node of a site below %s", v.peer.Site, v.peer.Role, v.cfg.Site)
	}
	return v.cfg.Allow(v.peer)
}

// read takes frames in until the stream ends.
func (v *serving) read(ctx context.Context) error {
	if err := v.allow(); err != nil {
		return err
	}
	var up wire.UploadUp
	if err := v.conn.ReadWithin(wire.HelloTimeout, &up); err != nil {
		return err
	}
	hello := up.GetHello()
	if hello == nil {
		return wire.Refuse(wire.CodeMalformed, "hello: the first frame is another")
	}
	version, err := wire.CheckVersion(hello.GetVersion())
	if err != nil {
		return err
	}
	v.class = hello.GetClass()
	for number := uint64(0); ; {
		switch body := up.GetBody().(type) {
		case *wire.UploadUp_Hello:
			err = v.hello(version, body.Hello)
		case *wire.UploadUp_Batch:
			if number++; body.Batch.GetNumber() != number {
				return wire.Refuse(wire.CodeMalformed, "batch.number: %d, want %d", body.Batch.GetNumber(), number)
			}
			err = v.batch(ctx, body.Batch)
		}
		if err != nil {
			return err
		}
		up = wire.UploadUp{}
		if err := v.conn.Read(&up); err != nil {
			return err
		}
	}
}

// hello answers with the high-water marks. They come from this node's replica and may lag:
// then the child sends again what is recognised.
func (v *serving) hello(version uint32, hello *wire.UploadHello) error {
	if hello.GetClass() != v.class {
		return wire.Refuse(wire.CodeMalformed, "hello.class: %d, this session is for %d", hello.GetClass(), v.class)
	}
	if v.lanes += len(hello.GetLanes()); v.lanes > wire.SessionLanesMax {
		return wire.Refuse(wire.CodeTooLarge, "hello.lanes: %d in this session, at most %d", v.lanes, wire.SessionLanesMax)
	}
	keys := make([]LaneKey, 0, len(hello.GetLanes()))
	for _, l := range hello.GetLanes() {
		keys = append(keys, LaneKey{identity.Site(l.GetOrigin()), l.GetEpoch(), v.class})
	}
	high, err := highs(v.cfg.Ledger, keys)
	if err != nil {
		return err
	}
	marks := make([]*wire.Mark, 0, len(keys))
	for i, k := range keys {
		m := &wire.Mark{Origin: string(k.Origin), Epoch: k.Epoch, Seq: high[i]}
		if !v.peer.Site.Contains(k.Origin) {
			m.Seq = 0 // it is not told how far others are
		}
		marks = append(marks, m)
	}
	return v.conn.Write(&wire.UploadDown{Body: &wire.UploadDown_Marks{Marks: &wire.UploadMarks{Version: version, Marks: marks}}})
}

// batch seals a batch and queues it for the commit.
func (v *serving) batch(ctx context.Context, b *wire.Batch) error {
	v.stats.batches.Add(1)
	in := incoming{
		batch:  batch{LaneKey: LaneKey{identity.Site(b.GetOrigin()), b.GetEpoch(), b.GetClass()}, first: b.GetFirstSeq()},
		number: b.GetNumber(),
	}
	switch {
	case in.Class != v.class:
		return wire.Refuse(wire.CodeMalformed, "batch.class: %d, this session is for %d", b.GetClass(), v.class)
	case !v.peer.Site.Contains(in.Origin):
		in.refused = wire.CodeOutOfScope
	default:
		in.stored = make([][]byte, 0, len(b.GetRecords()))
		for _, r := range b.GetRecords() {
			stored := appendStored(make([]byte, 0, storedSize(r)), v.cfg.Sealer, in.Origin, in.Class, r)
			in.bytes += len(stored) + 4
			in.stored = append(in.stored, stored)
		}
	}
	select {
	case v.queue <- in:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storedSize estimates the stored form, so that sealing does not grow the slice.
func storedSize(r *wire.Record) int { return offType + 1 + len(r.GetType()) + len(r.GetPayload()) + 64 }

// commit proposes what has been queued while the proposal before was under way, and answers
// after the commit. Nothing waits for more to gather.
func (v *serving) commit(ctx context.Context) error {
	var held *incoming // did not fit into the last command
	for {
		group, size, records := []incoming{}, 0, 0
		if held != nil {
			group, size, records = append(group, *held), held.bytes, len(held.stored)
			held = nil
		} else {
			in, ok := <-v.queue
			if !ok {
				return nil
			}
			group, size, records = append(group, in), in.bytes, len(in.stored)
		}
	gather:
		for len(group) < wire.ReceiptsMax {
			select {
			case in, ok := <-v.queue:
				if !ok {
					break gather
				}
				if size+in.bytes > commandBytesMax || records+len(in.stored) > commandRecordsMax {
					held = &in
					break gather
				}
				group, size, records = append(group, in), size+in.bytes, records+len(in.stored)
			default:
				break gather
			}
		}
		if err := v.propose(ctx, group); err != nil {
			return err
		}
	}
}

// propose commits a group and sends its receipts.
func (v *serving) propose(ctx context.Context, group []incoming) error {
	if err := v.cfg.Allow(v.peer); err != nil {
		return err
	}
	batches := make([]batch, 0, len(group))
	for _, in := range group {
		if in.refused == 0 {
			batches = append(batches, in.batch)
		}
	}
	var verdicts []verdict
	if len(batches) > 0 {
		value, err := v.cfg.Proposer.Propose(ctx, KindAccept, [16]byte{}, acceptBody(v.peer.Site, batches))
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			v.cfg.Logger.Warn("upload: batches not committed, the child will send them again", "child", v.peer.Site, "batches", len(batches), "err", err)
			return wire.Refuse(wire.CodeUnavailable, "cannot commit now")
		}
		if verdicts, err = parseVerdicts(value, len(batches)); err != nil {
			return err
		}
	}
	receipts := make([]*wire.Receipt, 0, len(group))
	for _, in := range group {
		r := &wire.Receipt{Number: in.number, Code: in.refused, NextSeq: 1}
		if in.refused == 0 {
			r.Code, r.NextSeq = verdicts[0].code, verdicts[0].next
			verdicts = verdicts[1:]
		}
		v.count(in, r)
		receipts = append(receipts, r)
	}
	return v.conn.Write(&wire.UploadDown{Body: &wire.UploadDown_Receipts{Receipts: &wire.UploadReceipts{Receipts: receipts}}})
}

func (v *serving) count(in incoming, r *wire.Receipt) {
	switch r.Code {
	case wire.CodeOK:
		v.stats.records.Add(min(uint64(len(in.stored)), r.NextSeq-in.first))
	case wire.CodeDuplicate:
		v.stats.duplicate.Add(1)
	case wire.CodeGap:
		v.stats.gaps.Add(1)
	default:
		v.stats.refused.Add(1)
	}
}
