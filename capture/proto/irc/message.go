package irc

import (
	"bytes"
	"net/netip"
	"strconv"

	"fengsui/capture/proto/line"
)

const (
	lineBytesMax = 8 << 10
	paramsMax    = 15
	nameBytesMax = 256
	commandMax   = 32
)

// DCC is an offer of a direct connection.
type DCC struct {
	Kind string // SEND, CHAT, …
	File []byte
	Addr netip.AddrPort
	Size uint64
}

// Message is one line.
type Message struct {
	Line    []byte // as sent, without line end
	Prefix  []byte // who sent it, without the colon
	Command string // in upper case, or three digits
	Params  [][]byte
}

// parse reads a line. It reports whether it is a message.
func (m *Message) parse(b []byte) bool {
	m.Line, _ = line.Clip(b, lineBytesMax)
	b = bytes.TrimLeft(m.Line, " ")
	if len(b) > 0 && b[0] == '@' { // tags
		_, b = line.Word(b)
	}
	if len(b) > 0 && b[0] == ':' {
		m.Prefix, b = line.Word(b[1:])
	}
	word, b := line.Word(b)
	m.Command = string(line.Fold(word, commandMax))
	for _, c := range []byte(m.Command) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	for len(b) > 0 {
		if b[0] == ':' || len(m.Params) == paramsMax-1 {
			m.Params = append(m.Params, bytes.TrimPrefix(b, []byte{':'}))
			break
		}
		var p []byte
		p, b = line.Word(b)
		m.Params = append(m.Params, p)
	}
	return m.Command != ""
}

// Param returns parameter i, nil when there is none.
func (m *Message) Param(i int) []byte {
	if i < len(m.Params) {
		return m.Params[i]
	}
	return nil
}

// Nick returns the nickname of the sender of a server's message.
func (m *Message) Nick() []byte {
	nick, _, _ := bytes.Cut(m.Prefix, []byte{'!'})
	return nick
}

// Channel returns the channel a message is about, nil when it is about none.
func (m *Message) Channel() []byte {
	for _, p := range m.Params {
		if len(p) > 1 && (p[0] == '#' || p[0] == '&' || p[0] == '+' && m.Command == "JOIN" || p[0] == '!') {
			p, _, _ = bytes.Cut(p, []byte{','})
			return p[:min(len(p), nameBytesMax)]
		}
		if m.Command == "PRIVMSG" || m.Command == "NOTICE" {
			return nil // only the target counts
		}
	}
	return nil
}

// ctcp returns the request within a PRIVMSG or NOTICE, nil when it is none.
func (m *Message) ctcp() []byte {
	if m.Command != "PRIVMSG" && m.Command != "NOTICE" {
		return nil
	}
	text := m.Param(1)
	if len(text) < 2 || text[0] != 1 {
		return nil
	}
	return bytes.TrimSuffix(text[1:], []byte{1})
}

// dcc reads "DCC SEND name address port size"; nil when it is none.
func (m *Message) dcc() *DCC {
	word, rest := line.Word(m.ctcp())
	if string(line.Fold(word, 8)) != "DCC" {
		return nil
	}
	kind, rest := line.Word(rest)
	d := &DCC{Kind: string(line.Fold(kind, 16))}
	if len(rest) > 0 && rest[0] == '"' {
		if name, after, ok := bytes.Cut(rest[1:], []byte{'"'}); ok {
			d.File, rest = name, bytes.TrimLeft(after, " ")
		}
	}
	if d.File == nil {
		d.File, rest = line.Word(rest)
	}
	addr, rest := line.Word(rest)
	port, rest := line.Word(rest)
	size, _ := line.Word(rest)
	d.Size, _ = strconv.ParseUint(string(size), 10, 64)
	n, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil {
		return d
	}
	if v, err := strconv.ParseUint(string(addr), 10, 32); err == nil {
		d.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), uint16(n))
	} else if a, err := netip.ParseAddr(string(addr[:min(len(addr), 64)])); err == nil {
		d.Addr = netip.AddrPortFrom(a, uint16(n))
	}
	return d
}

// secret tells whether the parameters from i on are a secret.
func (m *Message) secret() (from int, ok bool) {
	switch m.Command {
	case "PASS", "AUTHENTICATE":
		return 0, true
	case "OPER":
		return 1, true
	case "NICKSERV", "NS", "IDENTIFY":
		return 0, true
	case "PRIVMSG":
		target, _, _ := bytes.Cut(m.Param(0), []byte{'@'})
		switch string(line.Fold(target, commandMax)) {
		case "NICKSERV", "CHANSERV", "AUTHSERV", "Q", "X":
			return 1, true
		}
	}
	return 0, false
}
