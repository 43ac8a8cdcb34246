package http

import (
	"bytes"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Files implements proto.FileCarrier: response bodies, bodies of POST and PUT, and the files of forms, each a file.
func (t *Transaction) Files(dir flow.Direction) []*file.File { return t.files[dir] }

var _ proto.FileCarrier = (*Transaction)(nil)

// carriesFile tells whether the body of a side is a file by itself.
func (t *Transaction) carriesFile(dir flow.Direction) bool {
	if dir == flow.ToClient {
		return true
	}
	m := t.Request.Method
	return string(m) == "POST" || string(m) == "PUT"
}

// openFile begins the file of a body.
func (t *Transaction) openFile(c *proto.Context, dir flow.Direction) *file.File {
	f := c.NewFile(dir, t.bodyName(dir))
	if dir == flow.ToClient && t.Response.Status == 206 || dir == flow.ToServer {
		if v := t.Side(dir).Get("content-range"); v != nil {
			first, whole, ok := ContentRange(v)
			if !ok {
				t.Anomaly("range_invalid")
			}
			f.Start, f.Whole = first, whole
		}
	}
	f.Expect(t.Side(dir).ContentLength)
	t.addFile(dir, f)
	return f
}

func (t *Transaction) addFile(dir flow.Direction, f *file.File) {
	t.files[dir] = append(t.files[dir], f)
}

// bodyName is what Content-Disposition calls the body, else the path that was asked for.
func (t *Transaction) bodyName(dir flow.Direction) []byte {
	if dir == flow.ToClient {
		if name := DispositionName(t.Response.Get("content-disposition")); len(name) > 0 {
			return t.checkName(name)
		}
	}
	path, _, _ := bytes.Cut(t.Request.URI, []byte{'?'})
	return t.checkName(path)
}

func (t *Transaction) checkName(name []byte) []byte {
	if len(name) > file.NameBytesMax {
		t.Anomaly("file_name_too_long")
	}
	return name
}

// DispositionName finds the file name of a Content-Disposition value (RFC 6266): filename* before filename, nil when there
// is neither.
func DispositionName(v []byte) []byte {
	var plain []byte
	for len(v) > 0 {
		var item []byte
		item, v = nextParameter(v)
		key, value, ok := bytes.Cut(item, []byte{'='})
		if !ok {
			continue
		}
		key, value = bytes.TrimSpace(key), bytes.TrimSpace(value)
		switch {
		case equalFold(key, "filename*"):
			// charset'language'percent-encoded (RFC 8187)
			if _, rest, ok := bytes.Cut(value, []byte{'\''}); ok {
				if _, name, ok := bytes.Cut(rest, []byte{'\''}); ok {
					return decodePercent(nil, name)
				}
			}
		case equalFold(key, "filename") && plain == nil:
			plain = unquote(value)
		}
	}
	return plain
}

// nextParameter cuts at the next ";" that is not inside quotes.
func nextParameter(v []byte) (item, rest []byte) {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return bytes.TrimSpace(v[:i]), v[i+1:]
			}
		}
	}
	return bytes.TrimSpace(v), nil
}

// unquote takes the quotes off; a missing end quote is forgiven. A backslash only hides a quote: clients send the paths of
// Windows unescaped.
func unquote(v []byte) []byte {
	if len(v) == 0 || v[0] != '"' {
		return v
	}
	v = v[1:]
	if bytes.IndexByte(v, '\\') < 0 {
		name, _, _ := bytes.Cut(v, []byte{'"'})
		return name
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v) && v[i] != '"'; i++ {
		if v[i] == '\\' && i+1 < len(v) && v[i+1] == '"' && i+2 < len(v) {
			i++
		}
		out = append(out, v[i])
	}
	return out
}

// ContentRange reads "bytes first-last/size" (RFC 9110 14.4). whole is 0 when the size is not known.
func ContentRange(v []byte) (first, whole uint64, ok bool) {
	v = bytes.TrimSpace(v)
	if len(v) < 6 || !equalFold(v[:5], "bytes") || v[5] != ' ' {
		return 0, 0, false
	}
	span, size, found := bytes.Cut(bytes.TrimSpace(v[6:]), []byte{'/'})
	from, to, ranged := bytes.Cut(span, []byte{'-'})
	if !found || !ranged {
		return 0, 0, false
	}
	first, ok1 := number(from)
	last, ok2 := number(to)
	if !ok1 || !ok2 || last < first {
		return 0, 0, false
	}
	if string(size) == "*" {
		return first, 0, true
	}
	whole, ok = number(size)
	if !ok || last >= whole {
		return 0, 0, false
	}
	return first, whole, true
}

func number(b []byte) (uint64, bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
