package rdp

import (
	"bytes"
	"unicode/utf16"

	"fengsui/capture/flow"
	"fengsui/capture/proto/wire"
)

// Blocks of settings ([MS-RDPBCGR] 2.2.1.3.1).
const (
	blockClientCore     = 0xc001
	blockClientNet      = 0xc003
	blockServerCore     = 0x0c01
	blockServerSecurity = 0x0c02
	blocksMax           = 16
	channelsMax         = 31
	blockHead           = 4
)

// The H.221 keys that stand before the settings in the conference request and response (T.124).
const (
	clientKey = "Duca"
	serverKey = "McDn"
)

// settings reads the blocks of a MCS connect PDU. It tells whether there were any.
func (t *Transaction) settings(dir flow.Direction, b []byte) bool {
	key := clientKey
	if dir == flow.ToClient {
		key = serverKey
	}
	at := bytes.Index(b, []byte(key))
	if at < 0 {
		return false
	}
	r := wire.NewReader(b[at+len(key):])
	if n := r.U8(); n&0x80 != 0 { // PER length of one byte or two
		r.Skip(1)
	}
	found := false
	for range blocksMax {
		kind, size := r.LE16(), int(r.LE16())
		if r.Short() || size < blockHead {
			break
		}
		body := r.Bytes(min(size-blockHead, r.Len()))
		found = true
		switch kind {
		case blockClientCore:
			t.clientCore(body)
		case blockClientNet:
			t.clientNet(body)
		case blockServerCore:
			x := wire.NewReader(body)
			t.Server.Version = x.LE32()
			t.Server.Seen = !x.Short()
		case blockServerSecurity:
			x := wire.NewReader(body)
			t.Server.Method, t.Server.Level = x.LE32(), x.LE32()
			t.Server.SecuritySeen = !x.Short()
		}
	}
	return found
}

// clientCore reads [MS-RDPBCGR] 2.2.1.3.2.
func (t *Transaction) clientCore(b []byte) {
	r := wire.NewReader(b)
	var c Core
	c.Version, c.Width, c.Height = r.LE32(), r.LE16(), r.LE16()
	depths := [...]uint16{4, 8}
	if n := int(r.LE16()) - 0xca00; n >= 0 && n < len(depths) {
		c.Depth = depths[n]
	}
	r.Skip(2) // SASSequence
	c.KeyboardLayout, c.Build = r.LE32(), r.LE32()
	c.Name = utf16Text(r.Bytes(32))
	c.KeyboardType = r.LE32()
	c.Seen = !r.Short()
	t.Client = c
	if !c.Seen {
		return
	}
	// What follows is optional; each field only if all before it are there.
	r.Skip(8 + 64) // subtype, function keys, input method
	deeper := map[uint16]uint16{0xca00: 4, 0xca01: 8, 0xca02: 15, 0xca03: 16, 0xca04: 24}
	if d := deeper[r.LE16()]; d != 0 && !r.Short() {
		t.Client.Depth = d
	}
	r.Skip(6) // product number, serial number
	if high := r.LE16(); high >= 4 && high <= 24 && !r.Short() {
		t.Client.Depth = high
	}
	r.Skip(4) // supported depths, early capabilities
	t.Client.ProductID = utf16Text(r.Bytes(64))
}

// clientNet reads the names of the channels ([MS-RDPBCGR] 2.2.1.3.4).
func (t *Transaction) clientNet(b []byte) {
	r := wire.NewReader(b)
	n := r.LE32()
	for range min(n, channelsMax) {
		name, _, _ := bytes.Cut(r.Bytes(8), []byte{0})
		r.Skip(4)
		if r.Short() {
			return
		}
		t.Channels = append(t.Channels, string(name))
	}
}

// utf16Text decodes little-endian UTF-16 up to its NUL.
func utf16Text(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := uint16(b[0]) | uint16(b[1])<<8
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
