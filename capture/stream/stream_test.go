package stream_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/stream"
)

func read(f *feeder) string {
	var b bytes.Buffer
	var gaps []int64
	f.drain(&b, &gaps)
	for _, g := range gaps {
		b.WriteString("<")
		b.WriteByte(byte('0' + g%10))
		b.WriteString(">")
	}
	return b.String()
}

// TestAcknowledged pins the rule everything hangs on: bytes are shown when the receiver has them.
func TestAcknowledged(t *testing.T) {
	f := newFeeder(stream.Config{})
	f.handshake()
	f.data(0, []byte("GET /"))
	if got := read(f); got != "" {
		t.Errorf("shown before the acknowledgement: %q", got)
	}
	f.ack(3)
	if got := read(f); got != "GET" {
		t.Errorf("after three bytes were acknowledged: %q", got)
	}
	f.data(5, []byte("x"))
	f.s.Flush()
	if got := read(f); got != " /x" {
		t.Errorf("at the end: %q", got)
	}
}

func TestOutOfOrderAndGap(t *testing.T) {
	f := newFeeder(stream.Config{})
	f.handshake()
	f.data(5, []byte("world"))
	f.data(0, []byte("hello"))
	f.ack(10)
	if got := read(f); got != "helloworld" {
		t.Errorf("got %q", got)
	}
	f.data(14, []byte("behind"))
	f.ack(20)
	if got := read(f); got != "behind<4>" {
		t.Errorf("got %q, want a hole of 4 bytes passed", got)
	}
	if n := f.s.GapBytes(0); n != 4 {
		t.Errorf("gap bytes %d", n)
	}
	f.data(10, []byte("late"))
	f.ack(20)
	if got := read(f); got != "" {
		t.Errorf("bytes of a passed hole were shown: %q", got)
	}
}

func TestRejected(t *testing.T) {
	type send func(f *feeder) bool
	cases := []struct {
		name  string
		send  send
		event stream.Event
	}{
		{"beyond the window", func(f *feeder) bool { return f.data(65535*128+200, []byte("x")) }, stream.EventEstOutOfWindow},
		{"acknowledges what was never sent", func(f *feeder) bool {
			return f.send(1, f.isn[1]+1, f.isn[0]+1+1<<30, packet.ACK, nil)
		}, stream.EventPacketInvalidAck},
		{"RST outside the window", func(f *feeder) bool {
			return f.send(0, f.isn[0]+1+1<<28, 0, packet.RST, nil)
		}, stream.EventRSTInvalid},
		{"SYN again", func(f *feeder) bool { return f.send(0, f.isn[0], 0, packet.SYN, nil) }, stream.EventEstSynResend},
		{"data without ACK", func(f *feeder) bool { return f.send(0, f.isn[0]+1, 0, 0, []byte("x")) }, stream.EventCount},
	}
	for _, c := range cases {
		f := newFeeder(stream.Config{})
		f.handshake()
		if c.send(f) {
			t.Errorf("%s: accepted", c.name)
		}
		if c.event != stream.EventCount && !stream.Noticed(&f.p, c.event) {
			t.Errorf("%s: %v not noted", c.name, c.event)
		}
		f.data(0, []byte("still here"))
		f.ack(10)
		if got := read(f); got != "still here" {
			t.Errorf("%s: session is damaged: %q", c.name, got)
		}
	}
}

func TestOldTimestamp(t *testing.T) {
	f := newFeeder(stream.Config{})
	f.handshake()
	stamp := func(v uint32) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{1, 1, 8, 10}, v), 0, 0, 0, 0)
	}
	f.full(0, packettest.TCP{Seq: f.isn[0] + 1, Ack: f.isn[1] + 1, Flags: packet.ACK, Window: 9, Options: stamp(100)}, []byte("ab"))
	if f.full(0, packettest.TCP{Seq: f.isn[0] + 3, Ack: f.isn[1] + 1, Flags: packet.ACK, Window: 9, Options: stamp(50)}, []byte("XX")) {
		t.Error("a segment with an old time stamp was accepted")
	}
	f.full(0, packettest.TCP{Seq: f.isn[0] + 3, Ack: f.isn[1] + 1, Flags: packet.ACK, Window: 9, Options: stamp(101)}, []byte("cd"))
	f.ack(4)
	if got := read(f); got != "abcd" {
		t.Errorf("got %q", got)
	}
}

