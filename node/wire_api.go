package node

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/query"
	"fengsui/cascade/register"
	"fengsui/cascade/wire"
	"fengsui/federation/cluster"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/exchange"
	"fengsui/node/monitor"
)

// settleBudget is how long a call that wrote waits for this node's own state to hold it.
const settleBudget = 5 * time.Second

// ports joins the local API with the parts it shows and moves.
func (n *Node) ports() api.Ports {
	return api.Ports{
		Node: nodePort{n}, Sites: sitesPort{n}, Policies: policiesPort{n}, Alerts: n.records, Query: queryPort{n}, Replays: n.sensor,
		Metrics: n.metrics.Handler(),
	}
}

// problem turns what the rooms below say into what a caller of the API can act on.
func problem(err error) error {
	var code *wire.Error
	if !errors.As(err, &code) {
		return err
	}
	if errors.Is(err, cluster.ErrLowSpace) {
		return api.Problemf(api.CodeUnavailable, "make room on the disk of the site's leader; nothing accepted is lost", "%v", err)
	}
	switch code.Code {
	case wire.CodeUnavailable, wire.CodeBusy:
		return api.Problemf(api.CodeNoQuorum, "the site has no leader or no majority now: wait, or look at: fengsui node status", "%v", err)
	case wire.CodeNotFound:
		return api.Problemf(api.CodeNotFound, "", "%v", err)
	case wire.CodeMalformed, wire.CodeQuery, wire.CodeTooLarge:
		return api.Problemf(api.CodeBadRequest, "", "%v", err)
	case wire.CodeConflict, wire.CodeNameTaken, wire.CodeStaleVersion:
		return api.Problemf(api.CodeConflict, "", "%v", err)
	case wire.CodeOutOfScope, wire.CodeForbidden, wire.CodeRevoked, wire.CodeRejected, wire.CodeIssuer:
		return api.Problemf(api.CodeRefused, "", "%v", err)
	case wire.CodeDeadline:
		return api.Problemf(api.CodeTimeout, "", "%v", err)
	}
	return err
}

type nodePort struct{ n *Node }

// Status says what the node says about itself.
func (p nodePort) Status(context.Context) (api.Status, error) {
	n := p.n
	c := n.cred.Certificate()
	in := n.intake.Stats()
	out := api.Status{
		Version: n.opt.Version, Site: n.site.String(), SiteName: n.siteName(), Node: n.cfg.Node, State: "running", Started: n.started, PID: os.Getpid(),
		Listen: n.mesh.link.Addr().String(), Advertise: n.mesh.link.Advertise(), Cluster: n.clusterStatus(), Parent: n.parentStatus(),
		Capture: n.sensor.Sources(), Detection: n.detect.status(),
		Pipeline: api.PipelineStatus{Queued: in.Queued, Spooled: in.Spooled, Committed: in.Committed, Shed: in.Shed},
		Certificate: api.Certificate{
			Fingerprint: c.Fingerprint().String(), NotBefore: c.NotBefore(), NotAfter: c.NotAfter(), RenewAt: n.cred.RenewAt(),
		},
	}
	out.Load, out.Evidence = n.loadStatus(), n.evidenceStatus()
	out.Pipeline.Alerts, out.Pipeline.Records = n.sensor.Counts()
	out.Pipeline.Folded = out.Pipeline.Alerts - min(out.Pipeline.Alerts, out.Pipeline.Records)
	if !out.Cluster.Quorum {
		out.State = "read-only"
	}
	return out, nil
}

func (n *Node) clusterStatus() api.ClusterStatus {
	leader, ok := n.mesh.cluster.Leader()
	index, term := n.mesh.state.Applied()
	out := api.ClusterStatus{Leader: leader, IsLeader: n.mesh.cluster.IsLeader(), Quorum: ok, Index: index, Term: term, Nodes: []api.NodeStatus{}}
	for _, s := range n.mesh.cluster.Servers() {
		out.Nodes = append(out.Nodes, api.NodeStatus{Name: s.Node, Addr: s.Address, Voter: s.Voter, Alive: n.mesh.alive(s.Node), Leader: ok && s.Node == leader})
	}
	return out
}

