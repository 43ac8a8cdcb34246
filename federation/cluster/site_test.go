package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fengsui/federation/fsm"

	"go.etcd.io/bbolt"
)

// patience bounds every wait of a test; nothing waits this long when all is well.
const patience = 30 * time.Second

const (
	kindRecord fsm.Kind = 1 // remembers the command's id once; answers its number
	kindRefuse fsm.Kind = 2 // refused with code 42
	kindFill   fsm.Kind = 3 // stores the body under the id
)

// ids is a table as upload's is: a retried command is recognised by its id.
type ids struct{}

func (ids) Apply(b *bbolt.Bucket, kind uint16, _ uint8, _ time.Time, id [16]byte, body []byte) ([]byte, error) {
	if fsm.Kind(kind) == kindRefuse {
		return nil, refusal{}
	}
	if old := b.Get(id[:]); old != nil {
		return old[:8], nil
	}
	n, err := b.NextSequence()
	if err != nil {
		return nil, err
	}
	number := binary.BigEndian.AppendUint64(nil, n)
	value := number
	if fsm.Kind(kind) == kindFill {
		value = append(value, body...)
	}
	return number, b.Put(id[:], value)
}

type refusal struct{}

func (refusal) Error() string { return "never" }
func (refusal) Code() uint32  { return 42 }

func specs() []fsm.Spec {
	return []fsm.Spec{{Name: "ids", Kinds: []fsm.Kind{kindRecord, kindRefuse, kindFill}, Table: ids{}}}
}

func id(n uint64) (out [16]byte) {
	out[0] = 1
	binary.BigEndian.PutUint64(out[8:], n)
	return out
}

func record(n uint64) fsm.Command { return fsm.Command{Kind: kindRecord, Version: 1, ID: id(n)} }

// member is one node of a test site.
type member struct {
	site    *site
	name    string
	dir     string
	addr    string
	fsm     *fsm.FSM
	port    *port
	cluster *Cluster
	stop    context.CancelFunc
	ran     chan error     // what Run returned
	onOpen  func(*Cluster) // between Open and Run
}

// site is a group of nodes in one process.
type site struct {
	t     testing.TB
	net   *network
	nodes []*member
	tune  func(*Config)
}

func fastTiming() Timing {
	return Timing{Heartbeat: 300 * time.Millisecond, Election: 300 * time.Millisecond, Lease: 150 * time.Millisecond, Commit: 5 * time.Millisecond}
}

