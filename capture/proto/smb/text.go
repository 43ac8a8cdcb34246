package smb

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

var le = binary.LittleEndian

// utf8Of turns UTF-16 (little-endian) into UTF-8, at most nameMax bytes, without zero units at the end.
func utf8Of(b []byte) []byte {
	b = b[:min(len(b), 2*nameMax)&^1]
	out := make([]byte, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(le.Uint16(b[i:]))
		if utf16.IsSurrogate(r) && i+3 < len(b) {
			if both := utf16.DecodeRune(r, rune(le.Uint16(b[i+2:]))); both != utf8.RuneError {
				r = both
				i += 2
			}
		}
		out = utf8.AppendRune(out, r)
		if len(out) >= nameMax {
			out = out[:nameMax]
			break
		}
	}
	return bytes.TrimRight(out, "\x00")
}

// text reads a string of a known length.
func text(b []byte, wide bool) []byte {
	if wide {
		return utf8Of(b)
	}
	return append([]byte(nil), bytes.TrimRight(b[:min(len(b), nameMax)], "\x00")...)
}

// zeroText reads a string that ends with a zero and returns what follows it. at is its place in the message, for wide
// strings begin at even places.
func zeroText(msg []byte, at int, wide bool) (s []byte, next int) {
	if !wide {
		if at >= len(msg) {
			return nil, len(msg)
		}
		n := bytes.IndexByte(msg[at:], 0)
		if n < 0 {
			return text(msg[at:], false), len(msg)
		}
		return text(msg[at:at+n], false), at + n + 1
	}
	at += at & 1
	for i := at; i+1 < len(msg); i += 2 {
		if msg[i] == 0 && msg[i+1] == 0 {
			return utf8Of(msg[at:i]), i + 2
		}
	}
	if at >= len(msg) {
		return nil, len(msg)
	}
	return utf8Of(msg[at:]), len(msg)
}

// part returns n bytes at a place of a message, as many as there are.
func part(msg []byte, at, n int) []byte {
	if at < 0 || n <= 0 || at >= len(msg) {
		return nil
	}
	return msg[at:min(len(msg), at+n)]
}

// isIPC tells whether a share is the one of named pipes.
func isIPC(share []byte) bool {
	const ipc = "IPC$"
	n := len(share) - len(ipc)
	return n >= 0 && bytes.EqualFold(share[n:], []byte(ipc)) && (n == 0 || share[n-1] == '\\')
}
