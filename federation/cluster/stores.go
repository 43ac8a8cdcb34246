package cluster

import (
	"errors"
	"io"
	"runtime"
	"sync/atomic"

	"fengsui/federation/durable"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// guardedStore is the log and term store with a fuse. raft v1.8.0 panics in a goroutine
// of its own when the term cannot be written or a committed entry not read, which would
// take capture and detection down with it. Here the first failure is recorded, which
// makes Run stop this node with the error, and where raft would panic its goroutine is
// ended instead.
type guardedStore struct {
	walStore
	dir     string
	running atomic.Bool     // raft's goroutines exist: before, errors are simply returned
	failure func(err error) // records the first failure
	entries atomic.Uint64   // entries written since Open
	bytes   atomic.Uint64   // their size
}

// walStore is what the guard needs of raft-wal; tests put a faulty disk here.
type walStore interface {
	raft.LogStore
	raft.StableStore
	raft.MonotonicLogStore
	io.Closer
}

var (
	_ raft.LogStore          = (*guardedStore)(nil)
	_ raft.StableStore       = (*guardedStore)(nil)
	_ raft.MonotonicLogStore = (*guardedStore)(nil)
)

func (g *guardedStore) blow(step string, err error) error {
	wrapped := &StorageError{Step: step, Dir: g.dir, Err: err}
	if free, err := durable.FreeSpace(g.dir); err == nil {
		wrapped.Free = free
	}
	if g.running.Load() {
		g.failure(wrapped)
	}
	return wrapped
}

// endRaftGoroutine ends the raft goroutine that called, running its deferred calls.
func (g *guardedStore) endRaftGoroutine() {
	if g.running.Load() {
		runtime.Goexit()
	}
}

// StoreLog stores one entry.
func (g *guardedStore) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs stores entries; a failure stops the node, because whether they are on disk
// is then unknown.
func (g *guardedStore) StoreLogs(logs []*raft.Log) error {
	if err := g.walStore.StoreLogs(logs); err != nil {
		return g.blow("writing the log", err)
	}
	size := 0
	for _, l := range logs {
		size += len(l.Data)
	}
	g.entries.Add(uint64(len(logs)))
	g.bytes.Add(uint64(size))
	return nil
}

// GetLog reads one entry. Not finding one is an answer; not being able to read is not.
func (g *guardedStore) GetLog(index uint64, l *raft.Log) error {
	err := g.walStore.GetLog(index, l)
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) && !errors.Is(err, wal.ErrClosed) {
		err = g.blow("reading the log", err)
		g.endRaftGoroutine()
	}
	return err
}

// Set stores a vote; raft treats a failure as "not voted".
func (g *guardedStore) Set(key, value []byte) error {
	if err := g.walStore.Set(key, value); err != nil {
		return g.blow("writing the vote", err)
	}
	return nil
}

// SetUint64 stores a term; raft would panic on a failure.
func (g *guardedStore) SetUint64(key []byte, value uint64) error {
	if err := g.walStore.SetUint64(key, value); err != nil {
		err := g.blow("writing the term", err)
		g.endRaftGoroutine()
		return err
	}
	return nil
}
