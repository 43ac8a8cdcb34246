package mssql

import (
	"encoding/binary"
	"strconv"

	"fengsui/capture/proto/wire"
)

// Tokens of an answer ([MS-TDS] 2.2.4).
const (
	tokReturnStatus = 0x79
	tokColumns      = 0x81
	tokReturnValue  = 0xac
	tokOrder        = 0xa9
	tokError        = 0xaa
	tokInfo         = 0xab
	tokLoginAck     = 0xad
	tokFeatureAck   = 0xae
	tokRow          = 0xd1
	tokNBCRow       = 0xd2
	tokEnvironment  = 0xe3
	tokSession      = 0xe4
	tokDone         = 0xfd
	tokDoneProc     = 0xfe
	tokDoneInProc   = 0xff

	doneError  = 0x02
	doneCount  = 0x10
	environDB  = 1
	columnsMax = 4096
)

// result is what an answer said.
type result struct {
	modern   bool // counts of 8 bytes: 7.2 on
	accepted bool
	server   string
	database string
	errCode  string
	errText  []byte
	failed   bool
	rows     uint64
	hasRows  bool
	ended    bool // the walk came to the end
}

// walk reads the tokens of an answer as far as it understands them.
func (s *result) walk(b []byte) {
	r := wire.NewReader(b)
	var columns []column
	for r.Len() > 0 && !r.Short() {
		switch tok := r.U8(); tok {
		case tokDone, tokDoneProc, tokDoneInProc:
			s.done(&r)
		case tokReturnStatus:
			r.Skip(4)
		case tokColumns:
			var ok bool
			if columns, ok = s.columns(&r); !ok {
				return
			}
		case tokRow:
			for _, c := range columns {
				c.value(&r, false)
			}
		case tokNBCRow:
			nulls := r.Bytes((len(columns) + 7) / 8)
			for i, c := range columns {
				if nulls != nil && nulls[i/8]&(1<<(i%8)) == 0 {
					c.value(&r, false)
				}
			}
		case tokReturnValue:
			r.Skip(2)
			r.Skip(2 * int(r.U8()))
			r.Skip(1 + s.userType() + 2)
			c, ok := typeInfo(&r)
			if !ok {
				return
			}
			c.value(&r, true)
		case tokFeatureAck:
			for r.Len() > 0 && r.U8() != 0xff {
				r.Skip(int(int32(r.LE32())))
			}
		case tokSession:
			r.Skip(int(int32(r.LE32())))
		case tokError, tokInfo, tokLoginAck, tokEnvironment, tokOrder, 0xa4, 0xa5, 0xed:
			s.token(tok, r.Bytes(int(r.LE16())))
		default:
			return
		}
	}
	s.ended = !r.Short()
}

func (s *result) userType() int {
	if s.modern {
		return 4
	}
	return 2
}

func (s *result) done(r *wire.Reader) {
	status := r.LE16()
	r.Skip(2)
	n := uint64(0)
	if s.modern {
		n = r.LE64()
	} else {
		n = uint64(r.LE32())
	}
	if r.Short() {
		return
	}
	s.count(status, n)
}

func (s *result) count(status uint16, n uint64) {
	if status&doneCount != 0 {
		s.rows += n
		s.hasRows = true
	}
	if status&doneError != 0 {
		s.failed = true
	}
}

// tail reads the token at the end of an answer that could not be walked to it.
func (s *result) tail(b []byte) {
	n := doneBytes
	if !s.modern {
		n = doneOld
	}
	if len(b) < n || b[len(b)-n] < tokDone {
		return
	}
	r := wire.NewReader(b[len(b)-n+1:])
	s.done(&r)
}

// columns reads the column definitions of a result set.
func (s *result) columns(r *wire.Reader) (list []column, ok bool) {
	n := r.LE16()
	if n == null16 {
		return nil, true
	}
	if n > columnsMax {
		return nil, false
	}
	for range n {
		r.Skip(s.userType() + 2)
		c, known := typeInfo(r)
		if !known {
			return nil, false
		}
		if c.encoding == textPoint { // the table's name
			parts := 1
			if s.modern {
				parts = int(r.U8())
			}
			for range parts {
				r.Skip(2 * int(r.LE16()))
			}
		}
		r.Skip(2 * int(r.U8()))
		if r.Short() {
			return nil, false
		}
		list = append(list, c)
	}
	return list, true
}

// token reads the tokens that say their length.
func (s *result) token(tok uint8, b []byte) {
	r := wire.NewReader(b)
	switch tok {
	case tokError:
		number := r.LE32()
		r.Skip(2)
		text := unwide(r.Bytes(2 * int(r.LE16())))
		if !r.Short() && !s.failed {
			s.failed, s.errCode, s.errText = true, strconv.FormatUint(uint64(number), 10), text
		}
	case tokLoginAck:
		r.Skip(1)
		version := r.Bytes(4)
		name := unwide(r.Bytes(2 * int(r.U8())))
		v := r.Bytes(4)
		if r.Short() {
			return
		}
		s.accepted = true
		s.modern = version[0] >= 0x72 && version[0] < 0x80
		s.server = string(trim(name)) + " " + strconv.Itoa(int(v[0])) + "." + strconv.Itoa(int(v[1])) + "." + strconv.Itoa(int(binary.BigEndian.Uint16(v[2:])))
	case tokEnvironment:
		if r.U8() == environDB {
			if name := unwide(r.Bytes(2 * int(r.U8()))); !r.Short() {
				s.database = string(name)
			}
		}
	}
}
