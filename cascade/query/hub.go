package query

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Hub answers questions for this site and everything below it: with its own records, and over
// the sessions its children hold open.
type Hub struct {
	cfg HubConfig

	mu       sync.Mutex
	sessions map[identity.Site][]*session // the newest last

	stats struct {
		asked, sessions, offline, late, malformed, refused atomic.Uint64
	}
}

// NewHub returns a Hub.
func NewHub(cfg HubConfig) (*Hub, error) {
	if cfg.Site == "" || cfg.Searcher == nil || cfg.Known == nil || cfg.Logger == nil {
		return nil, errors.New("query hub: site, searcher, known and logger are required")
	}
	if cfg.Allow == nil {
		cfg.Allow = func(identity.Peer) error { return nil }
	}
	return &Hub{cfg: cfg, sessions: map[identity.Site][]*session{}}, nil
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	c := &h.stats
	return Stats{
		Asked: c.asked.Load(), Sessions: c.sessions.Load(), Offline: c.offline.Load(), Late: c.late.Load(),
		Malformed: c.malformed.Load(), Refused: c.refused.Load(),
	}
}

// Serve runs one stream until it or ctx ends, and closes conn: the session a child holds open
// for questions to itself, or questions that another node of this site hands over because
// this one holds the child's session. It returns nil on an ordinary end.
func (h *Hub) Serve(ctx context.Context, conn net.Conn, peer identity.Peer) error {
	defer wire.Bind(ctx, conn)()
	framed := wire.NewConn(conn)
	err := h.allow(peer)
	switch {
	case err != nil:
	case peer.Site == h.cfg.Site:
		err = answer(ctx, framed, h.viaSession)
	default:
		err = h.serveChild(ctx, framed, peer)
	}
	if wire.Ended(err) {
		return nil
	}
	switch wire.CodeOf(err) {
	case wire.CodeMalformed, wire.CodeTooLarge:
		h.stats.malformed.Add(1)
	case wire.CodeForbidden, wire.CodeRevoked, wire.CodeVersion:
		h.stats.refused.Add(1)
	}
	_ = framed.Write(&wire.QueryUp{Body: &wire.QueryUp_End{End: wire.StatusOf(err)}})
	return fmt.Errorf("query session of %s: %w", peer.Site, err)
}

func (h *Hub) allow(peer identity.Peer) error {
	if peer.Role != identity.RoleNode || peer.Site != h.cfg.Site && !h.cfg.Site.Above(peer.Site) {
		return wire.Refuse(wire.CodeForbidden, "%s (%s) is no node of %s or of a site below it", peer.Site, peer.Role, h.cfg.Site)
	}
	return h.cfg.Allow(peer)
}

func (h *Hub) serveChild(ctx context.Context, conn *wire.Conn, peer identity.Peer) error {
	var hello wire.QueryUp
	if err := conn.ReadWithin(wire.HelloTimeout, &hello); err != nil {
		return err
	}
	if hello.GetHello() == nil {
		return wire.Refuse(wire.CodeMalformed, "hello: the first frame is another")
	}
	if _, err := wire.CheckVersion(hello.GetHello().GetVersion()); err != nil {
		return err
	}
	h.stats.sessions.Add(1)
	s := newSession(conn)
	s.peer = peer
	h.attach(peer.Site, s)
	defer h.detach(peer.Site, s)
	return s.run(ctx)
}

func (h *Hub) attach(site identity.Site, s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[site] = append(h.sessions[site], s)
}

func (h *Hub) detach(site identity.Site, s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var left []*session
	for _, other := range h.sessions[site] {
		if other != s {
			left = append(left, other)
		}
	}
	if h.sessions[site] = left; len(left) == 0 {
		delete(h.sessions, site)
	}
}

// session returns the newest session of a child here, or nil. One whose peer has been revoked
// since it began is ended.
func (h *Hub) session(site identity.Site) *session {
	h.mu.Lock()
	all := slices.Clone(h.sessions[site])
	h.mu.Unlock()
	for _, s := range slices.Backward(all) {
		err := h.cfg.Allow(s.peer)
		if err == nil {
			return s
		}
		h.stats.refused.Add(1)
		h.cfg.Logger.Warn("query: session ended, the child may no longer be asked", "child", site, "err", err)
		_ = s.conn.Close()
	}
	return nil
}

// Attached lists the children whose session this node holds.
func (h *Hub) Attached() []identity.Site {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]identity.Site, 0, len(h.sessions))
	for site := range h.sessions {
		out = append(out, site)
	}
	return out
}

// viaSession answers a question handed over by another node of this site: from the session of
// the child it names, and from nothing else.
func (h *Hub) viaSession(ctx context.Context, q *wire.Query) (*part, error) {
	child := identity.Site(q.GetVia())
	s := h.session(child)
	if s == nil {
		return nil, wire.Refuse(wire.CodeNotFound, "no session with %s here", child)
	}
	return s.ask(ctx, withVia(q, "")), nil
}
