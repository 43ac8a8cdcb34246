package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fengsui/federation/link"
	"fengsui/gmcrypto/identity"
)

// ErrOffline means that no connection to the parent stood while the caller was willing to wait.
var ErrOffline = errors.New("no connection to the parent site")

// Parent says where the parent site is. Node certificates of that site, and only of it, are accepted there.
type Parent struct {
	Site  identity.Site
	Addrs []string // of any of its nodes, host:port; the order is the order of preference
}

// Config is what New needs.
type Config struct {
	Transport *link.Transport
	// Parent is asked again and again; what it returns may change (a moved parent, new addresses from a heartbeat).
	// No addresses means that there is no parent now. It must not block.
	Parent func() Parent
	Logger *slog.Logger
}

// Status is what an operator sees.
type Status struct {
	Connected bool
	Addr      string        // of the parent's node while connected
	Site      identity.Site // the parent
	Node      string        // the parent's node while connected
	Since     time.Time     // of the present value of Connected
	Err       error         // why the last attempt failed, nil while connected

	Connects     uint64 // connections made since New
	FailedRounds uint64 // rounds in which no address answered
}

// Uplink holds the line to the parent.
type Uplink struct {
	cfg Config

	mu      sync.Mutex
	state   Status
	conn    *link.Connection // nil while not connected
	target  link.Target      // of conn
	avoid   string           // the address that just proved bad; tried last in the next round
	changed chan struct{}
	kick    chan *link.Connection // connections somebody has found useless
}

// New makes an uplink; nothing happens before Run.
func New(cfg Config) (*Uplink, error) {
	if cfg.Transport == nil || cfg.Parent == nil || cfg.Logger == nil {
		return nil, errors.New("uplink config: transport, parent and logger are mandatory")
	}
	return &Uplink{
		cfg: cfg, state: Status{Since: time.Now()},
		changed: make(chan struct{}), kick: make(chan *link.Connection, 1),
	}, nil
}

// Run keeps the line up until ctx ends, and returns nil then. The connection itself is left to the transport.
func (u *Uplink) Run(ctx context.Context) error {
	defer u.lost(nil)
	failed := 0
	var before *link.Connection
	for ctx.Err() == nil {
		parent := u.cfg.Parent()
		if len(parent.Addrs) == 0 {
			u.lost(nil)
			if !sleep(ctx, lookPeriod) {
				return nil
			}
			continue
		}
		conn, target, err := u.round(ctx, parent)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			failed++
			u.lost(err)
			if !sleep(ctx, pauseAfter(failed)) {
				return nil
			}
			continue
		}
		u.found(conn, target)
		part(before, conn)
		before = conn
		held := time.Now()
		u.hold(ctx, conn, target)
		u.lost(conn.Err())
		failed = 0
		if time.Since(held) < pauseMin && !sleep(ctx, pauseAfter(1)) {
			// A parent that accepts and hangs up at once is not hammered.
			return nil
		}
	}
	return nil
}

// part gives up the connection before the present one, unless both lead to the same node, where the link itself keeps
// only one. Streams on a node that has fallen silent are cut, so that their owners move on; others run to their end.
func part(before, now *link.Connection) {
	if before == nil || before.Peer().Site == now.Peer().Site && before.Peer().Node == now.Peer().Node {
		return
	}
	if before.Usable() {
		before.Release()
	} else {
		before.Close()
	}
}

// sleep waits, and reports false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// order gives the addresses of a round: as preferred, the one that just failed last.
func (u *Uplink) order(p Parent) []string {
	addrs := slices.Clone(p.Addrs[:min(len(p.Addrs), addrsMax)])
	u.mu.Lock()
	avoid := u.avoid
	u.mu.Unlock()
	if i := slices.Index(addrs, avoid); i >= 0 {
		addrs = append(slices.Delete(addrs, i, i+1), avoid)
	}
	return addrs
}

type attempt struct {
	addr string
	conn *link.Connection
	err  error
}

