package packettest

import (
	"encoding/binary"
)

// Pcap returns the capture as a classic pcap file.
func (c *Capture) Pcap(order binary.AppendByteOrder, nano bool) []byte {
	magic := uint32(0xa1b2c3d4)
	if nano {
		magic = 0xa1b23c4d
	}
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, 1)
	for i := range c.Frames {
		f := &c.Frames[i]
		frac := uint32(f.Time.Nanosecond())
		if !nano {
			frac /= 1000
		}
		b = order.AppendUint32(b, uint32(f.Time.Unix()))
		b = order.AppendUint32(b, frac)
		b = order.AppendUint32(b, uint32(len(f.Data)))
		b = order.AppendUint32(b, uint32(f.OrigLen))
		b = append(b, f.Data...)
	}
	return b
}

// orders joins reading and appending, which binary.LittleEndian and BigEndian both do.
type orders interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func block(order orders, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(12 + len(body))
	b := order.AppendUint32(nil, kind)
	b = order.AppendUint32(b, n)
	b = append(b, body...)
	return order.AppendUint32(b, n)
}

// PcapNG returns the capture as a pcapng file with nanosecond time stamps and one interface named eth9.
func (c *Capture) PcapNG(order orders) []byte {
	head := order.AppendUint32(nil, 0x1a2b3c4d)
	head = order.AppendUint16(head, 1)
	head = order.AppendUint16(head, 0)
	head = order.AppendUint64(head, ^uint64(0))
	b := block(order, 0x0a0d0d0a, head)
	iface := order.AppendUint16(nil, 1)
	iface = order.AppendUint16(iface, 0)
	iface = order.AppendUint32(iface, 65535)
	iface = order.AppendUint16(iface, 2) // name
	iface = order.AppendUint16(iface, 4)
	iface = append(iface, "eth9"...)
	iface = order.AppendUint16(iface, 9) // resolution
	iface = order.AppendUint16(iface, 1)
	iface = append(iface, 9, 0, 0, 0)
	iface = order.AppendUint32(iface, 0)
	b = append(b, block(order, 1, iface)...)
	for i := range c.Frames {
		f := &c.Frames[i]
		ns := uint64(f.Time.UnixNano())
		e := order.AppendUint32(nil, 0)
		e = order.AppendUint32(e, uint32(ns>>32))
		e = order.AppendUint32(e, uint32(ns))
		e = order.AppendUint32(e, uint32(len(f.Data)))
		e = order.AppendUint32(e, uint32(f.OrigLen))
		b = append(b, block(order, 6, append(e, f.Data...))...)
	}
	return b
}
