package channel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func TestDatagrams(t *testing.T) {
	client, server := sessions(t)
	if first := client.Datagrams(); first != client.Datagrams() {
		t.Fatal("two counters for one key")
	}
	for size := range 1300 {
		want := bytes.Repeat([]byte{byte(size)}, size)
		p := client.Datagrams().Seal([]byte("head"), want)
		if len(p) != 4+size+Overhead || string(p[:4]) != "head" {
			t.Fatalf("sealed %d bytes to %d", size, len(p))
		}
		got, err := server.Datagrams().Open([]byte("pre"), p[4:])
		if err != nil || !bytes.Equal(got, append([]byte("pre"), want...)) {
			t.Fatal(size, err)
		}
		// The answer flows under another key.
		p = server.Datagrams().Seal(nil, want)
		if _, err := server.Datagrams().Open(nil, p); err == nil {
			t.Fatal("a reflected datagram was accepted")
		}
		if _, err := client.Datagrams().Open(nil, p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDatagramTamperEveryByte(t *testing.T) {
	client, server := sessions(t)
	p := client.Datagrams().Seal(nil, []byte("payload"))
	for i := range p {
		for _, mask := range []byte{1, 0x80, 0xff} {
			p[i] ^= mask
			if got, err := server.Datagrams().Open(nil, p); err == nil || got != nil {
				t.Fatalf("byte %d ^ %#x accepted", i, mask)
			}
			p[i] ^= mask
		}
	}
	for i := range p {
		if _, err := server.Datagrams().Open(nil, p[:i]); err == nil {
			t.Fatalf("%d of %d bytes accepted", i, len(p))
		}
	}
	// None of these forgeries may have spoilt the true one.
	if _, err := server.Datagrams().Open(nil, p); err != nil {
		t.Fatal(err)
	}
}

func TestDatagramReplay(t *testing.T) {
	client, server := sessions(t)
	sealed := make([][]byte, 3*replayWindow+1)
	for i := 1; i < len(sealed); i++ {
		sealed[i] = client.Datagrams().Seal(nil, fmt.Append(nil, i))
	}
	f := func(n int, want error) {
		t.Helper()
		got, err := server.Datagrams().Open(nil, sealed[n])
		if !errors.Is(err, want) || want == nil && string(got) != fmt.Sprint(n) {
			t.Fatalf("datagram %d: %q %v, want %v", n, got, err, want)
		}
	}
	f(1, nil)
	f(1, ErrReplay)
	f(5, nil)
	f(3, nil)
	f(3, ErrReplay)
	f(5, ErrReplay)
	f(2, nil)
	f(4+replayWindow, nil) // 5 is now just inside
	f(5, ErrReplay)
	f(6, nil)
	f(4, ErrReplay) // outside, though never seen
	f(3*replayWindow, nil)
	f(2*replayWindow+1, nil)
	f(2*replayWindow, ErrReplay)
	zero := bytes.Clone(sealed[1])
	binary.BigEndian.PutUint64(zero, 0)
	if _, err := server.Datagrams().Open(nil, zero); !errors.Is(err, ErrReplay) {
		t.Fatal(err)
	}
}

// The window against the obvious version of it: a set of all counters seen.
func TestReplayWindowAgainstSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	client, server := sessions(t)
	const total = 20_000
	sealed := make([][]byte, total+1)
	for i := 1; i <= total; i++ {
		sealed[i] = client.Datagrams().Seal(nil, nil)
	}
	seen, highest := make(map[int]bool), 0
	for range 3 * total {
		n := 1 + r.IntN(total)
		if r.IntN(3) > 0 { // mostly near the front
			n = min(total, max(1, highest-replayWindow-20+r.IntN(replayWindow+60)))
		}
		want := !seen[n] && n > highest-replayWindow
		if _, err := server.Datagrams().Open(nil, sealed[n]); (err == nil) != want {
			t.Fatalf("counter %d with highest %d, seen %v: %v", n, highest, seen[n], err)
		}
		if want {
			seen[n], highest = true, max(highest, n)
		}
	}
}

func TestDatagramEpochs(t *testing.T) {
	client, server := sessions(t)
	c, s := client.Datagrams(), server.Datagrams()
	c.send.epochBits, s.recv.epochBits = 4, 4
	var late []byte
	var last [nonceSize]byte
	for i := range 1000 {
		p := c.Seal(nil, []byte("x"))
		if i%16 == 5 {
			late = p
			continue
		}
		if _, err := s.Open(nil, p); err != nil {
			t.Fatal(i, err)
		}
		if i%16 == 15 {
			if _, err := s.Open(nil, late); err != nil { // of the epoch before
				t.Fatal(i, err)
			}
			if iv := c.send.slots[c.send.counter>>4%4].iv; iv == last {
				t.Fatal("the key did not change")
			} else {
				last = iv
			}
		}
	}
	// Two epochs ahead is refused before a key is derived.
	before := s.recv.slots
	far := binary.BigEndian.AppendUint64(nil, s.recv.highest+32)
	if _, err := s.Open(nil, append(far, make([]byte, 40)...)); !errors.Is(err, ErrRecord) || s.recv.slots != before {
		t.Fatal(err)
	}
}

func TestDatagramsConcurrently(t *testing.T) {
	client, server := sessions(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				p := client.Datagrams().Seal(nil, []byte("packet"))
				if q, err := server.Datagrams().Open(nil, p); err != nil || string(q) != "packet" {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestDatagramAllocations(t *testing.T) {
	client, server := sessions(t)
	payload, sealed, opened := make([]byte, 1100), make([]byte, 0, 1200), make([]byte, 0, 1200)
	allocs := testing.AllocsPerRun(1000, func() {
		sealed = client.Datagrams().Seal(sealed[:0], payload)
		var err error
		if opened, err = server.Datagrams().Open(opened[:0], sealed); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations for a datagram, want 0", allocs)
	}
}
