package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// zstdWindowMax bounds what a compressed file may make us remember; zstd's own default for decompression is 128 MiB, of
// which only --ultra and --long make use.
const zstdWindowMax = 64 << 20

// unpack sees through gzip, zstd and lz4, told by the first bytes and never by the name. The second result releases what
// decompression holds.
func unpack(in io.Reader, name string) (io.Reader, func(), error) {
	var head [4]byte
	n, err := io.ReadFull(in, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), in)
	none := func() {}
	switch {
	case n >= 2 && head[0] == 0x1f && head[1] == 0x8b: // RFC 1952
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w: gzip header: %w", name, ErrFormat, err)
		}
		return packed{z, name, "gzip"}, none, nil
	case n == 4 && (head == [4]byte{0x28, 0xb5, 0x2f, 0xfd} || head[0]&0xf0 == 0x50 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18): // RFC 8878, frame or skippable frame
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindowMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w: zstd: %w", name, ErrFormat, err)
		}
		return packed{z, name, "zstd"}, z.Close, nil
	case n == 4 && (head == [4]byte{0x04, 0x22, 0x4d, 0x18} || head == [4]byte{0x02, 0x21, 0x4c, 0x18}): // LZ4 frame, current and legacy
		return packed{lz4.NewReader(whole), name, "lz4"}, none, nil
	case n >= 3 && string(head[:3]) == "BZh":
		return nil, nil, fmt.Errorf("reading %s: %w: it is compressed with bzip2; readable are gzip, zstd and lz4", name, ErrFormat)
	case n == 4 && head == [4]byte{0xfd, '7', 'z', 'X'}:
		return nil, nil, fmt.Errorf("reading %s: %w: it is compressed with xz; readable are gzip, zstd and lz4", name, ErrFormat)
	}
	return whole, none, nil
}

// packed says which compression broke. The end of a file in the middle of a frame is no error here: the reader above
// takes it as a capture that was cut off.
type packed struct {
	r          io.Reader
	name, form string
}

func (p packed) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("%w: damaged %s data: %w", ErrFormat, p.form, err)
}
