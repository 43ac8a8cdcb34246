package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fengsui/federation/fsm"
)

// withSnapshots makes snapshots frequent and the kept log short.
func withSnapshots(c *Config) {
	c.SnapshotEntries = 1 << 40
	c.TrailingBytes = 1
	c.SegmentBytes = 64 << 10
}

// segmentFiller is a body with which compact fills more than one segment: in the last one
// raft-wal still finds entries that have been cut off.
const segmentFiller = 1 << 10

// compact fills the log beyond what is kept after a snapshot, and takes one.
func (m *member) compact(base uint64, bodyBytes int) {
	t := m.site.t
	t.Helper()
	body := make([]byte, bodyBytes)
	for i := range uint64(trailingMin + 50) {
		m.persist(fsm.Command{Kind: kindFill, ID: id(base + i), Body: body})
	}
	if err := m.cluster.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if first := m.cluster.Stats().LogFirst; first < 2 {
		t.Fatalf("the log still begins at %d", first)
	}
}

func TestLaggingFollowerGetsSnapshot(t *testing.T) {
	s := newSite(t, 3, withSnapshots)
	leader := s.leader()
	lagging := s.others(leader)[0]
	lagging.halt()
	leader.compact(1000, segmentFiller)
	lagging.start(false)
	s.converged(s.nodes...)
	if n := lagging.fsm.Stats().Restores; n < 1 {
		t.Fatalf("%d restores, want one (the leader may send it again when it did not hear of it)", n)
	}
	// Once the leader has heard that the snapshot arrived, it goes on with entries; had the node halted before that, the leader
	// would rightly send the snapshot again.
	s.leader().persist(record(2))
	s.converged(s.nodes...)
	// It can restart on what it got, without restoring again, and goes on.
	lagging.halt()
	lagging.start(false)
	s.leader().persist(record(1))
	s.converged(s.nodes...)
	if n := lagging.fsm.Stats().Restores; n != 0 {
		t.Fatalf("%d restores at a restart, want 0", n)
	}
	lagging.compact(9000, segmentFiller) // with the log that began after the snapshot
}

// TestNewNodeGetsSnapshot adds a node to a site whose early log is gone.
func TestNewNodeGetsSnapshot(t *testing.T) {
	s := newSite(t, 1, withSnapshots)
	s.leader().compact(0, segmentFiller)
	m := s.add(false)
	if err := s.leader().cluster.AddVoter(s.ctx(), m.name, m.addr); err != nil {
		t.Fatal(err)
	}
	s.converged(s.nodes...)
	if n := m.fsm.Stats().Restores; n < 1 {
		t.Fatalf("%d restores, want one (the leader may send it again when it did not hear of it)", n)
	}
}

