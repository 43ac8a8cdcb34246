package http2

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" // RFC 9113 3.4

// Recognise is the proto.Recogniser of HTTP/2: the client's preface, or settings as the first frame of a server.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Datagram || len(b) == 0 {
		return proto.No
	}
	if n := min(len(b), len(preface)); string(b[:n]) == preface[:n] {
		switch {
		case n < 18: // "PRI * HTTP/2.0\r\n\r\n" decides
			return proto.Maybe
		case p.Dir == flow.ToClient:
			return proto.Reversed
		}
		return proto.Yes
	}
	if p.Dir == flow.ToServer || b[0] != 0 {
		return proto.No
	}
	if len(b) < headBytes {
		return proto.No // other protocols begin with zero bytes too: the client's side decides
	}
	n := int(b[1])<<8 | int(b[2])
	if b[3] == FrameSettings && b[4] == 0 && n%6 == 0 && n <= 60 && binary.BigEndian.Uint32(b[5:]) == 0 && len(b) >= headBytes+n {
		for s := b[headBytes : headBytes+n]; len(s) > 0; s = s[6:] {
			if s[0] != 0 || s[1] == 0 || s[1] > 8 {
				return proto.No
			}
		}
		if n == 0 && len(b) > headBytes && b[headBytes] != 0 {
			return proto.No
		}
		return proto.Yes
	}
	return proto.No
}
