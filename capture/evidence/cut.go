package evidence

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"fengsui/capture/packet"
)

const (
	commentsMax  = 16
	commentBytes = 1024
)

// cut is a file in the making.
type cut struct {
	name     string
	rule     uint64
	limits   *Limits
	end      time.Time // of packet time
	mark     uint64    // the frame the alert was raised on
	comments []string

	ifaces  []iface
	blocks  []byte // packet blocks
	packets int
	bytes   int
	full    bool
}

type iface struct {
	link packet.LinkType
	name string
}

// interfacesMax bounds the interfaces of a cut: a flow comes from one, or from two where a bond is watched.
const interfacesMax = 16

func (c *cut) comment(s string) {
	if len(c.comments) < commentsMax {
		if len(s) > commentBytes {
			s = strings.ToValidUTF8(s[:commentBytes], "") + "…"
		}
		c.comments = append(c.comments, s)
	}
}

// add appends a frame as an enhanced packet block.
func (c *cut) add(r *ring, e *entry) {
	if c.full || e == nil {
		return
	}
	if c.packets == c.limits.Packets || c.bytes+int(e.size) > c.limits.Bytes {
		c.full = true
		return
	}
	index := -1
	for i, f := range c.ifaces {
		if f.link == e.link && f.name == e.iface {
			index = i
		}
	}
	if index < 0 {
		if len(c.ifaces) == interfacesMax {
			return
		}
		index = len(c.ifaces)
		c.ifaces = append(c.ifaces, iface{e.link, e.iface})
	}
	c.packets++
	c.bytes += int(e.size)
	o := binary.LittleEndian
	body := o.AppendUint32(nil, uint32(index))
	body = o.AppendUint32(body, uint32(uint64(e.time)>>32))
	body = o.AppendUint32(body, uint32(e.time))
	body = o.AppendUint32(body, e.size)
	body = o.AppendUint32(body, e.orig)
	body = pad(append(body, r.bytes(e)...))
	if e.seq == c.mark && len(c.comments) > 0 {
		body = endOptions(option(body, optComment, c.comments[0]))
	}
	c.blocks = appendBlock(c.blocks, blockEnhanced, body)
}

// Numbers of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 0x00000001
	blockEnhanced  = 0x00000006

	optComment  = 1
	optIfName   = 2
	optUserAppl = 4
	optTSResol  = 9
)

// file returns the whole file.
func (c *cut) file() []byte {
	o := binary.LittleEndian
	head := o.AppendUint32(nil, 0x1a2b3c4d)
	head = o.AppendUint16(head, 1)
	head = o.AppendUint16(head, 0)
	head = o.AppendUint64(head, ^uint64(0)) // length of the section: not told
	for _, s := range c.comments {
		head = option(head, optComment, s)
	}
	out := appendBlock(make([]byte, 0, len(c.blocks)+1024), blockSection, endOptions(option(head, optUserAppl, "fengsui")))
	for _, f := range c.ifaces {
		body := o.AppendUint16(nil, uint16(f.link))
		body = o.AppendUint16(body, 0)
		body = o.AppendUint32(body, 0) // no limit to packets
		if f.name != "" {
			body = option(body, optIfName, f.name)
		}
		out = appendBlock(out, blockInterface, endOptions(option(body, optTSResol, "\x09")))
	}
	return append(out, c.blocks...)
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func option(b []byte, code uint16, v string) []byte {
	if code != optTSResol && !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "�")
	}
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(v)))
	return pad(append(b, v...))
}

func endOptions(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func appendBlock(b []byte, kind uint32, body []byte) []byte {
	n := uint32(len(body) + 12)
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, n)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, n)
}
