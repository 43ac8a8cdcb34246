package ftp

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/line"
)

const greetingBytesMax = 512

// Recognise is the proto.Recogniser of control connections: a greeting that names the protocol or comes from its port, or
// a first command that no other protocol has. USER and PASS begin POP3 and IRC sessions too: USER must have one argument,
// PASS needs the port.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if p.Dir == flow.ToClient {
		m := begins(b, "220 ", "220-")
		if m != proto.Yes {
			return m
		}
		first, whole := firstLine(b)
		switch {
		case bytes.Contains(bytes.ToLower(first), []byte("ftp")), p.Port(21):
			return proto.Yes
		case !whole:
			return proto.Maybe
		}
		return proto.No
	}
	if p.Port(110) || p.Port(143) {
		return proto.No
	}
	if m := begins(b, "AUTH TLS", "AUTH SSL", "EPSV", "EPRT |", "PASV\r\n"); m == proto.Yes {
		return m
	}
	if p.Port(21) {
		if m := begins(b, "USER ", "PASS ", "PORT ", "AUTH ", "EPRT ", "EPSV", "PASV", "FEAT", "SYST", "OPTS ", "QUIT", "HELP", "HOST "); m != proto.No {
			return m
		}
		return proto.No
	}
	m := begins(b, "USER ", "EPRT |", "AUTH TLS", "AUTH SSL", "PASV\r\n")
	if m != proto.Yes {
		return m
	}
	first, whole := firstLine(b)
	if !whole {
		return proto.Maybe
	}
	_, arg := line.Word(bytes.TrimRight(first, "\r"))
	if len(arg) == 0 || bytes.ContainsAny(arg, " \t:") || p.Port(6667) {
		return proto.No
	}
	return proto.Yes
}

// firstLine returns the first line and whether it is whole, or as long as it will be looked at.
func firstLine(b []byte) (first []byte, whole bool) {
	first, _, whole = bytes.Cut(b[:min(len(b), greetingBytesMax)], []byte{'\n'})
	return first, whole || len(b) >= greetingBytesMax
}

// begins tells whether b begins with one of the words, in either case.
func begins(b []byte, words ...string) proto.Match {
	best := proto.No
	for _, w := range words {
		n := min(len(b), len(w))
		if !line.HasFold(b[:n], w[:n]) {
			continue
		}
		if n == len(w) {
			return proto.Yes
		}
		best = proto.Maybe
	}
	return best
}
