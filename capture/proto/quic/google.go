package quic

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

const (
	tagsMax    = 64
	chloWithin = 64 // bytes of frame headers in front of a CHLO
)

// publicHeader reads the public header of Google's QUIC up to Q043: flags, connection ID, version (packet numbers and what
// follows are in rest).
func publicHeader(b []byte) (version [4]byte, rest []byte, ok bool) {
	if len(b) < 14 || b[0]&0xc9 != 0x09 { // version and 8-byte connection ID, no reserved bit
		return version, nil, false
	}
	copy(version[:], b[9:13])
	return version, b[13:], version[0] == 'Q' && version[1] == '0'
}

// google reads the CHLO of a first packet: a table of tags, each with the end of its value.
func (p *Parser) google(c *proto.Context, dir flow.Direction, version uint32, b []byte) {
	t := p.begin(c, dir, version)
	if dir == flow.ToClient {
		return
	}
	i := bytes.Index(b[:min(len(b), chloWithin)], []byte("CHLO"))
	if i < 0 {
		return
	}
	b = b[i+4:]
	if len(b) < 4 {
		return
	}
	n := min(int(binary.LittleEndian.Uint16(b)), tagsMax)
	b = b[4:]
	if len(b) < 8*n {
		t.Anomaly("error_on_data")
		return
	}
	table, values := b[:8*n], b[8*n:]
	tags := make([]byte, 0, 5*n)
	from := 0
	for i := range n {
		tag := bytes.TrimRight(table[8*i:8*i+4], "\x00")
		end := int(binary.LittleEndian.Uint32(table[8*i+4:]))
		if i > 0 {
			tags = append(tags, '-')
		}
		tags = append(tags, tag...)
		if end < from || end > len(values) {
			end = min(max(end, from), len(values)) // the rest is in the next packet
		}
		switch string(tag) {
		case "SNI":
			t.SNI = bytes.Clone(values[min(from, end):end])
		case "UAID":
			t.UserAgent = bytes.Clone(values[min(from, end):end])
		}
		from = end
	}
	if name := cyuVersion(version); name != "" {
		t.CYU = name + "," + string(tags)
		sum := md5.Sum([]byte(t.CYU))
		t.CYUHash = hex.EncodeToString(sum[:])
	}
	p.half[dir].done = true
}

// cyuVersion is how the fingerprint writes a version; "" when it is not made.
func cyuVersion(version uint32) string {
	switch version {
	case 0x51303433: // Q043
		return "43"
	case 0x51303434, 0x51303435:
		return "44"
	case 0x51303436:
		return "46"
	}
	return ""
}
