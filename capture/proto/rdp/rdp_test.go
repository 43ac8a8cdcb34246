package rdp

import (
	"encoding/binary"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	c = flow.ToServer
	s = flow.ToClient
)

// tpkt wraps a PDU.
func tpkt(pdu string) string {
	head := []byte{3, 0, 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(4+len(pdu)))
	return string(head) + pdu
}

// connect makes a connection request or confirm.
func connect(code byte, variable string) string {
	return tpkt(string([]byte{byte(6 + len(variable)), code, 0, 0, 0, 0, 0}) + variable)
}

func wide(text string, n int) string {
	out := make([]byte, n)
	for i, r := range text {
		out[2*i] = byte(r)
	}
	return string(out)
}

func le(n uint32, size int) string {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], n)
	return string(b[:size])
}

func block(kind uint16, body string) string {
	return le(uint32(kind), 2) + le(uint32(len(body)+4), 2) + body
}

// data makes an MCS connect PDU around settings.
func data(key, settings string) string {
	size := []byte{0x80 | byte(len(settings)>>8), byte(len(settings))}
	return tpkt("\x02\xf0\x80\x7f\x65\x82\x01\x00" + key + string(size) + settings)
}

var clientSettings = block(blockClientCore,
	le(0x00080004, 4)+le(1920, 2)+le(1080, 2)+le(0xca01, 2)+le(0xaa03, 2)+le(0x804, 4)+le(2600, 4)+wide("COUNTY-PC", 32)+le(4, 4)+le(0, 4)+le(12, 4)+
		wide("", 64)+le(0xca01, 2)+le(1, 2)+le(0, 4)+le(24, 2)+le(7, 2)+le(1, 2)+wide("69712-783", 64)) +
	block(blockClientNet, le(2, 4)+"rdpdr\x00\x00\x00"+le(0, 4)+"cliprdr\x00"+le(0, 4))

// sessions are conversations with what their events hold.
var sessions = []struct {
	name  string
	turns [][2]string // direction "c" or "s", bytes
	want  []string
}{
	{
		"standard security",
		[][2]string{
			{"c", connect(0xe0, "Cookie: mstshash=admin\r\n")},
			{"s", connect(0xd0, "")},
			{"c", data(clientKey, clientSettings)},
			{"s", data(serverKey, block(blockServerCore, le(0x00080004, 4))+block(blockServerSecurity, le(2, 4)+le(2, 4)))},
		},
		[]string{
			`"fengsui.rdp.cookie":"admin"`, `"fengsui.rdp.protocol":"rdp"`, `"fengsui.rdp.client.client_name":"COUNTY-PC"`, `"fengsui.rdp.client.build":2600`,
			`"fengsui.rdp.client.color_depth":24`, `"fengsui.rdp.client.product_id":"69712-783"`, `"fengsui.rdp.channels":["rdpdr","cliprdr"]`,
			`"fengsui.rdp.server.version":"v5"`, `"fengsui.rdp.server.encryption_method":2`, `"fengsui.rdp.client.keyboard_layout":2052`,
		},
	},
	{
		"refused",
		[][2]string{
			{"c", connect(0xe0, "Cookie: msts=3640205228.15629.0000\r\n\x01\x00\x08\x00\x00\x00\x00\x00")},
			{"s", connect(0xd0, "\x03\x00\x08\x00\x05\x00\x00\x00")},
		},
		[]string{`"fengsui.rdp.routing_token":"3640205228.15629.0000"`, `"fengsui.rdp.error_code":"hybrid_required_by_server","event.outcome":"failure"`},
	},
	{
		"credssp",
		[][2]string{
			{"c", connect(0xe0, "Cookie: mstshash=x\r\n\x01\x00\x08\x00\x0b\x00\x00\x00")},
			{"s", connect(0xd0, "\x02\x1f\x08\x00\x02\x00\x00\x00")},
			{"c", "\x16\x03\x01\x00\x04\x0e\x00\x00\x00"},
		},
		[]string{`"fengsui.rdp.requested_protocols":["ssl","hybrid","hybrid_ex"],"fengsui.rdp.protocol":"hybrid"`, `"event.dataset":"tls"`},
	},
	{"nonsense", [][2]string{{"c", connect(0xe0, "")}, {"c", "GET / HTTP/1.1"}}, []string{`"fengsui.tx.anomalies":["malformed_message"]`}},
}

func play(turns [][2]string, step int) *prototest.Driver {
	d := prototest.New(New(false))
	for _, turn := range turns {
		dir := c
		if turn[0] == "s" {
			dir = s
		}
		for b := []byte(turn[1]); len(b) > 0; {
			n := min(step, len(b))
			d.Feed(dir, b[:n])
			b = b[n:]
		}
	}
	d.End()
	return d
}

func TestSessions(t *testing.T) {
	for _, x := range sessions {
		t.Run(x.name, func(t *testing.T) {
			got := play(x.turns, 1<<20).JSON()
			for _, want := range x.want {
				if !strings.Contains(got, want) {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
			if bytewise := play(x.turns, 1).JSON(); bytewise != got {
				t.Errorf("byte by byte %s\nwhole %s", bytewise, got)
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	request := []byte(connect(0xe0, "Cookie: mstshash=a\r\n"))
	for _, x := range []struct {
		probe proto.Probe
		want  proto.Match
	}{
		{proto.Probe{Dir: c, Data: request, ServerPort: 4000}, proto.Yes},
		{proto.Probe{Dir: s, Data: request}, proto.No},
		{proto.Probe{Dir: c, Data: request, ServerPort: 102}, proto.No},
		{proto.Probe{Dir: c, Data: request[:5], ServerPort: 3389}, proto.Maybe},
		{proto.Probe{Dir: c, Data: request[:5], ServerPort: 80}, proto.No},
	} {
		if got := Recognise(&x.probe); got != x.want {
			t.Errorf("%+v: %d, want %d", x.probe, got, x.want)
		}
	}
}

func FuzzParser(f *testing.F) {
	for _, x := range sessions {
		var script []byte
		for _, turn := range x.turns {
			dir := c
			if turn[0] == "s" {
				dir = s
			}
			script = append(script, prototest.Pack(dir, turn[1])...)
		}
		f.Add(script)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
	})
}
