package http

import (
	"bytes"

	"fengsui/capture/file"
	"fengsui/capture/flow"
)

// formStage is where a form stands.
type formStage uint8

const (
	inPreamble formStage = iota
	atBoundary           // behind a boundary, before the end of its line
	inPartHead
	inPart
	inEpilogue
)

const (
	boundaryMax = 256  // bytes of a boundary; the standard's limit is 70
	partHeadMax = 8192 // bytes of a part's header
	partsMax    = 1024 // files taken out of one form
)

// form takes a multipart/form-data body apart as it comes (RFC 7578): parts with a file name become files.
type form struct {
	g        *body
	boundary []byte // with the leading "--"
	stage    formStage
	carry    []byte // bytes that may belong to a boundary or header that goes on
	file     *file.File
	claimed  bool // the part has a file name but no byte yet
	begun    bool // bytes of this part, or before the first, were passed
}

// newForm returns nil for other content types and for those without boundary.
func newForm(g *body, contentType []byte) *form {
	kind, rest := nextParameter(contentType)
	if !equalFold(kind, "multipart/form-data") {
		return nil
	}
	for len(rest) > 0 {
		var item []byte
		item, rest = nextParameter(rest)
		key, value, ok := bytes.Cut(item, []byte{'='})
		if !ok || !equalFold(bytes.TrimSpace(key), "boundary") {
			continue
		}
		b := unquote(bytes.TrimSpace(value))
		if len(b) == 0 || len(b) > boundaryMax {
			break
		}
		return &form{g: g, boundary: append([]byte("--"), b...)}
	}
	g.tx.Anomaly("multipart_generic_error")
	return nil
}

// write takes the next bytes. Each byte is looked at a bounded number of times: what is carried over is less than a
// boundary, or a header within its limit.
func (f *form) write(b []byte) {
	if len(f.carry) > 0 {
		b = append(f.carry, b...)
		f.carry = nil
	}
	for len(b) > 0 {
		n := f.step(b)
		if n == 0 {
			f.carry = bytes.Clone(b)
			return
		}
		b = b[n:]
	}
}

// step takes what one stage reads: zero means that more is needed.
func (f *form) step(b []byte) int {
	switch f.stage {
	case inPreamble, inPart:
		i := f.find(b)
		if i < 0 {
			n := max(0, len(b)-len(f.boundary)-1) // a boundary with the line end before it may go on
			f.begun = f.begun || n > 0
			f.data(b[:n])
			return n
		}
		f.begun = false
		f.data(trimLineEnd(b[:i]))
		f.endPart()
		f.stage = atBoundary
		return i + len(f.boundary)
	case atBoundary:
		if len(b) < 2 {
			return 0
		}
		if hasPrefix(b, "--") {
			f.stage = inEpilogue
			return 2
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			if len(b) > boundaryMax {
				f.g.tx.Anomaly("multipart_generic_error")
				f.stage = inPreamble
				return len(b)
			}
			return 0
		}
		f.stage = inPartHead
		return i + 1
	case inPartHead:
		n := headersEnd(b, 0)
		if n < 0 {
			if len(b) > partHeadMax {
				f.g.tx.Anomaly("multipart_invalid_header")
				f.stage = inPart
				return len(b)
			}
			return 0
		}
		f.beginPart(b[:n])
		f.stage = inPart
		return n
	}
	return len(b) // epilogue
}

// find looks for a boundary at the beginning of a line.
func (f *form) find(b []byte) int {
	for at := 0; ; {
		i := bytes.Index(b[at:], f.boundary)
		if i < 0 {
			return -1
		}
		if i += at; i == 0 && !f.begun || i > 0 && b[i-1] == '\n' {
			return i
		}
		at = i + 1
	}
}

func trimLineEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// beginPart reads a part's header.
func (f *form) beginPart(head []byte) {
	found := false
	for len(head) > 0 {
		var line []byte
		line, head = nextLine(head)
		if len(line) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			f.g.tx.Anomaly("multipart_invalid_header")
			continue
		}
		if !equalFold(bytes.TrimSpace(name), "content-disposition") {
			continue
		}
		found = true
		if file := DispositionName(value); len(file) > 0 && len(f.g.tx.files[flow.ToServer]) < partsMax {
			f.file = f.g.c.NewFile(f.g.dir, f.g.tx.checkName(file))
			f.g.tx.addFile(f.g.dir, f.file)
			f.claimed = true
		}
	}
	if !found {
		f.g.tx.Anomaly("multipart_invalid_header")
	}
}

func (f *form) data(b []byte) {
	if f.stage == inPart && f.file != nil && len(b) > 0 {
		f.claimed = false
		f.file.Write(b)
	}
}

func (f *form) endPart() {
	if f.file == nil {
		return
	}
	if f.claimed {
		f.g.tx.Anomaly("multipart_no_filedata")
	}
	f.file.Close()
	f.file, f.claimed = nil, false
}

// gap loses bytes: the part it is in is cut, and what was carried is given to it.
func (f *form) gap(n int64) {
	if f.stage == inPart {
		f.data(f.carry)
		if f.file != nil {
			f.file.Gap(n)
		}
	} else {
		f.stage = inPreamble
	}
	f.carry = nil
}

// end ends the form.
func (f *form) end(whole bool) {
	if f.stage == inPart {
		f.data(f.carry)
	}
	f.carry = nil
	if f.stage != inEpilogue && whole {
		f.g.tx.Anomaly("multipart_generic_error")
	}
	if f.file != nil {
		f.file.Abort()
		f.file = nil
	}
}
