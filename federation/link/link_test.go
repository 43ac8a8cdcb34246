package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
	"fengsui/gmcrypto/identity"
)

func TestEcho(t *testing.T) {
	_, nodes := site(t, 2)
	for _, size := range []int{0, 1, 1000, 32 << 10, 5 << 20} {
		mustEcho(t, nodes[0], nodes[1], bytes.Repeat([]byte{'x'}, size))
	}
	if got := nodes[0].Stats(); got.Dialed != 1 || got.StreamsOpened != 5 || got.Connections != 1 {
		t.Errorf("dialler's stats: %+v", got)
	}
	linktest.Eventually(t, time.Second, "all streams end", func() bool { return nodes[1].Stats().StreamsActive == 0 })
}

func TestStreamTellsPeerAndKind(t *testing.T) {
	_, nodes := site(t, 2)
	seen := make(chan identity.Peer, 1)
	nodes[1].Handle(link.KindUpload, nil, func(_ context.Context, s *link.Stream) {
		if s.Kind() == link.KindUpload {
			seen <- s.Peer()
		}
	})
	s, err := nodes[0].OpenStream(timeout(t, 5*time.Second), nodes[1].target(), link.KindUpload)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if p := <-seen; p.Site != "440000" || p.Node != "n1" || p.Role != identity.RoleNode {
		t.Errorf("acceptor sees %v", p)
	}
	if p := s.Peer(); p.Node != "n2" {
		t.Errorf("opener sees %v", p)
	}
	if s.RemoteAddr().String() != nodes[1].Addr().String() || s.LocalAddr().String() != nodes[0].Addr().String() {
		t.Errorf("addresses %v → %v", s.LocalAddr(), s.RemoteAddr())
	}
}

func TestOneConnectionServesBothDirections(t *testing.T) {
	_, nodes := site(t, 2)
	mustEcho(t, nodes[0], nodes[1], []byte("there"))
	mustEcho(t, nodes[1], nodes[0], []byte("and back"))
	if err := callEcho(timeout(t, 5*time.Second), nodes[1].Transport, nodes[0].anyone(), []byte("by address")); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if got := n.Stats(); got.Connections != 1 || got.Dialed+got.Accepted != 1 {
			t.Errorf("%s: %d connections, %d dialed, %d accepted; want one in all", n.id.Name, got.Connections, got.Dialed, got.Accepted)
		}
	}
}

func TestRefusals(t *testing.T) {
	ca := linktest.Root(t, "440000")
	city := ca.Child(t, "440100")
	stranger := linktest.Root(t, "440000")
	server := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	f := func(name string, id *linktest.Node, verify *linktest.CA, target link.Target, want error) {
		t.Run(name, func(t *testing.T) {
			client := start(t, id, linktest.Verify(verify))
			_, err := client.OpenStream(timeout(t, 5*time.Second), target, kindEcho)
			wantError(t, err, want)
			de, ok := errors.AsType[*link.DialError](err)
			if !ok || de.Target != target {
				t.Errorf("%v is no DialError for the target", err)
			}
		})
	}
	f("peer does not know our CA", stranger.Node(t, "n2"), ca, server.target(), link.ErrRefused)
	f("we do not know the peer's CA", ca.Node(t, "n2"), stranger, server.target(), link.ErrUntrusted)
	f("another node than asked for", city.Node(t, "n1"), ca, link.Target{Addr: server.Advertise(), Site: "440000", Node: "n9"}, link.ErrUntrusted)
	f("another site than asked for", city.Node(t, "n1"), ca, link.Target{Addr: server.Advertise(), Site: "440100"}, link.ErrUntrusted)
	f("ourselves", server.id, ca, server.anyone(), link.ErrSelf)
	f("no such host", city.Node(t, "n1"), ca, link.Target{Addr: "not an address"}, link.ErrUnreachable)
	f("nobody connected", city.Node(t, "n1"), ca, link.Target{Site: "440000", Node: "n1"}, link.ErrNotConnected)
	got := server.Stats()
	if got.HandshakesFailed["untrusted"] == 0 || got.HandshakesFailed["self"] == 0 || got.Connections != 0 {
		t.Errorf("server counted %v, %d connections", got.HandshakesFailed, got.Connections)
	}
}

