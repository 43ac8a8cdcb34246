package flow_test

import (
	"net/netip"
	"testing"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/stream"
)

var (
	a4 = netip.MustParseAddrPort("10.0.0.1:40000")
	b4 = netip.MustParseAddrPort("10.0.0.2:53")
)

func decode(t testing.TB, at time.Time, frame []byte) *packet.Packet {
	t.Helper()
	p := new(packet.Packet)
	if e := p.Decode(at, frame, len(frame), packet.LinkEthernet); e != packet.EventNone {
		t.Fatal(e)
	}
	return p
}

func udp(src, dst netip.AddrPort, vlans ...uint16) []byte {
	return packettest.Ethernet(0x0800, packettest.IP(src.Addr(), dst.Addr(), 17, packettest.UDP(src, dst, []byte("x"))), vlans...)
}

func tcp(src, dst netip.AddrPort, seq uint32, flags uint8) []byte {
	s := packettest.TCP{SrcPort: src.Port(), DstPort: dst.Port(), Seq: seq, Flags: flags}.Segment(src.Addr(), dst.Addr(), nil)
	return packettest.Ethernet(0x0800, packettest.IP(src.Addr(), dst.Addr(), 6, s))
}

func icmp(src, dst netip.AddrPort, kind, code uint8, rest []byte) []byte {
	return packettest.Ethernet(0x0800, packettest.IP(src.Addr(), dst.Addr(), 1, packettest.ICMP(src.Addr(), dst.Addr(), kind, code, rest)))
}

// ended keeps copies of flows that ended.
type ended []flow.Flow

func newTable(cfg flow.Config) (*flow.Table, *ended) {
	var list ended
	return flow.NewTable(cfg, func(f *flow.Flow) { list = append(list, *f) }), &list
}

func TestBothWaysAreOneFlow(t *testing.T) {
	tab, list := newTable(flow.Config{})
	at := packettest.Start()
	f, dir, fresh := tab.Packet(decode(t, at, udp(a4, b4)))
	if !fresh || dir != flow.ToServer || f.Client != a4 || f.Server != b4 || f.Established() {
		t.Fatalf("first packet: %v %v %+v", fresh, dir, f)
	}
	g, dir, fresh := tab.Packet(decode(t, at.Add(time.Second), udp(b4, a4)))
	if g != f || fresh || dir != flow.ToClient || !f.Established() || f.State != flow.StateEstablished {
		t.Fatalf("answer: %v %v %+v", fresh, dir, g)
	}
	tab.Flush()
	e := (*list)[0]
	if e.End != flow.EndShutdown || e.Count[0].Packets != 1 || e.Count[1].Packets != 1 || e.Count[0].Bytes != 43 || e.Duration() != time.Second {
		t.Errorf("record: %+v", e)
	}
}

func TestWhatKeepsFlowsApart(t *testing.T) {
	tab, _ := newTable(flow.Config{})
	at := packettest.Start()
	frames := [][]byte{
		udp(a4, b4), udp(a4, b4, 5), udp(a4, b4, 5, 6), udp(netip.AddrPortFrom(a4.Addr(), 1), b4), tcp(a4, b4, 1, packet.SYN),
		icmp(a4, b4, 8, 0, make([]byte, 4)), icmp(a4, b4, 13, 0, make([]byte, 4)),
	}
	for i, b := range frames {
		if _, _, fresh := tab.Packet(decode(t, at, b)); !fresh {
			t.Errorf("frame %d joined an earlier flow", i)
		}
	}
	if _, _, fresh := tab.Packet(decode(t, at, icmp(b4, a4, 0, 0, make([]byte, 4)))); fresh {
		t.Error("an echo reply began a flow of its own")
	}
	s := tab.Stats()
	if s.Created != 7 || s.UDP != 4 || s.TCP != 1 || s.ICMP != 2 {
		t.Errorf("%+v", s)
	}
}

func TestUnreachableBelongsToWhatItQuotes(t *testing.T) {
	tab, _ := newTable(flow.Config{})
	at := packettest.Start()
	f, _, _ := tab.Packet(decode(t, at, udp(a4, b4)))
	quoted := append(make([]byte, 4), udp(a4, b4)[14:]...)
	g, dir, fresh := tab.Packet(decode(t, at, icmp(b4, a4, 3, 3, quoted)))
	if g != f || fresh || dir != flow.ToClient {
		t.Errorf("flow %p (want %p), %v, fresh %v", g, f, dir, fresh)
	}
	if g, _, _ := tab.Packet(decode(t, at, icmp(b4, a4, 5, 0, quoted))); g != nil {
		t.Error("a redirect began a flow")
	}
}

