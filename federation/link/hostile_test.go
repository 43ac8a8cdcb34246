package link_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
	"fengsui/gmcrypto/channel"
	"fengsui/gmcrypto/identity"
)

// stranger is a QUIC client that speaks the carrier and then whatever a test wants.
type stranger struct{ *quic.Transport }

func newStranger(tb testing.TB, ip string) *stranger {
	tb.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		tb.Fatal(err)
	}
	s := &stranger{&quic.Transport{Conn: socket}}
	tb.Cleanup(func() {
		_ = s.Close()
		_ = socket.Close()
	})
	return s
}

func (s *stranger) dial(ctx context.Context, to net.Addr) (*quic.Conn, error) {
	return s.Dial(ctx, to, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"fengsui/1"}, MinVersion: tls.VersionTLS13},
		&quic.Config{EnableDatagrams: true, MaxIncomingStreams: 100, KeepAlivePeriod: time.Second})
}

func (s *stranger) mustDial(tb testing.TB, to net.Addr) *quic.Conn {
	tb.Helper()
	q, err := s.dial(timeout(tb, 5*time.Second), to)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

// closedWith waits for the code the peer closes with.
func closedWith(tb testing.TB, q *quic.Conn, within time.Duration) quic.ApplicationErrorCode {
	tb.Helper()
	select {
	case <-q.Context().Done():
	case <-time.After(within):
		tb.Fatalf("not closed within %v", within)
	}
	err := context.Cause(q.Context())
	ae, ok := errors.AsType[*quic.ApplicationError](err)
	if !ok || !ae.Remote {
		tb.Fatalf("ended with %v, want a close by the peer", err)
	}
	return ae.ErrorCode
}

// Codes as on the wire.
const (
	wireHandshake = 0x12
	wireTimeout   = 0x13
	wireProtocol  = 0x14
)

func TestGarbageBeforeAuthentication(t *testing.T) {
	_, nodes := site(t, 2)
	mustEcho(t, nodes[0], nodes[1], []byte("a good peer"))
	s := newStranger(t, "127.0.0.1")
	for i := range 50 {
		q := s.mustDial(t, nodes[1].Addr())
		st, err := q.OpenStreamSync(timeout(t, 5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 1+i*200)
		_, _ = rand.Read(junk)
		_, _ = st.Write(junk) // the first bytes may be enough to be thrown out
		_ = st.Close()
		if code := closedWith(t, q, 5*time.Second); code != wireHandshake {
			t.Errorf("%d bytes of garbage: closed with %#x", len(junk), code)
		}
	}
	got := nodes[1].Stats()
	if got.HandshakesFailed["malformed"] != 50 || got.Connections != 1 {
		t.Errorf("failures %v, %d connections", got.HandshakesFailed, got.Connections)
	}
	mustEcho(t, nodes[0], nodes[1], []byte("is not disturbed"))
}

func TestManyStreamsBeforeAuthentication(t *testing.T) {
	_, nodes := site(t, 1)
	s := newStranger(t, "127.0.0.1")
	for _, count := range []int{3, 100} {
		q := s.mustDial(t, nodes[0].Addr())
		for range count {
			st, err := q.OpenStream()
			if err != nil {
				break
			}
			_, _ = st.Write([]byte{1})
		}
		if code := closedWith(t, q, 2*time.Second); code != wireProtocol && code != wireHandshake {
			t.Errorf("%d streams: closed with %#x", count, code)
		}
	}
}

// One frame for the highest stream allowed makes QUIC create all streams below it: what that costs us, and for how long.
func TestStreamBombIsDefused(t *testing.T) {
	_, nodes := site(t, 1)
	s := newStranger(t, "127.0.0.1")
	q := s.mustDial(t, nodes[0].Addr())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var last *quic.Stream
	for {
		st, err := q.OpenStream()
		if err != nil {
			break
		}
		last = st
	}
	_, _ = last.Write([]byte{1}) // only the highest is ever sent
	code := closedWith(t, q, 3*time.Second)
	runtime.ReadMemStats(&after)
	t.Logf("stream %d: closed with %#x; both ends allocated %d KiB", last.StreamID(), code, (after.TotalAlloc-before.TotalAlloc)>>10)
	if code != wireProtocol {
		t.Errorf("closed with %#x", code)
	}
	linktest.Eventually(t, time.Second, "its place is free", func() bool { return nodes[0].Stats().Handshaking == 0 })
}

// A peer that connects and never finishes is gone after three seconds, whatever it holds back. In simulated time.
func TestNeverFinishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := linktest.NewNetwork(1)
		ca := linktest.Root(t, "440000")
		id := ca.Node(t, "n1")
		socket, err := network.Listen("10.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		tr, err := link.Open(link.Config{PacketConn: socket, Key: id.Key, Chain: id.Chain, Verify: linktest.Verify(ca), Logger: logger(t)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- tr.Run(ctx) }()
		evil, err := network.Listen("10.0.0.2:1")
		if err != nil {
			t.Fatal(err)
		}
		s := &stranger{&quic.Transport{Conn: evil}}
		f := func(name string, then func(q *quic.Conn)) {
			q, err := s.dial(ctx, tr.Addr())
			if err != nil {
				t.Fatal(name, err)
			}
			began := time.Now()
			then(q)
			<-q.Context().Done()
			ae, ok := errors.AsType[*quic.ApplicationError](context.Cause(q.Context()))
			if took := time.Since(began); !ok || ae.ErrorCode != wireTimeout || took > 3100*time.Millisecond {
				t.Errorf("%s: %v after %v", name, context.Cause(q.Context()), took)
			}
		}
		f("no stream at all", func(*quic.Conn) {})
		f("an empty stream", func(q *quic.Conn) { _, _ = q.OpenStream() })
		f("half a message", func(q *quic.Conn) {
			st, _ := q.OpenStream()
			_, _ = st.Write([]byte{1, 0})
		})
		f("a byte a second", func(q *quic.Conn) {
			st, _ := q.OpenStream()
			for _, b := range []byte{1, 0, 5} {
				_, _ = st.Write([]byte{b})
				<-time.After(900 * time.Millisecond)
			}
		})
		synctest.Wait()
		if got := tr.Stats(); got.HandshakesFailed["timeout"] != 4 || got.Handshaking != 0 {
			t.Errorf("failures %v, %d waiting", got.HandshakesFailed, got.Handshaking)
		}
		cancel()
		_ = s.Close()
		_ = evil.Close()
		_ = tr.Close()
		_ = socket.Close()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// Whoever fills the places of one address shuts out nobody else; from a certain number on, addresses must be proven.
func TestPlacesPerAddress(t *testing.T) {
	ca, nodes := site(t, 1)
	s := newStranger(t, "127.0.0.1")
	refused := 0
	for range 45 {
		q, err := s.dial(timeout(t, 5*time.Second), nodes[0].Addr())
		if err == nil {
			_, err = q.OpenStreamSync(timeout(t, time.Second))
		}
		if err != nil {
			refused++
		}
	}
	got := nodes[0].Stats()
	if refused < 10 || got.HandshakesFailed["busy"] < 10 || got.Handshaking > 32 {
		t.Errorf("%d refused, failures %v, %d waiting", refused, got.HandshakesFailed, got.Handshaking)
	}
	if got.Retries == 0 {
		t.Error("no address had to be proven")
	}
	other := start(t, ca.Node(t, "n2"), linktest.Verify(ca), on("127.0.0.2:0"))
	mustEcho(t, other, nodes[0], []byte("from elsewhere"))
	linktest.Eventually(t, 10*time.Second, "the places are free again", func() bool { return nodes[0].Stats().Handshaking == 0 })
	local := start(t, ca.Node(t, "n3"), linktest.Verify(ca))
	mustEcho(t, local, nodes[0], []byte("from the same address"))
}

func TestGarbageFlood(t *testing.T) {
	_, nodes := site(t, 2)
	mustEcho(t, nodes[0], nodes[1], []byte("before"))
	packets := 100_000
	if raceEnabled {
		packets = 20_000
	}
	flood, err := net.Dial("udp", nodes[1].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer flood.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := make([]byte, 1280)
		for i := range packets {
			_, _ = rand.Read(p[:64])
			switch i % 4 {
			case 0: // looks like a QUIC Initial of version 1
				copy(p, []byte{0xc3, 0, 0, 0, 1, 8})
			case 1: // an unknown version
				copy(p, []byte{0xc0, 0xba, 0xad, 0xf0, 0x0d, 8})
			case 2: // a short header: asks for a stateless reset
				p[0] = 0x40 | p[0]&0x3f
			}
			_, _ = flood.Write(p[:20+i%1260])
		}
	}()
	calls := 0
	for running := true; running; calls++ {
		if err := callEcho(timeout(t, 10*time.Second), nodes[0].Transport, nodes[1].target(), []byte("during")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			running = false
		default:
		}
	}
	t.Logf("%d calls answered during a flood of %d packets; retries %d, waiting %d", calls, packets, nodes[1].Stats().Retries, nodes[1].Stats().Handshaking)
	if got := nodes[1].Stats(); got.Connections != 1 {
		t.Errorf("%d connections", got.Connections)
	}
}

func TestWrongCarrierProtocol(t *testing.T) {
	_, nodes := site(t, 1)
	s := newStranger(t, "127.0.0.1")
	_, err := s.Dial(timeout(t, 5*time.Second), nodes[0].Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}}, nil)
	if _, ok := errors.AsType[*quic.TransportError](err); !ok {
		t.Errorf("another ALPN: %v", err)
	}
}

// session authenticates as a member and then leaves the protocol to the test.
func (s *stranger) session(tb testing.TB, id *linktest.Node, ca *linktest.CA, to net.Addr) (*quic.Conn, *channel.Session) {
	tb.Helper()
	q := s.mustDial(tb, to)
	st, err := q.OpenStreamSync(timeout(tb, 5*time.Second))
	if err != nil {
		tb.Fatal(err)
	}
	state := q.ConnectionState().TLS
	binding, err := state.ExportKeyingMaterial("EXPORTER-fengsui-channel", nil, 32)
	if err != nil {
		tb.Fatal(err)
	}
	verify := linktest.Verify(ca)
	sess, err := channel.Client(timeout(tb, 5*time.Second), rawConn{st, q}, channel.Config{
		Key: id.Key, Chain: id.Chain(), Binding: binding,
		Verify: func(c []*identity.Certificate) (identity.Peer, error) { return verify(c) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return q, sess
}

type rawConn struct {
	*quic.Stream
	q *quic.Conn
}

func (c rawConn) LocalAddr() net.Addr  { return c.q.LocalAddr() }
func (c rawConn) RemoteAddr() net.Addr { return c.q.RemoteAddr() }

// control opens the control stream and says a good hello.
func (s *stranger) control(tb testing.TB, q *quic.Conn, sess *channel.Session, first []byte) *channel.Conn {
	tb.Helper()
	st, err := q.OpenStreamSync(timeout(tb, 5*time.Second))
	if err != nil {
		tb.Fatal(err)
	}
	c := sess.Stream(rawConn{st, q}, uint64(st.StreamID()), true)
	if _, err := c.Write(first); err != nil {
		tb.Fatal(err)
	}
	return c
}

// goodHello is a hello of version 1 with the address "x".
func goodHello() []byte {
	b := append([]byte{1, 0, 28, 1, 0}, make([]byte, 24)...)
	b[5] = 0xee // an instance of its own
	return append(b, 1, 'x')
}

// A member whose program is broken or hostile harms itself only.
func TestHostileMember(t *testing.T) {
	ca, nodes := site(t, 2)
	mustEcho(t, nodes[0], nodes[1], []byte("before"))
	s := newStranger(t, "127.0.0.1")
	evil := ca.Node(t, "n9")
	f := func(name string, first []byte, then func(q *quic.Conn, sess *channel.Session, c *channel.Conn), want quic.ApplicationErrorCode) {
		t.Run(name, func(t *testing.T) {
			q, sess := s.session(t, evil, ca, nodes[1].Addr())
			c := s.control(t, q, sess, first)
			if then != nil {
				if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
					t.Fatal("no hello came back:", err)
				}
				then(q, sess, c)
			}
			if code := closedWith(t, q, 5*time.Second); code != want {
				t.Errorf("closed with %#x, want %#x", code, want)
			}
		})
	}
	f("no hello", []byte{2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}, nil, wireProtocol)
	f("a short hello", []byte{1, 0, 1, 1}, nil, wireProtocol)
	f("another version", append([]byte{1, 0, 28, 9}, make([]byte, 27)...), nil, wireProtocol)
	f("an endless message", []byte{1, 0xff, 0xff}, nil, wireProtocol)
	f("two hellos", goodHello(), func(_ *quic.Conn, _ *channel.Session, c *channel.Conn) { _, _ = c.Write(goodHello()) }, wireProtocol)
	f("a malformed retire", goodHello(), func(_ *quic.Conn, _ *channel.Session, c *channel.Conn) { _, _ = c.Write([]byte{2, 0, 1, 0}) }, wireProtocol)
	f("control stream cut off", goodHello(), func(_ *quic.Conn, _ *channel.Session, c *channel.Conn) { _, _ = c.Write([]byte{2, 0}); _ = c.Close() }, wireProtocol)

	q, sess := s.session(t, evil, ca, nodes[1].Addr())
	_ = s.control(t, q, sess, goodHello())
	linktest.Eventually(t, 5*time.Second, "admitted", func() bool { return nodes[1].Stats().Connections == 2 })
	before := nodes[1].Stats()
	for i := range 20 {
		st, err := q.OpenStreamSync(timeout(t, 5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = st.Write([]byte(fmt.Sprintf("not a record, number %d", i)))
		_ = st.Close()
		_ = q.SendDatagram([]byte("not a sealed datagram, much too short or not"))
		_ = q.SendDatagram(sess.Datagrams().Seal(nil, nil))
	}
	linktest.Eventually(t, 5*time.Second, "all refused", func() bool {
		now := nodes[1].Stats()
		return now.StreamsRefused-before.StreamsRefused == 20 && now.DatagramsUndecodable > before.DatagramsUndecodable
	})
	mustEcho(t, nodes[0], nodes[1], []byte("after"))
}
