package mime

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"hash"

	"fengsui/capture/file"
)

// Options say what a Reader makes of a mail.
type Options struct {
	// File begins a file of that name; nil means that none is wanted.
	File func(name []byte) *file.File
	// Anomaly takes the names of oddities, those of Suricata's smtp events; nil means that nobody listens.
	Anomaly  func(name string)
	KeepBody int // bytes of the body to keep in Mail.Body
	KeepRaw  int // bytes of the mail to keep in Mail.Raw
}

// place is where a Reader stands.
type place uint8

const (
	inHeader   place = iota // before the blank line of a header
	inBody                  // in the content of a part
	inPreamble              // before the first delimiter, or behind the last
)

// coding is a content transfer encoding.
type coding uint8

const (
	plain coding = iota
	base64
	quotedPrintable
	uuencoded
)

// Reader reads one mail.
type Reader struct {
	mail *Mail
	opts *Options
	top  bool // the mail itself, not one within it
	deep int  // mails around this one

	at         place
	head       header
	boundaries [][]byte // with their two hyphens, outermost first
	parts      int

	// The part at hand.
	coding coding
	text   bool
	file   *file.File
	inner  *Reader // the part is a mail
	b64    unBase64
	quoted unQuoted
	links  links
	uu     *file.File // of a uuencoded file within a text
	eol    []byte     // a line end held back: it may belong to a delimiter

	start bool // the next piece begins a line
	long  int  // bytes of the line so far
	piece []byte
	buf   []byte
	sum   hash.Hash
}

// NewReader begins a mail.
func NewReader(o Options) *Reader {
	if o.File == nil {
		o.File = func([]byte) *file.File { return nil }
	}
	if o.Anomaly == nil {
		o.Anomaly = func(string) {}
	}
	return &Reader{mail: &Mail{}, opts: &o, top: true, start: true, sum: md5.New()}
}

// Mail is what has been read so far.
func (r *Reader) Mail() *Mail { return r.mail }

// Write takes bytes of the mail as they come.
func (r *Reader) Write(b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			r.piece = append(r.piece, b...)
			if len(r.piece) > pieceBytesMax {
				r.Line(r.piece, nil)
				r.piece = r.piece[:0]
			}
			return
		}
		l := b[:i+1]
		if len(r.piece) > 0 {
			r.piece = append(r.piece, l...)
			l = r.piece
		}
		n := len(l) - 1
		if n > 0 && l[n-1] == '\r' {
			n--
		}
		r.Line(l[:n], l[n:])
		r.piece = r.piece[:0]
		b = b[i+1:]
	}
}

// Line takes one line, or a piece of a long one: end is its line end, nil when the line goes on.
func (r *Reader) Line(b, end []byte) {
	first := r.start
	r.start = end != nil
	if first {
		r.long = 0
	}
	r.long += len(b)
	if r.top {
		r.count(b, end)
		if r.long > lineBytesMax {
			r.opts.Anomaly("mime_long_line")
		}
	}
	switch {
	case r.at == inHeader && first:
		r.headerLine(b)
	case r.at == inHeader: // the rest of a long field
		if r.head.open && len(b) > 0 {
			f := &r.head.fields[len(r.head.fields)-1]
			f.Value = append(f.Value, b[:min(len(b), max(fieldBytesMax-len(f.Value), 0))]...)
		}
	case first && len(b) > 2 && b[0] == '-' && b[1] == '-' && r.delimiter(b):
	case r.at == inBody:
		r.content(b, end, first)
	}
}

// count keeps what concerns the mail as a whole.
func (r *Reader) count(b, end []byte) {
	m := r.mail
	m.Size += uint64(len(b) + len(end))
	m.Raw = keep(keep(m.Raw, b, r.opts.KeepRaw), end, r.opts.KeepRaw)
	if !m.HeaderDone {
		return
	}
	r.sum.Write(b)   //nolint:errcheck // hash.Hash never fails
	r.sum.Write(end) //nolint:errcheck // the same
	m.Body = keep(keep(m.Body, b, r.opts.KeepBody), end, r.opts.KeepBody)
}

// keep appends as much of b as leaves dst at most limit bytes long.
func keep(dst, b []byte, limit int) []byte {
	return append(dst, b[:min(len(b), max(limit-len(dst), 0))]...)
}

