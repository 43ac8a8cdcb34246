package http

import (
	"bytes"

	"fengsui/capture/flow"
)

// headersEnd finds the end of a header block: the offset behind its blank line, or -1. from is where an earlier look
// ended, so that bytes are looked at once.
func headersEnd(b []byte, from int) int {
	if hasPrefix(b, "\r\n") {
		return 2
	}
	if hasPrefix(b, "\n") {
		return 1
	}
	for i := max(0, from-3); ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return -1
		}
		i += j + 1
		end := i
		for end < len(b) && b[end] == '\r' { // servers take any number of CR in front of the LF
			end++
		}
		if end < len(b) && b[end] == '\n' {
			return end + 1
		}
	}
}

// isSpace tells what surrounds names and values without belonging to them; NUL counts, as it does for servers.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }

// trim takes white space off both ends. The result is never nil, also when nothing is left.
func trim(b []byte) []byte {
	b = b[:len(b):len(b)]
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	if b == nil {
		return []byte{}
	}
	return b
}

// parseHeaders reads a header block (with or without its blank line) into m. block is kept.
func (t *Transaction) parseHeaders(dir flow.Direction, block []byte, l *Limits) {
	m := t.Side(dir)
	m.RawHeaders = block
	m.Headers = t.readFields(dir, block, l)
	t.buildViews(dir, m)
}

// readFields splits a block into fields, unfolds and joins.
func (t *Transaction) readFields(dir flow.Direction, block []byte, l *Limits) []Header {
	side := sideName(dir)
	list := make([]Header, 0, bytes.Count(block, []byte{'\n'}))
	total := 0
	for len(block) > 0 {
		var line []byte
		line, block = nextLine(block)
		if len(line) == 0 {
			if len(block) == 0 {
				break
			}
			continue
		}
		if total++; total > l.HeadersMax {
			t.Anomaly(side + "_too_many_headers")
			break
		}
		// obs-fold (RFC 9112 5.2): a line that begins with white space continues the one before.
		for len(block) > 0 && (block[0] == ' ' || block[0] == '\t' || block[0] == 0) {
			var more []byte
			more, block = nextLine(block)
			more = trim(more)
			if len(more) == 0 {
				break
			}
			t.Anomaly("invalid_" + side + "_field_folding")
			line = append(append(bytes.Clone(line), ' '), more...)
		}
		name, value, colon := bytes.Cut(line, []byte{':'})
		if !colon {
			t.Anomaly(side + "_field_missing_colon")
			name, value = nil, line
		}
		value = trim(value)
		if trimmed := trim(name); len(trimmed) != len(name) || len(name) == 0 && colon {
			t.Anomaly(side + "_header_invalid")
			name = trimmed
		}
		list = t.addField(list, name, value, side)
	}
	return list
}

// sideName is the word anomalies have for a side.
func sideName(dir flow.Direction) string {
	if dir == flow.ToClient {
		return "response"
	}
	return "request"
}

// addField appends a field or joins it to an earlier one of its name.
func (t *Transaction) addField(list []Header, name, value []byte, side string) []Header {
	for i := range list {
		if !bytes.EqualFold(list[i].Name, name) || len(name) == 0 {
			continue
		}
		t.Anomaly(side + "_header_repetition")
		if equalFold(name, "content-length") {
			have, ok1 := contentLength(list[i].Value)
			more, ok2 := contentLength(value)
			if !ok1 || !ok2 || have != more {
				t.Anomaly("duplicate_content_length_field_in_" + side)
			}
			return list
		}
		joined := make([]byte, 0, len(list[i].Value)+2+len(value))
		joined = append(joined, list[i].Value...)
		joined = append(joined, ", "...)
		list[i].Value = append(joined, value...)
		return list
	}
	return append(list, Header{Name: name, Value: value})
}

// nextLine returns a line without its end and what follows it.
func nextLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimRight(b, "\r"), nil
	}
	return bytes.TrimRight(b[:i], "\r"), b[i+1:]
}

// buildViews makes the buffers rules look at.
func (t *Transaction) buildViews(dir flow.Direction, m *Message) {
	size := 2*len(m.RawHeaders) + len(m.Line) + 8*len(m.Headers) + 8
	arena := make([]byte, 0, size)
	at := 0
	cut := func() []byte {
		v := arena[at:len(arena):len(arena)]
		at = len(arena)
		return v
	}
	arena = append(arena, m.Line...)
	arena = append(arena, "\r\n"...)
	arena = append(arena, m.RawHeaders...)
	m.Start = cut()
	for i := range m.Headers {
		h := &m.Headers[i]
		if isCookie(dir, h.Name) {
			m.Cookie = h.Value
			continue
		}
		arena = append(arena, h.Name...)
		arena = append(arena, ": "...)
		arena = append(arena, h.Value...)
		arena = append(arena, "\r\n"...)
	}
	m.NormHeaders = cut()
	if len(m.Headers) == 0 {
		return
	}
	arena = append(arena, "\r\n"...)
	for i := range m.Headers {
		arena = append(arena, m.Headers[i].Name...)
		arena = append(arena, "\r\n"...)
	}
	arena = append(arena, "\r\n"...)
	m.HeaderNames = cut()
}

func isCookie(dir flow.Direction, name []byte) bool {
	if dir == flow.ToServer {
		return equalFold(name, "cookie")
	}
	return equalFold(name, "set-cookie")
}

// framing reads Content-Length and Transfer-Encoding.
func (t *Transaction) framing(dir flow.Direction, m *Message) {
	side := sideName(dir)
	m.ContentLength = -1
	if te := m.Get("transfer-encoding"); te != nil {
		if bytes.Contains(bytes.ToLower(te), []byte("chunked")) {
			m.Chunked = true
			if !bytes.EqualFold(te, []byte("chunked")) && dir == flow.ToClient {
				t.Anomaly("response_abnormal_transfer_encoding")
			}
		} else {
			t.Anomaly("invalid_transfer_encoding_value_in_" + side)
		}
	}
	if cl := m.Get("content-length"); cl != nil && !m.Chunked {
		n, ok := contentLength(cl)
		if !ok {
			t.Anomaly("invalid_content_length_field_in_" + side)
		}
		m.ContentLength = n
	}
}

// contentLength reads the first number of the field, as servers do; -1 when there is none.
func contentLength(b []byte) (int64, bool) {
	i := 0
	for i < len(b) && (b[i] < '0' || b[i] > '9') {
		i++
	}
	clean := i == 0
	n, digits := int64(0), 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if digits++; digits > 18 {
			return -1, false
		}
		n = n*10 + int64(b[i]-'0')
	}
	if digits == 0 {
		return -1, false
	}
	return n, clean && i == len(b)
}
