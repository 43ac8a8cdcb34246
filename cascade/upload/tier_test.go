package upload

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// tier is one site: ledger, writer, server, and a client once it has a parent.
type tier struct {
	t      testing.TB
	site   identity.Site
	ledger *cascadetest.Ledger
	sealer *gmcrypto.Sealer
	writer *Writer
	server *Server
	client *Client
	link   *cascadetest.Link // to the parent

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func testSealer(t testing.TB, site identity.Site) *gmcrypto.Sealer {
	t.Helper()
	key := gmcrypto.SM3([]byte(site))
	s, err := gmcrypto.NewSealer(key[:16])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newTier(t testing.TB, site identity.Site, opts cascadetest.Options) *tier {
	t.Helper()
	s := &tier{t: t, site: site, ledger: cascadetest.Open(t, NewTable(), opts), sealer: testSealer(t, site)}
	var err error
	if s.writer, err = NewWriter(WriterConfig{Origin: site, Proposer: s.ledger, Sealer: s.sealer}); err != nil {
		t.Fatal(err)
	}
	s.server = s.newServer(nil)
	return s
}

func (s *tier) newServer(allow func(identity.Peer) error) *Server {
	s.t.Helper()
	v, err := NewServer(ServerConfig{Site: s.site, Ledger: s.ledger, Proposer: s.ledger, Sealer: s.sealer, Allow: allow, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *tier) peer() identity.Peer {
	return identity.Peer{Site: s.site, Node: "n1", Role: identity.RoleNode}
}

// under connects s to its parent; nothing moves before start.
func (s *tier) under(parent *tier) *tier {
	s.t.Helper()
	s.link = cascadetest.NewLink(func(ctx context.Context, conn net.Conn) error { return parent.server.Serve(ctx, conn, s.peer()) })
	s.client = s.newClient()
	s.t.Cleanup(func() { s.stop(); s.link.Close() })
	return s
}

func (s *tier) newClient() *Client {
	s.t.Helper()
	c, err := NewClient(ClientConfig{
		Origin: s.site, Ledger: s.ledger, Proposer: s.ledger, Sealer: s.sealer, Open: s.link.Open,
		Fresh: func(context.Context) error { return nil }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *tier) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	client := s.client
	s.wg.Go(func() {
		if err := client.Run(ctx); err != nil {
			s.t.Errorf("client of %s: %v", s.site, err)
		}
	})
}

func (s *tier) stop() {
	if s.cancel != nil {
		s.cancel()
		s.wg.Wait()
		s.cancel = nil
	}
}

// record makes the i-th record of a class at a site; its payload says so.
func record(site identity.Site, class wire.Class, i, size int) *wire.Record {
	id := gmcrypto.SM3([]byte(site), []byte{byte(class)}, binary.BigEndian.AppendUint64(nil, uint64(i)))
	payload := fmt.Appendf(nil, "%s %s %d ", site, class, i)
	for len(payload) < size {
		payload = append(payload, '.')
	}
	return &wire.Record{Id: id[:16], Class: class, Type: "alert", At: 1_700_000_000_000_000_000 + int64(i), Payload: payload}
}

// produce appends n records of a class from the i-th on.
func (s *tier) produce(class wire.Class, from, n, size int) []Position {
	s.t.Helper()
	list := make([]*wire.Record, 0, n)
	for i := range n {
		list = append(list, record(s.site, class, from+i, size))
	}
	p, err := s.writer.Append(context.Background(), list)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// all opens everything a tier holds of a lane.
func (s *tier) all(k LaneKey) []*wire.Record {
	s.t.Helper()
	var list []*wire.Record
	err := s.ledger.View(func(b *bbolt.Bucket) error {
		return Scan(b, k, 1, func(e *Entry) bool {
			r, err := e.Record(s.sealer)
			if err != nil {
				s.t.Errorf("at %s: %v", s.site, err)
				return false
			}
			list = append(list, r)
			return true
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *tier) lane(k LaneKey) (l LaneState) {
	s.t.Helper()
	err := s.ledger.View(func(b *bbolt.Bucket) (err error) {
		l, err = LaneOf(b, k)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// await blocks until a tier holds a lane up to high.
func (s *tier) await(k LaneKey, high uint64) {
	s.t.Helper()
	for {
		changed := s.ledger.Watch()
		if s.lane(k).High >= high {
			return
		}
		<-changed
	}
}

// awaitDelivered blocks until a tier's ledger has been told that the parent holds a lane up to seq.
func (s *tier) awaitDelivered(k LaneKey, seq uint64) {
	s.t.Helper()
	for {
		changed := s.ledger.Watch()
		if s.lane(k).Delivered >= seq {
			return
		}
		<-changed
	}
}

// check wants exactly the records 0..n-1 of a lane at s, in order, untouched.
func (s *tier) check(k LaneKey, n int) {
	s.t.Helper()
	got := s.all(k)
	if len(got) != n {
		s.t.Errorf("%s holds %d records of %s, want %d", s.site, len(got), k, n)
		return
	}
	for i, r := range got {
		want := record(k.Origin, k.Class, i, len(r.Payload))
		if r.Seq != uint64(i)+1 || string(r.Id) != string(want.Id) || string(r.Payload) != string(want.Payload) || r.At != want.At || r.Type != want.Type || r.Ingest == 0 {
			s.t.Fatalf("%s, lane %s, record %d is %v", s.site, k, i, r)
		}
	}
}

const (
	province = identity.Site("440000")
	city     = identity.Site("440100")
	county   = identity.Site("440106")
	county2  = identity.Site("440111")
)

func laneFor(site identity.Site, class wire.Class) LaneKey { return LaneKey{site, 1, class} }
