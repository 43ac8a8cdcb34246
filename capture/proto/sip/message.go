package sip

import (
	"bytes"
	"strconv"

	"fengsui/capture/proto/line"
)

const (
	headerBytesMax = 64 << 10
	fieldsMax      = 200
	fieldBytesMax  = 8 << 10
	bodyKeptMax    = 16 << 10
	methodBytesMax = 32
	codeDigits     = 3
)

// Field is one header field.
type Field struct {
	Name  string // in lower case, compact forms spelled out; "" when it is longer than any we know
	Value []byte // unfolded, without surrounding white space
}

// Message is one request or response.
type Message struct {
	Request    bool
	Line       []byte // start line without line end
	Method     []byte // of a request
	URI        []byte
	Code       []byte // of a response: three digits
	Reason     []byte
	Version    []byte // "SIP/2.0"
	RawHeaders []byte // the fields as sent, with the empty line
	Fields     []Field
	Body       []byte // its first bytes
	BodyBytes  uint64 // seen
	SDP        *SDP   // nil when there is none
	Raw        []byte // start line, headers and as much of the body as is kept
}

// startLine reads the first line. It reports whether it is one of SIP.
func (m *Message) startLine(b []byte) bool {
	m.Line = bytes.Clone(b)
	b = m.Line
	if line.HasFold(b, "SIP/") {
		version, rest, ok := bytes.Cut(b, []byte{' '})
		code, reason, _ := bytes.Cut(rest, []byte{' '})
		m.Version, m.Code, m.Reason = version, code, reason
		_, err := strconv.ParseUint(string(code), 10, 16)
		return ok && err == nil && len(code) == codeDigits
	}
	m.Request = true
	method, rest, ok := bytes.Cut(b, []byte{' '})
	uri, version, ok2 := bytes.Cut(rest, []byte{' '})
	m.Method, m.URI, m.Version = method, uri, bytes.TrimSpace(version)
	return ok && ok2 && token(method) && len(uri) > 0 && line.HasFold(m.Version, "SIP/")
}

// token tells whether b can be a method.
func token(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && c != '!' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= methodBytesMax
}

// headers reads the fields of a block that ends with an empty line, or at its end.
func (m *Message) headers(b []byte) {
	m.RawHeaders = bytes.Clone(b)
	for len(b) > 0 {
		var l []byte
		l, b, _ = bytes.Cut(b, []byte{'\n'})
		l = bytes.TrimRight(l, "\r")
		if len(l) == 0 {
			return
		}
		if (l[0] == ' ' || l[0] == '\t') && len(m.Fields) > 0 {
			f := &m.Fields[len(m.Fields)-1]
			if l = bytes.TrimSpace(l); len(l) > 0 && len(f.Value)+len(l) < fieldBytesMax {
				f.Value = append(append(f.Value[:len(f.Value):len(f.Value)], ' '), l...)
			}
			continue
		}
		name, value, ok := bytes.Cut(l, []byte{':'})
		if !ok || len(m.Fields) >= fieldsMax {
			continue
		}
		value, _ = line.Clip(bytes.TrimSpace(value), fieldBytesMax)
		m.Fields = append(m.Fields, Field{longName(bytes.TrimRight(name, " \t")), value})
	}
}

// longName returns a field's name in lower case, spelled out (RFC 3261 7.3.3 and later registrations).
func longName(b []byte) string {
	if len(b) > 64 {
		return ""
	}
	if len(b) == 1 {
		switch b[0] | 0x20 {
		case 'a':
			return "accept-contact"
		case 'b':
			return "referred-by"
		case 'c':
			return "content-type"
		case 'd':
			return "request-disposition"
		case 'e':
			return "content-encoding"
		case 'f':
			return "from"
		case 'i':
			return "call-id"
		case 'j':
			return "reject-contact"
		case 'k':
			return "supported"
		case 'l':
			return "content-length"
		case 'm':
			return "contact"
		case 'o':
			return "event"
		case 'r':
			return "refer-to"
		case 's':
			return "subject"
		case 't':
			return "to"
		case 'u':
			return "allow-events"
		case 'v':
			return "via"
		case 'x':
			return "session-expires"
		}
	}
	return string(bytes.ToLower(b))
}

// Nth returns the value of field i among those of a (long, lower-case) name.
func (m *Message) Nth(name string, i int) ([]byte, bool) {
	for k := range m.Fields {
		if m.Fields[k].Name == name {
			if i == 0 {
				return m.Fields[k].Value, true
			}
			i--
		}
	}
	return nil, false
}

// Get returns the value of the first field of a name, nil when there is none.
func (m *Message) Get(name string) []byte {
	v, _ := m.Nth(name, 0)
	return v
}

// contentLength returns the declared length of the body, -1 when there is none that can be read.
func (m *Message) contentLength() int64 {
	v, ok := m.Nth("content-length", 0)
	if !ok {
		return -1
	}
	n, err := strconv.ParseUint(string(v), 10, 32)
	if err != nil {
		return -1
	}
	return int64(n)
}

// user returns the name a message logs in with (RFC 3261 22).
func (m *Message) user() []byte {
	for _, name := range [...]string{"authorization", "proxy-authorization"} {
		v := m.Get(name)
		if i := bytes.Index(bytes.ToLower(v), []byte(`username="`)); i >= 0 {
			user, _, _ := bytes.Cut(v[i+len(`username="`):], []byte{'"'})
			return user
		}
	}
	return nil
}

// describe looks for a session description in the body.
func (m *Message) describe() {
	contentType := m.Get("content-type")
	kind, _, _ := bytes.Cut(bytes.ToLower(contentType), []byte{';'})
	switch kind = bytes.TrimSpace(kind); {
	case string(kind) == "application/sdp":
		m.SDP = parseSDP(m.Body)
	case bytes.HasPrefix(kind, []byte("multipart/")):
		_, boundary, ok := bytes.Cut(contentType, []byte("boundary="))
		boundary, _, _ = bytes.Cut(boundary, []byte{';'})
		boundary = bytes.Trim(boundary, "\" \t")
		if !ok || len(boundary) == 0 {
			return
		}
		for rest := m.Body; ; {
			_, after, found := bytes.Cut(rest, append([]byte("--"), boundary...))
			if !found {
				return
			}
			part, _, _ := bytes.Cut(after, append([]byte("--"), boundary...))
			var inner Message
			if at := bytes.IndexByte(part, '\n'); at >= 0 {
				inner.headers(part[at+1:])
			}
			if end := emptyLine(part, 0); end >= 0 && bytes.Contains(bytes.ToLower(inner.Get("content-type")), []byte("application/sdp")) {
				m.SDP = parseSDP(part[end:])
				return
			}
			rest = after
		}
	}
}

// emptyLine returns where the content behind an empty line begins, -1 when there is no empty line; from is how much was
// searched before.
func emptyLine(b []byte, from int) int {
	for i := max(from-3, 0); i < len(b); i++ {
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			return -1
		}
		i += k
		rest := b[i+1:]
		if len(rest) > 0 && rest[0] == '\n' {
			return i + 2
		}
		if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' {
			return i + 3
		}
	}
	return -1
}
