package file

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// document reads documents that begin with readable marks but need not be text.
func document(b []byte) (Type, bool) {
	w := window(b)
	if i := bytes.Index(b[:min(len(b), 1024)], []byte("%PDF-")); i >= 0 && (i == 0 || i < 1019) {
		v := b[i+5:]
		end := 0
		for end < len(v) && end < 4 && (v[end] >= '0' && v[end] <= '9' || v[end] == '.') {
			end++
		}
		return Type{"application/pdf", "PDF document, version " + string(v[:end])}, true
	}
	switch {
	case prefix(b, "{\\rtf"):
		s := "Rich Text Format data"
		if w.u8(5) >= '0' && w.u8(5) <= '9' {
			s += fmt.Sprintf(", version %c", w.u8(5))
		}
		switch {
		case w.has(6, "\\ansi"):
			s += ", ANSI"
		case w.has(6, "\\mac"):
			s += ", Apple Macintosh"
		}
		return Type{"text/rtf", s}, true
	case prefix(b, "{\\rt"): // what Word still opens
		return Type{"text/rtf", "Rich Text Format data, unknown version"}, true
	}
	return Type{}, false
}

// capture reads packet captures.
func capture(b []byte) (Type, bool) {
	w := window(b)
	const mime = "application/vnd.tcpdump.pcap"
	line := func(resolution, order string, u16 func(int) int, u32 func(int) uint32) (Type, bool) {
		return Type{mime, fmt.Sprintf("pcap capture file, %s ts (%s) - version %d.%d (link type %d, capture length %d)", resolution, order, u16(4), u16(6), u32(20), u32(16))}, true
	}
	switch w.be32(0) {
	case 0xa1b2c3d4:
		return line("microsecond", "big-endian", w.be16, w.be32)
	case 0xd4c3b2a1:
		return line("microsecond", "little-endian", w.le16, w.le32)
	case 0xa1b23c4d:
		return line("nanosecond", "big-endian", w.be16, w.be32)
	case 0x4d3cb2a1:
		return line("nanosecond", "little-endian", w.le16, w.le32)
	case 0x0a0d0d0a:
		if w.le32(8) == 0x1a2b3c4d || w.be32(8) == 0x1a2b3c4d {
			return Type{"application/octet-stream", "pcapng capture file"}, true
		}
	}
	return Type{}, false
}

