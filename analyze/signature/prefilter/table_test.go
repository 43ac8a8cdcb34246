package prefilter

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// naive is the obvious way.
func naive(patterns [][]byte, data []byte) []uint32 {
	var ids []uint32
	data = bytes.ToLower(data)
	for i, p := range patterns {
		if len(p) > 0 && bytes.Contains(data, bytes.ToLower(p)) {
			ids = append(ids, uint32(i))
		}
	}
	return ids
}

func scan(patterns [][]byte, data []byte) []uint32 {
	var b Builder
	for i, p := range patterns {
		b.Add(p, uint32(i))
	}
	var h Hits
	h.Reset(len(patterns))
	b.Build().Scan(data, &h)
	slices.Sort(h.IDs)
	return h.IDs
}

func TestScanAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	alphabet := []byte("abAB01/\x00")
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return b
	}
	for range 3000 {
		var patterns [][]byte
		for range rng.IntN(30) {
			patterns = append(patterns, random(rng.IntN(9)))
		}
		data := random(rng.IntN(80))
		if got, want := scan(patterns, data), naive(patterns, data); !slices.Equal(got, want) {
			t.Fatalf("patterns %q data %q: got %v want %v", patterns, data, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("one\ntwo\nabcde"), []byte("xxTWOyyAbcDE"))
	f.Fuzz(func(t *testing.T, list, data []byte) {
		patterns := bytes.Split(list, []byte("\n"))
		// bytes.ToLower is not ASCII lowering on bytes that are not ASCII: compare without those.
		if len(patterns) > 200 || slices.ContainsFunc(append(bytes.Clone(list), data...), func(c byte) bool { return c >= 0x80 }) {
			return
		}
		if got, want := scan(patterns, data), naive(patterns, data); !slices.Equal(got, want) {
			t.Fatalf("patterns %q data %q: got %v want %v", patterns, data, got, want)
		}
	})
}

func TestScanNew(t *testing.T) {
	var b Builder
	b.Add([]byte("abcde"), 0)
	b.Add([]byte("x"), 1)
	table := b.Build()
	f := func(data string, seen int, want ...uint32) {
		t.Helper()
		var h Hits
		h.Reset(2)
		table.ScanNew([]byte(data), seen, &h)
		slices.Sort(h.IDs)
		if !slices.Equal(h.IDs, want) {
			t.Errorf("%q after %d: %v, want %v", data, seen, h.IDs, want)
		}
	}
	f("--abcde--x", 0, 0, 1)
	f("--abcde--x", 6, 0, 1)
	f("--abcde--x", 7, 1)
	f("--abcde--x", 10)
	f("x---abcdeabcde", 9, 0)
}

func TestScanAllocatesNothing(t *testing.T) {
	var b Builder
	for i := range 1000 {
		b.Add(fmt.Appendf(nil, "pattern-%d-x", i), uint32(i))
	}
	table := b.Build()
	var h Hits
	data := bytes.Repeat([]byte("GET /index.html HTTP/1.1\r\nHost: pattern-77-x\r\n"), 20)
	h.Reset(1000)
	table.Scan(data, &h)
	if n := testing.AllocsPerRun(100, func() { h.Reset(1000); table.Scan(data, &h) }); n != 0 {
		t.Errorf("%v allocations a scan", n)
	}
	if !slices.Equal(h.IDs, []uint32{77}) {
		t.Errorf("hits %v", h.IDs)
	}
}

func BenchmarkScan(b *testing.B) {
	for _, n := range []int{1000, 10000, 30000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			var builder Builder
			for i := range n {
				builder.Add(fmt.Appendf(nil, "/%x.%s?id=%d", rng.Uint32(), []string{"php", "asp", "exe"}[i%3], i), uint32(i))
			}
			table := builder.Build()
			data := bytes.Repeat([]byte("GET /a/b/index.html?q=1&lang=en HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)\r\nAccept: */*\r\n\r\n"), 9)
			var h Hits
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				h.Reset(n)
				table.Scan(data, &h)
			}
		})
	}
}

// TestBounds compares patterns with bounds, on buffers and on chunks with a look-back, with the obvious way.
func TestBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	alphabet := []byte("aAb1")
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return b
	}
	type bounded struct {
		text     []byte
		from, to int
	}
	for range 3000 {
		var b Builder
		var list []bounded
		for i := range 1 + rng.IntN(20) {
			p := bounded{text: random(1 + rng.IntN(9))}
			if rng.IntN(3) > 0 {
				p.from = rng.IntN(20)
				p.to = p.from + len(p.text) + rng.IntN(100)
			}
			list = append(list, p)
			b.AddWithin(p.text, uint32(i), p.from, p.to)
		}
		table := b.Build()
		data := random(rng.IntN(150))
		seen := rng.IntN(len(data) + 1)
		for name, anchor := range map[string]int{"new": 0, "chunk": seen} {
			var want []uint32
			for i, p := range list {
				for at := 0; at+len(p.text) <= len(data); at++ {
					end := at + len(p.text)
					if end > seen && (p.to == 0 || at-anchor >= p.from && end-anchor <= p.to) && bytes.EqualFold(data[at:end], p.text) {
						want = append(want, uint32(i))
						break
					}
				}
			}
			var h Hits
			h.Reset(len(list))
			if name == "new" {
				table.ScanNew(data, seen, &h)
			} else {
				table.ScanChunk(data, seen, &h)
			}
			slices.Sort(h.IDs)
			if !slices.Equal(h.IDs, want) {
				t.Fatalf("%s: patterns %v data %q seen %d: got %v want %v", name, list, data, seen, h.IDs, want)
			}
		}
	}
}

// TestSizes makes tables of every size and checks that each finds what it holds, wherever it lies.
func TestSizes(t *testing.T) {
	for _, n := range []int{10, 500, 3000, 12000} {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		var b Builder
		var texts [][]byte
		for i := range n {
			text := make([]byte, 2+rng.IntN(12))
			for j := range text {
				text[j] = byte(rng.Uint32())
			}
			texts = append(texts, text)
			b.Add(text, uint32(i))
		}
		table := b.Build()
		var h Hits
		for i, text := range texts {
			data := slices.Concat(bytes.Repeat([]byte{'.'}, rng.IntN(40)), text, bytes.Repeat([]byte{'.'}, rng.IntN(40)))
			h.Reset(n)
			table.Scan(data, &h)
			if !h.Has(uint32(i)) {
				t.Fatalf("%d patterns: %q is not found in %q", n, text, data)
			}
		}
	}
}
