package issue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// ServerConfig is what a Server needs. All but Allow are required.
type ServerConfig struct {
	Site     identity.Site // this site
	Ledger   Ledger
	Proposer Proposer
	Sealer   Sealer
	// Allow is asked at the start of a session and before every commit whether the peer may
	// (still) have documents; nil allows every node of a site below this one.
	Allow  func(identity.Peer) error
	Logger *slog.Logger
}

// ServerStats counts since the start.
type ServerStats struct {
	Sessions  uint64 // served
	Documents uint64 // sent
	Refused   uint64 // documents a child did not take, and sessions refused
	States    uint64 // taken in
	Malformed uint64 // frames that broke a rule; each ended its session
}

// Server gives children the documents that concern them and takes in what they did with them.
// Any number of sessions may run at once.
type Server struct {
	cfg   ServerConfig
	stats struct{ sessions, documents, refused, states, malformed atomic.Uint64 }
}

// NewServer returns a Server.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Site == "" || cfg.Ledger == nil || cfg.Proposer == nil || cfg.Sealer == nil || cfg.Logger == nil {
		return nil, errors.New("issue server: site, ledger, proposer, sealer and logger are required")
	}
	if cfg.Allow == nil {
		cfg.Allow = func(identity.Peer) error { return nil }
	}
	return &Server{cfg: cfg}, nil
}

// Stats returns the counters.
func (s *Server) Stats() ServerStats {
	c := &s.stats
	return ServerStats{c.sessions.Load(), c.documents.Load(), c.refused.Load(), c.states.Load(), c.malformed.Load()}
}

// serving is one session. One goroutine reads, one writes: a reader that wrote could wait for
// a child whose own reader waits to write.
type serving struct {
	*Server
	conn *wire.Conn
	peer identity.Peer
	acks chan uint64    // reports committed, for the writer to acknowledge
	have map[Key]uint64 // version the child holds or was sent; greet's, then the writer's
}

// Serve runs one session until the stream or ctx ends, and closes conn. It returns nil on an
// ordinary end.
func (s *Server) Serve(ctx context.Context, conn net.Conn, peer identity.Peer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer wire.Bind(ctx, conn)()
	s.stats.sessions.Add(1)
	v := &serving{Server: s, conn: wire.NewConn(conn), peer: peer, acks: make(chan uint64, 1), have: map[Key]uint64{}}
	err := v.greet()
	if err == nil {
		var wg sync.WaitGroup
		var sending error
		wg.Go(func() {
			if sending = v.send(ctx); sending != nil {
				cancel() // ends the reader
			}
		})
		err = v.read(ctx)
		cancel()
		wg.Wait()
		if wire.Ended(err) {
			err = sending
		}
	}
	if wire.Ended(err) {
		return nil
	}
	switch wire.CodeOf(err) {
	case wire.CodeMalformed, wire.CodeTooLarge:
		s.stats.malformed.Add(1)
	case wire.CodeInternal, wire.CodeUnavailable:
	default:
		s.stats.refused.Add(1)
	}
	_ = v.conn.Write(&wire.IssueDown{Body: &wire.IssueDown_End{End: wire.StatusOf(err)}})
	return fmt.Errorf("issue session of %s: %w", peer.Site, err)
}

func (v *serving) allow() error {
	if v.peer.Role != identity.RoleNode || !v.cfg.Site.Above(v.peer.Site) {
		return wire.Refuse(wire.CodeForbidden, "%s (%s) is not a node of a site below %s", v.peer.Site, v.peer.Role, v.cfg.Site)
	}
	return v.cfg.Allow(v.peer)
}

// greet reads the hellos and tells the child how far its log is known.
func (v *serving) greet() error {
	if err := v.allow(); err != nil {
		return err
	}
	version := uint32(0)
	for more := true; more; {
		var up wire.IssueUp
		if err := v.conn.ReadWithin(wire.HelloTimeout, &up); err != nil {
			return err
		}
		hello := up.GetHello()
		if hello == nil {
			return wire.Refuse(wire.CodeMalformed, "hello: another frame came")
		}
		if version == 0 {
			var err error
			if version, err = wire.CheckVersion(hello.GetVersion()); err != nil {
				return err
			}
		}
		for _, h := range hello.GetHave() {
			v.have[KeyOf(h)] = h.GetVersion()
		}
		if len(v.have) > wire.DocumentsMax {
			return wire.Refuse(wire.CodeTooLarge, "hello.have: more than %d documents", wire.DocumentsMax)
		}
		if more = hello.GetMore(); more {
			continue
		}
		mark, err := readMark(v.cfg.Ledger, v.peer.Site, hello.GetLog())
		if err != nil {
			return err
		}
		return v.conn.Write(&wire.IssueDown{Body: &wire.IssueDown_Welcome{Welcome: &wire.IssueWelcome{Version: version, Mark: mark}}})
	}
	return nil
}