// keys reads certificates and keys, PEM and DER, and OpenPGP.
func keys(b []byte) (Type, bool) {
	if prefix(b, "-----BEGIN ") {
		end := bytes.Index(b[:min(len(b), 80)], []byte("-----\n"))
		if end < 0 {
			end = bytes.Index(b[:min(len(b), 80)], []byte("-----\r"))
		}
		if end > 11 {
			switch what := string(b[11:end]); what {
			case "CERTIFICATE":
				return Type{"text/plain", "PEM certificate"}, true
			case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
				return Type{"text/plain", "PEM certificate request"}, true
			case "RSA PRIVATE KEY":
				return Type{"text/plain", "PEM RSA private key"}, true
			case "EC PRIVATE KEY":
				return Type{"text/plain", "PEM EC private key"}, true
			case "DSA PRIVATE KEY":
				return Type{"text/plain", "PEM DSA private key"}, true
			case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
				return Type{"text/plain", "PEM private key"}, true
			case "OPENSSH PRIVATE KEY":
				return Type{"text/plain", "OpenSSH private key"}, true
			case "PUBLIC KEY":
				return Type{"text/plain", "PEM public key"}, true
			case "PGP MESSAGE":
				return Type{"text/PGP", "PGP message"}, true
			case "PGP SIGNATURE":
				return Type{"application/pgp-signature", "PGP signature"}, true
			case "PGP PUBLIC KEY BLOCK":
				return Type{"application/pgp-keys", "PGP public key block"}, true
			case "PGP PRIVATE KEY BLOCK":
				return Type{"application/pgp-keys", "PGP private key block"}, true
			}
		}
	}
	// A certificate is a sequence of a sequence that begins with [0] version, or PKCS#7 and #12, which name themselves.
	w := window(b)
	if w.be16(0) == 0x3082 && len(b) > 32 {
		switch {
		case w.be16(4) == 0x3082 && w.has(8, "\xa0\x03\x02\x01"):
			return Type{"application/pkix-cert", fmt.Sprintf("Certificate, Version=%d", w.u8(12)+1)}, true
		case w.has(4, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"):
			return Type{"application/pkcs7-mime", "DER Encoded PKCS#7 Signed Data"}, true
		case w.has(4, "\x02\x01\x03\x30"):
			return Type{"application/x-pkcs12", "DER Encoded PKCS#12"}, true
		case w.has(4, "\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"):
			return Type{"application/octet-stream", "DER Encoded Key Pair, RSA"}, true
		}
	}
	return Type{}, false
}

// text tells text from data, its encoding, and the languages that can be told.
func text(b []byte) (Type, bool) {
	encoding, plain, ok := encodingOf(b)
	if !ok {
		return Type{}, false
	}
	head := plain[:min(len(plain), 8192)]
	t := language(head)
	lines := lineNotes(plain)
	switch {
	case t.Description == "":
		return Type{"text/plain", encoding + lines}, true
	case t.bare:
		return Type{t.MIME, t.Description}, true
	case t.runs:
		return Type{t.MIME, t.Description + ", " + encoding + " executable" + lines}, true
	}
	return Type{t.MIME, t.Description + ", " + encoding + lines}, true
}

// encodingOf names the character set; plain is the text to look at (UTF-16 narrowed).
func encodingOf(b []byte) (name string, plain []byte, ok bool) {
	switch {
	case prefix(b, "\xef\xbb\xbf"):
		if textual(b[3:]) {
			return "Unicode text, UTF-8 (with BOM) text", b[3:], true
		}
		return "", nil, false
	case prefix(b, "\xff\xfe"):
		return "Unicode text, UTF-16, little-endian text", narrow(b[2:], 0), true
	case prefix(b, "\xfe\xff"):
		return "Unicode text, UTF-16, big-endian text", narrow(b[2:], 1), true
	}
	if !textual(b) {
		return "", nil, false
	}
	high := false
	for _, c := range b {
		if c >= 0x80 {
			high = true
			break
		}
	}
	switch {
	case !high:
		return "ASCII text", b, true
	case utf8.Valid(wholeRunes(b)):
		return "Unicode text, UTF-8 text", b, true
	}
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return "Non-ISO extended-ASCII text", b, true
		}
	}
	return "ISO-8859 text", b, true
}

// wholeRunes leaves out a character that the window cuts.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= 3 && i <= len(b); i++ {
		c := b[len(b)-i]
		if c >= 0xc0 {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
		if c < 0x80 {
			break
		}
	}
	return b
}

// textual tells that no byte is one that text does not have.
func textual(b []byte) bool {
	for _, c := range b {
		if c < ' ' && (c < 7 || c > 13) && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}

func narrow(b []byte, low int) []byte {
	out := make([]byte, 0, min(len(b)/2, 8192))
	for i := 0; i+1 < len(b) && len(out) < 8192; i += 2 {
		c := b[i+low]
		if b[i+1-low] != 0 {
			c = 0x80
		}
		out = append(out, c)
	}
	return out
}

// lineNotes describes line lengths and ends as file(1) does.
func lineNotes(b []byte) string {
	longest, crlf, lf, cr := 0, 0, 0, 0
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		line := rest
		if i >= 0 {
			line, rest = rest[:i], rest[i+1:]
			if len(line) > 0 && line[len(line)-1] == '\r' {
				crlf++
				line = line[:len(line)-1]
			} else {
				lf++
			}
		} else {
			rest = nil
		}
		cr += bytes.Count(line, []byte{'\r'})
		longest = max(longest, len(line))
	}
	s := ""
	if longest >= 300 {
		s = fmt.Sprintf(", with very long lines (%d)", longest)
	}
	switch {
	case crlf == 0 && lf == 0 && cr == 0:
		s += ", with no line terminators"
	case crlf > 0 && lf == 0 && cr == 0:
		s += ", with CRLF line terminators"
	case crlf == 0 && lf == 0:
		s += ", with CR line terminators"
	case crlf > 0 && lf > 0:
		s += ", with CRLF, LF line terminators"
	}
	return s
}
