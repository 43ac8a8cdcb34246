package signature

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto/dns"
	"fengsui/capture/stream"
)

var _ pipeline.Inspector = (*Worker)(nil)

func compile(t testing.TB, rules string) *Set {
	t.Helper()
	set, refused := Compile([]Source{{Name: "test.rules", Text: rules}}, Options{})
	for _, r := range refused {
		t.Fatalf("refused: %+v", r)
	}
	return set
}

// rig is a worker with what it has alerted.
type rig struct {
	*Worker
	sids []uint32
}

func newRig(t testing.TB, rules string) *rig {
	t.Helper()
	r := &rig{}
	r.Worker = NewWorker(compile(t, rules), &Shared{}, func(a *alert.Alert) { r.sids = append(r.sids, a.SID) })
	return r
}

func (r *rig) take() []uint32 {
	sids := r.sids
	r.sids = nil
	slices.Sort(sids)
	return sids
}

func makePacket(kind packet.Kind, payload string) *packet.Packet {
	p := &packet.Packet{
		Time: time.Unix(1000, 0), IPVersion: 4, Kind: kind, Proto: packet.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"),
		Dst: netip.MustParseAddr("192.0.2.1"), SrcPort: 4000, DstPort: 80, Payload: []byte(payload), TTL: 64,
	}
	if kind == packet.KindTCP {
		p.Proto = packet.ProtoTCP
		p.TCP.Flags = packet.ACK | packet.PSH
	}
	return p
}

func TestPacketRules(t *testing.T) {
	r := newRig(t, `
alert udp any any -> any any (content:"abc"; sid:1;)
alert udp any any -> any any (content:"ABC"; nocase; content:"d"; distance:1; within:1; sid:2;)
alert udp $HOME_NET any -> $EXTERNAL_NET 80 (content:"abc"; offset:1; depth:3; sid:3;)
alert udp any any -> any ![80,443] (content:"abc"; sid:4;)
alert tcp any any -> any any (content:"abc"; sid:5;)
alert udp any any -> any any (dsize:>5; ttl:64; sid:6;)
alert udp any any -> any any (pcre:"/a.c(?=x)/s"; sid:7;)
alert udp any any -> any any (content:!"abc"; sid:8;)
alert ip any any -> 192.0.2.0/24 any (ip_proto:17; sid:9;)
alert udp any any <> any 4000 (content:"abc"; sid:10;)
`)
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP}
	f.Count[0].Packets = 1
	r.Packet(makePacket(packet.KindUDP, "xabcxdy"), f, flow.ToServer)
	if got := r.take(); !slices.Equal(got, []uint32{1, 2, 3, 6, 7, 9, 10}) {
		t.Errorf("first packet: %v", got)
	}
	f.Count[0].Packets = 2
	r.Packet(makePacket(packet.KindUDP, "hello"), f, flow.ToServer)
	if got := r.take(); !slices.Equal(got, []uint32{8}) {
		t.Errorf("second packet: %v", got)
	}
}

func TestStreamRules(t *testing.T) {
	r := newRig(t, `
alert tcp any any -> any any (content:"needle"; sid:1;)
alert tcp any any -> any any (content:"needle"; offset:0; depth:20; sid:2;)
alert tcp any any -> any any (flow:only_stream; content:"needle"; sid:3;)
alert tcp-pkt any any -> any any (content:"needle"; sid:4;)
alert tcp-stream any any -> any any (content:"needle"; sid:5;)
alert tcp any any -> any any (content:"needlehay"; sid:6;)
`)
	f := &flow.Flow{ID: 1, Kind: packet.KindTCP, TCP: &stream.Session{State: stream.StateEstablished}}
	f.Count[0].Packets = 3
	r.Packet(makePacket(packet.KindTCP, "a needle"), f, flow.ToServer)
	if got := r.take(); !slices.Equal(got, []uint32{2, 4}) {
		t.Errorf("packet: %v", got)
	}
	p := makePacket(packet.KindTCP, "")
	r.Stream(p, f, flow.ToServer, &stream.Chunk{Data: []byte("a needle"), New: 8, Start: true})
	r.Packet(p, f, flow.ToServer)
	if got := r.take(); !slices.Equal(got, []uint32{1, 2, 3, 5}) {
		t.Errorf("first chunk: %v", got)
	}
	// The look-back shows the needle again: only what ends in new bytes counts, but a pattern across the border does.
	r.Stream(p, f, flow.ToServer, &stream.Chunk{Data: []byte("a needlehay"), New: 3})
	r.Packet(p, f, flow.ToServer)
	if got := r.take(); !slices.Equal(got, []uint32{6}) {
		t.Errorf("second chunk: %v", got)
	}
}

