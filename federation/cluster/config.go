package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
)

// Config is what a cluster needs. Open works on a copy.
type Config struct {
	// Node is this node's name, unique in the site and for ever the same.
	Node string
	// Dir is where log and snapshots live; created when missing, used by one process.
	Dir string
	// Advertise is the address other nodes dial through their Layer; default Layer.Addr().
	Advertise string
	// Layer carries raft's own streams. Run closes it when it ends, Close in any case.
	Layer raft.StreamLayer
	// FSM is the state. It is not closed here: close it after Close.
	FSM *fsm.FSM
	// Forward opens a stream to a node of this site, at whose end ServeForward is called.
	// Nil makes a site that can only have this one node.
	Forward func(ctx context.Context, node string) (net.Conn, error)
	// Logger takes raft's messages too; default: none are written.
	Logger *slog.Logger

	// Timing is raft's; the zero value is right for a LAN and a loaded machine.
	Timing Timing
	// LeaderWait is how long a call waits for a leader before ErrNoLeader; default 3 s,
	// the longest a change of leader takes.
	LeaderWait time.Duration
	// SnapshotEntries and SnapshotBytes say how much log may gather before a snapshot is
	// taken; defaults 8192 entries, 128 MiB. TrailingBytes is about how much log stays
	// after one, for followers that were away for a moment; default 64 MiB.
	SnapshotEntries uint64
	SnapshotBytes   uint64
	TrailingBytes   uint64
	// SegmentBytes is the size of one file of the log, allocated in advance; default 16 MiB.
	SegmentBytes uint64
	// FreeBytesMin is the free disk space below which this node, as leader, refuses
	// proposals (ErrLowSpace); a quarter of it is kept for commands with
	// fsm.FlagReserve. Default 256 MiB.
	FreeBytesMin uint64
}

// Timing relates as raft demands: Lease ≤ Heartbeat ≤ Election.
type Timing struct {
	// Heartbeat is how long a follower hears nothing before it suspects the leader (after
	// one to two times this); a leader sends ten times as often. Default 1 s: with
	// Election 1 s a new leader stands within 3 s, and a machine whose disk or CPU stalls
	// for half a second does not lose its leadership.
	Heartbeat time.Duration
	// Election is how long a candidate waits for votes before it tries again. Default 1 s.
	Election time.Duration
	// Lease is how long a leader that reaches no quorum goes on believing in itself.
	// Default 500 ms.
	Lease time.Duration
	// Commit is how soon followers of an idle leader hear that an entry is committed (after
	// one to two times this). Default 25 ms.
	Commit time.Duration
}

// withDefaults fills zeros and reports every problem at once.
func (c Config) withDefaults() (Config, error) {
	setDuration(&c.Timing.Heartbeat, time.Second)
	setDuration(&c.Timing.Election, time.Second)
	setDuration(&c.Timing.Lease, 500*time.Millisecond)
	setDuration(&c.Timing.Commit, 25*time.Millisecond)
	setDuration(&c.LeaderWait, 3*time.Second)
	setBytes(&c.SnapshotEntries, 8192)
	setBytes(&c.SnapshotBytes, 128<<20)
	setBytes(&c.TrailingBytes, 64<<20)
	setBytes(&c.SegmentBytes, 16<<20)
	setBytes(&c.FreeBytesMin, 256<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var problems []error
	if c.Node == "" || len(c.Node) > textBytesMax {
		problems = append(problems, errors.New("a node name is needed"))
	}
	if c.SegmentBytes < 64<<10 || c.SegmentBytes > 1<<30 {
		problems = append(problems, fmt.Errorf("log segments of %d bytes, want 64 KiB to 1 GiB", c.SegmentBytes))
	}
	if c.Dir == "" {
		problems = append(problems, errors.New("a directory is needed"))
	}
	if c.FSM == nil {
		problems = append(problems, errors.New("a state machine is needed"))
	}
	if c.Layer == nil {
		problems = append(problems, errors.New("a stream layer is needed"))
	} else if c.Advertise == "" {
		c.Advertise = c.Layer.Addr().String()
	}
	if c.Forward == nil {
		c.Forward = func(context.Context, string) (net.Conn, error) {
			return nil, errors.New("this node was given no way to reach others")
		}
	}
	if len(problems) == 0 {
		if err := raft.ValidateConfig(c.raftConfig(nil)); err != nil {
			problems = append(problems, fmt.Errorf("timing: %w", err))
		}
	}
	if len(problems) > 0 {
		return c, fmt.Errorf("configuring the cluster: %w", errors.Join(problems...))
	}
	return c, nil
}

func setDuration(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

func setBytes(n *uint64, value uint64) {
	if *n == 0 {
		*n = value
	}
}

func (c Config) raftConfig(logger *logAdapter) *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.Node)
	rc.HeartbeatTimeout = c.Timing.Heartbeat
	rc.ElectionTimeout = c.Timing.Election
	rc.LeaderLeaseTimeout = c.Timing.Lease
	rc.CommitTimeout = c.Timing.Commit
	rc.MaxAppendEntries = appendEntriesMax
	// Entries that queue while one is being flushed are flushed together.
	rc.BatchApplyCh = true
	rc.SnapshotThreshold = c.SnapshotEntries
	rc.TrailingLogs = trailingMin
	rc.NoLegacyTelemetry = true
	// Open restores when the state itself says that it must; see start.go.
	rc.NoSnapshotRestoreOnStart = true
	// A removed node keeps running as a follower without a vote: the operator decides.
	rc.ShutdownOnRemove = false
	if logger != nil {
		rc.Logger = logger.hclog()
	}
	return rc
}
