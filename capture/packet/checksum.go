package packet

import (
	"encoding/binary"
	"math/bits"
)

// Checksum is the result of a verification.
type Checksum uint8

// Results of a verification.
const (
	ChecksumAbsent Checksum = iota // no checksum field that applies (UDP over IPv4 with zero, IPv6 header, a fragment)
	ChecksumGood
	ChecksumBad
)

type checksums struct {
	ip, transport         Checksum
	ipDone, transportDone bool
}

// IPChecksum verifies the IPv4 header checksum, once.
func (p *Packet) IPChecksum() Checksum {
	if !p.csum.ipDone {
		p.csum.ipDone = true
		if p.IPVersion == 4 {
			p.csum.ip = verdict(fold(sum(0, p.IPHeader)) == 0xffff)
		}
	}
	return p.csum.ip
}

// TransportChecksum verifies the TCP, UDP, ICMP or ICMPv6 checksum, once.
func (p *Packet) TransportChecksum() Checksum {
	if !p.csum.transportDone {
		p.csum.transportDone = true
		p.csum.transport = p.verifyTransport()
	}
	return p.csum.transport
}

func (p *Packet) verifyTransport() Checksum {
	b := p.IPPayload
	switch p.Kind {
	case KindUDP:
		if b[6] == 0 && b[7] == 0 {
			if p.IPVersion == 4 {
				return ChecksumAbsent
			}
			return ChecksumBad // mandatory over IPv6 (RFC 8200 8.1)
		}
		b = b[:8+len(p.Payload)]
	case KindTCP, KindICMPv6:
	case KindICMP:
		return verdict(fold(sum(0, b)) == 0xffff)
	default:
		return ChecksumAbsent
	}
	return verdict(fold(sum(p.pseudoHeader(len(b)), b)) == 0xffff)
}

func (p *Packet) pseudoHeader(n int) uint64 {
	acc := swapped(uint16(n)) + swapped(uint16(p.Proto))
	if p.IPVersion == 4 {
		return sum(acc, p.IPHeader[12:20])
	}
	return sum(acc, p.IPHeader[8:40])
}

func verdict(good bool) Checksum {
	if good {
		return ChecksumGood
	}
	return ChecksumBad
}

// sum adds b to a ones' complement accumulator (RFC 1071). The sum does not depend on byte order, so it is taken in the
// machine's natural one, eight bytes at a time, and fold turns the result; acc therefore comes from swapped or from sum.
func sum(acc uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 64 {
		c := b[:64:64]
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[0:8]), 0)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[8:16]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[16:24]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[24:32]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[32:40]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[40:48]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[48:56]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(c[56:64]), carry)
		acc += carry
		b = b[64:]
	}
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b), 0)
		acc += carry
		b = b[8:]
	}
	var tail uint64
	for i, c := range b {
		tail |= uint64(c) << (8 * i)
	}
	acc, carry = bits.Add64(acc, tail, 0)
	return acc + carry
}

// swapped brings a number in network order into the order sum works in.
func swapped(v uint16) uint64 { return uint64(bits.ReverseBytes16(v)) }

// fold returns the sixteen-bit sum in network order.
func fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	return bits.ReverseBytes16(uint16(acc))
}
