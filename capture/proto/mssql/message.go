package mssql

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"fengsui/capture/proto/wire"
)

// Message types ([MS-TDS] 2.2.3.1.1).
const (
	msgBatch     = 0x01
	msgRPC       = 0x03
	msgResult    = 0x04
	msgAttention = 0x06
	msgBulk      = 0x07
	msgFedAuth   = 0x08
	msgTransact  = 0x0e
	msgLogin     = 0x10
	msgSSPI      = 0x11
	msgPrelogin  = 0x12

	headerBytes = 8
	statusEOM   = 1
	packetMax   = 32 << 10
	messageMax  = 64 << 10
	doneBytes   = 13
	doneOld     = 9 // before 7.2
	textMax     = 256
)

// Encryption answers of the pre-login ([MS-TDS] 2.2.6.5).
const (
	encryptOff = iota
	encryptOn
	encryptNone
	encryptRequired
)

// procedures are the well-known procedures by number ([MS-TDS] 2.2.6.6). Never written.
var procedures = map[uint16]string{
	1: "sp_cursor", 2: "sp_cursoropen", 3: "sp_cursorprepare", 4: "sp_cursorexecute", 5: "sp_cursorprepexec", 6: "sp_cursorunprepare", 7: "sp_cursorfetch",
	8: "sp_cursoroption", 9: "sp_cursorclose", 10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 14: "sp_prepexecrpc", 15: "sp_unprepare",
}

// statementAt maps procedures to which of their text parameters is the statement. Never written.
var statementAt = map[string]int{"sp_executesql": 0, "sp_cursoropen": 0, "sp_prepare": 1, "sp_prepexec": 1, "sp_cursorprepare": 1, "sp_cursorprepexec": 1}

// prelogin reads the options of a pre-login: version and encryption.
func prelogin(b []byte) (version string, encryption uint8, ok bool) {
	encryption = encryptNone
	for at := 0; at < len(b) && b[at] != 0xff; at += 5 {
		if at+5 > len(b) {
			return "", 0, false
		}
		from := int(binary.BigEndian.Uint16(b[at+1:]))
		n := int(binary.BigEndian.Uint16(b[at+3:]))
		if from+n > len(b) {
			return "", 0, false
		}
		switch v := b[from : from+n]; {
		case b[at] == 0 && n >= 4:
			version = strconv.Itoa(int(v[0])) + "." + strconv.Itoa(int(v[1])) + "." + strconv.Itoa(int(binary.BigEndian.Uint16(v[2:])))
		case b[at] == 1 && n >= 1:
			encryption = v[0] & 3
		}
		ok = true
	}
	return version, encryption, ok
}

// login7 is what a client says of itself ([MS-TDS] 2.2.6.4).
type login7 struct {
	host, user, program, server, database string
	integrated                            bool
	modern                                bool // 7.2 or later
}

func parseLogin(b []byte) (l login7, ok bool) {
	if len(b) < 86 {
		return l, false
	}
	l.modern = binary.LittleEndian.Uint32(b[4:]) >= 0x72000000 || binary.LittleEndian.Uint32(b[4:])>>24 == 0x72
	l.integrated = b[25]&0x80 != 0
	ok = true
	field := func(at int) string {
		from, n := int(binary.LittleEndian.Uint16(b[at:])), 2*int(binary.LittleEndian.Uint16(b[at+2:]))
		if from+n > len(b) {
			ok = false
			return ""
		}
		return string(unwide(b[from : from+min(n, 2*textMax)]))
	}
	l.host, l.user, l.program, l.server, l.database = field(36), field(40), field(48), field(52), field(68)
	return l, ok
}

// headers passes over ALL_HEADERS; has tells whether they are there.
func headers(b []byte) (rest []byte, has bool) {
	if len(b) < 10 {
		return b, false
	}
	total, first := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	kind := binary.LittleEndian.Uint16(b[8:])
	if total < 10 || total > 4096 || uint64(total) > uint64(len(b)) || first < 6 || first+4 > total || kind < 1 || kind > 3 {
		return b, false
	}
	return b[total:], true
}

// call reads an RPC request: the procedure and the statement it carries, if it does.
func call(b []byte) (procedure string, statement []byte, ok bool) {
	r := wire.NewReader(b)
	if n := r.LE16(); n == null16 {
		id := r.LE16()
		if procedure = procedures[id]; procedure == "" {
			procedure = "procedure " + strconv.Itoa(int(id))
		}
	} else {
		procedure = string(unwide(r.Bytes(2 * int(n))))
	}
	r.Skip(2)
	if r.Short() || len(procedure) > 2*textMax {
		return "", nil, false
	}
	want, has := statementAt[procedure]
	if !has {
		return procedure, nil, true
	}
	for r.Len() > 0 && !r.Short() {
		r.Skip(2 * int(r.U8()))
		r.Skip(1)
		c, known := typeInfo(&r)
		if !known {
			break
		}
		rest := r.Peek()
		v := c.value(&r, true)
		if v == nil && r.Short() && (c.wide() || c.narrow()) && len(rest) > 12 {
			v = rest[8:] // a statement longer than what we keep
			if c.encoding == pieces {
				v = rest[12:]
			}
		}
		if !c.wide() && !c.narrow() {
			continue
		}
		if want--; want < 0 {
			if c.wide() {
				v = unwide(v)
			}
			return procedure, v, true
		}
	}
	return procedure, nil, true
}

// isTLS tells whether a pre-login message carries TLS.
func isTLS(b []byte) bool { return len(b) > 2 && b[0] >= 0x14 && b[0] <= 0x17 && b[1] == 3 }

// trim takes NULs off the end.
func trim(b []byte) []byte { return bytes.TrimRight(b, "\x00") }
