//go:build race

package channel

// raceDetector: sync.Pool drops buffers at random under the race detector, so
// allocations cannot be counted then.
const raceDetector = true
