package governor

import (
	"context"
	"net"
	"sync"
	"time"
)

// Clock is how time passes; the zero value is real time.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration)
}

func (c *Clock) fill() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = func(ctx context.Context, d time.Duration) {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-ctx.Done():
			case <-t.C:
			}
		}
	}
}

// burstMin lets one batch of records pass at once, however slow the link.
const burstMin = 16 << 10

// Bucket limits bytes a second over everybody who takes from it.
type Bucket struct {
	rate, burst float64
	clock       Clock

	mu     sync.Mutex
	tokens float64 // may be negative: those who come later wait for what has been promised
	at     time.Time
	taken  uint64
	waited time.Duration
}

// NewBucket returns a bucket of rate bytes a second; 0 is no limit.
func NewBucket(rate int64, clock Clock) *Bucket {
	clock.fill()
	burst := max(float64(rate), burstMin)
	return &Bucket{rate: float64(rate), burst: burst, tokens: burst, clock: clock, at: clock.Now()}
}

// Take returns when n bytes may go, or when ctx ends.
func (b *Bucket) Take(ctx context.Context, n int) error {
	b.mu.Lock()
	b.taken += uint64(n)
	if b.rate <= 0 {
		b.mu.Unlock()
		return ctx.Err()
	}
	now := b.clock.Now()
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(b.burst, b.tokens+passed.Seconds()*b.rate)
	}
	b.at = now
	b.tokens -= float64(n)
	var wait time.Duration
	if b.tokens < 0 {
		wait = time.Duration(-b.tokens / b.rate * float64(time.Second))
		b.waited += wait
	}
	b.mu.Unlock()
	if wait > 0 {
		b.clock.Sleep(ctx, wait)
	}
	return ctx.Err()
}

func (b *Bucket) counts() (bytes uint64, waited float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken, b.waited.Seconds()
}

// pieceMax is how much of one write goes at once: a batch must not keep others waiting for seconds.
const pieceMax = 16 << 10

// Conn returns a connection whose writes take their turns; ctx ends the waiting.
func (b *Bucket) Conn(ctx context.Context, c net.Conn) net.Conn { return &slowed{c, b, ctx} }

type slowed struct {
	net.Conn
	b   *Bucket
	ctx context.Context
}

// Write implements net.Conn.
func (s *slowed) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), pieceMax)]
		if err := s.b.Take(s.ctx, len(piece)); err != nil {
			return n, err
		}
		k, err := s.Conn.Write(piece)
		n += k
		if err != nil {
			return n, err
		}
		p = p[len(piece):]
	}
	return n, nil
}
