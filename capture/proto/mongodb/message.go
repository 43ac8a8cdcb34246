package mongodb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"strings"

	"fengsui/capture/proto/wire"
)

// Operations.
const (
	opReply      = 1
	opUpdate     = 2001
	opInsert     = 2002
	opQuery      = 2004
	opGetMore    = 2005
	opDelete     = 2006
	opKill       = 2007
	opCompressed = 2012
	opMsg        = 2013

	headerBytes  = 16
	messageMax   = 64 << 10
	messageHuge  = 48<<20 + 16<<10 // the protocol's own limit
	flagMore     = 0x02            // OP_MSG: more messages follow, no reply comes
	flagChecksum = 0x01
	zlibID       = 2
)

// header is the message header.
type header struct {
	size, id, to uint32
	op           uint32
}

func parseHeader(b []byte) header {
	le := binary.LittleEndian
	return header{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])}
}

func (h header) plausible() bool {
	if h.size < headerBytes || h.size > messageHuge {
		return false
	}
	switch h.op {
	case opReply, opUpdate, opInsert, opQuery, opGetMore, opDelete, opKill, opCompressed, opMsg:
		return true
	}
	return false
}

// unpack undoes OP_COMPRESSED with no compression or zlib; name is the compression, ok tells whether it was undone.
func unpack(b []byte) (op uint32, body []byte, name string, ok bool) {
	r := wire.NewReader(b)
	op = r.LE32()
	r.Skip(4)
	kind := r.U8()
	switch kind {
	case 0:
		return op, r.Rest(), "none", !r.Short()
	case 1:
		return op, nil, "snappy", false
	case 3:
		return op, nil, "zstd", false
	case zlibID:
		z, err := zlib.NewReader(bytes.NewReader(r.Rest()))
		if err != nil {
			return op, nil, "zlib", false
		}
		body, err = io.ReadAll(io.LimitReader(z, messageMax))
		return op, body, "zlib", len(body) > 0 || err == nil
	}
	return op, nil, "unknown", false
}

// request is what a command's document says.
type request struct {
	name, collection, database string
	text                       []byte // rendered
	user                       string // that authenticates
	mechanism                  string
	documents                  uint64 // in sections beside the body
	noReply                    bool
}

// commandDocument reads a command's document: its first field names the command, whose value often is the collection.
func (q *request) commandDocument(b []byte) bool {
	d := newDocument(b)
	for first := true; ; first = false {
		e, ok := d.next()
		if !ok {
			return !first
		}
		switch {
		case first:
			q.name = e.name[:min(len(e.name), 64)]
			if e.kind == bsonString {
				q.collection = string(e.body[:min(len(e.body), 256)])
			}
			if (e.name == "$query" || e.name == "query") && e.kind == bsonDocument {
				return q.commandDocument(e.body)
			}
		case e.name == "collection" && e.kind == bsonString && q.name == "getMore":
			q.collection = string(e.body[:min(len(e.body), 256)])
		case e.name == "$db" && e.kind == bsonString:
			q.database = string(e.body[:min(len(e.body), 128)])
		case e.name == "speculativeAuthenticate" && e.kind == bsonDocument:
			inner := request{}
			inner.commandDocument(e.body)
			q.user, q.mechanism = inner.user, inner.mechanism
		default:
			q.credential(&e)
		}
	}
}

// credential takes the user's name out of an authentication.
func (q *request) credential(e *element) {
	switch {
	case e.name == "mechanism" && e.kind == bsonString:
		q.mechanism = string(e.body[:min(len(e.body), 64)])
	case e.name == "user" && e.kind == bsonString && q.name == "authenticate":
		q.user = string(e.body[:min(len(e.body), 256)])
	case e.name == "payload" && q.name == "saslStart":
		q.user = saslUser(q.mechanism, e.body)
	}
}

// saslUser reads the name in a first SASL message: SCRAM (RFC 5802 7) or PLAIN (RFC 4616).
func saslUser(mechanism string, payload []byte) string {
	if mechanism == "PLAIN" {
		parts := bytes.SplitN(payload, []byte{0}, 3)
		if len(parts) == 3 {
			return string(parts[1][:min(len(parts[1]), 256)])
		}
		return ""
	}
	if !strings.HasPrefix(mechanism, "SCRAM") {
		return ""
	}
	for _, part := range bytes.Split(payload, []byte{','}) {
		if name, ok := bytes.CutPrefix(part, []byte("n=")); ok {
			name = bytes.ReplaceAll(bytes.ReplaceAll(name, []byte("=2C"), []byte{','}), []byte("=3D"), []byte{'='})
			return string(name[:min(len(name), 256)])
		}
	}
	return ""
}

