package address

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

type portSpan struct{ lo, hi uint16 }

// Ports is a set of ports.
type Ports struct {
	any   bool
	spans []portSpan // sorted, disjoint
}

// AnyPort is the set of all ports.
func AnyPort() *Ports { return &Ports{any: true} }

// IsAny tells whether every port is in p.
func (p *Ports) IsAny() bool { return p.any }

// Edges calls visit where membership changes: for the first port of each span of p, and the first behind it when there is
// one.
func (p *Ports) Edges(visit func(port int)) {
	for _, s := range p.spans {
		visit(int(s.lo))
		if s.hi < 1<<16-1 {
			visit(int(s.hi) + 1)
		}
	}
}

// Contains tells whether port is in p.
func (p *Ports) Contains(port uint16) bool {
	if p.any {
		return true
	}
	for _, s := range p.spans {
		if port < s.lo {
			return false
		}
		if port <= s.hi {
			return true
		}
	}
	return false
}

// ParsePorts reads a port expression: any, 80, 1024:, :1023, 80:90, groups, negation, variables. Errors are *Error.
func ParsePorts(text string, vars Vars) (*Ports, error) {
	var in, out []portSpan
	all, negatedOnly := false, true
	err := walk(text, vars, false, 0, func(member string, negated bool) error {
		if member == "any" {
			if negated {
				return fmt.Errorf("!any matches nothing")
			}
			all, negatedOnly = true, false
			return nil
		}
		s, err := parsePortSpan(member)
		if err != nil {
			return err
		}
		if negated {
			out = append(out, s)
			return nil
		}
		negatedOnly = false
		in = append(in, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if all || negatedOnly {
		if len(out) == 0 {
			return AnyPort(), nil
		}
		in = []portSpan{{0, 65535}}
	}
	p := &Ports{spans: subtractPorts(in, out)}
	if len(p.spans) == 0 {
		return nil, failAt(0, "%s matches no port", strings.TrimSpace(text))
	}
	return p, nil
}

func parsePortSpan(text string) (portSpan, error) {
	low, high, ranged := strings.Cut(text, ":")
	if !ranged {
		high = low
	}
	s := portSpan{0, 65535}
	var err error
	if low = strings.TrimSpace(low); low != "" || !ranged {
		if s.lo, err = parsePort(low); err != nil {
			return s, err
		}
	}
	if high = strings.TrimSpace(high); high != "" || !ranged {
		if s.hi, err = parsePort(high); err != nil {
			return s, err
		}
	}
	if s.hi < s.lo {
		return s, fmt.Errorf("port range %s is not in order", text)
	}
	return s, nil
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port", text)
	}
	return uint16(n), nil
}

// subtractPorts goes over the ports one by one: there are only 65536.
func subtractPorts(in, out []portSpan) []portSpan {
	slices.SortFunc(in, func(a, b portSpan) int { return int(a.lo) - int(b.lo) })
	var spans []portSpan
	var have [65536 / 64]uint64
	for _, s := range in {
		for p := int(s.lo); p <= int(s.hi); p++ {
			have[p>>6] |= 1 << (p & 63)
		}
	}
	for _, s := range out {
		for p := int(s.lo); p <= int(s.hi); p++ {
			have[p>>6] &^= 1 << (p & 63)
		}
	}
	for p := 0; p < 65536; p++ {
		if have[p>>6]&(1<<(p&63)) == 0 {
			continue
		}
		lo := p
		for p+1 < 65536 && have[(p+1)>>6]&(1<<((p+1)&63)) != 0 {
			p++
		}
		spans = append(spans, portSpan{uint16(lo), uint16(p)})
	}
	return spans
}
