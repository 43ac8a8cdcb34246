package cluster

import (
	"errors"
	"time"

	"fengsui/federation/durable"
	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
)

// How much room the disk has for proposals.
const (
	spaceOK  = iota
	spaceLow // below FreeBytesMin: only commands with fsm.FlagReserve
	spaceOut // below a quarter of it: none, so that raft can still write terms and votes
)

// keepLoop passes on changes of leadership and looks after disk space and log size.
func (c *Cluster) keepLoop(observed <-chan raft.Observation) {
	ticker := time.NewTicker(keepInterval)
	defer ticker.Stop()
	k := keeper{c: c}
	k.look()
	c.notifyLeader() // what raft observed before it was listened to
	for {
		select {
		case <-observed:
			c.notifyLeader()
		case <-ticker.C:
			k.look()
		case <-c.leaving:
			k.wait()
			return
		}
	}
}

// keeper remembers what has been logged and what is under way.
type keeper struct {
	c          *Cluster
	bytesThen  uint64 // written when the last snapshot was asked for
	trailing   uint64
	space      int32
	snapshotAt chan struct{} // closed when the snapshot under way has ended; nil when none is
}

func (k *keeper) look() {
	k.lookAtSpace()
	k.lookAtLog()
}

func (k *keeper) lookAtSpace() {
	c := k.c
	free, err := durable.FreeSpace(c.cfg.Dir)
	if err != nil {
		// Not knowing is no reason to refuse: a full disk still stops this node.
		c.cfg.Logger.Warn("the free disk space is unknown", "error", err)
		return
	}
	c.counters.freeBytes.Store(free)
	space := int32(spaceOK)
	switch {
	case free < c.cfg.FreeBytesMin/4:
		space = spaceOut
	case free < c.cfg.FreeBytesMin:
		space = spaceLow
	}
	if space != k.space {
		c.cfg.Logger.Warn("disk space has changed", "free_bytes", free, "refusing_proposals", space != spaceOK, "below_bytes", c.cfg.FreeBytesMin)
	}
	k.space = space
	c.lowSpace.Store(space)
}

// roomFor tells whether the disk has room for a proposal.
func (c *Cluster) roomFor(cmds []fsm.Command) bool {
	switch c.lowSpace.Load() {
	case spaceOK:
		return true
	case spaceOut:
		return false
	}
	for i := range cmds {
		if cmds[i].Flags&fsm.FlagReserve == 0 {
			return false
		}
	}
	return true
}

// lookAtLog bounds the log in bytes: raft itself counts entries only, and an entry may
// hold one command or a megabyte of them.
func (k *keeper) lookAtLog() {
	c, logs := k.c, k.c.storage.logs
	r := c.raft.Load()
	entries, bytes := logs.entries.Load(), logs.bytes.Load()
	if trailing := trailingFor(c.cfg.TrailingBytes, entries, bytes); trailing != k.trailing {
		rc := r.ReloadableConfig()
		rc.TrailingLogs = trailing
		if err := r.ReloadConfig(rc); err != nil {
			c.cfg.Logger.Warn("the length of the kept log was not changed", "error", err)
		}
		k.trailing = trailing
	}
	if bytes-k.bytesThen < c.cfg.SnapshotBytes {
		return
	}
	if k.snapshotAt != nil {
		select {
		case <-k.snapshotAt:
		default:
			return
		}
	}
	k.bytesThen = bytes
	k.snapshot(r)
}

// trailingFor is how many entries of the average size seen so far make the wanted bytes.
// It moves in powers of two, so that raft's configuration is not changed every second.
func trailingFor(wanted, entries, bytes uint64) uint64 {
	if entries == 0 || bytes == 0 {
		return trailingMin
	}
	n := uint64(trailingMin)
	for n*2 <= trailingMax && n*2*bytes/entries <= wanted {
		n *= 2
	}
	return n
}

// snapshot asks raft for one beside the loop: writing it may take minutes.
func (k *keeper) snapshot(r *raft.Raft) {
	done := make(chan struct{})
	k.snapshotAt = done
	go func() {
		defer close(done)
		if err := k.c.Snapshot(); err != nil && !errors.Is(err, ErrClosed) {
			k.c.cfg.Logger.Warn("no snapshot was taken; the log keeps growing", "error", err)
		}
	}()
}

func (k *keeper) wait() {
	if k.snapshotAt != nil {
		<-k.snapshotAt
	}
}
