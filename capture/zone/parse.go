package zone

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// textBytesMax bounds a zone file.
const textBytesMax = 4 << 20

// Error is what is wrong with a zone file, and where.
type Error struct {
	Name         string // of the file
	Line, Column int    // from 1
	Reason       string
}

// Error gives place and reason in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Reason)
}

// Parse reads a zone file: a line for each zone with name, kind and members, and comments after #. Lines of one name add
// up.
//
//	office    in-vpc     10.1.0.0/16 10.2.0.0/16
//	tenant-7  in-vpc     vni:7007 10.0.0.0/8
//	admin     management vlan:99 192.168.99.0/24
//	dmz       boundary   203.0.113.0/24 2001:db8:1::/48
func Parse(name, text string) ([]Zone, error) {
	if len(text) > textBytesMax {
		return nil, &Error{name, 1, 1, fmt.Sprintf("larger than %d MiB", textBytesMax>>20)}
	}
	var zones []Zone
	index := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := words(line)
		if len(words) == 0 {
			continue
		}
		bad := func(w word, format string, args ...any) error {
			return &Error{name, number, w.column, fmt.Sprintf(format, args...)}
		}
		if why := CheckName(words[0].text); why != "" {
			return nil, bad(words[0], "the name %s", why)
		}
		if len(words) < 3 {
			return nil, bad(words[len(words)-1], "a zone has a name, a kind, and networks, vlan:N or vni:N")
		}
		kind, ok := ParseKind(words[1].text)
		if !ok {
			return nil, bad(words[1], "kind %q is not boundary, management, in-vpc or inter-vpc", words[1].text)
		}
		i, again := index[words[0].text]
		if !again {
			i = len(zones)
			index[words[0].text] = i
			zones = append(zones, Zone{Name: words[0].text, Kind: kind})
		} else if zones[i].Kind != kind {
			return nil, bad(words[1], "zone %s is %s above", zones[i].Name, zones[i].Kind)
		}
		for _, w := range words[2:] {
			if why := zones[i].Member(w.text); why != "" {
				return nil, bad(w, "%s", why)
			}
		}
	}
	return zones, nil
}

// Member adds what a text names: a network, an address, vlan:N or vni:N. It returns "" or what is wrong.
func (z *Zone) Member(s string) string {
	if rest, ok := strings.CutPrefix(s, "vlan:"); ok {
		n, err := strconv.ParseUint(rest, 10, 16)
		if err != nil || n == 0 || n > 4094 {
			return fmt.Sprintf("%q is no VLAN from 1 to 4094", s)
		}
		z.VLANs = append(z.VLANs, uint16(n))
		return ""
	}
	if rest, ok := strings.CutPrefix(s, "vni:"); ok {
		n, err := strconv.ParseUint(rest, 10, 32)
		if err != nil || n == 0 || n > 1<<24-1 {
			return fmt.Sprintf("%q is no VNI from 1 to 16777215", s)
		}
		z.VNIs = append(z.VNIs, uint32(n))
		return ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, addrErr := netip.ParseAddr(s)
		if addrErr != nil || a.Zone() != "" {
			return fmt.Sprintf("%q is no network; write such as 10.1.0.0/16, vlan:100 or vni:5000", s)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() {
		return fmt.Sprintf("%q is an IPv4 network written as IPv6", s)
	}
	if p != p.Masked() {
		return fmt.Sprintf("%s has bits set behind its prefix; write %s", s, p.Masked())
	}
	z.Networks = append(z.Networks, p)
	return ""
}

type word struct {
	text   string
	column int
}

// words splits a line at blanks.
func words(line string) []word {
	var out []word
	start := -1
	for i, r := range line + " " {
		blank := r == ' ' || r == '\t' || r == '\r' || r == '\n'
		switch {
		case blank && start >= 0:
			out = append(out, word{line[start:i], start + 1})
			start = -1
		case !blank && start < 0:
			start = i
		}
	}
	return out
}
