package zone

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Kind says what a zone is, and what class a flow is of.
type Kind uint8

// Kinds of zones. None is the class of a flow with both ends outside.
const (
	None Kind = iota
	Boundary
	Management
	InVPC
	InterVPC
)

// kindNames is indexed by Kind. Never written.
var kindNames = [...]string{"", "boundary", "management", "in-vpc", "inter-vpc"}

// String returns the kind's word in configuration and events.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// Direction returns "north-south" for what crosses the edge of the site, "east-west" for what stays inside, "" for None.
func (k Kind) Direction() string {
	switch k {
	case Boundary, Management:
		return "north-south"
	case InVPC, InterVPC:
		return "east-west"
	}
	return ""
}

// ParseKind finds a kind by its word.
func ParseKind(s string) (Kind, bool) {
	i := slices.Index(kindNames[1:], s)
	return Kind(i + 1), i >= 0
}

// Limits of a table.
const (
	zonesMax   = 1024
	membersMax = 65536
	nameMax    = 64
)

// Zone is one place of the network.
type Zone struct {
	Name     string
	Kind     Kind
	Networks []netip.Prefix
	VLANs    []uint16 // 1 to 4094
	VNIs     []uint32 // 1 to 2^24-1
}

// Table finds zones. The nil Table knows none.
type Table struct {
	zones []Zone
	all   trie             // zones without tags
	vlans map[uint16]*tags // by innermost VLAN
	vnis  map[uint32]*tags
}

// tags is what a VLAN or VNI claims.
type tags struct {
	nets trie
	rest int // zone index + 1 of addresses no network claims
}

// New makes a table.
func New(zones []Zone) (*Table, error) {
	if len(zones) > zonesMax {
		return nil, fmt.Errorf("%d zones, at most %d", len(zones), zonesMax)
	}
	t := &Table{zones: slices.Clone(zones), vlans: map[uint16]*tags{}, vnis: map[uint32]*tags{}}
	members := 0
	names := map[string]bool{}
	for i := range t.zones {
		z := &t.zones[i]
		if err := z.check(); err != nil {
			return nil, err
		}
		if names[z.Name] {
			return nil, fmt.Errorf("zone %s: there are two of this name", z.Name)
		}
		names[z.Name] = true
		if members += len(z.Networks) + len(z.VLANs) + len(z.VNIs); members > membersMax {
			return nil, fmt.Errorf("zone %s: more than %d networks, VLANs and VNIs together", z.Name, membersMax)
		}
		if err := t.add(z, i+1); err != nil {
			return nil, fmt.Errorf("zone %s: %w", z.Name, err)
		}
	}
	return t, nil
}

func (z *Zone) check() error {
	if CheckName(z.Name) != "" {
		return fmt.Errorf("zone %q: the name %s", z.Name, CheckName(z.Name))
	}
	if z.Kind == None || z.Kind > InterVPC {
		return fmt.Errorf("zone %s: kind is not boundary, management, in-vpc or inter-vpc", z.Name)
	}
	if len(z.Networks)+len(z.VLANs)+len(z.VNIs) == 0 {
		return fmt.Errorf("zone %s: it has no networks, no VLANs and no VNIs", z.Name)
	}
	for _, v := range z.VLANs {
		if v == 0 || v > 4094 {
			return fmt.Errorf("zone %s: VLAN %d is outside 1 to 4094", z.Name, v)
		}
	}
	for _, v := range z.VNIs {
		if v == 0 || v > 1<<24-1 {
			return fmt.Errorf("zone %s: VNI %d is outside 1 to 16777215", z.Name, v)
		}
	}
	for _, n := range z.Networks {
		if !n.IsValid() || n != n.Masked() {
			return fmt.Errorf("zone %s: %s has bits set behind its prefix", z.Name, n)
		}
	}
	return nil
}

