package source

import (
	"fmt"
	"time"

	"fengsui/capture/filter"
	"fengsui/capture/packet"
)

// LiveOptions say how an interface is captured. A zero field takes the default in its comment.
type LiveOptions struct {
	SnapLen      int           // bytes kept of a frame, at most and by default 262144: cards and the kernel merge packets up to 64 KiB and more
	RingBytes    int           // ring shared with the kernel, for each source, 32 MiB
	BlockBytes   int           // the kernel hands the ring over in blocks of this size, a power of two from 64 KiB, 1 MiB
	BlockTimeout time.Duration // a block that does not fill is handed over after this time, 10 ms
	NoPromisc    bool          // capture only what is addressed to this host
	// FanoutGroup shares the interface with sources of other processes that name the same group, 1 to 65535. 0: the
	// sources of one call of Live share it among themselves, in a group the kernel chooses.
	FanoutGroup int
	// Filter is a tcpdump expression the kernel applies: what it refuses never reaches the ring. "" passes everything.
	Filter string
}

const (
	snapLenMax    = 262144
	blockBytesMin = 64 << 10
)

func (o *LiveOptions) fill() {
	if o.SnapLen <= 0 || o.SnapLen > snapLenMax {
		o.SnapLen = snapLenMax
	}
	if o.BlockBytes <= 0 {
		o.BlockBytes = 1 << 20
	}
	size := blockBytesMin
	for size < o.BlockBytes || size < o.SnapLen+1024 { // a block holds at least one whole frame
		size *= 2
	}
	o.BlockBytes = size
	if o.RingBytes <= 0 {
		o.RingBytes = 32 << 20
	}
	if o.BlockTimeout <= 0 {
		o.BlockTimeout = 10 * time.Millisecond
	}
}

// program compiles the filter for the kernel.
func (o *LiveOptions) program(link packet.LinkType) (*filter.Program, error) {
	e, err := filter.Parse(o.Filter)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	p, err := e.Compile(filter.Target{Link: link, Metadata: true, SnapLen: uint32(o.SnapLen)})
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return p, nil
}

// AFPacket returns a source that captures a network interface alone. Nothing is opened before Run.
func AFPacket(iface string, opts LiveOptions) Source { return Live(iface, 1, opts)[0] }