func TestTransactionRules(t *testing.T) {
	r := newRig(t, `
alert dns any any -> any any (dns.query; content:"evil"; sid:1;)
alert dns any any -> any any (dns.query; dotprefix; content:".evil.test"; endswith; nocase; sid:2;)
alert dns any any -> any any (dns.query; bsize:9; sid:3;)
alert dns any any -> any any (dns.opcode:0; sid:4;)
alert dns any any -> any any (dns.query; content:"other"; sid:5;)
alert udp any any -> any any (dns.query; content:"evil"; content:!"evil.test"; sid:6;)
alert dns any any -> any any (content:"|00 01|"; dns.query; content:"evil"; sid:7;)
alert http any any -> any any (http.uri; content:"evil"; sid:8;)
`)
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP, App: flow.AppDNS}
	f.Count[0].Packets = 1
	p := makePacket(packet.KindUDP, "\x00\x01evil")
	tx := &dns.Transaction{Message: dns.Message{Questions: []dns.Question{{Name: []byte("EVIL.test")}, {Name: []byte("evil.test")}}}}
	tx.OneSide = true
	r.Transaction(p, f, flow.ToServer, tx)
	r.Packet(p, f, flow.ToServer)
	if got := r.take(); !slices.Equal(got, []uint32{1, 2, 3, 4, 7}) {
		t.Errorf("alerts %v", got)
	}
	r.Transaction(p, f, flow.ToServer, tx) // a late word about it
	r.Packet(p, f, flow.ToServer)
	if got := r.take(); len(got) != 0 {
		t.Errorf("alerts without a new transaction %v", got)
	}
}

func TestProtocolDecidedOnce(t *testing.T) {
	r := newRig(t, `alert tcp any any -> any any (app-layer-protocol:!http; sid:1;)
alert tcp any any -> any any (app-layer-protocol:tls; sid:2;)`)
	f := &flow.Flow{ID: 1, Kind: packet.KindTCP}
	p := makePacket(packet.KindTCP, "") // one object for all packets, as the pipeline does
	send := func(want ...uint32) {
		t.Helper()
		f.Count[flow.ToServer].Packets++
		r.Packet(p, f, flow.ToServer)
		if got := r.take(); !slices.Equal(got, want) {
			t.Errorf("packet %d: %v, want %v", f.Count[flow.ToServer].Packets, got, want)
		}
	}
	send()
	f.AppDone[flow.ToServer], f.AppDir[flow.ToServer], f.App = true, flow.AppTLS, flow.AppTLS
	send(1, 2)
	send()
}

func TestStateRules(t *testing.T) {
	r := newRig(t, `
alert udp any any -> any any (content:"login"; flowbits:set,in; flowbits:noalert; sid:1;)
alert udp any any -> any any (content:"cmd"; flowbits:isset,in; sid:2;)
alert udp any any -> any any (content:"cmd"; flowbits:isnotset,in; sid:3;)
alert udp any any -> any any (content:"x"; xbits:set,bad,track ip_src,expire 60; sid:4;)
alert udp any any -> any any (content:"cmd"; xbits:isset,bad,track ip_src; sid:5;)
alert udp any any -> any any (content:"#"; flowint:n,+,1; noalert; sid:6;)
alert udp any any -> any any (content:"count"; flowint:n,==,2; sid:7;)
alert udp any any -> any any (content:"flood"; threshold:type limit,track by_src,count 2,seconds 10; sid:8;)
pass udp any any -> any any (content:"harmless"; sid:9;)
alert udp any any -> any any (content:"harmless"; sid:10;)
`)
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP}
	send := func(payload string, want ...uint32) {
		t.Helper()
		r.Packet(makePacket(packet.KindUDP, payload), f, flow.ToServer)
		if got := r.take(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", payload, got, want)
		}
	}
	send("cmd", 3)
	send("login")
	send("cmd", 2)
	send("x", 4)
	send("cmd", 2, 5)
	send("#")
	send("#")
	send("count", 7)
	send("flood", 8)
	send("flood", 8)
	send("flood")
	send("harmless")
}

