package cascadetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// Table is what a room's table.go offers.
type Table interface {
	Apply(b *bbolt.Bucket, kind uint16, version uint8, at time.Time, id [16]byte, body []byte) ([]byte, error)
}

// ErrDown is what Propose returns while the ledger is down.
var ErrDown = errors.New("no quorum")

// Ledger is one site's replicated state without the replication: commands that arrive while
// one commit is under way are committed together in the next one, as cluster does.
type Ledger struct {
	db    *bbolt.DB
	table Table

	mu      sync.Mutex
	changed chan struct{}
	waiting []*proposal
	working bool
	down    bool
	commits int
	count   uint64
}

type proposal struct {
	kind  uint16
	id    [16]byte
	body  []byte
	value []byte
	err   error
	done  chan struct{}
}

// Options of a Ledger.
type Options struct {
	Sync bool // fsync each commit, as a real ledger does
}

// Open opens a ledger of one table in a new temporary directory, closed with the test.
func Open(t testing.TB, table Table, opts Options) *Ledger {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "state.db"), 0o600, &bbolt.Options{NoSync: !opts.Sync, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte("table"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &Ledger{db: db, table: table, changed: make(chan struct{})}
}

// Propose commits one command.
func (l *Ledger) Propose(ctx context.Context, kind uint16, id [16]byte, body []byte) ([]byte, error) {
	p := &proposal{kind: kind, id: id, body: body, done: make(chan struct{})}
	l.mu.Lock()
	if l.down {
		l.mu.Unlock()
		return nil, ErrDown
	}
	if id == ([16]byte{}) {
		l.count++
		binary.BigEndian.PutUint64(p.id[8:], l.count)
	}
	l.waiting = append(l.waiting, p)
	lead := !l.working
	l.working = true
	l.mu.Unlock()
	if lead {
		l.work()
	}
	select {
	case <-p.done:
		return p.value, p.err
	case <-ctx.Done():
		return nil, fmt.Errorf("outcome unknown: %w", ctx.Err())
	}
}

// work commits until nothing waits.
func (l *Ledger) work() {
	for {
		l.mu.Lock()
		group := l.waiting
		l.waiting = nil
		if len(group) == 0 {
			l.working = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		err := l.db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("table"))
			for _, p := range group {
				p.value, p.err = l.table.Apply(b, p.kind, 1, time.Now(), p.id, p.body)
			}
			return nil
		})
		l.mu.Lock()
		close(l.changed)
		l.changed = make(chan struct{})
		l.commits++
		l.mu.Unlock()
		for _, p := range group {
			if err != nil {
				p.err = err
			}
			close(p.done)
		}
	}
}

// View runs f on the table's bucket.
func (l *Ledger) View(f func(b *bbolt.Bucket) error) error {
	return l.db.View(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte("table"))) })
}

// Watch returns a channel that is closed at the next commit.
func (l *Ledger) Watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// SetDown lets every Propose fail, or no longer.
func (l *Ledger) SetDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// Commits is how many transactions there were.
func (l *Ledger) Commits() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits
}
