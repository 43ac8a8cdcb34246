package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// grease tells reserved values that clients mix in (RFC 8701).
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func joinDecimal(dst []byte, list []uint16) []byte {
	first := true
	for _, v := range list {
		if grease(v) {
			continue
		}
		if !first {
			dst = append(dst, '-')
		}
		first = false
		dst = strconv.AppendUint(dst, uint64(v), 10)
	}
	return dst
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// fingerprint fills JA3 and JA4.
func (h *ClientHello) fingerprint() {
	b := make([]byte, 0, 512)
	b = strconv.AppendUint(b, uint64(h.LegacyVersion), 10)
	b = append(b, ',')
	b = joinDecimal(b, h.Ciphers)
	b = append(b, ',')
	b = joinDecimal(b, h.Extensions)
	b = append(b, ',')
	b = joinDecimal(b, h.Groups)
	b = append(b, ',')
	for i, f := range h.PointFormats {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(f), 10)
	}
	h.JA3, h.JA3Hash = string(b), md5Hex(b)
	h.JA4 = h.ja4(b[:0])
}

// fingerprint fills JA3S.
func (h *ServerHello) fingerprint() {
	b := make([]byte, 0, 64)
	b = strconv.AppendUint(b, uint64(h.LegacyVersion), 10)
	b = append(b, ',')
	b = strconv.AppendUint(b, uint64(h.Cipher), 10)
	b = append(b, ',')
	for i, e := range h.Extensions {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(e), 10)
	}
	h.JA3S, h.JA3SHash = string(b), md5Hex(b)
}

// ja4 makes the fingerprint of https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md.
func (h *ClientHello) ja4(b []byte) string {
	version := h.LegacyVersion
	if len(h.Versions) > 0 {
		version = slices.Max(h.Versions)
	}
	ciphers, extensions := kept(h.Ciphers), kept(h.Extensions)
	if h.transport == 0 {
		h.transport = 't'
	}
	b = append(b, h.transport)
	b = append(b, ja4Version(version)...)
	if slices.Contains(extensions, extServerName) {
		b = append(b, 'd')
	} else {
		b = append(b, 'i')
	}
	b = twoDigits(b, len(ciphers))
	b = twoDigits(b, len(extensions))
	b = h.ja4ALPN(b)
	b = append(b, '_')
	slices.Sort(ciphers)
	b = shortHash(b, hexList(nil, ciphers))
	b = append(b, '_')
	listed := extensions[:0]
	for _, e := range extensions {
		if e != extServerName && e != extALPN {
			listed = append(listed, e)
		}
	}
	slices.Sort(listed)
	text := hexList(nil, listed)
	if sig := kept(h.SigAlgs); len(sig) > 0 && len(text) > 0 {
		text = append(text, '_')
		text = hexList(text, sig)
	}
	return string(shortHash(b, text))
}

func kept(list []uint16) []uint16 {
	out := make([]uint16, 0, len(list))
	for _, v := range list {
		if !grease(v) {
			out = append(out, v)
		}
	}
	return out
}

func ja4Version(v uint16) string {
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

func twoDigits(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

// ja4ALPN adds the first and last character of the first protocol, or of its hexadecimal form when either is none of
// the letters and digits of ASCII.
func (h *ClientHello) ja4ALPN(b []byte) []byte {
	if len(h.ALPN) == 0 || len(h.ALPN[0]) == 0 {
		return append(b, "00"...)
	}
	a := h.ALPN[0]
	first, last := a[0], a[len(a)-1]
	if !alnum(first) || !alnum(last) {
		const digits = "0123456789abcdef"
		first, last = digits[first>>4], digits[last&15]
	}
	return append(b, first, last)
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func hexList(b []byte, list []uint16) []byte {
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, []byte{byte(v >> 8), byte(v)})
	}
	return b
}

func shortHash(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(dst, sum[:6])
}
