package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/issue"
	"fengsui/cascade/query"
	"fengsui/cascade/register"
	"fengsui/cascade/upload"
	"fengsui/cascade/wire"
	"fengsui/federation/link"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
	"fengsui/node/enrol"
	"fengsui/node/member"
	"fengsui/node/records"
	"fengsui/node/search"
	"fengsui/node/state"
)

// Tables of the ledger the rooms of cascade keep.
const (
	tableRegister = state.TableRegister
	tableUpload   = state.TableUpload
	tableIssue    = state.TableIssue
)

// tree is this node's place among sites: it serves the children, and on the node that leads, the uplink to the parent (uplink.go).
type tree struct {
	n         *Node
	register  *register.Server
	upload    *upload.Server
	issue     *issue.Server
	hub       *query.Hub
	publisher *issue.Publisher
	writer    *upload.Writer
	up        upward

	mu      sync.Mutex
	ctx     context.Context // of the sessions served; nil before run and after it
	serving sync.WaitGroup
}

// openTree makes the parts and registers who serves which stream.
func openTree(n *Node) (*tree, error) {
	t := &tree{n: n}
	log := n.log.With("part", "cascade")
	commit := proposer{n.mesh.cluster}
	sealer := n.cred.Sealer
	authority := enrol.Authority{Credentials: n.cred}
	var err error
	if t.register, err = register.NewServer(register.ServerConfig{
		Site: n.site, Node: n.cfg.Node, Ledger: n.table(tableRegister), Proposer: commit, Issuer: authority, Secrets: authority,
		Root: n.cred.Root.Fingerprint, Nodes: n.mesh.addrs, Leads: n.mesh.cluster.IsLeader, Alive: n.mesh.alive, Logger: log,
	}); err != nil {
		return nil, err
	}
	if t.upload, err = upload.NewServer(upload.ServerConfig{
		Site: n.site, Ledger: n.table(tableUpload), Proposer: commit, Sealer: sealer, Allow: t.allowChild, Logger: log,
	}); err != nil {
		return nil, err
	}
	if t.issue, err = issue.NewServer(issue.ServerConfig{
		Site: n.site, Ledger: n.table(tableIssue), Proposer: commit, Sealer: sealer, Allow: t.allowChild, Logger: log,
	}); err != nil {
		return nil, err
	}
	if t.publisher, err = issue.NewPublisher(issue.PublisherConfig{
		Site: n.site, Ledger: n.table(tableIssue), Proposer: commit, Sealer: sealer, Signer: signer{n.cred},
	}); err != nil {
		return nil, err
	}
	if t.hub, err = query.NewHub(query.HubConfig{
		Site: n.site, Searcher: searcher{n.records}, Known: t.known, Locate: t.locate, Forward: t.forwardQuery, Allow: t.register.Allow, Logger: log,
	}); err != nil {
		return nil, err
	}
	if t.writer, err = upload.NewWriter(upload.WriterConfig{Origin: n.site, Proposer: commit, Sealer: sealer}); err != nil {
		return nil, err
	}
	t.serve(link.KindRegister, nil, t.register.Serve) // guests too: it tells an enrolment from a heartbeat, and asks Allow for the latter
	t.serve(link.KindUpload, t.allowChild, t.upload.Serve)
	t.serve(link.KindIssue, t.allowChild, t.issue.Serve)
	t.serve(link.KindQuery, t.register.Allow, t.hub.Serve)
	t.serve(link.KindMember, t.allowNode, (&member.Handler{Join: n.mesh.admit}).Serve)
	return t, nil
}

// serve lets f serve the streams of a kind while the tree runs.
func (t *tree) serve(kind link.Kind, allow func(identity.Peer) error, f func(context.Context, net.Conn, identity.Peer) error) {
	t.n.mesh.link.Handle(kind, allow, func(ctx context.Context, s *link.Stream) {
		t.mu.Lock()
		base := t.ctx
		if base != nil {
			t.serving.Add(1)
		}
		t.mu.Unlock()
		if base == nil {
			return // not running yet, or no more: the peer tries again
		}
		defer t.serving.Done()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(base, cancel)()
		if err := f(ctx, s, s.Peer()); err != nil && ctx.Err() == nil {
			t.n.log.Info("a session ended", "kind", kind.String(), "peer", s.Peer().String(), "error", err)
		}
	})
}

// run serves the children and, while this node leads, holds the uplink, until ctx ends and every session with it.
func (t *tree) run(ctx context.Context) error {
	t.mu.Lock()
	t.ctx = ctx
	t.mu.Unlock()
	var loops sync.WaitGroup
	loops.Go(func() {
		if err := t.register.Run(ctx); err != nil && ctx.Err() == nil {
			t.n.log.Error("watching the children's links has ended", "error", err)
		}
	})
	loops.Go(func() { t.lead(ctx) })
	<-ctx.Done()
	t.mu.Lock()
	t.ctx = nil
	t.mu.Unlock()
	loops.Wait()
	t.serving.Wait()
	return nil
}

// allowChild admits nodes of approved children.
func (t *tree) allowChild(p identity.Peer) error {
	if p.Site == t.n.site {
		return wire.Refuse(wire.CodeForbidden, "%s is a node of this site, not of a child", p)
	}
	return t.register.Allow(p)
}

// allowNode admits nodes of this site whose enrolment has not been ended.
func (t *tree) allowNode(p identity.Peer) error {
	if err := t.n.mesh.sameSite(p); err != nil {
		return err
	}
	return t.register.Allow(p)
}

