package dht

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"fengsui/capture/proto/wire"
)

const (
	depthMax = 8
	listMax  = 64
	textMax  = 256
	idBytes  = 20
	node4    = idBytes + 6
	node6    = idBytes + 18
)

// Message is what a datagram says.
type Message struct {
	Transaction []byte
	Type        byte // q, r, e
	Request     []byte
	NodeID      []byte // of the sending node
	Target      []byte
	InfoHash    []byte
	Port        int64
	HasPort     bool
	Peers       []netip.AddrPort
	Nodes       []netip.AddrPort
	Client      []byte
	ErrorCode   int64
	Error       []byte
}

// next cuts one bencoded value off b; ok is false when there is none.
func next(b []byte, depth int) (value, rest []byte, ok bool) {
	if len(b) == 0 || depth > depthMax {
		return nil, b, false
	}
	switch c := b[0]; {
	case c == 'i':
		end := bytes.IndexByte(b[:min(len(b), 24)], 'e')
		if end < 2 {
			return nil, b, false
		}
		return b[:end+1], b[end+1:], true
	case c >= '0' && c <= '9':
		_, rest, ok := text(b)
		return b[:len(b)-len(rest)], rest, ok
	case c == 'l' || c == 'd':
		rest := b[1:]
		for len(rest) > 0 && rest[0] != 'e' {
			if c == 'd' {
				if _, rest, ok = text(rest); !ok {
					return nil, b, false
				}
			}
			if _, rest, ok = next(rest, depth+1); !ok {
				return nil, b, false
			}
		}
		if len(rest) == 0 {
			return nil, b, false
		}
		return b[:len(b)-len(rest)+1], rest[1:], true
	}
	return nil, b, false
}

// text reads a byte string.
func text(b []byte) (s, rest []byte, ok bool) {
	colon := bytes.IndexByte(b[:min(len(b), 8)], ':')
	if colon < 1 {
		return nil, b, false
	}
	n, err := strconv.ParseUint(string(b[:colon]), 10, 16)
	if err != nil || int(n) > len(b)-colon-1 {
		return nil, b, false
	}
	return b[colon+1 : colon+1+int(n)], b[colon+1+int(n):], true
}

func integer(b []byte) (int64, bool) {
	if len(b) < 3 || b[0] != 'i' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b[1:len(b)-1]), 10, 64)
	return n, err == nil
}

// each calls f for every entry of a dictionary that is the whole of b.
func each(b []byte, depth int, f func(key, value []byte)) bool {
	whole, rest, ok := next(b, depth)
	if !ok || len(rest) != 0 || whole[0] != 'd' {
		return false
	}
	b = whole[1 : len(whole)-1]
	for len(b) > 0 {
		key, after, ok := text(b)
		if !ok {
			return false
		}
		value, after, ok := next(after, depth+1)
		if !ok {
			return false
		}
		f(key, value)
		b = after
	}
	return true
}

// str returns a byte string's bytes, bounded; nil when the value is none.
func str(value []byte) []byte {
	s, _, ok := text(value)
	if !ok {
		return nil
	}
	s, _ = wire.Keep(s, textMax)
	return s
}

// parse reads a datagram; false when it is malformed.
func (m *Message) parse(b []byte) bool {
	var arguments, answers, failure []byte
	ok := each(b, 0, func(key, value []byte) {
		switch string(key) {
		case "t":
			m.Transaction = str(value)
		case "y":
			if s := str(value); len(s) == 1 {
				m.Type = s[0]
			}
		case "q":
			m.Request = str(value)
		case "v":
			m.Client = str(value)
		case "a":
			arguments = value
		case "r":
			answers = value
		case "e":
			failure = value
		}
	})
	if !ok || m.Transaction == nil {
		return false
	}
	switch m.Type {
	case 'q':
		return m.Request != nil && arguments != nil && each(arguments, 1, m.field) && len(m.NodeID) == idBytes
	case 'r':
		return answers != nil && each(answers, 1, m.field) && len(m.NodeID) == idBytes
	case 'e':
		return m.failure(failure)
	}
	return false
}

// field reads an argument or an answer.
func (m *Message) field(key, value []byte) {
	switch string(key) {
	case "id":
		m.NodeID = str(value)
	case "target":
		m.Target = str(value)
	case "info_hash":
		m.InfoHash = str(value)
	case "port":
		m.Port, m.HasPort = integer(value)
	case "nodes":
		m.nodes(value, node4)
	case "nodes6":
		m.nodes(value, node6)
	case "values":
		if len(value) < 2 || value[0] != 'l' {
			return
		}
		for rest := value[1 : len(value)-1]; len(rest) > 0 && len(m.Peers) < listMax; {
			item, after, ok := next(rest, 2)
			if !ok {
				return
			}
			if s, _, ok := text(item); ok {
				if a, ok := endpoint(s); ok {
					m.Peers = append(m.Peers, a)
				}
			}
			rest = after
		}
	}
}

// nodes reads compact node information: identifier, address, port.
func (m *Message) nodes(value []byte, size int) {
	s, _, ok := text(value)
	for ok && len(s) >= size && len(m.Nodes) < listMax {
		if a, ok := endpoint(s[idBytes:size]); ok {
			m.Nodes = append(m.Nodes, a)
		}
		s = s[size:]
	}
}

// endpoint reads a compact address: 4 or 16 bytes and a port.
func endpoint(b []byte) (netip.AddrPort, bool) {
	if len(b) != 6 && len(b) != 18 {
		return netip.AddrPort{}, false
	}
	a, ok := netip.AddrFromSlice(b[:len(b)-2])
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[len(b)-2:])), ok
}

// failure reads an error: a list of code and message.
func (m *Message) failure(b []byte) bool {
	if len(b) < 2 || b[0] != 'l' {
		return false
	}
	code, rest, ok := next(b[1:len(b)-1], 2)
	if !ok {
		return false
	}
	if m.ErrorCode, ok = integer(code); !ok {
		return false
	}
	m.Error = str(rest)
	return m.Error != nil
}
