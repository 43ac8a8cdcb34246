package query

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// headroom is what a site keeps of the time it was given, so that its answer is back before
// the one who asked gives up: a tenth, within bounds.
func headroom(left time.Duration) time.Duration {
	return min(max(left/10, 20*time.Millisecond), 250*time.Millisecond)
}

// Ask answers q from this site's own records and from every site below it that is in scope,
// by ctx's deadline or Query.remaining_ms, whichever comes first. The error is about the
// question alone (malformed, scope unknown, expression not understood here); what a site
// could not answer is in the answer's list.
func (h *Hub) Ask(ctx context.Context, q *wire.Query) (*Answer, error) {
	start := time.Now()
	h.stats.asked.Add(1)
	if err := q.Check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(q.GetRemainingMs())*time.Millisecond)
	defer cancel()
	here, below, err := h.inScope(q)
	if err != nil {
		return nil, err
	}

	var wg sync.WaitGroup
	var own *part
	var refused error
	if here {
		wg.Go(func() { own, refused = h.search(ctx, q) })
	}
	children := make([]*part, len(below))
	for i, b := range below {
		wg.Go(func() { children[i] = h.askChild(ctx, q, b.child) })
	}
	wg.Wait()
	if refused != nil && (len(below) == 0 || wire.CodeOf(refused) == wire.CodeQuery) {
		return nil, refused // nobody else needs to tell the one who asked about a slip of the pen
	}

	m := newMerge(q)
	if own != nil {
		m.add(own, []identity.Site{h.cfg.Site}, h.cfg.Site)
	}
	for i, b := range below {
		m.add(children[i], b.sites, b.child)
	}
	answer := m.answer()
	answer.Took = time.Since(start)
	h.count(answer)
	return answer, nil
}

func (h *Hub) count(a *Answer) {
	for _, s := range a.Sites {
		switch s.GetCompleteness() {
		case wire.Offline:
			h.stats.offline.Add(1)
		case wire.Late:
			h.stats.late.Add(1)
		}
	}
}

// branch is a child to be asked, and the sites in scope behind it.
type branch struct {
	child identity.Site
	sites []identity.Site
}

// inScope tells whether this site itself is asked, and which children are.
func (h *Hub) inScope(q *wire.Query) (here bool, below []branch, err error) {
	scope := identity.Site(q.GetScope())
	wanted := func(s identity.Site) bool { return s == scope || q.GetSubtree() && scope.Contains(s) }
	here = wanted(h.cfg.Site)
	known, err := h.cfg.Known()
	if err != nil {
		return false, nil, err
	}
	byChild := map[identity.Site][]identity.Site{}
	for _, p := range known {
		if wanted(p.Site) {
			byChild[p.Via] = append(byChild[p.Via], p.Site)
		}
	}
	if !here && len(byChild) == 0 {
		return false, nil, wire.Refuse(wire.CodeNotFound, "scope %s: %s knows no such site below it", scope, h.cfg.Site)
	}
	for child, sites := range byChild {
		below = append(below, branch{child, sites})
	}
	slices.SortFunc(below, func(a, b branch) int { return cmp.Compare(a.child, b.child) })
	return here, below, nil
}

// search is this site's own part.
func (h *Hub) search(ctx context.Context, q *wire.Query) (*part, error) {
	start := time.Now()
	p := newPart(q)
	matched, err := h.cfg.Searcher.Search(ctx, q, p.take)
	own := &wire.SiteAnswer{
		Site: string(h.cfg.Site), Completeness: wire.Answered, Matched: matched, TookMs: milliseconds(time.Since(start)),
	}
	var refusal *wire.Error
	switch {
	case err == nil:
	case errors.Is(err, ErrCut) || ctx.Err() != nil:
		own.Completeness, own.Code, own.Text = wire.Partial, wire.CodeDeadline, "not all records were looked through"
	case errors.As(err, &refusal):
		own.Completeness, own.Code, own.Text = wire.Refused, refusal.Code, refusal.Text
	default:
		h.cfg.Logger.Error("query: own records cannot be searched", "err", err)
		own.Completeness, own.Code, own.Text = wire.Refused, wire.CodeInternal, "its own records cannot be searched"
		err = wire.Refuse(wire.CodeInternal, "searching the records of %s: %w", h.cfg.Site, err)
	}
	p.add(&wire.AnswerPage{Last: true, Sites: []*wire.SiteAnswer{own}})
	if own.Completeness != wire.Refused {
		err = nil
	}
	return p, err
}

