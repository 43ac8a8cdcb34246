package prefilter

// Hits collects the identifiers a scan finds, each once.
type Hits struct {
	IDs   []uint32
	stamp []uint32
	round uint32
	space *workspace //nolint:unused // of accelerators, which builds with the tag hyperscan have
}

// Reset empties h for identifiers below n.
func (h *Hits) Reset(n int) {
	h.IDs = h.IDs[:0]
	if len(h.stamp) < n {
		h.stamp = make([]uint32, n)
		h.round = 0
	}
	if h.round++; h.round == 0 {
		clear(h.stamp)
		h.round = 1
	}
}

// Add records an identifier, once.
func (h *Hits) Add(id uint32) {
	if h.stamp[id] != h.round {
		h.stamp[id] = h.round
		h.IDs = append(h.IDs, id)
	}
}

// Has tells whether id has been added since Reset.
func (h *Hits) Has(id uint32) bool { return h.stamp[id] == h.round }