func TestAlertCap(t *testing.T) {
	var rules strings.Builder
	for i := range 30 {
		fmt.Fprintf(&rules, "alert udp any any -> any any (content:\"abc\"; sid:%d;)\n", i+1)
	}
	r := newRig(t, rules.String())
	r.Packet(makePacket(packet.KindUDP, "abc"), &flow.Flow{Kind: packet.KindUDP}, flow.ToServer)
	if got := r.take(); len(got) != alertsPerPacketMax || got[14] != 15 || r.Stats().Overflow != 15 {
		t.Errorf("%d alerts, overflow %d", len(got), r.Stats().Overflow)
	}
}

func TestRefusals(t *testing.T) {
	f := func(rule string, column int, keyword, reason string) {
		t.Helper()
		set, refused := Compile([]Source{{Name: "r", Text: rule}}, Options{})
		if len(refused) != 1 || set.Len() != 0 {
			t.Errorf("%s: loaded %d, refused %+v", rule, set.Len(), refused)
			return
		}
		r := refused[0]
		if r.Column != column || r.Keyword != keyword || !strings.Contains(r.Reason, reason) || r.SID != 7 || r.Line != 1 {
			t.Errorf("%s: %+v", rule, r)
		}
	}
	head := "alert tcp any any -> any any (" // 30 bytes: options start at column 31
	f(head+`lua:x.lua; sid:7;)`, 31, "lua", "scripts")
	f(head+`content:"a|4|"; sid:7;)`, 43, "content", "odd")
	f(head+`content:"a\x"; sid:7;)`, 41, "content", "backslash")
	f(head+`content:abc; sid:7;)`, 39, "content", "quotes")
	f(head+`content:"abc"; depth:2; sid:7;)`, 52, "depth", "smaller")
	f(head+`nocase; sid:7;)`, 31, "nocase", "no content")
	f(head+`content:"a"; within:x; sid:7;)`, 51, "within", "variable")
	f(head+`pcre:"/a(/"; sid:7;)`, 38, "pcre", "missing )")
	f(head+`pcre:"/a/k"; sid:7;)`, 40, "pcre", "flag k")
	f(head+`flow:sideways; sid:7;)`, 36, "flow", "no state")
	f(head+`http.uri; content:"a"; dns.query; content:"b"; sid:7;)`, 1, "dns.query", "exclude")
	f(head+`http.uri; content:"a"; http.stat_code; content:"b"; sid:7;)`, 1, "http.stat_code", "direction")
	f(head+`nonesuch:x; sid:7;)`, 31, "nonesuch", "not supported")
	f(head+`threshold:type limit, count 1; sid:7;)`, 41, "threshold", "missing")
	f(head+`byte_test:4,%,1,0; sid:7;)`, 43, "byte_test", "operator")
	f(head+`wat:1; sid:7;)`, 31, "wat", "not supported")
	f(`alert tcp $NOPE any -> any any (sid:7;)`, 11, "", "not defined")
	f(`alert gopher any any -> any any (sid:7;)`, 7, "gopher", "not known")
	f(`block tcp any any -> any any (sid:7;)`, 1, "block", "action")
	f(`alert tcp any any -> any 70000 (sid:7;)`, 26, "", "not a port")
}

func TestDuplicates(t *testing.T) {
	set, refused := Compile([]Source{{Name: "r", Text: `
alert udp any any -> any any (content:"a"; sid:1; rev:2;)
alert udp any any -> any any (content:"b"; sid:1; rev:3;)
alert udp any any -> any any (content:"c"; sid:1; rev:1;)
`}}, Options{})
	if set.Len() != 1 || len(refused) != 1 || refused[0].Line != 4 {
		t.Fatalf("%d rules, refused %+v", set.Len(), refused)
	}
	set.Rules(func(m *Meta) {
		if m.Rev != 3 {
			t.Errorf("rev %d", m.Rev)
		}
	})
}

