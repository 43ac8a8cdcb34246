// Package cluster makes the nodes of one site agree: it runs hashicorp/raft with a
// raft-wal log and drives the replicated state (package fsm) by it. A site of one node
// and a site of seven work the same way.
//
// It owns proposing (concurrent callers are gathered into entries, a follower forwards
// to the leader), linearizable reads on any node, membership, snapshots and log
// compaction by size, and the start-up checks that keep log, snapshots and state
// together. It deliberately does not know how bytes travel (it takes a
// raft.StreamLayer and a function that opens a stream to a named node), what a command
// means, or who may call (the link below has authenticated the peer as a node of this
// site; node above decides who may propose).
//
// Life: Open takes the lock and opens the files, Bootstrap (first node of a site only)
// writes the first configuration, Run starts raft and blocks, Close ends everything.
// Run returns nil when its context ends, or the error that made this node stop: a full
// disk, a state machine that must not go on. Nothing that was acknowledged is lost
// then; it is in the log and is applied after a restart.
//
// Concurrency: every method may be called from any goroutine, also before Run has
// started (calls wait or fail with ErrNoLeader) and after Close (ErrClosed). Three
// goroutines live in Run: the proposer, which alone hands entries to raft, so that the
// commands of one call stay in order; the reader, which alone verifies leadership, so
// that waiting reads share one round; the keeper, which watches leadership, disk space
// and log size. raft v1.8.0 never answers some futures that are queued when it shuts
// down; await gives up on those, leaving a parked goroutine that holds one future. A dial in
// progress when raft stops ends by its own timeout (10 s), after Close has returned.
//
// On disk, below Config.Dir, modes 0700/0600:
//
//	lock                   flock; the pid that holds the directory
//	log/                   raft-wal segments (16 MiB) and wal-meta.db (term, vote)
//	snapshots/<id>/        raft's file snapshots, the two newest; state.bin is fsm's stream
//	quarantine/<id>/       snapshots that failed verification at start; never read again
//
// On the wire between nodes: raft's own messages over the stream layer, and the forward
// protocol described in message.go.
package cluster