func TestTimeouts(t *testing.T) {
	tab, list := newTable(flow.Config{})
	at := packettest.Start()
	tab.Packet(decode(t, at, udp(a4, b4))) // new: 30 s
	tab.Packet(decode(t, at, udp(b4, netip.AddrPortFrom(a4.Addr(), 9))))
	tab.Packet(decode(t, at, udp(netip.AddrPortFrom(a4.Addr(), 9), b4))) // established: 300 s
	tab.Tick(at.Add(29 * time.Second))
	if len(*list) != 0 {
		t.Fatalf("%d flows ended early", len(*list))
	}
	tab.Tick(at.Add(31 * time.Second))
	if len(*list) != 1 || (*list)[0].End != flow.EndTimeout || (*list)[0].State != flow.StateNew {
		t.Fatalf("after 31 s: %+v", *list)
	}
	tab.Tick(at.Add(301 * time.Second))
	if len(*list) != 2 {
		t.Fatalf("after 301 s: %d flows ended", len(*list))
	}
	// A packet that comes later than the timeout begins a new flow even if nothing swept the table.
	tab, list = newTable(flow.Config{})
	tab.Packet(decode(t, at, udp(a4, b4)))
	if _, _, fresh := tab.Packet(decode(t, at.Add(time.Minute), udp(a4, b4))); !fresh || len(*list) != 1 {
		t.Errorf("fresh %v, %d ended", fresh, len(*list))
	}
}

func TestFullTableEndsTheOldest(t *testing.T) {
	tab, list := newTable(flow.Config{FlowsMax: 3})
	at := packettest.Start()
	for i := range 5 {
		tab.Packet(decode(t, at.Add(time.Duration(i)*time.Second), udp(netip.AddrPortFrom(a4.Addr(), uint16(1000+i)), b4)))
	}
	if len(*list) != 2 || (*list)[0].Client.Port() != 1000 || (*list)[1].Client.Port() != 1001 || (*list)[0].End != flow.EndEvicted {
		t.Errorf("ended: %+v", *list)
	}
	if s := tab.Stats(); s.Evicted != 2 || s.Now != 3 {
		t.Errorf("%+v", s)
	}
}

func TestReusedPorts(t *testing.T) {
	tab, list := newTable(flow.Config{})
	at := packettest.Start()
	f, _, _ := tab.Packet(decode(t, at, tcp(a4, b4, 100, packet.SYN)))
	asm := stream.NewAssembler(stream.Config{})
	f.TCP = asm.New()
	p := decode(t, at, tcp(a4, b4, 100, packet.SYN))
	asm.Packet(f.TCP, p, flow.ToServer)
	if _, _, fresh := tab.Packet(decode(t, at, tcp(a4, b4, 999, packet.SYN))); fresh {
		t.Error("a SYN replaced a session that is not over")
	}
	f.TCP.State = stream.StateClosed
	if _, _, fresh := tab.Packet(decode(t, at, tcp(a4, b4, 100, packet.SYN))); fresh {
		t.Error("a repeated SYN replaced its own session")
	}
	if _, _, fresh := tab.Packet(decode(t, at, tcp(a4, b4, 999, packet.SYN))); !fresh || (*list)[0].End != flow.EndReused {
		t.Error("a new SYN joined a closed session")
	}
}

func TestSynAckFirst(t *testing.T) {
	tab, _ := newTable(flow.Config{})
	f, dir, _ := tab.Packet(decode(t, packettest.Start(), tcp(b4, a4, 7, packet.SYN|packet.ACK)))
	if f.Client != a4 || f.Server != b4 || dir != flow.ToClient {
		t.Errorf("client %v, server %v, %v", f.Client, f.Server, dir)
	}
}

func TestPacketTimeMayGoBack(t *testing.T) {
	tab, list := newTable(flow.Config{})
	at := packettest.Start()
	tab.Packet(decode(t, at.Add(time.Hour), udp(a4, b4)))
	tab.Packet(decode(t, at, udp(a4, b4)))
	tab.Packet(decode(t, at, udp(b4, a4)))
	tab.Flush()
	if len(*list) != 1 || (*list)[0].Duration() < 0 {
		t.Errorf("%d flows, %v long", len(*list), (*list)[0].Duration())
	}
}

func TestManyFlowsGrowTheTable(t *testing.T) {
	tab, list := newTable(flow.Config{})
	at := packettest.Start()
	const n = 5000
	for i := range n {
		tab.Packet(decode(t, at, udp(netip.AddrPortFrom(a4.Addr(), uint16(i+1)), b4)))
	}
	for i := range n {
		if _, _, fresh := tab.Packet(decode(t, at, udp(b4, netip.AddrPortFrom(a4.Addr(), uint16(i+1))))); fresh {
			t.Fatalf("flow %d was lost", i)
		}
	}
	tab.Flush()
	ids := map[uint64]bool{}
	for _, f := range *list {
		ids[f.ID] = true
	}
	if len(*list) != n || len(ids) != n {
		t.Errorf("%d flows ended with %d IDs, want %d", len(*list), len(ids), n)
	}
}

