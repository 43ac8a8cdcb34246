package known

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// lineMax is how many bytes of a first line are looked at.
const lineMax = 512

// prefix compares the beginning of b with a word, without regard to case.
func prefix(b []byte, word string) proto.Match {
	n := min(len(b), len(word))
	if !bytes.EqualFold(b[:n], []byte(word[:n])) {
		return proto.No
	}
	if n < len(word) {
		return proto.Maybe
	}
	return proto.Yes
}

// anyPrefix returns the best answer for a list of words.
func anyPrefix(b []byte, words ...string) proto.Match {
	best := proto.No
	for _, w := range words {
		switch prefix(b, w) {
		case proto.Yes:
			return proto.Yes
		case proto.Maybe:
			best = proto.Maybe
		}
	}
	return best
}

// firstLine returns the first line in lower case and whether it is whole.
func firstLine(b []byte) (line []byte, whole bool) {
	line, _, whole = bytes.Cut(b[:min(len(b), lineMax)], []byte{'\n'})
	return bytes.ToLower(line), whole || len(b) >= lineMax
}

// RFB recognises the version message of RFC 6143 7.1.1.
func RFB(p *proto.Probe) proto.Match { return prefix(p.Data, "RFB 00") }

// HTTP2 recognises the preface of RFC 9113 3.4.
func HTTP2(p *proto.Probe) proto.Match { return prefix(p.Data, "PRI * HTTP/2.0\r\n\r\nSM") }

// IRC recognises the client's registration (RFC 2812 3.1).
func IRC(p *proto.Probe) proto.Match {
	if p.Dir == flow.ToClient {
		return proto.No
	}
	return prefix(p.Data, "NICK ")
}

// Redis recognises a command as an array of bulk strings.
func Redis(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient || len(b) == 0 || b[0] != '*' {
		return proto.No
	}
	line, rest, whole := bytes.Cut(b[:min(len(b), 16)], []byte("\r\n"))
	for _, c := range line[1:] {
		if c < '0' || c > '9' {
			return proto.No
		}
	}
	if !whole || len(rest) == 0 {
		return proto.Maybe
	}
	if len(line) > 1 && rest[0] == '$' {
		return proto.Yes
	}
	return proto.No
}

// DHT recognises messages of BitTorrent's distributed hash table (BEP 5).
func DHT(p *proto.Probe) proto.Match {
	if bytes.HasPrefix(p.Data, []byte("d1:")) && (bytes.Contains(p.Data, []byte("1:y1:q")) || bytes.Contains(p.Data, []byte("1:y1:r")) || bytes.Contains(p.Data, []byte("1:y1:e"))) {
		return proto.Yes
	}
	return proto.No
}
