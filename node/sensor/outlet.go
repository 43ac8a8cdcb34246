package sensor

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fengsui/analyze/alert"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
	"fengsui/node/exchange"
	"fengsui/node/intake"
)

// outlet is where the alerts of one source or replay go: through a fold into the intake.
type outlet struct {
	site identity.Site
	node string
	in   *intake.Intake
	job  *intake.Job // nil: live
	ctx  context.Context
	log  *slog.Logger

	raised  atomic.Uint64
	emitted atomic.Uint64
	total   *totals

	mu   sync.Mutex // guards fold: workers of one source share it
	fold *alert.Fold
}

// totals count over all sources and replays since the start.
type totals struct{ raised, emitted atomic.Uint64 }

func newOutlet(ctx context.Context, s *Sensor, job *intake.Job) *outlet {
	o := &outlet{site: s.cfg.Site, node: s.cfg.Node, in: s.cfg.Intake, job: job, ctx: ctx, log: s.cfg.Logger, total: &s.total}
	o.fold = alert.NewFold(s.cfg.FoldWindow, o.emit)
	return o
}

// raise takes an alert from a worker.
func (o *outlet) raise(a *alert.Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raised.Add(1)
	o.total.raised.Add(1)
	o.fold.Add(a)
}

// advance closes windows while nothing arrives.
func (o *outlet) advance(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fold.Advance(now)
}

// flush closes every window; the source has ended.
func (o *outlet) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fold.Flush()
}

// emit hands a folded alert on; called with mu held.
func (o *outlet) emit(a *alert.Alert) {
	r, err := exchange.AlertRecord(a, o.site, o.node, time.Now())
	if err != nil {
		o.log.Error("an alert could not be encoded", "sid", a.SID, "error", err)
		return
	}
	o.emitted.Add(1)
	o.total.emitted.Add(1)
	o.put(r)
}

func (o *outlet) put(r *wire.Record) {
	if o.job != nil && o.in.Put(o.ctx, r, o.job) == nil {
		return
	}
	// Live, or the job is being cancelled: what is found on the way out is still kept if there is room.
	o.in.Offer(r)
}
