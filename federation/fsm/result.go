package fsm

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Results layout, big-endian: u16 count, then for each result
//
//	u8 0, u32 length, value              the table returned a value
//	u8 1, u32 code, u16 length, text     the table refused
const (
	resultValue   = 0
	resultRefusal = 1
	// resultsMax bounds what one decoded answer may hold: the results of one forwarded proposal.
	resultsMax = 1 << 14
)

// AppendResults appends the encoding of at most 16384 results to b.
func AppendResults(b []byte, results []Result) ([]byte, error) {
	if len(results) > resultsMax {
		return nil, fmt.Errorf("encoding results: %d of them, at most %d", len(results), resultsMax)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(results)))
	for i, r := range results {
		if r.Err == nil {
			if len(r.Value) > ResultValueBytesMax {
				return nil, fmt.Errorf("encoding result %d: value of %d bytes, at most %d", i, len(r.Value), ResultValueBytesMax)
			}
			b = append(b, resultValue)
			b = binary.BigEndian.AppendUint32(b, uint32(len(r.Value)))
			b = append(b, r.Value...)
			continue
		}
		ref := asRefusal(r.Err)
		text := cutText(ref.Text)
		b = append(b, resultRefusal)
		b = binary.BigEndian.AppendUint32(b, ref.Code)
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
		b = append(b, text...)
	}
	return b, nil
}

// cutText shortens s to the wire limit without cutting through a character.
func cutText(s string) string {
	if len(s) <= refusalTextBytesMax {
		return s
	}
	n := refusalTextBytesMax
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// DecodeResults decodes what AppendResults wrote; b must hold nothing else. Values are
// copied. Errors wrap ErrCorrupt and name the offset.
func DecodeResults(b []byte) ([]Result, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("results of %d bytes: %w: too short", len(b), ErrCorrupt)
	}
	count := int(binary.BigEndian.Uint16(b))
	if count > resultsMax || count*5 > len(b)-2 {
		return nil, fmt.Errorf("results: %w: %d of them in %d bytes", ErrCorrupt, count, len(b))
	}
	results := make([]Result, count)
	off := 2
	for i := range results {
		n, err := decodeResult(&results[i], b[off:])
		if err != nil {
			return nil, fmt.Errorf("results: number %d of %d at offset %d: %w", i, count, off, err)
		}
		off += n
	}
	if off != len(b) {
		return nil, fmt.Errorf("results: %w: %d bytes too many at offset %d", ErrCorrupt, len(b)-off, off)
	}
	return results, nil
}

func decodeResult(r *Result, b []byte) (int, error) {
	switch {
	case len(b) >= 5 && b[0] == resultValue:
		n := int(binary.BigEndian.Uint32(b[1:]))
		if n > ResultValueBytesMax || n > len(b)-5 {
			return 0, fmt.Errorf("%w: value of %d bytes where %d are left", ErrCorrupt, n, len(b)-5)
		}
		if n > 0 {
			r.Value = append([]byte(nil), b[5:5+n]...)
		}
		return 5 + n, nil
	case len(b) >= 7 && b[0] == resultRefusal:
		n := int(binary.BigEndian.Uint16(b[5:]))
		if n > refusalTextBytesMax || n > len(b)-7 {
			return 0, fmt.Errorf("%w: text of %d bytes where %d are left", ErrCorrupt, n, len(b)-7)
		}
		r.Err = &Refusal{Code: binary.BigEndian.Uint32(b[1:]), Text: string(b[7 : 7+n])}
		return 7 + n, nil
	default:
		return 0, fmt.Errorf("%w: unknown tag or too short", ErrCorrupt)
	}
}
