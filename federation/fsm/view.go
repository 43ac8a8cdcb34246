package fsm

import (
	"context"

	"go.etcd.io/bbolt"
)

// View runs fn on a consistent, read-only state. What fn reads dies with the call: it
// copies what it keeps. It may run for long: it delays neither Apply nor a restore, but
// pages that change meanwhile cannot be reused until it ends. fn must not call View or Close.
func (f *FSM) View(fn func(tx *bbolt.Tx) error) error {
	s, err := f.hold()
	if err != nil {
		return err
	}
	defer s.release()
	return s.db.View(fn)
}

// Applied returns index and term of the last log entry in the state.
func (f *FSM) Applied() (index, term uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at.index, f.at.term
}

// WaitApplied returns when the state holds the entry with the given index, or when ctx
// ends or the state machine has stopped.
func (f *FSM) WaitApplied(ctx context.Context, index uint64) error {
	for {
		f.mu.Lock()
		at, fatal, advanced := f.at, f.fatal, f.watch.advanced
		f.mu.Unlock()
		switch {
		case at.index >= index:
			return nil
		case fatal != nil:
			return fatal
		}
		select {
		case <-advanced:
		case <-f.failed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Stats returns the counters since Open.
func (f *FSM) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Watch returns a channel that is closed when a batch that changed the named table has
// been applied, or a snapshot restored. Call it again for the next change; to miss
// nothing, call it before reading. A name that no spec lists is never notified except
// by a restore.
func (f *FSM) Watch(name string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watch.table(name)
}

// watchers are the channels to close on change; FSM.mu guards them. The number of
// tables bounds the map: one channel per name, shared by all who wait.
type watchers struct {
	advanced chan struct{}            // closed at every advance of the position
	tables   map[string]chan struct{} // closed at a change of the table
}

func (w *watchers) init() {
	w.advanced = make(chan struct{})
	w.tables = map[string]chan struct{}{}
}

func (w *watchers) table(name string) <-chan struct{} {
	ch, ok := w.tables[name]
	if !ok {
		ch = make(chan struct{})
		w.tables[name] = ch
	}
	return ch
}

func (w *watchers) applied() {
	close(w.advanced)
	w.advanced = make(chan struct{})
}

func (w *watchers) changed(name string) {
	if ch, ok := w.tables[name]; ok {
		close(ch)
		delete(w.tables, name)
	}
}

func (w *watchers) all() {
	w.applied()
	for name := range w.tables {
		w.changed(name)
	}
}
