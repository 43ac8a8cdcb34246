package dataset

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Kind is the type of a set's values.
type Kind uint8

// Kinds.
const (
	String Kind = iota
	MD5
	SHA256
	IPv4
	IP
)

// kindNames are the words rules use. Never written.
var kindNames = [...]string{String: "string", MD5: "md5", SHA256: "sha256", IPv4: "ipv4", IP: "ip"}

// ParseKind reads a type.
func ParseKind(name string) (Kind, bool) {
	at := slices.Index(kindNames[:], name)
	return Kind(max(at, 0)), at >= 0
}

// String is the type's word.
func (k Kind) String() string { return kindNames[k] }

// MemoryDefault bounds a set for which nothing is said, in bytes, as in Suricata.
const MemoryDefault = 100 << 20

// entryBytes is what a value costs beside its own bytes.
const entryBytes = 64

// Set is one data set.
type Set struct {
	Name string
	Kind Kind
	// Save is the name of the file the set is to be written to, "" for none.
	Save string

	mu     sync.RWMutex
	values map[string]uint16
	memory int
	used   int
	full   uint64
}

// New makes an empty set that may use so many bytes; 0 is MemoryDefault.
func New(name string, kind Kind, memory int) *Set {
	if memory <= 0 {
		memory = MemoryDefault
	}
	return &Set{Name: name, Kind: kind, memory: memory, values: map[string]uint16{}}
}

// normal gives the form in which a value is kept: addresses lose the IPv6 wrapping of IPv4. ok is false for what is no value of the kind.
func (s *Set) normal(value []byte, room *[16]byte) (form []byte, ok bool) {
	switch s.Kind {
	case MD5:
		return value, len(value) == 16
	case SHA256:
		return value, len(value) == 32
	case IPv4, IP:
		addr, ok := netip.AddrFromSlice(value)
		if !ok {
			return nil, false
		}
		if addr = addr.Unmap(); addr.Is4() {
			four := addr.As4()
			return append(room[:0], four[:]...), true
		}
		*room = addr.As16()
		return room[:], s.Kind == IP
	}
	return value, true
}

// Has tells whether a value is in the set, with its reputation.
func (s *Set) Has(value []byte) (reputation uint16, ok bool) {
	var room [16]byte
	form, ok := s.normal(value, &room)
	if !ok {
		return 0, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	reputation, ok = s.values[string(form)]
	return reputation, ok
}

// Takes tells whether the value is of the set's kind at all.
func (s *Set) Takes(value []byte) bool {
	var room [16]byte
	_, ok := s.normal(value, &room)
	return ok
}

// Add tells whether the value is new and was added.
func (s *Set) Add(value []byte) bool {
	var room [16]byte
	form, ok := s.normal(value, &room)
	return ok && s.put(string(form), 0)
}

func (s *Set) put(form string, reputation uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.values[form]; there {
		return false
	}
	if s.used+len(form)+entryBytes > s.memory {
		s.full++
		return false
	}
	s.used += len(form) + entryBytes
	s.values[form] = reputation
	return true
}

// Remove tells whether the value was there.
func (s *Set) Remove(value []byte) bool {
	var room [16]byte
	form, ok := s.normal(value, &room)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok = s.values[string(form)]; ok {
		s.used -= len(form) + entryBytes
		delete(s.values, string(form))
	}
	return ok
}

// Len is the number of values; Full is how many found no room.
func (s *Set) Len() (values int, full uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.values), s.full
}

// Text is the set as a file: one value a line, sorted.
func (s *Set) Text() []byte {
	s.mu.RLock()
	lines := make([]string, 0, len(s.values))
	for v := range s.values {
		lines = append(lines, s.line(v))
	}
	s.mu.RUnlock()
	slices.Sort(lines)
	if len(lines) == 0 {
		return nil
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

func (s *Set) line(value string) string {
	switch s.Kind {
	case MD5, SHA256:
		return hex.EncodeToString([]byte(value))
	case IPv4, IP:
		addr, _ := netip.AddrFromSlice([]byte(value))
		return addr.String()
	}
	return base64.StdEncoding.EncodeToString([]byte(value))
}
