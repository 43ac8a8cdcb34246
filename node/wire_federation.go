package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/wire"
	"fengsui/federation/cluster"
	"fengsui/federation/fsm"
	"fengsui/federation/gossip"
	"fengsui/federation/link"
	"fengsui/gmcrypto/identity"
	"fengsui/node/enrol"
	"fengsui/node/member"
	"fengsui/node/state"
)

// Directories below the data directory.
const (
	stateDir = "state"
	raftDir  = "raft"
	spoolDir = "spool"
)

// Times of finding the other nodes of the site.
const (
	joinRetryFirst = 200 * time.Millisecond
	joinRetryMost  = 5 * time.Second
	joinTimeout    = 25 * time.Second
	gossipAgain    = 5 * time.Second
	leaveBudget    = time.Second
)

// mesh is this node's place among nodes: the link, the site's Raft group, its gossip, and the replicated state.
type mesh struct {
	log     *slog.Logger
	cred    *enrol.Credentials
	link    *link.Transport
	state   *fsm.FSM
	cluster *cluster.Cluster
	gossip  *gossip.Gossip

	left, stopped, unlinked sync.Once // each part is closed once, by its stage or after a failed start
}

// table is one table of the replicated state as a room of cascade reads it.
type table struct {
	fsm  *fsm.FSM
	name string
}

// View runs f on the table's bucket in a read transaction.
func (t table) View(f func(b *bbolt.Bucket) error) error {
	return t.fsm.View(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte(t.name))) })
}

// Watch returns a channel that is closed when the table has changed.
func (t table) Watch() <-chan struct{} { return t.fsm.Watch(t.name) }

// proposer commits commands of cascade in the site's ledger.
type proposer struct{ cluster *cluster.Cluster }

// Propose commits one command. When the site cannot commit, the error carries the wire's code for it, so that a peer learns that and no more.
func (p proposer) Propose(ctx context.Context, kind uint16, id [16]byte, body []byte) ([]byte, error) {
	res, err := p.cluster.Propose(ctx, fsm.Command{Kind: fsm.Kind(kind), Version: 1, ID: id, Body: body})
	switch {
	case errors.Is(err, cluster.ErrInvalid): // will be refused for ever
		return nil, wire.Refuse(wire.CodeTooLarge, "the site cannot take this command: %w", err)
	case err != nil:
		return nil, wire.Refuse(wire.CodeUnavailable, "the site cannot commit now: %w", err)
	}
	return res[0].Value, res[0].Err
}

// openMesh takes the port and opens the files. Nothing is accepted before the stages run.
func openMesh(n *Node) (*mesh, error) {
	m := &mesh{log: n.log, cred: n.cred}
	var err error
	if m.link, err = link.Open(link.Config{
		Listen: n.cfg.Listen, Advertise: n.cfg.Advertise, Key: n.cred.NodeKey, Chain: n.cred.Chain, Verify: verifier(n.cred.Trust), Logger: n.log.With("part", "link"),
	}); err != nil {
		return m, err
	}
	if m.state, err = fsm.Open(filepath.Join(n.cfg.Data, stateDir), state.Tables()); err != nil {
		return m, err
	}
	if m.cluster, err = cluster.Open(cluster.Config{
		Node: n.cred.Member.Node, Dir: filepath.Join(n.cfg.Data, raftDir), Advertise: m.link.Advertise(), FSM: m.state,
		Layer: m.link.RaftLayer(nil), Forward: m.forward, Logger: n.log.With("part", "raft"), Timing: n.opt.timing,
	}); err != nil {
		return m, err
	}
	if n.cred.Member.First {
		if err := m.cluster.Bootstrap(); err != nil {
			return m, fmt.Errorf("make the site's cluster: %w", err)
		}
	}
	m.link.Handle(link.KindForward, m.sameSite, func(ctx context.Context, s *link.Stream) {
		if err := m.cluster.ServeForward(ctx, s); err != nil {
			m.log.Debug("a forward stream ended", "peer", s.Peer().String(), "error", err)
		}
	})
	m.gossip, err = gossip.Open(gossip.Config{
		Node: n.cred.Member.Node, Site: n.cred.Member.Site, Transport: m.link, Logger: n.log.With("part", "gossip"),
		Meta: gossip.Meta{Addr: m.link.Advertise(), Version: n.opt.Version, Role: "voter"},
	})
	return m, err
}

