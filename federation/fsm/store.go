package fsm

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// store is one open bbolt file with a count of who uses it. A restore puts a new store
// in place at once; the old one stays readable for those who still read it and is closed
// by the last of them. So a swap waits for nobody and nobody waits for a swap.
type store struct {
	db *bbolt.DB

	mu     sync.Mutex
	refs   int // the FSM's own plus one per transaction
	closed chan struct{}
	err    error // of closing; read after closed
}

// lockWait is how long opening waits for another process to let go of the file.
const lockWait = 300 * time.Millisecond

// openStore opens or creates the file and its buckets. See DESIGN.md for the reasons:
//   - every commit is flushed (no NoSync): bbolt pages carry no checksums, so damage from
//     an unflushed, half-written file could not be noticed;
//   - the free list is not written (NoFreelistSync): after a backlog has drained it would
//     cost megabytes in every commit; it is rebuilt at open;
//   - the address space is reserved at once (InitialMmapSize): growing the map has to wait
//     for every reader, so one slow reader or snapshot would stall Apply.
func openStore(path string, names []string) (*store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockWait,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: storeMapBytesMin,
		PageSize:        storePageBytes,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("opening the state %s: in use by another process: stop it first", path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the state %s: %w", path, err)
	}
	s := &store{db: db, refs: 1, closed: make(chan struct{})}
	if err := s.ensureBuckets(names); err != nil {
		return nil, fmt.Errorf("opening the state %s: %w", path, errors.Join(err, s.close()))
	}
	return s, nil
}

// ensureBuckets creates the missing buckets. It is the only change not made by a
// command; it is invisible, because empty buckets count neither in snapshots nor in Hash.
func (s *store) ensureBuckets(names []string) error {
	missing := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		if _, err := readMeta(tx); err != nil {
			return err
		}
		missing = tx.Bucket(metaName) == nil
		for _, n := range names {
			missing = missing || tx.Bucket([]byte(n)) == nil
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, n := range append([]string{metaBucket}, names...) {
			if _, err := tx.CreateBucketIfNotExists([]byte(n)); err != nil {
				return fmt.Errorf("creating bucket %q: %w", n, err)
			}
		}
		return nil
	})
}

func (s *store) position() (at position, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		at, err = readMeta(tx)
		return err
	})
	return at, err
}

// acquire counts a user; the caller makes sure that the store is still the current one.
func (s *store) acquire() {
	s.mu.Lock()
	s.refs++
	s.mu.Unlock()
}

// release gives a use back; the last one closes the file.
func (s *store) release() {
	s.mu.Lock()
	s.refs--
	last := s.refs == 0
	s.mu.Unlock()
	if last {
		s.err = s.db.Close()
		close(s.closed)
	}
}

// close gives the FSM's own use back and waits until the file is closed.
func (s *store) close() error {
	s.release()
	<-s.closed
	return s.err
}
