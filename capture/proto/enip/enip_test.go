package enip

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
	ts = flow.ToServer
	tc = flow.ToClient
)

func le16(n int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }

func msg(command int, session byte, status byte, context string, data string) string {
	return le16(command) + le16(len(data)) + string([]byte{session, 0, 0, 0, status, 0, 0, 0}) + (context + "\x00\x00\x00\x00\x00\x00\x00\x00")[:8] + "\x00\x00\x00\x00" + data
}

// rr is the data of SendRRData with one CIP message.
func rr(cip string) string {
	return "\x00\x00\x00\x00\x0a\x00" + "\x02\x00" + "\x00\x00\x00\x00" + "\xb2\x00" + le16(len(cip)) + cip
}

func identity() string {
	item := "\x01\x00" + "\x00\x02\xaf\x12\x0a\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00" + "\x0e\x00" + "\x37\x00" + "\x14\x0b" + "\x30\x00" + "\x78\x56\x34\x12" + "\x05PLC-1" + "\x03"
	return "\x01\x00\x0c\x00" + le16(len(item)) + item
}

const (
	getAttribute = "\x0e\x03\x20\xf6\x24\x01\x30\x06"
	multiple     = "\x0a\x02\x20\x02\x24\x01" + "\x02\x00\x06\x00\x0e\x00" + getAttribute + "\x03\x02\x20\x01\x24\x01\x02\x00\x05\x00\x07\x00"
)

func lines(d *prototest.Driver) []string { return strings.Split(strings.TrimSpace(d.JSON()), "\n") }

func has(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func exchange() [][2]string {
	unconnected := "\x52\x02\x20\x06\x24\x01\x0a\x05" + le16(len(getAttribute)) + getAttribute + "\x01\x00\x01\x00"
	return [][2]string{
		{msg(0x65, 0, 0, "a", "\x01\x00\x00\x00"), msg(0x65, 7, 0, "a", "\x01\x00\x00\x00")},
		{msg(0x6f, 7, 0, "b", rr(getAttribute)), msg(0x6f, 7, 0, "b", rr("\x8e\x00\x05\x01\x34\x12"))},
		{msg(0x6f, 7, 0, "c", rr(multiple)), msg(0x6f, 7, 0, "c", rr("\x8a\x00\x00\x00"+"\x02\x00\x06\x00\x0a\x00"+"\x8e\x00\x00\x00"+"\x83\x00\x00\x00"))},
		{msg(0x6f, 7, 0, "d", rr(unconnected)), msg(0x6f, 7, 1, "d", "")},
		{msg(0x04, 0, 0, "e", ""), msg(0x04, 0, 0, "e", "\x01\x00\x00\x01\x14\x00\x01\x00\x20\x00Communications\x00\x00")},
		{msg(0x66, 7, 0, "f", ""), ""},
	}
}

func TestExchanges(t *testing.T) {
	d := prototest.New(New(false))
	for _, x := range exchange() {
		d.Feed(ts, []byte(x[0]))
		if x[1] != "" {
			d.Feed(tc, []byte(x[1]))
		}
	}
	got := lines(d)
	if len(got) != 6 || strings.Contains(d.JSON(), "anomalies") {
		t.Fatalf("%q", got)
	}
	has(t, got[0], `register_session`, `session":7`, `protocol_version":1`)
	has(t, got[1], `send_rr_data`, `cip.service":[14]`, `cip.class":[246]`, `cip.instance":[1]`, `cip.attribute":[6]`, `cip.status":[5]`)
	has(t, got[2], `cip.service":[10,14,3]`, `cip.attribute":[6,5,7]`, `cip.class":[2,246,1]`, `cip.status":[0,0,0]`)
	has(t, got[3], `cip.service":[82,14]`, `cip.class":[6,246]`, `status":"invalid_cmd"`)
	has(t, got[4], `list_services`, `service_name":"Communications"`)
	has(t, got[5], `unregister_session`)
	if e := d.Live.List[1].(*Transaction).PDUs[tc].CIP[0].Extended; len(e) != 1 || e[0] != 0x1234 {
		t.Error(e)
	}
}

func TestIdentityByDatagram(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(ts, []byte(msg(0x63, 0, 0, "", "")))
	d.Feed(tc, []byte(msg(0x63, 0, 0, "", identity())))
	has(t, d.JSON(), `list_identity`, `product_name":"PLC-1"`, `vendor_id":1`, `device_type":14`, `product_code":55`, `revision":"20.11"`, `serial":305419896`, `state":3`)
}

func TestPath(t *testing.T) {
	var m CIP
	m.path([]byte("\x21\x00\x34\x12\x26\x00\x78\x56\x34\x12\x31\x00\x02\x00\x91\x03abc\x00\x01\x02\x12\x03\x31\x2e\x30\x00\x80\x01xx\x20\x09"))
	if len(m.Classes) != 2 || m.Classes[0] != 0x1234 || m.Classes[1] != 9 || m.Instances[0] != 0x12345678 || m.Attributes[0] != 2 || m.Symbols[0] != "abc" {
		t.Errorf("%+v", m)
	}
}

func TestBroken(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(msg(0x6f, 7, 0, "", "\x00\x00\x00\x00\x00\x00\x01\x00\xb2\x00\xff\x00")))
	has(t, d.JSON(), "invalid_pdu")
	d.Feed(ts, []byte("GET / HTTP/1.1\r\n\r\n......"))
	if d.Verdict != proto.Fail || len(d.Live.List) != 2 {
		t.Error(d.JSON())
	}
}

