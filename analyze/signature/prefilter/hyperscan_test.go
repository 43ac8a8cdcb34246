//go:build hyperscan

package prefilter

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHyperscanAgainstTables runs both engines over drawn patterns and buffers: they must find the same.
func TestHyperscanAgainstTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 4))
	alphabet := []byte("aAbB0\x00\xff ")
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return b
	}
	accelerated, found := 0, 0
	for range 100 {
		var b Builder
		n := 1 + rng.IntN(60)
		for i := range n {
			text := random(1 + rng.IntN(9))
			if rng.IntN(3) == 0 {
				from := rng.IntN(30)
				b.AddWithin(text, uint32(i), from, from+len(text)+rng.IntN(200))
			} else {
				b.Add(text, uint32(i))
			}
		}
		fast, slow := b.Build(), b.Build()
		for i := range fast.zones {
			if fast.zones[i].accel == nil {
				t.Fatal("no database")
			}
			slow.zones[i].accel = nil
		}
		var h, g Hits
		for range 20 {
			data := random(rng.IntN(400))
			seen := rng.IntN(len(data) + 1)
			for _, scan := range []func(t *Table, h *Hits){
				func(t *Table, h *Hits) { t.Scan(data, h) },
				func(t *Table, h *Hits) { t.ScanNew(data, seen, h) },
				func(t *Table, h *Hits) { t.ScanChunk(data, seen, h) },
			} {
				h.Reset(n)
				g.Reset(n)
				scan(fast, &h)
				scan(slow, &g)
				slices.Sort(h.IDs)
				slices.Sort(g.IDs)
				if !slices.Equal(h.IDs, g.IDs) {
					t.Fatalf("seen %d of %q: Hyperscan %v, tables %v", seen, data, h.IDs, g.IDs)
				}
				found += len(g.IDs)
			}
		}
		if h.space != nil {
			accelerated++
		}
	}
	if accelerated < 80 || found < 1000 {
		t.Fatalf("%d tables used Hyperscan, %d patterns found: the test shows little", accelerated, found)
	}
}