// parseRequest reads a client's message behind its header.
func parseRequest(op uint32, b []byte, limit int) (q request, ok bool) {
	r := wire.NewReader(b)
	switch op {
	case opMsg:
		flags := r.LE32()
		q.noReply = flags&flagMore != 0
		for r.Len() > 0 {
			if flags&flagChecksum != 0 && r.Len() == 4 {
				break
			}
			if !q.section(&r, limit) {
				break
			}
		}
		return q, q.name != ""
	case opQuery:
		r.Skip(4)
		full := string(r.Text())
		r.Skip(8)
		if r.Short() {
			return q, false
		}
		var collection string
		q.database, collection, _ = strings.Cut(full[:min(len(full), 256)], ".")
		q.text = render(nil, r.Peek(), limit, 0, false)
		if collection == "$cmd" {
			return q, q.commandDocument(r.Rest())
		}
		q.name, q.collection = "find", collection
		return q, true
	case opInsert, opUpdate, opDelete, opGetMore:
		r.Skip(4)
		full := string(r.Text())
		q.database, q.collection, _ = strings.Cut(full[:min(len(full), 256)], ".")
		q.name = map[uint32]string{opInsert: "insert", opUpdate: "update", opDelete: "delete", opGetMore: "getMore"}[op]
		q.noReply = op != opGetMore
		if op == opUpdate || op == opDelete {
			r.Skip(4)
		}
		if op != opGetMore {
			q.text = render(nil, r.Rest(), limit, 0, false)
		}
		return q, !r.Short()
	case opKill:
		q.name, q.noReply = "killCursors", true
		return q, true
	}
	return q, false
}

// section reads one section of OP_MSG.
func (q *request) section(r *wire.Reader, limit int) bool {
	switch r.U8() {
	case 0:
		p := r.Peek()
		if len(p) < 5 {
			return false
		}
		q.text = render(q.text, p, limit, 0, false)
		if !q.commandDocument(p) {
			return false
		}
		n := binary.LittleEndian.Uint32(p)
		if uint64(n) > uint64(len(p)) {
			return false
		}
		r.Skip(int(n))
	case 1:
		n := int(int32(r.LE32()))
		in := wire.NewReader(r.Peek()[:max(0, min(r.Len(), n-4))])
		name := in.Text()
		if in.Short() {
			return false
		}
		for in.Len() >= 5 {
			p := in.Peek()
			size := binary.LittleEndian.Uint32(p)
			if len(q.text) < limit {
				q.text = append(append(append(q.text, ' '), name...), ' ')
				q.text = render(q.text, p, limit, 0, false)
			}
			q.documents++
			if size < 5 || uint64(size) > uint64(len(p)) {
				break
			}
			in.Skip(int(size))
		}
		if n-4 > r.Len() {
			return false
		}
		r.Skip(n - 4)
	default:
		return false
	}
	return !r.Short()
}

// answer is what a reply says.
type answer struct {
	failed  bool
	code    int64
	text    string
	rows    uint64
	hasRows bool
	done    bool // a SASL exchange has come to its end
	more    bool
}

// parseAnswer reads a server's message behind its header.
func parseAnswer(op uint32, b []byte) (a answer, ok bool) {
	r := wire.NewReader(b)
	switch op {
	case opMsg:
		a.more = r.LE32()&flagMore != 0
		if r.U8() != 0 {
			return a, false
		}
		a.read(r.Rest())
		return a, !r.Short()
	case opReply:
		r.Skip(16)
		n := r.LE32()
		if r.Short() {
			return a, false
		}
		a.rows, a.hasRows = uint64(n), true
		if n == 1 {
			a.read(r.Rest())
		}
		return a, true
	}
	return a, false
}

// read reads a reply's document.
func (a *answer) read(b []byte) {
	d := newDocument(b)
	for {
		e, ok := d.next()
		if !ok {
			return
		}
		n, numeric := e.number()
		switch {
		case e.name == "ok" && numeric:
			a.failed = a.failed || n == 0
		case e.name == "code" && numeric:
			a.code = n
		case (e.name == "errmsg" || e.name == "$err") && e.kind == bsonString:
			a.text = string(e.body[:min(len(e.body), 512)])
			a.failed = a.failed || e.name == "$err"
		case e.name == "n" && numeric && n >= 0:
			a.rows, a.hasRows = uint64(n), true
		case e.name == "cursor" && e.kind == bsonDocument:
			a.cursor(e.body)
		case e.name == "writeErrors" && e.kind == bsonArray:
			in := newDocument(e.body)
			if first, ok := in.next(); ok {
				a.failed = true
				a.read(first.body)
			}
		case e.name == "done" && numeric:
			a.done = n != 0
		case e.name == "speculativeAuthenticate" && e.kind == bsonDocument:
			var inner answer
			inner.read(e.body)
			a.done = inner.done
		}
	}
}

func (a *answer) cursor(b []byte) {
	d := newDocument(b)
	for {
		e, ok := d.next()
		if !ok {
			return
		}
		if (e.name == "firstBatch" || e.name == "nextBatch") && e.kind == bsonArray {
			a.rows, a.hasRows = count(e.body), true
		}
	}
}
