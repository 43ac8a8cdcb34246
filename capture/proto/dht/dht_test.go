package dht

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packettest"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	id       = "abcdefghij0123456789"
	ping     = "d1:ad2:id20:" + id + "e1:q4:ping1:t2:aa1:v4:UT011:y1:qe"
	getPeers = "d1:ad2:id20:" + id + "9:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:ab1:y1:qe"
	peers    = "d1:rd2:id20:" + id + "5:nodes26:" + id + "\x0a\x00\x00\x01\x1a\xe15:token8:aoeusnth6:valuesl6:\x0a\x00\x00\x02\x1a\xe26:\x0a\x00\x00\x03\x1a\xe3ee1:t2:ab1:y1:re"
	announce = "d1:ad2:id20:" + id + "9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:ac1:y1:qe"
	refusal  = "d1:eli201e23:A Generic Error Ocurrede1:t2:ac1:y1:ee"
)

func TestMessages(t *testing.T) {
	f := func(data string, wants ...string) {
		t.Helper()
		d := prototest.New(New(true))
		d.Feed(flow.ToServer, []byte(data))
		got := d.JSON()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s is not in %s", want, got)
			}
		}
		if !strings.Contains(strings.Join(wants, ""), "malformed") && strings.Contains(got, "malformed") {
			t.Error(got)
		}
	}
	f(ping, `type":"query"`, `request_type":"ping"`, `transaction_id":"6161"`, `client_version":"55543031"`, `.id":"6162636465666768696a30313233343536373839"`)
	f(getPeers, `info_hash":"6d6e6f707172737475767778797a313233343536"`)
	f(peers, `type":"response"`, `peers":["10.0.0.2:6882","10.0.0.3:6883"]`, `nodes":["10.0.0.1:6881"]`)
	f(announce, `port":6881`, `announce_peer`)
	f(refusal, `type":"error"`, `error_code":"201"`, `A Generic Error Ocurred`)
	f("d1:t2:aa1:y1:qe", `malformed_packet`)
	f(ping[:40], `malformed_packet`)
	f("d1:y1:q"+strings.Repeat("1:xl", 20)+"e", `malformed_packet`)
}

func TestRecognise(t *testing.T) {
	f := func(data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: []byte(data), Datagram: true}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ping, proto.Yes)
	f("d2:ip6:abcdef"+ping[1:], proto.Yes)
	f("d1:t2:aa1:y1:qe", proto.Yes)
	f("d8:announce3:urle", proto.No)
	f("", proto.No)
}

// TestCaptureFile writes testdata/dht.pcap when it is absent: the examples of BEP 5 between two nodes.
func TestCaptureFile(t *testing.T) {
	const name = "testdata/dht.pcap"
	c := packettest.NewCapture()
	a, b := netip.MustParseAddrPort("192.168.1.10:6881"), netip.MustParseAddrPort("203.0.113.9:6881")
	for i, s := range []string{ping, "d1:rd2:id20:" + id + "e1:t2:aa1:y1:re", getPeers, peers, announce, refusal} {
		if i%2 == 0 {
			c.UDP(a, b, []byte(s))
		} else {
			c.UDP(b, a, []byte(s))
		}
	}
	want := c.Pcap(binary.LittleEndian, false)
	got, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil || string(got) != string(want) {
		t.Errorf("%s is not what the test builds (%v); remove it to have it written anew", name, err)
	}
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{ping, getPeers, peers, announce, refusal} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(true))
		d.Feed(flow.ToServer, b)
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: true})
		for _, tx := range d.Live.List {
			if m := tx.(*Transaction); len(m.Peers) > listMax || len(m.Nodes) > listMax {
				t.Fatal("not bounded")
			}
		}
	})
}