func TestStates(t *testing.T) {
	f := newFeeder(stream.Config{})
	want := func(s stream.State) {
		t.Helper()
		if f.s.State != s {
			t.Errorf("state %v, want %v", f.s.State, s)
		}
	}
	f.send(0, f.isn[0], 0, packet.SYN, nil)
	want(stream.StateSynSent)
	f.send(1, f.isn[1], f.isn[0]+9, packet.SYN|packet.ACK, nil)
	want(stream.StateSynSent) // wrong acknowledgement
	f.send(1, f.isn[1], f.isn[0]+1, packet.SYN|packet.ACK, nil)
	want(stream.StateSynRecv)
	f.send(0, f.isn[0]+1, f.isn[1]+77, packet.ACK, nil)
	want(stream.StateSynRecv)
	f.send(0, f.isn[0]+1, f.isn[1]+1, packet.ACK, nil)
	want(stream.StateEstablished)
	f.send(0, f.isn[0]+1, f.isn[1]+1, packet.ACK|packet.FIN, nil)
	want(stream.StateCloseWait)
	f.send(1, f.isn[1]+1, f.isn[0]+2, packet.ACK|packet.FIN, nil)
	want(stream.StateLastAck)
	f.send(0, f.isn[0]+2, f.isn[1]+2, packet.ACK, nil)
	want(stream.StateClosed)
	if !f.s.Finished(0) || !f.s.Finished(1) {
		t.Error("not finished after both FINs were acknowledged")
	}
}

// TestWhichSynAck lets the client's ACK pick between two SYN/ACKs, one of which was forged.
func TestWhichSynAck(t *testing.T) {
	f := newFeeder(stream.Config{})
	f.send(0, f.isn[0], 0, packet.SYN, nil)
	f.send(1, 777777, f.isn[0]+1, packet.SYN|packet.ACK, nil)
	f.send(1, f.isn[1], f.isn[0]+1, packet.SYN|packet.ACK, nil)
	if !stream.Noticed(&f.p, stream.EventSynAckResendDiffSeq) {
		t.Error("second SYN/ACK not noted")
	}
	f.send(0, f.isn[0]+1, f.isn[1]+1, packet.ACK, nil)
	if f.s.State != stream.StateEstablished {
		t.Fatalf("state %v", f.s.State)
	}
	f.send(1, f.isn[1]+1, f.isn[0]+1, packet.ACK, []byte("answer"))
	f.send(0, f.isn[0]+1, f.isn[1]+7, packet.ACK, nil)
	if got := string(f.s.Ready(1)); got != "answer" {
		t.Errorf("server's bytes: %q", got)
	}
}

func TestInjectedReset(t *testing.T) {
	f := newFeeder(stream.Config{})
	f.handshake()
	f.send(0, f.isn[0]+1, f.isn[1]+1, packet.RST|packet.ACK, nil)
	if f.s.State != stream.StateClosed || !f.s.Reset {
		t.Fatalf("state %v after RST", f.s.State)
	}
	if !f.data(0, []byte("alive")) || !stream.Noticed(&f.p, stream.EventRSTInject) {
		t.Error("the alleged sender's next segment was not taken for proof of life")
	}
	f.ack(5)
	if got := read(f); got != "alive" {
		t.Errorf("got %q", got)
	}
}

