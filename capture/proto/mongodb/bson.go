package mongodb

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"fengsui/capture/proto/wire"
)

// Element types (bsonspec.org 1.1).
const (
	bsonDouble     = 0x01
	bsonString     = 0x02
	bsonDocument   = 0x03
	bsonArray      = 0x04
	bsonBinary     = 0x05
	bsonUndefined  = 0x06
	bsonObjectID   = 0x07
	bsonBool       = 0x08
	bsonDate       = 0x09
	bsonNull       = 0x0a
	bsonRegex      = 0x0b
	bsonPointer    = 0x0c
	bsonCode       = 0x0d
	bsonSymbol     = 0x0e
	bsonCodeScope  = 0x0f
	bsonInt32      = 0x10
	bsonTimestamp  = 0x11
	bsonInt64      = 0x12
	bsonDecimal128 = 0x13
	bsonMax        = 0x7f
	bsonMin        = 0xff
)

const depthMax = 16

// element is one field of a document.
type element struct {
	kind uint8
	name string
	body []byte // of strings without length and NUL, of binaries without subtype
}

// document reads the fields of a document in turn.
type document struct{ r wire.Reader }

// newDocument reads b, which begins with a document's length; a document cut short is read as far as it goes.
func newDocument(b []byte) document {
	if len(b) < 5 {
		return document{}
	}
	n := binary.LittleEndian.Uint32(b)
	if n < 5 {
		return document{}
	}
	return document{wire.NewReader(b[4:min(uint64(len(b)), uint64(n))])}
}

// next returns the next field; ok is false at the end.
func (d *document) next() (e element, ok bool) {
	r := &d.r
	e.kind = r.U8()
	if e.kind == 0 {
		return e, false
	}
	e.name = string(r.Text())
	switch e.kind {
	case bsonDouble, bsonDate, bsonTimestamp, bsonInt64:
		e.body = r.Bytes(8)
	case bsonInt32:
		e.body = r.Bytes(4)
	case bsonBool:
		e.body = r.Bytes(1)
	case bsonObjectID:
		e.body = r.Bytes(12)
	case bsonDecimal128:
		e.body = r.Bytes(16)
	case bsonUndefined, bsonNull, bsonMax, bsonMin:
	case bsonString, bsonCode, bsonSymbol:
		e.body = r.Bytes(int(int32(r.LE32())))
		if len(e.body) > 0 {
			e.body = e.body[:len(e.body)-1]
		}
	case bsonDocument, bsonArray:
		e.body = d.nested()
	case bsonBinary:
		n := int(int32(r.LE32()))
		r.Skip(1)
		e.body = r.Bytes(n)
	case bsonRegex:
		e.body = r.Text()
		r.Text()
	case bsonPointer:
		e.body = r.Bytes(int(int32(r.LE32())))
		r.Skip(12)
	case bsonCodeScope:
		n := int(int32(r.LE32()))
		e.body = r.Bytes(n - 4)
	default:
		return e, false
	}
	return e, !r.Short()
}

// nested takes an embedded document, as far as it is there.
func (d *document) nested() []byte {
	p := d.r.Peek()
	if len(p) < 4 {
		d.r.Skip(-1)
		return nil
	}
	n := binary.LittleEndian.Uint32(p)
	if uint64(n) > uint64(len(p)) {
		return d.r.Rest() // the message was cut inside
	}
	return d.r.Bytes(int(n))
}

// number returns a numeric field's value.
func (e *element) number() (int64, bool) {
	switch {
	case e.kind == bsonInt32 && len(e.body) == 4:
		return int64(int32(binary.LittleEndian.Uint32(e.body))), true
	case e.kind == bsonInt64 && len(e.body) == 8:
		return int64(binary.LittleEndian.Uint64(e.body)), true
	case e.kind == bsonDouble && len(e.body) == 8:
		f := math.Float64frombits(binary.LittleEndian.Uint64(e.body))
		if f >= -1e15 && f <= 1e15 {
			return int64(f), true
		}
	case e.kind == bsonBool && len(e.body) == 1:
		return int64(e.body[0] & 1), true
	}
	return 0, false
}

// count returns how many fields a document has.
func count(b []byte) (n uint64) {
	d := newDocument(b)
	for {
		if _, ok := d.next(); !ok {
			return n
		}
		n++
	}
}

// secret tells whether a field's value must not be shown.
func secret(name string) bool {
	switch name {
	case "payload", "pwd", "key", "passwd", "password", "digestPassword", "nonce":
		return true
	}
	return false
}

// render appends a document as JSON until dst has limit bytes; outermost fields that every command carries are left out.
func render(dst, b []byte, limit, depth int, array bool) []byte {
	open, closing := byte('{'), byte('}')
	if array {
		open, closing = '[', ']'
	}
	dst = append(dst, open)
	d := newDocument(b)
	first := true
	for len(dst) < limit {
		e, ok := d.next()
		if !ok {
			break
		}
		if depth == 0 && (e.name == "lsid" || e.name == "$clusterTime" || e.name == "$db" || e.name == "$readPreference") {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if !array {
			dst = strconv.AppendQuote(dst, e.name)
			dst = append(dst, ':')
		}
		if secret(e.name) && e.kind != bsonInt32 && e.kind != bsonDocument {
			dst = append(dst, `"***"`...)
			continue
		}
		dst = e.render(dst, limit, depth)
	}
	return append(dst, closing)
}

func (e *element) render(dst []byte, limit, depth int) []byte {
	switch e.kind {
	case bsonDocument, bsonArray:
		if depth >= depthMax {
			return append(dst, `"…"`...)
		}
		return render(dst, e.body, limit, depth+1, e.kind == bsonArray)
	case bsonString, bsonCode, bsonSymbol, bsonRegex, bsonPointer:
		return strconv.AppendQuote(dst, string(e.body[:min(len(e.body), max(0, limit-len(dst)))]))
	case bsonInt32, bsonInt64:
		n, _ := e.number()
		return strconv.AppendInt(dst, n, 10)
	case bsonDouble:
		if len(e.body) == 8 {
			return strconv.AppendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(e.body)), 'g', -1, 64)
		}
	case bsonBool:
		return strconv.AppendBool(dst, len(e.body) == 1 && e.body[0] != 0)
	case bsonDate:
		if len(e.body) == 8 {
			at := time.UnixMilli(int64(binary.LittleEndian.Uint64(e.body))).UTC()
			return strconv.AppendQuote(dst, at.Format(time.RFC3339Nano))
		}
	case bsonNull, bsonUndefined:
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, e.body[:min(len(e.body), 32)])
	return append(dst, '"')
}