func TestNobodyThere(t *testing.T) {
	ca, nodes := site(t, 1)
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	target := link.Target{Addr: dead.LocalAddr().String(), Site: ca.Site, Node: "n7"}
	_, err = nodes[0].OpenStream(timeout(t, 10*time.Second), target, kindEcho)
	wantError(t, err, link.ErrUnreachable)
	_, err = nodes[0].OpenStream(timeout(t, 50*time.Millisecond), target, kindEcho)
	wantError(t, err, link.ErrTimeout)
	wantError(t, err, context.DeadlineExceeded)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = nodes[0].OpenStream(ctx, target, kindEcho)
	wantError(t, err, context.Canceled)
}

func TestKinds(t *testing.T) {
	ca := linktest.Root(t, "440000")
	server := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	server.Handle(link.KindUpload, func(p identity.Peer) error {
		if p.Role != identity.RoleNode {
			return errors.New("nodes only")
		}
		return nil
	}, echo)
	server.Handle(link.KindRegister, nil, echo)
	server.Handle(link.KindIssue, nil, func(context.Context, *link.Stream) { panic("handler is broken") })
	guest := start(t, linktest.Guest(t, "440106", "new"), linktest.Verify(ca))
	member := start(t, ca.Node(t, "n2"), linktest.Verify(ca))

	f := func(name string, from *node, k link.Kind, want error) {
		t.Run(name, func(t *testing.T) {
			s, err := from.OpenStream(timeout(t, 5*time.Second), server.target(), k)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_ = s.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = s.Write([]byte("hello")) // may be refused before or after
			_, err = io.ReadFull(s, make([]byte, 5))
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				t.Errorf("read: %v, want %v", err, want)
			}
		})
	}
	f("guest may enrol", guest, link.KindRegister, nil)
	f("guest may not upload", guest, link.KindUpload, link.ErrKindRefused)
	f("node may upload", member, link.KindUpload, nil)
	f("nobody serves it", member, link.KindQuery, link.ErrKindUnknown)
	f("handler panics", member, link.KindIssue, link.ErrStreamReset)
	f("and the node goes on", member, link.KindUpload, nil)
	got := server.Stats()
	if got.HandlerPanics != 1 || got.StreamsRefused != 2 {
		t.Errorf("panics %d, refused %d", got.HandlerPanics, got.StreamsRefused)
	}
	// A guest's claimed name never leads to it.
	_, err := server.OpenStream(timeout(t, time.Second), link.Target{Site: "440106", Node: "new"}, link.KindRegister)
	wantError(t, err, link.ErrNotConnected)
}

func TestGuestHasFewStreams(t *testing.T) {
	ca := linktest.Root(t, "440000")
	server := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	guest := start(t, linktest.Guest(t, "440106", "new"), linktest.Verify(ca))
	var busy int
	for range 12 {
		s, err := guest.OpenStream(timeout(t, 5*time.Second), server.target(), kindEcho)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_ = s.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = s.Write([]byte("x"))
		if _, err := io.ReadFull(s, make([]byte, 1)); errors.Is(err, link.ErrBusy) {
			busy++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if busy != 4 {
		t.Errorf("%d of 12 streams were refused, want 4", busy)
	}
}

func TestCloseWakesEveryone(t *testing.T) {
	ca := linktest.Root(t, "440000")
	a := start(t, ca.Node(t, "n1"), linktest.Verify(ca))
	b := start(t, ca.Node(t, "n2"), linktest.Verify(ca))
	handlerEnded := make(chan error, 1)
	started := make(chan struct{})
	b.Handle(link.KindUpload, nil, func(ctx context.Context, _ *link.Stream) {
		close(started)
		<-ctx.Done()
		handlerEnded <- ctx.Err()
	})
	s, err := a.OpenStream(timeout(t, 5*time.Second), b.target(), link.KindUpload)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 1))
		read <- err
	}()
	<-started
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-read, net.ErrClosed)
	<-handlerEnded
	if err := a.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	_, err = a.OpenStream(t.Context(), b.target(), kindEcho)
	wantError(t, err, net.ErrClosed)
	if err := a.Run(t.Context()); err != nil {
		t.Errorf("run after close: %v", err)
	}
	wantError(t, a.SendDatagram(b.target(), link.KindGossip, nil), net.ErrClosed)
}

