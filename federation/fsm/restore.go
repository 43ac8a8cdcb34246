package fsm

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"fengsui/federation/durable"

	"go.etcd.io/bbolt"
)

// restoreSuffix names the file a snapshot is unpacked into.
const restoreSuffix = ".tmp"

// Restore replaces the whole state by a snapshot and closes source. The snapshot is
// unpacked into a file beside the state; only when its digest has matched and the file is
// flushed does it take the state's name and place. On any error before that the state is
// as it was. Readers of the old state finish on the old state.
func (f *FSM) Restore(source io.ReadCloser) (err error) {
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := f.Err(); err != nil {
		return err
	}
	if _, err := f.ownFile(); err != nil {
		return err
	}
	s, at, err := f.unpack(source)
	if err != nil {
		return fmt.Errorf("restoring a snapshot: %w", err)
	}
	if err := durable.Replace(f.path+restoreSuffix, f.path); err != nil {
		// Whether the new name is durable is unknown: only a restart can tell which state this is.
		return f.stop(&FatalError{Step: "restoring a snapshot up to", Index: at.index, Err: errors.Join(err, s.close())})
	}
	return f.swap(s, at)
}

// ownFile makes sure that the FSM is open: only then may it touch the files.
func (f *FSM) ownFile() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cur == nil {
		return "", ErrClosed
	}
	return f.path, nil
}

// unpack writes the snapshot into a new file and verifies it. The returned store is open
// under the temporary name and flushed.
func (f *FSM) unpack(source io.Reader) (s *store, at position, err error) {
	var header [snapshotHeaderBytes]byte
	if err := readFull(source, header[:]); err != nil {
		return nil, position{}, err
	}
	if at, err = parseSnapshotHeader(header[:]); err != nil {
		return nil, position{}, err
	}
	tmp := f.path + restoreSuffix
	if err := durable.Remove(tmp); err != nil {
		return nil, position{}, err
	}
	if s, err = openStore(tmp, f.reg.names); err != nil {
		return nil, position{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(), durable.Remove(tmp))
		}
	}()
	s.db.NoSync = true // one flush at the end instead of one per transaction: nobody reads this file after a crash
	u := &unpacker{db: s.db}
	defer u.rollback()
	if err := u.run(newItemReader(newFrameReader(source, newChain(snapshotLabel, header[:])))); err != nil {
		return s, position{}, err
	}
	if err := s.db.Update(func(tx *bbolt.Tx) error { return writeMeta(tx, at) }); err != nil {
		return s, position{}, err
	}
	if err := s.db.Sync(); err != nil {
		return s, position{}, fmt.Errorf("flushing %s: %w", filepath.Base(tmp), err)
	}
	s.db.NoSync = false
	return s, at, nil
}

// swap makes the restored store the current one.
func (f *FSM) swap(s *store, at position) error {
	f.mu.Lock()
	old := f.cur
	if old != nil {
		f.cur, f.at, f.replayed = s, at, at.index
		f.stats.Restores++
		f.watch.all()
	}
	f.mu.Unlock()
	if old == nil { // closed meanwhile: the file is in place for the next start
		return errors.Join(ErrClosed, s.close())
	}
	old.release()
	return nil
}

// unpacker writes items in transactions of bounded size.
type unpacker struct {
	db    *bbolt.DB
	tx    *bbolt.Tx
	path  [][]byte        // names of the open buckets
	open  []*bbolt.Bucket // the same buckets in tx
	items int
	bytes int
}

func (u *unpacker) run(r *itemReader) error {
	for {
		it, err := r.next()
		if errors.Is(err, io.EOF) {
			return u.commit()
		}
		if err != nil {
			return err
		}
		if err := u.begin(); err != nil {
			return err
		}
		if err := u.put(it); err != nil {
			return err
		}
		u.items++
		u.bytes += len(it.key) + len(it.value)
		if u.items >= restoreItemsMax || u.bytes >= restoreBytesMax {
			if err := u.commit(); err != nil {
				return err
			}
		}
	}
}

// begin opens a transaction and finds the open buckets in it.
func (u *unpacker) begin() (err error) {
	if u.tx != nil {
		return nil
	}
	if u.tx, err = u.db.Begin(true); err != nil {
		return err
	}
	u.open = u.open[:0]
	for _, name := range u.path {
		var b *bbolt.Bucket
		if len(u.open) == 0 {
			b = u.tx.Bucket(name)
		} else {
			b = u.open[len(u.open)-1].Bucket(name)
		}
		u.open = append(u.open, dense(b))
	}
	return nil
}

// dense makes pages nearly full: keys arrive in order and are rarely inserted between.
func dense(b *bbolt.Bucket) *bbolt.Bucket {
	b.FillPercent = 0.9
	return b
}

func (u *unpacker) put(it item) error {
	switch it.tag {
	case itemEnter:
		var b *bbolt.Bucket
		var err error
		if len(u.open) == 0 {
			b, err = u.tx.CreateBucketIfNotExists(it.key) // the specs' buckets are there
		} else {
			b, err = u.open[len(u.open)-1].CreateBucket(it.key)
		}
		if err != nil {
			return err
		}
		u.path = append(u.path, it.key)
		u.open = append(u.open, dense(b))
		if it.sequence == 0 {
			return nil
		}
		return b.SetSequence(it.sequence)
	case itemPair:
		return u.open[len(u.open)-1].Put(it.key, it.value)
	default: // itemLeave; itemReader lets nothing else through
		u.path, u.open = u.path[:len(u.path)-1], u.open[:len(u.open)-1]
		return nil
	}
}

func (u *unpacker) commit() error {
	tx := u.tx
	if tx == nil {
		return nil
	}
	u.tx, u.items, u.bytes = nil, 0, 0
	return tx.Commit()
}

// rollback ends a transaction that an error left open, so that the file can be closed.
func (u *unpacker) rollback() {
	if u.tx != nil {
		// The error that led here is the one to report.
		_ = u.tx.Rollback()
		u.tx = nil
	}
}