// verifier believes chains under the trust's roots. Guests are let in too: a newcomer must be able to enrol. Every kind's allow looks at the role.
func verifier(trust *identity.Trust) func([]*identity.Certificate) (identity.Peer, error) {
	trust = trust.WithGuests()
	return func(chain []*identity.Certificate) (identity.Peer, error) {
		now := time.Now()
		p, err := trust.Verify(chain, now)
		if hint := enrol.ClockHint(err, now); hint != "" {
			err = fmt.Errorf("%w (%s)", err, hint)
		}
		return p, err
	}
}

// sameSite admits nodes of this site.
func (m *mesh) sameSite(p identity.Peer) error {
	if p.Role != identity.RoleNode || p.Site != m.cred.Member.Site {
		return fmt.Errorf("%s is not a node of %s", p, m.cred.Member.Site)
	}
	return nil
}

// forward opens the stream on which the cluster hands proposals to another node.
func (m *mesh) forward(ctx context.Context, node string) (net.Conn, error) {
	return m.openNode(ctx, node, link.KindForward)
}

// openNode opens a stream to a node of this site by name.
func (m *mesh) openNode(ctx context.Context, node string, kind link.Kind) (net.Conn, error) {
	addr, err := m.addrOf(node)
	if err != nil {
		return nil, err
	}
	return m.link.OpenStream(ctx, link.Target{Addr: addr, Site: m.cred.Member.Site, Node: node}, kind)
}

// addrOf finds where a node of this site is reached: gossip knows the present address, the Raft configuration the agreed one.
func (m *mesh) addrOf(node string) (string, error) {
	for _, g := range m.gossip.Members() {
		if g.Name == node && g.Alive && g.Addr != "" {
			return g.Addr, nil
		}
	}
	for _, s := range m.cluster.Servers() {
		if s.Node == node {
			return s.Address, nil
		}
	}
	return "", fmt.Errorf("node %s of %s is not known here", node, m.cred.Member.Site)
}

// alive says whether gossip believes a node of this site to live.
func (m *mesh) alive(node string) bool {
	return slices.ContainsFunc(m.gossip.Members(), func(g gossip.Member) bool { return g.Name == node && g.Alive })
}

