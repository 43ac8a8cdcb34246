package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Cluster is this node's part in the site's agreement.
type Cluster struct {
	cfg     Config
	log     *logAdapter
	storage *storage
	layer   *trackedLayer

	calls   chan *call     // Propose → proposer; unbuffered: a call not received has had no effect
	reads   chan *readCall // Read → reader; unbuffered
	started chan struct{}  // closed when raft is running
	leaving chan struct{}  // closed when stopping begins: nothing new is taken
	dead    chan struct{}  // closed when raft has ended: nothing is answered any more
	failed  chan struct{}  // closed when storage has failed

	raft     atomic.Pointer[raft.Raft]
	lowSpace atomic.Int32 // spaceOK, spaceLow, spaceOut
	counters counters
	inFlight sync.WaitGroup // groups handed to raft or forwarded
	gathered chan struct{}  // closed when the proposer has ended: inFlight only falls from then on
	serving  sync.WaitGroup // ServeForward calls

	mu         sync.Mutex
	state      runState
	failure    error
	leaderSeen chan struct{} // closed at a change of leader or role
	runEnded   chan struct{} // closed when Run has returned
	closeErr   func() error
}

type runState int

const (
	opened runState = iota
	running
	ended
)

// Open locks cfg.Dir, opens log and snapshots and makes sure that they belong to the
// state. It starts nothing. The caller calls Close in any case.
func Open(cfg Config) (*Cluster, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	log := newLogAdapter(cfg.Logger)
	s, err := openStorage(&cfg, log)
	if err != nil {
		return nil, fmt.Errorf("opening the cluster: %w", err)
	}
	c := &Cluster{
		cfg: cfg, log: log, storage: s,
		layer:      newTrackedLayer(cfg.Layer, cfg.Advertise),
		calls:      make(chan *call),
		reads:      make(chan *readCall),
		started:    make(chan struct{}),
		leaving:    make(chan struct{}),
		dead:       make(chan struct{}),
		failed:     make(chan struct{}),
		leaderSeen: make(chan struct{}),
		runEnded:   make(chan struct{}),
		gathered:   make(chan struct{}),
	}
	s.logs.failure = c.fail
	c.closeErr = sync.OnceValue(c.shut)
	return c, nil
}

// Bootstrap makes this node the first of a new site. It does nothing when the node has a
// history, so the first node may call it at every start. It must come before Run.
func (c *Cluster) Bootstrap() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != opened {
		return errors.New("bootstrapping: the cluster has been started or closed already")
	}
	if err := c.storage.bootstrap(&c.cfg); err != nil {
		return fmt.Errorf("bootstrapping: %w", err)
	}
	return nil
}

// fail records why this node must stop.
func (c *Cluster) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		c.failure = err
		close(c.failed)
	}
}

// Run starts raft and blocks until ctx ends (nil), Close is called (nil), or this node
// must not go on (the reason). A cluster runs once.
func (c *Cluster) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.state != opened {
		c.mu.Unlock()
		return fmt.Errorf("running the cluster a second time: %w", ErrClosed)
	}
	c.state = running
	c.mu.Unlock()
	defer close(c.runEnded)

	r, trans, err := c.startRaft()
	if err != nil {
		c.leave()
		close(c.dead)
		return err
	}
	c.raft.Store(r)
	close(c.started)
	observed := make(chan raft.Observation, 16)
	observer := raft.NewObserver(observed, false, isLeadership)
	r.RegisterObserver(observer)

	var loops sync.WaitGroup
	loops.Go(c.proposeLoop)
	loops.Go(c.readLoop)
	loops.Go(func() { c.keepLoop(observed) })

	cause := c.waitForEnd(ctx)
	stopErr := c.stopRaft(r, trans, cause)
	r.DeregisterObserver(observer)
	loops.Wait()
	c.inFlight.Wait()
	c.serving.Wait()
	return errors.Join(cause, stopErr)
}

// waitForEnd returns nil for a wanted end, or the reason why this node must stop.
func (c *Cluster) waitForEnd(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.leaving: // Close
		return nil
	case <-c.cfg.FSM.Failed():
		return c.cfg.FSM.Err()
	case <-c.failed:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.failure
	}
}

