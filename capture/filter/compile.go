package filter

import (
	"fmt"

	"golang.org/x/net/bpf"

	"fengsui/capture/packet"
)

// Target says what a program will look at.
type Target struct {
	Link packet.LinkType
	// Metadata: the program runs in the kernel, which keeps the outermost VLAN tag and the packet's direction beside it.
	Metadata bool
	// SnapLen is what the program returns for a packet it passes, 262144 when zero.
	SnapLen uint32
}

// form is how the network protocol is told.
type form uint8

const (
	formEther form = iota // sixteen bits of Ethernet type at st.kind
	formRaw               // by the version nibble
	formIP4               // always IPv4
	formIP6               // always IPv6
	formNull              // BSD's address family
	formPPP               // sixteen bits of PPP protocol at st.kind
	formMPLS              // behind labels: by the version nibble
	formNone              // a link type without network protocols we know
)

// state is where things stand in the packet, which vlan, mpls and pppoes change for what follows them.
type state struct {
	form   form
	kind   int // offset of the field that tells the protocol
	net    int // offset of the network header
	mac    bool
	tagged bool // the tag beside the packet has been asked about
}

type builder struct {
	e      *Expr
	target Target
	st     state
	slot   int // scratch memory in use
}

// linkStates say where things stand at the start, by link type. Never written.
var linkStates = map[packet.LinkType]state{
	packet.LinkEthernet: {form: formEther, kind: 12, net: 14, mac: true},
	packet.LinkSLL:      {form: formEther, kind: 14, net: 16},
	packet.LinkSLL2:     {form: formEther, kind: 0, net: 20},
	packet.LinkCHDLC:    {form: formEther, kind: 2, net: 4},
	packet.LinkRaw:      {form: formRaw}, packet.LinkRawAlt: {form: formRaw}, packet.LinkRawBSD: {form: formRaw},
	packet.LinkIPv4: {form: formIP4}, packet.LinkIPv6: {form: formIP6},
	packet.LinkNull: {form: formNull, net: 4}, packet.LinkLoop: {form: formNull, net: 4},
	packet.LinkPPP: {form: formPPP, kind: 2, net: 4}, packet.LinkPPPHDLC: {form: formPPP, kind: 2, net: 4},
}

// Compile makes a program for one link type. The error is an *Error.
func (e *Expr) Compile(t Target) (*Program, error) {
	if t.SnapLen == 0 {
		t.SnapLen = 262144
	}
	b := &builder{e: e, target: t}
	st, ok := linkStates[t.Link]
	if !ok {
		return nil, &Error{e.text, 0, fmt.Sprintf("no filters for link type %s", t.Link)}
	}
	b.st = st
	root := always()
	if e.root != nil {
		var err error
		if root, err = b.build(e.root); err != nil {
			return nil, err
		}
	}
	em := &emitter{marks: []int{-1, -1}}
	em.emit(root, 0, 1)
	code := em.assemble(t.SnapLen)
	if code == nil {
		return nil, &Error{e.text, 0, fmt.Sprintf("needs more than %d instructions", programMax)}
	}
	return newProgram(code)
}

func (b *builder) fail(n *node, format string, args ...any) error {
	return &Error{b.e.text, n.at, fmt.Sprintf(format, args...)}
}

// build makes conditions in the order of the text: vlan and its kin change what follows.
func (b *builder) build(n *node) (*cond, error) {
	switch n.kind {
	case nodeAnd, nodeOr:
		l, err := b.build(n.l)
		if err != nil {
			return nil, err
		}
		r, err := b.build(n.r)
		if err != nil {
			return nil, err
		}
		if n.kind == nodeAnd {
			return all(l, r), nil
		}
		return some(l, r), nil
	case nodeNot:
		x, err := b.build(n.l)
		if err != nil {
			return nil, err
		}
		return not(x), nil
	case nodeRelation:
		return b.relation(n)
	case nodeWord:
		return b.word(n)
	}
	switch {
	case n.q.kind == "port" || n.q.kind == "portrange":
		return b.port(n)
	case n.q.kind == "proto":
		return b.proto(n)
	case n.q.proto == "ether" || n.q.proto == "link":
		return b.hardware(n)
	}
	return b.host(n)
}

