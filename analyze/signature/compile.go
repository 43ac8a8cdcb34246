package signature

import (
	"cmp"
	"slices"
	"strconv"

	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/dataset"
	"fengsui/analyze/signature/rule"
)

// compiler holds what the rules of one set share while they are built.
type compiler struct {
	opt        Options
	addresses  addressCache
	names      *Names
	datasets   map[string]*dataset.Set
	strings    map[string]string
	orders     map[*sig]*order
	prefilter  map[*sig]choice
	keywords   map[string]keyword
	recognised appSet
}

// intern shares equal strings: metadata of thousands of rules use a few hundred.
func (c *compiler) intern(s string) string {
	if have, ok := c.strings[s]; ok {
		return have
	}
	c.strings[s] = s
	return s
}

// order is what decides which of two rules is judged first, besides the action.
type order struct {
	flowbits, flowint, xbits, hostbits bitUse
	line                               int
}

func (c *compiler) order(s *sig) *order {
	o := c.orders[s]
	if o == nil {
		o = &order{}
		c.orders[s] = o
	}
	return o
}

// Compile builds a set out of rule files. Every rule is in the set or among the refusals, whole; the order of refusals is that of the text.
// A rule whose gid and sid stood earlier replaces it when its rev is higher, and is refused otherwise.
func Compile(sources []Source, opt Options) (*Set, []Refusal) {
	c := &compiler{
		opt: opt, names: opt.Names, datasets: map[string]*dataset.Set{}, strings: map[string]string{}, orders: map[*sig]*order{},
		prefilter: map[*sig]choice{}, keywords: buildKeywords(), recognised: recognisedApps(),
	}
	if c.names == nil {
		c.names = &Names{}
	}
	c.addresses = addressCache{vars: c.opt.lookup, sets: map[string]*address.Set{}, ports: map[string]*address.Ports{}}
	var refusals []Refusal
	var sigs []*sig
	byID := map[[2]uint32]int{}
	for _, src := range sources {
		rule.Read(src.Name, src.Text, func(r *rule.Rule) {
			b := newBuilder(c, r)
			s, refusal := b.build()
			if refusal != nil {
				refusals = append(refusals, *refusal)
				return
			}
			c.prefilter[s] = b.choose()
			id := [2]uint32{s.GID, s.SID}
			if at, ok := byID[id]; ok {
				if s.Rev <= sigs[at].Rev {
					refusals = append(refusals, *b.refuseAt(r.Pos, "sid", "rule with this sid stands in "+sigs[at].File+" line "+
						strconv.Itoa(sigs[at].Line)+" with the same or a higher rev"))
					return
				}
				sigs[at] = s
				c.order(s).line = at + 1
				return
			}
			byID[id] = len(sigs)
			sigs = append(sigs, s)
			c.order(s).line = len(sigs)
		}, func(p *rule.Problem) {
			refusals = append(refusals, problemRefusal(p))
		})
	}
	loaded := len(sigs)
	sigs = c.mirror(sigs)
	refusals = append(refusals, c.applyThresholds(sigs)...)
	c.sort(sigs)
	return c.assemble(sigs, loaded), refusals
}

func problemRefusal(p *rule.Problem) Refusal {
	sid, _ := strconv.ParseUint(p.SID, 10, 32)
	return Refusal{File: p.Pos.File, Line: p.Pos.Line, Column: p.Pos.Column, SID: uint32(sid), Keyword: p.Keyword, Reason: p.Reason}
}

// mirror adds the second half of <> rules: the same rule with its two ends exchanged.
func (c *compiler) mirror(sigs []*sig) []*sig {
	for _, s := range sigs[:len(sigs):len(sigs)] {
		if !s.bothWays {
			continue
		}
		m := *s
		m.src, m.dst, m.srcPort, m.dstPort = s.dst, s.src, s.dstPort, s.srcPort
		m.Duplicate = true
		sigs = append(sigs, &m)
		*c.order(&m) = *c.order(s)
		c.prefilter[&m] = c.prefilter[s]
	}
	return sigs
}

// sort puts rules in the order they are judged in: by action, then those that change bits before those that read them, then by priority, then
// as written. This is Suricata's order.
func (c *compiler) sort(sigs []*sig) {
	slices.SortStableFunc(sigs, func(a, b *sig) int {
		x, y := c.order(a), c.order(b)
		return cmp.Or(
			cmp.Compare(a.Action, b.Action),
			-cmp.Compare(rank(x.flowbits), rank(y.flowbits)),
			-cmp.Compare(rank(x.flowint), rank(y.flowint)),
			-cmp.Compare(rank(x.hostbits), rank(y.hostbits)),
			-cmp.Compare(rank(x.xbits), rank(y.xbits)),
			cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(x.line, y.line),
		)
	})
	for i, s := range sigs {
		s.num = uint32(i)
	}
}

// rank orders rules by their use of bits: those that only change them, those that do both, those that only read, the others.
func rank(u bitUse) int {
	switch u {
	case bitChanges:
		return 3
	case bitReads | bitChanges:
		return 2
	case bitReads:
		return 1
	}
	return 0
}
