package fsm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"

	"github.com/hashicorp/raft"
)

func sampleState(t testing.TB) *fsm.FSM {
	f := fsmtest.Open(t, kvSpec())
	fsmtest.Apply(t, f, put("a", "1"), put("b", ""), command(kindCount, ""), command(kindNest, "deep/k=v"), put("c", strings.Repeat("long", 70_000)))
	return f
}

func TestSnapshotGolden(t *testing.T) {
	f := fsmtest.Open(t, kvSpec(), fsm.Spec{Name: "empty", Kinds: []fsm.Kind{50}, Table: kv{}})
	fsmtest.Apply(t, f, put("a", "1"), put("b", ""), command(kindCount, ""), command(kindNest, "deep/k=v"))
	b := fsmtest.Snapshot(t, f)
	golden(t, "snapshot.hex", b)
	if index, term, err := fsm.ReadSnapshotHeader(bytes.NewReader(b)); err != nil || index != 4 || term != 1 {
		t.Fatalf("header says %d.%d, %v", index, term, err)
	}
}

// TestSnapshotIsTheSameEverywhere compares replicas whose files differ inside.
func TestSnapshotIsTheSameEverywhere(t *testing.T) {
	a, b := fsmtest.Open(t, kvSpec()), fsmtest.Open(t, kvSpec())
	logs := []*raft.Log{}
	for i, c := range script() {
		logs = append(logs, fsmtest.Entry(t, uint64(i)+1, c))
		a.ApplyBatch(logs[i:])
	}
	b.ApplyBatch(logs)
	if !bytes.Equal(fsmtest.Snapshot(t, a), fsmtest.Snapshot(t, b)) {
		t.Fatal("two replicas of one log give different snapshots")
	}
}

// TestCorruptSnapshotIsRefused flips bytes and cuts everywhere: the old state must stay.
func TestCorruptSnapshotIsRefused(t *testing.T) {
	good := fsmtest.Snapshot(t, sampleState(t))
	dir := t.TempDir()
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fsmtest.Apply(t, f, put("mine", "1"))
	before := fsmtest.Hash(t, f)
	check := func(how string, b []byte) {
		t.Helper()
		if err := f.Restore(io.NopCloser(bytes.NewReader(b))); !errors.Is(err, fsm.ErrCorrupt) && !errors.Is(err, fsm.ErrTooNew) {
			t.Fatalf("%s: %v", how, err)
		}
		if fsmtest.Hash(t, f) != before {
			t.Fatalf("%s: the state changed", how)
		}
		if _, err := os.Stat(filepath.Join(dir, "state.db.tmp")); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%s: the temporary file stays: %v", how, err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	offsets := []int{0, 7, 8, 11, 12, 20, 27, 28, 31, 32, 33, len(good) - 1, len(good) - 33, len(good) - 41}
	for range 10 {
		offsets = append(offsets, rng.IntN(len(good)))
	}
	for _, i := range offsets {
		b := bytes.Clone(good)
		b[i] ^= 1 << rng.IntN(8)
		check("flipped", b)
		check("cut", good[:i])
	}
	check("bytes too many", append(bytes.Clone(good), 0))
	check("last frame only", good[:28])
	if f.Err() != nil {
		t.Fatalf("a bad snapshot stopped the state machine: %v", f.Err())
	}
	fsmtest.Restore(t, f, good)
	if index, _ := f.Applied(); index != 5 || get(t, f, "mine") != "" {
		t.Fatal("the good snapshot was not restored")
	}
	fsmtest.Apply(t, f, put("after", "1"))
}

// failingSink fails after some bytes and remembers how it was ended.
type failingSink struct {
	left             int
	closed, canceled bool
}

func (s *failingSink) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		return 0, errors.New("no space")
	}
	return len(p), nil
}
func (s *failingSink) ID() string    { return "failing" }
func (s *failingSink) Close() error  { s.closed = true; return nil }
func (s *failingSink) Cancel() error { s.canceled = true; return nil }

func TestFailingSinkIsCancelled(t *testing.T) {
	f := sampleState(t)
	for _, left := range []int{0, 10, 28, 100, 200_000, 280_000} {
		snap, err := f.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		s := &failingSink{left: left}
		if err := snap.Persist(s); err == nil || !s.canceled || s.closed {
			t.Fatalf("after %d bytes: %v, %+v", left, err, s)
		}
		snap.Release()
	}
}

// TestNoSnapshotWhileReplaying restarts: raft begins to replay below the stored position.
func TestNoSnapshotWhileReplaying(t *testing.T) {
	dir := t.TempDir()
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	fsmtest.Apply(t, f, put("a", "1"), put("a", "2"), put("a", "3"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = fsm.Open(dir, []fsm.Spec{kvSpec()}); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.ApplyBatch([]*raft.Log{fsmtest.Entry(t, 2, put("a", "2"))})
	if _, err := f.Snapshot(); !errors.Is(err, fsm.ErrReplaying) {
		t.Fatalf("snapshot at raft's index 2 of a state at index 3: %v", err)
	}
	f.ApplyBatch([]*raft.Log{fsmtest.Entry(t, 3, put("a", "3"))})
	fsmtest.Snapshot(t, f)
}

// TestBigRestore crosses the restore's transaction bounds, in nested buckets too.
func TestBigRestore(t *testing.T) {
	a := fsmtest.Open(t, kvSpec())
	var cmds []fsm.Command
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 12_000 {
		key := string(binary.BigEndian.AppendUint32(nil, rng.Uint32()))
		if i%2 == 0 {
			cmds = append(cmds, put("k"+key, strings.Repeat("v", rng.IntN(300))))
		} else {
			cmds = append(cmds, command(kindNest, "deep/"+key+"="+key))
		}
	}
	logs := []*raft.Log{}
	for i := 0; i < len(cmds); i += 200 {
		logs = append(logs, fsmtest.Entry(t, uint64(len(logs))+1, cmds[i:i+200]...))
	}
	a.ApplyBatch(logs)
	b := fsmtest.Open(t, kvSpec())
	fsmtest.Restore(t, b, fsmtest.Snapshot(t, a))
	if fsmtest.Hash(t, a) != fsmtest.Hash(t, b) {
		t.Fatal("the restored state differs")
	}
}

// TestUnknownBucketSurvives: a node with fewer tables keeps what it does not know.
func TestUnknownBucketSurvives(t *testing.T) {
	other := fsm.Spec{Name: "newer", Kinds: []fsm.Kind{100}, Table: kv{}}
	a := fsmtest.Open(t, kvSpec(), other)
	c := command(100, "")
	fsmtest.Apply(t, a, put("a", "1"), c)
	older := fsmtest.Open(t, kvSpec())
	fsmtest.Restore(t, older, fsmtest.Snapshot(t, a))
	if fsmtest.Hash(t, older) != fsmtest.Hash(t, a) || !bytes.Equal(fsmtest.Snapshot(t, older), fsmtest.Snapshot(t, a)) {
		t.Fatal("the older node lost a table that it does not know")
	}
}
