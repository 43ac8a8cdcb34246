package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// Snapshot stream, big-endian: a header of 28 bytes, then a framed stream of items.
//
//	0   8 B  "FSUISNAP"
//	8   u16  format, 1
//	10  u16  reserved, 0
//	12  u64  index of the last applied entry
//	20  u64  its term
const (
	snapshotMagic       = "FSUISNAP"
	snapshotFormat      = 1
	snapshotHeaderBytes = 28
	snapshotLabel       = "fengsui fsm snapshot v1"
)

func snapshotHeader(at position) []byte {
	b := append(make([]byte, 0, snapshotHeaderBytes), snapshotMagic...)
	b = binary.BigEndian.AppendUint16(b, snapshotFormat)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint64(b, at.index)
	return binary.BigEndian.AppendUint64(b, at.term)
}

func parseSnapshotHeader(b []byte) (position, error) {
	if string(b[:8]) != snapshotMagic {
		return position{}, fmt.Errorf("snapshot: %w: does not begin as one", ErrCorrupt)
	}
	if f := binary.BigEndian.Uint32(b[8:]); f != snapshotFormat<<16 {
		return position{}, fmt.Errorf("snapshot of format %d.%d, this version reads %d.0: %w", f>>16, f&0xffff, snapshotFormat, ErrTooNew)
	}
	return position{index: binary.BigEndian.Uint64(b[12:]), term: binary.BigEndian.Uint64(b[20:])}, nil
}

// ReadSnapshotHeader reads what a snapshot says of itself: index and term of the last
// entry it holds. The rest of r is left unread and unverified.
func ReadSnapshotHeader(r io.Reader) (index, term uint64, err error) {
	var b [snapshotHeaderBytes]byte
	if err := readFull(r, b[:]); err != nil {
		return 0, 0, fmt.Errorf("snapshot: %w", err)
	}
	at, err := parseSnapshotHeader(b[:])
	return at.index, at.term, err
}

// Snapshot begins a snapshot of the present state; raft calls it between two batches.
// It only opens a read transaction: Persist does the work while Apply goes on.
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.Lock()
	fatal, at, replayed := f.fatal, f.at, f.replayed
	f.mu.Unlock()
	if fatal != nil {
		// The state lacks entries that raft believes applied.
		return nil, fatal
	}
	if replayed < at.index {
		return nil, ErrReplaying
	}
	s, err := f.hold()
	if err != nil {
		return nil, err
	}
	tx, err := s.db.Begin(false)
	if err != nil {
		s.release()
		return nil, fmt.Errorf("beginning a snapshot: %w", err)
	}
	f.mu.Lock()
	f.stats.Snapshots++
	f.mu.Unlock()
	return &snapshot{store: s, tx: tx}, nil
}

// snapshot is a read transaction waiting to be written out.
type snapshot struct {
	store *store
	tx    *bbolt.Tx
}

// Persist streams the snapshot to sink and closes it, or cancels it on an error.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if err := writeSnapshot(sink, s.tx); err != nil {
		return fmt.Errorf("writing snapshot %s: %w", sink.ID(), errors.Join(err, sink.Cancel()))
	}
	return sink.Close()
}

func writeSnapshot(w io.Writer, tx *bbolt.Tx) error {
	at, err := readMeta(tx)
	if err != nil {
		return err
	}
	header := snapshotHeader(at)
	if _, err := w.Write(header); err != nil {
		return err
	}
	out := newFrameWriter(w, newChain(snapshotLabel, header))
	if err := writeState(out, tx); err != nil {
		return err
	}
	_, err = out.finish()
	return err
}

// Release ends the read transaction. Raft calls it exactly once.
func (s *snapshot) Release() {
	// A read transaction's rollback only fails when it has ended already.
	_ = s.tx.Rollback()
	s.store.release()
}