func TestSynData(t *testing.T) {
	for _, took := range []bool{true, false} {
		f := newFeeder(stream.Config{})
		f.send(0, f.isn[0], 0, packet.SYN, []byte("early"))
		ack := f.isn[0] + 1
		if took {
			ack += 5
		}
		f.send(1, f.isn[1], ack, packet.SYN|packet.ACK, nil)
		f.send(0, ack, f.isn[1]+1, packet.ACK, nil)
		off := int64(ack - f.isn[0] - 1)
		f.data(off, []byte("EARLY"))
		f.ack(off + 5)
		want := "EARLY"
		if took {
			want = "earlyEARLY"
		}
		if got := read(f); got != want || f.s.TFO != took {
			t.Errorf("server took the SYN's data = %v: got %q, TFO %v", took, got, f.s.TFO)
		}
	}
}

func TestUrgentByteIsNotRead(t *testing.T) {
	f := newFeeder(stream.Config{})
	f.handshake()
	f.data(0, []byte("malic"))
	f.full(0, packettest.TCP{Seq: f.isn[0] + 6, Ack: f.isn[1] + 1, Flags: packet.ACK | packet.URG, Window: 999, Urgent: 1}, []byte("X"))
	f.data(6, []byte("ious"))
	f.ack(10)
	if got := read(f); got != "malicious" {
		t.Errorf("got %q", got)
	}
}

func TestMidstreamAndOneSided(t *testing.T) {
	f := newFeeder(stream.Config{})
	if f.data(0, []byte("x")); f.s.State != stream.StateNone {
		t.Error("a session without handshake was followed though the option is off")
	}
	f = newFeeder(stream.Config{Midstream: true})
	f.data(0, []byte("mid"))
	f.ack(3)
	if got := read(f); got != "mid" || !f.s.Midstream {
		t.Errorf("mid-stream: %q", got)
	}
	f = newFeeder(stream.Config{AsyncOneway: true})
	f.send(0, f.isn[0], 0, packet.SYN, nil)
	f.data(0, []byte("one"))
	f.data(3, []byte("two"))
	if got := read(f); got != "one" || !f.s.Async {
		t.Errorf("one-sided: %q; the next segment acknowledges the one before", got)
	}
	f.s.Flush()
	if got := read(f); got != "two" {
		t.Errorf("one-sided at the end: %q", got)
	}
}

func TestDepth(t *testing.T) {
	f := newFeeder(stream.Config{Depth: 10})
	f.handshake()
	f.data(0, []byte("0123456789abcdef"))
	f.ack(16)
	if got := read(f); got != "0123456789" || !f.s.DepthReached(0) {
		t.Errorf("got %q, depth reached %v", got, f.s.DepthReached(0))
	}
	if n := f.s.Hole(0); n != 0 {
		t.Errorf("what lies beyond the depth is called a hole of %d", n)
	}
}

func TestMemoryLimits(t *testing.T) {
	f := newFeeder(stream.Config{BytesMax: 4096})
	f.handshake()
	for i := range int64(100) {
		f.data(1000+i*100, bytes.Repeat([]byte("m"), 50)) // behind a hole, never contiguous
	}
	s := f.a.Stats()
	if s.MemoryPeak > 4096 || s.DroppedMemory == 0 {
		t.Errorf("peak %d under a limit of 4096, %d dropped", s.MemoryPeak, s.DroppedMemory)
	}
	f = newFeeder(stream.Config{SegmentsMax: 8})
	f.handshake()
	for i := range int64(20) {
		f.data(1000+i*100, []byte("m"))
	}
	if s := f.a.Stats(); s.DroppedOrder != 12 {
		t.Errorf("%d dropped, want 12", s.DroppedOrder)
	}
}

