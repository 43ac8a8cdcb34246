package identity

import (
	"fmt"
	"strings"
)

const (
	siteDigitsMin = 6
	siteDigitsMax = 18
	nodeBytesMax  = 63
)

// Site is the code of an operations centre: six digits of GB/T 2260 (440000 a
// province, 440100 a city, 440106 a county), or more, in pairs, for what lies
// below a county. Trailing pairs of zeros say "this level itself". The code
// never counts tiers.
type Site string

// ParseSite checks a site code and says which digit is wrong.
func ParseSite(s string) (Site, error) {
	for i := range len(s) {
		if i >= siteDigitsMax {
			return "", fmt.Errorf("site code %.20q: longer than %d digits", s, siteDigitsMax)
		}
		if s[i] < '0' || s[i] > '9' {
			return "", fmt.Errorf("site code %.20q: position %d is not a digit", s, i+1)
		}
	}
	switch {
	case len(s) < siteDigitsMin:
		return "", fmt.Errorf("site code %q: %d digits, want at least %d", s, len(s), siteDigitsMin)
	case len(s)%2 != 0:
		return "", fmt.Errorf("site code %q: %d digits, want an even number", s, len(s))
	case len(s) > siteDigitsMin && strings.HasSuffix(s, "00"):
		// Otherwise 440106 and 44010600 would be two names of one site.
		return "", fmt.Errorf("site code %q: a code of more than %d digits must not end in 00", s, siteDigitsMin)
	}
	return Site(s), nil
}

// String returns the code.
func (s Site) String() string { return string(s) }

// Prefix is the code without its trailing pairs of zeros: what the codes of all
// sites below begin with. It is empty for 000000, the whole country.
func (s Site) Prefix() string {
	p := string(s)
	for len(p) >= 2 && p[len(p)-2:] == "00" {
		p = p[:len(p)-2]
	}
	return p
}

// Contains reports whether other is this site or lies below it by its code.
func (s Site) Contains(other Site) bool {
	return s != "" && other != "" && strings.HasPrefix(other.Prefix(), s.Prefix())
}

// Above reports whether other lies strictly below this site by its code.
func (s Site) Above(other Site) bool {
	return s.Contains(other) && len(other.Prefix()) > len(s.Prefix())
}

// checkNode checks a node name: 1 to 63 of a-z, 0-9 and, inside, the hyphen.
func checkNode(name string) error {
	if name == "" || len(name) > nodeBytesMax {
		return fmt.Errorf("node name has %d characters, want 1 to %d", len(name), nodeBytesMax)
	}
	for i := range len(name) {
		c := name[i]
		inside := i > 0 && i < len(name)-1
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && inside {
			continue
		}
		return fmt.Errorf("node name %q: position %d is not one of a-z, 0-9 or an inner hyphen", name, i+1)
	}
	return nil
}
