package packettest

import (
	"encoding/binary"
	"net/netip"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/source"
)

// Start is when captures of this package begin.
func Start() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }

// Client and Server are the addresses conversations use unless told otherwise.
var (
	Client = netip.MustParseAddrPort("192.168.1.10:40000")
	Server = netip.MustParseAddrPort("203.0.113.5:80")
)

// Capture gathers frames, a millisecond apart.
type Capture struct {
	Frames []source.Frame
	Now    time.Time
	Step   time.Duration
}

// NewCapture returns an empty capture.
func NewCapture() *Capture { return &Capture{Now: Start(), Step: time.Millisecond} }

// Add appends an Ethernet frame.
func (c *Capture) Add(frame []byte) {
	c.Frames = append(c.Frames, source.Frame{
		Time: c.Now, Data: frame, OrigLen: len(frame), Link: packet.LinkEthernet, Number: uint64(len(c.Frames) + 1),
	})
	c.Now = c.Now.Add(c.Step)
}

// AddIP appends an IP packet in an Ethernet frame.
func (c *Capture) AddIP(src, dst netip.Addr, proto uint8, payload []byte) {
	etherType := uint16(0x0800)
	if src.Is6() {
		etherType = 0x86dd
	}
	c.Add(Ethernet(etherType, IP(src, dst, proto, payload)))
}

// UDP appends a datagram.
func (c *Capture) UDP(src, dst netip.AddrPort, payload []byte) {
	c.AddIP(src.Addr(), dst.Addr(), 17, UDP(src, dst, payload))
}

// Conversation is one TCP connection being written into a capture.
type Conversation struct {
	c          *Capture
	addr       [2]netip.AddrPort // by packet.Direction of what they send
	isn        [2]uint32
	next       [2]uint32
	Window     uint16
	MSS        int // larger sends are cut into segments
	NoAutoAck  bool
	Timestamps bool
	tsval      uint32
}

// TCP begins a connection; nothing is sent yet.
func (c *Capture) TCP(client, server netip.AddrPort) *Conversation {
	return &Conversation{
		c: c, addr: [2]netip.AddrPort{client, server}, isn: [2]uint32{1000, 0xfffffff0}, next: [2]uint32{1000, 0xfffffff0},
		Window: 65535, MSS: 1460,
	}
}

// Raw sends one segment with everything as given.
func (v *Conversation) Raw(dir packet.Direction, seq, ack uint32, flags uint8, payload []byte) {
	src, dst := v.addr[dir], v.addr[dir.Other()]
	t := TCP{SrcPort: src.Port(), DstPort: dst.Port(), Seq: seq, Ack: ack, Flags: flags, Window: v.Window}
	if v.Timestamps {
		v.tsval++
		t.Options = binary.BigEndian.AppendUint32([]byte{1, 1, 8, 10}, v.tsval)
		t.Options = binary.BigEndian.AppendUint32(t.Options, 0)
	}
	v.c.AddIP(src.Addr(), dst.Addr(), 6, t.Segment(src.Addr(), dst.Addr(), payload))
}

// Handshake sends SYN, SYN/ACK, ACK.
func (v *Conversation) Handshake() *Conversation {
	v.Raw(packet.ToServer, v.next[0], 0, packet.SYN, nil)
	v.next[0]++
	v.Raw(packet.ToClient, v.next[1], v.next[0], packet.SYN|packet.ACK, nil)
	v.next[1]++
	v.Ack(packet.ToServer)
	return v
}

// Ack sends an empty acknowledgement of all the other side has sent.
func (v *Conversation) Ack(dir packet.Direction) *Conversation {
	v.Raw(dir, v.next[dir], v.next[dir.Other()], packet.ACK, nil)
	return v
}

// Send sends data, cut into segments; the other side acknowledges at the end unless NoAutoAck is set.
func (v *Conversation) Send(dir packet.Direction, data []byte) *Conversation {
	for len(data) > 0 {
		n := min(len(data), v.MSS)
		v.Raw(dir, v.next[dir], v.next[dir.Other()], packet.ACK|packet.PSH, data[:n])
		v.next[dir] += uint32(n)
		data = data[n:]
	}
	if !v.NoAutoAck {
		v.Ack(dir.Other())
	}
	return v
}

// Lose moves a side forward as if it had sent n bytes that the capture missed; the other side acknowledges them.
func (v *Conversation) Lose(dir packet.Direction, n int) *Conversation {
	v.next[dir] += uint32(n)
	v.Ack(dir.Other())
	return v
}

// Close sends FINs of both sides and their acknowledgements, the client first.
func (v *Conversation) Close() *Conversation {
	v.Raw(packet.ToServer, v.next[0], v.next[1], packet.FIN|packet.ACK, nil)
	v.next[0]++
	v.Raw(packet.ToClient, v.next[1], v.next[0], packet.FIN|packet.ACK, nil)
	v.next[1]++
	v.Ack(packet.ToServer)
	return v
}

// Next returns the sequence number a side would use next.
func (v *Conversation) Next(dir packet.Direction) uint32 { return v.next[dir] }

// Skip moves a side's sequence number without sending anything.
func (v *Conversation) Skip(dir packet.Direction, n int) { v.next[dir] += uint32(n) }
