package flow

import (
	"crypto/sha1" //nolint:gosec // Community ID v1 is defined over SHA-1; nothing is secured by it
	"encoding/base64"
	"net/netip"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/packet"
)

// TransportName returns the name of an IP protocol as ECS network.transport has it, its number when it has none.
func TransportName(p packet.Proto) string {
	switch p {
	case packet.ProtoTCP:
		return "tcp"
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoICMP:
		return "icmp"
	case packet.ProtoICMPv6:
		return "ipv6-icmp"
	case packet.ProtoSCTP:
		return "sctp"
	case packet.ProtoGRE:
		return "gre"
	case packet.ProtoESP:
		return "esp"
	case packet.ProtoAH:
		return "ah"
	case packet.ProtoIPIP:
		return "ipip"
	case packet.ProtoIPv6:
		return "ipv6"
	}
	return strconv.Itoa(int(p))
}

// Header fills e with what all events of a flow carry: addresses, transport, IDs.
func (f *Flow) Header(e *event.Event) {
	e.Addr(event.SourceIP, f.Client.Addr())
	e.Addr(event.DestinationIP, f.Server.Addr())
	if f.Kind == packet.KindTCP || f.Kind == packet.KindUDP || f.Proto == packet.ProtoSCTP {
		e.Uint(event.SourcePort, uint64(f.Client.Port()))
		e.Uint(event.DestinationPort, uint64(f.Server.Port()))
	}
	if f.Client.Addr().Is4() {
		e.Str(event.NetworkType, "ipv4")
	} else {
		e.Str(event.NetworkType, "ipv6")
	}
	e.Str(event.NetworkTransport, TransportName(f.Proto))
	if f.App.Known() {
		e.Str(event.NetworkProtocol, f.App.String())
	}
	e.Str(event.NetworkCommunity, f.CommunityID(0))
	e.Uint(event.FlowID, f.ID)
	if f.VNI > 0 {
		e.Uint(event.NetworkVNI, uint64(f.VNI))
	}
	if f.VLANs > 0 {
		e.Uint(event.NetworkVLAN, uint64(f.VLAN[0]))
	}
	if f.VLANs > 1 {
		e.Uint(event.NetworkInnerVLAN, uint64(f.VLAN[1]))
	}
}

// Record fills e (already Reset) with the finished flow.
func (f *Flow) Record(e *event.Event) {
	f.Header(e)
	c, s := &f.Count[ToServer], &f.Count[ToClient]
	e.Uint(event.SourceBytes, c.Bytes)
	e.Uint(event.SourcePackets, c.Packets)
	e.Uint(event.DestinationBytes, s.Bytes)
	e.Uint(event.DestinationPkts, s.Packets)
	e.Uint(event.NetworkBytes, c.Bytes+s.Bytes)
	e.Uint(event.NetworkPackets, c.Packets+s.Packets)
	e.At(event.EventStart, f.First)
	e.At(event.EventEnd, f.Last)
	e.Int(event.EventDuration, int64(f.Duration()))
	e.Str(event.FlowState, f.State.String())
	e.Str(event.FlowEndReason, f.End.String())
	if f.Kind == packet.KindICMP || f.Kind == packet.KindICMPv6 {
		e.Uint(event.ICMPType, uint64(f.ICMPType))
		e.Uint(event.ICMPCode, uint64(f.ICMPCode))
	}
	if f.Kind != packet.KindTCP {
		return
	}
	e.Str(event.FlowTCPFlags, flagNames(f.TCPFlags[0]|f.TCPFlags[1]))
	e.Str(event.FlowClientFlags, flagNames(f.TCPFlags[0]))
	e.Str(event.FlowServerFlags, flagNames(f.TCPFlags[1]))
	if f.TCP != nil {
		e.Str(event.FlowTCPState, f.TCP.State.String())
		if n := f.TCP.GapBytes(ToServer) + f.TCP.GapBytes(ToClient); n > 0 {
			e.Uint(event.FlowGapBytes, n)
		}
		if f.TCP.Midstream {
			e.Bool(event.FlowMidstream, true)
		}
	}
}

// flagNames writes TCP flags as letters, in header order from CWR to FIN.
func flagNames(flags uint8) string {
	const letters = "CEUAPRSF"
	var b [8]byte
	n := 0
	for i := range letters {
		if flags&(0x80>>i) != 0 {
			b[n] = letters[i]
			n++
		}
	}
	return string(b[:n])
}

// CommunityID returns the flow's Community ID, version 1 (https://github.com/corelight/community-id-spec).
func (f *Flow) CommunityID(seed uint16) string {
	var b [communityIDLen]byte
	return string(f.AppendCommunityID(b[:0], seed))
}

// communityIDLen is the length of a Community ID: "1:" and 20 bytes in base64.
const communityIDLen = 2 + 28

// AppendCommunityID appends the flow's Community ID to b.
func (f *Flow) AppendCommunityID(b []byte, seed uint16) []byte {
	src, dst := f.Client, f.Server
	sport, dport, ports := src.Port(), dst.Port(), true
	oneWay := false
	switch f.Kind {
	case packet.KindTCP, packet.KindUDP:
	case packet.KindICMP, packet.KindICMPv6:
		p := packet.Packet{Kind: f.Kind, ICMP: packet.ICMPHeader{Type: f.ICMPType, Code: f.ICMPCode}}
		other, paired := counterpart(&p)
		sport, dport = uint16(f.ICMPType), uint16(other)
		if !paired {
			dport, oneWay = uint16(f.ICMPCode), true
		}
	default:
		ports = f.Proto == packet.ProtoSCTP
	}
	if !oneWay && (dst.Addr().Less(src.Addr()) || dst.Addr() == src.Addr() && dport < sport) {
		src, dst, sport, dport = dst, src, dport, sport
	}
	var storage [40]byte
	buf := append(storage[:0], byte(seed>>8), byte(seed))
	buf = appendAddr(buf, src.Addr())
	buf = appendAddr(buf, dst.Addr())
	buf = append(buf, byte(f.Proto), 0)
	if ports {
		buf = append(buf, byte(sport>>8), byte(sport), byte(dport>>8), byte(dport))
	}
	sum := sha1.Sum(buf)
	return base64.StdEncoding.AppendEncode(append(b, '1', ':'), sum[:])
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return append(b, v[:]...)
	}
	v := a.As16()
	return append(b, v[:]...)
}
