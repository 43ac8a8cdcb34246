package address

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// span is an inclusive range; both ends are of one family and IPv4 is never mapped into IPv6.
type span struct{ lo, hi netip.Addr }

// Set is a set of addresses.
type Set struct {
	any     bool
	negated bool
	spans   []span // sorted, disjoint
}

// Any is the set of all addresses.
func Any() *Set { return &Set{any: true} }

// Negated tells whether the expression took something away.
func (s *Set) Negated() bool { return s.negated }

// IsAny tells whether every address is in s.
func (s *Set) IsAny() bool { return s.any }

// Contains tells whether a is in s.
func (s *Set) Contains(a netip.Addr) bool {
	if s.any {
		return true
	}
	lo, hi := 0, len(s.spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch {
		case a.Less(s.spans[mid].lo):
			hi = mid
		case s.spans[mid].hi.Less(a):
			lo = mid + 1
		default:
			return true
		}
	}
	return false
}

// Parse reads an address expression. Errors are *Error.
func Parse(text string, vars Vars) (*Set, error) {
	var in, out []span
	all, negatedOnly := false, true
	err := walk(text, vars, false, 0, func(member string, negated bool) error {
		spans, err := parseMember(member)
		if err != nil {
			return err
		}
		if negated {
			if spans == nil {
				return fmt.Errorf("!any matches nothing")
			}
			out = append(out, spans...)
			return nil
		}
		negatedOnly = false
		all = all || spans == nil
		in = append(in, spans...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if all || negatedOnly {
		if len(out) == 0 {
			return Any(), nil
		}
		in = everything()
	}
	set := &Set{negated: len(out) > 0, spans: subtract(merge(in), merge(out))}
	if len(set.spans) == 0 {
		return nil, failAt(0, "%s matches no address", strings.TrimSpace(text))
	}
	return set, nil
}

func everything() []span {
	var v6 [16]byte
	for i := range v6 {
		v6[i] = 0xff
	}
	return []span{
		{netip.AddrFrom4([4]byte{}), netip.AddrFrom4([4]byte{255, 255, 255, 255})},
		{netip.IPv6Unspecified(), netip.AddrFrom16(v6)},
	}
}

// parseMember reads any, an address, a network or a range; nil means any.
func parseMember(text string) ([]span, error) {
	if text == "any" {
		return nil, nil
	}
	if low, high, ok := strings.Cut(text, "-"); ok {
		lo, err := parseAddr(strings.TrimSpace(low))
		if err != nil {
			return nil, err
		}
		hi, err := parseAddr(strings.TrimSpace(high))
		if err != nil {
			return nil, err
		}
		if lo.Is4() != hi.Is4() || hi.Less(lo) {
			return nil, fmt.Errorf("range %s is not in order", text)
		}
		return []span{{lo, hi}}, nil
	}
	if base, mask, ok := strings.Cut(text, "/"); ok {
		return parseNetwork(text, base, mask)
	}
	a, err := parseAddr(text)
	if err != nil {
		return nil, err
	}
	return []span{{a, a}}, nil
}

func parseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not an address", text)
	}
	return a.Unmap(), nil
}

// parseNetwork reads a.b.c.d/24 and a.b.c.d/255.255.255.0.
func parseNetwork(text, base, mask string) ([]span, error) {
	if m, err := netip.ParseAddr(mask); err == nil && m.Is4() {
		b := m.As4()
		bits, open := 0, true
		for _, octet := range b {
			for i := 7; i >= 0; i-- {
				set := octet>>i&1 == 1
				if set && !open {
					return nil, fmt.Errorf("%q is not a network mask", mask)
				}
				open = open && set
				if set {
					bits++
				}
			}
		}
		text = fmt.Sprintf("%s/%d", base, bits)
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a network", text)
	}
	p = p.Masked()
	return []span{{p.Addr(), lastOf(p)}}, nil
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// merge sorts spans and joins those that touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.lo.Compare(b.lo) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].hi.Is4() == s.lo.Is4() {
			last := &out[n-1]
			if next := last.hi.Next(); s.lo.Compare(last.hi) <= 0 || next.IsValid() && next == s.lo {
				if last.hi.Less(s.hi) {
					last.hi = s.hi
				}
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// subtract takes the merged spans of out away from those of in.
func subtract(in, out []span) []span {
	var left []span
	for _, s := range in {
		rest, gone := s, false
		for _, o := range out {
			if o.lo.Is4() != rest.lo.Is4() || o.hi.Less(rest.lo) || rest.hi.Less(o.lo) {
				continue
			}
			if rest.lo.Less(o.lo) {
				left = append(left, span{rest.lo, o.lo.Prev()})
			}
			if !o.hi.Less(rest.hi) {
				gone = true
				break
			}
			rest.lo = o.hi.Next()
		}
		if !gone {
			left = append(left, rest)
		}
	}
	return left
}
