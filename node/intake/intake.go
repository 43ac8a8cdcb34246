package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fengsui/cascade/wire"
)

// Limits and times.
const (
	QueueDefault = 8192 // records waiting in memory
	batchMax     = 1024 // records of one proposal
	batchBytes   = 640 << 10
	retryFirst   = 50 * time.Millisecond
	retryMost    = time.Second
	spoolAfter   = 2 * time.Second // a proposal without an answer for so long moves waiting live records to disk
	spoolEvery   = 500 * time.Millisecond
)

// ErrStopped is returned by Put once Run has ended.
var ErrStopped = errors.New("the node is stopping and takes no further records")

// Config is what an Intake needs.
type Config struct {
	// Append commits records; it may be called again with the same records after any error. Errors for which Permanent is true mean the
	// records will never be accepted.
	Append    func(ctx context.Context, records []*wire.Record) error
	Permanent func(error) bool
	Queue     int    // 0 = QueueDefault
	Spool     *Spool // nil = none: live records are shed when the queue is full
	Logger    *slog.Logger
}

// Job counts what became of the records that were put for one piece of work, and lets it wait for them.
type Job struct {
	mu      sync.Mutex
	put     uint64
	settled uint64
	done    uint64
	idle    chan struct{} // closed when nothing is outstanding; nil while nobody waits
}

func (j *Job) add() {
	j.mu.Lock()
	j.put++
	j.mu.Unlock()
}

func (j *Job) settle(committed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled++
	if committed {
		j.done++
	}
	if j.settled == j.put && j.idle != nil {
		close(j.idle)
		j.idle = nil
	}
}

// Counts returns how many records were put and how many of them are committed.
func (j *Job) Counts() (put, committed uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.put, j.done
}

