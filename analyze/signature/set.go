package signature

import (
	"cmp"
	"slices"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/prefilter"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// packetKind groups packets by what rules they can meet.
type packetKind uint8

const (
	kindTCP packetKind = iota
	kindUDP
	kindICMP
	kindICMPv6
	kindSCTP
	kindOther // IP without a transport we know
	kindNoIP
	kindCount
)

// kindBits gives the rule protocol of each packet kind. Never written.
var kindBits = [kindCount]protoSet{protoTCP, protoUDP, protoICMP, protoICMPv6, protoSCTP, protoOther, protoPkt}

func kindOf(p *packet.Packet) packetKind {
	switch p.Kind {
	case packet.KindTCP:
		return kindTCP
	case packet.KindUDP:
		return kindUDP
	case packet.KindICMP:
		return kindICMP
	case packet.KindICMPv6:
		return kindICMPv6
	}
	if p.IPVersion == 0 {
		return kindNoIP
	}
	switch p.Proto { // a transport header that could not be read still has its protocol
	case packet.ProtoTCP:
		return kindTCP
	case packet.ProtoUDP:
		return kindUDP
	case packet.ProtoICMP:
		return kindICMP
	case packet.ProtoICMPv6:
		return kindICMPv6
	case packet.ProtoSCTP:
		return kindSCTP
	}
	return kindOther
}

const appsMax = 64

// txGroup is what the transactions of one protocol and direction are tried against.
type txGroup struct {
	fixed   []table    // buffers that are final once there, by needed progress
	growing []growing  // bodies
	bare    []bareRule // rules without a pattern, by needed progress
}

// growing is a buffer that gains bytes, with the prefilters over it: as it is, and transformed.
type growing struct {
	field  *field.Buffer
	tables []table
}

// bareRule is a rule without a pattern and the progress from which on it may be judged.
type bareRule struct {
	num  uint32
	need int
}

func (g *txGroup) grow(t table) {
	for i := range g.growing {
		if g.growing[i].field == t.field {
			g.growing[i].tables = append(g.growing[i].tables, t)
			return
		}
	}
	g.growing = append(g.growing, growing{field: t.field, tables: []table{t}})
}

// group is what packets of one kind and direction are tried against.
type group struct {
	address []uint32 // judged once per flow
	bare    []uint32 // judged on every packet
	packet  *slot    // payload of single packets
	loose   *slot    // payload of packets that are in no stream, by rules that prefer streams
	stream  *slot    // stream chunks
	chunked []uint32 // rules without a pattern that look at stream chunks or payload
}

// Set is a compiled rule set, immutable and safe for concurrent use.
type Set struct {
	sigs   []*sig
	loaded int
	groups [kindCount][2]group
	txs    [appsMax][2]txGroup
}

// Len is the number of rules; a <> rule counts once.
func (s *Set) Len() int { return s.loaded }

// Rules calls visit for each rule in the order they are judged in.
func (s *Set) Rules(visit func(m *Meta)) {
	for _, r := range s.sigs {
		if !r.Duplicate {
			visit(&r.Meta)
		}
	}
}

// assembler builds the tables of a set.
type assembler struct {
	set      *Set
	packets  [kindCount][2][3]slot // packet, loose, stream
	patterns map[tableKey]*prefilter.Builder
	parts    map[tableKey]part
}

type tableKey struct {
	app   flow.App
	dir   flow.Direction
	name  string
	names string
}

func (c *compiler) assemble(sigs []*sig, loaded int) *Set {
	a := &assembler{set: &Set{sigs: sigs, loaded: loaded}, patterns: map[tableKey]*prefilter.Builder{}, parts: map[tableKey]part{}}
	for _, s := range sigs {
		choice := c.prefilter[s]
		switch {
		case s.phase == phaseAddress:
			a.eachGroup(s, func(g *group, _ packetKind, _ int) { g.address = append(g.address, s.num) })
		case choice.part == onPayload:
			a.addPayload(s, choice)
		case s.phase == phasePacket:
			a.eachGroup(s, func(g *group, kind packetKind, _ int) {
				if s.payload != nil && kind == kindTCP {
					g.chunked = append(g.chunked, s.num)
				} else {
					g.bare = append(g.bare, s.num)
				}
			})
		case choice.part >= 0:
			a.addTx(s, &s.parts[choice.part], choice)
		default:
			a.addBareTx(s)
		}
	}
	a.finish()
	return a.set
}

// eachGroup visits the groups a rule belongs to.
func (a *assembler) eachGroup(s *sig, visit func(g *group, kind packetKind, dir int)) {
	for kind := range kindCount {
		if s.protos&kindBits[kind] == 0 {
			continue
		}
		for dir := range 2 {
			if s.dirs.has(flow.Direction(dir)) {
				visit(&a.set.groups[kind][dir], kind, dir)
			}
		}
	}
}

func (a *assembler) addPayload(s *sig, c choice) {
	a.eachGroup(s, func(_ *group, kind packetKind, dir int) {
		b := &a.packets[kind][dir]
		if kind != kindTCP {
			b[0].add(s, c)
			return
		}
		if s.phase == phaseTx {
			b[2].add(s, c)
			return
		}
		if s.wantsPacket {
			b[0].add(s, c)
		} else {
			b[1].add(s, c)
		}
		if s.wantsStream {
			b[2].add(s, c)
		}
	})
}

// addTx registers the pattern of a rule in the prefilter of its buffer, for each protocol and the directions the buffer has there.
func (a *assembler) addTx(s *sig, p *part, c choice) {
	for i := range s.plans {
		pl := &s.plans[i]
		f := p.buffer.at[pl.app]
		for dir := range 2 {
			d := flow.Direction(dir)
			if !f.Dirs.Has(d) || !s.txBoth && !pl.dirs.has(d) {
				continue
			}
			key := tableKey{pl.app, d, p.buffer.name, p.names}
			b := a.patterns[key]
			if b == nil {
				b = &prefilter.Builder{}
				a.patterns[key] = b
				a.parts[key] = *p
			}
			b.AddWithin(c.pattern, s.num, c.from, c.to)
		}
	}
}

func (a *assembler) addBareTx(s *sig) {
	for i := range s.plans {
		for dir := range 2 {
			if s.txBoth || s.plans[i].dirs.has(flow.Direction(dir)) {
				g := &a.set.txs[s.plans[i].app][dir]
				g.bare = append(g.bare, bareRule{num: s.num, need: s.plans[i].need[dir]})
			}
		}
	}
}

func (a *assembler) finish() {
	for kind := range a.packets {
		for dir := range a.packets[kind] {
			g := &a.set.groups[kind][dir]
			for i, to := range []**slot{&g.packet, &g.loose, &g.stream} {
				if s := a.packets[kind][dir][i]; len(s.entries) > 0 {
					s.finish()
					*to = &s
				}
			}
		}
	}
	for key, b := range a.patterns {
		p := a.parts[key]
		t := table{field: p.buffer.at[key.app], transforms: p.transforms, name: key.name + p.names, found: b.Build()}
		g := &a.set.txs[key.app][key.dir]
		if t.field.Grows {
			g.grow(t)
		} else {
			g.fixed = append(g.fixed, t)
		}
	}
	for app := range a.set.txs {
		for dir := range a.set.txs[app] {
			g := &a.set.txs[app][dir]
			slices.SortFunc(g.fixed, func(x, y table) int {
				return cmp.Or(cmp.Compare(x.field.Need[dir], y.field.Need[dir]), cmp.Compare(x.name, y.name))
			})
			slices.SortStableFunc(g.bare, func(x, y bareRule) int { return cmp.Compare(x.need, y.need) })
		}
	}
}
