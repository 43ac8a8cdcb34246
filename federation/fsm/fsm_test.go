package fsm_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

var (
	_ raft.FSM         = (*fsm.FSM)(nil)
	_ raft.BatchingFSM = (*fsm.FSM)(nil)
)

func TestOpenRefusesClashingSpecs(t *testing.T) {
	for name, specs := range map[string][]fsm.Spec{
		"kind twice":   {{Name: "a", Kinds: []fsm.Kind{1}, Table: kv{}}, {Name: "b", Kinds: []fsm.Kind{1}, Table: kv{}}},
		"name twice":   {{Name: "a", Kinds: []fsm.Kind{1}, Table: kv{}}, {Name: "a", Kinds: []fsm.Kind{2}, Table: kv{}}},
		"no name":      {{Kinds: []fsm.Kind{1}, Table: kv{}}},
		"reserved":     {{Name: "\x00fsm", Kinds: []fsm.Kind{1}, Table: kv{}}},
		"no table":     {{Name: "a", Kinds: []fsm.Kind{1}}},
		"own twice":    {{Name: "a", Kinds: []fsm.Kind{1, 1}, Table: kv{}}},
		"two problems": {{Kinds: []fsm.Kind{1}, Table: kv{}}, {Name: "b", Kinds: []fsm.Kind{1}}},
	} {
		if f, err := fsm.Open(t.TempDir(), specs); err == nil {
			t.Errorf("%s: accepted", name)
			_ = f.Close()
		} else if name == "two problems" && strings.Count(err.Error(), "\n") != 2 {
			t.Errorf("%s: not all problems reported: %v", name, err)
		}
	}
}

func TestSecondOpenFailsClearly(t *testing.T) {
	dir := t.TempDir()
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fsm.Open(dir, []fsm.Spec{kvSpec()}); err == nil || !strings.Contains(err.Error(), "in use by another process") || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second open: %v", err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.View(func(*bbolt.Tx) error { return nil }); !errors.Is(err, fsm.ErrClosed) {
		t.Fatalf("view after close: %v", err)
	}
	if _, err := f.Snapshot(); !errors.Is(err, fsm.ErrReplaying) && !errors.Is(err, fsm.ErrClosed) {
		t.Fatalf("snapshot after close: %v", err)
	}
	if err := f.Restore(io.NopCloser(bytes.NewReader(nil))); !errors.Is(err, fsm.ErrClosed) {
		t.Fatalf("restore after close: %v", err)
	}
}

func TestFileModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "state.db"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestRefusalsReachTheCaller(t *testing.T) {
	f := fsmtest.Open(t, kvSpec())
	results := fsmtest.Apply(t, f, put("a", "1"), put("a", "2"), command(kindPut, "no"), command(kindPut, "x"))
	if string(results[1].Value) != "1" || results[0].Value != nil {
		t.Fatalf("values %q %q", results[0].Value, results[1].Value)
	}
	if !errors.Is(results[2].Err, &fsm.Refusal{Code: 7}) || !errors.Is(results[3].Err, &fsm.Refusal{Text: "no equals sign"}) {
		t.Fatalf("refusals %v, %v", results[2].Err, results[3].Err)
	}
	if s := f.Stats(); s.Commands != 4 || s.Refused != 2 || s.Entries != 4 {
		t.Fatalf("stats %+v", s)
	}
}

// TestReplayIsNoOp feeds overlapping batches: what is in the state is not applied again.
func TestReplayIsNoOp(t *testing.T) {
	f := fsmtest.Open(t, kvSpec())
	count := func(index uint64) *raft.Log { return fsmtest.Entry(t, index, command(kindCount, "")) }
	f.ApplyBatch([]*raft.Log{count(1), count(2), count(3)})
	got := f.ApplyBatch([]*raft.Log{count(2), count(3), count(4)})
	for i := range 2 {
		if _, isErr := got[i].(error); !isErr {
			t.Fatalf("replayed entry answered %v", got[i])
		}
	}
	if r := got[2].([]fsm.Result); r[0].Value[7] != 4 {
		t.Fatalf("entry 4 counted %x, want 4", r[0].Value)
	}
	if index, term := f.Applied(); index != 4 || term != 1 {
		t.Fatalf("applied %d.%d", index, term)
	}
	if s := f.Stats(); s.Replayed != 2 || s.Entries != 4 || s.Batches != 2 {
		t.Fatalf("stats %+v", s)
	}
}

func TestConfigurationEntriesMoveThePosition(t *testing.T) {
	dir := t.TempDir()
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch([]*raft.Log{{Index: 3, Term: 2, Type: raft.LogConfiguration}})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = fsm.Open(dir, []fsm.Spec{kvSpec()}); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if index, term := f.Applied(); index != 3 || term != 2 {
		t.Fatalf("applied %d.%d after a restart, want 3.2", index, term)
	}
}

