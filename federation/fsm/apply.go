package fsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// position is the log entry up to which the state has been changed.
type position struct {
	index, term uint64
}

var (
	metaKey       = []byte("state")
	metaName      = []byte(metaBucket)
	errNoEffect   = errors.New("already applied before a restart: the result is no longer known")
	errNotACopy   = errors.New("the log and the state do not belong together: this node must be emptied and added again")
	errTablePanic = errors.New("a table panicked")
)

// Meta record layout, big-endian: u16 format, u64 applied index, u64 applied term.
const (
	storeFormat     = 1
	metaRecordBytes = 2 + 8 + 8
)

func writeMeta(tx *bbolt.Tx, at position) error {
	b := make([]byte, 0, metaRecordBytes)
	b = binary.BigEndian.AppendUint16(b, storeFormat)
	b = binary.BigEndian.AppendUint64(b, at.index)
	b = binary.BigEndian.AppendUint64(b, at.term)
	return tx.Bucket(metaName).Put(metaKey, b)
}

// readMeta returns the stored position; a state without a record is at the beginning.
func readMeta(tx *bbolt.Tx) (position, error) {
	b := tx.Bucket(metaName)
	if b == nil {
		return position{}, nil
	}
	rec := b.Get(metaKey)
	if rec == nil {
		return position{}, nil
	}
	if len(rec) < 2 {
		return position{}, fmt.Errorf("reading the state's position: %w: record of %d bytes", ErrCorrupt, len(rec))
	}
	if f := binary.BigEndian.Uint16(rec); f != storeFormat {
		return position{}, fmt.Errorf("the state has format %d, this version reads %d: %w", f, storeFormat, ErrTooNew)
	}
	if len(rec) != metaRecordBytes {
		return position{}, fmt.Errorf("reading the state's position: %w: record of %d bytes", ErrCorrupt, len(rec))
	}
	return position{index: binary.BigEndian.Uint64(rec[2:]), term: binary.BigEndian.Uint64(rec[10:])}, nil
}

// batch is the outcome of applying consecutive log entries in one transaction.
type batch struct {
	responses []any           // one per log: []Result, or an error for an entry that was not applied
	touched   map[string]bool // tables that accepted at least one command
	commands  int             // commands dispatched to tables
	refused   int             // of those, refused
	skipped   int             // unknown but ignorable
	at        position        // after the last entry
}

// applyLogs is the state machine itself: a function of the transaction, the registry,
// the stored position and the entries. It is used by raft, by restarts and by tests.
// An error means that the transaction must be rolled back and the replica stop.
func applyLogs(tx *bbolt.Tx, reg *registry, at position, logs []*raft.Log) (*batch, error) {
	out := &batch{responses: make([]any, len(logs)), touched: map[string]bool{}, at: at}
	for i, l := range logs {
		if l.Index <= out.at.index {
			// A replay. Committed entries never change, so a differing term proves that log
			// and state come from different histories.
			if l.Index == out.at.index && l.Term != out.at.term || l.Term > out.at.term {
				return out, fail(l, "checking", fmt.Errorf("entry %d has term %d, the state has applied up to %d of term %d: %w", l.Index, l.Term, out.at.index, out.at.term, errNotACopy))
			}
			out.responses[i] = errNoEffect
			continue
		}
		if l.Type == raft.LogCommand {
			results, err := applyEntry(tx, reg, l, out)
			if err != nil {
				return out, err
			}
			out.responses[i] = results
		}
		out.at = position{index: l.Index, term: l.Term}
	}
	if out.at == at {
		return out, nil
	}
	if err := writeMeta(tx, out.at); err != nil {
		return out, &FatalError{Step: "recording", Index: out.at.index, Err: err}
	}
	return out, nil
}

func fail(l *raft.Log, step string, err error) error {
	return &FatalError{Step: step, Index: l.Index, Err: err}
}

func applyEntry(tx *bbolt.Tx, reg *registry, l *raft.Log, out *batch) ([]Result, error) {
	cmds, err := DecodeEntry(l.Data)
	if err != nil {
		return nil, fail(l, "decoding", err)
	}
	results := make([]Result, len(cmds))
	for i := range cmds {
		c := &cmds[i]
		if err := reg.check(c); err != nil {
			if c.Flags&FlagIgnoreUnknown == 0 {
				return nil, fail(l, "dispatching", err)
			}
			out.skipped++
			results[i] = Result{Err: &Refusal{Code: CodeUnknownKind, Text: err.Error()}}
			continue
		}
		o := reg.kinds[c.Kind]
		results[i], err = applyCommand(tx.Bucket(o.name), o, c)
		if err != nil {
			return nil, fail(l, "applying", err)
		}
		out.commands++
		if results[i].Err != nil {
			out.refused++
		} else {
			out.touched[string(o.name)] = true
		}
	}
	return results, nil
}

// applyCommand runs the table. A panic in it is a bug that would strike every replica at
// the same entry: it stops the state machine instead of the process, so that capture and
// detection go on. A read fault of the memory-mapped file arrives here as a panic too.
func applyCommand(b *bbolt.Bucket, o owner, c *Command) (r Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("table %q, kind %d version %d: %w: %v\n%s", o.name, c.Kind, c.Version, errTablePanic, p, debug.Stack())
		}
	}()
	value, refusal := o.table.Apply(b, uint16(c.Kind), c.Version, c.At, c.ID, c.Body)
	if refusal != nil {
		return Result{Err: asRefusal(refusal)}, nil
	}
	return Result{Value: bytes.Clone(value)}, nil
}
