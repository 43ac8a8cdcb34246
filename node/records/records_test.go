package records

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/upload"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/exchange"
)

// site is one ledger of the upload table, without Raft.
type site struct {
	db     *bbolt.DB
	sealer *gmcrypto.Sealer
	clock  time.Time

	mu      sync.Mutex
	changed chan struct{}
}

func newSite(t testing.TB) *site {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "state.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, err := gmcrypto.NewSealer(make([]byte, gmcrypto.DataKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return &site{db: db, sealer: s, clock: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), changed: make(chan struct{})}
}

func (s *site) View(f func(*bbolt.Bucket) error) error {
	return s.db.View(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte("upload"))) })
}

func (s *site) Watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *site) Propose(_ context.Context, kind uint16, id [16]byte, body []byte) (value []byte, err error) {
	s.mu.Lock()
	s.clock = s.clock.Add(time.Second)
	at := s.clock
	s.mu.Unlock()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("upload"))
		if err != nil {
			return err
		}
		value, err = upload.NewTable().Apply(b, kind, 1, at, id, body)
		value = slices.Clone(value)
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return value, err
}

// add appends alerts of the given sid to the site's own lane.
func (s *site) add(t testing.TB, origin identity.Site, ids ...int) {
	t.Helper()
	w, err := upload.NewWriter(upload.WriterConfig{Origin: origin, Proposer: s, Sealer: s.sealer})
	if err != nil {
		t.Fatal(err)
	}
	var rs []*wire.Record
	for _, n := range ids {
		id := []byte(fmt.Sprintf("%016d", n))
		at := time.Date(2026, 11, 20, 0, 0, n, 0, time.UTC).UnixNano()
		payload, err := exchange.EncodeAlert(&wire.Alert{
			Id: id, Timestamp: at, Detected: at, Detector: "signature", SignatureId: uint64(n), Signature: fmt.Sprintf("rule %d", n), Severity: uint32(1 + n%3),
			Proto: "TCP", SrcIp: []byte{10, 0, 0, byte(n)}, DestIp: []byte{192, 168, 0, 1}, DestPort: 80, Node: "n1", Count: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, &wire.Record{Id: id, Class: wire.ClassAlert, Type: exchange.TypeAlert, At: at, Payload: payload})
	}
	if _, err := w.Append(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
}

func reader(t testing.TB, s *site) *Reader {
	t.Helper()
	r, err := New(Config{Site: "440106", Ledger: s, Sealer: s.sealer})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sids(as []api.Alert) []int {
	var out []int
	for _, a := range as {
		out = append(out, int(a.SID))
	}
	return out
}

func count(from, to int) []int {
	var out []int
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func TestPagesCoverEverythingOnce(t *testing.T) {
	s := newSite(t)
	for n := 1; n <= 50; n += 5 {
		s.add(t, "440106", count(n, n+4)...)
	}
	r := reader(t, s)
	var all []int
	f := api.AlertFilter{Limit: 7}
	for {
		p, err := r.Alerts(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sids(p.Alerts)...)
		if p.Next == "" {
			break
		}
		f.After = p.Next
	}
	if !slices.Equal(all, count(1, 50)) {
		t.Fatalf("got %v", all)
	}
	p, err := r.Alerts(t.Context(), api.AlertFilter{Limit: 100, Expr: "severity=1 and sid>40"})
	if err != nil || !slices.Equal(sids(p.Alerts), []int{42, 45, 48}) || p.Next != "" {
		t.Fatalf("filtered: %v, %v", sids(p.Alerts), err)
	}
	a := p.Alerts[0]
	if a.SrcIP != "10.0.0.42" || a.DestPort != 80 || a.Msg != "rule 42" || a.Origin != "440106" || a.Sensor != "n1" || a.Class != "alert" || a.Seq != 42 || a.Epoch != 1 {
		t.Fatalf("fields: %+v", a)
	}
	p, err = r.Alerts(t.Context(), api.AlertFilter{Limit: 100, After: a.Position})
	if err != nil || !slices.Equal(sids(p.Alerts), count(43, 50)) {
		t.Fatalf("after 42: %v, %v", sids(p.Alerts), err)
	}
	p, err = r.Alerts(t.Context(), api.AlertFilter{Limit: 3, Newest: true})
	if err != nil || !slices.Equal(sids(p.Alerts), []int{50, 49, 48}) {
		t.Fatalf("newest: %v, %v", sids(p.Alerts), err)
	}
	p, err = r.Alerts(t.Context(), api.AlertFilter{Limit: 9, Since: time.Date(2026, 11, 20, 0, 0, 10, 0, time.UTC), Until: time.Date(2026, 11, 20, 0, 0, 12, 0, time.UTC)})
	if err != nil || !slices.Equal(sids(p.Alerts), []int{10, 11}) {
		t.Fatalf("by time: %v, %v", sids(p.Alerts), err)
	}
	p, err = r.Alerts(t.Context(), api.AlertFilter{Limit: 9, Origin: "440111"})
	if err != nil || len(p.Alerts) != 0 {
		t.Fatalf("other origin: %v, %v", sids(p.Alerts), err)
	}
	ids, err := r.AlertIDs(t.Context(), api.AlertFilter{Limit: 30})
	if err != nil || len(ids.IDs) != 30 || ids.Next == "" {
		t.Fatalf("ids: %d, %v", len(ids.IDs), err)
	}
	ids, err = r.AlertIDs(t.Context(), api.AlertFilter{Limit: 30, After: ids.Next, Expr: "rule"})
	if err != nil || len(ids.IDs) != 20 || ids.Next != "" || ids.IDs[19].Seq != 50 {
		t.Fatalf("ids, second page: %d, %v", len(ids.IDs), err)
	}
}

func TestClocksMayStep(t *testing.T) {
	s := newSite(t)
	s.add(t, "440106", 1, 2)
	s.clock = s.clock.Add(-time.Hour)
	s.add(t, "440106", 3)
	s.clock = s.clock.Add(2 * time.Hour)
	s.add(t, "440106", 4)
	r := reader(t, s)
	f := api.AlertFilter{Limit: 1}
	for n := 1; n <= 4; n++ {
		p, err := r.Alerts(t.Context(), f)
		if err != nil || !slices.Equal(sids(p.Alerts), []int{n}) {
			t.Fatalf("alert %d: %v, %v", n, sids(p.Alerts), err)
		}
		f.After = p.Next
	}
}

func TestTailWakesAndResumes(t *testing.T) {
	s := newSite(t)
	s.add(t, "440106", 1, 2)
	r := reader(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan api.Alert, 16)
	ready := make(chan struct{}, 1)
	done := make(chan error, 1)
	run := func(req api.TailRequest) {
		first := true
		done <- r.Tail(ctx, req, func(as []api.Alert) error {
			if first {
				first = false
				ready <- struct{}{}
			}
			for _, a := range as {
				got <- a
			}
			return nil
		})
	}
	go run(api.TailRequest{})
	<-ready
	s.add(t, "440106", 3, 4)
	a := <-got
	if b := <-got; a.SID != 3 || b.SID != 4 {
		t.Fatalf("live: %d, %d", a.SID, b.SID)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go run(api.TailRequest{After: a.Position, Expr: "sid!=5"})
	<-ready
	s.add(t, "440106", 5, 6)
	if x, y := <-got, <-got; x.SID != 4 || y.SID != 6 {
		t.Fatalf("resumed: %d, %d", x.SID, y.SID)
	}
	cancel()
	<-done
	ctx, cancel = context.WithCancel(t.Context())
	go run(api.TailRequest{After: api.TailStart})
	<-ready
	for n := uint32(1); n <= 6; n++ {
		if x := <-got; x.SID != n {
			t.Fatalf("from the start: %d, want %d", x.SID, n)
		}
	}
	cancel()
	<-done
	stop := errors.New("stop")
	if err := r.Tail(t.Context(), api.TailRequest{}, func([]api.Alert) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("emit's error: %v", err)
	}
}

func TestSearchCountsBeyondTheRowsWanted(t *testing.T) {
	s := newSite(t)
	s.add(t, "440106", count(1, 300)...)
	r := reader(t, s)
	var rows []Found
	n, err := r.Search(t.Context(), "severity=1", func(f Found) bool {
		rows = append(rows, f)
		return len(rows) < 10
	})
	if err != nil || n != 100 || len(rows) != 10 {
		t.Fatalf("matched %d, rows %d: %v", n, len(rows), err)
	}
	a, err := exchange.DecodeAlert(rows[0].Type, rows[0].Payload)
	if err != nil || a.SignatureId != 300 {
		t.Fatalf("newest first: %v, %v", a, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Search(ctx, "", func(Found) bool { return true }); !errors.Is(err, ErrCut) {
		t.Fatalf("cut: %v", err)
	}
	if _, err := r.Search(t.Context(), "sid=", func(Found) bool { return true }); err == nil {
		t.Fatal("a bad expression was accepted")
	}
	b, err := r.Balance(false)
	if err != nil || len(b.Lanes) != 1 || b.Lanes[0].Produced != 300 || b.Lanes[0].Pending != 300 {
		t.Fatalf("balance: %+v, %v", b, err)
	}
	if b, err = r.Balance(true); err != nil || b.Lanes[0].Delivered != 300 || b.Lanes[0].Pending != 0 {
		t.Fatalf("balance of the root: %+v, %v", b, err)
	}
}

func TestEmptyLedger(t *testing.T) {
	r := reader(t, newSite(t))
	if p, err := r.Alerts(t.Context(), api.AlertFilter{Limit: 5}); err != nil || len(p.Alerts) != 0 || p.Next != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err := r.Alerts(t.Context(), api.AlertFilter{Limit: 5, Newest: true}); err != nil || len(p.Alerts) != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if b, err := r.Balance(false); err != nil || len(b.Lanes) != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	for _, bad := range []string{"!", "AA", "AQU", "AQYxMjM0NQ"} {
		if _, err := r.Alerts(t.Context(), api.AlertFilter{Limit: 5, After: bad}); api.CodeOf(err) != api.CodeBadRequest {
			t.Errorf("position %q: %v", bad, err)
		}
	}
	if _, err := r.Alerts(t.Context(), api.AlertFilter{Expr: "x=", Limit: 1}); api.CodeOf(err) != api.CodeBadRequest {
		t.Errorf("expression: %v", err)
	}
	if _, err := r.Alerts(t.Context(), api.AlertFilter{Origin: "x", Limit: 1}); api.CodeOf(err) != api.CodeBadRequest {
		t.Errorf("origin: %v", err)
	}
}

func FuzzPosition(f *testing.F) {
	f.Add(encodePosition(upload.Cursor{{Origin: "440106", Epoch: 1, Class: 1}: 7, {Origin: "44010604", Epoch: 300, Class: 2}: 1 << 40}))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := decodePosition(s)
		if err != nil {
			return
		}
		again, err := decodePosition(encodePosition(c))
		if err != nil || len(again) != len(c) {
			t.Fatalf("%v does not survive: %v", c, err)
		}
	})
}

func BenchmarkIDs(b *testing.B) {
	s := newSite(b)
	for n := range 20 {
		s.add(b, "440106", count(n*500+1, n*500+500)...)
	}
	r := reader(b, s)
	for b.Loop() {
		p, err := r.AlertIDs(b.Context(), api.AlertFilter{Limit: 50_000})
		if err != nil || len(p.IDs) != 10_000 {
			b.Fatal(len(p.IDs), err)
		}
	}
}
