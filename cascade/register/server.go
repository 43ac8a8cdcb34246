package register

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Proposer commits a command in the site's ledger and returns the table's value. An error means
// that nothing was committed or the outcome is unknown; every command here may be repeated.
type Proposer interface {
	Propose(ctx context.Context, kind uint16, id [16]byte, body []byte) (value []byte, err error)
}

// Issuer signs with this site's key. Chains are leaf first and include the root.
type Issuer interface {
	// IssueSite certifies the key of a child's authority.
	IssueSite(ctx context.Context, r identity.Request, name string) ([]*identity.Certificate, error)
	// IssueNode certifies the key of a further node of this site.
	IssueNode(ctx context.Context, r identity.Request) ([]*identity.Certificate, error)
}

// Secrets gives a new node what the site's nodes share, sealed to its key.
type Secrets interface {
	Secrets(pub *gmcrypto.PublicKey) ([]byte, error)
}

// ServerConfig is what a Server needs. All fields are required but Now, Leads and Alive.
type ServerConfig struct {
	Site     identity.Site
	Node     string // this node
	Ledger   Ledger
	Proposer Proposer
	Issuer   Issuer
	Secrets  Secrets
	// Root returns the fingerprint of the trust root's certificate, for tokens.
	Root func() gmcrypto.Fingerprint
	// Nodes returns the present nodes of this site with the addresses others reach them at.
	Nodes func() []*wire.NodeAddress
	// Leads tells whether this node leads the site; the leader sets links offline whose node
	// is not Alive. Without them such a link stays online until its child connects again.
	Leads  func() bool
	Alive  func(node string) bool
	Now    func() time.Time // default time.Now
	Logger *slog.Logger
}

// ServerStats counts since the start.
type ServerStats struct {
	Enrolments uint64 // requests answered
	Refused    uint64 // requests and sessions refused
	Malformed  uint64 // streams ended by a frame that broke a rule
	Sessions   uint64 // heartbeat sessions served
	Open       int    // heartbeat sessions now
}

// Server answers enrolments and heartbeats, and carries out what operators decide.
type Server struct {
	cfg      ServerConfig
	enrols   chan struct{} // a place for each enrolment under way
	mu       sync.Mutex
	sessions map[identity.Site]map[[wire.IDBytes]byte]bool // heartbeat sessions held here
	stats    struct{ enrolments, refused, malformed, sessions atomic.Uint64 }
}

// enrolmentsOpenMax bounds how many strangers may wait for a decision with a stream open.
const enrolmentsOpenMax = 64

// NewServer returns a Server.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Site == "" || cfg.Node == "" || cfg.Ledger == nil || cfg.Proposer == nil || cfg.Issuer == nil || cfg.Secrets == nil ||
		cfg.Root == nil || cfg.Nodes == nil || cfg.Logger == nil {
		return nil, errors.New("register server: site, node, ledger, proposer, issuer, secrets, root, nodes and logger are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{
		cfg: cfg, enrols: make(chan struct{}, enrolmentsOpenMax),
		sessions: map[identity.Site]map[[wire.IDBytes]byte]bool{},
	}, nil
}

// Stats returns the counters.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	open := 0
	for _, m := range s.sessions {
		open += len(m)
	}
	s.mu.Unlock()
	c := &s.stats
	return ServerStats{Enrolments: c.enrolments.Load(), Refused: c.refused.Load(), Malformed: c.malformed.Load(), Sessions: c.sessions.Load(), Open: open}
}

// Allow is nil for the nodes of this site and of its approved children (whose site key must be
// the one enrolled), and an *wire.Error with CodeForbidden or CodeRevoked for everyone else. It
// reads the ledger once and is quick enough to be asked for every frame.
func (s *Server) Allow(peer identity.Peer) error {
	return checkAllowed(s.cfg.Ledger, s.cfg.Site, peer)
}

