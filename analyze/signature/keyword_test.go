package signature

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto/dcerpc"
	"fengsui/capture/proto/dns"
)

// onePacket tells whether a rule of these options matches a packet of its own.
func onePacket(t *testing.T, options string, p *packet.Packet) bool {
	t.Helper()
	set, refused := Compile([]Source{{Name: "k", Text: "alert ip any any -> any any (" + options + "; sid:1;)"}}, Options{
		GeoIP: func(a netip.Addr) string {
			return map[string]string{"10.0.0.1": "CN", "192.0.2.1": "RU"}[a.String()]
		},
		ReadFile: func(_, name string) ([]byte, error) {
			if name != "bad.lst" {
				return nil, errors.New("no such file")
			}
			return []byte("192.0.2.1\n2001:db8::1\n"), nil
		},
	})
	if len(refused) > 0 {
		t.Errorf("%s: refused: %+v", options, refused[0])
		return false
	}
	hits := 0
	w := NewWorker(set, &Shared{}, func(*alert.Alert) { hits++ })
	f := &flow.Flow{ID: 1, Kind: p.Kind, First: p.Time}
	f.Count[0].Packets = 1
	w.Packet(p, f, flow.ToServer)
	return hits > 0
}

func TestPacketKeywords(t *testing.T) {
	tcp := func(p *packet.Packet) *packet.Packet { return p }
	make4 := func(kind packet.Kind, change func(p *packet.Packet)) func() *packet.Packet {
		return func() *packet.Packet {
			p := makePacket(kind, "payload")
			change(p)
			return tcp(p)
		}
	}
	plain := make4(packet.KindTCP, func(p *packet.Packet) {
		p.TOS, p.IPID, p.DontFrag = 0x10, 77, true
		p.TCP.Seq, p.TCP.Ack, p.TCP.Window, p.TCP.Urgent = 1000, 2000, 8192, 5
		p.TCP.Options.HasMSS, p.TCP.Options.MSS = true, 1460
		p.TCP.Options.HasWScale, p.TCP.Options.WScale = true, 7
		p.VLAN, p.VLANs = [3]uint16{100, 200}, 2
		p.IPOptions = []byte{1, 7, 3, 4, 0}
		p.IPHeader, p.Transport = []byte{0x45, 0}, []byte{0x0f, 0xa0}
	})
	icmp := make4(packet.KindICMP, func(p *packet.Packet) {
		p.Proto, p.ICMP.Type, p.ICMP.Code, p.ICMP.HasID, p.ICMP.ID, p.ICMP.Seq = packet.ProtoICMP, 8, 0, true, 300, 2
		p.IPPayload = []byte{8, 0, 1, 2}
	})
	tooBig := make4(packet.KindICMPv6, func(p *packet.Packet) {
		p.IPVersion, p.Proto, p.ICMP.Type, p.ICMP.Rest = 6, packet.ProtoICMPv6, 2, 1280
		p.Src, p.Dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::1")
	})
	igmp := make4(packet.KindIP, func(p *packet.Packet) { p.Proto, p.IPPayload = protoIGMP, []byte{0x16, 0, 1, 2} })
	for _, c := range []struct {
		make    func() *packet.Packet
		yes, no []string
	}{
		{
			plain,
			[]string{
				"ttl:64", "ttl:>60", "ttl:60-70", "tos:16", "tos:!8", "id:77", "seq:1000", "ack:2000", "window:8192", "tcp.urp:>4", "tcp.mss:1000-1500",
				"tcp.wscale:7", "flags:PA", "flags:P+", "flags:*PS", "flags:!S", "tcp.flags:PA,CE", "fragbits:D", "fragbits:!M", "fragoffset:0", "ip_proto:6",
				"ip_proto:!17", "ip_proto:tcp", "ipopts:rr", "ipopts:any", "ipopts:nop", "vlan.id:100", "vlan.id:200,1", "vlan.id:200,-1", "vlan.id:>50,all",
				"vlan.layers:2", "dsize:7", "dsize:5<>9", "geoip:src,CN", "geoip:any,RU", "geoip:both,CN,RU", "geoip:dst,!CN", "geoip:RU",
				`ip.dst; dataset:isset,bad,type ip,load bad.lst`, `ip.src; dataset:isnotset,bad,type ip,load bad.lst`, `ipv4.hdr; content:"|45|"; startswith`,
				`tcp.hdr; content:"|0f a0|"; depth:2`, "flow.pkts:toserver,1", "flow.age:<10", "content:\"pay\"; content:\"load\"; distance:0",
			},
			[]string{
				"ttl:<64", "tos:8", "id:78", "seq:1", "ack:1", "window:!8192", "tcp.mss:1460-1500", "tcp.wscale:>7", "flags:S", "flags:P", "fragbits:M", "fragbits:D+M",
				"ip_proto:17", "ipopts:lsrr", "vlan.id:100,1", "vlan.id:100,all", "vlan.layers:1", "dsize:>7", "geoip:src,RU", "geoip:both,CN", "sameip",
				`ip.src; dataset:isset,bad,type ip,load bad.lst`, "itype:8", "igmp.type:22", "icmpv6.mtu:1280", `ipv6.hdr; content:"|45|"`,
			},
		},
		{
			icmp,
			[]string{"itype:8", "icode:0", "icmp_id:300", "icmp_seq:2", "itype:>7", `icmpv4.hdr; content:"|08 00|"; startswith`, "ip_proto:icmp"},
			[]string{"itype:0", "icmp_id:3", "flags:S", "tcp.mss:>0", `icmpv6.hdr; content:"|08|"`},
		},
		{tooBig, []string{"icmpv6.mtu:<1300", "itype:2", "sameip", `ip.src; dataset:isset,bad,type ip,load bad.lst`}, []string{"icmpv6.mtu:>1280", "id:0", "fragbits:!M"}},
		{igmp, []string{"igmp.type:0x16", `igmp.hdr; content:"|16|"; depth:1`, "ip_proto:igmp"}, []string{"igmp.type:17", "icode:0"}},
	} {
		for _, options := range c.yes {
			if !onePacket(t, options, c.make()) {
				t.Errorf("%s does not match", options)
			}
		}
		for _, options := range c.no {
			if onePacket(t, options, c.make()) {
				t.Errorf("%s matches", options)
			}
		}
	}
}

