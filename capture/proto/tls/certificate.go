package tls

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// parseChain reads a Certificate message of TLS 1.2 or older (RFC 5246 7.4.2).
func parseChain(b []byte) []Certificate {
	r := reader{b, true}
	list := reader{r.bytes(r.u24()), r.ok}
	if !list.ok { // the length lies: read what is there
		list = reader{b[min(3, len(b)):], true}
	}
	var chain []Certificate
	for list.ok && len(list.b) > 0 && len(chain) < chainMax {
		der := list.bytes(list.u24())
		if !list.ok || len(der) == 0 {
			break
		}
		c := Certificate{DER: bytes.Clone(der)}
		if len(chain) < chainRead {
			c.parse()
		}
		chain = append(chain, c)
	}
	return chain
}

// element is one DER element.
type element struct {
	tag  byte
	body []byte
}

// next takes one element off b. Only definite lengths of up to four bytes and one-byte tags are read.
func next(b []byte) (e element, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return e, nil, false
	}
	n, at := int(b[1]), 2
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 4 || len(b) < 2+size {
			return e, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+size] {
			n = n<<8 | int(c)
		}
		at = 2 + size
	}
	if n < 0 || n > len(b)-at {
		return e, nil, false
	}
	return element{b[0], b[at : at+n]}, b[at+n:], true
}

// parse reads the fields of c.DER that it understands, leaves the others empty and notes what kept it from reading on.
func (c *Certificate) parse() {
	sum := sha1.Sum(c.DER)
	c.Fingerprint = colons(sum[:], false)
	var e element
	b, ok := c.DER, true
	// take reads the next element of b.
	take := func() bool {
		if len(b) == 0 {
			c.fault = "certificate_missing_element"
			return false
		}
		if e, b, ok = next(b); !ok {
			c.fault = "certificate_invalid_length"
		}
		return ok
	}
	if !take() {
		return
	}
	if e.tag != 0x30 {
		c.fault = "certificate_unknown_element"
		return
	}
	if b = e.body; !take() {
		return
	}
	b = e.body
	if !take() || e.tag == 0xa0 && !take() { // version, serial number
		return
	}
	if e.tag != 0x02 {
		c.fault = "certificate_unknown_element"
		return
	}
	c.Serial = colons(e.body, true)
	if !take() {
		return
	}
	if id, _, ok := next(e.body); ok && id.tag == 0x06 {
		c.Signature = dotted(id.body)
	}
	if !take() {
		return
	}
	c.Issuer = distinguishedName(e.body)
	if !take() {
		return
	}
	if from, rest, ok := next(e.body); ok {
		c.NotBefore = derTime(from)
		if to, _, ok := next(rest); ok {
			c.NotAfter = derTime(to)
		}
	}
	if !take() {
		return
	}
	c.Subject = distinguishedName(e.body)
	if !take() {
		return
	}
	c.SM2 = bytes.Contains(e.body[:min(len(e.body), 32)], []byte(oidSM2Curve))
	for len(b) > 0 && take() {
		if e.tag == 0xa3 {
			c.extensions(e.body)
		}
	}
}

// oidSM2Curve is 1.2.156.10197.1.301 as an element.
const oidSM2Curve = "\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d"

// extensions looks for the subject's alternative names (2.5.29.17) and the key's usage (2.5.29.15).
func (c *Certificate) extensions(b []byte) {
	list, _, ok := next(b)
	if !ok {
		return
	}
	for b = list.body; len(b) > 0; {
		var ext element
		if ext, b, ok = next(b); !ok {
			return
		}
		id, rest, ok := next(ext.body)
		if !ok || len(id.body) != 3 || id.body[0] != 0x55 || id.body[1] != 0x1d || id.body[2] != 0x11 && id.body[2] != 0x0f {
			continue
		}
		for len(rest) > 0 {
			var v element
			if v, rest, ok = next(rest); !ok {
				return
			}
			switch {
			case v.tag != 0x04:
			case id.body[2] == 0x11:
				c.altNames(v.body)
			default:
				c.keyUsage(v.body)
			}
		}
	}
}

// keyUsage reads the bits of the key's usage, the first one lowest.
func (c *Certificate) keyUsage(b []byte) {
	e, _, ok := next(b)
	if !ok || e.tag != 0x03 || len(e.body) < 2 {
		return
	}
	for i, octet := range e.body[1:min(len(e.body), 3)] {
		c.KeyUsage |= uint16(bits.Reverse8(octet)) << (8 * i)
	}
}

