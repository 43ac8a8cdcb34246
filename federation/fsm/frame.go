package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"fengsui/gmcrypto"
)

// A framed stream is a sequence of frames (u32 length 1..262144, bytes) ended by u32 0,
// u64 number of content bytes and a 32-byte digest. The digest is an SM3 chain: it starts
// from a label and a header, takes in one frame (with its length) at a time, and ends
// with the terminator. So neither side ever holds more than one frame.
type chain [32]byte

func newChain(label string, header []byte) chain {
	return gmcrypto.SM3([]byte(label), header)
}

func (c *chain) add(parts ...[]byte) {
	*c = gmcrypto.SM3(append([][]byte{c[:]}, parts...)...)
}

// frameWriter cuts what is written to it into frames. w may be nil: then only the digest
// is wanted.
type frameWriter struct {
	w     io.Writer
	sum   chain
	buf   []byte
	total uint64
}

func newFrameWriter(w io.Writer, sum chain) *frameWriter {
	return &frameWriter{w: w, sum: sum, buf: make([]byte, 4, 4+frameBytesMax)}
}

func (f *frameWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(len(p), 4+frameBytesMax-len(f.buf))
		f.buf = append(f.buf, p[:take]...)
		p = p[take:]
		if len(f.buf) == 4+frameBytesMax {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (f *frameWriter) flush() error {
	content := len(f.buf) - 4
	if content == 0 {
		return nil
	}
	binary.BigEndian.PutUint32(f.buf, uint32(content))
	f.sum.add(f.buf)
	f.total += uint64(content)
	if f.w != nil {
		if _, err := f.w.Write(f.buf); err != nil {
			return err
		}
	}
	f.buf = f.buf[:4]
	return nil
}

// finish writes the terminator and returns the digest.
func (f *frameWriter) finish() ([32]byte, error) {
	if err := f.flush(); err != nil {
		return [32]byte{}, err
	}
	end := binary.BigEndian.AppendUint64(make([]byte, 4, 12), f.total)
	f.sum.add(end)
	if f.w != nil {
		if _, err := f.w.Write(append(end, f.sum[:]...)); err != nil {
			return [32]byte{}, err
		}
	}
	return f.sum, nil
}

// errTruncated is an end of the stream before its terminator.
var errTruncated = fmt.Errorf("%w: the stream ends before its digest", ErrCorrupt)

// frameReader reads the content of a framed stream. It returns io.EOF only after the
// digest has matched; everything it returned before must be thrown away if it does not.
type frameReader struct {
	r     io.Reader
	sum   chain
	buf   []byte // the current frame with its length
	rest  []byte // unread part of buf
	total uint64
	err   error // sticky
}

func newFrameReader(r io.Reader, sum chain) *frameReader {
	return &frameReader{r: r, sum: sum, buf: make([]byte, 4+frameBytesMax)}
}

func (f *frameReader) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.err == nil {
			f.err = f.next()
		}
		if f.err != nil {
			return 0, f.err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *frameReader) next() error {
	if err := readFull(f.r, f.buf[:4]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(f.buf)
	if n > frameBytesMax {
		return fmt.Errorf("%w: frame of %d bytes after byte %d, at most %d", ErrCorrupt, n, f.total, frameBytesMax)
	}
	if n == 0 {
		return f.verify()
	}
	frame := f.buf[:4+n]
	if err := readFull(f.r, frame[4:]); err != nil {
		return err
	}
	f.sum.add(frame)
	f.total += uint64(n)
	f.rest = frame[4:]
	return nil
}

// verify reads the terminator, compares, and makes sure that nothing follows.
func (f *frameReader) verify() error {
	var end [8 + 32 + 1]byte
	if err := readFull(f.r, end[:40]); err != nil {
		return err
	}
	f.sum.add(f.buf[:4], end[:8])
	if total := binary.BigEndian.Uint64(end[:]); total != f.total {
		return fmt.Errorf("%w: %d content bytes where %d were announced", ErrCorrupt, f.total, total)
	}
	if [32]byte(end[8:40]) != f.sum {
		return fmt.Errorf("%w: the SM3 digest over %d bytes differs", ErrCorrupt, f.total)
	}
	if n, err := io.ReadFull(f.r, end[40:]); n != 0 {
		return fmt.Errorf("%w: bytes follow the digest", ErrCorrupt)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}

func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}