// network tests which network protocol a packet carries, by Ethernet type.
func (b *builder) network(etherType uint32) *cond {
	st := &b.st
	nibble := map[uint32]uint32{0x0800: 0x40, 0x86dd: 0x60}[etherType]
	switch st.form {
	case formEther:
		return absolute(st.kind, 2, 0xffff, etherType)
	case formRaw:
		if nibble != 0 {
			return absolute(st.net, 1, 0xf0, nibble)
		}
	case formMPLS:
		if nibble != 0 {
			return all(absolute(st.net-2, 1, 1, 1), absolute(st.net, 1, 0xf0, nibble))
		}
	case formIP4, formIP6:
		if etherType == 0x0800 && st.form == formIP4 || etherType == 0x86dd && st.form == formIP6 {
			return always()
		}
	case formNull:
		switch etherType { // the family stands in the capturing host's order
		case 0x0800:
			return some(absolute(0, 4, 0xffffffff, 2), absolute(0, 4, 0xffffffff, 2<<24))
		case 0x86dd:
			var list []*cond
			for _, family := range []uint32{10, 24, 28, 30} {
				list = append(list, absolute(0, 4, 0xffffffff, family), absolute(0, 4, 0xffffffff, family<<24))
			}
			return some(list...)
		}
	case formPPP:
		if p, ok := map[uint32]uint32{0x0800: 0x21, 0x86dd: 0x57, 0x8847: 0x281}[etherType]; ok {
			return absolute(st.kind, 2, 0xffff, p)
		}
	}
	return never()
}

const (
	typeIP, typeARP, typeRARP, typeIP6 = 0x0800, 0x0806, 0x8035, 0x86dd
	typeMPLS, typePPPoED, typePPPoES   = 0x8847, 0x8863, 0x8864
)

// ip4 and ip6 test the protocol in the IP header.
func (b *builder) ip4(proto uint32) *cond {
	return all(b.network(typeIP), absolute(b.st.net+9, 1, 0xff, proto))
}

func (b *builder) ip6(proto uint32) *cond {
	n := b.st.net
	return all(b.network(typeIP6), some(absolute(n+6, 1, 0xff, proto), all(absolute(n+6, 1, 0xff, 44), absolute(n+40, 1, 0xff, proto))))
}

// abbreviation is a protocol that stands alone: tcp, ip6, arp.
func (b *builder) abbreviation(word string) (*cond, bool) {
	switch word {
	case "tcp", "udp", "sctp", "pim", "ah", "esp":
		p := ipProtocols[word]
		return some(b.ip4(p), b.ip6(p)), true
	case "icmp", "igmp", "igrp", "vrrp", "carp":
		return b.ip4(ipProtocols[word]), true
	case "icmp6":
		return b.ip6(58), true
	case "ether", "link":
		return nil, false
	}
	return b.network(etherTypes[word]), true
}

func (b *builder) word(n *node) (*cond, error) {
	st := &b.st
	switch n.word {
	case "proto":
		c, ok := b.abbreviation(n.q.proto)
		if !ok {
			return nil, b.fail(n, "%s needs host, src, dst, proto, broadcast or multicast", n.q.proto)
		}
		return c, nil
	case "less":
		return not(&cond{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtLen}}, jump: bpf.JumpGreaterThan, val: n.id.lo}), nil
	case "greater":
		return &cond{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtLen}}, jump: bpf.JumpGreaterOrEqual, val: n.id.lo}, nil
	case "inbound", "outbound":
		if !b.target.Metadata {
			return nil, b.fail(n, "a file does not tell %s packets from others", n.word)
		}
		c := &cond{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtType}}, jump: bpf.JumpEqual, val: 4} // PACKET_OUTGOING
		if n.word == "inbound" {
			c = not(c)
		}
		return c, nil
	case "broadcast", "multicast":
		return b.cast(n)
	case "vlan":
		return b.vlan(n)
	case "mpls":
		return b.mpls(n)
	}
	// pppoed, pppoes
	if st.form != formEther {
		return nil, b.fail(n, "%s has no meaning on this link type", n.word)
	}
	if n.word == "pppoed" {
		return b.network(typePPPoED), nil
	}
	c := b.network(typePPPoES)
	if n.has {
		c = all(c, absolute(st.net+2, 2, 0xffff, n.id.lo))
	}
	*st = state{form: formPPP, kind: st.net + 6, net: st.net + 8}
	return c, nil
}

