package mime

import (
	"bytes"

	"fengsui/capture/file"
)

const (
	headerBytesMax  = 64 << 10
	headerFieldsMax = 500
	fieldBytesMax   = 8 << 10
	depthMax        = 16
	partsMax        = 1000
	filesMax        = 100
	urlsMax         = 200
	urlBytesMax     = 2048
	nameBytesMax    = 255
	lineBytesMax    = 998  // RFC 5322 2.1.1
	encodedLineMax  = 76   // RFC 2045 6.7, 6.8
	fieldNameMax    = 75   // with its colon a line of 76
	fieldValueMax   = 2000 // where Suricata draws the line
	boundaryMax     = 254
	pieceBytesMax   = 8 << 10
)

// Field is one header field.
type Field struct {
	Name []byte // as sent
	// Value is what follows the colon and white space, folded lines joined without line end and first white space.
	Value []byte
	full  []byte // unfolded with a space for each fold; nil when nothing was folded
}

// Unfolded returns the value with folded lines joined by a space, without surrounding white space.
func (f *Field) Unfolded() []byte {
	v := f.Value
	if f.full != nil {
		v = f.full
	}
	return bytes.TrimSpace(v)
}

// Text returns the value for people: unfolded, encoded words decoded.
func (f *Field) Text() string { return decodeWords(string(f.Unfolded())) }

// Mail is what is kept of one mail.
type Mail struct {
	Fields      []Field // of the mail's own header
	HeaderDone  bool
	Attachments [][]byte // names of its files
	URLs        [][]byte // links in its text, without scheme
	Files       []*file.File
	Size        uint64 // bytes of the mail, headers included
	// BodyMD5 is the MD5 of everything behind the header, in hexadecimal; nil until the mail is whole, and when bytes are missing.
	BodyMD5 []byte
	Body    []byte // the first bytes behind the header, as many as Options.KeepBody says
	Raw     []byte // the first bytes of the mail, as many as Options.KeepRaw says
	Over    bool   // no more will come
	Lost    bool   // bytes are missing
}

// Field returns the first field of that name (lower case), nil when there is none.
func (m *Mail) Field(name string) *Field {
	for i := range m.Fields {
		if equalFold(m.Fields[i].Name, name) {
			return &m.Fields[i]
		}
	}
	return nil
}

// Value returns the value of the first field of that name (lower case).
func (m *Mail) Value(name string) ([]byte, bool) {
	if f := m.Field(name); f != nil {
		return f.Value, true
	}
	return nil, false
}

// Nth returns the value of field i among those of that name.
func (m *Mail) Nth(name string, i int) ([]byte, bool) {
	for k := range m.Fields {
		if equalFold(m.Fields[k].Name, name) {
			if i == 0 {
				return m.Fields[k].Value, true
			}
			i--
		}
	}
	return nil, false
}

// equalFold compares b with a lower-case ASCII name.
func equalFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
