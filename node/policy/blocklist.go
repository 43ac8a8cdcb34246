package policy

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Widest prefixes a block list may name, and how many of them.
const (
	bitsMin4    = 8
	bitsMin6    = 16
	prefixesMax = 1 << 20
)

// Enforcer drops traffic of prefixes. Apply replaces everything it enforced before.
type Enforcer interface {
	Apply(ctx context.Context, prefixes []netip.Prefix) error
}

// Blocklists builds block lists.
type Blocklists struct {
	Enforcer  Enforcer
	Protected func() []netip.Addr // never to be blocked
}

// Build joins all lists.
func (b *Blocklists) Build(docs []Document) (func(context.Context) (int, error), map[Key]string) {
	refused := map[Key]string{}
	var all []netip.Prefix
	protected := b.Protected()
	for _, d := range docs {
		list, problems := parseBlocklist(d.Body, protected)
		if len(problems) > 0 {
			refused[d.Key] = Reasons(problems)
			continue
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	all = slices.Compact(all)
	return func(ctx context.Context) (int, error) {
		if len(docs) == 0 && len(all) == 0 {
			// No list was ever issued, or all were withdrawn: nothing to enforce is never refused for lack of rights.
			if err := b.Enforcer.Apply(ctx, nil); err != nil {
				return 0, nil //nolint:nilerr // an enforcer that cannot enforce enforces nothing
			}
			return 0, nil
		}
		if err := b.Enforcer.Apply(ctx, all); err != nil {
			return 0, err
		}
		return len(all), nil
	}, refused
}

// parseBlocklist reads one address or prefix a line and says what is wrong with which line.
func parseBlocklist(body []byte, protected []netip.Addr) (list []netip.Prefix, problems []string) {
	number := 0
	for line := range bytes.Lines(body) {
		number++
		text, _, _ := strings.Cut(string(line), "#")
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		p, problem := parsePrefix(text, protected)
		if problem != "" {
			problems = append(problems, fmt.Sprintf("line %d: %s", number, problem))
			continue
		}
		if list = append(list, p); len(list) > prefixesMax {
			return nil, []string{fmt.Sprintf("line %d: more than %d entries", number, prefixesMax)}
		}
	}
	return list, problems
}

func parsePrefix(text string, protected []netip.Addr) (netip.Prefix, string) {
	var p netip.Prefix
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" {
			return p, fmt.Sprintf("%q has a zone", text)
		}
		a = a.Unmap()
		p = netip.PrefixFrom(a, a.BitLen())
	} else if p, err = netip.ParsePrefix(text); err != nil {
		return p, fmt.Sprintf("%q is neither an address nor a prefix", text)
	}
	if p.Masked() != p {
		return p, fmt.Sprintf("%s has host bits set, write %s", p, p.Masked())
	}
	least := bitsMin4
	if p.Addr().Is6() {
		least = bitsMin6
	}
	switch a := p.Addr(); {
	case p.Bits() < least:
		return p, fmt.Sprintf("%s is wider than /%d: it would cut off whole networks", p, least)
	case a.IsLoopback(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return p, fmt.Sprintf("%s is not an address a peer can have", p)
	}
	for _, a := range protected {
		if p.Contains(a.Unmap()) {
			return p, fmt.Sprintf("%s contains %s, which this site needs to reach its own nodes or its parent", p, a)
		}
	}
	return p, ""
}