// Serve answers one stream until it or ctx ends, and closes conn. Guests may do nothing but ask
// to enrol. It returns nil on an ordinary end, and otherwise why it ended the stream.
func (s *Server) Serve(ctx context.Context, conn net.Conn, peer identity.Peer) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer wire.Bind(ctx, conn)()
	c := wire.NewConn(conn)
	var up wire.RegisterUp
	err := c.ReadWithin(wire.HelloTimeout, &up)
	if err == nil {
		switch body := up.GetBody().(type) {
		case *wire.RegisterUp_Enrol:
			wait := func() { // until the newcomer leaves
				wg.Go(func() {
					var more wire.RegisterUp
					_ = c.Read(&more)
					cancel()
				})
			}
			err = s.enrol(ctx, wait, c, peer, body.Enrol)
		case *wire.RegisterUp_Heartbeat:
			err = s.heartbeats(ctx, c, peer, body.Heartbeat)
		}
	}
	if wire.Ended(err) {
		return nil
	}
	switch wire.CodeOf(err) {
	case wire.CodeMalformed, wire.CodeTooLarge:
		s.stats.malformed.Add(1)
	default:
		s.stats.refused.Add(1)
	}
	_ = c.Write(&wire.RegisterDown{Body: &wire.RegisterDown_End{End: wire.StatusOf(err)}})
	return fmt.Errorf("register stream of %s: %w", peer, err)
}

// propose commits a command and returns its outcome; a refusal is an *wire.Error.
func (s *Server) propose(ctx context.Context, kind uint16, m proto.Message) (*wire.Outcome, error) {
	body, err := encode(m)
	if err != nil {
		return nil, err
	}
	value, err := s.cfg.Proposer.Propose(ctx, kind, [16]byte{}, body)
	if err != nil {
		return nil, wire.Refuse(wire.CodeUnavailable, "cannot commit now, try again: %w", err)
	}
	out := &wire.Outcome{}
	if err := proto.Unmarshal(value, out); err != nil {
		return nil, fmt.Errorf("outcome of command %d: %w", kind, err)
	}
	switch out.Code {
	case wire.CodeOK, wire.CodePending, wire.CodeDuplicate:
		return out, nil
	}
	return out, &wire.Error{Code: out.Code, Text: out.Text}
}

// Invitation is what an operator grants.
type Invitation struct {
	Purpose  wire.Purpose
	Site     identity.Site // who may enrol; for a node this site
	Node     string        // for a node: its name, empty = free choice
	Name     string        // for a site: what people call it
	Valid    time.Duration
	Approved bool // whoever uses it is in; otherwise a person decides then
	By       string
}