// lostState makes a node with a snapshot, a shortened log and no state file.
func lostState(t *testing.T) (*site, *member, int) {
	s := newSite(t, 1, withSnapshots)
	m := s.leader()
	m.compact(0, 10)
	m.persist(record(1 << 40))
	n := len(m.recorded())
	m.halt()
	if err := os.Remove(filepath.Join(m.dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	return s, m, n
}

// TestLostStateIsRebuilt: the state says that it holds nothing, so the snapshot is
// restored and the log after it applied.
func TestLostStateIsRebuilt(t *testing.T) {
	s, m, n := lostState(t)
	m.start(false)
	s.leader().persist(record(1<<40 + 1))
	if got := len(m.recorded()); got != n+1 {
		t.Fatalf("%d records, want %d", got, n+1)
	}
}

// TestCorruptSnapshotIsSetAside: with the state gone too, the node refuses to start
// rather than skip entries, and keeps the evidence.
func TestCorruptSnapshotIsSetAside(t *testing.T) {
	_, m, _ := lostState(t)
	files, err := filepath.Glob(filepath.Join(m.dir, "raft", "snapshots", "*", "state.bin"))
	if err != nil || len(files) != 1 {
		t.Fatalf("snapshots %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	err = m.tryStart(false)
	if err == nil || !strings.Contains(err.Error(), "entries are missing") {
		t.Fatalf("started without the entries of a corrupt snapshot: %v", err)
	}
	m.cluster = nil
	if kept, err := filepath.Glob(filepath.Join(m.dir, "raft", "quarantine", "*", "state.bin")); err != nil || len(kept) != 1 {
		t.Fatalf("quarantine holds %v, %v", kept, err)
	}
}

// TestCorruptNewestSnapshotIsNotNeeded: the state has everything, so a bad snapshot does
// not even need to be read.
func TestCorruptNewestSnapshotIsNotNeeded(t *testing.T) {
	s := newSite(t, 1, withSnapshots)
	m := s.leader()
	m.compact(0, 10)
	m.halt()
	files, err := filepath.Glob(filepath.Join(m.dir, "raft", "snapshots", "*", "state.bin"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	m.start(false)
	s.leader().persist(record(1))
}

func TestForeignLogIsRefused(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.leader()
	m.persist(record(1))
	m.halt()
	raftDir := filepath.Join(m.dir, "raft")

	t.Run("log gone", func(t *testing.T) {
		if err := os.Rename(raftDir, raftDir+".kept"); err != nil {
			t.Fatal(err)
		}
		refuses(t, m, "do not belong together")
		if err := os.RemoveAll(raftDir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(raftDir+".kept", raftDir); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("log of another site", func(t *testing.T) {
		other := newSite(t, 1, nil)
		o := other.leader()
		o.halt()
		o.start(false) // another term, then a longer log
		other.leader()
		for i := range uint64(10) {
			o.persist(record(i))
		}
		o.halt()
		if err := os.RemoveAll(raftDir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(o.dir, "raft"), raftDir); err != nil {
			t.Fatal(err)
		}
		refuses(t, m, "in term")
	})
}

func refuses(t *testing.T, m *member, text string) {
	t.Helper()
	err := m.tryStart(false)
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("start with a foreign log: %v", err)
	}
	m.cluster = nil
}

// TestSnapshotInstalledButLogNotCleared makes the files a crash leaves between the two:
// a log that ends below the newest snapshot.
func TestSnapshotInstalledButLogNotCleared(t *testing.T) {
	s := newSite(t, 3, withSnapshots)
	leader := s.leader()
	lagging := s.others(leader)[0]
	s.converged(s.nodes...)
	lagging.halt()
	leader.compact(1000, segmentFiller)
	source, err := filepath.Glob(filepath.Join(leader.dir, "raft", "snapshots", "*"))
	if err != nil || len(source) != 1 {
		t.Fatal(source, err)
	}
	target := filepath.Join(lagging.dir, "raft", "snapshots", filepath.Base(source[0]))
	if err := os.CopyFS(target, os.DirFS(source[0])); err != nil {
		t.Fatal(err)
	}
	// And one that was being written.
	if err := os.Mkdir(target+"x.tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	lagging.onOpen = func(*Cluster) {
		if n := lagging.fsm.Stats().Restores; n != 1 {
			t.Errorf("%d restores at start, want 1", n)
		}
	}
	lagging.start(false)
	if _, err := os.Stat(target + "x.tmp"); err == nil {
		t.Fatal("an unfinished snapshot stays for ever")
	}
	s.leader().persist(record(1))
	s.converged(s.nodes...)
}

// TestInterruptedBootstrap has the term written and the configuration not.
func TestInterruptedBootstrap(t *testing.T) {
	s := &site{t: t, net: newNetwork(t)}
	m := &member{site: s, name: "n1", dir: t.TempDir()}
	s.nodes = []*member{m}
	var err error
	if m.fsm, err = fsm.Open(m.dir, specs()); err != nil {
		t.Fatal(err)
	}
	m.port = s.net.listen(m.name, "", nil)
	c, err := Open(m.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.storage.logs.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.fsm.Close(); err != nil {
		t.Fatal(err)
	}
	m.start(true)
	t.Cleanup(m.halt)
	s.leader().propose(record(1))
}

// TestLogIsBoundedInBytes writes more than SnapshotBytes in few entries: the keeper asks
// for a snapshot by itself and the log is cut.
func TestLogIsBoundedInBytes(t *testing.T) {
	s := newSite(t, 1, func(c *Config) {
		c.SnapshotBytes, c.TrailingBytes = 1<<20, 1
	})
	m := s.leader()
	body := make([]byte, 8<<10)
	for i := range uint64(trailingMin + 100) {
		m.persist(fsm.Command{Kind: kindFill, ID: id(i), Body: body})
	}
	eventually(t, "a snapshot and a shorter log", func() bool {
		m.persist(record(1 << 20))
		st := m.cluster.Stats()
		return st.SnapshotIndex > 0 && st.LogFirst > 1
	})
}

func TestTrailingFor(t *testing.T) {
	for _, c := range []struct{ wanted, entries, bytes, want uint64 }{
		{64 << 20, 0, 0, trailingMin},
		{64 << 20, 100, 100 << 20, trailingMin}, // 1 MiB each: the floor
		{64 << 20, 1000, 300_000, 16_384},       // small ones: the ceiling
		{64 << 20, 1000, 1000 * 32 << 10, 2048}, // 32 KiB each: exactly 64 MiB
		{64 << 20, 1000, 1000 * 33 << 10, 1024}, // a little more: the next power below
		{1, 1000, 1000, trailingMin},
	} {
		if got := trailingFor(c.wanted, c.entries, c.bytes); got != c.want {
			t.Errorf("trailingFor(%d, %d, %d) = %d, want %d", c.wanted, c.entries, c.bytes, got, c.want)
		}
	}
}
