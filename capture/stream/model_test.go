package stream_test

import (
	"bytes"
	"math/rand"
	"net/netip"
	"testing"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/stream"
)

// model is the slow, obvious reassembler: one byte at a time, each with the sequence offset at which its segment began.
type model struct {
	bytes map[int64]byte
	owner map[int64]int64
	shown int64 // bytes below were handed out and do not change
}

func newModel() *model { return &model{bytes: map[int64]byte{}, owner: map[int64]int64{}} }

// add stores a segment by the stated policy: what came first stays, unless the newer segment begins before the stored one.
func (m *model) add(off int64, data []byte) {
	for i, c := range data {
		at := off + int64(i)
		if at < m.shown {
			continue
		}
		if old, there := m.owner[at]; there && old <= off {
			continue
		}
		m.bytes[at] = c
		m.owner[at] = off
	}
}

// take hands out contiguous bytes up to limit.
func (m *model) take(limit int64) []byte {
	var out []byte
	for m.shown < limit {
		c, there := m.bytes[m.shown]
		if !there {
			break
		}
		out = append(out, c)
		m.shown++
	}
	return out
}

// hole returns how many bytes are missing at the place reached, up to limit.
func (m *model) hole(limit int64) int64 {
	n := int64(0)
	for m.shown+n < limit {
		if _, there := m.bytes[m.shown+n]; there {
			break
		}
		n++
	}
	return n
}

var (
	client = netip.MustParseAddrPort("10.0.0.1:40000")
	server = netip.MustParseAddrPort("10.0.0.2:80")
)

// feeder writes segments straight into an assembler.
type feeder struct {
	a   *stream.Assembler
	s   *stream.Session
	isn [2]uint32
	p   packet.Packet
	now time.Time
}

func newFeeder(cfg stream.Config) *feeder {
	f := &feeder{a: stream.NewAssembler(cfg), isn: [2]uint32{0xffffff00, 5000}, now: packettest.Start()}
	f.s = f.a.New()
	return f
}

func (f *feeder) send(dir packet.Direction, seq, ack uint32, flags uint8, data []byte) bool {
	return f.full(dir, packettest.TCP{Seq: seq, Ack: ack, Flags: flags, Window: 65535}, data)
}

func (f *feeder) full(dir packet.Direction, t packettest.TCP, data []byte) bool {
	src, dst := client, server
	if dir == packet.ToClient {
		src, dst = dst, src
	}
	t.SrcPort, t.DstPort = src.Port(), dst.Port()
	b := packettest.IP(src.Addr(), dst.Addr(), 6, t.Segment(src.Addr(), dst.Addr(), data))
	f.now = f.now.Add(time.Millisecond)
	if e := f.p.Decode(f.now, b, len(b), packet.LinkRaw); e != packet.EventNone {
		panic(e)
	}
	return f.a.Packet(f.s, &f.p, dir)
}

func (f *feeder) handshake() {
	scale := []byte{1, 3, 3, 7}
	f.full(0, packettest.TCP{Seq: f.isn[0], Flags: packet.SYN, Window: 65535, Options: scale}, nil)
	f.full(1, packettest.TCP{Seq: f.isn[1], Ack: f.isn[0] + 1, Flags: packet.SYN | packet.ACK, Window: 65535, Options: scale}, nil)
	f.send(0, f.isn[0]+1, f.isn[1]+1, packet.ACK, nil)
}

// data sends client bytes at an offset; ack acknowledges client bytes up to an offset.
func (f *feeder) data(off int64, b []byte) bool {
	return f.send(0, f.isn[0]+1+uint32(off), f.isn[1]+1, packet.ACK, b)
}

func (f *feeder) ack(off int64) bool {
	return f.send(1, f.isn[1]+1, f.isn[0]+1+uint32(off), packet.ACK, nil)
}

// drain reads what the parser may see, passing holes, and returns it with 'gap' markers as counts.
func (f *feeder) drain(out *bytes.Buffer, gaps *[]int64) {
	for {
		if b := f.s.Ready(0); len(b) > 0 {
			out.Write(b)
			f.a.Consume(f.s, 0, len(b))
			continue
		}
		n := f.s.Hole(0)
		if n == 0 {
			return
		}
		*gaps = append(*gaps, n)
		f.a.Skip(f.s, 0, n)
	}
}

// compare drives both with the same segments; ops are bytes that choose them.
func compare(t *testing.T, ops []byte) {
	t.Helper()
	f := newFeeder(stream.Config{})
	f.handshake()
	m := newModel()
	var got, want bytes.Buffer
	var gotGaps, wantGaps []int64
	acked, sent := int64(0), int64(0)
	for i := 0; i+3 < len(ops); i += 4 {
		kind, x, y, c := ops[i], int64(ops[i+1]), int64(ops[i+2]), ops[i+3]
		if kind%4 < 3 { // a segment near the place reached
			off := max(0, m.shown-8+x%64)
			n := 1 + y%40
			b := make([]byte, n)
			for j := range b {
				b[j] = c + byte(j)*(kind>>4)
			}
			f.data(off, b)
			m.add(off, b)
			sent = max(sent, off+n)
		} else {
			acked = max(acked, min(sent, acked+x%48))
			f.ack(acked)
		}
		f.drain(&got, &gotGaps)
		for {
			b := m.take(acked)
			want.Write(b)
			if n := m.hole(acked); n > 0 {
				wantGaps = append(wantGaps, n)
				m.shown += n
				continue
			}
			break
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("after %d operations:\n got  %q\n want %q", i/4+1, got.Bytes(), want.Bytes())
		}
	}
	if len(gotGaps) != len(wantGaps) {
		t.Fatalf("gaps %v, want %v", gotGaps, wantGaps)
	}
	f.a.Release(f.s)
	if s := f.a.Stats(); s.MemoryNow != 0 {
		t.Fatalf("%d bytes left behind", s.MemoryNow)
	}
}

func TestAgainstModel(t *testing.T) {
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		ops := make([]byte, 4*120)
		r.Read(ops)
		compare(t, ops)
	}
}

func FuzzAgainstModel(f *testing.F) {
	f.Add([]byte{0, 8, 10, 'a', 3, 20, 0, 0, 1, 30, 5, 'b', 1, 18, 20, 'c', 3, 47, 0, 0})
	f.Add(bytes.Repeat([]byte{2, 20, 30, 'x', 3, 30, 1, 1}, 20))
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 2000 {
			return
		}
		compare(t, ops)
	})
}
