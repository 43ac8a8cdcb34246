package lab

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Faults is what happens to packets on their way. The zero value passes everything at once.
type Faults struct {
	Delay     time.Duration // added to every packet, each way
	Jitter    time.Duration // further delay, uniform between 0 and this
	Loss      float64       // share of packets dropped, 0 to 1
	Reorder   float64       // share of packets held back for ReorderBy, so that later ones overtake them
	ReorderBy time.Duration // 0 with Reorder > 0 means 10 ms
	Duplicate float64       // share of packets sent twice
}

const (
	reorderByDefault = 10 * time.Millisecond
	delayMax         = 10 * time.Second // longer is a cut
)

func (f Faults) validate() error {
	for _, s := range []struct {
		name  string
		share float64
	}{{"loss", f.Loss}, {"reorder", f.Reorder}, {"duplicate", f.Duplicate}} {
		if !(s.share >= 0 && s.share <= 1) {
			return fmt.Errorf("faults: %s %v is not between 0 and 1", s.name, s.share)
		}
	}
	for _, d := range []struct {
		name string
		time time.Duration
	}{{"delay", f.Delay}, {"jitter", f.Jitter}, {"reorder by", f.ReorderBy}} {
		if d.time < 0 || d.time > delayMax {
			return fmt.Errorf("faults: %s %s is not between 0 and %s", d.name, d.time, delayMax)
		}
	}
	return nil
}

// shaper decides the fate of packets. One for each direction of one conversation, so that conversations do not disturb each other's order
// of decisions.
type shaper struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func newShaper(seed, stream uint64) *shaper {
	return &shaper{rand: rand.New(rand.NewPCG(seed, stream))}
}

// fate returns the delay of each copy of the next packet; none means it is lost. It draws the same number of random values
// whatever the faults are, so that changing one of them does not change what the others do to later packets.
func (s *shaper) fate(f Faults) []time.Duration {
	s.mu.Lock()
	loss, reorder, duplicate, jitter := s.rand.Float64(), s.rand.Float64(), s.rand.Float64(), s.rand.Float64()
	s.mu.Unlock()
	if loss < f.Loss {
		return nil
	}
	delay := f.Delay + time.Duration(jitter*float64(f.Jitter))
	if reorder < f.Reorder {
		by := f.ReorderBy
		if by == 0 {
			by = reorderByDefault
		}
		delay += by
	}
	if duplicate < f.Duplicate {
		return []time.Duration{delay, delay}
	}
	return []time.Duration{delay}
}
