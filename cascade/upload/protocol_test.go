package upload

import (
	"context"
	"net"
	"strings"
	"testing"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// talk opens a raw session to a server.
func talk(t *testing.T, s *tier, peer identity.Peer) (*wire.Conn, net.Conn, <-chan error) {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(context.Background(), b, peer) }()
	t.Cleanup(func() { _ = a.Close() })
	return wire.NewConn(a), a, done
}

func hello(class wire.Class, lanes ...LaneKey) *wire.UploadUp {
	h := &wire.UploadHello{Version: wire.Version, Class: class}
	for _, l := range lanes {
		h.Lanes = append(h.Lanes, &wire.Lane{Origin: string(l.Origin), Epoch: l.Epoch})
	}
	return &wire.UploadUp{Body: &wire.UploadUp_Hello{Hello: h}}
}

func batchOf(number uint64, k LaneKey, first, n int) *wire.UploadUp {
	b := &wire.Batch{Number: number, Origin: string(k.Origin), Epoch: k.Epoch, Class: k.Class, FirstSeq: uint64(first)}
	for i := range n {
		r := record(k.Origin, k.Class, first-1+i, 20)
		r.Class, r.Ingest = 0, 7
		b.Records = append(b.Records, r)
	}
	return &wire.UploadUp{Body: &wire.UploadUp_Batch{Batch: b}}
}

func exchange(t *testing.T, c *wire.Conn, up *wire.UploadUp) *wire.UploadDown {
	t.Helper()
	if err := c.Write(up); err != nil {
		t.Fatal(err)
	}
	var down wire.UploadDown
	if err := c.Read(&down); err != nil {
		t.Fatal(err)
	}
	return &down
}

func TestServerAnswers(t *testing.T) {
	s := newTier(t, city, small)
	low := newTier(t, county, small)
	k := laneFor(county, wire.ClassAlert)
	c, _, _ := talk(t, s, low.peer())
	marks := exchange(t, c, hello(wire.ClassAlert, k, laneFor(county2, wire.ClassAlert))).GetMarks().GetMarks()
	if len(marks) != 2 || marks[0].Seq != 0 {
		t.Fatalf("marks %v", marks)
	}
	number := uint64(0)
	f := func(k LaneKey, first, n int, code wire.Code, next uint64) {
		t.Helper()
		number++
		r := exchange(t, c, batchOf(number, k, first, n)).GetReceipts().GetReceipts()
		if len(r) != 1 || r[0].Number != number || r[0].Code != code || r[0].NextSeq != next {
			t.Errorf("batch of %d from %d: %v, want %s next %d", n, first, r, code, next)
		}
	}
	f(k, 5, 2, wire.CodeGap, 1)
	f(k, 1, 4, wire.CodeOK, 5)
	f(k, 1, 4, wire.CodeDuplicate, 5)
	f(k, 3, 4, wire.CodeOK, 7)
	f(k, 9, 1, wire.CodeGap, 7)
	f(laneFor(county2, wire.ClassAlert), 1, 1, wire.CodeOutOfScope, 1) // a sister's records
	f(laneFor(city, wire.ClassAlert), 1, 1, wire.CodeOutOfScope, 1)    // our own
	f(k, 7, 1, wire.CodeOK, 8)
	s.check(k, 7)
	if st := s.server.Stats(); st.Gaps != 2 || st.Duplicate != 1 || st.Refused != 2 {
		t.Errorf("counted %+v", st)
	}
}

