package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
)

// counters are since Open.
type counters struct {
	calls, commands, noLeader, unknown, lowSpace atomic.Uint64
	entries, bytes                               atomic.Uint64
	forwarded, served, badStreams, rounds        atomic.Uint64
	freeBytes                                    atomic.Uint64
}

func (k *counters) proposed(commands int, err error) {
	k.calls.Add(1)
	switch {
	case err == nil:
		k.commands.Add(uint64(commands))
	case errors.Is(err, ErrUnknownOutcome):
		k.unknown.Add(1)
	case errors.Is(err, ErrNoLeader):
		k.noLeader.Add(1)
	case errors.Is(err, ErrLowSpace):
		k.lowSpace.Add(1)
	}
}

// Stats is a picture of the cluster for metrics; counters are since Open.
type Stats struct {
	Leader   string // "" when unknown
	IsLeader bool
	Term     uint64
	Voters   int

	LastIndex, CommitIndex, AppliedIndex, SnapshotIndex uint64 // log entries; applied: in the state
	LogFirst                                            uint64 // oldest entry kept

	Calls, Commands      uint64 // Propose calls, commands acknowledged
	NoLeader, Unknown    uint64 // Propose calls that ended so
	LowSpace             uint64
	Entries, EntryBytes  uint64 // handed to raft here as leader
	Forwarded, Served    uint64 // requests sent to the leader, answered for others
	BadStreams           uint64 // forward streams that ended in an error
	ReadRounds           uint64
	LogEntries, LogBytes uint64 // written to this node's log
	FreeBytes            uint64 // of the disk, as last seen
	FSM                  fsm.Stats
}

// Stats returns the present picture. Before Run it holds zeros only.
func (c *Cluster) Stats() Stats {
	r := c.raft.Load()
	if r == nil {
		return Stats{FSM: c.cfg.FSM.Stats()}
	}
	k, logs := &c.counters, c.storage.logs
	leader, _ := c.Leader()
	applied, _ := c.cfg.FSM.Applied()
	voters := 0
	for _, s := range c.Servers() {
		if s.Voter {
			voters++
		}
	}
	first, _ := logs.FirstIndex() // 0 after Close
	snapshot := uint64(0)
	if list, err := c.storage.snaps.List(); err == nil && len(list) > 0 {
		snapshot = list[0].Index
	}
	return Stats{
		Leader: leader, IsLeader: c.IsLeader(), Term: r.CurrentTerm(), Voters: voters,
		LastIndex: r.LastIndex(), CommitIndex: r.CommitIndex(), AppliedIndex: applied, SnapshotIndex: snapshot, LogFirst: first,
		Calls: k.calls.Load(), Commands: k.commands.Load(), NoLeader: k.noLeader.Load(), Unknown: k.unknown.Load(), LowSpace: k.lowSpace.Load(),
		Entries: k.entries.Load(), EntryBytes: k.bytes.Load(),
		Forwarded: k.forwarded.Load(), Served: k.served.Load(), BadStreams: k.badStreams.Load(), ReadRounds: k.rounds.Load(),
		LogEntries: logs.entries.Load(), LogBytes: logs.bytes.Load(),
		FreeBytes: k.freeBytes.Load(), FSM: c.cfg.FSM.Stats(),
	}
}

// Snapshot takes a snapshot now and shortens the log. Nothing new to hold is no error.
func (c *Cluster) Snapshot() error {
	r, err := c.running(context.Background())
	if err != nil {
		return err
	}
	err = c.await(context.Background(), r.Snapshot())
	switch {
	case err == nil, errors.Is(err, raft.ErrNothingNewToSnapshot):
		return nil
	case errors.Is(err, raft.ErrRaftShutdown):
		return ErrClosed
	default:
		return fmt.Errorf("taking a snapshot: %w", err)
	}
}
