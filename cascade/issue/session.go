package issue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fengsui/cascade/wire"
)

// session is the child's side of one stream: one goroutine takes documents in, one tells what
// became of them, one reports states. The one that reads never writes: were it to wait until
// the parent takes what it writes, while the parent waits until it reads, both would wait.
type session struct {
	*Client
	conn *wire.Conn
	acks chan uint64

	mu      sync.Mutex
	results []*wire.DocumentResult // to be told
	wake    chan struct{}          // there are results
}

// session opens a stream, greets, and works until something breaks.
func (c *Client) session(ctx context.Context) (greeted bool, err error) {
	conn, err := c.cfg.Open(ctx)
	if err != nil {
		return false, fmt.Errorf("opening issue stream: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer wire.Bind(ctx, conn)()
	c.stats.sessions.Add(1)
	s := &session{Client: c, conn: wire.NewConn(conn), acks: make(chan uint64, 1), wake: make(chan struct{}, 1)}
	mark, err := s.greet()
	if err != nil {
		return false, err
	}
	var wg sync.WaitGroup
	var reporting, telling error
	wg.Go(func() {
		if reporting = s.report(ctx, mark); reporting != nil {
			cancel()
		}
	})
	wg.Go(func() {
		if telling = s.tellResults(ctx); telling != nil {
			cancel()
		}
	})
	err = s.read(ctx)
	cancel()
	wg.Wait()
	for _, other := range []error{reporting, telling} {
		if wire.Ended(err) && other != nil {
			err = other
		}
	}
	return true, err
}

// tellResults writes what document leaves in results.
func (s *session) tellResults(ctx context.Context) error {
	for {
		s.mu.Lock()
		due := s.results
		s.results = nil
		s.mu.Unlock()
		for _, r := range due {
			if err := s.conn.Write(&wire.IssueUp{Body: &wire.IssueUp_Result{Result: r}}); err != nil {
				return err
			}
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// greet tells what is held and learns how far the parent knows this site's log.
func (s *session) greet() (mark uint64, err error) {
	have, log, last, err := readHeld(s.cfg.Ledger, s.cfg.Site)
	if err != nil {
		return 0, err
	}
	for more := true; more; {
		n := min(len(have), wire.HelloVersionsMax)
		h := &wire.IssueHello{Version: wire.Version, Have: have[:n], Log: log[:], Last: last}
		have = have[n:]
		more = len(have) > 0
		h.More = more
		if err := s.conn.Write(&wire.IssueUp{Body: &wire.IssueUp_Hello{Hello: h}}); err != nil {
			return 0, err
		}
	}
	var down wire.IssueDown
	if err := s.conn.ReadWithin(wire.HelloTimeout, &down); err != nil {
		return 0, err
	}
	if end := down.GetEnd(); end != nil {
		return 0, end.Err()
	}
	w := down.GetWelcome()
	if w == nil {
		return 0, wire.Refuse(wire.CodeMalformed, "welcome: the first frame is another")
	}
	if _, err := wire.CheckVersion(w.GetVersion()); err != nil {
		return 0, err
	}
	if w.GetMark() > last {
		// The parent knows more of this log than there is: it was cut back (a restored backup), so
		// that the numbers mean other changes now. Tell all of it.
		return 0, nil
	}
	return w.GetMark(), nil
}

// read takes frames until the stream ends.
func (s *session) read(ctx context.Context) error {
	for {
		var down wire.IssueDown
		if err := s.conn.Read(&down); err != nil {
			return err
		}
		switch body := down.GetBody().(type) {
		case *wire.IssueDown_Document:
			if err := s.document(ctx, body.Document); err != nil {
				return err
			}
		case *wire.IssueDown_StateAck:
			select {
			case s.acks <- body.StateAck.GetThrough():
			default:
				return wire.Refuse(wire.CodeMalformed, "state_ack: nothing was reported")
			}
		case *wire.IssueDown_End:
			return body.End.Err()
		default:
			return wire.Refuse(wire.CodeMalformed, "a chunk or welcome out of place")
		}
	}
}

// document reads the rest of a document's body, verifies and commits it, and answers. A
// document that may not be believed is refused and costs nothing but itself; a ledger that
// cannot commit ends the session, so that the parent sends the document again.
func (s *session) document(ctx context.Context, d *wire.Document) error {
	body := d.GetBody()
	if uint64(len(body)) != d.GetBodySize() {
		var err error
		if body, err = s.chunks(d); err != nil {
			return err
		}
	}
	err := verify(d, body, s.cfg.Site, s.cfg.Trust, time.Now())
	if err == nil {
		c := committer{s.cfg.Site, s.cfg.Proposer, s.cfg.Sealer}
		err = c.commit(ctx, d, body)
	}
	result := &wire.DocumentResult{Issuer: d.GetIssuer(), Kind: d.GetKind(), Name: d.GetName(), Version: d.GetVersion(), Code: wire.CodeOK}
	var refusal *wire.Error
	switch {
	case err == nil:
		s.stats.documents.Add(1)
	case errors.Is(err, errNotNewer):
		s.stats.refused.Add(1)
		result.Code, result.Text = wire.CodeStaleVersion, "this version or a newer one is held"
	case errors.As(err, &refusal):
		s.stats.refused.Add(1)
		result.Code, result.Text = refusal.Code, wire.Clip(refusal.Text)
		s.cfg.Logger.Warn("issue: a document from the parent is refused", "document", KeyOf(d).String(), "version", d.GetVersion(), "err", err)
	default:
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.results) >= wire.DocumentsMax {
		return wire.Refuse(wire.CodeBusy, "the parent sends documents and does not take the results")
	}
	s.results = append(s.results, result)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// chunks reads the body that follows a document.
func (s *session) chunks(d *wire.Document) ([]byte, error) {
	body := make([]byte, 0, wire.DocumentChunkBytes) // grows with what really comes
	for i := uint32(0); uint64(len(body)) < d.GetBodySize(); i++ {
		var down wire.IssueDown
		if err := s.conn.ReadWithin(wire.ReceiptTimeout, &down); err != nil {
			return nil, err
		}
		if ack := down.GetStateAck(); ack != nil {
			select {
			case s.acks <- ack.GetThrough():
			default:
				return nil, wire.Refuse(wire.CodeMalformed, "state_ack: nothing was reported")
			}
			i--
			continue
		}
		chunk := down.GetChunk()
		if chunk == nil || chunk.GetIndex() != i || uint64(len(body)+len(chunk.GetData())) > d.GetBodySize() {
			return nil, wire.Refuse(wire.CodeMalformed, "chunk: want number %d of a body of %d bytes", i, d.GetBodySize())
		}
		body = append(body, chunk.GetData()...)
	}
	return body, nil
}

// report tells the parent every change after mark, now and as they come, one report at a time.
func (s *session) report(ctx context.Context, mark uint64) error {
	for {
		changed := s.cfg.Ledger.Watch()
		report, through, err := readChanges(s.cfg.Ledger, s.cfg.Sealer, s.cfg.Site, mark)
		if err != nil {
			return err
		}
		if len(report.GetStates()) == 0 && through == mark {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if len(report.GetStates()) > 0 {
			if err := s.tell(ctx, report); err != nil {
				return err
			}
		}
		mark = through
	}
}

// tell sends one report and waits for its acknowledgement.
func (s *session) tell(ctx context.Context, report *wire.StateReport) error {
	if err := s.conn.Write(&wire.IssueUp{Body: &wire.IssueUp_Report{Report: report}}); err != nil {
		return err
	}
	late := time.NewTimer(wire.ReceiptTimeout)
	defer late.Stop()
	select {
	case through := <-s.acks:
		if through != report.GetThrough() {
			return wire.Refuse(wire.CodeMalformed, "state_ack.through: %d, want %d", through, report.GetThrough())
		}
	case <-late.C:
		return fmt.Errorf("the parent owes an acknowledgement for %s", wire.ReceiptTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
	s.stats.states.Add(uint64(len(report.GetStates())))
	return nil
}