// askChild asks over the session held here, or through the node that holds it.
func (h *Hub) askChild(ctx context.Context, q *wire.Query, child identity.Site) *part {
	deadline, _ := ctx.Deadline() // Ask has set one
	left := time.Until(deadline)
	down := withVia(q, "")
	down.RemainingMs = uint32(max(1, (left - headroom(left)).Milliseconds()))
	if s := h.session(child); s != nil {
		return s.ask(ctx, down)
	}
	offline := func(text string) *part { return newPart(q).end(wire.Offline, wire.CodeUnavailable, text) }
	if h.cfg.Locate == nil || h.cfg.Forward == nil {
		return offline("no link with it")
	}
	node, ok := h.cfg.Locate(child)
	if !ok {
		return offline("no link with it")
	}
	conn, err := h.cfg.Forward(ctx, node)
	if err != nil {
		return offline("the node that holds its link cannot be reached")
	}
	hop, cancel := context.WithCancel(ctx)
	defer cancel()
	release := wire.Bind(hop, conn)
	s := newSession(wire.NewConn(conn))
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.run(hop) }) // its end shows in the part
	p := s.ask(ctx, withVia(down, string(child)))
	release()
	wg.Wait()
	return p
}

// merge joins parts into one answer.
type merge struct {
	q     *wire.Query
	rows  []*wire.Row
	sites map[identity.Site]*wire.SiteAnswer
}

func newMerge(q *wire.Query) *merge {
	return &merge{q: q, sites: map[identity.Site]*wire.SiteAnswer{}}
}

// add joins the part of one source. It may speak for itself and for what lies below it, and
// for nobody else; expected are the sites it should have named.
func (m *merge) add(p *part, expected []identity.Site, source identity.Site) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rows {
		if source.Contains(identity.Site(r.GetOrigin())) {
			m.rows = append(m.rows, r)
		}
	}
	for _, s := range p.sites {
		if site := identity.Site(s.GetSite()); source.Contains(site) {
			m.sites[site] = s
		}
	}
	silent := &wire.SiteAnswer{Completeness: p.silent, Code: p.code, Text: p.text}
	if s := m.sites[source]; s != nil && s.GetCompleteness() != wire.Answered && s.GetCompleteness() != wire.Partial {
		silent = s // what kept the source from answering kept all below it
	}
	for _, site := range expected {
		if m.sites[site] == nil {
			m.sites[site] = &wire.SiteAnswer{Site: string(site), Completeness: silent.Completeness, Code: silent.Code, Text: silent.Text}
		}
	}
}

func (m *merge) answer() *Answer {
	slices.SortStableFunc(m.rows, func(a, b *wire.Row) int {
		return cmp.Or(cmp.Compare(b.GetAt(), a.GetAt()), cmp.Compare(a.GetOrigin(), b.GetOrigin()), bytes.Compare(a.GetId(), b.GetId()))
	})
	m.rows = slices.CompactFunc(m.rows, func(a, b *wire.Row) bool {
		return a.GetOrigin() == b.GetOrigin() && bytes.Equal(a.GetId(), b.GetId())
	})
	out := &Answer{ID: [wire.IDBytes]byte(m.q.GetId())}
	p := newPart(m.q)
	for _, r := range m.rows {
		if !p.takeLocked(r) { // nobody else has p
			break
		}
	}
	out.Rows = p.rows
	for _, s := range m.sites {
		out.Sites = append(out.Sites, s)
		out.Matched += s.GetMatched()
	}
	slices.SortFunc(out.Sites, func(a, b *wire.SiteAnswer) int { return cmp.Compare(a.GetSite(), b.GetSite()) })
	return out
}

func milliseconds(d time.Duration) uint32 { return uint32(min(d.Milliseconds(), 1<<31)) }