func TestServerRefuses(t *testing.T) {
	low := identity.Peer{Site: county, Node: "n1", Role: identity.RoleNode}
	k := laneFor(county, wire.ClassAlert)
	f := func(name string, peer identity.Peer, code wire.Code, text string, send func(c *wire.Conn, raw net.Conn)) {
		t.Helper()
		s := newTier(t, city, small)
		c, raw, done := talk(t, s, peer)
		go send(c, raw)
		for {
			var down wire.UploadDown
			if err := c.Read(&down); err != nil {
				t.Errorf("%s: the session ended without a word: %v", name, err)
				break
			}
			if end := down.GetEnd(); end != nil {
				if end.Code != code || !strings.Contains(end.Text, text) {
					t.Errorf("%s: ended with %s %q, want %s %q", name, end.Code, end.Text, code, text)
				}
				break
			}
		}
		if err := <-done; err == nil {
			t.Errorf("%s: Serve returned nil", name)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	greet := func(c *wire.Conn, _ net.Conn) { must(c.Write(hello(wire.ClassAlert, k))) }
	f("guest", identity.Peer{Site: county, Role: identity.RoleGuest}, wire.CodeForbidden, "440106", func(*wire.Conn, net.Conn) {})
	f("own site", identity.Peer{Site: city, Role: identity.RoleNode}, wire.CodeForbidden, "", func(*wire.Conn, net.Conn) {})
	f("parent", identity.Peer{Site: province, Role: identity.RoleNode}, wire.CodeForbidden, "", func(*wire.Conn, net.Conn) {})
	f("batch first", low, wire.CodeMalformed, "hello", func(c *wire.Conn, _ net.Conn) { must(c.Write(batchOf(1, k, 1, 1))) })
	f("no version", low, wire.CodeMalformed, "version", func(c *wire.Conn, _ net.Conn) {
		h := hello(wire.ClassAlert, k)
		h.GetHello().Version = 0
		must(c.Write(h))
	})
	f("number", low, wire.CodeMalformed, "batch.number", func(c *wire.Conn, raw net.Conn) {
		greet(c, raw)
		must(c.Write(batchOf(2, k, 1, 1)))
	})
	f("class", low, wire.CodeMalformed, "batch.class", func(c *wire.Conn, raw net.Conn) {
		greet(c, raw)
		must(c.Write(batchOf(1, laneFor(county, wire.ClassAudit), 1, 1)))
	})
	f("record id", low, wire.CodeMalformed, "batch.records[1].id", func(c *wire.Conn, raw net.Conn) {
		greet(c, raw)
		b := batchOf(1, k, 1, 2)
		b.GetBatch().Records[1].Id = []byte{1}
		must(c.Write(b))
	})
	f("origin", low, wire.CodeMalformed, "hello.lanes[0].origin", func(c *wire.Conn, _ net.Conn) {
		must(c.Write(hello(wire.ClassAlert, laneFor("44x100", wire.ClassAlert))))
	})
	f("garbage", low, wire.CodeMalformed, "decode", func(_ *wire.Conn, raw net.Conn) {
		_, err := raw.Write([]byte{3, 0xff, 0xff, 0xff})
		must(err)
	})
	f("length", low, wire.CodeTooLarge, "frame of", func(_ *wire.Conn, raw net.Conn) {
		_, err := raw.Write([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
		must(err)
	})
}

// A parent that answers nonsense ends the session; the child tries again and is unharmed.
func TestClientDistrusts(t *testing.T) {
	low := newTier(t, county, small)
	top := newTier(t, city, small)
	low.under(top)
	k := laneFor(county, wire.ClassAlert)
	answers := make(chan *wire.UploadDown, 8)
	for _, d := range []*wire.UploadDown{
		{Body: &wire.UploadDown_Receipts{Receipts: &wire.UploadReceipts{Receipts: []*wire.Receipt{{Number: 9, Code: wire.CodeOK, NextSeq: 1 << 60}}}}},
		{Body: &wire.UploadDown_Marks{Marks: &wire.UploadMarks{Version: 1, Marks: []*wire.Mark{{Origin: string(city), Epoch: 1}}}}},
		{Body: &wire.UploadDown_End{End: &wire.Status{Code: wire.CodeBusy, Text: "not now"}}},
	} {
		answers <- d
	}
	low.link.SetServe(func(ctx context.Context, conn net.Conn) error {
		select {
		case d := <-answers:
			c := wire.NewConn(conn)
			for range 2 { // the greeting and the lanes
				var up wire.UploadUp
				if err := c.Read(&up); err != nil {
					return err
				}
			}
			return c.Write(d)
		default:
			return top.server.Serve(ctx, conn, low.peer())
		}
	})
	low.produce(wire.ClassAlert, 0, 5, 20)
	low.start()
	top.await(k, 5)
	top.check(k, 5)
	if f := low.client.Stats().Failures; f != 3 {
		t.Errorf("%d sessions failed, want 3", f)
	}
}