// TestCommunityID uses the values of the specification's own baseline
// (https://github.com/corelight/community-id-spec/tree/master/baseline).
func TestCommunityID(t *testing.T) {
	f := func(want string, kind packet.Kind, proto packet.Proto, src, dst string, it, ic uint8) {
		t.Helper()
		fl := flow.Flow{Kind: kind, Proto: proto, Client: netip.MustParseAddrPort(src), Server: netip.MustParseAddrPort(dst), ICMPType: it, ICMPCode: ic}
		if got := fl.CommunityID(0); got != want {
			t.Errorf("%s %s: %s, want %s", src, dst, got, want)
		}
	}
	f("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", packet.KindTCP, 6, "128.232.110.120:34855", "66.35.250.204:80", 0, 0)
	f("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", packet.KindTCP, 6, "66.35.250.204:80", "128.232.110.120:34855", 0, 0)
	f("1:d/FP5EW3wiY1vCndhwleRRKHowQ=", packet.KindUDP, 17, "192.168.1.52:54585", "8.8.8.8:53", 0, 0)
	f("1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", packet.KindICMP, 1, "192.168.0.89:0", "192.168.0.1:0", 8, 0)
	f("1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", packet.KindICMPv6, 58, "[fe80::200:86ff:fe05:80da]:0", "[fe80::260:97ff:fe07:69ea]:0", 135, 0)
}

func TestRecord(t *testing.T) {
	f := flow.Flow{
		ID: 7, Kind: packet.KindTCP, Proto: packet.ProtoTCP, Client: a4, Server: b4, VLANs: 1, VLAN: [3]uint16{100},
		State: flow.StateClosed, First: packettest.Start(), Last: packettest.Start().Add(1500 * time.Millisecond),
		Count: [2]flow.Counters{{Packets: 3, Bytes: 300}, {Packets: 2, Bytes: 200}}, TCPFlags: [2]uint8{packet.SYN | packet.ACK | packet.FIN, packet.RST},
		App: flow.AppHTTP, End: flow.EndTimeout,
	}
	e := event.Event{}
	e.Reset(event.KindFlow, f.Last)
	f.Record(&e)
	for name, want := range map[string]string{
		event.SourceIP: "10.0.0.1", event.SourcePort: "40000", event.DestinationIP: "10.0.0.2", event.DestinationPort: "53",
		event.NetworkTransport: "tcp", event.NetworkProtocol: "http", event.NetworkType: "ipv4", event.NetworkBytes: "500", event.SourceBytes: "300",
		event.DestinationBytes: "200", event.NetworkPackets: "5", event.EventDuration: "1500000000", event.FlowState: "closed", event.FlowEndReason: "timeout",
		event.FlowTCPFlags: "ARSF", event.NetworkVLAN: "100", event.EventStart: "2026-03-01T08:00:00.000000000Z",
	} {
		if got := e.Text(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestAppNames(t *testing.T) {
	for a := flow.AppUnknown; a.String() != "unknown" || a == flow.AppUnknown; a++ {
		if back, ok := flow.ParseApp(a.String()); !ok || back != a {
			t.Errorf("%d %q does not come back: %d", a, a, back)
		}
		if a > 63 {
			t.Fatal("a set of protocols no longer fits 64 bits")
		}
	}
	if _, ok := flow.ParseApp("nonsense"); ok {
		t.Error("nonsense is a protocol")
	}
}

func TestTableAllocatesNothing(t *testing.T) {
	tab, _ := newTable(flow.Config{})
	at := packettest.Start()
	p, q := decode(t, at, udp(a4, b4)), decode(t, at, udp(b4, a4))
	tab.Packet(p)
	if n := testing.AllocsPerRun(500, func() {
		tab.Packet(p)
		tab.Packet(q)
	}); n != 0 {
		t.Errorf("%v allocations for two packets of a known flow", n)
	}
}

func BenchmarkTable(b *testing.B) {
	tab, _ := newTable(flow.Config{})
	at := packettest.Start()
	list := make([]*packet.Packet, 20000)
	for i := range list {
		list[i] = decode(b, at, udp(netip.AddrPortFrom(a4.Addr(), uint16(i+1)), b4))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		tab.Packet(list[i%len(list)])
		i += 7
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}
