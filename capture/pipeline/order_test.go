package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
	"fengsui/capture/source"
	"fengsui/capture/stream"
)

// journal writes down what an inspector is shown.
type journal struct {
	lines []string
	quiet bool // leave packets out
}

func (j *journal) add(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if j.quiet {
		return
	}
	switch {
	case f == nil:
		j.add("%d packet without flow", p.Number)
	case p.Pseudo:
		j.add("pseudo packet %v", dir)
	default:
		j.add("%d packet %v %s est=%v", p.Number, dir, f.App, f.Established())
	}
}

func (j *journal) Stream(p *packet.Packet, _ *flow.Flow, dir flow.Direction, c *stream.Chunk) {
	j.add("%d stream %v %q new=%d gap=%v", p.Number, dir, c.Data, c.New, c.Gap)
}

func (j *journal) Transaction(p *packet.Packet, _ *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	j.add("%d %s %d %v progress=%d", p.Number, tx.Protocol(), tx.ID(), dir, tx.Progress(dir))
}

func (j *journal) FlowEnd(f *flow.Flow) { j.add("end %v", f.End) }

func (j *journal) Event(e *event.Event) { j.add("event %s", e.Kind) }

// frames is a source of frames in memory.
type frames struct {
	list []source.Frame
	err  error
}

func (s *frames) Run(ctx context.Context, emit func(*source.Frame) error) error {
	for i := range s.list {
		if ctx.Err() != nil {
			return nil
		}
		if err := emit(&s.list[i]); err != nil {
			return err
		}
	}
	return s.err
}

func (s *frames) Counters() source.Counters { return source.Counters{} }

func run(t *testing.T, cfg Config, c *packettest.Capture, insp Inspector, sink Sink) Stats {
	t.Helper()
	var list []Inspector
	if insp != nil {
		list = []Inspector{insp}
	}
	w := New(cfg, list, sink)
	if err := w.Run(context.Background(), &frames{list: c.Frames}); err != nil {
		t.Fatal(err)
	}
	return w.Stats()
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(want), "\n") {
		lines = append(lines, strings.TrimSpace(l))
	}
	if !slices.Equal(got, lines) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// TestOrder pins the order that doc.go promises, on one HTTP exchange.
func TestOrder(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake() // 1 2 3
	v.NoAutoAck = true
	v.Send(flow.ToServer, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))              // 4
	v.Send(flow.ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) // 5: acknowledges the request
	v.Ack(flow.ToServer)                                                            // 6: acknowledges the response
	v.Close()                                                                       // 7 8 9
	j := &journal{}
	run(t, Config{}, c, j, j)
	expect(t, j.lines, `
		1 packet to_server unknown est=false
		2 packet to_client unknown est=false
		3 packet to_server unknown est=false
		4 packet to_server unknown est=true
		5 packet to_client http est=true
		6 stream to_server "GET / HTTP/1.1\r\nHost: h\r\n\r\n" new=27 gap=false
		6 http 0 to_server progress=5
		6 packet to_server http est=true
		7 packet to_server http est=true
		8 stream to_client "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" new=40 gap=false
		8 http 0 to_client progress=5
		8 packet to_client http est=true
		event http
		event fileinfo
		9 packet to_server http est=true
		end shutdown
		event flow`)
}

// TestEndOfInput shows what was never acknowledged on pseudo packets, the client's side first.
func TestEndOfInput(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake()
	v.NoAutoAck = true
	v.Send(flow.ToServer, []byte("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"))
	j := &journal{}
	run(t, Config{}, c, j, j)
	expect(t, j.lines[4:], `
		0 stream to_server "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" new=28 gap=false
		0 http 0 to_server progress=5
		pseudo packet to_server
		0 http 0 to_client progress=5
		pseudo packet to_client
		event http
		end shutdown
		event flow`)
}

// TestGapShowsBothSides: what lies before a hole is shown at once, on the packet that proves the hole.
func TestGapShowsBothSides(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:9999")).Handshake()
	v.Send(flow.ToServer, []byte("before "))
	v.Lose(flow.ToServer, 100)
	v.Send(flow.ToServer, []byte("behind"))
	v.Ack(flow.ToServer)
	j := &journal{quiet: true}
	run(t, Config{}, c, j, nil)
	expect(t, j.lines, `
		6 stream to_server "before " new=7 gap=false
		0 stream to_server "behind" new=6 gap=true
		end shutdown`)
}

// TestChunks gathers bytes of a flow without parser until there are enough of them.
func TestChunks(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake()
	v.Send(flow.ToServer, []byte("GET /up HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n"))
	for range 10 {
		v.Send(flow.ToServer, bytes.Repeat([]byte("b"), 1000))
	}
	v.Ack(flow.ToServer)
	var sizes []int
	j := &chunkSizes{sizes: &sizes}
	run(t, Config{}, c, j, nil)
	for _, n := range sizes[:len(sizes)-1] {
		if n < 2560 {
			t.Errorf("chunks of %v bytes", sizes)
			break
		}
	}
	if sum := len(sizes); sum < 2 {
		t.Errorf("%d chunks", sum)
	}
}