// appendOwn commits records of this site.
func (n *Node) appendOwn(ctx context.Context, list []*wire.Record) error {
	_, err := n.tree.writer.Append(ctx, list)
	return err
}

// signer signs documents with the site's key.
type signer struct{ cred *enrol.Credentials }

// Sign signs with the site authority's key.
func (s signer) Sign(label gmcrypto.Label, msg []byte) ([]byte, error) {
	return s.cred.SiteKey.Sign(label, msg)
}

// Chain is the authority's certificate and those above it.
func (s signer) Chain() [][]byte {
	var list [][]byte
	for _, c := range s.cred.SiteChain() {
		list = append(list, c.Raw())
	}
	return list
}

// searcher answers for this site's own records.
type searcher struct{ records *records.Reader }

// Search looks through the own alerts.
func (s searcher) Search(ctx context.Context, q *wire.Query, found func(*wire.Row) bool) (uint64, error) {
	n, err := s.records.Search(ctx, q.GetExpr(), func(f records.Found) bool {
		return found(&wire.Row{Origin: s.records.Site().String(), Id: f.ID[:], Type: f.Type, At: f.At.UnixNano(), Payload: f.Payload})
	})
	var wrong *search.Error
	switch {
	case errors.As(err, &wrong):
		return 0, wire.Refuse(wire.CodeQuery, "%s", wrong.Error())
	case errors.Is(err, records.ErrCut):
		return n, fmt.Errorf("%w: %w", query.ErrCut, err)
	}
	return n, err
}

// known lists every site below this one and the child it hangs below.
func (t *tree) known() ([]query.Place, error) {
	sum, err := t.subtree()
	if err != nil {
		return nil, err
	}
	parent := map[string]string{}
	for _, s := range sum.GetSites() {
		parent[s.GetSite()] = s.GetParent()
	}
	var list []query.Place
	for _, s := range sum.GetSites() {
		via := s.GetSite()
		for range sum.GetSites() { // bounded: what children tell may hold a circle
			if parent[via] == t.n.site.String() {
				list = append(list, query.Place{Site: identity.Site(s.GetSite()), Via: identity.Site(via)})
				break
			}
			via = parent[via]
		}
	}
	return list, nil
}

// locate names the node of this site that holds a child's session, when it is another.
func (t *tree) locate(child identity.Site) (string, bool) {
	var node string
	_ = t.n.table(tableRegister).View(func(b *bbolt.Bucket) error {
		m, err := register.MemberOf(b, wire.PurposeSite, child, "")
		if m.GetLink().GetOnline() {
			node = m.GetLink().GetNode()
		}
		return err
	})
	return node, node != "" && node != t.n.cfg.Node
}

func (t *tree) forwardQuery(ctx context.Context, node string) (net.Conn, error) {
	return t.n.mesh.openNode(ctx, node, link.KindQuery)
}

// subtree is what this site knows of itself and everything below it.
func (t *tree) subtree() (sum *wire.Summary, err error) {
	self := t.self()
	err = t.n.table(tableRegister).View(func(b *bbolt.Bucket) error {
		sum, err = register.Subtree(b, self)
		return err
	})
	return sum, err
}

// self is what this site says of itself.
func (t *tree) self() *wire.SiteState {
	n := t.n
	s := &wire.SiteState{Site: n.site.String(), Name: n.siteName(), Version: n.opt.Version, Since: n.started.UnixNano()}
	leader, _ := n.mesh.cluster.Leader()
	for _, srv := range n.mesh.cluster.Servers() {
		addr, err := n.mesh.addrOf(srv.Node)
		if err != nil {
			addr = srv.Address
		}
		s.Nodes = append(s.Nodes, &wire.NodeState{Node: srv.Node, Address: addr, Alive: n.mesh.alive(srv.Node), Leader: srv.Node == leader})
	}
	if p := t.n.parent(); p != nil {
		s.Parent = p.GetSite()
		st := t.up.state()
		s.Online, s.Since = st.Connected, st.Since.UnixNano()
	}
	_ = n.table(tableUpload).View(func(b *bbolt.Bucket) error {
		counts, err := upload.Balance(b, n.site)
		s.Counts = counts
		return err
	})
	return s
}

// parent is the site's record of its parent; nil at the root. Before the ledger holds it, the enrolment does.
func (n *Node) parent() *wire.Parent {
	var p *wire.Parent
	_ = n.table(tableRegister).View(func(b *bbolt.Bucket) (err error) {
		p, err = register.ParentOf(b)
		return err
	})
	if p != nil {
		return p
	}
	first := n.cred.Member.Parent
	if first == nil {
		return nil
	}
	p = &wire.Parent{Site: first.Site.String(), Since: time.Now().UnixNano()}
	for i, a := range first.Addrs {
		p.Nodes = append(p.Nodes, &wire.NodeAddress{Node: fmt.Sprintf("address-%d", i+1), Address: a})
	}
	if f, err := gmcrypto.ParseFingerprint(first.RootFingerprint); err == nil {
		p.RootFingerprint = f[:]
	}
	return p
}

// siteName is what people call the site.
func (n *Node) siteName() string {
	if n.cred.Member.Name != "" {
		return n.cred.Member.Name
	}
	if n.cfg.Name != "" {
		return n.cfg.Name
	}
	return n.site.String()
}