// headerLine takes a line of a header; an empty one ends it.
func (r *Reader) headerLine(b []byte) {
	if len(b) == 0 {
		r.headerEnd()
		return
	}
	if len(r.boundaries) > 0 && len(b) > 2 && b[0] == '-' && b[1] == '-' && r.delimiter(b) {
		return // a part that is nothing but header
	}
	r.head.line(b, r.opts.Anomaly)
}

// headerEnd looks at the header of the mail or a part and prepares for its content.
func (r *Reader) headerEnd() {
	if r.top && !r.mail.HeaderDone {
		r.mail.HeaderDone = true
		r.mail.Fields = r.head.fields
	}
	r.at = inBody
	contentType, disposition := r.head.get("content-type"), r.head.get("content-disposition")
	what := kind(contentType)
	switch kind(r.head.get("content-transfer-encoding")) {
	case "base64":
		r.coding = base64
	case "quoted-printable":
		r.coding = quotedPrintable
	case "x-uuencode", "uuencode", "x-uue":
		r.coding = uuencoded
	default:
		r.coding = plain
	}
	r.text = what == "" || len(what) > 5 && what[:5] == "text/"
	if len(what) > 10 && what[:10] == "multipart/" && r.multipart(contentType) {
		r.at = inPreamble
		return
	}
	name := r.fileName(disposition, contentType)
	isMail := what == "message/rfc822" || what == "message/global"
	if (len(name) > 0 || kind(disposition) == "attachment" || r.coding == base64 && !r.text && !isMail) && r.coding != uuencoded {
		r.file = r.open(name)
	}
	if isMail && r.deep < depthMax {
		r.inner = &Reader{mail: r.mail, opts: r.opts, deep: r.deep + 1, start: true}
	}
}

// multipart notes the boundary of what a header announces. It reports whether there is one.
func (r *Reader) multipart(contentType []byte) bool {
	b := parameter(contentType, "boundary")
	if len(b) == 0 || len(r.boundaries)+r.deep >= depthMax {
		r.opts.Anomaly("mime_malformed_msg")
		return false
	}
	if len(b) > boundaryMax {
		r.opts.Anomaly("mime_long_boundary")
		b = b[:min(len(b), lineBytesMax)]
	}
	r.boundaries = append(r.boundaries, append([]byte("--"), b...))
	return true
}

// fileName returns the name a part gives itself.
func (r *Reader) fileName(disposition, contentType []byte) []byte {
	name := parameter(disposition, "filename")
	if len(name) == 0 {
		name = parameter(contentType, "name")
	}
	if len(name) > nameBytesMax {
		r.opts.Anomaly("mime_long_filename")
		name = name[:nameBytesMax]
	}
	return name
}

// open begins a file, nil when there are too many or none is wanted.
func (r *Reader) open(name []byte) *file.File {
	m := r.mail
	if len(m.Files) >= filesMax {
		r.opts.Anomaly("mime_malformed_msg")
		return nil
	}
	f := r.opts.File(name)
	if f == nil {
		return nil
	}
	m.Files = append(m.Files, f)
	if len(name) > 0 {
		m.Attachments = append(m.Attachments, bytes.Clone(name))
	}
	return f
}

// delimiter tells whether a line is one, and if so goes on to the next part.
func (r *Reader) delimiter(b []byte) bool {
	found := -1
	for i, d := range r.boundaries {
		if bytes.HasPrefix(b, d) && (found < 0 || len(d) >= len(r.boundaries[found])) {
			found = i
		}
	}
	if found < 0 {
		return false
	}
	r.closePart()
	d := r.boundaries[found]
	r.boundaries = r.boundaries[:found+1]
	r.head = header{}
	r.at = inHeader
	if bytes.HasPrefix(b[len(d):], []byte("--")) {
		r.boundaries = r.boundaries[:found]
		r.at = inPreamble
		return true
	}
	if r.parts++; r.parts > partsMax {
		r.opts.Anomaly("mime_malformed_msg")
		r.at = inPreamble
	}
	return true
}