// newSite starts n nodes; the first bootstraps and adds the others.
func newSite(t testing.TB, n int, tune func(*Config)) *site {
	t.Helper()
	s := &site{t: t, net: newNetwork(t), tune: tune}
	for i := range n {
		s.add(i == 0)
	}
	s.leader()
	for _, m := range s.nodes[1:] {
		if err := s.leader().cluster.AddVoter(s.ctx(), m.name, m.addr); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// add starts one more node, which is no member yet unless it is the first.
func (s *site) add(first bool) *member {
	s.t.Helper()
	m := &member{site: s, name: fmt.Sprintf("n%d", len(s.nodes)+1), dir: s.t.TempDir()}
	s.nodes = append(s.nodes, m)
	m.start(first)
	s.t.Cleanup(m.halt)
	return m
}

func (s *site) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// start opens and runs the node on what its directory holds.
func (m *member) start(first bool) {
	t := m.site.t
	t.Helper()
	if err := m.tryStart(first); err != nil {
		t.Fatalf("starting %s: %v", m.name, err)
	}
}

func (m *member) tryStart(first bool) (err error) {
	if m.fsm, err = fsm.Open(m.dir, specs()); err != nil {
		return err
	}
	ready := make(chan struct{})
	m.port = m.site.net.listen(m.name, m.addr, func(c net.Conn) {
		<-ready
		if m.cluster == nil {
			_ = c.Close()
			return
		}
		_ = m.cluster.ServeForward(context.Background(), c)
	})
	m.addr = m.port.Addr().String()
	m.cluster, err = Open(m.config())
	close(ready)
	if err == nil && first {
		err = m.cluster.Bootstrap()
	}
	if err != nil {
		return errors.Join(err, m.port.Close(), m.fsm.Close())
	}
	if m.onOpen != nil {
		m.onOpen(m.cluster)
	}
	var ctx context.Context
	ctx, m.stop = context.WithCancel(context.Background())
	m.ran = make(chan error, 1)
	c, ran := m.cluster, m.ran
	go func() { ran <- c.Run(ctx) }()
	return nil
}

func (m *member) config() Config {
	cfg := Config{
		Node: m.name, Dir: filepath.Join(m.dir, "raft"), Layer: m.port, FSM: m.fsm,
		Forward: m.site.net.forward(m.name), Timing: fastTiming(), LeaderWait: patience, FreeBytesMin: 1 << 20,
	}
	if os.Getenv("CLUSTER_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", m.name)
	}
	if m.site.tune != nil {
		m.site.tune(&cfg)
	}
	return cfg
}

// halt stops the node in order; it may have stopped already.
func (m *member) halt() {
	t := m.site.t
	t.Helper()
	if m.cluster == nil {
		return
	}
	m.stop()
	for range 2 {
		if err := m.cluster.Close(); err != nil {
			t.Errorf("closing %s: %v", m.name, err)
		}
	}
	if err := m.port.Close(); err != nil {
		t.Errorf("closing the port of %s: %v", m.name, err)
	}
	if err := m.fsm.Close(); err != nil {
		t.Errorf("closing the state of %s: %v", m.name, err)
	}
	m.cluster = nil
}

// kill stops the node as a crash does for the others: it is cut off at once, so that it
// cannot hand over or finish anything.
func (m *member) kill() {
	m.site.net.isolate(m.name)
	m.halt()
}

// leader waits until one node leads and knows it.
func (s *site) leader() *member { return s.leaderAmong(s.nodes) }

func (s *site) leaderAmong(nodes []*member) *member {
	s.t.Helper()
	var found *member
	eventually(s.t, "a leader", func() bool {
		for _, m := range nodes {
			if m.cluster != nil && m.cluster.IsLeader() {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func (s *site) others(not *member) []*member {
	var list []*member
	for _, m := range s.nodes {
		if m != not {
			list = append(list, m)
		}
	}
	return list
}

// eventually polls at a ticker's pace until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

func (m *member) propose(cmds ...fsm.Command) []fsm.Result {
	t := m.site.t
	t.Helper()
	results, err := m.cluster.Propose(m.site.ctx(), cmds...)
	if err != nil {
		t.Fatalf("proposing on %s: %v", m.name, err)
	}
	return results
}

// persist proposes until the outcome is known, as a caller does who stamps the IDs.
func (m *member) persist(cmds ...fsm.Command) {
	t := m.site.t
	t.Helper()
	for {
		_, err := m.cluster.Propose(m.site.ctx(), cmds...)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrUnknownOutcome) {
			t.Fatalf("proposing on %s: %v", m.name, err)
		}
	}
}

// recorded reads the ids a node has; each has a number of its own or the test fails.
func (m *member) recorded() map[[16]byte]uint64 {
	t := m.site.t
	t.Helper()
	out, numbers := map[[16]byte]uint64{}, map[uint64]bool{}
	err := m.fsm.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("ids")).ForEach(func(k, v []byte) error {
			n := binary.BigEndian.Uint64(v)
			if numbers[n] {
				t.Errorf("%s: number %d was given twice", m.name, n)
			}
			numbers[n] = true
			out[[16]byte(k)] = n
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// converged waits until all given nodes have the same state, and returns its ids.
func (s *site) converged(nodes ...*member) map[[16]byte]uint64 {
	s.t.Helper()
	eventually(s.t, "equal states", func() bool {
		first, err := nodes[0].fsm.Hash()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, m := range nodes[1:] {
			if h, err := m.fsm.Hash(); err != nil || h != first {
				return false
			}
		}
		return true
	})
	return nodes[0].recorded()
}

// burst proposes from many goroutines, retrying unknown outcomes with the same id, until
// stopped. It returns every id that was acknowledged.
type burst struct {
	mu    sync.Mutex
	acked map[[16]byte]uint64
	wg    sync.WaitGroup
	stop  context.CancelFunc
	grown chan struct{}
}

// startBurst runs workers on each of nodes; ids begin at base.
func startBurst(s *site, nodes []*member, workers int, base uint64) *burst {
	ctx, cancel := context.WithCancel(context.Background())
	b := &burst{acked: map[[16]byte]uint64{}, stop: cancel, grown: make(chan struct{}, 1)}
	for i, m := range nodes {
		c := m.cluster
		for w := range workers {
			first := base + uint64(i*workers+w)*1_000_000
			b.wg.Go(func() { b.work(ctx, s, c, first) })
		}
	}
	return b
}

func (b *burst) work(ctx context.Context, s *site, c *Cluster, n uint64) {
	for ctx.Err() == nil {
		results, err := c.Propose(ctx, record(n), record(n+1))
		switch {
		case err == nil:
			b.mu.Lock()
			for i, r := range results {
				b.acked[id(n+uint64(i))] = binary.BigEndian.Uint64(r.Value)
			}
			b.mu.Unlock()
			select {
			case b.grown <- struct{}{}:
			default:
			}
			n += 2
		case errors.Is(err, ErrClosed):
			return
		case errors.Is(err, ErrUnknownOutcome), errors.Is(err, ErrNoLeader), ctx.Err() != nil:
		default:
			s.t.Errorf("burst: %v", err)
			return
		}
	}
}

// reach waits until n more commands have been acknowledged.
func (b *burst) reach(t testing.TB, n int) {
	t.Helper()
	b.mu.Lock()
	goal := len(b.acked) + n
	b.mu.Unlock()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		b.mu.Lock()
		now := len(b.acked)
		b.mu.Unlock()
		if now >= goal {
			return
		}
		select {
		case <-b.grown:
		case <-deadline.C:
			t.Fatalf("only %d of %d commands acknowledged in %v", now, goal, patience)
		}
	}
}

func (b *burst) end() map[[16]byte]uint64 {
	b.stop()
	b.wg.Wait()
	return b.acked
}

// holds checks that every acknowledged id is there, with the number that was answered.
func holds(t testing.TB, have, acked map[[16]byte]uint64) {
	t.Helper()
	lost := 0
	for id, n := range acked {
		if have[id] != n {
			lost++
			if lost < 4 {
				t.Errorf("id %x was acknowledged as number %d, the state has %d", id, n, have[id])
			}
		}
	}
	if lost > 0 {
		t.Fatalf("%d of %d acknowledged commands are lost or changed", lost, len(acked))
	}
}

// insist repeats a change of members while its outcome is unknown, as an operator would: a busy machine may cost the leader its
// lease in the middle of it, and repeating is harmless.
func (s *site) insist(what string, change func() error) {
	s.t.Helper()
	ctx := s.ctx()
	for {
		err := change()
		switch {
		case err == nil:
			return
		case ctx.Err() != nil, !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNoLeader):
			s.t.Fatalf("%s: %v", what, err)
		}
	}
}
