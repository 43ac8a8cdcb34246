package transform

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"fengsui/analyze/signature/number"
)

// How many bytes decompression yields: when nothing is said, and at most. As in Suricata.
const (
	inflatedDefault = 1024
	inflatedMax     = 16 << 20
)

// parseInflate reads the argument of gunzip and zlib_deflate: nothing, or max-size N. What does not decompress stays as it is; what is cut off at the
// limit, or damaged behind it, counts as far as it goes.
func parseInflate(argument string, open func(io.Reader) (io.ReadCloser, error)) (Func, error) {
	limit := uint64(inflatedDefault)
	if argument = strings.TrimSpace(argument); argument != "" {
		value, ok := strings.CutPrefix(argument, "max-size ")
		cond, err := number.Parse(value, inflatedMax)
		if !ok || err != nil || cond.Number() == 0 {
			return nil, fmt.Errorf("%q is not max-size and a number up to %d", argument, inflatedMax)
		}
		limit = cond.Number()
	}
	return func(dst, in []byte) []byte {
		r, err := open(bytes.NewReader(in))
		if err != nil {
			return append(dst, in...)
		}
		defer r.Close() //nolint:errcheck // it reads from memory
		out, _ := io.ReadAll(io.LimitReader(r, int64(limit)))
		if len(out) == 0 {
			return append(dst, in...)
		}
		return append(dst, out...)
	}, nil
}

func openGzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

func openZlib(r io.Reader) (io.ReadCloser, error) { return zlib.NewReader(r) }
