package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fengsui/federation/durable"
	"fengsui/federation/fsm"

	"go.etcd.io/bbolt"
)

func TestOneNode(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.leader()
	r := m.propose(record(1), fsm.Command{Kind: kindRefuse}, record(2))
	if r[0].Value[7] != 1 || r[2].Value[7] != 2 || !errors.Is(r[1].Err, &fsm.Refusal{Code: 42}) {
		t.Fatalf("results %v", r)
	}
	var seen int
	if err := m.cluster.Read(s.ctx(), Leader, func(tx *bbolt.Tx) error {
		seen = tx.Bucket([]byte("ids")).Stats().KeyN
		return nil
	}); err != nil || seen != 2 {
		t.Fatalf("read %d, %v", seen, err)
	}
	m.halt()
	m.start(true) // bootstrapping again does nothing
	s.leader()
	m.propose(record(3))
	if got := m.recorded(); len(got) != 3 {
		t.Fatalf("%d records after a restart", len(got))
	}
}

func TestThreeNodesAnyNodeServes(t *testing.T) {
	s := newSite(t, 3, nil)
	for i, m := range s.nodes {
		r := m.propose(record(uint64(i)), fsm.Command{Kind: kindRefuse, Version: 1})
		if !errors.Is(r[1].Err, &fsm.Refusal{Code: 42, Text: "never"}) {
			t.Fatalf("on %s: %v", m.name, r[1].Err)
		}
		// What was acknowledged on one node is seen at once on every other.
		for _, other := range s.nodes {
			var found bool
			if err := other.cluster.Read(s.ctx(), Leader, func(tx *bbolt.Tx) error {
				key := id(uint64(i))
				found = tx.Bucket([]byte("ids")).Get(key[:]) != nil
				return nil
			}); err != nil || !found {
				t.Fatalf("proposed on %s, read on %s: found %v, %v", m.name, other.name, found, err)
			}
		}
	}
	if got := s.converged(s.nodes...); len(got) != 3 {
		t.Fatalf("%d records", len(got))
	}
	leader := s.leader()
	for _, m := range s.nodes {
		list, err := m.cluster.LeaderServers(s.ctx())
		if err != nil || len(list) != 3 {
			t.Fatalf("servers on %s: %v, %v", m.name, list, err)
		}
		for _, srv := range list {
			if !srv.Voter || srv.Leader != (srv.Node == leader.name) {
				t.Fatalf("servers on %s: %+v", m.name, list)
			}
		}
	}
	if st := s.others(leader)[0].cluster.Stats(); st.Forwarded == 0 || st.Leader != leader.name || st.Voters != 3 {
		t.Fatalf("a follower's stats: %+v", st)
	}
}

// TestCoalescing: callers that wait together share entries.
func TestCoalescing(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.leader()
	const callers = 2000
	before := m.cluster.Stats().Entries
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { m.propose(record(uint64(i))) })
	}
	wg.Wait()
	entries := m.cluster.Stats().Entries - before
	if len(m.recorded()) != callers || entries > callers/4 {
		t.Fatalf("%d records in %d entries", len(m.recorded()), entries)
	}
	t.Logf("%d callers, %d entries", callers, entries)
}

// TestOneCallKeepsItsOrder: a call larger than an entry is cut, not shuffled, also when forwarded.
func TestOneCallKeepsItsOrder(t *testing.T) {
	s := newSite(t, 3, nil)
	for i, m := range s.nodes {
		cmds := make([]fsm.Command, 1500)
		for j := range cmds {
			cmds[j] = record(uint64(i*10_000 + j))
		}
		results := m.propose(cmds...)
		if len(results) != len(cmds) {
			t.Fatalf("%d results", len(results))
		}
		for j := 1; j < len(results); j++ {
			if string(results[j].Value) <= string(results[j-1].Value) {
				t.Fatalf("on %s command %d got number %x after %x", m.name, j, results[j].Value, results[j-1].Value)
			}
		}
	}
}

func TestBiggestCommand(t *testing.T) {
	// The usual timing: three nodes flush 48 MiB on one disk here.
	s := newSite(t, 3, func(c *Config) { c.Timing = Timing{} })
	body := make([]byte, biggestBody)
	for i, m := range s.nodes {
		m.persist(fsm.Command{Kind: kindFill, ID: id(uint64(i)), Body: body})
	}
	s.converged(s.nodes...)
}

