package source

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"fengsui/capture/packet"
)

// Frame is one captured frame. It and its Data are valid only until emit returns.
type Frame struct {
	Time    time.Time
	Data    []byte          // captured bytes; empty with OrigLen 0 when the frame only tells the time
	OrigLen int             // length on the wire, >= len(Data)
	Link    packet.LinkType // what Data begins with
	Iface   string          // interface or file it came from
	Number  uint64          // position in its source, from 1
}

// Source delivers frames in order. Run calls emit from its own goroutine, one frame at a time, until the input ends
// (nil), ctx is cancelled (nil), emit fails (that error) or reading fails. Run is called once.
type Source interface {
	Run(ctx context.Context, emit func(*Frame) error) error
	Counters() Counters
}

// Counters says what a source has done so far. Safe to read while Run runs.
type Counters struct {
	Frames      uint64 // delivered
	Filtered    uint64 // frames of files that the filter refused (a live filter works in the kernel, which does not count)
	Bytes       uint64 // delivered, captured length
	KernelDrops uint64 // lost before we could read them (live)
	Truncated   uint64 // frames that the file cut off in the middle; everything before them was delivered
	Invalid     uint64 // pcapng blocks or records that were skipped as malformed
}

// Errors that programs tell apart. Messages name file, offset and what to do.
var (
	ErrFormat   = errors.New("not a capture file")
	ErrLinkType = errors.New("unsupported link type")
	ErrRights   = errors.New("no right to capture")
	ErrPlatform = errors.New("not available on this system")
)

// counts is the shared form of Counters. Frames and bytes are counted in plain fields by the goroutine of Run and
// published every publishEvery frames: an atomic addition for each frame would be a tenth of reading it.
type counts struct {
	frames, bytes, filtered, drops, truncated, invalid atomic.Uint64

	read   uint64 // frames read, whether delivered or not
	number uint64
	sum    uint64
}

const publishEvery = 64

func (c *counts) load() Counters {
	return Counters{
		Frames: c.frames.Load(), Bytes: c.bytes.Load(), Filtered: c.filtered.Load(), KernelDrops: c.drops.Load(),
		Truncated: c.truncated.Load(), Invalid: c.invalid.Load(),
	}
}

// delivered counts a frame of n bytes and returns its number.
func (c *counts) delivered(n int) uint64 {
	c.number++
	c.sum += uint64(n)
	if c.number%publishEvery == 0 {
		c.publish()
	}
	return c.number
}

// publish shows what has been counted to other goroutines.
func (c *counts) publish() {
	c.frames.Store(c.number)
	c.bytes.Store(c.sum)
}