func TestASN1(t *testing.T) {
	f := func(options, payload string, want bool) {
		t.Helper()
		if got := onePacket(t, options, makePacket(packet.KindUDP, payload)); got != want {
			t.Errorf("%s of %q: %v", options, payload, got)
		}
	}
	f("asn1:bitstring_overflow", "\x03\x02\x09\xff", true)
	f("asn1:bitstring_overflow", "\x03\x02\x07\xff", false)
	f("asn1:bitstring_overflow", "\x30\x05\x30\x03\x03\x01\x08", true) // inside two sequences
	f("asn1:oversize_length 1000", "\x04\x82\x04\x00ab", true)
	f("asn1:oversize_length 1000", "\x04\x02ab", false)
	f("asn1:double_overflow", "\x09\x82\x02\x00\x03"+string(make([]byte, 511)), true)
	f("asn1:double_overflow", "\x09\x02\x03\x31", false)
	f("asn1:oversize_length 1000, absolute_offset 2", "xx\x04\x82\x04\x00", true)
	f("asn1:oversize_length 1000, absolute_offset 3", "xx\x04\x82\x04\x00", false)
	f(`content:"ab"; asn1:oversize_length 1000, relative_offset 1`, "abz\x04\x82\x04\x00", true)
	f(`content:"ab"; asn1:oversize_length 1000, relative_offset 1`, "ab\x04\x82\x04\x00", false)
	f("asn1:oversize_length 10", "\x04\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01", false) // a length no one writes
}

func TestBitKeywords(t *testing.T) {
	r := newRig(t, `
alert udp any any -> any any (content:"mark"; hostbits:set,seen,both; sid:1;)
alert udp any any -> any any (content:"ask"; hostbits:isset,seen,dst; sid:2;)
alert udp any any -> any any (content:"brief"; hostbits:set,short,src,5; hostbits:noalert; sid:3;)
alert udp any any -> any any (content:"ask"; hostbits:isset,short,src; sid:4;)
alert udp any any -> any any (content:"x1"; xbits:toggle,t,track ip_pair; xbits:noalert; sid:5;)
alert udp any any -> any any (content:"ask"; xbits:isset,t,track ip_pair; sid:6;)
alert udp any any -> any any (content:"first"; flowbits:set,one; flowbits:noalert; sid:7;)
alert udp any any -> any any (content:"ask"; flowbits:isset,zero|one; sid:8;)
`)
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP}
	send := func(payload string, seconds int, want ...uint32) {
		t.Helper()
		p := makePacket(packet.KindUDP, payload)
		p.Time = p.Time.Add(1e9 * 1)
		for range seconds {
			p.Time = p.Time.Add(1e9)
		}
		r.Packet(p, f, flow.ToServer)
		if got := r.take(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", payload, got, want)
		}
	}
	send("ask", 0)
	send("mark", 0, 1)
	send("ask", 1, 2)
	send("brief", 1)
	send("ask", 2, 2, 4)
	send("ask", 10, 2)
	send("x1", 10)
	send("ask", 11, 2, 6)
	send("x1", 11)
	send("ask", 12, 2)
	send("first", 12)
	send("ask", 13, 2, 8)
}

