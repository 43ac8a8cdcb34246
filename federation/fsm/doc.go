// Package fsm is a site's replicated state: one bbolt file that every node of the site
// holds, changed only by committed commands, in the same order, with the same result.
//
// It owns the command envelope and its binary codec, the dispatch of commands to
// tables, the one transaction per batch in which the data and the index of the last
// applied log entry are written together, snapshots, restores, and change
// notification. DESIGN.md in this folder gives the layouts byte by byte, the
// guarantees and what happens at each crash point.
//
// It deliberately does not know what a command means (tables do), who is the leader
// (package cluster does), or what time it is: time, identifiers and randomness come in
// the command, stamped by the proposer.
//
// Concurrency: Apply, ApplyBatch, Snapshot and Restore are called by raft's one state
// machine goroutine. Everything else is safe from any goroutine. View sees a
// consistent state and never blocks Apply for longer than a pointer swap; do not call
// View or Close from inside View. No lock is held while a table runs. The one mutex
// (FSM.mu) guards pointers and positions only.
//
// On disk: <dir>/state.db (bbolt, pages of 4096 bytes, mode 0600), and while a
// snapshot is being restored <dir>/state.db.tmp.
package fsm
