package signature

import "sync"

// Names gives numbers to the names rules make up (flowbits, xbits, hostbits, flowints). A number never changes meaning while the Names lives, so state
// kept by number survives a swap of sets.
type Names struct {
	mu   sync.Mutex
	nums map[string]uint32
}

// number gives the number of a name; kinds of names do not mix.
func (n *Names) number(kind, name string) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nums == nil {
		n.nums = map[string]uint32{}
	}
	key := kind + "\x00" + name
	num, ok := n.nums[key]
	if !ok {
		num = uint32(len(n.nums))
		n.nums[key] = num
	}
	return num
}