func TestProposeRefusesBadCalls(t *testing.T) {
	s := newSite(t, 1, nil)
	c := s.leader().cluster
	for name, cmds := range map[string][]fsm.Command{
		"unknown kind": {{Kind: 999}},
		"too many":     make([]fsm.Command, callCommandsMax+1),
		"too big":      {{Kind: kindFill, Body: make([]byte, fsm.BodyBytesMax+1)}},
		"sum":          {{Kind: kindFill, Body: make([]byte, fsm.BodyBytesMax)}, {Kind: kindFill, Body: make([]byte, fsm.EntryBytesTarget)}},
		"bad time":     {{Kind: kindRecord, At: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		if _, err := c.Propose(s.ctx(), cmds...); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := c.Propose(s.ctx()); r != nil || err != nil {
		t.Errorf("nothing proposed: %v, %v", r, err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Propose(canceled, record(1)); err == nil {
		t.Error("proposed with a dead context")
	}
	s.leader().propose(record(2))
}

func TestSecondOpenOfADirectoryFails(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.nodes[0]
	_, err := Open(m.config())
	var inUse *durable.InUseError
	if !errors.As(err, &inUse) || inUse.Dir != filepath.Join(m.dir, "raft") {
		t.Fatalf("second open: %v", err)
	}
}

func TestLifecycleMistakes(t *testing.T) {
	if _, err := Open(Config{}); err == nil || strings.Count(err.Error(), "\n") < 3 {
		t.Fatalf("an empty configuration: %v", err)
	}
	s := newSite(t, 1, nil)
	m := s.leader()
	if err := m.cluster.Run(context.Background()); !errors.Is(err, ErrClosed) {
		t.Fatalf("second Run: %v", err)
	}
	if err := m.cluster.Bootstrap(); err == nil {
		t.Fatal("bootstrapped while running")
	}
	c := m.cluster
	watch := c.LeaderWatch()
	m.halt()
	if _, err := c.Propose(s.ctx(), record(1)); !errors.Is(err, ErrClosed) {
		t.Fatalf("propose after close: %v", err)
	}
	if err := c.Read(s.ctx(), Leader, func(*bbolt.Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Fatalf("read after close: %v", err)
	}
	if err := c.Snapshot(); !errors.Is(err, ErrClosed) {
		t.Fatalf("snapshot after close: %v", err)
	}
	select {
	case <-watch:
	default:
		t.Fatal("LeaderWatch was not notified of the end")
	}
	if err := <-m.ran; err != nil {
		t.Fatalf("Run returned %v", err)
	}
}

// TestNeverRun: opening and closing without running leaves nothing behind.
func TestNeverRun(t *testing.T) {
	s := &site{t: t, net: newNetwork(t)}
	m := &member{site: s, name: "n1", dir: t.TempDir()}
	var err error
	if m.fsm, err = fsm.Open(m.dir, specs()); err != nil {
		t.Fatal(err)
	}
	defer m.fsm.Close()
	for range 2 {
		m.port = s.net.listen(m.name, "", nil)
		c, err := Open(m.config())
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		if _, err := c.Propose(short, record(1)); !errors.Is(err, ErrNoLeader) {
			t.Fatalf("propose before Run: %v", err)
		}
		cancel()
		if c.IsLeader() || c.Stats().Term != 0 || c.Servers() != nil {
			t.Fatal("a cluster that does not run has a role")
		}
		for range 2 {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Run(context.Background()); !errors.Is(err, ErrClosed) {
			t.Fatalf("Run after Close: %v", err)
		}
	}
}

func TestMembership(t *testing.T) {
	s := newSite(t, 1, nil)
	n1 := s.nodes[0]
	// A node that is not there gets no vote, and the site goes on.
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := n1.cluster.AddVoter(short, "ghost", "127.0.0.1:1"); !errors.Is(err, ErrUnknownOutcome) || !strings.Contains(err.Error(), "no vote yet") {
		t.Fatalf("adding a node that is not there: %v", err)
	}
	n1.propose(record(1))
	s.insist("removing it", func() error { return n1.cluster.Remove(s.ctx(), "ghost") })
	for range 2 {
		m := s.add(false)
		for range 2 { // the second time does nothing
			s.insist("adding a node", func() error { return n1.cluster.AddVoter(s.ctx(), m.name, m.addr) })
		}
	}
	follower := s.others(s.leader())[0]
	fourth := s.add(false)
	s.insist("adding through a follower", func() error { return follower.cluster.AddVoter(s.ctx(), fourth.name, fourth.addr) })
	fourth.propose(record(2))
	s.converged(s.nodes...)
	leader := s.leader()
	s.insist("removing the leader through a follower", func() error { return fourth.cluster.Remove(s.ctx(), leader.name) })
	rest := s.others(leader)
	s.leaderAmong(rest).propose(record(3))
	s.insist("removing a stranger", func() error { return rest[0].cluster.Remove(s.ctx(), "nobody") })
	list, err := rest[0].cluster.LeaderServers(s.ctx())
	if err != nil || len(list) != 3 {
		t.Fatalf("servers %v, %v", list, err)
	}
	if got := s.converged(rest...); len(got) != 3 {
		t.Fatal(fmt.Sprint(got))
	}
}

func TestLastVoterCannotBeRemoved(t *testing.T) {
	s := newSite(t, 1, nil)
	if err := s.leader().cluster.Remove(s.ctx(), "n1"); !errors.Is(err, ErrInvalid) {
		t.Fatalf("removing the last node: %v", err)
	}
	s.leader().propose(record(1))
}
