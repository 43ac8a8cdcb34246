package tlcp

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/tls"
)

// Anomalies are the names the transactions' Anomalies can hold. Never written.
var Anomalies = tls.Anomalies

const (
	recordHandshake = 22
	recordAlert     = 21
	clientHello     = 1
	serverHello     = 2
	recordBytesMax  = 18432
	headBytes       = 6 // record header and message type
)

// New makes a parser.
func New(datagram bool) proto.Parser { return tls.NewTLCP(datagram) }

// Recognise is the proto.Recogniser of TLCP: a hello in a record of version 1.1 (GB/T 38636-2020 6.3.3.1).
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Datagram || len(b) == 0 || b[0] != recordHandshake && b[0] != recordAlert {
		return proto.No
	}
	if len(b) > 1 && b[1] != 1 || len(b) > 2 && b[2] != 1 {
		return proto.No
	}
	if len(b) < headBytes {
		return proto.Maybe
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case n == 0 || n > recordBytesMax:
		return proto.No
	case b[0] == recordAlert:
		if n == 2 && b[5] <= 2 {
			return proto.Yes
		}
		return proto.No
	case b[5] == clientHello && p.Dir == flow.ToClient, b[5] == serverHello && p.Dir == flow.ToServer:
		return proto.Reversed
	case b[5] == clientHello || b[5] == serverHello:
		return proto.Yes
	}
	return proto.No
}
