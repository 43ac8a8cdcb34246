package spread

import (
	"math"
	"sync"
	"sync/atomic"
)

// order knows how far the workers are, by the numbers of frames.
type order struct {
	frontier atomic.Uint64 // every frame below it has been sent
	at       []position
	waiters  atomic.Int32
	mu       sync.Mutex
	moved    *sync.Cond
}

// position is where a worker is. Its fields lie in a cache line of their own.
type position struct {
	last    atomic.Uint64 // highest number sent to it
	current atomic.Uint64 // it is at this frame: all before it are judged
	_       [48]byte
}

// idle is the current frame of a worker that has judged all it was sent and more than that.
const idle = math.MaxUint64

func (o *order) init(workers int) {
	o.at = make([]position, workers)
	o.moved = sync.NewCond(&o.mu)
}

// start puts all workers behind the frames up to number.
func (o *order) start(number uint64) {
	for k := range o.at {
		o.at[k].last.Store(number)
		o.at[k].current.Store(number + 1)
	}
	o.frontier.Store(number + 1)
}

// sent notes, before a batch goes into the queue of worker i, what it is sent.
func (o *order) sent(i int, numbers []uint64) {
	if n := highest(numbers); n > 0 {
		o.at[i].last.Store(n)
	}
}

func highest(numbers []uint64) uint64 {
	for k := len(numbers) - 1; k >= 0; k-- {
		if numbers[k] > 0 {
			return numbers[k]
		}
	}
	return 0
}

// reach notes that every frame below number has been sent.
func (o *order) reach(number uint64) {
	o.frontier.Store(number)
	o.tell()
}

// begin notes that worker i is at a frame.
func (o *order) begin(i int, number uint64) {
	o.at[i].current.Store(number)
	o.tell()
}

// done notes that worker i is through with a batch: it stands behind the batch's last frame.
func (o *order) done(i int, numbers []uint64) {
	if n := highest(numbers); n > 0 {
		o.at[i].current.Store(n + 1)
		o.tell()
	}
}

// flushing lets worker i, which ends its flows after all frames, use what is shared without waiting.
func (o *order) flushing(i int) {
	for k := range o.at {
		o.at[k].current.Store(idle)
	}
	o.at[i].current.Store(0)
}

func (o *order) tell() {
	if o.waiters.Load() > 0 {
		o.mu.Lock()
		o.mu.Unlock() //nolint:staticcheck // a waiter that has looked but does not sleep yet must not miss this
		o.moved.Broadcast()
	}
}

// wait returns when every other worker is past all frames before the one that worker i is at.
func (o *order) wait(i int) {
	number := o.at[i].current.Load()
	if o.past(i, number) {
		return
	}
	o.mu.Lock()
	o.waiters.Add(1)
	for !o.past(i, number) {
		o.moved.Wait()
	}
	o.waiters.Add(-1)
	o.mu.Unlock()
}

// past tells whether all workers but i are past the frames before number. The frontier is read first: what was sent before it was reached
// is known then.
func (o *order) past(i int, number uint64) bool {
	frontier := o.frontier.Load()
	for k := range o.at {
		if k == i {
			continue
		}
		p := &o.at[k]
		last, current := p.last.Load(), p.current.Load()
		if current >= number || current > last && frontier >= number {
			continue
		}
		return false
	}
	return true
}
