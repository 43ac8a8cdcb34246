package smb

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Recognise is the proto.Recogniser of SMB: a NetBIOS session message that begins with one of the signatures.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	port := p.Port(445) || p.Port(139)
	if len(b) > 0 && b[0] >= nbssRequest && b[0] <= nbssKeepAlive && port && p.Port(139) {
		if len(b) < nbssBytes {
			return proto.Maybe
		}
		if b[1] <= 1 {
			return proto.Yes
		}
		return proto.No
	}
	if len(b) > 0 && b[0] != nbssMessage {
		return proto.No
	}
	if len(b) < nbssBytes+4 {
		if port {
			return proto.Maybe
		}
		return proto.No
	}
	if b[4] < 0xfc || string(b[5:8]) != "SMB" {
		return proto.No
	}
	var response bool
	switch {
	case b[4] == 0xff && len(b) > nbssBytes+9:
		response = b[nbssBytes+9]&flag1Response != 0
	case b[4] == 0xfe && len(b) > nbssBytes+16:
		response = b[nbssBytes+16]&flag2Response != 0
	default:
		return proto.Yes
	}
	if response == (p.Dir == flow.ToServer) {
		return proto.Reversed
	}
	return proto.Yes
}
