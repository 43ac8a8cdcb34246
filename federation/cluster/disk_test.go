package cluster

import (
	"errors"
	"sync/atomic"
	"testing"

	"fengsui/federation/fsm"

	"github.com/hashicorp/raft"
)

// faultyDisk is a walStore whose writes or reads fail on command.
type faultyDisk struct {
	walStore
	logs, votes, terms, reads atomic.Bool
}

var errDisk = errors.New("input/output error")

func (f *faultyDisk) StoreLogs(l []*raft.Log) error {
	if f.logs.Load() {
		return errDisk
	}
	return f.walStore.StoreLogs(l)
}

func (f *faultyDisk) Set(k, v []byte) error {
	if f.votes.Load() {
		return errDisk
	}
	return f.walStore.Set(k, v)
}

func (f *faultyDisk) SetUint64(k []byte, v uint64) error {
	if f.terms.Load() {
		return errDisk
	}
	return f.walStore.SetUint64(k, v)
}

func (f *faultyDisk) GetLog(i uint64, l *raft.Log) error {
	if f.reads.Load() {
		return errDisk
	}
	return f.walStore.GetLog(i, l)
}

// withFaults puts a faulty disk under a node that is not running, and runs it.
func (m *member) withFaults() *faultyDisk {
	t := m.site.t
	t.Helper()
	var disk *faultyDisk
	m.onOpen = func(c *Cluster) {
		disk = &faultyDisk{walStore: c.storage.logs.walStore}
		c.storage.logs.walStore = disk
	}
	m.start(false)
	m.onOpen = nil
	return disk
}

// stopped waits for Run to end and returns why.
func (m *member) stopped() error {
	m.site.t.Helper()
	var err error
	eventually(m.site.t, "Run to end", func() bool {
		select {
		case err = <-m.ran:
			return true
		default:
			return false
		}
	})
	return err
}

// TestStorageFailureStopsTheNode fails each kind of access. raft alone would panic on two
// of them, in a goroutine nobody can recover; here Run returns the error, the site goes
// on, and the node comes back when the disk works again.
func TestStorageFailureStopsTheNode(t *testing.T) {
	for _, c := range []struct {
		name   string
		leader bool
		fault  func(*faultyDisk)
	}{
		{"leader cannot write the log", true, func(d *faultyDisk) { d.logs.Store(true) }},
		{"follower cannot write the log", false, func(d *faultyDisk) { d.logs.Store(true) }},
		{"cannot write a term", false, func(d *faultyDisk) { d.terms.Store(true) }},
		{"cannot write a vote", false, func(d *faultyDisk) { d.votes.Store(true) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, 3, nil)
			sick := s.leader()
			if !c.leader {
				sick = s.others(sick)[0]
			}
			sick.halt()
			disk := sick.withFaults()
			s.leader().persist(record(1))
			if c.leader {
				s.passTo(sick)
			}
			c.fault(disk)
			if !c.leader {
				// Whoever leads hands over: an election makes everyone write terms and votes.
				if f := s.leader().cluster.raft.Load().LeadershipTransfer(); f.Error() != nil {
					t.Logf("hand-over: %v", f.Error())
				}
			}
			// No node is proposed on that is about to stop, except the sick leader.
			well := s.others(sick)
			if c.leader {
				if _, err := sick.cluster.Propose(s.ctx(), record(2)); !errors.Is(err, ErrUnknownOutcome) {
					t.Fatalf("proposing on a failing disk: %v", err)
				}
			}
			well[0].persist(record(3))
			var storage *StorageError
			if err := sick.stopped(); !errors.As(err, &storage) || !errors.Is(err, errDisk) {
				t.Fatalf("Run returned %v", err)
			}
			well[1].persist(record(4))
			sick.halt()
			sick.start(false)
			well[0].persist(record(5))
			have := s.converged(s.nodes...)
			for _, n := range []uint64{1, 3, 4, 5} {
				if have[id(n)] == 0 {
					t.Fatalf("record %d is missing", n)
				}
			}
		})
	}
}

