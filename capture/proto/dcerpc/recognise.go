package dcerpc

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Recognise is the proto.Recogniser of DCE/RPC: the common header is distinctive enough by itself.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Datagram {
		if plausibleDatagram(b) {
			return proto.Yes
		}
		return proto.No
	}
	if len(b) > 0 && b[0] != versionMajor || len(b) > 1 && b[1] > versionMinors || len(b) > 2 && b[2] > typeMax {
		return proto.No
	}
	if len(b) < headerBytes {
		if len(b) > 4 && b[4]&0xee != 0 || len(b) > 5 && b[5] > 3 || len(b) > 7 && b[6]|b[7] != 0 {
			return proto.No
		}
		return proto.Maybe
	}
	h, ok := readHeader(b)
	if !ok || b[6] != 0 || b[7] != 0 || h.auth+trailerBytes > h.fragment && h.auth > 0 {
		return proto.No
	}
	switch h.kind {
	case Request, Bind, AlterContext, Auth3:
		if p.Dir == flow.ToClient {
			return proto.Reversed
		}
	case Response, Fault, BindAck, BindNak, AlterContextResp:
		if p.Dir == flow.ToServer {
			return proto.Reversed
		}
	case Shutdown, COCancel, Orphaned:
	default:
		return proto.No // connectionless types
	}
	return proto.Yes
}
