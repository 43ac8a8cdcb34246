package tns

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"fengsui/capture/proto/wire"
)

// Packet types.
const (
	typeConnect  = 1
	typeAccept   = 2
	typeRefuse   = 4
	typeRedirect = 5
	typeData     = 6
	typeAbort    = 9
	typeResend   = 11
	typeMarker   = 12
	typeLast     = 19
)

const (
	headerBytes  = 8
	packetMax    = 64 << 10
	largeVersion = 315 // lengths have four bytes from this version on
	textMax      = 512
	connectFixed = 26 // of a connect packet: up to the offset of its data
)

// Messages and calls of the two-task protocol.
const (
	ttcCall      = 0x03
	ttcPiggyback = 0x11
	callExecute  = 0x5e
	callFetch    = 0x05
	callLogoff   = 0x09
	callCommit   = 0x0e
	callRollback = 0x0f
	callAuth     = 0x73
	callSession  = 0x76
)

// verbs begin the statements that are looked for. Never written.
var verbs = []string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "BEGIN", "DECLARE", "ALTER", "CREATE", "DROP", "TRUNCATE", "GRANT", "REVOKE", "WITH", "CALL", "COMMIT",
	"ROLLBACK", "LOCK", "EXPLAIN", "AUDIT", "COMMENT", "RENAME", "PURGE", "FLASHBACK", "SET ", "/*", "--", "(SELECT",
}

// value finds (NAME=value) in a descriptor, without regard to case; "" when it is absent or has parts of its own.
func value(descriptor, name string) string {
	at := find(descriptor, "("+name+"=")
	if at < 0 {
		return ""
	}
	rest := descriptor[at+len(name)+2:]
	end := strings.IndexAny(rest, "()")
	if end < 0 {
		end = len(rest)
	}
	return rest[:min(end, textMax)]
}

// find is strings.Index without regard to the case of ASCII letters; name is in capitals.
func find(s, name string) int {
	for at := 0; at+len(name) <= len(s); at++ {
		k := 0
		for k < len(name) && (s[at+k] == name[k] || s[at+k] == name[k]|0x20 && name[k] >= 'A') {
			k++
		}
		if k == len(name) {
			return at
		}
	}
	return -1
}

// version turns VSNNUM into the release it stands for.
func version(number string) string {
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return ""
	}
	part := func(shift, mask uint64) string { return strconv.FormatUint(n>>shift&mask, 10) }
	return strings.Join([]string{part(24, 0xff), part(20, 0xf), part(12, 0xff), part(8, 0xf), part(0, 0xff)}, ".")
}

// printable tells whether a byte may stand in SQL text.
func printable(c byte) bool { return c >= ' ' && c != 0x7f || c == '\n' || c == '\r' || c == '\t' }

// statement finds SQL text in a client's call: a verb behind the length of a string, or behind that of its first piece.
func statement(b []byte) []byte {
	for at := 1; at < len(b); at++ {
		if c := b[at] | 0x20; (c < 'a' || c > 'w') && b[at] != '/' && b[at] != '-' && b[at] != '(' {
			continue
		}
		if !startsWithVerb(b[at:]) {
			continue
		}
		if at >= 2 && b[at-2] == 0xfe && int(b[at-1]) >= 4 {
			if text := pieces(b[at-1:]); text != nil {
				return text
			}
		}
		n := int(b[at-1])
		if n < 4 || n > 252 {
			continue
		}
		if at+n > len(b) {
			n = len(b) - at
		}
		text := b[at : at+n]
		if whole(text) {
			return text
		}
	}
	return nil
}

func whole(text []byte) bool {
	for _, c := range text {
		if !printable(c) {
			return false
		}
	}
	return true
}

func startsWithVerb(b []byte) bool {
	for _, v := range verbs {
		if len(b) >= len(v) && bytes.EqualFold(b[:len(v)], []byte(v)) {
			last := v[len(v)-1]
			if last < 'A' || last > 'Z' || len(b) == len(v) || !isLetter(b[len(v)]) {
				return true
			}
		}
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' }

// pieces joins a string sent in pieces, each behind its length, up to a length of zero or the end.
func pieces(b []byte) []byte {
	var out []byte
	for len(b) > 0 && b[0] != 0 {
		n := min(int(b[0]), len(b)-1)
		if !whole(b[1 : 1+n]) {
			return nil
		}
		out = append(out, b[1:1+n]...)
		b = b[1+n:]
	}
	return out
}

// attribute finds an AUTH_ attribute's value: behind its name stand the value's length, in four bytes (there
// sometimes that of its widest form) and one, or compact.
func attribute(b []byte, name string) string {
	at := bytes.Index(b, []byte(name))
	if at < 0 {
		return ""
	}
	rest := b[at+len(name):]
	n := 0
	switch {
	case len(rest) > 5 && binary.LittleEndian.Uint32(rest) < 1<<12 && rest[4] > 0 && rest[0] != 1:
		n, rest = int(rest[4]), rest[5:]
	case len(rest) > 3 && rest[0] == 1 && rest[1] == rest[2]:
		n, rest = int(rest[2]), rest[3:]
	default:
		return ""
	}
	if n > len(rest) || !whole(rest[:n]) {
		return ""
	}
	return string(rest[:n])
}

// loginUser finds the user's name before the first AUTH_ attribute.
func loginUser(b []byte) string {
	at := bytes.Index(b, []byte("AUTH_"))
	if at < 6 {
		return ""
	}
	n := int(b[at-1]) // of the attribute's name
	end := -1
	switch {
	case b[at-3] == 1 && int(b[at-2]) == n:
		end = at - 3
	case binary.LittleEndian.Uint32(b[at-5:]) < 1<<12: // the length once more, in characters or bytes of the widest
		end = at - 5
	}
	for k := 1; k <= 128 && end-k-1 >= 0; k++ {
		if c := b[end-k]; !printable(c) {
			break
		}
		if int(b[end-k-1]) == k {
			return string(b[end-k : end])
		}
	}
	return ""
}

// oraError finds an error message of the server: code and text.
func oraError(b []byte) (code string, text []byte) {
	for at := 0; ; {
		n := bytes.Index(b[at:], []byte("ORA-"))
		if n < 0 || len(b) < at+n+9 {
			return "", nil
		}
		at += n
		digits := true
		for _, c := range b[at+4 : at+9] {
			digits = digits && c >= '0' && c <= '9'
		}
		if !digits {
			at += 4
			continue
		}
		end := at
		for end < len(b) && printable(b[end]) && b[end] != '\n' && end-at < textMax {
			end++
		}
		return string(b[at : at+9]), b[at:end]
	}
}

// connectData is the descriptor in a connect packet, "" when it comes in a data packet behind.
func connectData(b []byte) (descriptor string, proto uint16, ok bool) {
	if len(b) < headerBytes+connectFixed-6 {
		return "", 0, false
	}
	r := wire.NewReader(b[headerBytes:])
	proto = r.BE16()
	r.Skip(14)
	n, from := int(r.BE16()), int(r.BE16())
	if r.Short() || from > len(b) {
		return "", proto, n == 0 || from >= len(b)
	}
	return string(b[from:min(len(b), from+n)]), proto, true
}
