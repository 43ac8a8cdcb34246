package track

import (
	"net/netip"
	"sync"
	"time"
)

// BitKey names one bit: a host (B is zero) or a pair of hosts.
type BitKey struct {
	Name uint32
	A, B netip.Addr
}

// PairKey is the bit of two hosts, whichever of them is first.
func PairKey(name uint32, a, b netip.Addr) BitKey {
	if b.Less(a) {
		a, b = b, a
	}
	return BitKey{Name: name, A: a, B: b}
}

// Bits are the xbits and hostbits. The zero value is ready.
type Bits struct {
	mu   sync.Mutex
	ends map[BitKey]time.Time
}

// Set sets a bit until now + expire.
func (b *Bits) Set(key BitKey, now time.Time, expire time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ends == nil {
		b.ends = map[BitKey]time.Time{}
	}
	if len(b.ends) >= entriesMax {
		for k, end := range b.ends {
			if now.After(end) {
				delete(b.ends, k)
			}
		}
		if len(b.ends) >= entriesMax {
			return // full of live bits: the new one is not remembered
		}
	}
	b.ends[key] = now.Add(expire)
}

// Unset clears a bit.
func (b *Bits) Unset(key BitKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ends, key)
}

// Has tells whether a bit is set.
func (b *Bits) Has(key BitKey, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	end, ok := b.ends[key]
	return ok && !now.After(end)
}
