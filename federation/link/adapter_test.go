package link_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/raft"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
)

// counter is a state machine that counts what it is told.
type counter struct{ applied atomic.Uint64 }

func (c *counter) Apply(*raft.Log) any                 { return c.applied.Add(1) }
func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("not used") }
func (c *counter) Restore(io.ReadCloser) error         { return nil }

// Real Raft over the layer: three nodes elect, commit, lose their leader and go on.
func TestRaftOverLayer(t *testing.T) {
	_, nodes := site(t, 3)
	var servers []raft.Server
	for _, n := range nodes {
		servers = append(servers, raft.Server{ID: raft.ServerID(n.id.Name), Address: raft.ServerAddress(n.Advertise())})
	}
	var rafts []*raft.Raft
	var machines []*counter
	for i, n := range nodes {
		conf := raft.DefaultConfig()
		conf.LocalID = servers[i].ID
		conf.LogOutput = io.Discard
		layer := n.RaftLayer(nil)
		trans := raft.NewNetworkTransport(layer, 3, 2*time.Second, io.Discard)
		store := raft.NewInmemStore()
		if err := raft.BootstrapCluster(conf, store, store, raft.NewInmemSnapshotStore(), trans, raft.Configuration{Servers: servers}); err != nil {
			t.Fatal(err)
		}
		m := &counter{}
		r, err := raft.NewRaft(conf, m, store, store, raft.NewInmemSnapshotStore(), trans)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(r.Shutdown().Error(), trans.Close()); err != nil {
				t.Error(err)
			}
		})
		rafts, machines = append(rafts, r), append(machines, m)
	}
	leader := func() int {
		for i, r := range rafts {
			if r.State() == raft.Leader {
				return i
			}
		}
		return -1
	}
	linktest.Eventually(t, 15*time.Second, "a leader", func() bool { return leader() >= 0 })
	first := leader()
	for range 100 {
		if err := rafts[first].Apply([]byte("entry"), 5*time.Second).Error(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rafts {
		linktest.Eventually(t, 5*time.Second, "all applied", func() bool { return machines[i].applied.Load() == 100 })
	}
	if err := rafts[first].Shutdown().Error(); err != nil {
		t.Fatal(err)
	}
	if err := nodes[first].Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var next int
	linktest.Eventually(t, 15*time.Second, "another leader", func() bool {
		next = leader()
		return next >= 0 && next != first
	})
	if err := rafts[next].Apply([]byte("entry"), 5*time.Second).Error(); err != nil {
		t.Fatal(err)
	}
	t.Logf("new leader and first commit after %v", time.Since(began))
}

func TestRaftLayerRefusesOthers(t *testing.T) {
	ca, nodes := site(t, 1)
	layer := nodes[0].RaftLayer(nil)
	county := start(t, ca.Child(t, "440106").Node(t, "n1"), linktest.Verify(ca))
	guest := start(t, linktest.Guest(t, "440000", "n3"), linktest.Verify(ca))

	_, err := county.RaftLayer(nil).Dial(raft.ServerAddress(nodes[0].Advertise()), 3*time.Second)
	wantError(t, err, link.ErrUntrusted)
	for _, n := range []*node{county, guest} {
		s, err := n.OpenStream(timeout(t, 5*time.Second), nodes[0].anyone(), link.KindRaft)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = s.Read(make([]byte, 1))
		wantError(t, err, link.ErrKindRefused)
		_ = s.Close()
	}
	if layer.Addr().String() != nodes[0].Advertise() {
		t.Errorf("layer at %s", layer.Addr())
	}
	_, err = nodes[0].RaftLayer2(t).Dial("", 0)
	wantError(t, err, errNoServer)
	accepted := make(chan error, 1)
	go func() {
		_, err := layer.Accept()
		accepted <- err
	}()
	if err := errors.Join(layer.Close(), layer.Close()); err != nil {
		t.Error(err)
	}
	wantError(t, <-accepted, net.ErrClosed)
}

var errNoServer = errors.New("no such server")

// RaftLayer2 is a layer whose addresses resolve to nothing, on a node of its own.
func (n *node) RaftLayer2(t *testing.T) *link.RaftLayer {
	ca := linktest.Root(t, "440000")
	return start(t, ca.Node(t, "n1"), linktest.Verify(ca)).RaftLayer(func(string) (link.Target, error) { return link.Target{}, errNoServer })
}

func TestGossipTransport(t *testing.T) {
	ca, nodes := site(t, 2)
	a, b := nodes[0].GossipTransport(), nodes[1].GossipTransport()
	ip, port, err := a.FinalAdvertiseAddr("", 0)
	if err != nil || net.JoinHostPort(ip.String(), fmt.Sprint(port)) != nodes[0].Advertise() {
		t.Errorf("advertised %v:%d, %v", ip, port, err)
	}
	if ip, port, err = a.FinalAdvertiseAddr("10.1.2.3", 7); err != nil || ip.String() != "10.1.2.3" || port != 7 {
		t.Errorf("configured address: %v:%d, %v", ip, port, err)
	}
	if _, _, err := a.FinalAdvertiseAddr("0.0.0.0", 7); err == nil {
		t.Error("an address that names no interface was accepted")
	}
	if _, err := a.WriteToAddress([]byte("ping"), memberlist.Address{Addr: nodes[1].Advertise(), Name: "n2"}); err != nil {
		t.Fatal(err)
	}
	if p := <-b.PacketCh(); string(p.Buf) != "ping" || p.From.String() != nodes[0].Advertise() || p.Timestamp.IsZero() {
		t.Errorf("packet %q from %s", p.Buf, p.From)
	}
	if _, err := b.WriteTo([]byte("pong"), nodes[0].Advertise()); err != nil {
		t.Fatal(err)
	}
	if p := <-a.PacketCh(); string(p.Buf) != "pong" {
		t.Errorf("packet %q", p.Buf)
	}
	if _, err := a.WriteTo(make([]byte, link.GossipPacketBytes+1), nodes[1].Advertise()); !errors.Is(err, link.ErrDatagramSize) {
		t.Errorf("oversized packet: %v", err)
	}
	s, err := a.DialTimeout(nodes[1].Advertise(), 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	in := <-b.StreamCh()
	_, _ = in.Write([]byte("state"))
	if _, err := io.ReadFull(s, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	_, _ = in.Close(), s.Close()
	if got := nodes[1].Stats().Connections; got != 1 {
		t.Errorf("%d connections", got)
	}
	county := start(t, ca.Child(t, "440106").Node(t, "n1"), linktest.Verify(ca))
	if _, err := county.GossipTransport().DialTimeout(nodes[0].Advertise(), 3*time.Second); !errors.Is(err, link.ErrUntrusted) {
		t.Errorf("another site: %v", err)
	}
	if err := errors.Join(a.Shutdown(), a.Shutdown(), b.Shutdown()); err != nil {
		t.Error(err)
	}
}
