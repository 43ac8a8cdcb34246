package intel

import (
	"encoding/hex"
	"net/netip"
	"slices"
)

// Kind is the type of an indicator.
type Kind uint8

// Kinds of indicators.
const (
	IP Kind = iota
	CIDR
	Domain
	URL
	JA3
	JA4
	HASSH
	MD5
	SHA1
	SHA256
	SM3
	kindCount
)

// kindNames is indexed by Kind and never written.
var kindNames = [kindCount]string{"ip", "cidr", "domain", "url", "ja3", "ja4", "hassh", "md5", "sha1", "sha256", "sm3"}

// String is the kind's word in lists.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "unknown"
}

// Indicator is one entry of a list.
type Indicator struct {
	Kind       Kind
	Value      string // normalized
	Severity   int    // 1 to 4
	Name       string
	Source     string
	Confidence string
}

// Set is a compiled list.
type Set struct {
	size     int
	counts   [kindCount]int
	ips      map[netip.Addr]*Indicator
	networks []network                        // longest prefix first
	texts    [kindCount]map[string]*Indicator // by kind and value; nil for addresses
}

// network holds the prefixes of one length and family.
type network struct {
	bits   int
	v4     bool
	values map[netip.Addr]*Indicator // by masked address
}

func newSet() *Set {
	s := &Set{ips: map[netip.Addr]*Indicator{}}
	for k := Domain; k < kindCount; k++ {
		s.texts[k] = map[string]*Indicator{}
	}
	return s
}

// Len is the number of indicators.
func (s *Set) Len() int { return s.size }

// Count is the number of indicators of a kind.
func (s *Set) Count(k Kind) int { return s.counts[k] }

// Merge joins sets; of equal indicators the first stays.
func Merge(sets ...*Set) *Set {
	out := newSet()
	for _, s := range sets {
		s.each(out.add)
	}
	out.seal()
	return out
}

func (s *Set) each(visit func(*Indicator) bool) {
	for _, x := range s.ips {
		visit(x)
	}
	for _, n := range s.networks {
		for _, x := range n.values {
			visit(x)
		}
	}
	for _, m := range s.texts {
		for _, x := range m {
			visit(x)
		}
	}
}

// add puts an indicator in; false means that its value is there already.
func (s *Set) add(x *Indicator) bool {
	switch x.Kind {
	case IP:
		a, err := netip.ParseAddr(x.Value)
		if err != nil || s.ips[a] != nil {
			return false
		}
		s.ips[a] = x
	case CIDR:
		p, err := netip.ParsePrefix(x.Value)
		if err != nil || !s.addNetwork(p, x) {
			return false
		}
	default:
		m := s.texts[x.Kind]
		if m[x.Value] != nil {
			return false
		}
		m[x.Value] = x
	}
	s.size++
	s.counts[x.Kind]++
	return true
}

func (s *Set) addNetwork(p netip.Prefix, x *Indicator) bool {
	at := slices.IndexFunc(s.networks, func(n network) bool { return n.bits == p.Bits() && n.v4 == p.Addr().Is4() })
	if at < 0 {
		s.networks = append(s.networks, network{bits: p.Bits(), v4: p.Addr().Is4(), values: map[netip.Addr]*Indicator{}})
		at = len(s.networks) - 1
	}
	if s.networks[at].values[p.Addr()] != nil {
		return false
	}
	s.networks[at].values[p.Addr()] = x
	return true
}

// seal puts the set in the order look-ups want.
func (s *Set) seal() {
	slices.SortFunc(s.networks, func(a, b network) int { return b.bits - a.bits })
}

// FindAddr finds the indicator of an address: itself, or the longest network that holds it.
func (s *Set) FindAddr(a netip.Addr) *Indicator {
	a = a.Unmap()
	if x := s.ips[a]; x != nil {
		return x
	}
	for i := range s.networks {
		n := &s.networks[i]
		if n.v4 != a.Is4() {
			continue
		}
		p, err := a.Prefix(n.bits)
		if err != nil {
			continue
		}
		if x := n.values[p.Addr()]; x != nil {
			return x
		}
	}
	return nil
}

// nameBytesMax is how long a name in a domain look-up may be.
const nameBytesMax = 255

// FindDomain finds the indicator of a name or of the nearest domain above it.
func (s *Set) FindDomain(name []byte) *Indicator {
	if len(s.texts[Domain]) == 0 || len(name) == 0 || len(name) > nameBytesMax {
		return nil
	}
	var lower [nameBytesMax]byte
	n := lower[:len(name)]
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		n[i] = c
	}
	if n[len(n)-1] == '.' {
		n = n[:len(n)-1]
	}
	for {
		if x := s.texts[Domain][string(n)]; x != nil {
			return x
		}
		dot := slices.Index(n, '.')
		if dot < 0 {
			return nil
		}
		n = n[dot+1:]
	}
}

// FindURL finds the indicator of a request. host comes without port, uri as sent; scratch may be used to build the key.
func (s *Set) FindURL(host, uri, scratch []byte) *Indicator {
	if len(s.texts[URL]) == 0 || len(host) == 0 {
		return nil
	}
	key := scratch[:0]
	for _, c := range host {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		key = append(key, c)
	}
	if len(uri) == 0 || uri[0] != '/' {
		uri = pathOf(uri)
	}
	if len(uri) == 0 {
		key = append(key, '/')
	}
	key = append(key, uri...)
	if x := s.texts[URL][string(key)]; x != nil {
		return x
	}
	// An indicator without query matches whatever query follows its path.
	if q := slices.Index(key, '?'); q >= 0 {
		return s.texts[URL][string(key[:q])]
	}
	return nil
}

// pathOf cuts scheme and host off an absolute URI, as proxies are asked.
func pathOf(uri []byte) []byte {
	i := 0
	for ; i+2 < len(uri); i++ {
		if uri[i] == ':' && uri[i+1] == '/' && uri[i+2] == '/' {
			i += 3
			for i < len(uri) && uri[i] != '/' {
				i++
			}
			return uri[i:]
		}
	}
	return uri
}

// FindText finds an indicator by its whole value: a fingerprint or a digest in lower-case hexadecimal digits.
func (s *Set) FindText(k Kind, value string) *Indicator { return s.texts[k][value] }

// digests are the kinds that name files by digest. Never written.
var digests = [...]Kind{MD5, SHA1, SHA256, SM3}

// Digests are the names of the digests that the list asks for: files need no other.
func (s *Set) Digests() []string {
	var names []string
	for _, k := range digests {
		if s.counts[k] > 0 {
			names = append(names, k.String())
		}
	}
	return names
}

// FindFile finds the first indicator of a file. sum gives a digest by name, nil when it is not known.
func (s *Set) FindFile(sum func(name string) []byte) (x *Indicator, value string) {
	for _, k := range digests {
		if s.counts[k] == 0 {
			continue
		}
		var text [64]byte
		raw := sum(k.String())
		if len(raw) == 0 || 2*len(raw) > len(text) {
			continue
		}
		if x := s.texts[k][string(text[:hex.Encode(text[:], raw)])]; x != nil {
			return x, x.Value
		}
	}
	return nil, ""
}