// content takes a piece of a line of a part.
func (r *Reader) content(b, end []byte, first bool) {
	out := r.buf[:0]
	var ok bool
	switch r.coding {
	case base64:
		if r.long > encodedLineMax {
			r.opts.Anomaly("mime_long_enc_line")
		}
		if out, ok = r.b64.write(out, b); !ok {
			r.opts.Anomaly("mime_invalid_base64")
		}
	case quotedPrintable:
		if r.long > encodedLineMax {
			r.opts.Anomaly("mime_long_enc_line")
		}
		out = append(out, r.eol...)
		if out, ok = r.quoted.write(out, b, end); !ok {
			r.opts.Anomaly("mime_invalid_qp")
		}
		r.eol = r.eol[:0]
		if len(end) > 0 && bytes.HasSuffix(out, end) { // unless the line end was a soft one
			r.eol = append(r.eol, end...)
			out = out[:len(out)-len(end)]
		}
	default:
		out = append(append(append(out, r.eol...), b...), end...)
		r.eol = append(r.eol[:0], end...)
		if first {
			r.uuencoded(b)
		}
		if r.file != nil {
			r.file.Write(out[:len(out)-len(end)])
		}
		out = out[len(out)-len(end)-len(b):]
	}
	r.buf = out[:0]
	if r.coding == base64 || r.coding == quotedPrintable {
		if r.file != nil {
			r.file.Write(out)
		}
	}
	switch {
	case r.inner != nil:
		r.inner.Write(out)
	case r.text || r.file != nil:
		r.links.write(r.mail, out)
	}
}

// uuencoded reads a line that may belong to a uuencoded file.
func (r *Reader) uuencoded(b []byte) {
	if r.uu == nil {
		if name := uuName(b); name != nil && (r.text || r.coding == uuencoded) {
			r.uu = r.open(name[:min(len(name), nameBytesMax)])
		}
		return
	}
	if string(b) == "end" {
		r.uu.Close()
		r.uu = nil
		return
	}
	var buf [64]byte
	out, ok := uuLine(buf[:0], b)
	if !ok {
		r.uu.Abort()
		r.uu = nil
		return
	}
	r.uu.Write(out)
}

// closePart ends the part at hand.
func (r *Reader) closePart() {
	switch r.coding {
	case base64:
		if out := r.b64.flush(nil); len(out) > 0 {
			if r.file != nil {
				r.file.Write(out)
			}
			if r.inner != nil {
				r.inner.Write(out)
			}
		}
	case uuencoded, plain, quotedPrintable:
	}
	r.links.end(r.mail)
	if r.inner != nil {
		r.inner.end()
	}
	if r.file != nil {
		r.file.Close()
	}
	if r.uu != nil {
		r.uu.Abort()
	}
	r.file, r.uu, r.inner, r.eol, r.quoted, r.coding, r.text = nil, nil, nil, r.eol[:0], unQuoted{}, plain, false
}

// end reads what is left and closes what is open.
func (r *Reader) end() {
	if len(r.piece) > 0 {
		r.Line(r.piece, nil)
		r.piece = nil
	}
	if r.at == inHeader && len(r.head.fields) > 0 {
		r.headerEnd()
	}
	r.closePart()
}

// Close ends the mail: all of it was written, but for gaps.
func (r *Reader) Close() {
	if r.mail.Over {
		return
	}
	if len(r.boundaries) > 0 && r.at != inPreamble {
		r.opts.Anomaly("mime_malformed_msg") // the last delimiter is missing
	}
	r.end()
	r.mail.Over = true
	if r.mail.HeaderDone && !r.mail.Lost {
		r.mail.BodyMD5 = hex.AppendEncode(nil, r.sum.Sum(nil))
	}
}

// Abort ends the mail before its end.
func (r *Reader) Abort() {
	if r.mail.Over {
		return
	}
	r.mail.Lost = true
	for _, f := range r.mail.Files {
		f.Abort()
	}
	r.end()
	r.mail.Over = true
}

// Gap tells that n bytes are missing. What follows is read as if it began a line.
func (r *Reader) Gap(n int64) {
	r.mail.Lost = true
	if len(r.piece) > 0 {
		r.Line(r.piece, nil)
		r.piece = r.piece[:0]
	}
	r.start = true
	if r.file != nil {
		r.file.Gap(n)
	}
	if r.uu != nil {
		r.uu.Gap(n)
	}
	if r.inner != nil {
		r.inner.Gap(n)
	}
}
