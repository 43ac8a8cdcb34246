package filter

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// direct joins a test of the source and one of the destination as the direction says.
func direct(dir string, src, dst *cond) *cond {
	switch dir {
	case "src":
		return src
	case "dst":
		return dst
	case "both":
		return all(src, dst)
	}
	return some(src, dst)
}

func (b *builder) hardware(n *node) (*cond, error) {
	if n.q.kind != "host" {
		return nil, b.fail(n, "ether has hosts and protocols, no %s", n.q.kind)
	}
	if !b.st.mac {
		return nil, b.fail(n, "there are no hardware addresses on this link type")
	}
	m := n.id.mac
	at := func(off int) *cond {
		return all(absolute(off+2, 4, 0xffffffff, binary.BigEndian.Uint32(m[2:])), absolute(off, 2, 0xffff, uint32(binary.BigEndian.Uint16(m[:]))))
	}
	return direct(n.q.dir, at(6), at(0)), nil
}

// host tests addresses and networks.
func (b *builder) host(n *node) (*cond, error) {
	net, q := b.st.net, n.q
	if n.id.addr.Is6() {
		if q.proto != "" && q.proto != "ip6" {
			return nil, b.fail(n, "%s has no IPv6 addresses", q.proto)
		}
		return all(b.network(typeIP6), direct(q.dir, b.words(net+8, n.id), b.words(net+24, n.id))), nil
	}
	ip := func(etherType uint32, src, dst int) *cond {
		return all(b.network(etherType), direct(q.dir, b.words(net+src, n.id), b.words(net+dst, n.id)))
	}
	switch q.proto {
	case "":
		return some(ip(typeIP, 12, 16), ip(typeARP, 14, 24), ip(typeRARP, 14, 24)), nil
	case "ip":
		return ip(typeIP, 12, 16), nil
	case "arp":
		return ip(typeARP, 14, 24), nil
	case "rarp":
		return ip(typeRARP, 14, 24), nil
	}
	return nil, b.fail(n, "%s goes with port, not with %s; write such as %s and host …", q.proto, q.kind, q.proto)
}

// words compares an address or network in pieces of four bytes.
func (b *builder) words(off int, v value) *cond {
	raw, left := v.addr.AsSlice(), v.bits
	var list []*cond
	for i := 0; i < len(raw) && left > 0; i += 4 {
		mask := ^uint32(0)
		if left < 32 {
			mask <<= 32 - left
		}
		list = append(list, absolute(off+i, 4, mask, binary.BigEndian.Uint32(raw[i:])&mask))
		left -= 32
	}
	if len(list) == 0 {
		return always()
	}
	return all(list...)
}

// port tests ports of TCP, UDP and SCTP in first fragments.
func (b *builder) port(n *node) (*cond, error) {
	protos := []uint32{6, 17, 132}
	switch n.q.proto {
	case "":
	case "tcp", "udp", "sctp":
		protos = []uint32{ipProtocols[n.q.proto]}
	default:
		return nil, b.fail(n, "%s has no ports; tcp, udp and sctp have", n.q.proto)
	}
	net := b.st.net
	carried := func(off int) *cond {
		var list []*cond
		for _, p := range protos {
			list = append(list, absolute(off, 1, 0xff, p))
		}
		return some(list...)
	}
	v4 := func(off int) *cond {
		return b.within(n.id, []bpf.Instruction{bpf.LoadMemShift{Off: uint32(net)}, bpf.LoadIndirect{Off: uint32(net + off), Size: 2}})
	}
	v6 := func(off int) *cond {
		return b.within(n.id, []bpf.Instruction{bpf.LoadAbsolute{Off: uint32(net + 40 + off), Size: 2}})
	}
	return some(
		all(b.network(typeIP), carried(net+9), b.unfragmented(), direct(n.q.dir, v4(0), v4(2))),
		all(b.network(typeIP6), carried(net+6), direct(n.q.dir, v6(0), v6(2))),
	), nil
}

// unfragmented tests that a transport header can stand in this IPv4 packet.
func (b *builder) unfragmented() *cond {
	return not(&cond{load: []bpf.Instruction{bpf.LoadAbsolute{Off: uint32(b.st.net + 6), Size: 2}}, jump: bpf.JumpBitsSet, val: 0x1fff})
}

func (b *builder) within(v value, load []bpf.Instruction) *cond {
	if v.lo == v.hi {
		return &cond{load: load, jump: bpf.JumpEqual, val: v.lo}
	}
	return all(&cond{load: load, jump: bpf.JumpGreaterOrEqual, val: v.lo}, &cond{load: load, jump: bpf.JumpLessOrEqual, val: v.hi})
}