func TestRawLookBack(t *testing.T) {
	f := newFeeder(stream.Config{Raw: true, LookBack: 4})
	f.handshake()
	var c stream.Chunk
	next := func(data string, off int64, want string, fresh int) {
		t.Helper()
		f.data(off, []byte(data))
		f.ack(off + int64(len(data)))
		f.a.Consume(f.s, 0, len(f.s.Ready(0)))
		if !f.a.Raw(f.s, 0, &c) || string(c.Data) != want || c.New != fresh {
			t.Errorf("chunk %q with %d new, want %q with %d", c.Data, c.New, want, fresh)
		}
		f.a.Trim(f.s, 0)
	}
	next("abcdef", 0, "abcdef", 6)
	next("ghi", 6, "cdefghi", 3)
	if c.Offset != 2 || c.Start {
		t.Errorf("offset %d, start %v", c.Offset, c.Start)
	}
	if f.a.Raw(f.s, 0, &c) {
		t.Error("a chunk without new bytes")
	}
	f.data(20, []byte("later"))
	f.ack(25)
	f.a.Skip(f.s, 0, f.s.Hole(0))
	if !f.a.Raw(f.s, 0, &c) || string(c.Data) != "later" || !c.Gap || c.New != 5 {
		t.Errorf("behind a hole: %q, gap %v, new %d", c.Data, c.Gap, c.New)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	f := newFeeder(stream.Config{Raw: true})
	f.handshake()
	var c stream.Chunk
	payload := bytes.Repeat([]byte("p"), 1000)
	var data, ack packet.Packet
	off := int64(0)
	build := func(p *packet.Packet, dir packet.Direction, t packettest.TCP, b []byte) {
		src, dst := client, server
		if dir == 1 {
			src, dst = dst, src
		}
		raw := packettest.IP(src.Addr(), dst.Addr(), 6, t.Segment(src.Addr(), dst.Addr(), b))
		p.Decode(f.now, raw, len(raw), packet.LinkRaw)
	}
	build(&data, 0, packettest.TCP{Seq: f.isn[0] + 1, Ack: f.isn[1] + 1, Flags: packet.ACK, Window: 65535}, payload)
	build(&ack, 1, packettest.TCP{Seq: f.isn[1] + 1, Ack: f.isn[0] + 1, Flags: packet.ACK, Window: 65535}, nil)
	step := func() {
		data.TCP.Seq = f.isn[0] + 1 + uint32(off)
		f.a.Packet(f.s, &data, 0)
		off += 1000
		ack.TCP.Ack = f.isn[0] + 1 + uint32(off)
		f.a.Packet(f.s, &ack, 1)
		f.a.Consume(f.s, 0, len(f.s.Ready(0)))
		f.a.Raw(f.s, 0, &c)
		f.a.Trim(f.s, 0)
	}
	for range 10 {
		step()
	}
	if n := testing.AllocsPerRun(500, step); n != 0 {
		t.Errorf("%v allocations for a segment and its acknowledgement", n)
	}
}

func BenchmarkStream(b *testing.B) {
	f := newFeeder(stream.Config{Raw: true, Depth: -1})
	f.handshake()
	var c stream.Chunk
	var data, ack packet.Packet
	raw := packettest.IP(client.Addr(), server.Addr(), 6, packettest.TCP{SrcPort: 1, DstPort: 2, Ack: f.isn[1] + 1, Flags: packet.ACK, Window: 65535}.Segment(client.Addr(), server.Addr(), make([]byte, 1400)))
	data.Decode(f.now, raw, len(raw), packet.LinkRaw)
	raw = packettest.IP(server.Addr(), client.Addr(), 6, packettest.TCP{SrcPort: 2, DstPort: 1, Seq: f.isn[1] + 1, Flags: packet.ACK, Window: 65535}.Segment(server.Addr(), client.Addr(), nil))
	ack.Decode(f.now, raw, len(raw), packet.LinkRaw)
	seq := f.isn[0] + 1
	b.ReportAllocs()
	b.SetBytes(1400)
	n := 0
	for b.Loop() {
		data.TCP.Seq = seq
		f.a.Packet(f.s, &data, 0)
		seq += 1400
		n++
		if n&1 == 0 {
			ack.TCP.Ack = seq
			f.a.Packet(f.s, &ack, 1)
			n++
			f.a.Consume(f.s, 0, len(f.s.Ready(0)))
			f.a.Raw(f.s, 0, &c)
			f.a.Trim(f.s, 0)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "packets/s")
	if s := f.a.Stats(); s.Rejected > 0 || s.DroppedMemory > 0 || s.Gaps > 0 {
		b.Fatalf("the benchmark measures the wrong thing: %+v", s)
	}
}
