package register

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// countsEvery is how often a summary is committed that differs in counts only. A change of
// sites, nodes or links is committed with the next heartbeat.
const countsEvery = 10 * time.Second

// session is one child's heartbeats.
type session struct {
	*Server
	peer      identity.Peer
	id        [wire.IDBytes]byte
	pending   *wire.Summary // told and not committed yet
	committed *wire.Summary
	at        time.Time // of the last commit of a summary
	linked    bool      // the link has been taken over from whoever held it
}

// heartbeats serves a session: silence for HeartbeatLost, a broken stream or a revocation end
// it, and the link is then offline unless another session has taken over.
func (s *Server) heartbeats(ctx context.Context, c *wire.Conn, peer identity.Peer, first *wire.Heartbeat) error {
	if _, err := wire.CheckVersion(first.GetVersion()); err != nil {
		return err
	}
	if !s.cfg.Site.Above(peer.Site) {
		return wire.Refuse(wire.CodeForbidden, "%s is not below %s", peer, s.cfg.Site)
	}
	v := &session{Server: s, peer: peer}
	if _, err := rand.Read(v.id[:]); err != nil {
		return fmt.Errorf("session id: %w", err)
	}
	if err := s.Allow(peer); err != nil {
		return err
	}
	s.stats.sessions.Add(1)
	s.hold(peer.Site, v.id, true)
	defer func() {
		s.hold(peer.Site, v.id, false)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), wire.HeartbeatEvery)
		defer cancel()
		if err := v.link(last, false); err != nil {
			s.cfg.Logger.Warn("register: link not noted as offline yet", "child", peer.Site, "err", err)
		}
	}()
	for beat := first; ; {
		if err := v.beat(ctx, c, beat); err != nil {
			return err
		}
		var up wire.RegisterUp
		if err := c.ReadWithin(wire.HeartbeatLost, &up); err != nil {
			return err
		}
		if beat = up.GetHeartbeat(); beat == nil {
			return wire.Refuse(wire.CodeMalformed, "heartbeat: another request inside a heartbeat session")
		}
		if err := s.Allow(peer); err != nil {
			return err
		}
	}
}

// beat answers at once, and then commits what is new.
func (v *session) beat(ctx context.Context, c *wire.Conn, h *wire.Heartbeat) error {
	reply := &wire.HeartbeatReply{Number: h.GetNumber(), SentAt: h.GetSentAt(), Time: v.cfg.Now().UnixNano(), Nodes: v.cfg.Nodes()}
	if s := h.GetSummary(); s != nil {
		if identity.Site(s.Site) != v.peer.Site {
			return wire.Refuse(wire.CodeOutOfScope, "heartbeat.summary.site: %s, from %s", s.Site, v.peer.Site)
		}
		v.pending = s
	}
	if err := c.Write(&wire.RegisterDown{Body: &wire.RegisterDown_Heartbeat{Heartbeat: reply}}); err != nil {
		return err
	}
	// A ledger that cannot commit now must not end the session: it is tried again next time.
	ctx, cancel := context.WithTimeout(ctx, wire.HeartbeatEvery)
	defer cancel()
	m, err := readMember(v.cfg.Ledger, wire.PurposeSite, v.peer.Site, "")
	if err == nil && (!v.linked || !m.GetLink().GetOnline()) {
		err = v.link(ctx, true)
		v.linked = err == nil
	}
	if err == nil {
		err = v.summary(ctx)
	}
	switch wire.CodeOf(err) {
	case wire.CodeOK:
	case wire.CodeUnavailable:
		v.cfg.Logger.Warn("register: heartbeat not committed yet", "child", v.peer.Site, "err", err)
	default:
		return err
	}
	return nil
}

func (v *session) link(ctx context.Context, online bool) error {
	_, err := v.propose(ctx, KindLink, &wire.CommandLink{Site: string(v.peer.Site), Node: v.cfg.Node, Session: v.id[:], Online: online})
	if wire.CodeOf(err) == wire.CodeNotFound {
		return nil // revoked meanwhile, which has set the link offline already
	}
	return err
}

func (v *session) summary(ctx context.Context) error {
	now := v.cfg.Now()
	switch {
	case v.pending == nil:
		return nil
	case v.committed != nil && sameShape(v.pending, v.committed) && now.Sub(v.at) < countsEvery:
		return nil
	}
	if _, err := v.propose(ctx, KindSummary, v.pending); err != nil {
		return err
	}
	v.committed, v.pending, v.at = v.pending, nil, now
	return nil
}

// sameShape compares summaries without their counts.
func sameShape(a, b *wire.Summary) bool {
	strip := func(s *wire.Summary) *wire.Summary {
		s = proto.Clone(s).(*wire.Summary)
		for _, x := range s.Sites {
			x.Counts = nil
		}
		return s
	}
	return proto.Equal(strip(a), strip(b))
}

func (s *Server) hold(site identity.Site, id [wire.IDBytes]byte, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		if s.sessions[site] == nil {
			s.sessions[site] = map[[wire.IDBytes]byte]bool{}
		}
		s.sessions[site][id] = true
		return
	}
	delete(s.sessions[site], id)
	if len(s.sessions[site]) == 0 {
		delete(s.sessions, site)
	}
}

// Run sets links offline that nobody holds any more: sessions of this node's former life, and,
// on the leader, those of nodes that are gone. It blocks until ctx ends and then returns nil.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(wire.HeartbeatEvery)
	defer tick.Stop()
	for {
		if err := s.reap(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("register: dead links not noted as offline yet", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) reap(ctx context.Context) error {
	children, err := readChildren(s.cfg.Ledger)
	if err != nil {
		return err
	}
	for _, m := range children {
		if l := m.GetLink(); !l.GetOnline() || !s.dead(m, l) {
			continue
		}
		_, err := s.propose(ctx, KindLink, &wire.CommandLink{Site: m.Site, Node: m.Link.Node, Session: m.Link.Session})
		if err != nil && wire.CodeOf(err) != wire.CodeNotFound {
			return err
		}
	}
	return nil
}

func (s *Server) dead(m *wire.Member, l *wire.Link) bool {
	if l.Node != s.cfg.Node {
		return s.cfg.Leads != nil && s.cfg.Alive != nil && s.cfg.Leads() && !s.cfg.Alive(l.Node)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.sessions[identity.Site(m.Site)] {
		if bytes.Equal(id[:], l.Session) {
			return false
		}
	}
	return true
}
