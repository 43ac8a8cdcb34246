package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fengsui/federation/durable"
	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// storage is what lies in Config.Dir, open and consistent with the state.
type storage struct {
	release func() error // gives the directory's lock back
	logs    *guardedStore
	cache   *raft.LogCache
	snaps   *raft.FileSnapshotStore
}

func (s *storage) close() error {
	return errors.Join(s.logs.Close(), s.release())
}

// openStorage locks the directory, opens log and snapshots, and makes sure that they and
// the state tell one history.
func openStorage(cfg *Config, log *logAdapter) (_ *storage, err error) {
	logDir := filepath.Join(cfg.Dir, "log")
	if err := durable.EnsureDir(logDir, 0o700); err != nil {
		return nil, err
	}
	release, err := durable.LockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, release())
		}
	}()
	if err := removeLeftovers(filepath.Join(cfg.Dir, "snapshots")); err != nil {
		return nil, err
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(cfg.Dir, snapshotsKept, log.hclog())
	if err != nil {
		return nil, fmt.Errorf("opening the snapshots in %s: %w", cfg.Dir, err)
	}
	w, err := wal.Open(logDir, wal.WithLogger(log.hclog()), wal.WithSegmentSize(int(cfg.SegmentBytes)))
	if err != nil {
		return nil, fmt.Errorf("opening the log in %s: %w", logDir, err)
	}
	s := &storage{release: release, logs: &guardedStore{walStore: w, dir: logDir}, snaps: snaps}
	if s.cache, err = raft.NewLogCache(logCacheEntries, s.logs); err == nil {
		err = s.reconcile(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return s, nil
}

// removeLeftovers deletes snapshots that were being written when the process ended.
func removeLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for unfinished snapshots: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("removing an unfinished snapshot: %w", err)
			}
		}
	}
	return nil
}

// reconcile decides from the state's own position, not from names of files, whether the
// newest snapshot must be restored, and refuses to start where entries would be skipped
// or a foreign log would be followed. Raft itself would notice neither.
func (s *storage) reconcile(cfg *Config) error {
	snapIndex, held, err := s.newestSnapshot(cfg)
	if err != nil {
		return err
	}
	first, err := s.logs.FirstIndex()
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	last, err := s.logs.LastIndex()
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	if last > 0 && last < snapIndex {
		// A snapshot was installed and the process ended before the old log was cleared.
		// raft-wal accepts no gap, so the next entry could never be written.
		if err := s.logs.DeleteRange(first, last); err != nil {
			return fmt.Errorf("clearing the log below snapshot %d: %w", snapIndex, err)
		}
		first, last = 0, 0
	}
	applied, term := cfg.FSM.Applied()
	switch {
	case last > 0 && first > snapIndex+1:
		return fmt.Errorf("the log in %s begins at entry %d, but the newest readable snapshot ends at %d: entries are missing: empty this node's data and add it to the site again", s.logs.dir, first, snapIndex)
	case applied > max(last, snapIndex, held):
		return fmt.Errorf("the state has applied entry %d, but the log in %s ends at %d: log and state do not belong together: empty this node's data and add it to the site again (a site of one node: restore a backup)", applied, s.logs.dir, max(last, snapIndex))
	case applied >= first && applied <= last && applied > 0:
		var l raft.Log
		if err := s.logs.GetLog(applied, &l); err != nil {
			return fmt.Errorf("reading log entry %d: %w", applied, err)
		}
		if l.Term != term {
			return fmt.Errorf("the state has applied entry %d of term %d, the log has it in term %d: log and state do not belong together: empty this node's data and add it to the site again", applied, term, l.Term)
		}
	}
	return nil
}

// newestSnapshot finds the newest snapshot that the state already contains, restoring it
// if need be; one that cannot be restored is moved to quarantine and the next is tried.
// held is the index the snapshot's content reaches.
func (s *storage) newestSnapshot(cfg *Config) (index, held uint64, err error) {
	for {
		list, err := s.snaps.List()
		if err != nil {
			return 0, 0, fmt.Errorf("listing the snapshots in %s: %w", cfg.Dir, err)
		}
		if len(list) == 0 {
			return 0, 0, nil
		}
		newest := list[0]
		held, err := s.contain(cfg, newest.ID)
		if err == nil {
			return newest.Index, held, nil
		}
		if !errors.Is(err, errBadSnapshot) {
			return 0, 0, err
		}
		cfg.Logger.Error("a snapshot is unusable and has been set aside", "snapshot", newest.ID, "error", err)
		if err := quarantine(cfg.Dir, newest.ID); err != nil {
			return 0, 0, err
		}
	}
}

// errBadSnapshot marks a snapshot whose bytes are wrong, unlike a full disk.
var errBadSnapshot = errors.New("unusable snapshot")

// contain makes sure that the state contains the snapshot. Its header is read without
// verifying the rest: the usual start does not read gigabytes.
func (s *storage) contain(cfg *Config, id string) (held uint64, err error) {
	held, _, err = snapshotPosition(filepath.Join(cfg.Dir, "snapshots", id, "state.bin"))
	if err != nil {
		return 0, err
	}
	if applied, _ := cfg.FSM.Applied(); applied >= held {
		return held, nil
	}
	_, source, err := s.snaps.Open(id) // verifies raft's own checksum
	if err != nil {
		return 0, fmt.Errorf("snapshot %s: %w: %w", id, errBadSnapshot, err)
	}
	if err := cfg.FSM.Restore(source); err != nil {
		if errors.Is(err, fsm.ErrCorrupt) {
			err = fmt.Errorf("%w: %w", errBadSnapshot, err)
		}
		return 0, fmt.Errorf("snapshot %s: %w", id, err)
	}
	return held, nil
}

func snapshotPosition(path string) (index, term uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("snapshot: %w: %w", errBadSnapshot, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	index, term, err = fsm.ReadSnapshotHeader(io.Reader(f))
	if errors.Is(err, fsm.ErrCorrupt) {
		err = fmt.Errorf("%s: %w: %w", path, errBadSnapshot, err)
	}
	return index, term, err
}

// quarantine moves a snapshot out of raft's sight without destroying evidence.
func quarantine(dir, id string) error {
	target := filepath.Join(dir, "quarantine")
	if err := durable.EnsureDir(target, 0o700); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(target, id)); err != nil {
		return fmt.Errorf("setting snapshot %s aside: %w", id, err)
	}
	return durable.Move(filepath.Join(dir, "snapshots", id), filepath.Join(target, id))
}

// bootstrap writes the first configuration of a new site: this node alone. It does
// nothing when there is a history. It completes a bootstrap that a crash cut in half
// (term written, entry not), which raft's own refuses to.
func (s *storage) bootstrap(cfg *Config) error {
	last, err := s.logs.LastIndex()
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	list, err := s.snaps.List()
	if err != nil {
		return fmt.Errorf("listing the snapshots: %w", err)
	}
	keyTerm := []byte("CurrentTerm") // raft's key
	term, err := s.logs.GetUint64(keyTerm)
	if err != nil {
		return fmt.Errorf("reading the term: %w", err)
	}
	if last > 0 || len(list) > 0 || term > 1 {
		return nil
	}
	if err := s.logs.SetUint64(keyTerm, 1); err != nil {
		return err
	}
	alone := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: raft.ServerID(cfg.Node), Address: raft.ServerAddress(cfg.Advertise)}}}
	return s.logs.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(alone)})
}
