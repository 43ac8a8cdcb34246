package known

import (
	"bytes"
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// short answers Maybe as long as fewer than n bytes have come and those that have fit.
func short(p *proto.Probe, n int) bool { return len(p.Data) < n }

// Telnet recognises option negotiation (RFC 854) as the first thing a server says.
func Telnet(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Port(23) && len(b) >= 3 && b[0] == 0xff && b[1] >= 0xfa && b[1] <= 0xfe {
		return proto.Yes
	}
	return proto.No
}

// RDP recognises the X.224 connection request and confirm in TPKT ([MS-RDPBCGR] 2.2.1).
func RDP(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 0 && b[0] != 3 || len(b) > 1 && b[1] != 0 {
		return proto.No
	}
	if short(p, 11) {
		if p.Port(3389) {
			return proto.Maybe
		}
		return proto.No
	}
	n := int(be.Uint16(b[2:]))
	if n >= 11 && n <= 512 && int(b[4]) == n-5 && (b[5] == 0xe0 || b[5] == 0xd0) && !p.Port(102) {
		return proto.Yes
	}
	return proto.No
}

// MQTT recognises CONNECT (MQTT 3.1 to 5).
func MQTT(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || len(b) > 0 && b[0] != 0x10 {
		return proto.No
	}
	if short(p, 14) {
		if p.Port(1883) {
			return proto.Maybe
		}
		return proto.No
	}
	for i := 1; i <= 4; i++ {
		if b[i]&0x80 != 0 {
			continue
		}
		rest := b[i+1:]
		if bytes.HasPrefix(rest, []byte("\x00\x04MQTT")) || bytes.HasPrefix(rest, []byte("\x00\x06MQIsdp")) {
			return proto.Yes
		}
		return proto.No
	}
	return proto.No
}

// Modbus recognises the MBAP header on its port.
func Modbus(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Port(502) || short(p, 8) {
		return proto.No
	}
	if n := int(be.Uint16(b[4:])); be.Uint16(b[2:]) == 0 && n >= 2 && n <= 254 {
		return proto.Yes
	}
	return proto.No
}

// DNP3 recognises the link header (IEEE 1815) on its port.
func DNP3(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Port(20000) && !short(p, 10) && b[0] == 0x05 && b[1] == 0x64 && b[2] >= 5 {
		return proto.Yes
	}
	return proto.No
}

// MySQL recognises the server's greeting, protocol 10.
func MySQL(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToServer || short(p, 8) {
		return proto.No
	}
	n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	end := bytes.IndexByte(b[5:min(len(b), 64)], 0)
	if n < 20 || n > 512 || b[3] != 0 || b[4] != 10 || end < 3 {
		return proto.No
	}
	for _, c := range b[5 : 5+end] {
		if c < ' ' || c > '~' {
			return proto.No
		}
	}
	return proto.Yes
}

// PgSQL recognises start-up, TLS and cancel requests.
func PgSQL(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || short(p, 8) {
		return proto.No
	}
	n, code := be.Uint32(b), be.Uint32(b[4:])
	switch {
	case n == 8 && (code == 80877103 || code == 80877104), n == 16 && code == 80877102:
		return proto.Yes
	case code == 3<<16 && n >= 9 && n <= 10000 && len(b) > 12 && b[8] >= 'a' && b[8] <= 'z':
		return proto.Yes
	}
	return proto.No
}

// MSSQL recognises TDS pre-login and login packets ([MS-TDS] 2.2.3.1).
func MSSQL(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || short(p, 9) {
		return proto.No
	}
	n := int(be.Uint16(b[2:]))
	if (b[0] == 0x12 && b[8] <= 1 || b[0] == 0x10 && p.Port(1433)) && b[1] <= 1 && n >= 9 && n <= 4096 && b[6] <= 1 && b[7] == 0 {
		return proto.Yes
	}
	return proto.No
}

// TNS recognises Oracle's connect packet.
func TNS(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || short(p, 26) {
		return proto.No
	}
	n := int(be.Uint16(b))
	if n >= 58 && b[2] == 0 && b[3] == 0 && b[4] == 1 && be.Uint16(b[8:]) >= 300 && be.Uint16(b[8:]) <= 330 {
		return proto.Yes
	}
	return proto.No
}

// MongoDB recognises the wire protocol's message header.
func MongoDB(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || short(p, 16) {
		return proto.No
	}
	n, op := le.Uint32(b), le.Uint32(b[12:])
	if n >= 26 && n <= 48<<20 && le.Uint32(b[8:]) == 0 && (op == 2013 || op == 2004 || op == 2012) {
		return proto.Yes
	}
	return proto.No
}

// TLCP recognises records of GB/T 38636 (version 1.1).
func TLCP(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) > 0 && b[0] != 22 {
		return proto.No
	}
	if short(p, 6) {
		return proto.Maybe
	}
	if b[1] == 1 && b[2] == 1 && (b[5] == 1 || b[5] == 2) {
		return proto.Yes
	}
	return proto.No
}
