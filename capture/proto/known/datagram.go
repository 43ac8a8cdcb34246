package known

import (
	"bytes"

	"fengsui/capture/proto"
)

// asn1 reads a BER tag and length at the start of b and returns the content's place and length.
func asn1(b []byte) (tag byte, at, n int, ok bool) {
	if len(b) < 2 {
		return 0, 0, 0, false
	}
	tag, n, at = b[0], int(b[1]), 2
	if n < 0x80 {
		return tag, at, n, true
	}
	size := n & 0x7f
	if size == 0 || size > 4 || len(b) < 2+size {
		return 0, 0, 0, false
	}
	n = 0
	for _, c := range b[2 : 2+size] {
		n = n<<8 | int(c)
	}
	return tag, 2 + size, n, n >= 0
}

// SNMP recognises versions 1 to 3 on their ports.
func SNMP(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Port(161) && !p.Port(162) {
		return proto.No
	}
	tag, at, n, ok := asn1(b)
	if ok && tag == 0x30 && n > 4 && len(b) > at+3 && b[at] == 2 && b[at+1] == 1 && (b[at+2] <= 1 || b[at+2] == 3) {
		return proto.Yes
	}
	return proto.No
}

// NTP recognises versions 1 to 4 on port 123 (RFC 5905 7.3; control messages of RFC 9327 are shorter).
func NTP(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Port(123) || len(b) < 12 {
		return proto.No
	}
	version, mode := b[0]>>3&7, b[0]&7
	if version >= 1 && version <= 4 && mode >= 1 && (len(b) >= 48 || mode >= 6) {
		return proto.Yes
	}
	return proto.No
}

// DHCP recognises RFC 2131 messages by their cookie.
func DHCP(p *proto.Probe) proto.Match {
	b := p.Data
	if (p.Port(67) || p.Port(68)) && len(b) >= 240 && (b[0] == 1 || b[0] == 2) && be.Uint32(b[236:]) == 0x63825363 {
		return proto.Yes
	}
	return proto.No
}

// TFTP recognises read and write requests (RFC 1350).
func TFTP(p *proto.Probe) proto.Match {
	b := p.Data
	if !p.Port(69) || len(b) < 6 || b[0] != 0 || b[1] != 1 && b[1] != 2 {
		return proto.No
	}
	_, mode, found := bytes.Cut(b[2:], []byte{0})
	mode, _, whole := bytes.Cut(mode, []byte{0})
	switch string(bytes.ToLower(mode)) {
	case "octet", "netascii", "mail":
		if found && whole {
			return proto.Yes
		}
	}
	return proto.No
}

// IKE recognises versions 1 and 2 (RFC 2408, 7296), also behind the non-ESP marker of port 4500.
func IKE(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Port(4500) && len(b) > 4 && be.Uint32(b) == 0 {
		b = b[4:]
	} else if !p.Port(500) {
		return proto.No
	}
	if len(b) >= 28 && be.Uint64(b) != 0 && (b[17] == 0x10 || b[17] == 0x20) && int(be.Uint32(b[24:])) == len(b) {
		return proto.Yes
	}
	return proto.No
}

// QUIC recognises long headers of known versions (RFC 8999, 9000, 9369, drafts, Google's).
func QUIC(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) < 7 {
		return proto.No
	}
	if b[0]&0x80 != 0 {
		v := be.Uint32(b[1:])
		if (v == 1 || v == 0x6b3343cf || v>>8 == 0xff0000 || v>>24 == 'Q' && b[2] == '0') && b[5] <= 20 {
			return proto.Yes
		}
		return proto.No
	}
	// Google QUIC: public flags with version and 8-byte connection ID.
	if b[0]&0xc9 == 0x09 && len(b) > 13 && b[9] == 'Q' && b[10] == '0' && p.ServerPort == 443 {
		return proto.Yes
	}
	return proto.No
}
