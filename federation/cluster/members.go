package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Servers returns the site's nodes as this node knows them; see LeaderServers.
func (c *Cluster) Servers() []Server {
	r := c.raft.Load()
	if r == nil {
		return nil
	}
	_, leader := r.LeaderWithID()
	var list []Server
	for _, s := range r.GetConfiguration().Configuration().Servers {
		list = append(list, Server{Node: string(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter, Leader: s.ID == leader})
	}
	return list
}

// LeaderServers returns the site's nodes as the leader knows them.
func (c *Cluster) LeaderServers(ctx context.Context) (list []Server, err error) {
	err = c.settled(ctx, func(leader string) error {
		if leader == c.cfg.Node {
			if !c.IsLeader() {
				return ErrNoLeader
			}
			list = c.Servers()
			return nil
		}
		reply, err := c.askLeader(ctx, leader, opServers, nil)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoLeader, err) // asking again does no harm
		}
		list, err = decodeServers(reply)
		return err
	})
	return list, err
}

// AddVoter adds a node, or gives a member a new address. It may be called on any node,
// and again: each step is skipped when it has been done. The new node first receives the
// log without counting for the quorum; only when it has caught up does it get its vote,
// so that adding a node that is not there cannot stop the site. When ctx ends before
// that the node stays a member without a vote, and the error says so.
func (c *Cluster) AddVoter(ctx context.Context, node, address string) error {
	err := c.onLeader(ctx, opAddVoter, appendText(appendText(nil, node), address), func() error {
		return c.addVoterHere(ctx, node, address)
	})
	if err != nil {
		return fmt.Errorf("adding node %s: %w", node, err)
	}
	return nil
}

// Remove takes a node out of the site. It may be called on any node, also for the
// leader, which then steps down. Removing a node that is not a member does nothing.
func (c *Cluster) Remove(ctx context.Context, node string) error {
	err := c.onLeader(ctx, opRemove, appendText(nil, node), func() error {
		return c.removeHere(ctx, node)
	})
	if err != nil {
		return fmt.Errorf("removing node %s: %w", node, err)
	}
	return nil
}

// onLeader carries out an operation on the leader, wherever that is.
func (c *Cluster) onLeader(ctx context.Context, op operation, payload []byte, here func() error) error {
	return c.settled(ctx, func(leader string) error {
		if leader == c.cfg.Node {
			return here()
		}
		_, err := c.askLeader(ctx, leader, op, payload)
		return err
	})
}

func (c *Cluster) addVoterHere(ctx context.Context, node, address string) error {
	if node == "" || address == "" || len(node) > textBytesMax || len(address) > textBytesMax {
		return fmt.Errorf("%w: name and address are needed", ErrInvalid)
	}
	r := c.raft.Load()
	id, addr := raft.ServerID(node), raft.ServerAddress(address)
	current, known := c.member(node)
	switch {
	case known && current.Voter && current.Address == address:
		return nil
	case known && current.Voter: // a new address; it keeps its vote
		return c.change(ctx, func() raft.IndexFuture { return r.AddVoter(id, addr, 0, enqueueWait) })
	case !known || current.Address != address:
		if len(c.Servers()) >= serversMax {
			return fmt.Errorf("%w: the site has %d nodes already", ErrInvalid, serversMax)
		}
		if err := c.change(ctx, func() raft.IndexFuture { return r.AddNonvoter(id, addr, 0, enqueueWait) }); err != nil {
			return err
		}
	}
	if err := c.caughtUp(ctx, r, node); err != nil {
		return err
	}
	return c.change(ctx, func() raft.IndexFuture { return r.AddVoter(id, addr, 0, enqueueWait) })
}

func (c *Cluster) member(node string) (Server, bool) {
	for _, s := range c.Servers() {
		if s.Node == node {
			return s, true
		}
	}
	return Server{}, false
}

// change makes one change of the configuration.
func (c *Cluster) change(ctx context.Context, begin func() raft.IndexFuture) error {
	err := c.await(ctx, begin())
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return outcome(err)
}

// caughtUp waits until the node has applied what the state here holds now.
func (c *Cluster) caughtUp(ctx context.Context, r *raft.Raft, node string) error {
	target, _ := c.cfg.FSM.Applied()
	last := errors.New("it has not answered")
	for {
		index, err := c.progressOf(ctx, node)
		if err == nil && index >= target {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it has %d of %d entries", index, target)
		}
		if ctx.Err() == nil {
			last = err // the error of an attempt that ctx cut short would say less
		}
		if r.State() != raft.Leader {
			return fmt.Errorf("%w: leadership was lost before the node had caught up", ErrNoLeader)
		}
		select {
		case <-time.After(retryPause):
		case <-c.leaving:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("%w: it receives the log but has no vote yet, because it has not caught up (%w): check that it runs and is reachable, then add it again", ErrUnknownOutcome, withoutRetry(last))
		}
	}
}

// progressOf asks any node how far its state is.
func (c *Cluster) progressOf(ctx context.Context, node string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, progressWait)
	defer cancel()
	reply, err := c.ask(ctx, node, opProgress, nil, func() bool { return true })
	if err != nil {
		return 0, err
	}
	cur := cursor{b: reply}
	index := cur.u64()
	return index, cur.end()
}

func (c *Cluster) removeHere(ctx context.Context, node string) error {
	r := c.raft.Load()
	if r.State() != raft.Leader {
		return ErrNoLeader
	}
	if _, known := c.member(node); !known {
		return nil
	}
	voters := 0
	for _, s := range c.Servers() {
		if s.Voter && s.Node != node {
			voters++
		}
	}
	if voters == 0 {
		return fmt.Errorf("%w: it is the last node with a vote", ErrInvalid)
	}
	return c.change(ctx, func() raft.IndexFuture { return r.RemoveServer(raft.ServerID(node), 0, enqueueWait) })
}