func TestReadAndWriteDeadlines(t *testing.T) {
	_, nodes := site(t, 2)
	nodes[1].Handle(link.KindQuery, nil, func(ctx context.Context, _ *link.Stream) { <-ctx.Done() })
	s, err := nodes[0].OpenStream(timeout(t, 5*time.Second), nodes[1].target(), link.KindQuery)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = s.Read(make([]byte, 1))
	wantError(t, err, os.ErrDeadlineExceeded)
	_ = s.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, err = s.Write(make([]byte, 20<<20)) // nobody reads: the windows fill
	wantError(t, err, os.ErrDeadlineExceeded)
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// A Close must not wait for a Write that will never end.
func TestCloseUnblocksWrite(t *testing.T) {
	_, nodes := site(t, 2)
	nodes[1].Handle(link.KindQuery, nil, func(ctx context.Context, s *link.Stream) {
		_, _ = s.Write([]byte("not reading"))
		<-ctx.Done()
	})
	s, err := nodes[0].OpenStream(timeout(t, 5*time.Second), nodes[1].target(), link.KindQuery)
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, 40<<20))
		wrote <- err
	}()
	if _, err := io.ReadFull(s, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	before := nodes[1].Stats().BytesReceived
	linktest.Eventually(t, 5*time.Second, "writer blocked", func() bool { return nodes[1].Stats().BytesReceived == before })
	_ = s.Close()
	select {
	case err := <-wrote:
		if err == nil {
			t.Error("the write succeeded")
		}
	case <-time.After(3 * time.Second):
		t.Error("the write is still blocked after Close")
	}
}

func TestManyStreamsDoNotLeak(t *testing.T) {
	count := 20_000
	if testing.Short() || raceEnabled {
		count = 5_000
	}
	_, nodes := site(t, 2)
	// Four ways to end a stream, none of which may leave it counted.
	nodes[1].Handle(link.KindIssue, nil, func(_ context.Context, s *link.Stream) { _, _ = s.Read(make([]byte, 1)) })
	nodes[1].Handle(link.KindQuery, nil, func(_ context.Context, s *link.Stream) { s.Reset() })
	ctx := timeout(t, 2*time.Minute)
	if err := together(8, func(w int) error {
		for i := w; i < count; i += 8 {
			var err error
			switch i % 4 {
			case 0:
				err = callEcho(ctx, nodes[0].Transport, nodes[1].target(), []byte("x"))
			case 1: // opened and closed without a word
				var s *link.Stream
				if s, err = nodes[0].OpenStream(ctx, nodes[1].target(), kindEcho); err == nil {
					err = s.Close()
				}
			case 2: // the other side closes first, we never read
				var s *link.Stream
				if s, err = nodes[0].OpenStream(ctx, nodes[1].target(), link.KindIssue); err == nil {
					_, _ = s.Write([]byte("x"))
					err = s.Close()
				}
			case 3:
				var s *link.Stream
				if s, err = nodes[0].OpenStream(ctx, nodes[1].target(), link.KindQuery); err == nil {
					s.Reset()
				}
			}
			if err != nil {
				return fmt.Errorf("stream %d: %w", i, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		linktest.Eventually(t, 10*time.Second, "no stream is left", func() bool { return n.Stats().StreamsActive == 0 })
	}
	// The peer's limit is 1024 streams: had any way leaked its share, these would block.
	mustEcho(t, nodes[0], nodes[1], []byte("still open"))
}