type chunkSizes struct {
	journal
	sizes *[]int
}

func (c *chunkSizes) Stream(_ *packet.Packet, _ *flow.Flow, _ flow.Direction, k *stream.Chunk) {
	*c.sizes = append(*c.sizes, k.New)
}

func TestChecksums(t *testing.T) {
	build := func() *packettest.Capture {
		c := packettest.NewCapture()
		v := c.TCP(packettest.Client, packettest.Server).Handshake()
		v.Send(flow.ToServer, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
		f := c.Frames[3].Data
		f[14+20+16] ^= 0x55 // its checksum
		return c
	}
	j := &journal{}
	if s := run(t, Config{}, build(), nil, j); s.BadChecksum != 1 || slices.Contains(j.lines, "event http") {
		t.Errorf("a segment with a wrong checksum was used: %d counted, %v", s.BadChecksum, j.lines)
	}
	j = &journal{}
	if s := run(t, Config{IgnoreChecksums: true}, build(), nil, j); s.BadChecksum != 0 || !slices.Contains(j.lines, "event http") {
		t.Errorf("validation off: %d counted, %v", s.BadChecksum, j.lines)
	}
}

func TestFragmentsAndTunnels(t *testing.T) {
	c := packettest.NewCapture()
	src, dst := packettest.Client, netip.MustParseAddrPort("203.0.113.5:53")
	query := []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01")
	udp := packettest.UDP(src, dst, query)
	part := func(off, n int, more uint16) {
		c.Add(packettest.Ethernet(0x0800, packettest.IP4{Src: src.Addr(), Dst: dst.Addr(), Proto: 17, ID: 3, Frag: uint16(off/8) | more}.Packet(udp[off:off+n])))
	}
	part(16, len(udp)-16, 0)
	part(0, 16, 0x2000)
	inner := packettest.IP(src.Addr(), netip.MustParseAddr("198.51.100.9"), 17, packettest.UDP(src, netip.MustParseAddrPort("198.51.100.9:53"), query))
	c.AddIP(netip.MustParseAddr("10.9.9.1"), netip.MustParseAddr("10.9.9.2"), 4, inner)
	j := &journal{}
	s := run(t, Config{}, c, j, j)
	expect(t, j.lines, `
		1 packet without flow
		2 packet without flow
		2 dns 0 to_server progress=1
		2 packet to_server dns est=false
		event dns
		3 packet to_server unknown est=false
		3 dns 0 to_server progress=1
		3 packet to_server dns est=false
		event dns
		end shutdown
		event flow
		end shutdown
		event flow
		end shutdown
		event flow`)
	if s.Defrag.Rebuilt != 1 || s.Inner != 1 || s.Transactions[flow.AppDNS] != 2 {
		t.Errorf("%+v", s)
	}
	j = &journal{}
	if s := run(t, Config{NoTunnels: true}, c, j, nil); s.Inner != 0 {
		t.Error("tunnels were followed though the option is off")
	}
}

func TestMidstreamTurnsRound(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server)
	v.Skip(flow.ToServer, 1)
	v.Skip(flow.ToClient, 1)
	v.Send(flow.ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	j := &journal{}
	var got collector
	run(t, Config{Midstream: true}, c, j, &got)
	f := got.events[len(got.events)-1]
	if f.Kind != event.KindFlow || f.Text(event.SourceIP) != packettest.Client.Addr().String() || f.Text(event.DestinationPort) != "80" {
		t.Errorf("client and server are the wrong way round: %s", f.AppendJSON(nil))
	}
}

func TestUpgradeIsRecognisedAnew(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake()
	v.Send(flow.ToServer, []byte("CONNECT host:80 HTTP/1.1\r\nHost: host:80\r\n\r\n"))
	v.Send(flow.ToClient, []byte("HTTP/1.1 200 Go\r\n\r\n"))
	v.Send(flow.ToServer, []byte("GET /inside HTTP/1.1\r\nHost: inner\r\n\r\n"))
	v.Send(flow.ToClient, []byte("HTTP/1.1 204 No\r\n\r\n"))
	v.Close()
	var got collector
	run(t, Config{}, c, nil, &got)
	var urls []string
	for _, e := range got.events {
		if e.Kind == event.KindHTTP {
			urls = append(urls, e.Text(event.HTTPMethod)+" "+e.Text(event.URLOriginal)+" "+e.Text(event.HTTPStatus))
		}
	}
	if !slices.Equal(urls, []string{"CONNECT host:80 200", "GET /inside 204"}) {
		t.Errorf("%v", urls)
	}
}

func TestRunErrorsAndCancel(t *testing.T) {
	broken := errors.New("cable pulled")
	w := New(Config{}, nil, nil)
	if err := w.Run(context.Background(), &frames{err: broken}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	c := packettest.NewCapture()
	c.TCP(packettest.Client, packettest.Server).Handshake()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w = New(Config{}, nil, nil)
	if err := w.Run(ctx, &frames{list: c.Frames}); err != nil || w.Stats().Packets != 0 {
		t.Errorf("cancelled before it began: %v, %d packets", err, w.Stats().Packets)
	}
}

func TestTickEndsFlows(t *testing.T) {
	c := packettest.NewCapture()
	c.UDP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:7"), []byte("x"))
	j := &journal{quiet: true}
	w := New(Config{}, []Inspector{j}, nil)
	w.Frame(&c.Frames[0])
	w.Frame(&source.Frame{Time: c.Now.Add(time.Minute)})
	expect(t, j.lines, "end timeout")
	if s := w.Stats(); s.Packets != 1 || s.Flows.Now != 0 {
		t.Errorf("%+v", s)
	}
}

func TestInvalidPacketsAreCountedByReason(t *testing.T) {
	c := packettest.NewCapture()
	c.Add([]byte{1, 2, 3})
	c.Add(packettest.Ethernet(0x0800, []byte{0x45, 0}))
	s := run(t, Config{}, c, nil, nil)
	by := s.InvalidBy()
	if s.Invalid != 2 || by["ethernet.pkt_too_small"] != 1 || by["ipv4.pkt_too_small"] != 1 {
		t.Errorf("%d, %v", s.Invalid, by)
	}
}

// steady builds a long-lived connection's data packets, which no parser and no rule wants.
func steady(t testing.TB, insp []Inspector) (*Pipeline, func()) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:9999")).Handshake()
	v.Send(flow.ToServer, []byte("neither this nor that, long enough to be judged\n"))
	v.Send(flow.ToClient, []byte("the same the other way round, long enough too\n"))
	w := New(Config{IgnoreChecksums: true, Stream: stream.Config{Depth: -1}}, insp, nil)
	for i := range c.Frames {
		w.Frame(&c.Frames[i])
	}
	data, ack := packettest.NewCapture(), packettest.NewCapture()
	next := [2]uint32{v.Next(0), v.Next(1)}
	x := data.TCP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:9999"))
	x.Raw(0, next[0], next[1], packet.ACK, bytes.Repeat([]byte("d"), 1000))
	y := ack.TCP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:9999"))
	y.Raw(1, next[1], next[0], packet.ACK, nil)
	seq := next[0]
	put := func(b []byte, v uint32) { b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v) }
	at := c.Now
	return w, func() {
		f, g := &data.Frames[0], &ack.Frames[0]
		at = at.Add(time.Microsecond)
		f.Time, g.Time = at, at
		put(f.Data[14+20+4:], seq)
		seq += 1000
		put(g.Data[14+20+8:], seq)
		w.Frame(f)
		w.Frame(g)
	}
}