// passTo makes a node the leader.
func (s *site) passTo(m *member) {
	s.t.Helper()
	eventually(s.t, m.name+" to lead", func() bool {
		if m.cluster.IsLeader() {
			return true
		}
		for _, o := range s.nodes {
			if o.cluster.IsLeader() {
				// It fails while the other is behind; then it is tried again.
				_ = o.cluster.raft.Load().LeadershipTransferToServer(raft.ServerID(m.name), raft.ServerAddress(m.addr)).Error()
			}
		}
		return m.cluster.IsLeader()
	})
}

// TestUnwritableTermAtStart fails the write that raft makes while it is being started.
func TestUnwritableTermAtStart(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.leader()
	m.halt()
	m.onOpen = func(c *Cluster) {
		disk := &faultyDisk{walStore: c.storage.logs.walStore}
		disk.terms.Store(true)
		c.storage.logs.walStore = disk
	}
	m.start(false)
	if err := m.stopped(); !errors.Is(err, errDisk) {
		t.Fatalf("Run returned %v", err)
	}
	if _, err := m.cluster.Propose(s.ctx(), record(1)); !errors.Is(err, ErrClosed) {
		t.Fatalf("proposing on a node that could not start: %v", err)
	}
	m.halt()
	m.onOpen = nil
	m.start(false)
	s.leader().persist(record(1))
}

// TestStoppedStateMachineStopsTheNode: Run returns the state machine's error, the
// proposer learns that the outcome is unknown.
func TestStoppedStateMachineStopsTheNode(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.leader()
	m.persist(record(1))
	// An entry only a newer version could have proposed.
	data, err := fsm.EncodeEntry([]fsm.Command{{Kind: 777, Version: 3}})
	if err != nil {
		t.Fatal(err)
	}
	_ = m.cluster.raft.Load().Apply(data, 0) // the answer is the state machine's end
	var fatal *fsm.FatalError
	if err := m.stopped(); !errors.As(err, &fatal) || !errors.Is(err, fsm.ErrTooNew) {
		t.Fatalf("Run returned %v", err)
	}
	m.halt()
	// A restart with the same version stops at the same entry, having lost nothing.
	m.start(false)
	if err := m.stopped(); !errors.As(err, &fatal) {
		t.Fatalf("Run returned %v after a restart", err)
	}
	if len(m.recorded()) != 1 {
		t.Fatal("the state changed")
	}
}

func TestLowSpaceRefusesProposals(t *testing.T) {
	s := newSite(t, 3, nil)
	leader := s.leader()
	leader.persist(record(1))
	follower := s.others(leader)[0]
	urgent := record(3)
	urgent.Flags = fsm.FlagReserve
	for _, m := range []*member{leader, follower} {
		leader.cluster.lowSpace.Store(spaceLow)
		if _, err := m.cluster.Propose(s.ctx(), record(2)); !errors.Is(err, ErrLowSpace) {
			t.Fatalf("proposing on %s with little space: %v", m.name, err)
		}
		if _, err := m.cluster.Propose(s.ctx(), urgent); err != nil {
			t.Fatalf("an urgent command on %s: %v", m.name, err)
		}
		leader.cluster.lowSpace.Store(spaceOut)
		if _, err := m.cluster.Propose(s.ctx(), urgent); !errors.Is(err, ErrLowSpace) {
			t.Fatalf("an urgent command on %s with no space: %v", m.name, err)
		}
	}
	if st := leader.cluster.Stats(); st.LowSpace == 0 || st.FreeBytes == 0 {
		t.Fatalf("stats %+v", st)
	}
	// The keeper looks again every second and finds that there is space.
	eventually(t, "the space to be found", func() bool {
		_, err := follower.cluster.Propose(s.ctx(), record(2))
		return err == nil
	})
}

func TestLowSpaceIsNoticed(t *testing.T) {
	s := newSite(t, 1, func(c *Config) { c.FreeBytesMin = 1 << 62 })
	m := s.leader()
	eventually(t, "the refusal", func() bool {
		_, err := m.cluster.Propose(s.ctx(), record(1))
		return errors.Is(err, ErrLowSpace)
	})
}
