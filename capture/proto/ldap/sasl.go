package ldap

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/ber"
)

// A SASL security layer puts a 4-byte length in front of each buffer (RFC 4422 3.7). The mechanisms of directories then
// have a wrap token: that of Kerberos (RFC 4121 4.2.6.2) or the signature of NTLM ([MS-NLMP] 2.2.2.9). Buffers that are
// only signed can be read.
const (
	saslMark      = 4
	wrapBytes     = 16
	wrapSealed    = 0x02
	signatureSize = 16
)

// saslHead tells the length of a buffer of a security layer; more that too little of it is there to tell.
func saslHead(b []byte) (n int, ok, more bool) {
	if b[0] != 0 {
		return 0, false, false
	}
	if len(b) < saslMark+wrapBytes {
		return 0, false, true
	}
	n = int(binary.BigEndian.Uint32(b))
	t := b[saslMark:]
	token := t[0] == 5 && t[1] == 4 || t[0] == 1 && t[1] == 0 && t[2] == 0 && t[3] == 0 || t[0] == ber.Application(0)
	return n, token && n > wrapBytes && n <= messageMax, false
}

// plain returns what a buffer that is only signed protects.
func plain(token []byte) ([]byte, bool) {
	if token[0] == 1 { // NTLM: the same form for sealed ones, whose contents begin like nothing
		b := token[signatureSize:]
		_, ok, _ := head(b)
		return b, ok
	}
	if token[0] != 5 || token[2]&wrapSealed != 0 {
		return nil, false
	}
	checksum, rotated := int(binary.BigEndian.Uint16(token[4:])), int(binary.BigEndian.Uint16(token[6:]))
	b := token[wrapBytes:]
	if len(b) == 0 || checksum > len(b) {
		return nil, false
	}
	if rotated %= len(b); rotated != 0 && rotated != checksum {
		b = append(append(make([]byte, 0, len(b)), b[rotated:]...), b[:rotated]...)
		rotated = 0
	}
	if rotated == checksum {
		return b[rotated:], true
	}
	return b[:len(b)-checksum], true
}

// protected reads the buffer at the start of b.
func (p *Parser) protected(c *proto.Context, dir flow.Direction, b []byte) (n int, verdict proto.Verdict, ok bool) {
	size, ok, more := saslHead(b)
	switch {
	case more:
		return 0, proto.Continue, true
	case !ok:
		return 0, proto.Continue, false
	case len(b) < saslMark+size:
		return 0, proto.Continue, true
	}
	text, ok := plain(b[saslMark : saslMark+size])
	if !ok {
		p.sealed = true
		return saslMark + size, proto.Stop, true
	}
	for len(text) > 0 && text[0] == ber.Sequence {
		n, err := ber.Size(text)
		if err != nil || n > len(text) {
			break
		}
		p.message(c, dir, text[:n])
		text = text[n:]
	}
	return saslMark + size, proto.Continue, true
}