// vlan tests a tag and looks behind it from here on.
func (b *builder) vlan(n *node) (*cond, error) {
	st := &b.st
	if st.form != formEther || st.kind+2 != st.net && !st.mac {
		return nil, b.fail(n, "vlan has no meaning on this link type")
	}
	if b.target.Metadata && !st.tagged {
		st.tagged = true
		c := &cond{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}}, jump: bpf.JumpNotEqual, val: 0}
		if n.has {
			c = all(c, &cond{
				load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtVLANTag}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff}}, jump: bpf.JumpEqual, val: n.id.lo,
			})
		}
		return c, nil
	}
	c := some(b.network(0x8100), b.network(0x88a8), b.network(0x9100))
	if n.has {
		c = all(c, absolute(st.net, 2, 0xfff, n.id.lo))
	}
	st.kind += 4
	st.net += 4
	return c, nil
}

// mpls tests a label and looks behind it from here on.
func (b *builder) mpls(n *node) (*cond, error) {
	st := &b.st
	var c *cond
	switch st.form {
	case formEther, formPPP:
		c = b.network(typeMPLS)
	case formMPLS:
		c = absolute(st.net-2, 1, 1, 0) // there is another label
	default:
		return nil, b.fail(n, "mpls has no meaning on this link type")
	}
	if n.has {
		c = all(c, absolute(st.net, 4, 0xfffff000, n.id.lo<<12))
	}
	st.form = formMPLS
	st.net += 4
	return c, nil
}

func (b *builder) cast(n *node) (*cond, error) {
	multi, net := n.word == "multicast", b.st.net
	switch n.q.proto {
	case "", "ether", "link":
		if !b.st.mac {
			return nil, b.fail(n, "%s has no meaning on this link type", n.word)
		}
		if multi {
			return absolute(0, 1, 1, 1), nil
		}
		return all(absolute(2, 4, 0xffffffff, 0xffffffff), absolute(0, 2, 0xffff, 0xffff)), nil
	case "ip":
		if multi {
			return all(b.network(typeIP), &cond{load: []bpf.Instruction{bpf.LoadAbsolute{Off: uint32(net + 16), Size: 1}}, jump: bpf.JumpGreaterOrEqual, val: 224}), nil
		}
		return nil, b.fail(n, "ip broadcast needs the mask of the network; write such as dst host 10.0.255.255")
	case "ip6":
		if multi {
			return all(b.network(typeIP6), absolute(net+24, 1, 0xff, 255)), nil
		}
	}
	return nil, b.fail(n, "%s %s has no meaning", n.q.proto, n.word)
}

// proto is ip proto 6, ether proto 0x0800, proto 17.
func (b *builder) proto(n *node) (*cond, error) {
	if n.q.dir != "" {
		return nil, b.fail(n, "a protocol has no direction")
	}
	switch n.q.proto {
	case "":
		return some(b.ip4(n.id.lo), b.ip6(n.id.lo)), nil
	case "ip":
		return b.ip4(n.id.lo), nil
	case "ip6":
		return b.ip6(n.id.lo), nil
	case "ether", "link":
		return b.network(n.id.lo), nil
	}
	return nil, b.fail(n, "%s carries no protocols to choose from", n.q.proto)
}
