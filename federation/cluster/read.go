package cluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// Level says how fresh a read must be.
type Level int

const (
	// Stale reads what this node has; it may lag, and works without a leader.
	Stale Level = iota
	// Leader reads a state that contains everything acknowledged anywhere in the site
	// before Read was called. It costs a round between leader and quorum, no disk write.
	Leader
)

// Read runs fn on the state with the given freshness; see fsm.FSM.View for what fn may
// do. It works on any node. Errors of level Leader: ErrNoLeader, ErrClosed, ctx's.
func (c *Cluster) Read(ctx context.Context, level Level, fn func(tx *bbolt.Tx) error) error {
	if level == Leader {
		if err := c.Catchup(ctx); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
	}
	return c.cfg.FSM.View(fn)
}

// Catchup returns when this node's state contains everything that had been acknowledged
// anywhere in the site before the call.
func (c *Cluster) Catchup(ctx context.Context) error {
	return c.settled(ctx, func(string) error {
		index, err := c.askReader(ctx, false)
		if err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, roundWait)
		defer cancel()
		err = c.cfg.FSM.WaitApplied(waiting, index)
		if err != nil && waiting.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: this node is behind entry %d", ErrNoLeader, index)
		}
		return err
	})
}

// readCall is one wait for a read index.
type readCall struct {
	local bool // came from another node: never forwarded again
	done  chan readAnswer
}

type readAnswer struct {
	index uint64
	err   error
}

// askReader hands a read to the reader and waits for the index it must see.
func (c *Cluster) askReader(ctx context.Context, local bool) (uint64, error) {
	p := &readCall{local: local, done: make(chan readAnswer, 1)}
	select {
	case c.reads <- p:
	case <-c.leaving:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case a := <-p.done:
		return a.index, a.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// readLoop answers all reads that wait with one round, which begins after they came.
func (c *Cluster) readLoop() {
	var confirmed uint64 // the term in which this node has committed an entry as leader
	for {
		var group []*readCall
		select {
		case p := <-c.reads:
			group = append(group, p)
		case <-c.leaving:
			return
		}
		for waiting := true; waiting && len(group) < callCommandsMax; {
			select {
			case p := <-c.reads:
				group = append(group, p)
			default:
				waiting = false
			}
		}
		c.counters.rounds.Add(1)
		c.readRound(group, &confirmed)
	}
}

func (c *Cluster) readRound(group []*readCall, confirmed *uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), roundWait)
	defer cancel()
	r := c.raft.Load()
	var here, there readAnswer // for reads of other nodes, of our own
	if r.State() == raft.Leader {
		here.index, here.err = c.readIndex(ctx, r, confirmed)
		there = here
	} else {
		here.err = fmt.Errorf("%w: this node is not it", ErrNoLeader)
		there = here
		if leader, ok := c.Leader(); ok && anyOwn(group) {
			there.index, there.err = c.remoteIndex(ctx, leader)
		}
	}
	for _, p := range group {
		if p.local {
			p.done <- here
		} else {
			p.done <- there
		}
	}
}

func anyOwn(group []*readCall) bool {
	for _, p := range group {
		if !p.local {
			return true
		}
	}
	return false
}

// remoteIndex asks the leader. A read can always be tried again, so every failure is "no leader".
func (c *Cluster) remoteIndex(ctx context.Context, leader string) (uint64, error) {
	reply, err := c.askLeader(ctx, leader, opReadIndex, nil)
	if err == nil {
		cur := cursor{b: reply}
		index := cur.u64()
		if err = cur.end(); err == nil {
			return index, nil
		}
	}
	return 0, fmt.Errorf("%w: %w", ErrNoLeader, err)
}

// readIndex finds an index such that a state which contains it contains everything
// acknowledged before the call (Raft dissertation §6.4): the leader has committed an
// entry of its own term, notes its commit index, and a quorum confirms that it still
// leads in the same term.
func (c *Cluster) readIndex(ctx context.Context, r *raft.Raft, confirmed *uint64) (uint64, error) {
	term := r.CurrentTerm()
	if *confirmed != term {
		// Before an entry of its own term is committed a new leader may not know yet what
		// its predecessor had acknowledged.
		if err := c.await(ctx, r.Barrier(enqueueWait)); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrNoLeader, err)
		}
		if r.CurrentTerm() != term || r.State() != raft.Leader {
			return 0, fmt.Errorf("%w: leadership has just changed", ErrNoLeader)
		}
		*confirmed = term
	}
	commit := r.CommitIndex()
	if err := c.await(ctx, r.VerifyLeader()); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	if r.CurrentTerm() != term {
		return 0, fmt.Errorf("%w: leadership has just changed", ErrNoLeader)
	}
	return c.stateIndex(commit)
}

// stateIndex is the index at which the state contains all entries up to commit. The two
// differ because barriers and the entry a new leader begins with never reach the state.
func (c *Cluster) stateIndex(commit uint64) (uint64, error) {
	applied, _ := c.cfg.FSM.Applied()
	for i := commit; i > applied; i-- {
		var l raft.Log
		if err := c.storage.cache.GetLog(i, &l); err != nil {
			return 0, fmt.Errorf("%w: reading log entry %d: %w", ErrNoLeader, i, err)
		}
		if l.Type == raft.LogCommand || l.Type == raft.LogConfiguration {
			return i, nil
		}
	}
	return applied, nil
}
