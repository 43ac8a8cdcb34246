package source

import (
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

// reader reads one capture, whatever its format. next fills f, whose data is valid until the next call; io.EOF ends.
type reader interface {
	next(f *Frame) error
}

// newReader finds out the format by its first bytes. name is for messages.
func newReader(r io.Reader, name string, c *counts, size int) (reader, error) {
	in := newInput(r, name, size)
	head, err := in.need(4)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, errTruncated) {
			return nil, fmt.Errorf("reading %s: %w: it is %d bytes long, a capture file has at least %d", name, ErrFormat, len(in.have()), headerBytes)
		}
		return nil, err
	}
	switch le, be := binary.LittleEndian.Uint32(head), binary.BigEndian.Uint32(head); {
	case le == magicMicro || le == magicNano:
		return newClassic(in, false, le == magicNano)
	case be == magicMicro || be == magicNano:
		return newClassic(in, true, be == magicNano)
	case le == magicNG:
		return &ngReader{in: in, counts: c}, nil
	case le == magicKuzn || be == magicKuzn:
		return nil, fmt.Errorf("reading %s: %w: a modified pcap of old Linux libpcap; convert it with editcap -F pcap", name, ErrFormat)
	}
	return nil, fmt.Errorf("reading %s: %w: it begins with % x, neither pcap nor pcapng", name, ErrFormat, head)
}

// classic reads the format of libpcap (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html).
type classic struct {
	in   *input
	big  bool   // byte order of the file
	unit uint32 // nanoseconds of one fraction
	link packet.LinkType
}

func newClassic(in *input, big, nano bool) (*classic, error) {
	h, err := in.need(headerBytes)
	if err != nil {
		return nil, in.bad("the file header is cut off")
	}
	r := &classic{in: in, big: big, unit: 1000}
	if nano {
		r.unit = 1
	}
	major, minor, link := binary.LittleEndian.Uint16(h[4:]), binary.LittleEndian.Uint16(h[6:]), binary.LittleEndian.Uint32(h[20:])
	if big {
		major, minor, link = binary.BigEndian.Uint16(h[4:]), binary.BigEndian.Uint16(h[6:]), binary.BigEndian.Uint32(h[20:])
	}
	if major != 2 {
		return nil, in.bad("version %d.%d, only 2.x is known", major, minor)
	}
	r.link = packet.LinkType(link & 0xffff) // the upper bits tell about frame check sequences
	if !r.link.Supported() {
		return nil, in.badLink(r.link)
	}
	in.skip(headerBytes)
	return r, nil
}

func (r *classic) next(f *Frame) error {
	in := r.in
	h, err := in.need(16)
	if err != nil {
		return err
	}
	sec, frac := binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
	n, orig := binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	if r.big {
		sec, frac = binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
		n, orig = binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	}
	if n > frameBytesMax {
		return in.bad("a packet claims %d bytes (at most %d are possible)", n, frameBytesMax)
	}
	b, err := in.need(16 + int(n))
	if err != nil {
		if errors.Is(err, io.EOF) {
			return errTruncated
		}
		return err
	}
	in.skip(len(b))
	f.Time = time.Unix(int64(sec), int64(frac)*int64(r.unit)).UTC()
	f.Data, f.OrigLen, f.Link = b[16:], int(min(max(orig, n), 1<<30)), r.link
	return nil
}
