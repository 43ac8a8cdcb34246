package mime

import (
	"bytes"
	"encoding/hex"
	stdmime "mime"
	"strconv"
	"strings"
)

// header gathers the fields of one header block.
type header struct {
	fields []Field
	bytes  int
	open   bool // the last field may be continued
}

// line takes one line of the block, cut to a piece of it when it is long. It reports anomalies.
func (h *header) line(b []byte, anomaly func(string)) {
	h.bytes += len(b)
	if len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		if h.open {
			h.fields[len(h.fields)-1].fold(b, anomaly)
		}
		return
	}
	name, value, ok := bytes.Cut(b, []byte{':'})
	h.open = false
	if !ok {
		return
	}
	if len(h.fields) >= headerFieldsMax || h.bytes > headerBytesMax {
		anomaly("mime_parse_failed")
		return
	}
	name = bytes.TrimRight(name, " \t")
	value = bytes.TrimLeft(value, " \t\r\n")
	if len(name) > fieldNameMax {
		anomaly("mime_long_header_name")
		name = name[:min(len(name), fieldBytesMax)]
	}
	if len(value) > fieldValueMax {
		anomaly("mime_long_header_value")
	}
	h.fields = append(h.fields, Field{Name: bytes.Clone(name), Value: append([]byte{}, value[:min(len(value), fieldBytesMax)]...)})
	h.open = true
}

// fold joins a continuation line to a field.
func (f *Field) fold(b []byte, anomaly func(string)) {
	if f.full == nil {
		f.full = bytes.Clone(f.Value)
	}
	f.full = append(f.full, ' ')
	more := bytes.TrimLeft(b, " \t")
	f.full = append(f.full, more[:min(len(more), max(fieldBytesMax-len(f.full), 0))]...)
	b = b[1:]
	f.Value = append(f.Value, b[:min(len(b), max(fieldBytesMax-len(f.Value), 0))]...)
	if len(f.Value) > fieldValueMax {
		anomaly("mime_long_header_value")
	}
}

// get returns the value of the first field of that name, for reading parameters: unfolded by the book.
func (h *header) get(name string) []byte {
	for i := range h.fields {
		if f := &h.fields[i]; equalFold(f.Name, name) {
			if f.full != nil {
				return f.full
			}
			return f.Value
		}
	}
	return nil
}

// kind returns what stands before the parameters, in lower case.
func kind(value []byte) string {
	value, _, _ = bytes.Cut(value, []byte{';'})
	value = bytes.TrimSpace(value)
	return strings.ToLower(string(value[:min(len(value), nameBytesMax)]))
}

// parameter returns a parameter of a structured field, nil when it is not there. Parts numbered by RFC 2231 are joined,
// percent-encoding and encoded words undone.
func parameter(value []byte, name string) []byte {
	var joined []byte
	sections, encoded := 0, false
	_, rest, _ := bytes.Cut(value, []byte{';'})
	for len(rest) > 0 {
		var key, val []byte
		key, val, rest = nextParameter(rest)
		if len(key) < len(name) || !equalFold(key[:len(name)], name) {
			continue
		}
		switch suffix := string(key[len(name):]); {
		case suffix == "":
			return []byte(decodeWords(string(val)))
		case suffix == "*":
			return percent(val, true)
		case suffix == "*"+strconv.Itoa(sections):
			joined = append(joined, val...)
			sections++
		case suffix == "*"+strconv.Itoa(sections)+"*":
			encoded = true
			joined = append(joined, percent(val, sections == 0)...)
			sections++
		}
	}
	if sections == 0 {
		return nil
	}
	if !encoded {
		return []byte(decodeWords(string(joined)))
	}
	return joined
}

// nextParameter takes one "key=value" off b.
func nextParameter(b []byte) (key, value, rest []byte) {
	i := bytes.IndexAny(b, "=;")
	if i < 0 {
		return nil, nil, nil
	}
	if b[i] == ';' {
		return nil, nil, b[i+1:]
	}
	key = bytes.TrimSpace(b[:i])
	b = bytes.TrimLeft(b[i+1:], " \t\r\n")
	if len(b) > 0 && b[0] == '"' {
		for k := 1; k < len(b); k++ {
			switch b[k] {
			case '\\':
				if k+1 < len(b) && b[k+1] == '"' {
					k++
				}
			case '"':
				_, rest, _ = bytes.Cut(b[k+1:], []byte{';'})
				return key, bytes.ReplaceAll(b[1:k], []byte(`\"`), []byte(`"`)), rest
			}
		}
		b = b[1:] // the quote is never closed
	}
	value, rest, _ = bytes.Cut(b, []byte{';'})
	return key, bytes.TrimSpace(value), rest
}

// percent undoes RFC 2231's encoding; the first section begins with charset'language'.
func percent(b []byte, first bool) []byte {
	charset := ""
	if first {
		if parts := bytes.SplitN(b, []byte{'\''}, 3); len(parts) == 3 {
			charset, b = string(parts[0]), parts[2]
		}
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			var x [1]byte
			if _, err := hex.Decode(x[:], b[i+1:i+3]); err == nil {
				out = append(out, x[0])
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	if charset != "" {
		if s, ok := toUTF8(charset, out); ok {
			return []byte(s)
		}
	}
	return out
}

// decodeWords decodes encoded words (RFC 2047); what cannot be decoded stays as it is.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	d := stdmime.WordDecoder{CharsetReader: charsetReader}
	if out, err := d.DecodeHeader(s); err == nil {
		return out
	}
	return s
}