// Wait returns when everything put so far is committed, spooled or refused, or ctx ends.
func (j *Job) Wait(ctx context.Context) error {
	j.mu.Lock()
	if j.settled == j.put {
		j.mu.Unlock()
		return nil
	}
	if j.idle == nil {
		j.idle = make(chan struct{})
	}
	idle := j.idle
	j.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type item struct {
	rec *wire.Record
	job *Job // nil for live records
}

// Stats counts since New.
type Stats struct {
	Queued    int    // in memory now
	Spooled   uint64 // on disk now
	Committed uint64
	Shed      uint64 // offered while queue and spool were full
	Refused   uint64 // the ledger will never take them
	Damaged   uint64 // frames of the spool that could not be read
	Waiting   bool   // the present proposal has not been answered for a while
}

// Intake is the way into the ledger.
type Intake struct {
	cfg     Config
	queue   chan item
	gate    sync.RWMutex // held for reading by who adds to the queue, so that Run can wait for the last of them
	stopped chan struct{}
	wake    chan struct{} // the spool may have something to drain

	committed, shed, refused atomic.Uint64
	waiting                  atomic.Bool

	all Job // everything in the queue or under way
}

// New returns an Intake. Nothing is committed before Run.
func New(cfg Config) (*Intake, error) {
	if cfg.Append == nil || cfg.Permanent == nil {
		return nil, errors.New("intake: append and permanent are required")
	}
	if cfg.Queue == 0 {
		cfg.Queue = QueueDefault
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Intake{cfg: cfg, queue: make(chan item, cfg.Queue), stopped: make(chan struct{}), wake: make(chan struct{}, 1)}, nil
}

// Offer takes a live record without ever waiting. It returns false when the record had to be shed.
func (in *Intake) Offer(r *wire.Record) bool {
	in.gate.RLock()
	defer in.gate.RUnlock()
	select {
	case <-in.stopped:
	default:
		in.all.add()
		select {
		case in.queue <- item{rec: r}:
			return true
		default:
			in.all.settle(false)
		}
	}
	in.shed.Add(1)
	return false
}

// Put takes a record of a job and waits while the queue is full.
func (in *Intake) Put(ctx context.Context, r *wire.Record, j *Job) error {
	in.gate.RLock()
	defer in.gate.RUnlock()
	select {
	case <-in.stopped:
		return ErrStopped
	default:
	}
	j.add()
	in.all.add()
	err := ErrStopped
	select {
	case in.queue <- item{r, j}:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-in.stopped:
	}
	j.settle(false)
	in.all.settle(false)
	return err
}

// Drain returns when everything taken so far is in the ledger or on disk, or ctx ends. Without a quorum it does not wait: Run puts the rest on
// disk when its context ends.
func (in *Intake) Drain(ctx context.Context) error {
	if in.waiting.Load() {
		return nil
	}
	return in.all.Wait(ctx)
}

// Stats returns the counters.
func (in *Intake) Stats() Stats {
	s := Stats{
		Queued: len(in.queue), Committed: in.committed.Load(), Shed: in.shed.Load(), Refused: in.refused.Load(), Waiting: in.waiting.Load(),
	}
	if in.cfg.Spool != nil {
		s.Spooled, s.Damaged = in.cfg.Spool.Count()
	}
	return s
}

// Run commits until ctx ends, then moves what has not been committed to the spool and returns nil. What comes back wrong from the spool's disk is
// counted and logged, never fatal.
func (in *Intake) Run(ctx context.Context) error {
	drained := make(chan struct{})
	go func() { // ends with ctx; waited for below
		defer close(drained)
		in.drainSpool(ctx)
	}()
	in.pokeSpool()
	for {
		batch := in.gather(ctx)
		if len(batch) == 0 {
			break
		}
		in.commit(ctx, batch)
	}
	close(in.stopped)
	in.gate.Lock() // nobody adds any more
	defer in.gate.Unlock()
	<-drained
	return in.keep(in.take(nil))
}

// gather waits for one record and takes what else is there. It returns nothing when ctx has ended.
func (in *Intake) gather(ctx context.Context) []item {
	if ctx.Err() != nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case it := <-in.queue:
		return in.take([]item{it})
	}
}

// take adds what is in the queue to batch, up to a proposal's size; with an empty batch it takes everything.
func (in *Intake) take(batch []item) []item {
	all := len(batch) == 0
	size := 0
	for all || len(batch) < batchMax && size < batchBytes {
		select {
		case it := <-in.queue:
			batch = append(batch, it)
			size += len(it.rec.Payload)
		default:
			return batch
		}
	}
	return batch
}

// commit proposes the batch until the ledger answers or ctx ends; meanwhile live records are moved to disk when the wait gets long.
func (in *Intake) commit(ctx context.Context, batch []item) {
	records := make([]*wire.Record, len(batch))
	for i, it := range batch {
		records[i] = it.rec
	}
	since := time.Now()
	relief := in.relieve(ctx, since)
	defer relief()
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := in.cfg.Append(ctx, records)
		if err == nil {
			in.waiting.Store(false)
			in.committed.Add(uint64(len(batch)))
			in.settle(batch, true)
			in.pokeSpool()
			return
		}
		if ctx.Err() != nil {
			if err := in.keep(batch); err != nil {
				in.cfg.Logger.Error("records lost at stop", "records", len(batch), "error", err)
			}
			return
		}
		if in.cfg.Permanent(err) {
			in.refuse(ctx, batch, err)
			return
		}
		if time.Since(since) > spoolAfter && !in.waiting.Swap(true) {
			in.cfg.Logger.Warn("the ledger does not take records", "error", err, "waiting", len(batch)+len(in.queue))
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// refuse finds the records the ledger will never take, one by one, so that they do not take the others with them.
func (in *Intake) refuse(ctx context.Context, batch []item, err error) {
	if len(batch) == 1 {
		in.refused.Add(1)
		in.cfg.Logger.Error("the ledger refused a record for good", "type", batch[0].rec.Type, "error", err)
		in.settle(batch, false)
		return
	}
	for i := range batch {
		in.commit(ctx, batch[i:i+1])
	}
}

func (in *Intake) settle(batch []item, committed bool) {
	for _, it := range batch {
		in.all.settle(committed)
		if it.job != nil {
			it.job.settle(committed)
		}
	}
}

// relieve moves live records from a filling queue to the spool while a proposal hangs. The returned function ends it and waits.
func (in *Intake) relieve(ctx context.Context, since time.Time) func() {
	if in.cfg.Spool == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	timer := time.NewTimer(spoolAfter)
	go func() { // ends with ctx; waited for by the returned function
		defer close(over)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			timer.Reset(spoolEvery)
			in.spoolLive(time.Since(since))
		}
	}()
	return func() {
		cancel()
		<-over
	}
}

// spoolLive moves the live records of the queue to disk and puts the records of jobs back: those have a waiting caller and are not lost with it.
func (in *Intake) spoolLive(waited time.Duration) {
	n := len(in.queue)
	var live, jobs []item
	for range n {
		select {
		case it := <-in.queue:
			if it.job == nil {
				live = append(live, it)
			} else {
				jobs = append(jobs, it)
			}
		default:
		}
	}
	if len(live) > 0 {
		in.cfg.Logger.Info("no quorum: keeping records on disk", "records", len(live), "waited", waited.Round(time.Millisecond))
		if err := in.keep(live); err != nil {
			in.cfg.Logger.Error("records lost", "records", len(live), "error", err)
		}
	}
	for _, it := range jobs {
		select {
		case in.queue <- it:
		default: // a producer took the place: keep it on disk after all
			if err := in.keep([]item{it}); err != nil {
				in.cfg.Logger.Error("record lost", "error", err)
			}
		}
	}
}

// keep writes records to the spool; without one, or with a full one, they are shed and counted.
func (in *Intake) keep(batch []item) error {
	if len(batch) == 0 {
		return nil
	}
	defer in.settle(batch, false)
	if in.cfg.Spool == nil {
		in.shed.Add(uint64(len(batch)))
		return fmt.Errorf("shed %d records: there is no spool", len(batch))
	}
	records := make([]*wire.Record, len(batch))
	for i, it := range batch {
		records[i] = it.rec
	}
	n, err := in.cfg.Spool.Write(records)
	in.shed.Add(uint64(len(batch) - n))
	return err
}

func (in *Intake) pokeSpool() {
	if in.cfg.Spool == nil || in.cfg.Spool.Empty() {
		return
	}
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// drainSpool brings records from disk into the ledger whenever the ledger takes records, until ctx ends.
func (in *Intake) drainSpool(ctx context.Context) {
	if in.cfg.Spool == nil {
		return
	}
	retry := time.NewTimer(0)
	defer retry.Stop()
	wait := retryFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.wake:
		case <-retry.C:
		}
		n, err := in.cfg.Spool.Drain(ctx, func(records []*wire.Record) error {
			err := in.cfg.Append(ctx, records)
			if err != nil && in.cfg.Permanent(err) {
				in.refused.Add(uint64(len(records)))
				in.cfg.Logger.Error("the ledger refused spooled records for good", "records", len(records), "error", err)
				return nil
			}
			return err
		})
		in.committed.Add(uint64(n))
		switch {
		case n > 0 && err == nil:
			in.cfg.Logger.Info("records kept on disk are in the ledger now", "records", n)
			wait = retryFirst
		case err != nil && ctx.Err() == nil:
			wait = min(2*wait, retryMost)
			retry.Reset(wait)
		}
	}
}
