package enforce

import (
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"slices"
)

// Guards: what no list may contain, because it would block the node or half the world.
const (
	entriesMax    = 1 << 16 // a kernel transaction of about 5 MB
	prefixBitsV4  = 8       // shorter prefixes are refused
	prefixBitsV6  = 16
	reasonEntries = "; nothing of the list was applied"
)

// guard refuses lists that would hurt the node itself. own says whether this machine's addresses matter, that is, whether the
// list goes to the host's namespace.
func guard(prefixes []netip.Prefix, own bool) error {
	if len(prefixes) > entriesMax {
		return &Refusal{ErrGuard, fmt.Sprintf("the list has %d entries, at most %d are enforced%s", len(prefixes), entriesMax, reasonEntries)}
	}
	var mine []netip.Addr
	if own {
		mine = ownAddresses()
	}
	for _, p := range prefixes {
		if reason := harm(p, mine); reason != "" {
			return &Refusal{ErrGuard, "entry " + p.String() + " " + reason + reasonEntries}
		}
	}
	return nil
}

func harm(p netip.Prefix, mine []netip.Addr) string {
	if !p.IsValid() {
		return "is not an address or prefix"
	}
	p = netip.PrefixFrom(p.Addr().Unmap(), unmappedBits(p)).Masked()
	shortest := prefixBitsV4
	if p.Addr().Is6() {
		shortest = prefixBitsV6
	}
	switch {
	case p.Addr().Zone() != "" || !p.IsValid():
		return "is not an address or prefix"
	case p.Bits() < shortest:
		return fmt.Sprintf("is wider than /%d", shortest)
	case p.Addr().IsLoopback():
		return "is loopback"
	case p.Addr().IsUnspecified():
		return "is the unspecified address"
	case p.Addr().IsMulticast():
		return "is multicast"
	}
	for _, a := range mine {
		if p.Contains(a) {
			return "holds this machine's own address " + a.String()
		}
	}
	return ""
}

func unmappedBits(p netip.Prefix) int {
	if p.Addr().Is4In6() {
		return p.Bits() - 96
	}
	return p.Bits()
}

// ownAddresses lists this machine's addresses. Where they cannot be listed there is nothing to guard by.
func ownAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, addr.Unmap())
			}
		}
	}
	return out
}

// addrRange is a run of addresses of one family, both ends included.
type addrRange struct{ from, to netip.Addr }

// merge turns prefixes into the fewest ranges, IPv4 first, ascending: interval sets take no overlaps.
func merge(prefixes []netip.Prefix) []addrRange {
	all := make([]addrRange, 0, len(prefixes))
	for _, p := range prefixes {
		p = netip.PrefixFrom(p.Addr().Unmap(), unmappedBits(p)).Masked()
		all = append(all, addrRange{p.Addr(), lastOf(p)})
	}
	slices.SortFunc(all, func(a, b addrRange) int {
		if c := a.from.Compare(b.from); c != 0 {
			return c
		}
		return a.to.Compare(b.to)
	})
	out := all[:0]
	for _, r := range all {
		if n := len(out); n > 0 && joins(out[n-1], r) {
			if r.to.Compare(out[n-1].to) > 0 {
				out[n-1].to = r.to
			}
			continue
		}
		out = append(out, r)
	}
	return slices.Clip(out)
}

// joins tells whether b, which does not start before a, overlaps or adjoins it.
func joins(a, b addrRange) bool {
	if a.from.BitLen() != b.from.BitLen() {
		return false
	}
	next := a.to.Next()
	return !next.IsValid() || b.from.Compare(next) <= 0
}

// lastOf is the highest address of a masked prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b) // 4 or 16 bytes by construction
	return a
}

// prefixes returns the fewest prefixes that cover exactly the range.
func (r addrRange) prefixes() []netip.Prefix {
	var out []netip.Prefix
	for from := r.from; from.IsValid() && from.Compare(r.to) <= 0; {
		length := from.BitLen() - trailingZeros(from)
		p := netip.PrefixFrom(from, length)
		for lastOf(p).Compare(r.to) > 0 {
			length++
			p = netip.PrefixFrom(from, length)
		}
		out = append(out, p)
		from = lastOf(p).Next()
	}
	return out
}

func trailingZeros(a netip.Addr) int {
	b := a.AsSlice()
	n := 0
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			return n + bits.TrailingZeros8(b[i])
		}
		n += 8
	}
	return n
}