func TestThresholdConfig(t *testing.T) {
	set, refused := Compile([]Source{{Name: "r", Text: `alert udp any any -> any any (content:"abc"; sid:1;)
alert udp any any -> any any (content:"abc"; sid:2;)
alert udp any any -> any any (content:"abc"; sid:3;)`}}, Options{ThresholdName: "t.config", Thresholds: `
suppress gen_id 1, sig_id 1, track by_src, ip [10.0.0.0/8, 1.2.3.4]
threshold gen_id 1, sig_id 2, \
   type limit, track by_src, count 1, seconds 60
what gen_id 1
suppress gen_id 1, sig_id 3, track by_moon, ip 1.1.1.1
`})
	if len(refused) != 2 || refused[0].Line != 5 || refused[1].Line != 6 {
		t.Fatalf("refused %+v", refused)
	}
	var sids []uint32
	w := NewWorker(set, &Shared{}, func(a *alert.Alert) { sids = append(sids, a.SID) })
	for range 2 {
		w.Packet(makePacket(packet.KindUDP, "abc"), &flow.Flow{Kind: packet.KindUDP}, flow.ToServer)
	}
	if !slices.Equal(sids, []uint32{2, 3, 3}) {
		t.Errorf("alerts %v", sids)
	}
}

func TestNoAllocationWithoutMatch(t *testing.T) {
	var rules strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&rules, "alert tcp any any -> any any (flow:established; content:\"pattern-%d\"; sid:%d;)\n", i, i+1)
		fmt.Fprintf(&rules, "alert udp any any -> any any (content:\"GET\"; content:\"other-%d\"; sid:%d;)\n", i, i+5001)
	}
	rules.WriteString(`alert tcp any any -> any any (content:"/index.html"; content:"absent"; within:20; pcre:"/x\d/"; sid:9001;)` + "\n" +
		`alert udp any any -> any any (content:"GET abc"; fast_pattern; content:"absent"; sid:9002;)`)
	r := newRig(t, rules.String())
	tcp := &flow.Flow{ID: 1, Kind: packet.KindTCP, TCP: &stream.Session{State: stream.StateEstablished}}
	udp := &flow.Flow{ID: 2, Kind: packet.KindUDP}
	p, q := makePacket(packet.KindTCP, strings.Repeat("GET /index.html HTTP/1.1 ", 40)), makePacket(packet.KindUDP, strings.Repeat("GET abc ", 100))
	chunk := &stream.Chunk{Data: p.Payload, New: len(p.Payload)}
	once := func() {
		r.Stream(p, tcp, flow.ToServer, chunk)
		r.Packet(p, tcp, flow.ToServer)
		r.Packet(q, udp, flow.ToServer)
	}
	once()
	if n := testing.AllocsPerRun(50, once); n != 0 {
		t.Errorf("%v allocations for packets that match nothing", n)
	}
	if len(r.sids) != 0 || r.Stats().Candidates == 0 {
		t.Errorf("alerts %v, candidates %d: the test does not test what it says", r.sids, r.Stats().Candidates)
	}
}

func FuzzCompileMatch(f *testing.F) {
	f.Add(`alert udp any any -> any any (content:"abc"; distance:1; pcre:"/a.c/Ri"; byte_test:2,>,1,0,relative; sid:1;)`, []byte("xxabcabc"))
	f.Add(`alert ip [10.0.0.0/8,!10.0.0.1] any <> any 1:80 (content:!"a|00|b"; isdataat:!5; flowbits:set,x; threshold:type both,track by_src,count 1,seconds 5; sid:2;)`, []byte{0, 1})
	f.Add(`alert dns any any -> any any (dns.query; dotprefix; content:".a"; endswith; base64_decode:relative; base64_data; content:"z"; sid:3;)`, []byte("a.a"))
	f.Add(`alert udp any any -> any any (byte_extract:1,0,n; content:"x"; depth:n; byte_math:bytes 1,offset 0,oper *,rvalue n,result m; byte_jump:m,0; sid:4;)`, []byte("\x04x"))
	f.Fuzz(func(t *testing.T, rule string, payload []byte) {
		set, _ := Compile([]Source{{Name: "f", Text: rule}}, Options{})
		w := NewWorker(set, &Shared{}, func(*alert.Alert) {})
		for _, kind := range []packet.Kind{packet.KindUDP, packet.KindTCP, packet.KindICMP} {
			p := makePacket(kind, string(payload))
			fl := &flow.Flow{Kind: kind, App: flow.AppDNS, TCP: &stream.Session{State: stream.StateEstablished}}
			if kind == packet.KindTCP {
				w.Stream(p, fl, flow.ToServer, &stream.Chunk{Data: payload, New: len(payload)})
			}
			w.Transaction(p, fl, flow.ToServer, &dns.Transaction{Message: dns.Message{Questions: []dns.Question{{Name: payload}}}})
			w.Packet(p, fl, flow.ToServer)
			w.FlowEnd(fl)
		}
	})
}
