package mssql

import (
	"unicode/utf16"

	"fengsui/capture/proto/wire"
)

// Data types ([MS-TDS] 2.2.5.4).
const (
	typeImage    = 0x22
	typeText     = 0x23
	typeVarBin8  = 0x25
	typeVarChar8 = 0x27
	typeDate     = 0x28
	typeTime     = 0x29
	typeDateTime = 0x2a
	typeOffset   = 0x2b
	typeBin8     = 0x2d
	typeChar8    = 0x2f
	typeDecimal  = 0x37
	typeNumeric  = 0x3f
	typeVariant  = 0x62
	typeNText    = 0x63
	typeDecimalN = 0x6a
	typeNumericN = 0x6c
	typeBigVarB  = 0xa5
	typeBigVarC  = 0xa7
	typeBigBin   = 0xad
	typeBigChar  = 0xaf
	typeNVarChar = 0xe7
	typeNChar    = 0xef
	typeXML      = 0xf1
	null16       = 0xffff
	null32       = 0xffffffff
	null64       = 0xffffffffffffffff
)

// encoding is how values of a column are written.
type encoding uint8

const (
	fixed     encoding = iota // as many bytes as the type has
	length8                   // a byte of length in front
	length16                  // two
	length32                  // four
	pieces                    // partially length-prefixed
	textPoint                 // text pointer, time stamp, length
)

// column is one column or parameter.
type column struct {
	kind     uint8
	encoding encoding
	size     int // of a fixed one
}

// fixedSizes maps types of fixed length to their bytes. Never written.
var fixedSizes = map[uint8]int{
	0x1f: 0, 0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x3a: 4, 0x3b: 4, 0x3c: 8, 0x3d: 8, 0x3e: 8, 0x7a: 4, 0x7f: 8,
}

// typeInfo reads a TYPE_INFO; table names of text columns follow it in column definitions only.
func typeInfo(r *wire.Reader) (c column, ok bool) {
	c.kind = r.U8()
	if n, isFixed := fixedSizes[c.kind]; isFixed {
		c.size = n
		return c, !r.Short()
	}
	switch c.kind {
	case 0x24, 0x26, 0x68, 0x6d, 0x6e, 0x6f, typeVarBin8, typeVarChar8, typeBin8, typeChar8, typeTime, typeDateTime, typeOffset:
		r.Skip(1)
		c.encoding = length8
	case typeDate:
		c.encoding = length8
	case typeDecimal, typeNumeric, typeDecimalN, typeNumericN:
		r.Skip(3)
		c.encoding = length8
	case typeBigVarB, typeBigBin, typeBigVarC, typeBigChar, typeNVarChar, typeNChar:
		c.encoding = length16
		if r.LE16() == null16 {
			c.encoding = pieces
		}
		if c.kind != typeBigVarB && c.kind != typeBigBin {
			r.Skip(5) // collation
		}
	case typeText, typeNText:
		r.Skip(4 + 5)
		c.encoding = textPoint
	case typeImage:
		r.Skip(4)
		c.encoding = textPoint
	case typeVariant:
		r.Skip(4)
		c.encoding = length32
	case typeXML:
		if r.U8() != 0 {
			r.Skip(2 * int(r.U8()))
			r.Skip(2 * int(r.U8()))
			r.Skip(2 * int(r.LE16()))
		}
		c.encoding = pieces
	default:
		return c, false
	}
	return c, !r.Short()
}

// value reads a value. parameter tells that a text type is a parameter: length and bytes only.
func (c column) value(r *wire.Reader, parameter bool) []byte {
	switch c.encoding {
	case fixed:
		return r.Bytes(c.size)
	case length8:
		return r.Bytes(int(r.U8()))
	case length16:
		n := r.LE16()
		if n == null16 {
			return nil
		}
		return r.Bytes(int(n))
	case length32:
		return r.Bytes(int(int32(r.LE32())))
	case textPoint:
		if !parameter {
			n := r.U8()
			if n == 0 {
				return nil
			}
			r.Skip(int(n) + 8)
		}
		n := r.LE32()
		if n == null32 {
			return nil
		}
		return r.Bytes(int(int32(n)))
	}
	if r.LE64() == null64 {
		return nil
	}
	var all []byte
	for !r.Short() {
		n := r.LE32()
		if n == 0 {
			break
		}
		piece := r.Bytes(int(int32(n)))
		if all == nil {
			all = piece
		} else {
			all = append(all[:len(all):len(all)], piece...)
		}
	}
	return all
}

// wide tells whether values are UTF-16.
func (c column) wide() bool {
	return c.kind == typeNVarChar || c.kind == typeNChar || c.kind == typeNText
}

// narrow tells whether values are text of a code page.
func (c column) narrow() bool {
	return c.kind == typeBigVarC || c.kind == typeBigChar || c.kind == typeText || c.kind == typeVarChar8 || c.kind == typeChar8
}

// unwide turns UTF-16 into UTF-8.
func unwide(b []byte) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
	}
	return []byte(string(utf16.Decode(units)))
}
