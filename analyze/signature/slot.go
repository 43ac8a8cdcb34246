package signature

import (
	"slices"

	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/prefilter"
	"fengsui/capture/flow"
)

// slot is the payload patterns that one kind of packets meets in one direction and place (packet, stream chunk). Rules ask
// for protocols and ports, so packets of one class (protocol, class of either port) meet the same few of them: each class
// has a table of just these, made when its first packet comes.
type slot struct {
	entries  []slotEntry
	whole    *prefilter.Table // of all, when there are too many classes
	apps     appSet           // protocols that its rules tell apart
	dst, src portClasses
}

// slotEntry is a rule's pattern.
type slotEntry struct {
	pattern prefilter.Pattern
	sig     *sig
}

// classKey names a table of a slot.
type classKey struct {
	slot     *slot
	app      flow.App // AppUnknown: one that no rule of the slot asks for
	dst, src uint16
}

// tablesMax bounds the tables a worker makes.
const tablesMax = 1024

// portClasses parts ports into classes that no rule of a slot tells apart.
type portClasses struct {
	of    []uint16 // class by port; nil: all ports are alike
	ports []uint16 // the lowest port of each class
}

func (c *portClasses) class(port uint16) uint16 {
	if c.of == nil {
		return 0
	}
	return c.of[port]
}

// port gives a port of a class.
func (c *portClasses) port(class uint16) uint16 {
	if c.of == nil {
		return 0
	}
	return c.ports[class]
}

// classify finds the classes that sets of ports make.
func classify(sets []*address.Ports) portClasses {
	var c portClasses
	edges := []int{0}
	for _, s := range sets {
		s.Edges(func(port int) { edges = append(edges, port) })
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	if len(edges) == 1 {
		return c
	}
	c.of = make([]uint16, 1<<16)
	known := map[string]uint16{}
	members := make([]byte, len(sets))
	for i, from := range edges {
		to := 1 << 16
		if i+1 < len(edges) {
			to = edges[i+1]
		}
		for k, s := range sets {
			members[k] = '0'
			if s.Contains(uint16(from)) {
				members[k] = '1'
			}
		}
		class, ok := known[string(members)]
		if !ok {
			class = uint16(len(c.ports))
			known[string(members)] = class
			c.ports = append(c.ports, uint16(from))
		}
		for port := from; port < to; port++ {
			c.of[port] = class
		}
	}
	return c
}

// add registers a rule's pattern.
func (s *slot) add(x *sig, c choice) {
	if p, ok := prefilter.Prepare(c.pattern, x.num, c.from, c.to); ok {
		s.entries = append(s.entries, slotEntry{p, x})
	}
}

// finish makes the slot ready for use.
func (s *slot) finish() {
	var dst, src []*address.Ports
	for i := range s.entries {
		x := s.entries[i].sig
		s.apps |= x.apps
		if !slices.Contains(dst, x.dstPort) {
			dst = append(dst, x.dstPort)
		}
		if !slices.Contains(src, x.srcPort) {
			src = append(src, x.srcPort)
		}
	}
	s.dst, s.src = classify(dst), classify(src)
	s.whole = s.build(func(*sig) bool { return true })
}

// build makes a table of some entries, nil when there are none.
func (s *slot) build(fits func(x *sig) bool) *prefilter.Table {
	var b prefilter.Builder
	for i := range s.entries {
		if e := &s.entries[i]; fits(e.sig) {
			b.AddPrepared(e.pattern)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return b.Build()
}

// tables are those a worker has made.
type tables struct {
	classes map[classKey]*prefilter.Table
	members map[membersKey]*prefilter.Table // by the rules that are in: many classes have the same
}

type membersKey struct {
	slot    *slot
	members string // a bit an entry
}

func newTables() tables {
	return tables{map[classKey]*prefilter.Table{}, map[membersKey]*prefilter.Table{}}
}

// make makes the table of a class, nil when no rule is for it.
func (t *tables) make(k classKey) *prefilter.Table {
	s := k.slot
	dst, src := s.dst.port(k.dst), s.src.port(k.src)
	in := make([]byte, (len(s.entries)+7)/8)
	for i := range s.entries {
		x := s.entries[i].sig
		if (x.apps == 0 || k.app != flow.AppUnknown && x.apps&appBit(k.app) != 0) && x.dstPort.Contains(dst) && x.srcPort.Contains(src) {
			in[i/8] |= 1 << (i % 8)
		}
	}
	mk := membersKey{s, string(in)}
	found, ok := t.members[mk]
	if !ok {
		i := -1
		found = s.build(func(*sig) bool { i++; return in[i/8]>>(i%8)&1 != 0 })
		t.members[mk] = found
	}
	t.classes[k] = found
	return found
}

// tableFor gives the table for the packet being judged, nil when no rule of the slot can match on it.
func (w *Worker) tableFor(s *slot) *prefilter.Table {
	k := classKey{slot: s, dst: s.dst.class(w.p.DstPort), src: s.src.class(w.p.SrcPort)}
	if w.f != nil && s.apps&appBit(w.f.App) != 0 {
		k.app = w.f.App
	}
	if t, ok := w.tables.classes[k]; ok {
		return t
	}
	if len(w.tables.classes) >= tablesMax {
		return s.whole
	}
	return w.tables.make(k)
}