// CheckName returns "" or what is wrong with the name of a zone.
func CheckName(s string) string {
	if s == "" || len(s) > nameMax || !utf8.ValidString(s) {
		return fmt.Sprintf("is not 1 to %d bytes of text", nameMax)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return "holds a space or a control character"
		}
	}
	return ""
}

var errTwice = errors.New("already belongs to another zone")

func (t *Table) add(z *Zone, index int) error {
	var tagged []*tags
	for _, v := range z.VLANs {
		if t.vlans[v] == nil {
			t.vlans[v] = &tags{}
		}
		tagged = append(tagged, t.vlans[v])
	}
	for _, v := range z.VNIs {
		if t.vnis[v] == nil {
			t.vnis[v] = &tags{}
		}
		tagged = append(tagged, t.vnis[v])
	}
	for i, tag := range tagged {
		if len(z.Networks) > 0 {
			continue
		}
		if tag.rest != 0 && tag.rest != index {
			if i < len(z.VLANs) {
				return fmt.Errorf("VLAN %d %w", z.VLANs[i], errTwice)
			}
			return fmt.Errorf("VNI %d %w", z.VNIs[i-len(z.VLANs)], errTwice)
		}
		tag.rest = index
	}
	for _, n := range z.Networks {
		if len(tagged) == 0 && !t.all.add(n, index) {
			return fmt.Errorf("%s %w", n, errTwice)
		}
		for _, tag := range tagged {
			if !tag.nets.add(n, index) {
				return fmt.Errorf("%s %w with the same tag", n, errTwice)
			}
		}
	}
	return nil
}

// Find returns the zone of an address in packets with that innermost VLAN and VNI (0: none), or nil when it is outside.
func (t *Table) Find(a netip.Addr, vlan uint16, vni uint32) *Zone {
	if t == nil {
		return nil
	}
	var byVNI, byVLAN *tags
	if vni != 0 {
		byVNI = t.vnis[vni]
	}
	if vlan != 0 {
		byVLAN = t.vlans[vlan]
	}
	i := 0
	if byVNI != nil {
		i = byVNI.nets.find(a)
	}
	if i == 0 && byVLAN != nil {
		i = byVLAN.nets.find(a)
	}
	if i == 0 {
		i = t.all.find(a)
	}
	if i == 0 && byVNI != nil {
		i = byVNI.rest
	}
	if i == 0 && byVLAN != nil {
		i = byVLAN.rest
	}
	if i == 0 {
		return nil
	}
	return &t.zones[i-1]
}

// Path is where a flow goes. Src and Dst are nil for an end that is outside.
type Path struct {
	Src, Dst *Zone
	Class    Kind
}

// Path classifies a flow by its two addresses and the tags of its packets.
func (t *Table) Path(src, dst netip.Addr, vlan uint16, vni uint32) Path {
	p := Path{Src: t.Find(src, vlan, vni), Dst: t.Find(dst, vlan, vni)}
	p.Class = class(p.Src, p.Dst)
	return p
}

func class(a, b *Zone) Kind {
	is := func(k Kind) bool { return a != nil && a.Kind == k || b != nil && b.Kind == k }
	switch {
	case a == nil && b == nil:
		return None
	case is(Management):
		return Management
	case a == nil || b == nil || is(Boundary):
		return Boundary
	case is(InterVPC) || a != b:
		return InterVPC
	}
	return InVPC
}

// Way returns ECS's word for the direction as seen from inside: inbound, outbound, internal or external.
func (p Path) Way() string {
	switch {
	case p.Src == nil && p.Dst == nil:
		return "external"
	case p.Src == nil:
		return "inbound"
	case p.Dst == nil:
		return "outbound"
	}
	return "internal"
}

// Names returns the names of both ends, "" for one that is outside.
func (p Path) Names() (src, dst string) {
	if p.Src != nil {
		src = p.Src.Name
	}
	if p.Dst != nil {
		dst = p.Dst.Name
	}
	return src, dst
}
