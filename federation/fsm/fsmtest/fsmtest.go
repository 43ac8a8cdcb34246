// Package fsmtest proves, for any table, what the replicated state demands of it: the
// same commands give the same state and answers on every replica, a refusal has no
// effect, a snapshot loses nothing, and replays change nothing. Every table's test
// calls RoundTrip with commands that reach all its kinds.
//
// It is for tests only; it deliberately knows no cluster. Functions are called from the
// test's goroutine.
package fsmtest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// Open opens a state with the given tables in a new temporary directory, closed with the test.
func Open(t testing.TB, specs ...fsm.Spec) *fsm.FSM {
	t.Helper()
	return open(t, t.TempDir(), specs...)
}

func open(t testing.TB, dir string, specs ...fsm.Spec) *fsm.FSM {
	t.Helper()
	f, err := fsm.Open(dir, specs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("closing the state: %v", err)
		}
	})
	return f
}

// Entry encodes commands as the log entry with the given index (term 1).
func Entry(t testing.TB, index uint64, cmds ...fsm.Command) *raft.Log {
	t.Helper()
	data, err := fsm.EncodeEntry(cmds)
	if err != nil {
		t.Fatal(err)
	}
	return &raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: data}
}

// Apply applies each command as an entry of its own after what f has applied, and
// returns the results. It fails the test when the state machine stops.
func Apply(t testing.TB, f *fsm.FSM, cmds ...fsm.Command) []fsm.Result {
	t.Helper()
	index, _ := f.Applied()
	var results []fsm.Result
	for i := range cmds {
		results = append(results, apply(t, f, Entry(t, index+1+uint64(i), cmds[i]))...)
	}
	return results
}

func apply(t testing.TB, f *fsm.FSM, logs ...*raft.Log) []fsm.Result {
	t.Helper()
	var results []fsm.Result
	for i, r := range f.ApplyBatch(logs) {
		switch r := r.(type) {
		case []fsm.Result:
			results = append(results, r...)
		case error:
			t.Fatalf("entry %d: %v", logs[i].Index, r)
		}
	}
	return results
}

// Hash returns the digest of f's tables.
func Hash(t testing.TB, f *fsm.FSM) [32]byte {
	t.Helper()
	sum, err := f.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// Snapshot returns a snapshot of f as it would be stored.
func Snapshot(t testing.TB, f *fsm.FSM) []byte {
	t.Helper()
	snap, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var s sink
	if err := snap.Persist(&s); err != nil {
		t.Fatal(err)
	}
	return s.Bytes()
}

// sink is a raft.SnapshotSink in memory.
type sink struct{ bytes.Buffer }

func (*sink) ID() string    { return "in memory" }
func (*sink) Close() error  { return nil }
func (*sink) Cancel() error { return errors.New("snapshot cancelled") }

// Restore puts a snapshot into f.
func Restore(t testing.TB, f *fsm.FSM, snapshot []byte) {
	t.Helper()
	if err := f.Restore(io.NopCloser(bytes.NewReader(snapshot))); err != nil {
		t.Fatal(err)
	}
}

// RoundTrip applies the commands one entry each and checks that
//   - a command that was refused changed nothing,
//   - the same commands in one transaction, and in entries of many, give the same state and results,
//   - replaying all of them, twice, and after a restart, changes nothing,
//   - a snapshot restored over another state, and over an empty one, gives the same state,
//   - no bucket but the spec's own was made.
//
// It returns the results, so that the caller can check what was answered.
func RoundTrip(t *testing.T, spec fsm.Spec, cmds ...fsm.Command) []fsm.Result {
	t.Helper()
	if len(cmds) == 0 {
		t.Fatal("fsmtest: no commands given")
	}
	dir := t.TempDir()
	f := open(t, dir, spec)
	var results []fsm.Result
	var logs []*raft.Log
	for i := range cmds {
		before := Hash(t, f)
		l := Entry(t, uint64(i)+1, cmds[i])
		logs = append(logs, l)
		r := apply(t, f, l)
		if r[0].Err != nil && Hash(t, f) != before {
			t.Fatalf("command %d (kind %d) was refused (%v) but changed the state", i, cmds[i].Kind, r[0].Err)
		}
		results = append(results, r...)
	}
	want := Hash(t, f)
	onlyOwnBucket(t, f, spec.Name)

	oneTransaction := Open(t, spec)
	same(t, "all in one transaction", results, apply(t, oneTransaction, logs...), want, oneTransaction)
	packed := Open(t, spec)
	same(t, "many in one entry", results, apply(t, packed, pack(t, cmds)...), want, packed)

	snapshot := Snapshot(t, f)
	for range 2 {
		f.ApplyBatch(logs)
		unchanged(t, "replayed", want, f)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, spec)
	unchanged(t, "restarted", want, again)
	again.ApplyBatch(logs)
	unchanged(t, "restarted and replayed", want, again)

	empty := Open(t, spec)
	Restore(t, empty, snapshot)
	unchanged(t, "snapshot restored into nothing", want, empty)
	empty.ApplyBatch(logs)
	unchanged(t, "snapshot restored, then replayed", want, empty)
	half := Open(t, spec)
	apply(t, half, logs[:(len(logs)+1)/2]...)
	Restore(t, half, snapshot)
	unchanged(t, "snapshot restored over a part", want, half)
	if !bytes.Equal(Snapshot(t, half), snapshot) {
		t.Fatal("a snapshot of the restored state differs from the snapshot it came from")
	}
	return results
}

// pack puts as many commands into an entry as a proposer would.
func pack(t testing.TB, cmds []fsm.Command) []*raft.Log {
	t.Helper()
	var logs []*raft.Log
	for len(cmds) > 0 {
		n, size := 0, 0
		for n < len(cmds) && n < fsm.EntryCommandsMax && (n == 0 || size+cmds[n].EncodedLen() <= fsm.EntryBytesTarget) {
			size += cmds[n].EncodedLen()
			n++
		}
		logs = append(logs, Entry(t, uint64(len(logs))+1, cmds[:n]...))
		cmds = cmds[n:]
	}
	return logs
}

func same(t testing.TB, how string, want, got []fsm.Result, hash [32]byte, f *fsm.FSM) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d results, want %d", how, len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i].Value, want[i].Value) || (got[i].Err == nil) != (want[i].Err == nil) ||
			want[i].Err != nil && !errors.Is(got[i].Err, want[i].Err) {
			t.Fatalf("%s: command %d answered (%x, %v), one by one it was (%x, %v)", how, i, got[i].Value, got[i].Err, want[i].Value, want[i].Err)
		}
	}
	unchanged(t, how, hash, f)
}

// onlyOwnBucket finds tables that reach round their bucket through its transaction.
func onlyOwnBucket(t testing.TB, f *fsm.FSM, name string) {
	t.Helper()
	err := f.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(bucket []byte, _ *bbolt.Bucket) error {
			if b := string(bucket); b != name && b[0] != 0 {
				t.Errorf("the table made a bucket of its own at the top: %q", b)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func unchanged(t testing.TB, how string, want [32]byte, f *fsm.FSM) {
	t.Helper()
	if got := Hash(t, f); got != want {
		t.Fatalf("%s: the state differs: hash %x, want %x", how, got[:6], want[:6])
	}
}
