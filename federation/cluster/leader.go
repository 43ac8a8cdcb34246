package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Leader returns the name of the leader as this node knows it.
func (c *Cluster) Leader() (node string, ok bool) {
	r := c.raft.Load()
	if r == nil {
		return "", false
	}
	_, id := r.LeaderWithID()
	return string(id), id != ""
}

// IsLeader tells whether this node believes to be the leader. Another may have been
// elected already: Read with level Leader asks the others.
func (c *Cluster) IsLeader() bool {
	r := c.raft.Load()
	return r != nil && r.State() == raft.Leader
}

// LeaderWatch returns a channel that is closed at the next change of leader, of this
// node's role, or at the end. Call it before looking at Leader, again for the next.
func (c *Cluster) LeaderWatch() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaderSeen
}

func (c *Cluster) notifyLeader() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.leaderSeen)
	c.leaderSeen = make(chan struct{})
}

// isLeadership selects raft's observations that may change Leader or IsLeader.
func isLeadership(o *raft.Observation) bool {
	switch o.Data.(type) {
	case raft.LeaderObservation, raft.RaftState:
		return true
	default:
		return false
	}
}

// settled runs attempt until it has an answer other than "no leader" or LeaderWait is
// over. attempt must have had no effect when it returns ErrNoLeader.
func (c *Cluster) settled(ctx context.Context, attempt func(leader string) error) error {
	if _, err := c.running(ctx); err != nil {
		return err
	}
	deadline := time.NewTimer(c.cfg.LeaderWait)
	defer deadline.Stop()
	for {
		changed := c.LeaderWatch()
		err := fmt.Errorf("%w", ErrNoLeader)
		pause := c.cfg.LeaderWait // nothing to try before the next change
		if leader, ok := c.Leader(); ok {
			if err = attempt(leader); !retriable(err) {
				return err
			}
			pause = retryPause // the leader we know of may be the wrong one, or not ready
		}
		select {
		case <-changed:
		case <-time.After(pause):
		case <-deadline.C:
			return err
		case <-c.leaving:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}