func (c *Certificate) altNames(b []byte) {
	list, _, ok := next(b)
	if !ok {
		return
	}
	for b = list.body; len(b) > 0 && len(c.AltNames) < altNamesMax; {
		var name element
		if name, b, ok = next(b); !ok {
			return
		}
		switch name.tag {
		case 0x81, 0x82, 0x86: // mail, DNS, URI
			c.AltNames = append(c.AltNames, string(name.body))
		case 0x87:
			if a, ok := netip.AddrFromSlice(name.body); ok {
				c.AltNames = append(c.AltNames, a.String())
			}
		}
	}
}

// distinguishedName writes a name as "C=CN, O=…, CN=…", in the certificate's order.
func distinguishedName(b []byte) string {
	var s strings.Builder
	for len(b) > 0 && s.Len() < 4096 {
		set, rest, ok := next(b)
		if !ok {
			break
		}
		b = rest
		for attrs, first := set.body, true; len(attrs) > 0; first = false {
			var attr element
			if attr, attrs, ok = next(attrs); !ok {
				break
			}
			id, value, ok := next(attr.body)
			if !ok {
				continue
			}
			v, _, _ := next(value)
			if s.Len() > 0 {
				if first {
					s.WriteString(", ")
				} else {
					s.WriteString(" + ")
				}
			}
			s.WriteString(attributeName(id.body))
			s.WriteByte('=')
			s.WriteString(derString(v))
		}
	}
	return s.String()
}

// attributeName returns the short name of an attribute (RFC 4514 and common use), its number when it has none.
func attributeName(oid []byte) string {
	if len(oid) == 3 && oid[0] == 0x55 && oid[1] == 0x04 {
		switch oid[2] {
		case 3:
			return "CN"
		case 4:
			return "surname"
		case 5:
			return "serialNumber"
		case 6:
			return "C"
		case 7:
			return "L"
		case 8:
			return "ST"
		case 9:
			return "street"
		case 10:
			return "O"
		case 11:
			return "OU"
		case 12:
			return "title"
		case 15:
			return "businessCategory"
		case 17:
			return "postalCode"
		case 42:
			return "givenName"
		}
	}
	switch string(oid) {
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01":
		return "Email"
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19":
		return "DC"
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01":
		return "UID"
	}
	return dotted(oid)
}

func dotted(oid []byte) string {
	var b []byte
	n := uint64(0)
	for _, c := range oid {
		if n > 1<<56 {
			break
		}
		n = n<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if b == nil {
			first := min(n/40, 2)
			b = strconv.AppendUint(b, first, 10)
			n -= first * 40
		}
		b = append(b, '.')
		b = strconv.AppendUint(b, n, 10)
		n = 0
	}
	return string(b)
}

// derString returns the text of a string element; two- and four-byte forms become UTF-8.
func derString(e element) string {
	switch e.tag {
	case 0x1e: // BMPString
		var s strings.Builder
		for i := 0; i+1 < len(e.body); i += 2 {
			s.WriteRune(rune(e.body[i])<<8 | rune(e.body[i+1]))
		}
		return s.String()
	case 0x1c: // UniversalString
		var s strings.Builder
		for i := 0; i+3 < len(e.body); i += 4 {
			s.WriteRune(rune(e.body[i+1])<<16 | rune(e.body[i+2])<<8 | rune(e.body[i+3]))
		}
		return s.String()
	}
	return string(e.body)
}

// derTime reads UTCTime and GeneralizedTime; the zero time when it is neither.
func derTime(e element) time.Time {
	text := strings.TrimSuffix(string(e.body), "Z")
	layout := "060102150405"
	if e.tag == 0x18 {
		layout = "20060102150405"
	}
	at, err := time.Parse(layout, text)
	if err != nil {
		return time.Time{}
	}
	// RFC 5280 4.1.2.5.1: two-digit years are 1950 to 2049.
	if e.tag == 0x17 && at.Year() >= 2050 {
		at = at.AddDate(-100, 0, 0)
	}
	return at
}

func colons(b []byte, upper bool) string {
	text := hex.EncodeToString(b)
	if upper {
		text = strings.ToUpper(text)
	}
	var s strings.Builder
	for i := 0; i < len(text); i += 2 {
		if i > 0 {
			s.WriteByte(':')
		}
		s.WriteString(text[i : i+2])
	}
	return s.String()
}
