package smtp

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

const greetingBytesMax = 512

// Recognise is the proto.Recogniser of SMTP: the client's introduction, or a greeting that names the protocol or comes
// from one of its ports.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToServer {
		return begins(b, "EHLO ", "HELO ", "LHLO ", "MAIL FROM:")
	}
	port := p.Port(25) || p.Port(587)
	m := begins(b, "220 ", "220-")
	if m == proto.No && port {
		m = begins(b, "554 ", "554-", "421 ", "421-")
	}
	if m != proto.Yes {
		return m
	}
	first, _, whole := bytes.Cut(b[:min(len(b), greetingBytesMax)], []byte{'\n'})
	switch {
	case bytes.Contains(bytes.ToLower(first), []byte("smtp")), port:
		return proto.Yes
	case !whole && len(b) < greetingBytesMax:
		return proto.Maybe
	}
	return proto.No
}

// begins tells whether b begins with one of the words, in either case.
func begins(b []byte, words ...string) proto.Match {
	best := proto.No
	for _, w := range words {
		n := min(len(b), len(w))
		if !line.HasFold(b[:n], w[:n]) {
			continue
		}
		if n == len(w) {
			return proto.Yes
		}
		best = proto.Maybe
	}
	return best
}
