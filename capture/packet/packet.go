package packet

import (
	"net/netip"
	"time"
)

// Direction tells the two sides of a flow apart. ToServer is the direction of the side that opened the flow.
type Direction uint8

// Directions.
const (
	ToServer Direction = 0
	ToClient Direction = 1
)

// Other returns the opposite direction.
func (d Direction) Other() Direction { return d ^ 1 }

// String returns "to_server" or "to_client", the words of the rule language.
func (d Direction) String() string {
	if d == ToServer {
		return "to_server"
	}
	return "to_client"
}

// LinkType is the outermost layer of a frame, numbered as the DLT/LINKTYPE registry does (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// Link types that are decoded.
const (
	LinkNull     LinkType = 0   // BSD loopback, family in host order
	LinkEthernet LinkType = 1   //
	LinkPPP      LinkType = 9   // PPP, RFC 1661, with or without HDLC framing
	LinkRawAlt   LinkType = 12  // DLT_RAW of most systems
	LinkRawBSD   LinkType = 14  // DLT_RAW of OpenBSD
	LinkPPPHDLC  LinkType = 50  // PPP in HDLC-like framing, RFC 1662
	LinkRaw      LinkType = 101 // IPv4 or IPv6 by version nibble
	LinkCHDLC    LinkType = 104 // Cisco HDLC
	LinkLoop     LinkType = 108 // OpenBSD loopback, family in network order
	LinkSLL      LinkType = 113 // Linux cooked v1
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276 // Linux cooked v2
)

// Proto is an IP protocol number.
type Proto uint8

// IP protocols that are told apart.
const (
	ProtoICMP   Proto = 1
	ProtoIPIP   Proto = 4
	ProtoTCP    Proto = 6
	ProtoUDP    Proto = 17
	ProtoIPv6   Proto = 41
	ProtoGRE    Proto = 47
	ProtoESP    Proto = 50
	ProtoAH     Proto = 51
	ProtoICMPv6 Proto = 58
	ProtoSCTP   Proto = 132
)

// TCP flags, as they stand in the header.
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Kind tells which transport header was decoded.
type Kind uint8

// Kinds of packets.
const (
	KindNone   Kind = iota // no IP (ARP, …), or IP that could not be decoded
	KindIP                 // IP with a transport that is not decoded further, or a later fragment
	KindTCP                //
	KindUDP                //
	KindICMP               // ICMP for IPv4
	KindICMPv6             //
)

// TCPHeader is the decoded TCP header.
type TCPHeader struct {
	Seq, Ack uint32
	Flags    uint8
	Window   uint16
	Urgent   uint16
	Options  TCPOptions
}

// TCPOptions are the options that matter to stream tracking and to rules.
type TCPOptions struct {
	MSS           uint16
	WScale        uint8
	HasMSS        bool
	HasWScale     bool
	SACKPermitted bool
	HasTimestamp  bool
	TSVal, TSEcr  uint32
	FastOpen      bool   // option 34 was present
	FastOpenData  []byte // its cookie
}

// ICMPHeader is the decoded ICMP header, both versions.
type ICMPHeader struct {
	Type, Code uint8
	HasID      bool   // ID and Seq are present (echo, timestamp, information, address mask)
	ID, Seq    uint16 //
	Rest       uint32 // the four bytes after the checksum: MTU, gateway, pointer
}

// Packet is one decoded packet. It is filled by Decode, reused from packet to packet by one owner, and refers to the
// bytes of the frame: nothing in it outlives the frame.
type Packet struct {
	Time    time.Time
	Number  uint64   // position in its source, from 1; 0 for a pseudo packet
	Link    LinkType //
	Data    []byte   // the whole frame as captured
	OrigLen int      // its length on the wire
	LinkLen int      // bytes of it in front of the IP header

	SrcMAC, DstMAC [6]byte
	HasMAC         bool
	EtherType      uint16    // of the network layer, after VLAN tags
	VLAN           [3]uint16 // VLAN identifiers, outermost first
	VLANs          int       // how many of them are set

	IPVersion uint8 // 4, 6; 0 when there is no IP layer
	Src, Dst  netip.Addr
	Proto     Proto  // transport protocol, after IPv6 extension headers
	TTL       uint8  // TTL or hop limit
	TOS       uint8  // TOS or traffic class
	IPID      uint32 // IPv4 identification, or that of the IPv6 fragment header
	FlowLabel uint32 // IPv6
	DontFrag  bool   // IPv4 DF
	Reserved  bool   // IPv4 reserved bit
	MoreFrags bool   //
	FragOff   uint16 // fragment offset in bytes
	Fragment  bool   // this packet is a fragment (MoreFrags or FragOff > 0)
	Rebuilt   bool   // put together from fragments
	IPHeader  []byte // with options (IPv4); fixed header only (IPv6)
	IPOptions []byte // IPv4 options
	IPOpts    uint16 // IPv4 options seen, a set of IPOpt* bits
	IPPayload []byte // what follows the IP header(s), cut to the length the header states
	ExtHdrs   uint16 // IPv6 extension headers seen, a set of Ext* bits

	Kind             Kind
	SrcPort, DstPort uint16
	TCP              TCPHeader
	ICMP             ICMPHeader
	Transport        []byte // transport header with options
	Payload          []byte // application bytes

	// Pseudo marks a packet the pipeline made up to have the rest of a flow inspected when the flow ends. It has
	// addresses, ports and direction, but no Data, Payload or TCP flags.
	Pseudo bool

	Invalid Event  // the event that stopped decoding, EventNone for a readable packet
	Depth   uint8  // how many tunnels this packet was inside
	shims   uint8  // headers inside each other that led to another Ethernet type
	VNI     uint32 // network identifier of the VXLAN or GENEVE tunnel this packet was inside
	// Events are the malformations and oddities seen while decoding.
	Events EventSet

	// InStream is set when the payload was taken into the TCP stream (pattern matching sees it there too).
	InStream bool
	// StreamEvents are what TCP tracking noticed about this packet, a set of stream.Event bits.
	StreamEvents [2]uint64

	csum checksums
}

// ICMP tells whether p is an ICMP packet of either version.
func (p *Packet) IsICMP() bool { return p.Kind == KindICMP || p.Kind == KindICMPv6 }
