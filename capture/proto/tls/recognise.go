package tls

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Recognise is the proto.Recogniser of TLS.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Datagram {
		return proto.No
	}
	if m := recordLike(b); m != proto.No {
		if m == proto.Maybe || len(b) < 6 || b[0] != recordHandshake {
			return m
		}
		switch {
		case b[5] == msgClientHello && p.Dir == flow.ToClient, b[5] == msgServerHello && p.Dir == flow.ToServer:
			return proto.Reversed
		}
		return m
	}
	return ssl2Like(b, p)
}

// recordLike judges the first record: a hello, or an alert as the only answer.
func recordLike(b []byte) proto.Match {
	if len(b) == 0 {
		return proto.Maybe
	}
	if b[0] != recordHandshake && b[0] != recordAlert && b[0] != recordData {
		return proto.No
	}
	if len(b) < 3 {
		return proto.Maybe
	}
	if b[1] != 3 || b[2] > 4 {
		return proto.No
	}
	if len(b) < 6 {
		return proto.Maybe
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case n == 0 || n > recordBytesMax:
		return proto.No
	case b[0] == recordHandshake && b[5] != msgClientHello && b[5] != msgServerHello && b[5] != msgHelloRequest:
		return proto.No
	case b[0] == recordAlert && n != 2:
		return proto.No
	}
	return proto.Yes
}

// ssl2Like judges an SSL 2.0 ClientHello, which old clients send to offer newer versions as well (RFC 5246 E.2).
func ssl2Like(b []byte, p *proto.Probe) proto.Match {
	if len(b) < 2 || b[0]&0x80 == 0 || p.Dir != flow.ToServer {
		return proto.No
	}
	if len(b) < 11 {
		if p.ServerPort == 443 {
			return proto.Maybe
		}
		return proto.No
	}
	n := int(b[0]&0x7f)<<8 | int(b[1])
	version := binary.BigEndian.Uint16(b[3:])
	ciphers, session, challenge := int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:])), int(binary.BigEndian.Uint16(b[9:]))
	if b[2] != msgClientHello || version != 0x0002 && version>>8 != 3 || ciphers == 0 || ciphers%3 != 0 {
		return proto.No
	}
	if session != 0 && session != 16 || challenge < 16 || challenge > 32 || 9+ciphers+session+challenge != n {
		return proto.No
	}
	return proto.Yes
}