func (n *Node) parentStatus() *api.ParentStatus {
	p := n.tree.uplinkParent()
	if p.Site == "" {
		return nil
	}
	st := n.tree.up.state()
	leader, _ := n.mesh.cluster.Leader()
	out := &api.ParentStatus{Site: p.Site.String(), Connected: st.Connected, Holder: leader, Addr: st.Addr, Since: st.Since, Addrs: p.Addrs}
	if st.Err != nil {
		out.Error = st.Err.Error()
	}
	return out
}

// Health asks all parts how they are.
func (p nodePort) Health(ctx context.Context) (api.Health, error) {
	words := map[monitor.State]string{monitor.OK: "ok", monitor.Degraded: "degraded", monitor.Failing: "failing"}
	r := p.n.health.Report(ctx)
	out := api.Health{Status: words[r.State], Checks: []api.HealthCheck{}}
	for _, f := range r.Findings {
		out.Checks = append(out.Checks, api.HealthCheck{Name: f.Name, Status: words[f.State], Detail: f.Detail})
	}
	return out, nil
}

// Topology is the own site and everything below it.
func (p nodePort) Topology(context.Context) (api.TopologySite, error) {
	sum, err := p.n.tree.subtree()
	if err != nil {
		return api.TopologySite{}, err
	}
	return topologyOf(p.n.site.String(), sum.GetSites()), nil
}

// topologyOf makes a tree of what sites told. Each site is used once, so that a circle in what a child tells ends.
func topologyOf(root string, sites []*wire.SiteState) api.TopologySite {
	below := map[string][]*wire.SiteState{}
	var self *wire.SiteState
	for _, s := range sites {
		if s.GetSite() == root {
			self = s
		} else {
			below[s.GetParent()] = append(below[s.GetParent()], s)
		}
	}
	used := map[string]bool{root: true}
	var build func(s *wire.SiteState, reachable bool) api.TopologySite
	build = func(s *wire.SiteState, reachable bool) api.TopologySite {
		out := api.TopologySite{
			Site: s.GetSite(), Name: s.GetName(), Parent: s.GetParent(), Link: "offline", Nodes: []api.TopologyNode{}, Children: []api.TopologySite{},
		}
		switch {
		case s.GetSite() == root:
			out.Link = "self"
		case s.GetSince() == 0:
			out.Link = "never"
		case reachable && s.GetOnline():
			out.Link = "online"
		}
		if s.GetSince() != 0 {
			out.Since = time.Unix(0, s.GetSince())
		}
		reachable = reachable && (out.Link == "self" || out.Link == "online")
		for _, n := range s.GetNodes() {
			out.Nodes = append(out.Nodes, api.TopologyNode{Name: n.GetNode(), Addr: n.GetAddress(), Alive: n.GetAlive(), Leader: n.GetLeader()})
		}
		if len(s.GetCounts()) > 0 {
			out.Counts = map[string]uint64{}
			for _, c := range s.GetCounts() {
				out.Counts[exchange.ClassName(c.GetClass())] = c.GetProduced()
			}
		}
		for _, c := range below[s.GetSite()] {
			if !used[c.GetSite()] {
				used[c.GetSite()] = true
				out.Children = append(out.Children, build(c, reachable))
			}
		}
		return out
	}
	if self == nil {
		self = &wire.SiteState{Site: root}
	}
	return build(self, true)
}

// Enforcement tells what the block lists do on this node.
func (p nodePort) Enforcement(context.Context) (api.Enforcement, error) {
	return p.n.detect.enforcement(), nil
}

// Balance returns the accounts.
func (p nodePort) Balance(context.Context) (api.Balances, error) {
	return p.n.records.Balance(p.n.parent() == nil)
}

type sitesPort struct{ n *Node }