type nothing struct{}

func (nothing) Packet(*packet.Packet, *flow.Flow, flow.Direction)                         {}
func (nothing) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk)          {}
func (nothing) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}
func (nothing) FlowEnd(*flow.Flow)                                                        {}

func TestNothingMatchesNothingAllocated(t *testing.T) {
	for name, insp := range map[string][]Inspector{"without inspectors": nil, "with one": {nothing{}}} {
		w, step := steady(t, insp)
		for range 100 {
			step()
		}
		if n := testing.AllocsPerRun(1000, step); n != 0 {
			t.Errorf("%s: %v allocations for two packets", name, n)
		}
		if s := w.Stats(); s.Stream.Rejected != 0 {
			t.Errorf("%s: %d segments rejected: the test measures the wrong thing", name, s.Stream.Rejected)
		}
	}
}

func BenchmarkPipeline(b *testing.B) {
	for name, insp := range map[string][]Inspector{"bare": nil, "inspected": {nothing{}}} {
		b.Run(name, func(b *testing.B) {
			_, step := steady(b, insp)
			b.ReportAllocs()
			b.SetBytes(1000 + 2*54)
			for b.Loop() {
				step()
			}
			b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}

// TestTransactionKeepsItsExt checks that an inspector's state stays with its transaction between calls.
func TestTransactionKeepsItsExt(t *testing.T) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake()
	for range 3 {
		v.Send(flow.ToServer, []byte("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n"))
		v.Send(flow.ToServer, bytes.Repeat([]byte("x"), 3000))
		v.Send(flow.ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"))
	}
	v.Close()
	e := &extensions{}
	run(t, Config{}, c, e, nil)
	if e.calls < 9 || e.fresh != 3 {
		t.Errorf("%d calls, %d transactions seen for the first time", e.calls, e.fresh)
	}
}

type extensions struct {
	nothing
	calls, fresh int
}

func (e *extensions) Transaction(_ *packet.Packet, f *flow.Flow, _ flow.Direction, tx proto.Transaction) {
	e.calls++
	if tx.Base().Ext == nil {
		e.fresh++
		tx.Base().Ext = e.fresh
	}
	if !slices.Contains(Transactions(f), tx) {
		panic("a transaction is shown that the flow does not list")
	}
	if _, ok := tx.(*http.Transaction); !ok {
		panic("not HTTP")
	}
}
