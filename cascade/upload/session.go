package upload

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// session is one stream to the parent, for one class. One goroutine sends, one receives; mu
// guards what both touch.
type session struct {
	*Client
	conn   *wire.Conn
	class  wire.Class
	wake   chan struct{} // receive tells send that something changed
	cancel context.CancelFunc

	mu      sync.Mutex
	greeted bool
	moved   bool  // the parent committed something
	failed  error // what ended receive
	lanes   map[LaneKey]*lane
	asked   [][]*lane // hellos not answered yet, in order
	flight  []sent    // batches not answered yet, in order
	number  uint64    // of the last batch sent
	since   time.Time // when the parent last did what was asked, or was asked with nothing open
	turn    int       // rotates the lane that comes first
}

// lane is the session's view of one sequence.
type lane struct {
	LaneKey
	known   bool   // the parent's mark has come
	checked bool   // and was compared with what this site produced
	next    uint64 // to send
	flying  int    // batches under way
	round   int    // grows with each rewind: answers to batches of an older round rewind no further
	halted  bool
}

// sent is a batch under way.
type sent struct {
	lane    *lane
	round   int
	number  uint64
	records uint64
}

// send names the lanes, fills the windows, and waits for the ledger or the parent to have
// something new.
func (s *session) send(ctx context.Context) error {
	if err := s.greet(nil); err != nil {
		return err
	}
	for {
		changed := s.cfg.Ledger.Watch()
		some, err := s.fill(ctx)
		if err != nil {
			return err
		}
		if some {
			continue
		}
		if err := s.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// wait returns when there may be something to send. A parent that owes an answer for longer
// than ReceiptTimeout ends the session.
func (s *session) wait(ctx context.Context, changed <-chan struct{}) error {
	var late <-chan time.Time
	s.mu.Lock()
	if len(s.flight)+len(s.asked) > 0 {
		t := time.NewTimer(time.Until(s.since.Add(wire.ReceiptTimeout)))
		defer t.Stop()
		late = t.C
	}
	s.mu.Unlock()
	select {
	case <-changed:
		return nil
	case <-s.wake:
		return nil
	case <-late:
		return fmt.Errorf("the parent owes an answer for %s", wire.ReceiptTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// greet sends hellos for lanes; the first one of a session also when there are none.
func (s *session) greet(lanes []*lane) error {
	for once := true; once || len(lanes) > 0; once = false {
		part := lanes[:min(len(lanes), wire.HelloLanesMax)]
		lanes = lanes[len(part):]
		h := &wire.UploadHello{Version: wire.Version, Class: s.class}
		for _, l := range part {
			h.Lanes = append(h.Lanes, &wire.Lane{Origin: string(l.Origin), Epoch: l.Epoch})
		}
		s.mu.Lock()
		s.owedLocked()
		s.asked = append(s.asked, part)
		s.mu.Unlock()
		if err := s.conn.Write(&wire.UploadUp{Body: &wire.UploadUp_Hello{Hello: h}}); err != nil {
			return err
		}
	}
	return nil
}

// owedLocked starts the clock of the answers when none was due so far.
func (s *session) owedLocked() {
	if len(s.flight)+len(s.asked) == 0 {
		s.since = time.Now()
	}
}

// fill sends at most one batch of each lane that has something and room in its window, and
// tells whether it sent any.
func (s *session) fill(ctx context.Context) (some bool, err error) {
	states, err := readLanes(s.cfg.Ledger, s.class)
	if err != nil {
		return false, err
	}
	if err := s.meet(states); err != nil {
		return false, err
	}
	window := s.window()
	waiting := false
	for i := range states {
		state := states[(i+s.turn)%len(states)]
		s.mu.Lock()
		l := s.lanes[state.LaneKey]
		if l.known && !l.checked {
			l.checked = true
			if l.next > state.High+1 && l.Origin == s.cfg.Origin {
				s.mu.Unlock()
				if err := s.checkAhead(ctx, l); err != nil {
					return some, err
				}
				s.mu.Lock()
			}
		}
		pending := l.known && !l.halted && l.next <= state.High
		waiting = waiting || pending
		from, ready := l.next, pending && l.flying < window
		s.mu.Unlock()
		if !ready {
			continue
		}
		if err := s.sendBatch(l, from); err != nil {
			return some, err
		}
		some = true
	}
	s.turn++
	s.mu.Lock()
	s.busy[s.class.Rank()].Store(waiting || len(s.flight) > 0)
	s.mu.Unlock()
	return some, nil
}

// meet names lanes that appeared in the ledger to the parent.
func (s *session) meet(states []LaneState) error {
	var fresh []*lane
	s.mu.Lock()
	for _, state := range states {
		if s.lanes[state.LaneKey] == nil {
			l := &lane{LaneKey: state.LaneKey}
			s.lanes[l.LaneKey] = l
			fresh = append(fresh, l)
		}
	}
	s.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	return s.greet(fresh)
}

// window is how many batches of a lane may be under way: all while no more urgent class has
// anything to send, otherwise one, so that the urgent gets the line and the rest still moves.
func (s *session) window() int {
	for i := range s.class.Rank() {
		if s.busy[i].Load() {
			return 1
		}
	}
	return wire.WindowBatches
}

// checkAhead looks at an own lane of which the parent holds more than this replica: either the
// replica lags, or the site was restored from a backup and is about to use sequences again that
// mean something else at the parent.
func (s *session) checkAhead(ctx context.Context, l *lane) error {
	if s.cfg.Fresh == nil {
		return nil
	}
	if err := s.cfg.Fresh(ctx); err != nil {
		return fmt.Errorf("checking lane %s: %w", l.LaneKey, err)
	}
	high, err := highs(s.cfg.Ledger, []LaneKey{l.LaneKey})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.next > high[0]+1 {
		l.halted = true
		s.stats.halted.Add(1)
		s.cfg.Logger.Error("upload: the parent holds more of this site's records than the site itself: it was restored from an older backup; start a new epoch",
			"lane", l.LaneKey.String(), "parent", l.next-1, "here", high[0])
	}
	return nil
}

// sendBatch sends the next batch of a lane. A record that cannot be opened halts its lane:
// leaving it out would make a hole nobody could tell from loss.
func (s *session) sendBatch(l *lane, from uint64) error {
	entries, err := readBatch(s.cfg.Ledger, l.LaneKey, from)
	if err != nil {
		return err
	}
	records := make([]*wire.Record, 0, len(entries))
	for i, e := range entries {
		if e.Seq != from+uint64(i) {
			err = fmt.Errorf("record %s/%d is missing in the ledger", l.LaneKey, from+uint64(i))
			break
		}
		r, openErr := e.bare(s.cfg.Sealer)
		if openErr != nil {
			err = openErr
			break
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		s.halt(l, fmt.Errorf("nothing to send from sequence %d: %w", from, err))
		return nil
	}
	s.mu.Lock()
	if l.next != from { // the parent rewound the lane meanwhile
		s.mu.Unlock()
		return nil
	}
	s.owedLocked()
	s.number++
	b := &wire.Batch{Number: s.number, Origin: string(l.Origin), Epoch: l.Epoch, Class: l.Class, FirstSeq: from, Records: records}
	s.flight = append(s.flight, sent{lane: l, round: l.round, number: b.Number, records: uint64(len(records))})
	l.flying++
	l.next += uint64(len(records))
	s.mu.Unlock()
	s.stats.batches.Add(1)
	s.stats.records.Add(uint64(len(records)))
	return s.conn.Write(&wire.UploadUp{Body: &wire.UploadUp_Batch{Batch: b}})
}

func (s *session) halt(l *lane, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.halted = true
	s.stats.halted.Add(1)
	s.cfg.Logger.Error("upload: lane halted until the next session", "lane", l.LaneKey.String(), "err", reason)
}

// receive takes the parent's answers until the stream ends, and then ends the session.
func (s *session) receive() {
	defer s.cancel()
	for {
		var down wire.UploadDown
		err := s.conn.Read(&down)
		if err == nil {
			err = s.answer(&down)
		}
		if err != nil {
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
			return
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

func (s *session) answer(down *wire.UploadDown) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Now()
	switch body := down.GetBody().(type) {
	case *wire.UploadDown_Marks:
		return s.marksLocked(body.Marks)
	case *wire.UploadDown_Receipts:
		for _, r := range body.Receipts.GetReceipts() {
			if err := s.receiptLocked(r); err != nil {
				return err
			}
		}
	case *wire.UploadDown_End:
		return fmt.Errorf("the parent ended the session: %w", body.End.Err())
	}
	return nil
}

func (s *session) marksLocked(m *wire.UploadMarks) error {
	if len(s.asked) == 0 || len(m.GetMarks()) != len(s.asked[0]) {
		return wire.Refuse(wire.CodeMalformed, "marks: %d lanes, not as asked", len(m.GetMarks()))
	}
	if !s.greeted {
		if _, err := wire.CheckVersion(m.GetVersion()); err != nil {
			return err
		}
		s.greeted = true
		s.stats.sessions.Add(1)
	}
	for i, l := range s.asked[0] {
		k := m.Marks[i]
		if identity.Site(k.GetOrigin()) != l.Origin || k.GetEpoch() != l.Epoch {
			return wire.Refuse(wire.CodeMalformed, "marks[%d]: lane %s/%d, asked for %s", i, k.GetOrigin(), k.GetEpoch(), l.LaneKey)
		}
		l.known, l.next = true, k.GetSeq()+1
		s.acks.add(l.LaneKey, k.GetSeq(), 0)
	}
	s.asked = slices.Delete(s.asked, 0, 1)
	return nil
}

func (s *session) receiptLocked(r *wire.Receipt) error {
	if len(s.flight) == 0 || s.flight[0].number != r.GetNumber() {
		return wire.Refuse(wire.CodeMalformed, "receipt of batch %d, which is not the next", r.GetNumber())
	}
	f := s.flight[0]
	s.flight = s.flight[1:]
	l := f.lane
	l.flying--
	switch r.GetCode() {
	case wire.CodeOK, wire.CodeDuplicate:
		s.moved = true
		s.stats.delivered.Add(f.records)
		s.acks.add(l.LaneKey, r.GetNextSeq()-1, f.records)
		if f.round == l.round && r.GetNextSeq() > l.next {
			l.next = r.GetNextSeq() // another session brought more than this one knew
		}
	case wire.CodeGap:
		if f.round == l.round {
			l.round++
			l.next = r.GetNextSeq()
			s.stats.rewinds.Add(1)
		}
	default:
		if !l.halted {
			l.halted = true
			s.stats.halted.Add(1)
			s.cfg.Logger.Error("upload: the parent refuses a lane; halted until the next session", "lane", l.LaneKey.String(), "code", r.GetCode())
		}
	}
	return nil
}
