package node

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"fengsui/cascade/issue"
	"fengsui/cascade/query"
	"fengsui/cascade/register"
	"fengsui/cascade/upload"
	"fengsui/cascade/wire"
	"fengsui/federation/cluster"
	"fengsui/federation/link"
	"fengsui/federation/uplink"
	"fengsui/gmcrypto/identity"
)

// upward is the present uplink, for those who look at it.
type upward struct {
	mu     sync.Mutex
	line   *uplink.Uplink // nil while another node leads
	upload *upload.Client
	beat   *register.Heartbeat
	since  time.Time
}

func (u *upward) set(line *uplink.Uplink, up *upload.Client, beat *register.Heartbeat) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.line, u.upload, u.beat, u.since = line, up, beat, time.Now()
}

// offset is how far the parent's clock stands before ours, as the last heartbeat showed; false where there is none.
func (u *upward) offset() (time.Duration, bool) {
	u.mu.Lock()
	beat := u.beat
	u.mu.Unlock()
	if beat == nil {
		return 0, false
	}
	st := beat.State()
	return st.Offset, st.Connected
}

// state is the line's state; not connected, since this node does not lead, where there is none.
func (u *upward) state() uplink.Status {
	u.mu.Lock()
	line, since := u.line, u.since
	u.mu.Unlock()
	if line == nil {
		return uplink.Status{Since: since}
	}
	return line.Status()
}

func (u *upward) uploads() upload.ClientStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.upload == nil {
		return upload.ClientStats{}
	}
	return u.upload.Stats()
}