func TestStopsInsteadOfDiverging(t *testing.T) {
	unknown := command(900, "x")
	unknown.Version = 4
	tooNew := put("a", "1")
	tooNew.Version = 3
	broken := fsmtest.Entry(t, 2, put("a", "b"))
	broken.Data[9] ^= 1
	for name, c := range map[string]struct {
		log  *raft.Log
		want error
		text string
	}{
		"unknown kind":    {fsmtest.Entry(t, 2, put("before", "1"), unknown), fsm.ErrTooNew, "kind 900 version 4"},
		"unknown version": {fsmtest.Entry(t, 2, tooNew), fsm.ErrTooNew, "up to version 2"},
		"bit rot":         {broken, fsm.ErrCorrupt, "checksum"},
		"panic":           {fsmtest.Entry(t, 2, put("before", "1"), command(kindPanic, "")), nil, "a bug in the table"},
		"other history":   {&raft.Log{Index: 1, Term: 9, Type: raft.LogCommand}, nil, "do not belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fsmtest.Open(t, kvSpec())
			fsmtest.Apply(t, f, put("first", "1"))
			before := fsmtest.Hash(t, f)
			got := f.ApplyBatch([]*raft.Log{c.log})[0]
			var fatal *fsm.FatalError
			err, _ := got.(error)
			if !errors.As(err, &fatal) || !strings.Contains(err.Error(), c.text) || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("answered %v", got)
			}
			select {
			case <-f.Failed():
			default:
				t.Fatal("Failed is not closed")
			}
			if fsmtest.Hash(t, f) != before {
				t.Fatal("the state changed")
			}
			later := f.ApplyBatch([]*raft.Log{fsmtest.Entry(t, 3, put("later", "1"))})
			if err, _ := later[0].(error); !errors.As(err, &fatal) {
				t.Fatalf("applied after stopping: %v", later[0])
			}
			if _, err := f.Snapshot(); !errors.As(err, &fatal) {
				t.Fatalf("snapshot of a stopped state machine: %v", err)
			}
			if err := f.Restore(io.NopCloser(strings.NewReader(""))); !errors.As(err, &fatal) {
				t.Fatalf("restore into a stopped state machine: %v", err)
			}
			if err := f.WaitApplied(context.Background(), 2); !errors.As(err, &fatal) {
				t.Fatalf("waiting on a stopped state machine: %v", err)
			}
			if index, _ := f.Applied(); index != 1 {
				t.Fatalf("position moved to %d", index)
			}
		})
	}
}

func TestIgnorableUnknownKindIsSkipped(t *testing.T) {
	f := fsmtest.Open(t, kvSpec())
	unknown := command(900, "x")
	unknown.Flags = fsm.FlagIgnoreUnknown
	r := fsmtest.Apply(t, f, unknown, put("a", "1"))
	if !errors.Is(r[0].Err, &fsm.Refusal{Code: fsm.CodeUnknownKind}) || r[1].Err != nil || get(t, f, "a") != "1" {
		t.Fatalf("results %v", r)
	}
	if f.Check(&unknown) == nil {
		t.Fatal("Check lets a proposer propose what this node cannot apply")
	}
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func TestWatch(t *testing.T) {
	other := fsm.Spec{Name: "other", Kinds: []fsm.Kind{100}, Table: kv{}}
	f := fsmtest.Open(t, kvSpec(), other)
	mine, theirs := f.Watch("kv"), f.Watch("other")
	fsmtest.Apply(t, f, command(kindPut, "no"))
	if closed(mine) {
		t.Fatal("a refusal counted as a change")
	}
	fsmtest.Apply(t, f, put("a", "1"))
	if !closed(mine) || closed(theirs) {
		t.Fatalf("kv notified %v (want true), other notified %v (want false)", closed(mine), closed(theirs))
	}
	mine = f.Watch("kv")
	if closed(mine) {
		t.Fatal("the next watch begins closed")
	}
	fsmtest.Restore(t, f, fsmtest.Snapshot(t, f))
	if !closed(mine) || !closed(theirs) {
		t.Fatal("a restore notifies everyone")
	}
}

func TestWaitApplied(t *testing.T) {
	f := fsmtest.Open(t, kvSpec())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- f.WaitApplied(context.Background(), 2) }()
	fsmtest.Apply(t, f, put("a", "1"), put("a", "2"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() { done <- f.WaitApplied(ctx, 3) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestLongReaderDelaysNothing applies much more than a page, restores and closes over
// while a reader sits in its transaction.
func TestLongReaderDelaysNothing(t *testing.T) {
	f := fsmtest.Open(t, kvSpec())
	fsmtest.Apply(t, f, put("a", "old"))
	inside, leave, seen := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	go func() {
		err := f.View(func(tx *bbolt.Tx) error {
			close(inside)
			<-leave
			seen <- string(tx.Bucket([]byte("kv")).Get([]byte("a")))
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-inside
	big := strings.Repeat("x", 1<<20)
	for range 40 {
		fsmtest.Apply(t, f, put("big", big), put("a", "new"))
	}
	snapshot := fsmtest.Snapshot(t, f)
	fsmtest.Restore(t, f, snapshot)
	if got := get(t, f, "a"); got != "new" {
		t.Fatalf("a = %q", got)
	}
	closing := make(chan error)
	go func() { closing <- f.Close() }()
	close(leave)
	if got := <-seen; got != "old" {
		t.Fatalf("the reader's state changed under it: %q", got)
	}
	if err := <-closing; err != nil {
		t.Fatal(err)
	}
}

func TestTimeAndIDReachTheTable(t *testing.T) {
	f := fsmtest.Open(t, kvSpec())
	c := command(kindID, "")
	fsmtest.Apply(t, f, c)
	want := string([]byte{0x17, 0x97, 0x9c, 0xfe, 0x36, 0x2a, 0x00, 0x05})
	if got := get(t, f, string(c.ID[:])); got != want {
		t.Fatalf("time stored as %x, want %x (%v)", got, want, time.Unix(1_700_000_000, 5))
	}
}
