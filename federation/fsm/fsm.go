package fsm

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync"

	"fengsui/federation/durable"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// stateFile is the name of the state inside the directory given to Open.
const stateFile = "state.db"

// FSM is the replicated state of one site on one node. It satisfies raft.FSM and
// raft.BatchingFSM.
type FSM struct {
	path string
	reg  *registry

	failed chan struct{} // closed when the state machine has stopped for good

	mu       sync.Mutex
	cur      *store // nil after Close
	at       position
	replayed uint64 // highest index raft has given us since Open, or restored
	fatal    error
	stats    Stats
	watch    watchers
	closeErr func() error
}

// Stats counts what the state machine has done since Open.
type Stats struct {
	Batches   uint64 // transactions committed
	Entries   uint64 // log entries applied
	Commands  uint64 // commands given to tables
	Refused   uint64 // commands a table refused
	Skipped   uint64 // unknown commands that were allowed to be skipped
	Replayed  uint64 // entries that had been applied before
	Snapshots uint64 // snapshots begun
	Restores  uint64 // snapshots restored
}

// Open opens or creates the state in dir (which it creates, mode 0700). The specs list
// every table; two that claim one kind or one bucket are an error. It starts nothing.
func Open(dir string, specs []Spec) (*FSM, error) {
	reg, err := newRegistry(specs)
	if err != nil {
		return nil, fmt.Errorf("tables of the state: %w", err)
	}
	if err := durable.EnsureDir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the state: %w", err)
	}
	path := filepath.Join(dir, stateFile)
	s, err := openStore(path, reg.names)
	if err != nil {
		return nil, err
	}
	at, err := s.position()
	if err == nil {
		// Only the holder of the file's lock may remove what an interrupted restore left.
		err = errors.Join(durable.Remove(path+restoreSuffix), durable.SyncDir(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("opening the state %s: %w", path, errors.Join(err, s.close()))
	}
	f := &FSM{path: path, reg: reg, failed: make(chan struct{}), cur: s, at: at}
	f.watch.init()
	return f, nil
}

// Close closes the state after the transactions that read it have ended. A second Close
// returns what the first returned.
func (f *FSM) Close() error {
	f.mu.Lock()
	if s := f.cur; s != nil {
		f.cur = nil
		f.closeErr = sync.OnceValue(s.close)
	}
	closeOnce := f.closeErr
	f.mu.Unlock()
	return closeOnce()
}

// hold returns the current store with a use counted, or ErrClosed.
func (f *FSM) hold() (*store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cur == nil {
		return nil, ErrClosed
	}
	f.cur.acquire()
	return f.cur, nil
}

// Check says whether this node can apply c. A proposer asks before it proposes, so that
// it cannot stop the replicas with a command that its own tables do not know.
func (f *FSM) Check(c *Command) error { return f.reg.check(c) }

// Failed is closed when the state machine has stopped for good; Err then says why.
func (f *FSM) Failed() <-chan struct{} { return f.failed }

// Err returns why the state machine has stopped (a *FatalError), or nil.
func (f *FSM) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fatal
}

// stop records the first fatal error. It returns the error now in force.
func (f *FSM) stop(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fatal == nil {
		f.fatal = err
		close(f.failed)
	}
	return f.fatal
}

// Apply applies one entry; raft calls ApplyBatch instead.
func (f *FSM) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies consecutive committed entries in one transaction together with the
// position of the last one. Each response is a []Result, or an error when the entry was
// not applied by this call. After a fatal error every response is that error.
func (f *FSM) ApplyBatch(logs []*raft.Log) []any {
	out, err := f.applyBatch(logs)
	if err != nil {
		responses := make([]any, len(logs))
		for i := range responses {
			responses[i] = err
		}
		return responses
	}
	return out.responses
}

func (f *FSM) applyBatch(logs []*raft.Log) (out *batch, err error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	s, err := f.hold()
	if err != nil {
		return nil, err
	}
	defer s.release()
	f.mu.Lock()
	at := f.at
	f.mu.Unlock()
	if last := logs[len(logs)-1]; last.Index <= at.index {
		// Nothing to write; applyLogs still compares terms, and touches no bucket.
		out, err = applyLogs(nil, f.reg, at, logs)
	} else {
		out, err = commit(s.db, f.reg, at, logs)
	}
	if err != nil {
		return nil, f.stop(err)
	}
	f.note(out, logs)
	return out, nil
}

// commit runs applyLogs in a transaction. Faults of the mapped file and panics inside
// bbolt become errors: see applyCommand.
func commit(db *bbolt.DB, reg *registry, at position, logs []*raft.Log) (out *batch, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &FatalError{Step: "committing", Index: logs[0].Index, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	err = db.Update(func(tx *bbolt.Tx) error {
		out, err = applyLogs(tx, reg, at, logs)
		return err
	})
	var fatal *FatalError
	if err != nil && !errors.As(err, &fatal) {
		err = &FatalError{Step: "committing", Index: logs[0].Index, Err: err}
	}
	return out, err
}

// note publishes what a committed batch changed.
func (f *FSM) note(out *batch, logs []*raft.Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range logs {
		if err, isErr := out.responses[i].(error); isErr && errors.Is(err, errNoEffect) {
			f.stats.Replayed++
		} else {
			f.stats.Entries++
		}
	}
	if out.at != f.at {
		f.stats.Batches++
	}
	f.stats.Commands += uint64(out.commands)
	f.stats.Refused += uint64(out.refused)
	f.stats.Skipped += uint64(out.skipped)
	f.at = out.at
	f.replayed = max(f.replayed, logs[len(logs)-1].Index)
	f.watch.applied()
	for name := range out.touched {
		f.watch.changed(name)
	}
}
