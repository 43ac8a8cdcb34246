package track

import (
	"net/netip"
	"sync"
	"time"
)

// entriesMax bounds each table.
const entriesMax = 1 << 18

// Kind is the type of a threshold.
type Kind uint8

// Threshold types; Filter is detection_filter.
const (
	Limit Kind = iota
	Threshold
	Both
	Filter
	Backoff
)

// By is what a threshold counts per.
type By uint8

// What is counted separately.
const (
	BySource By = iota
	ByDestination
	ByBoth
	ByRule
	ByFlow
)

// Spec is one threshold of one rule.
type Spec struct {
	Kind       Kind
	By         By
	Count      uint32
	Window     time.Duration
	Multiplier uint32 // backoff
}

// Key is whom a count belongs to.
type Key struct {
	GID, SID uint32
	Index    uint8 // a rule may have several thresholds
	A, B     netip.Addr
	Flow     uint64
}

// MakeKey fills a key for a match.
func MakeKey(gid, sid uint32, index uint8, by By, src, dst netip.Addr, flow uint64) Key {
	k := Key{GID: gid, SID: sid, Index: index}
	switch by {
	case BySource:
		k.A = src
	case ByDestination:
		k.A = dst
	case ByBoth: // either way round
		k.A, k.B = src, dst
		if dst.Less(src) {
			k.A, k.B = dst, src
		}
	case ByFlow:
		k.Flow = flow
	}
	return k
}

type count struct {
	start time.Time
	end   time.Time
	n     uint32
	next  uint32 // backoff: the count that alerts next
}

// Thresholds counts matches. The zero value is ready.
type Thresholds struct {
	Evicted uint64

	mu     sync.Mutex
	counts map[Key]count
}

// Pass counts one match and tells whether it may alert.
func (t *Thresholds) Pass(spec *Spec, key Key, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[Key]count{}
	}
	c, ok := t.counts[key]
	if spec.Kind == Backoff {
		return t.backoff(spec, key, c, now)
	}
	if !ok || now.After(c.end) {
		c = count{start: now, end: now.Add(spec.Window)}
	}
	c.n++
	pass := false
	switch spec.Kind {
	case Limit:
		pass = c.n <= spec.Count
	case Threshold:
		if c.n >= spec.Count {
			pass = true
			c.n = 0
		}
	case Both:
		pass = c.n == spec.Count
	case Filter:
		pass = c.n > spec.Count
	}
	t.put(key, c, now)
	return pass
}

func (t *Thresholds) backoff(spec *Spec, key Key, c count, now time.Time) bool {
	if c.next == 0 {
		c.next = spec.Count
		c.end = now.Add(24 * time.Hour)
	}
	c.n++
	pass := c.n == c.next
	if pass {
		c.next *= spec.Multiplier
	}
	t.put(key, c, now)
	return pass
}

func (t *Thresholds) put(key Key, c count, now time.Time) {
	if _, ok := t.counts[key]; !ok && len(t.counts) >= entriesMax {
		for k, old := range t.counts {
			if now.After(old.end) {
				delete(t.counts, k)
			}
		}
		for k := range t.counts {
			if len(t.counts) <= entriesMax/2 {
				break
			}
			delete(t.counts, k)
			t.Evicted++
		}
	}
	t.counts[key] = c
}

// Rate counts for rate_filter and tells whether its new action is in force.
type Rate struct {
	mu     sync.Mutex
	counts map[Key]rateCount
}

type rateCount struct {
	start, until time.Time
	n            uint32
}

// Over counts one match and tells whether the rate has been exceeded, now or less than timeout ago.
func (r *Rate) Over(spec *Spec, timeout time.Duration, key Key, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[Key]rateCount{}
	}
	c, ok := r.counts[key]
	if !ok && len(r.counts) >= entriesMax {
		clear(r.counts)
	}
	if !c.until.IsZero() && !now.After(c.until) {
		return true
	}
	if !ok || now.After(c.start.Add(spec.Window)) {
		c = rateCount{start: now}
	}
	c.n++
	over := c.n > spec.Count
	if over {
		c.until = now.Add(timeout)
		c.n = 0
		if timeout == 0 {
			c.until = now.Add(time.Hour * 24 * 365)
		}
	}
	r.counts[key] = c
	return over
}
