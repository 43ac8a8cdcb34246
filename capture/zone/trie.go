package zone

import "net/netip"

// trie finds the longest prefix, one for each address family. Nodes are numbered; node 0 is the root and no child.
type trie struct{ v4, v6 []trieNode }

type trieNode struct {
	child [2]int32
	zone  int32 // index + 1, 0 none
}

// add puts a network in; false means that it is there with another zone.
func (t *trie) add(p netip.Prefix, zone int) bool {
	nodes := &t.v6
	if p.Addr().Is4() {
		nodes = &t.v4
	}
	if len(*nodes) == 0 {
		*nodes = append(*nodes, trieNode{})
	}
	b := p.Addr().AsSlice()
	at := int32(0)
	for i := range p.Bits() {
		bit := b[i/8] >> (7 - i%8) & 1
		next := (*nodes)[at].child[bit]
		if next == 0 {
			next = int32(len(*nodes))
			*nodes = append(*nodes, trieNode{})
			(*nodes)[at].child[bit] = next
		}
		at = next
	}
	n := &(*nodes)[at]
	if n.zone != 0 && n.zone != int32(zone) {
		return false
	}
	n.zone = int32(zone)
	return true
}

// find returns the zone of the longest prefix that contains a, 0 when there is none.
func (t *trie) find(a netip.Addr) int {
	if a.Is4In6() {
		a = a.Unmap()
	}
	var found int32
	if a.Is4() {
		if len(t.v4) == 0 {
			return 0
		}
		b := a.As4()
		word := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		for at := int32(0); ; word <<= 1 { // a network of 32 bits has no children, so this ends
			n := &t.v4[at]
			if n.zone != 0 {
				found = n.zone
			}
			if at = n.child[word>>31]; at == 0 {
				return int(found)
			}
		}
	}
	if len(t.v6) == 0 || !a.IsValid() {
		return 0
	}
	b := a.As16()
	at := int32(0)
	for i := range 128 {
		n := &t.v6[at]
		if n.zone != 0 {
			found = n.zone
		}
		if at = n.child[b[i/8]>>(7-i%8)&1]; at == 0 {
			return int(found)
		}
	}
	if z := t.v6[at].zone; z != 0 {
		found = z
	}
	return int(found)
}
