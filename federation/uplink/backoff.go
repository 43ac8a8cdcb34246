package uplink

import (
	"math/rand/v2"
	"time"
)

// Timing, all in one place.
const (
	// pauseMin and pauseMax bound the pause between rounds of dialling. The pause doubles with each round and is
	// jittered between half of it and all of it, so that the children of a parent that comes back do not all knock at
	// once. A round's last handshake packet leaves about 0.6 s before its end, so the longest gap between packets, and
	// with it the longest wait after a line comes back, is about pauseMax + 0.6 s.
	pauseMin = 100 * time.Millisecond
	pauseMax = time.Second
	// stagger is the head start an address has over the next one in a round.
	stagger = 400 * time.Millisecond
	// roundTimeout bounds a round after its last address has been tried.
	roundTimeout = 3 * time.Second
	// lookPeriod is how often a standing connection and the parent's description are looked at.
	lookPeriod = 200 * time.Millisecond
	// addrsMax bounds the addresses of a parent that are used.
	addrsMax = 16
)

// pauseAfter gives the pause after a number of failed rounds, from 1.
func pauseAfter(rounds int) time.Duration {
	p := pauseMax
	if shift := rounds - 1; shift < 8 {
		p = min(pauseMin<<shift, pauseMax)
	}
	return p/2 + rand.N(p/2+1)
}