// peers lists the addresses of the site's other nodes, as the cluster, gossip and the enrolment know them.
func (m *mesh) peers() []string {
	var list []string
	add := func(addr string) {
		if addr != "" && addr != m.link.Advertise() && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	for _, s := range m.cluster.Servers() {
		if s.Node != m.cred.Member.Node {
			add(s.Address)
		}
	}
	for _, g := range m.gossip.Members() {
		if g.Name != m.cred.Member.Node {
			add(g.Addr)
		}
	}
	for _, a := range m.cred.Member.Peers {
		add(a)
	}
	return list
}

// addrs lists where this site's nodes are reached, this one first: what a child is told to try.
func (m *mesh) addrs() []*wire.NodeAddress {
	list := []*wire.NodeAddress{{Node: m.cred.Member.Node, Address: m.link.Advertise()}}
	for _, s := range m.cluster.Servers() {
		if s.Node != m.cred.Member.Node {
			addr, err := m.addrOf(s.Node)
			if err != nil {
				addr = s.Address
			}
			list = append(list, &wire.NodeAddress{Node: s.Node, Address: addr})
		}
	}
	return list
}

// protected lists the addresses no block list may name: this site's nodes, and those given (the parent's).
func (m *mesh) protected(more []string) []netip.Addr {
	var list []netip.Addr
	for _, a := range append(m.peers(), append(more, m.link.Advertise())...) {
		if ap, err := netip.ParseAddrPort(a); err == nil {
			list = append(list, ap.Addr().Unmap())
		}
	}
	return list
}

// runCluster runs Raft, and besides keeps asking to be taken in, until this node is a member under its present address.
func (m *mesh) runCluster(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	joined := make(chan struct{})
	go func() { // waited for below
		defer close(joined)
		m.joinCluster(ctx)
	}()
	err := m.cluster.Run(ctx)
	cancel()
	<-joined
	return err
}

// member says whether the cluster knows this node as a voter at its present address.
func (m *mesh) isMember() bool {
	return slices.ContainsFunc(m.cluster.Servers(), func(s cluster.Server) bool {
		return s.Node == m.cred.Member.Node && s.Address == m.link.Advertise() && s.Voter
	})
}

// joinCluster asks the site's nodes, one after the other, to take this node in. A first node is in by itself, but its address may have changed.
func (m *mesh) joinCluster(ctx context.Context) {
	wait := joinRetryFirst
	for ctx.Err() == nil && !m.isMember() {
		for _, addr := range m.peers() {
			err := m.join(ctx, addr)
			switch {
			case err == nil:
				m.log.Info("the site has taken this node in", "asked", addr)
				return
			case ctx.Err() != nil:
				return
			case errors.Is(err, member.ErrRefused):
				m.log.Error("the site refuses this node", "asked", addr, "error", err)
			default:
				m.log.Info("asking to be taken in", "asked", addr, "error", err)
			}
		}
		if len(m.peers()) == 0 && m.cluster.IsLeader() { // alone: nobody else keeps the address
			actx, cancel := context.WithTimeout(ctx, joinTimeout)
			if err := m.cluster.AddVoter(actx, m.cred.Member.Node, m.link.Advertise()); err != nil {
				m.log.Debug("update own address", "error", err)
			}
			cancel()
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
			wait = min(2*wait, joinRetryMost)
		}
	}
}

func (m *mesh) join(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	conn, err := m.link.OpenStream(ctx, link.Target{Addr: addr, Site: m.cred.Member.Site}, link.KindMember)
	if err != nil {
		return err
	}
	return member.Join(ctx, conn, m.cred.Member.Node, m.link.Advertise())
}

// admit takes another node of this site in, or updates its address.
func (m *mesh) admit(ctx context.Context, node, addr string) error {
	return m.cluster.AddVoter(ctx, node, addr)
}

// runGossip makes contact with the site's nodes, again and again while some of them are missing.
func (m *mesh) runGossip(ctx context.Context) error {
	wait := joinRetryFirst
	for {
		for _, addr := range m.unheard() {
			if ctx.Err() != nil {
				break
			}
			if _, err := m.gossip.Join([]string{addr}); err != nil { // one at a time: each may block for two seconds, and nothing ends it
				m.log.Debug("gossip found nobody", "at", addr, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
			wait = min(2*wait, gossipAgain)
		}
	}
}

// unheard lists addresses of nodes that should be alive and are not in gossip.
func (m *mesh) unheard() []string {
	heard := map[string]bool{}
	for _, g := range m.gossip.Members() {
		if g.Alive {
			heard[g.Addr] = true
		}
	}
	return slices.DeleteFunc(m.peers(), func(a string) bool { return heard[a] })
}

// leaveGossip tells the others that this node goes. They may be going too, so that nobody takes the word: that is no fault.
func (m *mesh) leaveGossip() error {
	var err error
	m.left.Do(func() {
		if m.gossip == nil {
			return
		}
		if e := m.gossip.Leave(leaveBudget); e != nil {
			m.log.Debug("nobody heard this node leave", "error", e)
		}
		err = m.gossip.Close()
	})
	return err
}

// closeCluster closes the cluster and then the state it drives.
func (m *mesh) closeCluster() error {
	var faults []error
	m.stopped.Do(func() {
		if m.cluster != nil {
			faults = append(faults, m.cluster.Close())
		}
		if m.state != nil {
			faults = append(faults, m.state.Close())
		}
	})
	return errors.Join(faults...)
}

func (m *mesh) closeLink() error {
	var err error
	m.unlinked.Do(func() {
		if m.link != nil {
			err = m.link.Close()
		}
	})
	return err
}