// Invite makes a token.
func (p sitesPort) Invite(ctx context.Context, r api.InviteRequest) (api.Invite, error) {
	inv := register.Invitation{Purpose: wire.PurposeNode, Site: p.n.site, Node: r.Name, Valid: r.TTL, Approved: true, By: p.n.by()}
	if r.Purpose == "site" {
		site, err := identity.ParseSite(r.Site)
		if err != nil {
			return api.Invite{}, api.Problemf(api.CodeBadRequest, "", "site: %v", err)
		}
		inv.Purpose, inv.Site, inv.Node, inv.Approved = wire.PurposeSite, site, "", r.Approve
		inv.Name = r.Name
	}
	token, err := p.n.tree.register.Invite(ctx, inv)
	if err != nil {
		return api.Invite{}, problem(err)
	}
	p.n.settle(ctx)
	t, err := register.ParseToken(token)
	if err != nil {
		return api.Invite{}, err
	}
	out := api.Invite{ID: hexOf(t.GetInviteId()), Token: token, Purpose: r.Purpose, Site: inv.Site.String(), State: "open", Expires: time.Unix(t.GetExpires(), 0)}
	return out, nil
}

// Invites lists what is known of invites; their secrets are known to nobody.
func (p sitesPort) Invites(context.Context) ([]api.Invite, error) {
	list := []api.Invite{}
	err := p.n.table(tableRegister).View(func(b *bbolt.Bucket) error {
		invites, err := register.Invites(b)
		for _, i := range invites {
			out := api.Invite{ID: hexOf(i.GetId()), Purpose: "site", Site: i.GetSite(), Expires: time.Unix(0, i.GetExpires()), State: "open"}
			if i.GetPurpose() == wire.PurposeNode {
				out.Purpose = "node"
			}
			switch {
			case len(i.GetUsedBy()) > 0:
				out.State = "used"
			case i.GetWithdrawn(), time.Now().UnixNano() >= i.GetExpires():
				out.State = "expired"
			}
			list = append(list, out)
		}
		return err
	})
	return list, err
}

// Sites lists the children.
func (p sitesPort) Sites(context.Context) ([]api.Site, error) {
	list := []api.Site{}
	err := p.n.table(tableRegister).View(func(b *bbolt.Bucket) error {
		members, err := register.Members(b, wire.PurposeSite)
		for _, m := range members {
			list = append(list, siteOf(m))
		}
		return err
	})
	return list, err
}

func siteOf(m *wire.Member) api.Site {
	words := map[wire.EnrolState]string{wire.EnrolPending: "pending", wire.EnrolApproved: "approved", wire.EnrolRejected: "rejected", wire.EnrolRevoked: "revoked"}
	out := api.Site{
		Site: m.GetSite(), Name: m.GetName(), State: words[m.GetState()], Reason: m.GetReason(), Requested: time.Unix(0, m.GetAskedAt()),
		Fingerprint: hexOf(m.GetKey()), Link: "never", Holder: m.GetLink().GetNode(),
	}
	if m.GetDecidedAt() != 0 {
		out.Decided = time.Unix(0, m.GetDecidedAt())
	}
	if l := m.GetLink(); l != nil {
		out.Link, out.Since = "offline", time.Unix(0, l.GetSince())
		if l.GetOnline() {
			out.Link = "online"
		}
	}
	return out
}

// Decide approves, rejects or revokes a child.
func (p sitesPort) Decide(ctx context.Context, code, state, reason string) (api.Site, error) {
	site, err := identity.ParseSite(code)
	if err != nil {
		return api.Site{}, api.Problemf(api.CodeBadRequest, "", "site: %v", err)
	}
	d := register.Decision{Purpose: wire.PurposeSite, Site: site, By: p.n.by(), Reason: reason}
	switch state {
	case "approved":
		err = p.n.tree.register.Approve(ctx, d)
	case "rejected":
		err = p.n.tree.register.Reject(ctx, d)
	default:
		err = p.n.tree.register.Revoke(ctx, d)
	}
	if err != nil {
		return api.Site{}, problem(err)
	}
	p.n.settle(ctx)
	var out api.Site
	err = p.n.table(tableRegister).View(func(b *bbolt.Bucket) error {
		m, err := register.MemberOf(b, wire.PurposeSite, site, "")
		if m != nil {
			out = siteOf(m)
		}
		return err
	})
	return out, err
}

