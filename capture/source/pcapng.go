package source

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"

	"fengsui/capture/packet"
)

// pcapng block types (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 0x00000001
	blockPacket    = 0x00000002 // obsolete, still found
	blockSimple    = 0x00000003
	blockEnhanced  = 0x00000006

	optEnd     = 0
	optName    = 2
	optTSResol = 9
	optTSOff   = 14
)

// ngInterface is one interface description.
type ngInterface struct {
	link    packet.LinkType
	snaplen uint32
	name    string
	units   uint64 // time units per second
	offset  int64  // seconds to add
}

type ngReader struct {
	in     *input
	counts *counts
	order  binary.ByteOrder
	ifaces []ngInterface
	last   time.Time // simple packets have no time of their own
}

func (r *ngReader) next(f *Frame) error {
	for {
		kind, body, err := r.block()
		if err != nil {
			return err
		}
		switch kind {
		case blockSection:
			r.ifaces = r.ifaces[:0]
		case blockInterface:
			if err := r.describe(body); err != nil {
				return err
			}
		case blockEnhanced, blockPacket, blockSimple:
			ok, err := r.frame(kind, body, f)
			if err != nil {
				return err
			}
			if ok {
				return nil
			}
			r.counts.invalid.Add(1)
		}
	}
}

// block passes one block and returns its type and body.
func (r *ngReader) block() (uint32, []byte, error) {
	h, err := r.in.need(8)
	if err != nil {
		return 0, nil, err
	}
	if binary.LittleEndian.Uint32(h) == blockSection { // the same in both orders
		return r.section()
	}
	if r.order == nil {
		return 0, nil, r.in.bad("no section header")
	}
	total := r.order.Uint32(h[4:])
	if total < 12 || total > blockBytesMax {
		return 0, nil, r.in.bad("a block claims %d bytes (between 12 and %d are possible)", total, blockBytesMax)
	}
	b, err := r.in.need((int(total) + 3) &^ 3)
	if err != nil {
		return 0, nil, cut(err)
	}
	r.in.skip(len(b))
	return r.order.Uint32(b), b[8 : len(b)-4], nil
}

// section passes a section header, which tells the byte order of what follows.
func (r *ngReader) section() (uint32, []byte, error) {
	h, err := r.in.need(12)
	if err != nil {
		return 0, nil, cut(err)
	}
	switch {
	case binary.LittleEndian.Uint32(h[8:]) == 0x1a2b3c4d:
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint32(h[8:]) == 0x1a2b3c4d:
		r.order = binary.BigEndian
	default:
		return 0, nil, r.in.bad("a section header without byte-order magic")
	}
	total := r.order.Uint32(h[4:])
	if total < 28 || total%4 != 0 || total > blockBytesMax {
		return 0, nil, r.in.bad("a section header of %d bytes", total)
	}
	if _, err := r.in.need(int(total)); err != nil {
		return 0, nil, cut(err)
	}
	r.in.skip(int(total))
	return blockSection, nil, nil
}

// cut turns the end of the input in the middle of a block into errTruncated.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return errTruncated
	}
	return err
}

func (r *ngReader) describe(b []byte) error {
	if len(b) < 8 {
		return r.in.bad("an interface description of %d bytes", len(b))
	}
	if len(r.ifaces) >= interfacesMax {
		return r.in.bad("more than %d interfaces", interfacesMax)
	}
	i := ngInterface{link: packet.LinkType(r.order.Uint16(b)), snaplen: r.order.Uint32(b[4:]), units: 1_000_000}
	for b = b[8:]; len(b) >= 4; {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		b = b[4:]
		if code == optEnd || n > len(b) {
			break
		}
		i.option(code, b[:n], r.order)
		b = b[min((n+3)&^3, len(b)):]
	}
	if !i.link.Supported() {
		return r.in.badLink(i.link)
	}
	r.ifaces = append(r.ifaces, i)
	return nil
}

func (i *ngInterface) option(code uint16, v []byte, order binary.ByteOrder) {
	switch {
	case code == optName && len(v) <= 256:
		i.name = string(v)
	case code == optTSResol && len(v) == 1:
		exp := v[0] & 0x7f
		switch {
		case v[0]&0x80 != 0 && exp < 63:
			i.units = 1 << exp
		case v[0]&0x80 == 0 && exp <= 18:
			i.units = uint64(math.Pow10(int(exp)))
		}
	case code == optTSOff && len(v) == 8:
		i.offset = int64(order.Uint64(v))
	}
}

// at turns a time stamp in units of the interface into a time.
func (i *ngInterface) at(units uint64) time.Time {
	sec, rest := units/i.units, units%i.units
	var ns uint64
	if i.units <= 1_000_000_000 {
		ns = rest * 1_000_000_000 / i.units
	} else {
		ns = uint64(float64(rest) / float64(i.units) * 1e9)
	}
	// Seconds beyond what a time in nanoseconds can say come from broken files.
	return time.Unix(int64(min(sec, 1<<33))+min(max(i.offset, -1<<33), 1<<33), int64(ns)).UTC()
}

// frame reads a packet block; false means it is malformed and skipped.
func (r *ngReader) frame(kind uint32, b []byte, f *Frame) (bool, error) {
	var index, n, orig uint32
	var stamp uint64
	timed := true
	switch kind {
	case blockEnhanced:
		if len(b) < 20 {
			return false, nil
		}
		index = r.order.Uint32(b)
		stamp = uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
		n, orig = r.order.Uint32(b[12:]), r.order.Uint32(b[16:])
		b = b[20:]
	case blockPacket:
		if len(b) < 20 {
			return false, nil
		}
		index = uint32(r.order.Uint16(b))
		stamp = uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
		n, orig = r.order.Uint32(b[12:]), r.order.Uint32(b[16:])
		b = b[20:]
	default:
		if len(b) < 4 || len(r.ifaces) == 0 {
			return false, nil
		}
		orig, timed = r.order.Uint32(b), false
		n = orig
		if s := r.ifaces[0].snaplen; s > 0 {
			n = min(n, s)
		}
		n = min(n, uint32(len(b)-4))
		b = b[4:]
	}
	if uint64(index) >= uint64(len(r.ifaces)) || uint64(n) > uint64(len(b)) || n > frameBytesMax {
		return false, nil
	}
	i := &r.ifaces[index]
	if timed {
		r.last = i.at(stamp)
	}
	f.Time, f.Data, f.Link = r.last, b[:n], i.link
	f.OrigLen = int(min(max(orig, n), 1<<30))
	if i.name != "" {
		f.Iface = i.name
	}
	return true, nil
}
