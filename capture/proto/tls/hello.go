package tls

import (
	"bytes"
	"encoding/binary"
	"slices"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Extensions that are read (IANA tls-extensiontype-values).
const (
	extServerName   = 0
	extGroups       = 10
	extPointFormats = 11
	extSigAlgs      = 13
	extALPN         = 16
	extVersions     = 43
)

// reader takes fields off a message; after the first that is not there, ok is false and all further ones are empty.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) bytes(n int) []byte {
	if !r.ok || n > len(r.b) {
		r.ok = false
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() int {
	if v := r.bytes(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (r *reader) u16() int {
	if v := r.bytes(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) u24() int {
	if v := r.bytes(3); v != nil {
		return int(v[0])<<16 | int(v[1])<<8 | int(v[2])
	}
	return 0
}

func list16(b []byte, most int) []uint16 {
	n := min(len(b)/2, most)
	list := make([]uint16, n)
	for i := range list {
		list[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return list
}

// Read reads the body of a ClientHello that another protocol carries: transport is the letter JA4 begins with, 'q' for
// QUIC. What could be read stays, also when it returns false.
func (h *ClientHello) Read(b []byte, transport byte) bool {
	h.transport = transport
	return h.parse(b)
}

// Read reads the body of a ServerHello that another protocol carries.
func (h *ServerHello) Read(b []byte) bool { return h.parse(b) }

// parse reads a ClientHello (RFC 8446 4.1.2). What could be read stays, also when it returns false.
func (h *ClientHello) parse(b []byte) bool {
	r := reader{b, true}
	h.Seen = true
	h.LegacyVersion = uint16(r.u16())
	h.Random = bytes.Clone(r.bytes(32))
	h.SessionID = bytes.Clone(r.bytes(r.u8()))
	h.Ciphers = list16(r.bytes(r.u16()), ciphersMax)
	r.bytes(r.u8()) // compression methods
	if r.ok && len(r.b) > 0 {
		ext := reader{r.bytes(r.u16()), r.ok}
		for ext.ok && len(ext.b) > 0 && len(h.Extensions) < extensionsMax {
			kind := uint16(ext.u16())
			body := ext.bytes(ext.u16())
			if !ext.ok {
				break
			}
			h.Extensions = append(h.Extensions, kind)
			h.extension(kind, body)
		}
		r.ok = r.ok && ext.ok
	}
	h.fingerprint()
	return r.ok
}

// serverName reads the names of the server (RFC 6066 3).
func (h *ClientHello) serverName(r *reader) {
	if h.named {
		h.oddity("multiple_sni_extensions")
		return
	}
	h.named = true
	list := reader{r.bytes(r.u16()), r.ok}
	for list.ok && len(list.b) > 0 {
		t := list.u8()
		name := list.bytes(list.u16())
		switch {
		case !list.ok:
		case t != 0:
			h.oddity("invalid_sni_type")
		case h.SNI == nil:
			h.SNI = bytes.Clone(name)
		}
	}
	if !list.ok || len(r.b) > 0 {
		h.oddity("invalid_sni_length")
	}
}

func (h *ClientHello) oddity(name string) {
	if !slices.Contains(h.oddities, name) {
		h.oddities = append(h.oddities, name)
	}
}

func (h *ClientHello) extension(kind uint16, b []byte) {
	r := reader{b, true}
	switch kind {
	case extServerName:
		h.serverName(&r)
	case extGroups:
		h.Groups = list16(r.bytes(r.u16()), ciphersMax)
	case extPointFormats:
		h.PointFormats = bytes.Clone(r.bytes(r.u8()))
	case extSigAlgs:
		h.SigAlgs = list16(r.bytes(r.u16()), ciphersMax)
	case extALPN:
		list := reader{r.bytes(r.u16()), r.ok}
		for list.ok && len(list.b) > 0 && len(h.ALPN) < 64 {
			if name := list.bytes(list.u8()); list.ok {
				h.ALPN = append(h.ALPN, bytes.Clone(name))
			}
		}
	case extVersions:
		for _, v := range list16(r.bytes(r.u8()), 64) {
			if !grease(v) {
				h.Versions = append(h.Versions, v)
			}
		}
	}
}

// parse reads a ServerHello (RFC 8446 4.1.3).
func (h *ServerHello) parse(b []byte) bool {
	r := reader{b, true}
	n := ServerHello{Seen: true}
	n.LegacyVersion = uint16(r.u16())
	n.Version = n.LegacyVersion
	n.Random = bytes.Clone(r.bytes(32))
	n.SessionID = bytes.Clone(r.bytes(r.u8()))
	n.Cipher = uint16(r.u16())
	r.u8()
	if !r.ok {
		return false
	}
	if len(r.b) > 0 {
		ext := reader{r.bytes(r.u16()), r.ok}
		for ext.ok && len(ext.b) > 0 && len(n.Extensions) < extensionsMax {
			kind := uint16(ext.u16())
			body := reader{ext.bytes(ext.u16()), ext.ok}
			if !ext.ok {
				break
			}
			n.Extensions = append(n.Extensions, kind)
			switch kind {
			case extVersions:
				if v := body.u16(); body.ok {
					n.Version = uint16(v)
				}
			case extALPN:
				list := reader{body.bytes(body.u16()), body.ok}
				n.ALPN = bytes.Clone(list.bytes(list.u8()))
			}
		}
	}
	n.fingerprint()
	if h.Seen && slices.Equal(h.Extensions, n.Extensions) {
		return true
	}
	*h = n
	return true
}

// ssl2 reads an SSL 2.0 ClientHello.
func (p *Parser) ssl2(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if len(b) < 11 {
		return 0, proto.Continue
	}
	n := int(b[0]&0x7f)<<8 | int(b[1])
	if b[2] != msgClientHello || n < 9 {
		p.tx.Anomaly("invalid_sslv2_header")
		p.tx.Touch(dir)
		p.end(dir)
		return 0, proto.Fail
	}
	if len(b) < 2+n {
		return 0, proto.Continue
	}
	h := &p.tx.Client
	h.Seen = true
	h.LegacyVersion = binary.BigEndian.Uint16(b[3:])
	p.tx.Version = h.LegacyVersion
	size := int(binary.BigEndian.Uint16(b[5:]))
	for specs := b[11:min(11+size, 2+n)]; len(specs) >= 3 && len(h.Ciphers) < ciphersMax; specs = specs[3:] {
		if specs[0] == 0 { // a suite of SSL 3.0 or newer
			h.Ciphers = append(h.Ciphers, binary.BigEndian.Uint16(specs[1:]))
		}
	}
	p.half[dir].first = true
	c.Flush[dir] = true
	p.tx.advance(dir, HelloDone)
	return 2 + n, proto.Continue
}
