package detect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// reputation answers iprep from category and address lists in Suricata's form.
type reputation struct {
	ids      map[string]uint8 // category name to number
	names    map[uint8]bool
	addrs    map[netip.Addr]map[uint8]uint8
	networks map[netip.Prefix]map[uint8]uint8
	lengths  map[int]bool // prefix lengths in use, IPv6 counted from 256
}

// readReputation loads the category file and the lists.
func readReputation(categories string, lists []string) (*reputation, error) {
	r := &reputation{
		ids: map[string]uint8{}, names: map[uint8]bool{}, addrs: map[netip.Addr]map[uint8]uint8{},
		networks: map[netip.Prefix]map[uint8]uint8{}, lengths: map[int]bool{},
	}
	err := eachLine(categories, func(fields []string) error {
		if len(fields) < 2 {
			return fmt.Errorf("want id,name,text")
		}
		id, err := strconv.ParseUint(fields[0], 10, 8)
		if err != nil || id == 0 || id > 60 {
			return fmt.Errorf("category id %q is not between 1 and 60", fields[0])
		}
		r.ids[fields[1]] = uint8(id)
		r.names[uint8(id)] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reputation categories: %w", err)
	}
	for _, name := range lists {
		if err := eachLine(name, r.entry); err != nil {
			return nil, fmt.Errorf("reputation: %w", err)
		}
	}
	return r, nil
}

func eachLine(name string, use func(fields []string) error) error {
	text, err := readLimited(name, dataFileBytesMax)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ",")
		for j := range fields {
			fields[j] = strings.TrimSpace(fields[j])
		}
		if err := use(fields); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}

func (r *reputation) entry(fields []string) error {
	if len(fields) != 3 {
		return fmt.Errorf("want address,category id,score")
	}
	id, err := strconv.ParseUint(fields[1], 10, 8)
	if err != nil || !r.names[uint8(id)] {
		return fmt.Errorf("category %q is in no category file", fields[1])
	}
	score, err := strconv.ParseUint(fields[2], 10, 8)
	if err != nil || score > 127 {
		return fmt.Errorf("score %q is not between 0 and 127", fields[2])
	}
	if strings.Contains(fields[0], "/") {
		p, err := netip.ParsePrefix(fields[0])
		if err != nil {
			return fmt.Errorf("%q is not a network", fields[0])
		}
		p = p.Masked()
		if r.networks[p] == nil {
			r.networks[p] = map[uint8]uint8{}
		}
		r.networks[p][uint8(id)] = uint8(score)
		r.lengths[lengthKey(p.Addr(), p.Bits())] = true
		return nil
	}
	a, err := netip.ParseAddr(fields[0])
	if err != nil {
		return fmt.Errorf("%q is not an address", fields[0])
	}
	a = a.Unmap()
	if r.addrs[a] == nil {
		r.addrs[a] = map[uint8]uint8{}
	}
	r.addrs[a][uint8(id)] = uint8(score)
	return nil
}

func lengthKey(a netip.Addr, bits int) int {
	if a.Is4() {
		return bits
	}
	return 256 + bits
}

// Known implements signature.Reputation.
func (r *reputation) Known(category string) bool {
	_, ok := r.ids[category]
	return ok
}

// Score implements signature.Reputation: the address itself first, then the longest network that has a score in the category.
func (r *reputation) Score(category string, a netip.Addr) uint8 {
	id := r.ids[category]
	a = a.Unmap()
	if score, ok := r.addrs[a][id]; ok {
		return score
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		if !r.lengths[lengthKey(a, bits)] {
			continue
		}
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		if score, ok := r.networks[p][id]; ok {
			return score
		}
	}
	return 0
}
