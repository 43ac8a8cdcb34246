package source

import (
	"errors"
	"fmt"
	"io"

	"fengsui/capture/packet"
)

const (
	// readAhead is how much of a file is read at once: large enough that the calls do not count, small enough for the
	// second-level cache of a core to hold what the worker looks at.
	readAhead = 512 << 10
	// mergedReadAhead is used for each of several files that are read side by side.
	mergedReadAhead = 128 << 10
)

// input gives out pieces of a stream in place, so that a frame is not copied between the read and the decoder. A piece
// is valid until the next call of need.
type input struct {
	r    io.Reader
	name string
	buf  []byte
	pos  int   // of the next byte not yet given out
	end  int   // of what has been read
	base int64 // offset in the stream of buf[0]
	err  error // that ended reading
}

func newInput(r io.Reader, name string, size int) *input {
	return &input{r: r, name: name, buf: make([]byte, size)}
}

// need returns the next n bytes without passing them: io.EOF when there is none, errTruncated when there are fewer. The
// buffer grows only as bytes come, so that a length that lies costs no memory.
func (in *input) need(n int) ([]byte, error) {
	if in.end-in.pos >= n {
		return in.buf[in.pos : in.pos+n], nil
	}
	return in.fill(n)
}

func (in *input) fill(n int) ([]byte, error) {
	if in.pos > 0 {
		copy(in.buf, in.buf[in.pos:in.end])
		in.base += int64(in.pos)
		in.end -= in.pos
		in.pos = 0
	}
	for idle := 0; in.end < n && in.err == nil; {
		if in.end == len(in.buf) {
			in.buf = append(in.buf, make([]byte, min(len(in.buf), 1<<20))...)
		}
		k, err := in.r.Read(in.buf[in.end:])
		in.end += k
		in.err = err
		if idle++; k > 0 {
			idle = 0
		} else if idle > 100 {
			in.err = io.ErrNoProgress
		}
	}
	switch {
	case in.end >= n:
		return in.buf[:n], nil
	case !errors.Is(in.err, io.EOF) && !errors.Is(in.err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("reading %s at byte %d: %w", in.name, in.base+int64(in.end), in.err)
	case in.end == 0 && errors.Is(in.err, io.EOF):
		return nil, io.EOF
	}
	return nil, errTruncated
}

// skip passes n bytes that need has returned.
func (in *input) skip(n int) { in.pos += n }

// have returns what is left after need failed.
func (in *input) have() []byte { return in.buf[in.pos:in.end] }

func (in *input) bad(format string, args ...any) error {
	return fmt.Errorf("reading %s at byte %d: %w: %s", in.name, in.base+int64(in.pos), ErrFormat, fmt.Sprintf(format, args...))
}

func (in *input) badLink(l packet.LinkType) error {
	hint := "readable are Ethernet, Linux cooked, raw IP, BSD loopback, PPP and Cisco HDLC"
	switch l {
	case 105, 119, 127, 163, 192:
		hint = "radio frames are mostly encrypted and carry no addresses of the wired side; capture behind the access point, or decrypt and convert to Ethernet first"
	}
	return fmt.Errorf("reading %s: %w: %s (%d); %s", in.name, ErrLinkType, l, uint16(l), hint)
}
