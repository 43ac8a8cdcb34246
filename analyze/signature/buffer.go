package signature

import (
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
)

// txView is a transaction seen from one side.
type txView struct {
	tx  proto.Transaction
	dir flow.Direction
}

// buffer is one place bytes come from: a part of a transaction, or a header of a packet. The tables of buffers are never written.
type buffer struct {
	name string
	// header gives the bytes of a packet header, for packet buffers.
	header func(p *packet.Packet) []byte

	app  flow.App // whose transactions have it
	dirs dirSet
	need [2]int // progress of a side from which on the buffer is final (or, when it grows, begun)
	// multi buffers have several values: get is called with i = 0, 1, … until ok is false.
	multi bool
	// grows: the buffer may gain bytes until the side is complete.
	grows bool
	// get returns one value; ok is false when there is none. scratch may be used to build it.
	get func(t *txView, i int, scratch []byte) (data []byte, ok bool)
}

func appBit(a flow.App) appSet { return 1 << a }

// findBuffer looks a sticky buffer up by keyword.
func findBuffer(name string) *buffer {
	if b := httpBuffers[name]; b != nil {
		return b
	}
	if name == fileNameBuffer.name {
		return fileNameBuffer
	}
	if b := dnsBuffers[name]; b != nil {
		return b
	}
	if b := tlsBuffers[name]; b != nil {
		return b
	}
	return packetBuffers[name]
}

// packetBuffers are headers of the packet. Never written.
var packetBuffers = map[string]*buffer{
	"ipv4.hdr": {name: "ipv4.hdr", header: func(p *packet.Packet) []byte {
		if p.IPVersion != 4 {
			return nil
		}
		return p.IPHeader
	}},
	"ipv6.hdr": {name: "ipv6.hdr", header: func(p *packet.Packet) []byte {
		if p.IPVersion != 6 {
			return nil
		}
		return p.IPHeader
	}},
	"tcp.hdr":    {name: "tcp.hdr", header: transportOf(packet.KindTCP)},
	"udp.hdr":    {name: "udp.hdr", header: transportOf(packet.KindUDP)},
	"icmpv4.hdr": {name: "icmpv4.hdr", header: icmpOf(packet.KindICMP)},
	"icmpv6.hdr": {name: "icmpv6.hdr", header: icmpOf(packet.KindICMPv6)},
}

func transportOf(kind packet.Kind) func(*packet.Packet) []byte {
	return func(p *packet.Packet) []byte {
		if p.Kind != kind {
			return nil
		}
		return p.Transport
	}
}

// icmpOf gives the whole message: rules on the ICMP header look into what it quotes too.
func icmpOf(kind packet.Kind) func(*packet.Packet) []byte {
	return func(p *packet.Packet) []byte {
		if p.Kind != kind {
			return nil
		}
		return p.IPPayload
	}
}