func TestWaitingIsBounded(t *testing.T) {
	d := prototest.New(New(false))
	for i := range waitingMax + 3 {
		d.Feed(ts, []byte(msg(0x6f, 7, 0, string(rune('a'+i)), rr(getAttribute))))
	}
	if len(d.Parser.(*Parser).waiting) != waitingMax || len(d.Live.List[0].Base().Anomalies) != 1 {
		t.Error(len(d.Parser.(*Parser).waiting))
	}
}

func TestRecognise(t *testing.T) {
	f := func(port uint16, datagram bool, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: ts, ServerPort: port, Datagram: datagram, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	register := msg(0x65, 0, 0, "", "\x01\x00\x00\x00")
	f(9999, false, register, proto.Yes)
	f(9999, false, msg(0x6f, 7, 0, "", rr(getAttribute)), proto.No)
	f(port, false, msg(0x6f, 7, 0, "", rr(getAttribute)), proto.Yes)
	f(port, true, msg(0x63, 0, 0, "", ""), proto.Yes)
	f(port, true, msg(0x63, 0, 0, "", "")+"x", proto.No)
	f(port, false, register[:9], proto.Maybe)
	f(port, false, "GET / HTTP/1.1\r\n\r\n......", proto.No)
}

// TestCaptureFile writes testdata/enip.pcap when it is absent: the exchanges above as a TCP session and a datagram each way.
func TestCaptureFile(t *testing.T) {
	const name = "testdata/enip.pcap"
	c := packettest.NewCapture()
	client, server := netip.MustParseAddrPort("192.168.1.10:50000"), netip.MustParseAddrPort("192.168.1.20:44818")
	v := c.TCP(client, server).Handshake()
	for _, x := range exchange() {
		v.Send(ts, []byte(x[0]))
		if x[1] != "" {
			v.Send(tc, []byte(x[1]))
		}
	}
	v.Close()
	c.UDP(client, server, []byte(msg(0x63, 0, 0, "", "")))
	c.UDP(server, client, []byte(msg(0x63, 0, 0, "", identity())))
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
	for _, x := range exchange() {
		f.Add(append(prototest.Pack(ts, x[0]), prototest.Pack(tc, x[1])...))
	}
	f.Add(prototest.Pack(ts, msg(0x63, 0, 0, "", identity())))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		if len(d.Parser.(*Parser).waiting) > waitingMax {
			t.Fatal("not bounded")
		}
		var p PDU
		p.cip(b, 0)
		if len(p.CIP) > cipMax {
			t.Fatal(len(p.CIP))
		}
	})
}
