package upload

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

// ClientConfig is what a Client needs. All but Fresh, AckEvery and AckRecords are required.
type ClientConfig struct {
	Origin   identity.Site // this site
	Ledger   Ledger
	Proposer Proposer
	Sealer   Sealer // opens what this site sealed
	// Open returns a new stream to the parent site; it may block until there is a link.
	Open func(ctx context.Context) (net.Conn, error)
	// Fresh returns when everything committed so far can be seen through Ledger. It is asked
	// before the parent is believed to hold more of an own lane than this site ever produced.
	// Nil: never believed.
	Fresh func(ctx context.Context) error
	// AckEvery and AckRecords bound how long and how many acknowledged records wait until
	// the ledger is told (default 200 ms, 4096). Nothing depends on it: the parent's hello
	// tells the truth.
	AckEvery   time.Duration
	AckRecords uint64
	Logger     *slog.Logger
}

// ClientStats counts since the start.
type ClientStats struct {
	Sessions  uint64 // streams opened and greeted
	Batches   uint64 // sent
	Records   uint64 // sent
	Delivered uint64 // records acknowledged by the parent
	Rewinds   uint64 // gaps the parent told of
	Failures  uint64 // sessions that ended with an error
	Halted    uint64 // lanes given up for the session: refused, or ahead at the parent
}

// Client drains this site's outbox, own and relayed lanes alike, to the parent: one stream a
// class. It belongs on the node that leads the site.
type Client struct {
	cfg   ClientConfig
	acks  *acks
	busy  []atomic.Bool // by class rank: has something to send or under way
	stats struct {
		sessions, batches, records, delivered, rewinds, failures, halted atomic.Uint64
	}
}

// NewClient returns a Client; nothing runs before Run.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Origin == "" || cfg.Ledger == nil || cfg.Proposer == nil || cfg.Sealer == nil || cfg.Open == nil || cfg.Logger == nil {
		return nil, errors.New("upload client: origin, ledger, proposer, sealer, open and logger are required")
	}
	if cfg.AckEvery == 0 {
		cfg.AckEvery = 200 * time.Millisecond
	}
	if cfg.AckRecords == 0 {
		cfg.AckRecords = 4096
	}
	return &Client{
		cfg:  cfg,
		acks: newAcks(cfg),
		busy: make([]atomic.Bool, len(wire.ClassesByPriority())+1),
	}, nil
}

// Stats returns the counters.
func (c *Client) Stats() ClientStats {
	s := &c.stats
	return ClientStats{
		Sessions: s.sessions.Load(), Batches: s.batches.Load(), Records: s.records.Load(), Delivered: s.delivered.Load(),
		Rewinds: s.rewinds.Load(), Failures: s.failures.Load(), Halted: s.halted.Load(),
	}
}

// Run uploads until ctx ends, and then returns nil. It starts a goroutine for each class that
// has a lane, as they appear, and waits for all.
func (c *Client) Run(ctx context.Context) error {
	// A failure of the ledger stops everything: there is nothing to upload from.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.acks.run(ctx) })
	running := map[wire.Class]bool{}
	for {
		changed := c.cfg.Ledger.Watch()
		lanes, err := readLanes(c.cfg.Ledger, 0)
		if err != nil {
			cancel(err)
			return err
		}
		for _, l := range lanes {
			if !running[l.Class] {
				running[l.Class] = true
				wg.Go(func() { c.drain(ctx, l.Class) })
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// drain keeps a session for one class.
func (c *Client) drain(ctx context.Context, class wire.Class) {
	wire.Keep(ctx, func(ctx context.Context) (bool, error) {
		defer c.busy[class.Rank()].Store(false)
		return c.session(ctx, class)
	}, func(err error) {
		if !wire.Ended(err) {
			c.stats.failures.Add(1)
			c.cfg.Logger.Warn("upload: session ended, will open another", "class", class, "err", err)
		}
	})
}

// session opens a stream and drains the class through it until something breaks. It tells
// whether the parent committed anything.
func (c *Client) session(ctx context.Context, class wire.Class) (moved bool, err error) {
	conn, err := c.cfg.Open(ctx)
	if err != nil {
		return false, fmt.Errorf("opening upload stream: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := wire.Bind(ctx, conn)
	s := &session{
		Client: c, conn: wire.NewConn(conn), class: class,
		lanes: map[LaneKey]*lane{}, wake: make(chan struct{}, 1), cancel: cancel,
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.receive() })
	err = s.send(ctx)
	release() // ends receive
	wg.Wait()
	if s.failed != nil && (wire.Ended(err) || wire.CodeOf(s.failed) != wire.CodeInternal) {
		err = s.failed // what the parent said is more than that the stream is closed
	}
	return s.moved, err
}

// acks gathers what the parent acknowledged and tells the ledger now and then.
type acks struct {
	cfg  ClientConfig
	mu   sync.Mutex
	new  map[LaneKey]uint64
	told map[LaneKey]uint64
	n    uint64 // records since the last proposal
	full chan struct{}
}

func newAcks(cfg ClientConfig) *acks {
	return &acks{cfg: cfg, new: map[LaneKey]uint64{}, told: map[LaneKey]uint64{}, full: make(chan struct{}, 1)}
}

// add notes that the parent holds a lane up to seq.
func (a *acks) add(k LaneKey, seq, records uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if seq <= max(a.told[k], a.new[k]) {
		return
	}
	a.new[k] = seq
	if a.n += records; a.n >= a.cfg.AckRecords || len(a.new) == 1 {
		select {
		case a.full <- struct{}{}:
		default:
		}
	}
}

// run proposes what gathered: at most every AckEvery unless AckRecords came first, and once
// more when ctx ends.
func (a *acks) run(ctx context.Context) {
	for {
		select {
		case <-a.full: // something new is there
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			a.propose(last)
			cancel()
			return
		}
		wait := time.NewTimer(a.cfg.AckEvery)
		for waiting := true; waiting; {
			select {
			case <-wait.C:
				waiting = false
			case <-a.full:
				waiting = !a.enough()
			case <-ctx.Done():
				waiting = false
			}
		}
		wait.Stop()
		if ctx.Err() == nil {
			a.propose(ctx)
		}
	}
}

func (a *acks) enough() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n >= a.cfg.AckRecords
}

// propose tells the ledger. What fails is gathered again: a lost mark costs nothing.
func (a *acks) propose(ctx context.Context) {
	a.mu.Lock()
	marks := make([]mark, 0, len(a.new))
	for k, seq := range a.new {
		if len(marks) == commandLanesMax {
			break
		}
		marks = append(marks, mark{k, seq})
		delete(a.new, k)
	}
	more := len(a.new) > 0
	a.n = 0
	a.mu.Unlock()
	if len(marks) == 0 {
		return
	}
	_, err := a.cfg.Proposer.Propose(ctx, KindAcked, [16]byte{}, ackedBody(marks))
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range marks {
		if err != nil {
			a.new[m.LaneKey] = max(a.new[m.LaneKey], m.seq)
		} else {
			a.told[m.LaneKey] = max(a.told[m.LaneKey], m.seq)
		}
	}
	if err != nil && ctx.Err() == nil {
		a.cfg.Logger.Warn("upload: acknowledgements not committed yet", "lanes", len(marks), "err", err)
	}
	if err != nil || more {
		select {
		case a.full <- struct{}{}:
		default:
		}
	}
}
