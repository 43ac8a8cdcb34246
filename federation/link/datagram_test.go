package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
	"fengsui/gmcrypto/identity"
)

func TestDatagrams(t *testing.T) {
	ca := linktest.Root(t, "440000")
	a := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	b := start(t, ca.Node(t, "n2"), linktest.Verify(ca))
	type got struct {
		peer identity.Peer
		from string
		p    string
	}
	arrived := make(chan got, 100)
	take := func(p identity.Peer, from string, b []byte) { arrived <- got{p, from, string(b)} }
	a.HandleDatagram(link.KindGossip, nil, take)
	b.HandleDatagram(link.KindGossip, nil, take)
	b.HandleDatagram(link.KindUpload, func(identity.Peer) error { return errors.New("no") }, take)
	b.HandleDatagram(link.KindIssue, nil, func(identity.Peer, string, []byte) { panic("broken") })

	// The first one dials; it and those sent meanwhile are kept.
	for i := range 5 {
		if err := a.SendDatagram(b.target(), link.KindGossip, fmt.Appendf(nil, "number %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		select {
		case g := <-arrived:
			if g.p != fmt.Sprintf("number %d", i) || g.peer.Node != "n1" || g.from != a.Advertise() {
				t.Errorf("datagram %d: %q from %s at %s", i, g.p, g.peer, g.from)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("datagram %d did not arrive", i)
		}
	}
	largest := bytes.Repeat([]byte{'x'}, 1100)
	if err := b.SendDatagram(a.target(), link.KindGossip, largest); err != nil {
		t.Fatal(err)
	}
	if g := <-arrived; g.p != string(largest) {
		t.Errorf("%d bytes arrived", len(g.p))
	}
	wantError(t, b.SendDatagram(a.target(), link.KindGossip, append(largest, 'x')), link.ErrDatagramSize)
	wantError(t, b.SendDatagram(link.Target{Site: "440000", Node: "n7"}, link.KindGossip, nil), link.ErrNotConnected)

	for _, k := range []link.Kind{link.KindUpload, link.KindIssue, link.KindQuery} { // refused, panics, unknown
		if err := a.SendDatagram(b.target(), k, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	linktest.Eventually(t, 5*time.Second, "all are counted", func() bool {
		s := b.Stats()
		return s.DatagramsDropped == 3 && s.HandlerPanics == 1 // with the one for n7
	})
	if got := b.Stats(); got.Connections != 1 {
		t.Errorf("%d connections", got.Connections)
	}
}

// Sending never blocks: not on a peer that is not there, not on a path that is full.
func TestSendDatagramDoesNotBlock(t *testing.T) {
	ca, nodes := site(t, 1)
	relay := linktest.NewRelay(t, nodes[0].Addr())
	relay.SetCut(true)
	a := start(t, ca.Node(t, "n9"), linktest.Verify(ca))
	began := time.Now()
	var dropped int
	for range 100 {
		if err := a.SendDatagram(link.Target{Addr: relay.Addr()}, link.KindGossip, make([]byte, 1000)); errors.Is(err, link.ErrDatagramDropped) {
			dropped++
		}
	}
	if took := time.Since(began); took > 500*time.Millisecond || dropped != 68 {
		t.Errorf("100 sends to nobody: %d dropped in %v", dropped, took)
	}
	relay.SetCut(false)
	if _, err := a.Connect(timeout(t, 10*time.Second), link.Target{Addr: relay.Addr()}); err != nil {
		t.Fatal(err)
	}
	relay.SetCut(true)
	began = time.Now()
	for range 2000 {
		_ = a.SendDatagram(link.Target{Addr: relay.Addr()}, link.KindGossip, make([]byte, 1000))
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("2000 sends into a cut line took %v", took)
	}
	if got := a.Stats().DatagramsDropped; got < 1000 {
		t.Errorf("%d dropped", got)
	}
}

// What is said inside never appears on the wire, in streams or datagrams, in either direction.
func TestNothingInClear(t *testing.T) {
	ca, nodes := site(t, 1)
	secret := []byte("T1190 exploit against 10.3.7.9, SNI portal.example")
	relay := linktest.NewRelay(t, nodes[0].Addr())
	var seen atomic.Uint64
	var mu sync.Mutex
	var leaks int
	names := [][]byte{secret[:12], []byte("n-client"), []byte("440000")}
	relay.Tap(func(p []byte) {
		seen.Add(uint64(len(p)))
		for _, n := range names {
			if bytes.Contains(p, n) {
				mu.Lock()
				leaks++
				mu.Unlock()
			}
		}
	})
	client := start(t, ca.Node(t, "n-client"), linktest.Verify(ca))
	nodes[0].HandleDatagram(link.KindGossip, nil, func(identity.Peer, string, []byte) {})
	target := link.Target{Addr: relay.Addr(), Site: ca.Site}
	payload := bytes.Repeat(secret, 5000)
	if err := callEcho(timeout(t, 20*time.Second), client.Transport, target, payload); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := client.SendDatagram(target, link.KindGossip, secret); err != nil {
			t.Fatal(err)
		}
	}
	linktest.Eventually(t, 5*time.Second, "datagrams arrive", func() bool { return nodes[0].Stats().DatagramsRecv == 50 })
	if seen.Load() < 2*uint64(len(payload)) {
		t.Fatalf("only %d bytes went through the relay", seen.Load())
	}
	if leaks > 0 {
		t.Errorf("%d packets show what they carry", leaks)
	}
}

func TestHandleAfterRemoval(t *testing.T) {
	_, nodes := site(t, 2)
	nodes[1].Handle(kindEcho, nil, nil)
	err := callEcho(timeout(t, 5*time.Second), nodes[0].Transport, nodes[1].target(), []byte("x"))
	wantError(t, err, link.ErrKindUnknown)
	nodes[1].Handle(kindEcho, nil, echo)
	mustEcho(t, nodes[0], nodes[1], []byte("x"))
	defer func() {
		if recover() == nil {
			t.Error("a second owner of a kind was accepted")
		}
	}()
	nodes[1].Handle(kindEcho, nil, func(context.Context, *link.Stream) {})
}