// startRaft makes raft out of the parts. raft panics on some failures of the disk while
// it starts, and guardedStore ends the goroutine that meets others: so it starts in a
// goroutine of its own, and each of these becomes an error.
func (c *Cluster) startRaft() (r *raft.Raft, trans *raft.NetworkTransport, err error) {
	trans = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  c.layer,
		MaxPool: 2,
		Timeout: transportWait,
		Logger:  c.log.hclog(),
	})
	s := c.storage
	s.logs.running.Store(true)
	done := make(chan struct{})
	go func() {
		err = errors.New("its goroutine was ended") // unless told otherwise below
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		r, err = raft.NewRaft(c.cfg.raftConfig(c.log), c.cfg.FSM, s.cache, s.logs, s.snaps, trans)
	}()
	<-done
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, nil, fmt.Errorf("starting raft: %w", errors.Join(err, c.failure, trans.Close()))
	}
	return r, trans, nil
}

// stopRaft ends everything in this order: take nothing new; let what is in flight be
// committed; hand leadership over, so that the site need not miss us first; break the
// streams, which a frozen peer would hold; end raft.
func (c *Cluster) stopRaft(r *raft.Raft, trans *raft.NetworkTransport, cause error) error {
	c.leave()
	if cause == nil {
		c.drain()
		c.handOver(r)
	}
	c.layer.breakAll()
	done := make(chan struct{})
	f := r.Shutdown()
	go func() {
		defer close(done)
		_ = f.Error() // always nil; closes the transport
	}()
	var err error
	select {
	case <-done:
	case <-time.After(stopWait):
		err = errors.Join(fmt.Errorf("raft has not ended within %v", stopWait), trans.Close())
	}
	close(c.dead)
	c.notifyLeader()
	return err
}

// leave makes every later call fail with ErrClosed.
func (c *Cluster) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.leaving:
	default:
		close(c.leaving)
	}
}

// drain waits a moment for groups in flight.
func (c *Cluster) drain() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-c.gathered
		c.inFlight.Wait() // ends at the latest when raft has ended
	}()
	select {
	case <-done:
	case <-time.After(drainWait):
	case <-c.failed:
	case <-c.cfg.FSM.Failed():
	}
}

// handOver passes leadership to another node, if there is one.
func (c *Cluster) handOver(r *raft.Raft) {
	if r.State() != raft.Leader || len(r.GetConfiguration().Configuration().Servers) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainWait)
	defer cancel()
	if err := c.await(ctx, r.LeadershipTransfer()); err != nil {
		c.cfg.Logger.Info("leadership was not handed over: the others will elect a leader by themselves", "error", err)
	}
}

// await waits for a raft future, but not beyond ctx or the end of raft: raft never
// answers some futures that are queued when it shuts down.
func (c *Cluster) await(ctx context.Context, f raft.Future) error {
	answered := make(chan error, 1)
	go func() { answered <- f.Error() }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.dead:
		select {
		case err := <-answered:
			return err
		default:
			return raft.ErrRaftShutdown
		}
	}
}

// Close ends Run if it is running, closes log and snapshots and gives the directory
// back. A second Close returns what the first returned. The FSM stays open.
func (c *Cluster) Close() error { return c.closeErr() }

func (c *Cluster) shut() error {
	c.mu.Lock()
	wasRunning := c.state == running
	neverRan := c.state == opened
	c.state = ended
	c.mu.Unlock()
	if neverRan {
		close(c.dead)
	}
	c.leave()
	if wasRunning {
		<-c.runEnded
	} else {
		c.serving.Wait()
	}
	return errors.Join(c.layer.Close(), c.storage.close())
}

// running returns raft once it has been started. It waits for that, not beyond ctx.
func (c *Cluster) running(ctx context.Context) (*raft.Raft, error) {
	select {
	case <-c.leaving:
		return nil, ErrClosed
	default:
	}
	select {
	case <-c.started:
		return c.raft.Load(), nil
	case <-c.leaving:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("%w yet: this node is starting: %w", ErrNoLeader, context.Cause(ctx))
	}
}