// round tries all addresses, each a little after the one before, and returns the first connection that stands. It waits
// for its goroutines: those that come late give their connections back.
func (u *Uplink) round(ctx context.Context, p Parent) (*link.Connection, link.Target, error) {
	addrs := u.order(p)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(len(addrs)-1)*stagger+roundTimeout)
	defer cancel()
	results := make(chan attempt, len(addrs))
	var late sync.WaitGroup
	var won *link.Connection
	defer func() {
		cancel()
		late.Wait()
		for running := len(results); running > 0; running-- {
			if r := <-results; r.conn != nil && won != nil {
				part(r.conn, won)
			}
		}
	}()
	next, running := 0, 0
	launch := func() {
		addr := addrs[next]
		next++
		running++
		late.Go(func() {
			conn, err := u.cfg.Transport.Connect(ctx, link.Target{Addr: addr, Site: p.Site})
			results <- attempt{addr, conn, err}
		})
	}
	launch()
	tick := time.NewTicker(stagger)
	defer tick.Stop()
	var errs []error
	for running > 0 {
		select {
		case <-tick.C:
			if next < len(addrs) {
				launch()
			}
		case r := <-results:
			running--
			if r.err == nil {
				won = r.conn
				return r.conn, link.Target{Addr: r.addr, Site: p.Site, Node: r.conn.Peer().Node}, nil
			}
			errs = append(errs, r.err)
			if next < len(addrs) && ctx.Err() == nil {
				launch() // no need to wait for the tick
				tick.Reset(stagger)
			}
		}
	}
	return nil, link.Target{}, errors.Join(errs...)
}

// hold returns when the connection is of no more use: ended, silent, complained about, or the parent is elsewhere.
func (u *Uplink) hold(ctx context.Context, conn *link.Connection, target link.Target) {
	look := time.NewTicker(lookPeriod)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-conn.Done():
			return
		case bad := <-u.kick:
			if bad == conn {
				u.mu.Lock()
				u.avoid = target.Addr
				u.mu.Unlock()
				return
			}
		case <-look.C:
			if !conn.Usable() {
				u.mu.Lock()
				u.avoid = target.Addr
				u.mu.Unlock()
				return
			}
			if p := u.cfg.Parent(); p.Site != target.Site || !slices.Contains(p.Addrs, target.Addr) {
				return
			}
		}
	}
}

// found publishes a connection.
func (u *Uplink) found(conn *link.Connection, target link.Target) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conn, u.target = conn, target
	u.avoid = ""
	u.state = Status{
		Connected: true, Addr: target.Addr, Site: target.Site, Node: target.Node, Since: time.Now(),
		Connects: u.state.Connects + 1, FailedRounds: u.state.FailedRounds,
	}
	u.wakeLocked()
	u.cfg.Logger.Info("uplink up", "site", target.Site, "node", target.Node, "addr", target.Addr)
}

// lost publishes that there is none; err says why the last attempt failed, nil that there was none.
func (u *Uplink) lost(err error) {
	site := u.cfg.Parent().Site
	u.mu.Lock()
	defer u.mu.Unlock()
	was := u.state.Connected
	if err != nil && !was {
		u.state.FailedRounds++
	}
	u.conn = nil
	u.state.Err = err
	u.state.Site = site
	if !was {
		return
	}
	u.state.Connected, u.state.Addr, u.state.Node, u.state.Since = false, "", "", time.Now()
	u.wakeLocked()
	u.cfg.Logger.Warn("uplink down", "site", u.state.Site, "err", err)
}

func (u *Uplink) wakeLocked() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// State tells whether a connection stands, to which address, and since when that is so.
func (u *Uplink) State() (connected bool, addr string, since time.Time) {
	s := u.Status()
	return s.Connected, s.Addr, s.Since
}

// Status is State with all that is known.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}

// Watch gives a channel that is closed when Connected, or the node connected to, changes. Take it before State.
func (u *Uplink) Watch() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.changed
}

// Open opens a stream of kind k to the parent node the line leads to, waiting for the line until ctx ends (ErrOffline).
// An open that fails moves the line to another node and is tried there.
func (u *Uplink) Open(ctx context.Context, k link.Kind) (*link.Stream, error) {
	for {
		u.mu.Lock()
		conn, target, changed, last := u.conn, u.target, u.changed, u.state.Err
		u.mu.Unlock()
		if conn != nil {
			s, err := u.cfg.Transport.OpenStream(ctx, target, k)
			if err == nil {
				return s, nil
			}
			if ctx.Err() == nil {
				u.complain(conn)
			}
			last = err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("open %v stream: %w: %w", k, ErrOffline, errors.Join(context.Cause(ctx), last))
		}
	}
}

// Avoid tells that the node a stream came from does not serve (it hangs, or has lost its quorum): the line moves to
// another node, if there is one. Streams already open stay as they are.
func (u *Uplink) Avoid(s *link.Stream) {
	u.mu.Lock()
	conn, target := u.conn, u.target
	u.mu.Unlock()
	if conn != nil && s != nil && s.Peer().Node == target.Node && s.Peer().Site == target.Site {
		u.complain(conn)
	}
}

func (u *Uplink) complain(conn *link.Connection) {
	select {
	case u.kick <- conn:
	default: // one complaint is enough
	}
}