// lead holds the uplink while this node leads the site and the site has a parent.
func (t *tree) lead(ctx context.Context) {
	for ctx.Err() == nil {
		changed := t.n.mesh.cluster.LeaderWatch()
		parentChanged := t.n.table(tableRegister).Watch()
		if t.n.mesh.cluster.IsLeader() && t.n.parent() != nil {
			t.hold(ctx)
			select { // whatever ended it must not end the next one as fast as it can be made
			case <-ctx.Done():
			case <-time.After(holdAgain):
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-parentChanged:
		}
	}
}

// holdAgain is the pause before a leader makes the uplink anew.
const holdAgain = 100 * time.Millisecond

// hold runs the uplink's loops until this node no longer leads, or ctx ends.
func (t *tree) hold(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loops, err := t.loops()
	if err != nil {
		t.n.log.Error("the uplink cannot be made", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		return
	}
	t.n.log.Info("this node holds the uplink", "parent", t.n.parent().GetSite())
	var wg sync.WaitGroup
	for _, run := range loops {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.n.log.Error("a loop of the uplink has ended: starting all of them again", "error", err)
				cancel()
			}
		})
	}
	for ctx.Err() == nil {
		changed := t.n.mesh.cluster.LeaderWatch()
		if !t.n.mesh.cluster.IsLeader() {
			break
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	cancel()
	wg.Wait()
	t.up.set(nil, nil, nil)
}

// loops makes what runs on the leader: the line, one client for each interface, and the record of the parent.
func (t *tree) loops() ([]func(context.Context) error, error) {
	n := t.n
	log := n.log.With("part", "uplink")
	commit := proposer{n.mesh.cluster}
	line, err := uplink.New(uplink.Config{Transport: n.mesh.link, Parent: t.uplinkParent, Logger: log})
	if err != nil {
		return nil, err
	}
	var last lastStream
	open := func(kind link.Kind) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) {
			s, err := line.Open(ctx, kind)
			if err != nil {
				return nil, err
			}
			if kind == link.KindUpload {
				last.set(s)
				return n.governor.Bucket().Conn(ctx, s), nil // records take their turns; what little else goes up does not
			}
			return s, nil
		}
	}
	up, err := upload.NewClient(upload.ClientConfig{
		Origin: n.site, Ledger: n.table(tableUpload), Proposer: commit, Sealer: n.cred.Sealer, Open: open(link.KindUpload),
		Fresh: n.mesh.cluster.Catchup, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	down, err := issue.NewClient(issue.ClientConfig{
		Site: n.site, Ledger: n.table(tableIssue), Proposer: commit, Sealer: n.cred.Sealer, Trust: n.cred.Trust, Open: open(link.KindIssue), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	asked, err := query.NewClient(query.ClientConfig{Site: n.site, Hub: t.hub, Open: open(link.KindQuery), Logger: log})
	if err != nil {
		return nil, err
	}
	news := make(chan *wire.HeartbeatReply, 1)
	beat, err := register.NewHeartbeat(register.HeartbeatConfig{Open: open(link.KindRegister), Summary: t.subtree, Logger: log, OnReply: func(r *wire.HeartbeatReply) {
		select {
		case news <- r:
		default: // the last one is still being written down
		}
	}})
	if err != nil {
		return nil, err
	}
	t.up.set(line, up, beat)
	return []func(context.Context) error{line.Run, up.Run, down.Run, asked.Run, beat.Run, func(ctx context.Context) error { return t.rememberParent(ctx, news) }, func(ctx context.Context) error { return t.watchLine(ctx, line, up, &last) }}, nil
}

// Times after which a parent's node that takes nothing is left for another.
const (
	lineLook  = time.Second
	lineStuck = 5 * time.Second
)

// lastStream is the upload stream opened last: it tells which node of the parent is meant.
type lastStream struct {
	mu sync.Mutex
	s  *link.Stream
}

func (l *lastStream) set(s *link.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.s = s
}

func (l *lastStream) get() *link.Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.s
}

// watchLine moves the line to another node of the parent when the present one answers but takes no records: it may have lost its own site.
func (t *tree) watchLine(ctx context.Context, line *uplink.Uplink, up *upload.Client, last *lastStream) error {
	tick := time.NewTicker(lineLook)
	defer tick.Stop()
	before, since := up.Stats(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := up.Stats()
		if now.Delivered != before.Delivered || now.Failures == before.Failures {
			if now.Delivered != before.Delivered {
				before, since = now, time.Now()
			}
			continue
		}
		if s := last.get(); s != nil && time.Since(since) > lineStuck && line.Status().Connected {
			t.n.log.Warn("the parent's node takes no records: trying another", "peer", s.Peer().String())
			line.Avoid(s)
			before, since = now, time.Now()
		}
	}
}

// uplinkParent says where the parent is now: as the configuration insists, else as the ledger remembers.
func (t *tree) uplinkParent() uplink.Parent {
	p := t.n.parent()
	if p == nil {
		return uplink.Parent{}
	}
	out := uplink.Parent{Site: identity.Site(p.GetSite()), Addrs: t.n.cfg.Parent.Via}
	if len(out.Addrs) == 0 {
		out.Addrs = addresses(p)
	}
	return out
}

func addresses(p *wire.Parent) []string {
	var list []string
	for _, a := range p.GetNodes() {
		list = append(list, a.GetAddress())
	}
	return list
}

// rememberParent keeps the ledger's record of the parent as the parent tells it, so that the site finds it again after any restart.
func (t *tree) rememberParent(ctx context.Context, news <-chan *wire.HeartbeatReply) error {
	write := func(nodes []*wire.NodeAddress) {
		p := t.n.parent()
		if p == nil {
			return
		}
		if len(nodes) > 0 {
			p.Nodes = slices.SortedFunc(slices.Values(nodes), func(a, b *wire.NodeAddress) int {
				if a.GetNode() < b.GetNode() {
					return -1
				}
				return 1
			})
		}
		if err := t.register.SetParent(ctx, p); err != nil && ctx.Err() == nil && !errors.Is(err, cluster.ErrNoLeader) {
			t.n.log.Warn("the parent's addresses could not be written down", "error", err)
		}
	}
	write(nil)
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-news:
			write(r.GetNodes())
		}
	}
}
