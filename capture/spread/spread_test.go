package spread_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/source"
	"fengsui/capture/spread"
)

// frames is a source out of memory.
type frames struct {
	list [][]byte
	err  error
}

func (s *frames) Run(_ context.Context, emit func(*source.Frame) error) error {
	buf := make([]byte, 2048) // used again for each, as sources do
	for i, b := range s.list {
		f := source.Frame{Time: time.Unix(int64(i), 0), Data: buf[:copy(buf, b)], OrigLen: len(b), Link: packet.LinkRaw}
		if err := emit(&f); err != nil {
			return err
		}
	}
	return s.err
}

func (s *frames) Counters() source.Counters { return source.Counters{} }

// udp is an IPv4 datagram between two hosts of 10.0.0.0/16.
func udp(from, to byte, port uint16, size int) []byte {
	b := make([]byte, 28+size)
	b[0], b[8], b[9] = 0x45, 64, 17
	b[2], b[3] = byte(len(b)>>8), byte(len(b))
	copy(b[12:], []byte{10, 0, 0, from, 10, 0, 0, to})
	b[20], b[21], b[22], b[23] = byte(port>>8), byte(port), 0, 53
	b[24], b[25] = byte((8+size)>>8), byte(8+size)
	return b
}

// unreachable is an ICMP error a router sends about a packet.
func unreachable(about []byte) []byte {
	b := make([]byte, 28, 28+len(about))
	b[0], b[8], b[9] = 0x45, 64, 1
	copy(b[12:], []byte{172, 16, 0, 1, 10, 0, 0, about[15]})
	b[20], b[21] = 3, 1
	b = append(b, about...)
	b[2], b[3] = byte(len(b)>>8), byte(len(b))
	return b
}

// recorder notes what it is given; at some frames it goes through its gate and writes into a log all share.
type recorder struct {
	pairs   map[netip.Addr]bool
	numbers []uint64
	gate    func()
	every   uint64
	shared  *[]uint64
	mu      *sync.Mutex
	ticks   int
	flushed bool
}

func (r *recorder) FrameAt(number uint64, f *source.Frame) {
	r.numbers = append(r.numbers, number)
	var p packet.Packet
	p.Decode(f.Time, f.Data, f.OrigLen, f.Link)
	if p.Kind == packet.KindUDP {
		r.pairs[p.Src], r.pairs[p.Dst] = true, true
	}
	if r.every > 0 && number%r.every == 0 {
		r.gate()
		r.mu.Lock()
		*r.shared = append(*r.shared, number)
		r.mu.Unlock()
	}
}

func (r *recorder) Tick(time.Time) { r.ticks++ }
func (r *recorder) Flush()         { r.flushed = true }

func run(t *testing.T, workers int, every uint64, src source.Source) (list []*recorder, shared []uint64) {
	t.Helper()
	var mu sync.Mutex
	var ws []spread.Worker
	for range workers {
		r := &recorder{pairs: map[netip.Addr]bool{}, every: every, shared: &shared, mu: &mu}
		list, ws = append(list, r), append(ws, r)
	}
	s, err := spread.New(ws)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		r.gate = s.Gate(i)
	}
	if err := s.Run(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	return list, shared
}

// TestPairsStayTogether checks that both directions, all ports and ICMP errors of a pair go to one worker, each frame to exactly one, in order.
func TestPairsStayTogether(t *testing.T) {
	src := &frames{}
	for i := range 6000 {
		host := byte(i*7%100) * 2 // pairs are (0,1), (2,3), …
		b := udp(host, host+1, uint16(i), i%400)
		switch i % 3 {
		case 1:
			b = udp(host+1, host, uint16(i), i%400)
		case 2:
			b = unreachable(b)
		}
		src.list = append(src.list, b)
	}
	workers, _ := run(t, 3, 0, src)
	total := 0
	seen := map[netip.Addr]int{}
	for i, r := range workers {
		total += len(r.numbers)
		if !slices.IsSorted(r.numbers) {
			t.Errorf("worker %d: frames out of order", i)
		}
		if !r.flushed {
			t.Errorf("worker %d was not flushed", i)
		}
		if len(r.numbers) < 1000 {
			t.Errorf("worker %d got %d of 6000 frames", i, len(r.numbers))
		}
		for a := range r.pairs {
			if other, ok := seen[a]; ok && other != i {
				t.Errorf("%v is at workers %d and %d", a, other, i)
			}
			seen[a] = i
		}
	}
	if total != len(src.list) {
		t.Errorf("%d frames handed out, want %d", total, len(src.list))
	}
}

// TestGateKeepsOrder lets workers write numbers into one list at their gates: it must be in the order of the source.
func TestGateKeepsOrder(t *testing.T) {
	for _, every := range []uint64{1, 7, 500} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			src := &frames{}
			for i := range 20000 {
				host := byte(i * i % 120 * 2)
				if i > 10000 && i < 18000 {
					host = 4 // for a long while only one worker has anything to do: its queue runs full
				}
				src.list = append(src.list, udp(host, host+1, 1, 600))
			}
			_, shared := run(t, 4, every, src)
			if !slices.IsSorted(shared) || len(shared) != 20000/int(every) {
				t.Errorf("%d entries, sorted %v", len(shared), slices.IsSorted(shared))
			}
		})
	}
}

func TestTickReachesAll(t *testing.T) {
	workers, _ := run(t, 3, 0, &frames{list: [][]byte{udp(1, 2, 3, 4), nil, udp(5, 6, 7, 8), nil}})
	for i, r := range workers {
		if r.ticks != 2 {
			t.Errorf("worker %d: %d ticks, want 2", i, r.ticks)
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := spread.New(nil); err == nil {
		t.Error("no workers: no error")
	}
	broken := errors.New("broken")
	s, err := spread.New([]spread.Worker{&recorder{pairs: map[netip.Addr]bool{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), &frames{list: [][]byte{udp(1, 2, 3, 4)}, err: broken}); !errors.Is(err, broken) {
		t.Errorf("error %v, want the source's", err)
	}
}
