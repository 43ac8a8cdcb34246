package lab

import (
	"container/heap"
	"sync"
	"time"
)

// delayQueue runs functions when they are due, in the order of their due times and, where those are equal, of their arrival.
type delayQueue struct {
	mu     sync.Mutex
	items  items
	serial uint64
	wake   chan struct{} // capacity 1: something earlier than before is due
	done   chan struct{}
	once   sync.Once
}

type item struct {
	due    time.Time
	serial uint64
	run    func()
}

func newDelayQueue() *delayQueue {
	return &delayQueue{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// put adds a function; false means too many are waiting.
func (q *delayQueue) put(due time.Time, run func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= waitingMax {
		return false
	}
	q.serial++
	heap.Push(&q.items, item{due, q.serial, run})
	if q.items[0].serial == q.serial {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// run works until stop; what is still waiting then is dropped.
func (q *delayQueue) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		run, wait := q.next(time.Now())
		if run != nil {
			run()
			continue
		}
		timer.Reset(wait)
		select {
		case <-q.done:
			return
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// next returns what is due, or how long nothing is.
func (q *delayQueue) next(now time.Time) (run func(), wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil, time.Hour
	}
	if wait := q.items[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&q.items).(item).run, 0
}

func (q *delayQueue) stop() { q.once.Do(func() { close(q.done) }) }

// items is a heap by due time, then arrival.
type items []item

func (h items) Len() int { return len(h) }
func (h items) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].serial < h[j].serial
	}
	return h[i].due.Before(h[j].due)
}
func (h items) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *items) Push(x any)   { *h = append(*h, x.(item)) }
func (h *items) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = item{}
	*h = old[:len(old)-1]
	return last
}
