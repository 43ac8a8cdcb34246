package query

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// session is the asking side of a stream: questions go out, pages come in, many at once.
type session struct {
	conn *wire.Conn
	peer identity.Peer        // who answers; zero for another node of this site
	out  chan *wire.QueryDown // so that a peer that does not read delays nobody but the writer
	done chan struct{}        // closed when the session is over

	mu   sync.Mutex
	open map[[wire.IDBytes]byte]*part
}

func newSession(conn *wire.Conn) *session {
	return &session{
		conn: conn, out: make(chan *wire.QueryDown, 2*wire.QueriesOpenMax), done: make(chan struct{}),
		open: map[[wire.IDBytes]byte]*part{},
	}
}

// run writes what is asked and reads what is answered until the stream ends.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer close(s.done)
	wg.Go(func() { s.write(ctx) })
	for {
		var up wire.QueryUp
		if err := s.conn.Read(&up); err != nil {
			return err
		}
		switch body := up.GetBody().(type) {
		case *wire.QueryUp_Page:
			s.page(body.Page)
		case *wire.QueryUp_End:
			return body.End.Err()
		default:
			return wire.Refuse(wire.CodeMalformed, "hello: a second one")
		}
	}
}

func (s *session) write(ctx context.Context) {
	for {
		select {
		case m := <-s.out:
			if s.conn.Write(m) != nil {
				_ = s.conn.Close() // ends the reader, so that the child opens another session
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// page adds a page to its question; one that nobody waits for any more is dropped.
func (s *session) page(p *wire.AnswerPage) {
	s.mu.Lock()
	q := s.open[[wire.IDBytes]byte(p.GetId())]
	s.mu.Unlock()
	if q != nil {
		q.add(p)
	}
}

// ask puts a question and returns what had come when the answer was whole, the session ended,
// or ctx ended.
func (s *session) ask(ctx context.Context, q *wire.Query) *part {
	p := newPart(q)
	id := [wire.IDBytes]byte(q.GetId())
	s.mu.Lock()
	if len(s.open) >= wire.QueriesOpenMax || s.open[id] != nil {
		s.mu.Unlock()
		return p.end(wire.Refused, wire.CodeBusy, "too many questions under way")
	}
	s.open[id] = p
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.open, id)
		s.mu.Unlock()
	}()
	select {
	case s.out <- &wire.QueryDown{Body: &wire.QueryDown_Query{Query: q}}:
	default:
		return p.end(wire.Late, wire.CodeBusy, "it does not take questions")
	}
	select {
	case <-p.whole:
		return p
	case <-s.done:
		return p.end(wire.Offline, wire.CodeUnavailable, "the link broke while it was asked")
	case <-ctx.Done():
		select {
		case s.out <- &wire.QueryDown{Body: &wire.QueryDown_Cancel{Cancel: &wire.QueryCancel{Id: q.GetId()}}}:
		default: // it will find out by its own deadline
		}
		return p.end(wire.Late, wire.CodeDeadline, "no answer before the deadline")
	}
}

// part is what one source has contributed to an answer.
type part struct {
	mu     sync.Mutex
	limit  int
	budget uint64
	rows   []*wire.Row
	bytes  uint64
	sites  []*wire.SiteAnswer
	ended  bool
	whole  chan struct{} // closed with the last page

	// What stands for the sites of this part that it says nothing of.
	silent wire.Completeness
	code   wire.Code
	text   string
}

func newPart(q *wire.Query) *part {
	return &part{
		limit: int(q.GetLimit()), budget: q.GetBudgetBytes(), whole: make(chan struct{}),
		silent: wire.Offline, code: wire.CodeUnavailable, text: "not in the answer of the site above it",
	}
}

// add takes a page within the limits of the question, whatever the peer sends.
func (p *part) add(page *wire.AnswerPage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	for _, r := range page.GetRows() {
		if !p.takeLocked(r) {
			break
		}
	}
	if page.GetLast() {
		p.sites = page.GetSites()
		p.ended = true
		close(p.whole)
	}
}

// takeLocked adds one row unless the limits are reached.
func (p *part) takeLocked(r *wire.Row) bool {
	size := uint64(len(r.GetPayload()))
	if len(p.rows) >= p.limit || p.bytes+size > p.budget {
		return false
	}
	p.rows, p.bytes = append(p.rows, r), p.bytes+size
	return true
}

// take is takeLocked for one who shares p with others.
func (p *part) take(r *wire.Row) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked(r)
}

// end closes p to further pages and says how the sites it does not name count.
func (p *part) end(c wire.Completeness, code wire.Code, text string) *part {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended = true
		p.silent, p.code, p.text = c, code, text
	}
	return p
}

// withVia is q with another via.
func withVia(q *wire.Query, via string) *wire.Query {
	c := proto.CloneOf(q)
	c.Via = via
	return c
}
