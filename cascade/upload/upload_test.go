package upload

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

var small = cascadetest.Options{}

func TestThreeTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, mid := newTier(t, province, small), newTier(t, city, small)
		low, low2 := newTier(t, county, small), newTier(t, county2, small)
		mid.under(top)
		low.under(mid)
		low2.under(mid)
		low.produce(wire.ClassAlert, 0, 700, 100) // a backlog before the first session
		for _, s := range []*tier{mid, low, low2} {
			s.start()
		}
		low.produce(wire.ClassIncident, 0, 3, 100)
		for i := range 20 {
			low.produce(wire.ClassAlert, 700+i*10, 10, 100)
			low2.produce(wire.ClassAlert, i*10, 10, 100)
			mid.produce(wire.ClassAlertLog, i, 1, 100)
		}
		for k, n := range map[LaneKey]int{
			laneFor(county, wire.ClassAlert): 900, laneFor(county, wire.ClassIncident): 3,
			laneFor(county2, wire.ClassAlert): 200, laneFor(city, wire.ClassAlertLog): 20,
		} {
			top.await(k, uint64(n))
			for _, s := range []*tier{top, mid} {
				s.check(k, n)
			}
			mid.awaitDelivered(k, uint64(n))
		}
		low.awaitDelivered(laneFor(county, wire.ClassAlert), 900)
		if l := low.lane(laneFor(county, wire.ClassAlert)); l.Pending() != 0 || l.High != l.Delivered+l.Shed {
			t.Errorf("produced = delivered + shed + pending does not hold: %+v", l)
		}
	})
}

// Latency is fake time here: it shows that nothing lingers or polls on the way up.
func TestNothingLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, mid, low := newTier(t, province, small), newTier(t, city, small), newTier(t, county, small)
		mid.under(top).start()
		low.under(mid).start()
		k := laneFor(county, wire.ClassAlert)
		low.produce(wire.ClassAlert, 0, 1, 100)
		top.await(k, 1)
		low.awaitDelivered(k, 1)
		start := time.Now()
		low.produce(wire.ClassAlert, 1, 1, 100)
		top.await(k, 2)
		if took := time.Since(start); took != 0 {
			t.Errorf("a record waited %s on its way over two hops", took)
		}
	})
}

func TestCutAtEveryPlace(t *testing.T) {
	// Places: inside the length, the hello, between frames, inside a batch header, inside a
	// payload; and the same for what comes down. Every stream breaks there until one does not.
	broken := false
	run := func(t *testing.T, up, down int64) {
		synctest.Test(t, func(t *testing.T) {
			top, low := newTier(t, city, small), newTier(t, county, small)
			low.under(top)
			low.produce(wire.ClassAlert, 0, 300, 50)
			low.link.Bound(up, down)
			low.start()
			<-time.After(10 * time.Second) // fake: enough for several sessions to break
			low.link.Bound(-1, -1)
			k := laneFor(county, wire.ClassAlert)
			low.produce(wire.ClassAlert, 300, 50, 50)
			low.awaitDelivered(k, 350)
			top.check(k, 350)
			broken = broken || low.link.Opened() > 2
		})
	}
	for _, up := range []int64{0, 1, 2, 5, 9, 10, 11, 12, 15, 20, 30, 31, 32, 33, 40, 60, 100, 150, 1000, 10_000, 20_000, 23_000} {
		run(t, up, -1)
	}
	for _, down := range []int64{0, 1, 2, 5, 10, 15, 20, 21, 22, 23, 24, 25, 26, 27, 28} {
		run(t, -1, down)
	}
	if !broken {
		t.Error("no session ever broke: the test does not test")
	}
}

func TestParentLedgerDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, low := newTier(t, city, small), newTier(t, county, small)
		low.under(top).start()
		k := laneFor(county, wire.ClassAlert)
		low.produce(wire.ClassAlert, 0, 10, 50)
		top.await(k, 10)
		top.ledger.SetDown(true)
		low.produce(wire.ClassAlert, 10, 10, 50)
		<-time.After(time.Minute)
		if high := top.lane(k).High; high != 10 {
			t.Fatalf("committed %d while there was no quorum", high)
		}
		if n := low.link.Opened(); n > 60 {
			t.Errorf("the parent without quorum was asked %d times in a minute", n)
		}
		top.ledger.SetDown(false)
		low.awaitDelivered(k, 20)
		top.check(k, 20)
	})
}

func TestTwoClientsAndTwoServers(t *testing.T) {
	// A site whose old leader does not know it yet, and a parent with two nodes: sessions
	// cross each other; each record still arrives once and in order.
	synctest.Test(t, func(t *testing.T) {
		top, low := newTier(t, city, small), newTier(t, county, small)
		low.under(top)
		other := top.newServer(nil)
		var turn atomic.Int64
		low.link.SetServe(func(ctx context.Context, conn net.Conn) error {
			if turn.Add(1)%2 == 0 {
				return other.Serve(ctx, conn, low.peer())
			}
			return top.server.Serve(ctx, conn, low.peer())
		})
		low.start()
		second := low.newClient()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := second.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for i := range 30 {
			low.produce(wire.ClassAlert, i*20, 20, 50)
			if i%7 == 0 {
				low.link.Drop()
				<-time.After(time.Second)
			}
		}
		k := laneFor(county, wire.ClassAlert)
		low.awaitDelivered(k, 600)
		top.check(k, 600)
		cancel()
		wg.Wait()
		if top.server.Stats().Duplicate+other.Stats().Duplicate == 0 {
			t.Error("no batch was recognised as sent twice: the test does not test")
		}
	})
}

func TestFrozenPeersDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newTier(t, city, small)
		low, low2 := newTier(t, county, small), newTier(t, county2, small)
		low.under(top)
		low2.under(top)
		// One child freezes in the middle of a frame, with its batches unanswered.
		frozen, served := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { _ = top.server.Serve(t.Context(), served, low2.peer()) })
		if _, err := frozen.Write([]byte{200}); err != nil {
			t.Fatal(err)
		}
		// One class of the other child meets a parent that does not read.
		low.link.Freeze(true)
		low.produce(wire.ClassIncident, 0, 1, 50)
		low.start()
		for low.link.Opened() < 1 {
			<-time.After(time.Millisecond)
		}
		low.link.Freeze(false)
		start := time.Now()
		low.produce(wire.ClassAlert, 0, 100, 50)
		low2.produce(wire.ClassAlert, 0, 100, 50)
		low2.start()
		top.await(laneFor(county, wire.ClassAlert), 100)
		top.await(laneFor(county2, wire.ClassAlert), 100)
		if took := time.Since(start); took != 0 {
			t.Errorf("a frozen lane and a frozen child delayed the others by %s", took)
		}
		top.await(laneFor(county, wire.ClassIncident), 1) // the frozen lane finds its way too
		if took := time.Since(start); took > 2*wire.WriteTimeout {
			t.Errorf("the frozen lane took %s", took)
		}
		_ = frozen.Close()
		wg.Wait()
	})
}

func TestRelayKeepsWhatItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, mid, low := newTier(t, province, small), newTier(t, city, small), newTier(t, county, small)
		mid.under(top).start()
		low.under(mid).start()
		const newer = wire.Class(77)
		low.produce(newer, 0, 5, 50)
		top.await(laneFor(county, newer), 5)
		top.check(laneFor(county, newer), 5)
	})
}

func TestNewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, low := newTier(t, city, small), newTier(t, county, small)
		low.under(top).start()
		low.produce(wire.ClassAlert, 0, 10, 50)
		if _, err := low.ledger.Propose(t.Context(), KindEpoch, [16]byte{}, EpochBody(county, 2)); err != nil {
			t.Fatal(err)
		}
		p := low.produce(wire.ClassAlert, 10, 1, 50)
		if p[0].Epoch != 2 || p[0].Seq != 1 {
			t.Errorf("first record of the new epoch is at %+v", p[0])
		}
		if again := low.produce(wire.ClassAlert, 9, 1, 50); again[0].Epoch != 1 || again[0].Seq != 10 {
			t.Errorf("a record of the old epoch, appended again, is at %+v", again[0])
		}
		top.await(LaneKey{county, 2, wire.ClassAlert}, 1)
		top.await(LaneKey{county, 1, wire.ClassAlert}, 10)
	})
}

func TestRestoredSiteIsHalted(t *testing.T) {
	// The parent holds more of the site's own lane than the site: sequences would be used twice.
	synctest.Test(t, func(t *testing.T) {
		top, low := newTier(t, city, small), newTier(t, county, small)
		low.under(top).start()
		low.produce(wire.ClassAlert, 0, 10, 50)
		k := laneFor(county, wire.ClassAlert)
		top.await(k, 10)
		restored := newTier(t, county, small).under(top)
		restored.produce(wire.ClassAlert, 0, 5, 50)
		restored.start()
		for restored.client.Stats().Halted == 0 {
			<-time.After(time.Second)
		}
		restored.produce(wire.ClassAlert, 100, 10, 50)
		<-time.After(10 * time.Second)
		top.check(k, 10)
	})
}

func TestParentThatLostRecordsGetsThemAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, low := newTier(t, city, small), newTier(t, county, small)
		low.under(top).start()
		k := laneFor(county, wire.ClassAlert)
		low.produce(wire.ClassAlert, 0, 300, 50)
		low.awaitDelivered(k, 300)
		empty := newTier(t, city, small)
		low.link.SetServe(func(ctx context.Context, conn net.Conn) error { return empty.server.Serve(ctx, conn, low.peer()) })
		low.link.Drop()
		empty.await(k, 300)
		empty.check(k, 300)
	})
}

func TestRevokedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top, low := newTier(t, city, small), newTier(t, county, small)
		var revoked atomic.Bool
		top.server = top.newServer(func(identity.Peer) error {
			if revoked.Load() {
				return wire.Refuse(wire.CodeRevoked, "registration revoked")
			}
			return nil
		})
		low.under(top).start()
		low.produce(wire.ClassAlert, 0, 10, 50)
		k := laneFor(county, wire.ClassAlert)
		top.await(k, 10)
		revoked.Store(true)
		low.produce(wire.ClassAlert, 10, 10, 50)
		<-time.After(10 * time.Second)
		if high := top.lane(k).High; high != 10 {
			t.Errorf("took records up to %d from a revoked child", high)
		}
		if top.server.Stats().Refused == 0 {
			t.Error("the refusal was not counted")
		}
	})
}

func TestNothingInClearAtRest(t *testing.T) {
	low := newTier(t, county, small)
	low.produce(wire.ClassAlert, 0, 10, 50)
	err := low.ledger.View(func(b *bbolt.Bucket) error {
		return b.ForEach(func(_, v []byte) error {
			if bytes.Contains(v, []byte("CLASS_ALERT")) {
				return errors.New("a payload lies in clear")
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}
