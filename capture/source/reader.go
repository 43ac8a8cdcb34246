package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"fengsui/capture/packet"
)

const (
	// frameBytesMax bounds one record: 256 KiB is what libpcap accepts.
	frameBytesMax = 256 << 10
	// blockBytesMax bounds one pcapng block.
	blockBytesMax = 16 << 20
	// interfacesMax bounds the interfaces of one pcapng section.
	interfacesMax = 4096

	magicMicro  = 0xa1b2c3d4
	magicNano   = 0xa1b23c4d
	magicNG     = 0x0a0d0d0a
	magicKuzn   = 0xa1b2cd34 // a "modified" pcap with 24-byte records
	headerBytes = 24
)

// errTruncated tells that the input ended inside a record: what came before is good.
var errTruncated = errors.New("ends inside a packet")

// reader reads one capture, whatever its format. next fills f, reusing the reader's buffer; io.EOF ends.
type reader interface {
	next(f *Frame) error
}

// newReader finds out the format. name is for messages.
func newReader(r io.Reader, name string, c *counts) (reader, error) {
	in := &input{r: bufio.NewReaderSize(r, 1<<18), name: name}
	head, err := in.r.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading %s: %w: it is %d bytes long, a capture file has at least %d", name, ErrFormat, len(head), headerBytes)
		}
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	switch le, be := binary.LittleEndian.Uint32(head), binary.BigEndian.Uint32(head); {
	case le == magicMicro || le == magicNano:
		return newClassic(in, binary.LittleEndian, le == magicNano)
	case be == magicMicro || be == magicNano:
		return newClassic(in, binary.BigEndian, be == magicNano)
	case le == magicNG:
		return &ngReader{in: in, counts: c}, nil
	case le == magicKuzn || be == magicKuzn:
		return nil, fmt.Errorf("reading %s: %w: a modified pcap of old Linux libpcap; convert it with editcap -F pcap", name, ErrFormat)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, fmt.Errorf("reading %s: %w: it is zstd-compressed; decompress it first", name, ErrFormat)
	}
	return nil, fmt.Errorf("reading %s: %w: it begins with % x, neither pcap nor pcapng", name, ErrFormat, head)
}

// input counts bytes so that errors can name an offset.
type input struct {
	r    *bufio.Reader
	name string
	off  int64
}

// full reads exactly len(b) bytes: io.EOF when there is none, errTruncated when there are fewer.
func (in *input) full(b []byte) error {
	n, err := io.ReadFull(in.r, b)
	in.off += int64(n)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errTruncated
	}
	return fmt.Errorf("reading %s at byte %d: %w", in.name, in.off, err)
}

func (in *input) bad(format string, args ...any) error {
	return fmt.Errorf("reading %s at byte %d: %w: %s", in.name, in.off, ErrFormat, fmt.Sprintf(format, args...))
}

func (in *input) badLink(l packet.LinkType) error {
	return fmt.Errorf("reading %s: %w: %s (%d); readable are Ethernet, Linux cooked, raw IP, BSD loopback, PPP and Cisco HDLC", in.name, ErrLinkType, l, uint16(l))
}

// classic reads the format of libpcap (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html).
type classic struct {
	in    *input
	order binary.ByteOrder
	nano  bool
	link  packet.LinkType
	buf   []byte
	head  [16]byte
}

func newClassic(in *input, order binary.ByteOrder, nano bool) (*classic, error) {
	var h [headerBytes]byte
	if err := in.full(h[:]); err != nil {
		return nil, in.bad("the file header is cut off")
	}
	if major := order.Uint16(h[4:]); major != 2 {
		return nil, in.bad("version %d.%d, only 2.x is known", major, order.Uint16(h[6:]))
	}
	r := &classic{in: in, order: order, nano: nano}
	r.link = packet.LinkType(order.Uint32(h[20:]) & 0xffff) // the upper bits tell about frame check sequences
	if !r.link.Supported() {
		return nil, in.badLink(r.link)
	}
	return r, nil
}

func (r *classic) next(f *Frame) error {
	if err := r.in.full(r.head[:]); err != nil {
		return err
	}
	sec, frac := r.order.Uint32(r.head[:]), r.order.Uint32(r.head[4:])
	n, orig := r.order.Uint32(r.head[8:]), r.order.Uint32(r.head[12:])
	if n > frameBytesMax {
		return r.in.bad("a packet claims %d bytes (at most %d are possible)", n, frameBytesMax)
	}
	if !r.nano {
		frac *= 1000
	}
	r.buf = grow(r.buf, int(n))
	if err := r.in.full(r.buf); err != nil {
		if errors.Is(err, io.EOF) {
			return errTruncated
		}
		return err
	}
	f.Time = time.Unix(int64(sec), int64(frac)).UTC()
	f.Data, f.OrigLen, f.Link = r.buf, int(min(max(orig, n), 1<<30)), r.link
	return nil
}

// grow returns a slice of n bytes, reusing b's storage.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n, max(n, 2048))
	}
	return b[:n]
}
