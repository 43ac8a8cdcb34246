package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
)

// ledger takes records, once each by id, and can be told to fail.
type ledger struct {
	mu    sync.Mutex
	fail  error
	late  bool // commits, but answers with the error
	seen  map[string]int
	calls int
}

var errPermanent = errors.New("never")

func (l *ledger) append(ctx context.Context, rs []*wire.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(l.fail, errPermanent) {
		for _, r := range rs {
			if r.Type == "bad" {
				return l.fail
			}
		}
	} else if l.fail != nil && !l.late {
		return l.fail
	}
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	for _, r := range rs {
		l.seen[string(r.Id)] = 1
	}
	if l.late {
		return l.fail
	}
	return nil
}

func (l *ledger) set(err error, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail, l.late = err, late
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func record(n int) *wire.Record {
	return &wire.Record{Id: []byte(fmt.Sprintf("%016d", n)), Class: wire.ClassAlert, Type: "alert", Payload: []byte("ET MALWARE canary")}
}

func sealer(t *testing.T) *gmcrypto.Sealer {
	t.Helper()
	s, err := gmcrypto.NewSealer(make([]byte, gmcrypto.DataKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, l *ledger, queue int, sp *Spool) *Intake {
	t.Helper()
	in, err := New(Config{Append: l.append, Permanent: func(err error) bool { return errors.Is(err, errPermanent) }, Queue: queue, Spool: sp})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestRecordsAreRetriedUntilTheLedgerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		l.set(errors.New("unknown outcome"), true)
		in := open(t, l, 0, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx) }()
		job := &Job{}
		for n := range 100 {
			if err := in.Put(ctx, record(n), job); err != nil {
				t.Error(err)
			}
		}
		time.AfterFunc(5*time.Second, func() { l.set(nil, false) })
		if err := job.Wait(ctx); err != nil {
			t.Error(err)
		}
		put, committed := job.Counts()
		if put != 100 || committed != 100 || l.count() != 100 || in.Stats().Committed != 100 {
			t.Errorf("put %d, committed %d, in the ledger %d", put, committed, l.count())
		}
		if l.calls > 100 {
			t.Errorf("%d proposals", l.calls)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := in.Put(t.Context(), record(1), job); !errors.Is(err, ErrStopped) {
			t.Errorf("put after stop: %v", err)
		}
		if in.Offer(record(1)) {
			t.Error("offered after stop")
		}
	})
}

func TestLiveIsShedAndJobsWait(t *testing.T) {
	in := open(t, &ledger{}, 2, nil)
	if !in.Offer(record(1)) || !in.Offer(record(2)) || in.Offer(record(3)) {
		t.Error("queue of two did not take two")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.Put(ctx, record(4), &Job{}); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if s := in.Stats(); s.Shed != 1 || s.Queued != 2 {
		t.Errorf("%+v", s)
	}
}

func TestOneRefusedRecordDoesNotTakeOthersAlong(t *testing.T) {
	l := &ledger{}
	l.set(errPermanent, false)
	in := open(t, l, 0, nil)
	job := &Job{}
	for n := range 5 {
		r := record(n)
		if n == 3 {
			r.Type = "bad"
		}
		if err := in.Put(t.Context(), r, job); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	if err := job.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if _, committed := job.Counts(); committed != 4 || in.Stats().Refused != 1 {
		t.Errorf("committed %d, %+v", committed, in.Stats())
	}
}

func TestWithoutQuorumRecordsGoToDiskAndComeBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sp, err := OpenSpool(dir, 0, sealer(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		l := &ledger{}
		l.set(errors.New("no quorum"), false)
		in := open(t, l, 8, sp)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx) }()
		for n := range 200 {
			for !in.Offer(record(n)) {
				<-time.After(100 * time.Millisecond) // synctest's clock
			}
		}
		<-time.After(10 * time.Second)
		if s := in.Stats(); s.Spooled == 0 || !s.Waiting || l.count() != 0 {
			t.Errorf("%+v", s)
		}
		cancel() // the node stops: the rest goes to disk too
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := in.Stats(); s.Spooled != 200 || s.Queued != 0 {
			t.Errorf("after stop: %+v", s)
		}
		if err := sp.Close(); err != nil {
			t.Error(err)
		}

		again, err := OpenSpool(dir, 0, sealer(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := again.Count(); n != 200 {
			t.Errorf("reopened with %d", n)
		}
		in = open(t, l, 8, again)
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- in.Run(ctx) }()
		<-time.After(10 * time.Second)
		l.set(nil, false)
		<-time.After(10 * time.Second)
		if s := in.Stats(); l.count() != 200 || s.Spooled != 0 {
			t.Errorf("in the ledger %d, %+v", l.count(), s)
		}
		cancel()
		<-done
	})
	left, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(left) != 0 {
		t.Errorf("segments left: %v", left)
	}
}

func TestSpoolLimitsAndDamage(t *testing.T) {
	dir := t.TempDir()
	sp, err := OpenSpool(dir, 4000, sealer(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []*wire.Record
	for n := range 100 {
		all = append(all, record(n))
	}
	n, err := sp.Write(all)
	if !errors.Is(err, ErrSpoolFull) || n == 0 || n == 100 {
		t.Fatalf("took %d: %v", n, err)
	}
	if err := sp.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "00000001.seg")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains([]bool{contains(whole, "canary"), contains(whole, "alert")}, true) {
		t.Error("the spool shows a record in clear")
	}
	drain := func() (got int, err error) {
		s, err := OpenSpool(dir, 0, sealer(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Drain(t.Context(), func(rs []*wire.Record) error { got += len(rs); return nil })
		_, damaged := s.Count()
		if err == nil && damaged > 0 {
			err = errDamaged
		}
		return got, err
	}
	// cut at every byte: never an error, always a prefix
	for cut := 0; cut < 400; cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := drain(); err != nil || got > cut/60 {
			t.Fatalf("cut at %d: %d records, %v", cut, got, err)
		}
	}
	bad := slices.Clone(whole)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := drain()
	if !errors.Is(err, errDamaged) || got == 0 || got >= n {
		t.Errorf("damaged: %d of %d records, %v", got, n, err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "quarantine", "*.seg")); len(kept) != 1 {
		t.Errorf("quarantine holds %v", kept)
	}
}

func contains(b []byte, s string) bool {
	for i := range b {
		if i+len(s) <= len(b) && string(b[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	s, err := gmcrypto.NewSealer(make([]byte, gmcrypto.DataKeySize))
	if err != nil {
		f.Fatal(err)
	}
	sp, err := OpenSpool(dir, 0, s, nil)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := sp.Write([]*wire.Record{record(1), record(2)}); err != nil {
		f.Fatal(err)
	}
	if err := sp.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "00000001.seg"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000007.seg"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		sp, err := OpenSpool(dir, 0, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sp.Drain(t.Context(), func([]*wire.Record) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if !sp.Empty() {
			t.Fatal("something is left")
		}
	})
}
