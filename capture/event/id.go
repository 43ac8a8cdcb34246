package event

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// ID names one event. It is derived from what was observed (time, flow, position), so reading the same capture twice
// gives the same IDs: a re-read is recognised downstream instead of counted twice.
type ID [16]byte

// NewID derives an ID: eight bytes of time (so IDs sort by time), then a mix of flow and sequence.
func NewID(at time.Time, flow, seq uint64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixNano()))
	binary.BigEndian.PutUint64(id[8:], mix(flow^mix(seq+0x9e3779b97f4a7c15)))
	return id
}

// mix is the finalizer of splitmix64: every input bit reaches every output bit.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// String returns the 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero says that no ID was set.
func (id ID) IsZero() bool { return id == ID{} }