// RemoveNode takes a node out of the cluster, after its enrolment has been ended so that it does not ask to be taken in again.
func (p sitesPort) RemoveNode(ctx context.Context, node, reason string) (api.NodeRemoval, error) {
	out := api.NodeRemoval{Node: node}
	if !slices.ContainsFunc(p.n.mesh.cluster.Servers(), func(s cluster.Server) bool { return s.Node == node }) {
		return out, api.Problemf(api.CodeNotFound, "see: fengsui node status", "%s has no node %s", p.n.site, node)
	}
	err := p.n.tree.register.Revoke(ctx, register.Decision{Purpose: wire.PurposeNode, Site: p.n.site, Node: node, By: p.n.by(), Reason: reason})
	out.Revoked = err == nil
	if err != nil && wire.CodeOf(err) != wire.CodeNotFound {
		return out, problem(err)
	}
	if err := p.n.mesh.cluster.Remove(ctx, node); err != nil {
		return out, api.Problemf(api.CodeNoQuorum, "", "%s is not out of the cluster yet: %v", node, err)
	}
	p.n.settle(ctx)
	return out, nil
}

// settle waits until this node's state holds what was just committed, so that a caller reads its own writes. What was committed stays so when it
// takes too long.
func (n *Node) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleBudget)
	defer cancel()
	if err := n.mesh.cluster.Catchup(ctx); err != nil {
		n.log.Info("this node is behind its leader", "error", err)
	}
}

// by names who decided, for the register; users come with a later issue, until then it is whoever may open the socket.
func (n *Node) by() string { return "operator@" + n.site.String() + "/" + n.cfg.Node }

type queryPort struct{ n *Node }

// Query asks the tree.
func (p queryPort) Query(ctx context.Context, r api.QueryRequest) (api.QueryResult, error) {
	q := &wire.Query{Asker: p.n.site.String(), Expr: r.Expr, Scope: p.n.site.String(), Limit: uint32(r.Limit), BudgetBytes: wire.QueryBytesMax, User: p.n.by()}
	q.RemainingMs = uint32(r.Deadline.Milliseconds())
	switch r.Scope {
	case "", "site":
	case "subtree":
		q.Subtree = true
	default:
		site, err := identity.ParseSite(r.Scope)
		if err != nil {
			return api.QueryResult{}, api.Problemf(api.CodeBadRequest, "write site, subtree, or the code of a site", "scope: %v", err)
		}
		q.Scope, q.Subtree = site.String(), true
	}
	id, err := newID()
	if err != nil {
		return api.QueryResult{}, err
	}
	q.Id = id[:]
	a, err := p.n.tree.hub.Ask(ctx, q)
	if err != nil {
		return api.QueryResult{}, problem(err)
	}
	return resultOf(a, r.Limit), nil
}

func resultOf(a *query.Answer, limit int) api.QueryResult {
	words := map[wire.Completeness]string{
		wire.Answered: "answered", wire.Partial: "partial", wire.Late: "late", wire.Offline: "offline", wire.Refused: "refused",
	}
	out := api.QueryResult{
		ID: hexOf(a.ID[:]), Rows: []api.Alert{}, Matched: a.Matched, Complete: a.Complete(), Sites: []api.SiteAnswer{}, Elapsed: a.Took,
		Truncated: a.Matched > uint64(min(len(a.Rows), limit)),
	}
	for _, r := range a.Rows {
		if row, ok := exchange.QueryRow(r); ok {
			out.Rows = append(out.Rows, row)
		}
	}
	for _, s := range a.Sites {
		out.Sites = append(out.Sites, api.SiteAnswer{
			Site: s.GetSite(), Status: words[s.GetCompleteness()], Rows: s.GetMatched(), Elapsed: time.Duration(s.GetTookMs()) * time.Millisecond, Reason: s.GetText(),
		})
	}
	return out
}
