package source

import "golang.org/x/net/bpf"

// LiveOptions say how an interface is captured. A zero field takes the default in its comment.
type LiveOptions struct {
	SnapLen     int  // bytes kept of a frame, 65535 at most, 16384
	RingBytes   int  // ring shared with the kernel, 32 MiB
	NoPromisc   bool // capture only what is addressed to this host
	FanoutGroup int  // > 0: share the interface's flows with other sources of the same group (by symmetric flow hash)
	// Filter is attached to the socket; what it refuses never reaches the ring.
	Filter []bpf.RawInstruction
}

func (o *LiveOptions) fill() {
	if o.SnapLen <= 0 {
		o.SnapLen = 16384
	}
	o.SnapLen = min(o.SnapLen, 65535)
	if o.RingBytes <= 0 {
		o.RingBytes = 32 << 20
	}
}