// Invite makes a one-time token. Only the token holds the secret: it cannot be shown again.
func (s *Server) Invite(ctx context.Context, inv Invitation) (token string, err error) {
	switch {
	case inv.Purpose == wire.PurposeSite && !s.cfg.Site.Above(inv.Site):
		return "", wire.Refuse(wire.CodeOutOfScope, "%s is not below %s", inv.Site, s.cfg.Site)
	case inv.Purpose == wire.PurposeNode && inv.Site != s.cfg.Site:
		return "", wire.Refuse(wire.CodeOutOfScope, "nodes can be invited into %s only", s.cfg.Site)
	case inv.Valid <= 0:
		return "", wire.Refuse(wire.CodeMalformed, "valid: must be positive")
	}
	id, secret := make([]byte, wire.IDBytes), make([]byte, wire.IDBytes)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("invite id: %w", err)
	}
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("invite secret: %w", err)
	}
	root, verifier, expires := s.cfg.Root(), Verifier(secret), s.cfg.Now().Add(inv.Valid)
	t := &wire.Token{
		Parent: string(s.cfg.Site), RootFingerprint: root[:], InviteId: id, Secret: secret,
		Purpose: inv.Purpose, Site: string(inv.Site), Node: inv.Node, Expires: expires.Unix(), Name: inv.Name,
	}
	for _, n := range s.cfg.Nodes() {
		if len(t.Addresses) < wire.AddressesMax {
			t.Addresses = append(t.Addresses, n.Address)
		}
	}
	if token, err = FormatToken(t); err != nil {
		return "", err
	}
	_, err = s.propose(ctx, KindInvite, &wire.Invite{
		Id: id, Verifier: verifier[:], Purpose: inv.Purpose, Site: string(inv.Site), Node: inv.Node,
		Expires: expires.UnixNano(), Approved: inv.Approved, By: inv.By,
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Withdraw makes an invite useless.
func (s *Server) Withdraw(ctx context.Context, invite []byte) error {
	_, err := s.propose(ctx, KindWithdraw, &wire.CommandWithdraw{Id: invite})
	return err
}

// Decision is an operator's word about one that asked to enrol.
type Decision struct {
	Purpose wire.Purpose
	Site    identity.Site
	Node    string // for a node
	By      string
	Reason  string
}

// Approve certifies the key that asked and lets it in. A second approval changes nothing.
func (s *Server) Approve(ctx context.Context, d Decision) error {
	m, err := s.member(d)
	if err != nil {
		return err
	}
	if m.State == wire.EnrolApproved {
		return nil
	}
	_, err = s.approve(ctx, m, d.By, d.Reason)
	return err
}

// Reject turns down one that waits.
func (s *Server) Reject(ctx context.Context, d Decision) error {
	return s.decide(ctx, d, wire.EnrolRejected)
}

// Revoke shuts out one that was approved, from its next frame on.
func (s *Server) Revoke(ctx context.Context, d Decision) error {
	return s.decide(ctx, d, wire.EnrolRevoked)
}

func (s *Server) decide(ctx context.Context, d Decision, state wire.EnrolState) error {
	m, err := s.member(d)
	if err != nil {
		return err
	}
	_, err = s.propose(ctx, KindDecide, &wire.CommandDecide{
		Purpose: d.Purpose, Site: string(d.Site), Node: d.Node, Key: m.Key, State: state, By: d.By, Reason: d.Reason,
	})
	return err
}

func (s *Server) member(d Decision) (*wire.Member, error) {
	m, err := readMember(s.cfg.Ledger, d.Purpose, d.Site, d.Node)
	if err == nil && m == nil {
		err = wire.Refuse(wire.CodeNotFound, "%s has not asked to enrol", whom(string(d.Site), d.Node))
	}
	return m, err
}

// approve signs the member's request and commits the certificate. When two do so at once, the
// first commit stands and both return it.
func (s *Server) approve(ctx context.Context, m *wire.Member, by, reason string) (*wire.Member, error) {
	r, err := identity.ParseRequest(m.Request)
	if err != nil {
		return nil, wire.Refuse(wire.CodeMalformed, "request: %w", err)
	}
	var chain []*identity.Certificate
	if m.Purpose == wire.PurposeSite {
		chain, err = s.cfg.Issuer.IssueSite(ctx, r, m.Name)
	} else {
		chain, err = s.cfg.Issuer.IssueNode(ctx, r)
	}
	if err != nil {
		return nil, fmt.Errorf("certifying %s %s: %w", m.Site, m.Node, err)
	}
	cmd := &wire.CommandDecide{Purpose: m.Purpose, Site: m.Site, Node: m.Node, Key: m.Key, State: wire.EnrolApproved, By: by, Reason: reason}
	for _, c := range chain {
		cmd.Chain = append(cmd.Chain, c.Raw())
	}
	out, err := s.propose(ctx, KindDecide, cmd)
	if err != nil {
		return nil, err
	}
	return out.Member, nil
}

// SetParent records who this site's parent is. Repeating it with the same content is cheap.
func (s *Server) SetParent(ctx context.Context, p *wire.Parent) error {
	old, err := readParent(s.cfg.Ledger)
	if err != nil {
		return err
	}
	if old != nil {
		same := proto.Clone(p).(*wire.Parent)
		if same.Since = old.Since; proto.Equal(same, old) {
			return nil
		}
	}
	_, err = s.propose(ctx, KindParent, p)
	return err
}

func fingerprint(k *gmcrypto.PublicKey) []byte {
	f := k.Fingerprint()
	return f[:]
}

// enrol answers a request to enrol, now and again when the decision falls.
func (s *Server) enrol(ctx context.Context, wait func(), c *wire.Conn, peer identity.Peer, req *wire.EnrolRequest) error {
	select {
	case s.enrols <- struct{}{}:
		defer func() { <-s.enrols }()
	default:
		return wire.Refuse(wire.CodeBusy, "too many enrolments under way: try again in a minute")
	}
	if _, err := wire.CheckVersion(req.GetVersion()); err != nil {
		return err
	}
	r, err := identity.ParseRequest(req.GetRequest())
	if err != nil {
		return wire.Refuse(wire.CodeMalformed, "enrol.request: %w", err)
	}
	switch {
	case peer.Key == nil:
		return wire.Refuse(wire.CodeForbidden, "the channel proved no key")
	case req.Purpose == wire.PurposeSite && (r.Node != "" || !s.cfg.Site.Above(r.Site)):
		return wire.Refuse(wire.CodeOutOfScope, "%s/%s cannot be a child site of %s", r.Site, r.Node, s.cfg.Site)
	case req.Purpose == wire.PurposeNode && (r.Node == "" || r.Site != s.cfg.Site):
		return wire.Refuse(wire.CodeOutOfScope, "%s/%s cannot be a node of %s", r.Site, r.Node, s.cfg.Site)
	}
	out, err := s.propose(ctx, KindClaim, &wire.CommandClaim{
		Request: req, Key: fingerprint(r.Key), ChannelKey: fingerprint(peer.Key), Site: string(r.Site), Node: r.Node,
	})
	if err != nil {
		return err
	}
	s.stats.enrolments.Add(1)
	m := out.Member
	if m.State == wire.EnrolPending && out.Code == wire.CodeOK {
		if m, err = s.approve(ctx, m, "invite", "approved with the invite"); err != nil {
			return err
		}
	}
	wait()
	told := wire.EnrolState(0)
	for {
		changed := s.cfg.Ledger.Watch()
		now, err := readMember(s.cfg.Ledger, m.Purpose, identity.Site(m.Site), m.Node)
		if err != nil {
			return err
		}
		if now != nil && moment(now) >= moment(m) { // this node's replica may lag behind the outcome
			if !bytes.Equal(now.Key, m.Key) {
				return wire.Refuse(wire.CodeNameTaken, "another key has meanwhile asked for %s %s", m.Site, m.Node)
			}
			m = now
		}
		if m.State != told {
			told = m.State
			if err := s.reply(c, m, r.Key); err != nil || told != wire.EnrolPending {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// moment orders what became of a member.
func moment(m *wire.Member) int64 { return max(m.GetAskedAt(), m.GetDecidedAt()) }

// reply tells the state of an enrolment, with everything the newcomer needs once it is in.
func (s *Server) reply(c *wire.Conn, m *wire.Member, key *gmcrypto.PublicKey) error {
	r := &wire.EnrolReply{State: m.State, Site: string(s.cfg.Site), Text: m.Reason}
	for _, n := range s.cfg.Nodes() {
		if len(r.Addresses) < wire.AddressesMax {
			r.Addresses = append(r.Addresses, n.Address)
		}
	}
	switch m.State {
	case wire.EnrolApproved:
		r.Code, r.Chain = wire.CodeOK, m.Chain
		if m.Purpose == wire.PurposeNode {
			var err error
			if r.Secrets, err = s.cfg.Secrets.Secrets(key); err != nil {
				return fmt.Errorf("sealing the site's secrets: %w", err)
			}
		}
	case wire.EnrolPending:
		r.Code, r.Text = wire.CodePending, "waits for approval at "+string(s.cfg.Site)
	case wire.EnrolRejected:
		r.Code = wire.CodeRejected
	default:
		r.Code = wire.CodeRevoked
	}
	return c.Write(&wire.RegisterDown{Body: &wire.RegisterDown_Enrol{Enrol: r}})
}