// send gives the child what is newer than it holds, now and as it is committed, and
// acknowledges its reports.
func (v *serving) send(ctx context.Context) error {
	for {
		changed := v.cfg.Ledger.Watch()
		all, err := readDocuments(v.cfg.Ledger)
		if err != nil {
			return err
		}
		for _, d := range v.due(all) {
			if err := v.document(d); err != nil {
				return err
			}
			select {
			case through := <-v.acks:
				if err := v.acknowledge(through); err != nil {
					return err
				}
			default:
			}
		}
		select {
		case <-changed:
		case through := <-v.acks:
			if err := v.acknowledge(through); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// due picks what the child does not hold and is to have. One that was concerned and is no longer
// must hear that too, or it would apply the older version for ever.
func (v *serving) due(all []*wire.StoredDocument) []*wire.StoredDocument {
	var due []*wire.StoredDocument
	for _, d := range all {
		h := d.GetHeader()
		held := v.have[KeyOf(h)]
		if (held > 0 || passes(h, v.peer.Site)) && h.GetVersion() > held {
			due = append(due, d)
		}
	}
	return due
}

// document sends one document. Its body is read within one transaction: a newer version may
// let it go meanwhile.
func (v *serving) document(d *wire.StoredDocument) error {
	body, err := readBody(v.cfg.Ledger, v.cfg.Sealer, d)
	if err != nil {
		return err
	}
	h := d.GetHeader()
	if len(body) <= wire.DocumentChunkBytes {
		h.Body, body = body, nil
	}
	if err := v.conn.Write(&wire.IssueDown{Body: &wire.IssueDown_Document{Document: h}}); err != nil {
		return err
	}
	for i := uint32(0); len(body) > 0; i++ {
		n := min(len(body), wire.DocumentChunkBytes)
		chunk := &wire.DocumentChunk{Index: i, Data: body[:n]}
		if err := v.conn.Write(&wire.IssueDown{Body: &wire.IssueDown_Chunk{Chunk: chunk}}); err != nil {
			return err
		}
		body = body[n:]
	}
	v.have[KeyOf(h)] = h.GetVersion()
	v.stats.documents.Add(1)
	return nil
}

// read takes results and reports in until the stream ends.
func (v *serving) read(ctx context.Context) error {
	for {
		var up wire.IssueUp
		if err := v.conn.Read(&up); err != nil {
			return err
		}
		var err error
		switch body := up.GetBody().(type) {
		case *wire.IssueUp_Result:
			err = v.result(ctx, body.Result)
		case *wire.IssueUp_Report:
			err = v.report(ctx, body.Report)
		default:
			err = wire.Refuse(wire.CodeMalformed, "hello: a second one")
		}
		if err != nil {
			return err
		}
	}
}

// result notes what became of a document that was sent. A child that could not even commit it
// has no state of its own to report, so the refusal is put down here.
func (v *serving) result(ctx context.Context, r *wire.DocumentResult) error {
	switch r.GetCode() {
	case wire.CodeOK, wire.CodeDuplicate, wire.CodeStaleVersion:
		return nil
	}
	v.stats.refused.Add(1)
	v.cfg.Logger.Warn("issue: a child does not take a document", "child", v.peer.Site, "document", KeyOf(r).String(), "version", r.GetVersion(), "code", r.GetCode())
	state := &wire.DocumentState{
		Issuer: r.GetIssuer(), Kind: r.GetKind(), Name: r.GetName(), Version: r.GetVersion(), Site: string(v.peer.Site),
		State: wire.StateRefused, Reason: wire.Clip(r.GetText()), At: time.Now().UnixNano(),
	}
	return v.commit(ctx, &wire.CommandStates{States: []*wire.StoredState{sealState(v.cfg.Sealer, state)}})
}

// report commits states of the child's subtree and lets the writer acknowledge them.
func (v *serving) report(ctx context.Context, r *wire.StateReport) error {
	c := &wire.CommandStates{Child: string(v.peer.Site), Log: r.GetLog(), Through: r.GetThrough()}
	for i, s := range r.GetStates() {
		if !v.peer.Site.Contains(siteOf(s.GetSite())) {
			return wire.Refuse(wire.CodeOutOfScope, "report.states[%d].site: %s is not in the subtree of %s", i, s.GetSite(), v.peer.Site)
		}
		c.States = append(c.States, sealState(v.cfg.Sealer, s))
	}
	if err := v.commit(ctx, c); err != nil {
		return err
	}
	v.stats.states.Add(uint64(len(c.GetStates())))
	select {
	case v.acks <- r.GetThrough():
		return nil
	default:
		return wire.Refuse(wire.CodeMalformed, "report: the one before it is not acknowledged yet")
	}
}

func (v *serving) acknowledge(through uint64) error {
	return v.conn.Write(&wire.IssueDown{Body: &wire.IssueDown_StateAck{StateAck: &wire.StateAck{Through: through}}})
}

func (v *serving) commit(ctx context.Context, c *wire.CommandStates) error {
	if err := v.cfg.Allow(v.peer); err != nil {
		return err
	}
	if err := proposeStates(ctx, v.cfg.Proposer, c); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.cfg.Logger.Warn("issue: states not committed, the child will send them again", "child", v.peer.Site, "err", err)
		return wire.Refuse(wire.CodeUnavailable, "cannot commit now")
	}
	return nil
}