func TestDatasetsLiveOn(t *testing.T) {
	names := &Names{}
	files := map[string]string{"seen.lst": "b2xk\n"}
	opt := Options{Names: names, ReadState: func(name string) ([]byte, error) { return []byte(files[name]), nil }}
	const rules = `alert dns any any -> any any (dns.query; dataset:set,seen,type string,state seen.lst,memcap 1mb; sid:1;)
alert dns any any -> any any (dns.query; dataset:isset,seen; sid:2;)`
	set, refused := Compile([]Source{{Name: "k", Text: rules}}, opt)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	names.dataset("seen").Add([]byte("new"))
	if _, refused = Compile([]Source{{Name: "k", Text: rules}}, opt); len(refused) > 0 || set.Len() != 2 {
		t.Fatal(refused)
	}
	err := names.SaveDatasets(func(name string, text []byte) error {
		files[name] = string(text)
		return nil
	})
	if err != nil || files["seen.lst"] != "b2xk\nbmV3\n" {
		t.Errorf("%v, saved %q", err, files["seen.lst"])
	}
	err = names.SaveDatasets(func(string, []byte) error { return errors.New("disk full") })
	if err == nil {
		t.Error("a failure to save is not told")
	}
	for _, bad := range []string{
		"dataset:set,a,type string,save /etc/passwd", "dataset:set,a,type string,state ../x", "dataset:set,a,type string,state x,load y",
		"dataset:set,a", "dataset:put,a,type string", "dataset:isset,a,type float", "dataset:isset,a,type string,format json", "dataset:isset,a,type string,memcap much",
		"datarep:a,>,x,type string", "dataset:isset,a,type string,load nofile",
	} {
		if _, refused := Compile([]Source{{Name: "k", Text: fmt.Sprintf("alert dns any any -> any any (dns.query; %s; sid:1;)", bad)}}, Options{}); len(refused) != 1 {
			t.Errorf("%s accepted", bad)
		}
	}
}

// call is a DCE/RPC request.
type call struct {
	dns.Transaction
	rpc dcerpc.Call
}

func (c *call) Protocol() string  { return "dcerpc" }
func (c *call) RPC() *dcerpc.Call { return &c.rpc }

func TestByteOrderOfCalls(t *testing.T) {
	for _, little := range []bool{true, false} {
		r := newRig(t, `
alert dcerpc any any -> any any (dce_stub_data; byte_test:2,=,258,0,dce; sid:1;)
alert dcerpc any any -> any any (dce_stub_data; byte_test:2,=,513,0,dce; sid:2;)
alert tcp any any -> any any (dce_stub_data; byte_extract:1,2,n,dce; byte_math:bytes 2,offset 0,oper -,rvalue n,result m,endian dce; byte_test:2,>,m,0,dce; sid:3;)
`)
		c := &call{}
		c.OneSide = true
		c.rpc.Sides[flow.ToServer] = dcerpc.Side{Seen: true, Kind: dcerpc.Request, Little: little, Stub: []byte{1, 2, 5}}
		f := &flow.Flow{ID: 1, Kind: packet.KindTCP, App: flow.AppDCERPC}
		p := makePacket(packet.KindTCP, "")
		r.Transaction(p, f, flow.ToServer, c)
		r.Packet(p, f, flow.ToServer)
		want := []uint32{1, 3}
		if little {
			want = []uint32{2, 3}
		}
		if got := r.take(); !slices.Equal(got, want) {
			t.Errorf("little %v: %v, want %v", little, got, want)
		}
	}
}

func TestConfigRules(t *testing.T) {
	r := newRig(t, `config dns any any -> any any (dns.query; content:"secret"; config:logging disable, type tx, scope tx; sid:1;)`)
	for _, name := range []string{"secret.test", "open.test"} {
		tx := &dns.Transaction{Message: dns.Message{Questions: []dns.Question{{Name: []byte(name)}}}}
		tx.OneSide = true
		f := &flow.Flow{ID: 1, Kind: packet.KindUDP, App: flow.AppDNS}
		p := makePacket(packet.KindUDP, "x")
		r.Transaction(p, f, flow.ToServer, tx)
		r.Packet(p, f, flow.ToServer)
		if due := tx.TakeLog(); due != (name == "open.test") {
			t.Errorf("%s: its event is due: %v", name, due)
		}
	}
	if got := r.take(); len(got) != 0 {
		t.Errorf("a config rule alerts: %v", got)
	}
}
