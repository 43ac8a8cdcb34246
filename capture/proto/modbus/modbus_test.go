package modbus

import (
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

// adu wraps what begins with the function code for unit 1.
func adu(number byte, pdu string) string {
	return string([]byte{0, number, 0, 0, 0, byte(1 + len(pdu)), 1}) + pdu
}

var sessions = []struct {
	name string
	c, s string
	want []string
}{
	{
		"registers read", adu(1, "\x03\x00\x10\x00\x02"), adu(1, "\x03\x04\x00\x01\x00\x02"),
		[]string{`"fengsui.modbus.function":"read_holding_registers"`, `"fengsui.modbus.read.address":16,"fengsui.modbus.read.quantity":2,"event.outcome":"success"`},
	},
	{
		"registers written", adu(2, "\x10\x01\xf4\x00\x02\x04\x00\x07\x01\x00"), adu(2, "\x10\x01\xf4\x00\x02"),
		[]string{`"fengsui.modbus.access_type":["write","holding","multiple"]`, `"fengsui.modbus.write.values":[7,256]`},
	},
	{"coils written", adu(3, "\x0f\x00\x00\x00\x0a\x02\x01\x02"), adu(3, "\x0f\x00\x00\x00\x0a"), []string{`"fengsui.modbus.write.values":[1,0,0,0,0,0,0,0,0,1]`}},
	{"refused", adu(4, "\x05\x00\x01\xff\x00"), adu(4, "\x85\x02"), []string{`"fengsui.modbus.exception_code":2,"event.outcome":"failure"`}},
	{"a value that is none", adu(5, "\x05\x00\x01\x12\x34"), "", []string{`"fengsui.tx.anomalies":["invalid_value"]`}},
	{"too much at once", adu(6, "\x03\x00\x00\x01\x00"), "", []string{`["invalid_value"]`}},
	{"cut short", adu(7, "\x03\x00\x00\x01"), "", []string{`["invalid_length"]`}},
	{"nobody asked", "", adu(8, "\x03\x02\x00\x01"), []string{`["unsolicited_response"]`}},
	{"another register answered", adu(9, "\x06\x00\x01\x00\x05"), adu(9, "\x06\x00\x02\x00\x05"), []string{`["value_mismatch"]`}},
	{"not Modbus after all", "\x00\x01\x00\x07\x00\x03\x01\x03\x00", "", []string{`["invalid_protocol_id"]`}},
	{"a length that cannot be", "\x00\x01\x00\x00\x02\x00\x01\x03", "", []string{`["invalid_length"]`}},
	{"two requests at once", adu(1, "\x01\x00\x00\x00\x08") + adu(2, "\x02\x00\x00\x00\x09"), adu(2, "\x02\x02\x00\x00") + adu(1, "\x01\x01\xff"), []string{`"fengsui.modbus.access_type":["read","coils"]`, `["read","discretes"]`}},
}

func TestSessions(t *testing.T) {
	for _, x := range sessions {
		t.Run(x.name, func(t *testing.T) {
			whole, bytewise := prototest.New(New(false)), prototest.New(New(false))
			whole.Feed(c, []byte(x.c))
			whole.Feed(s, []byte(x.s))
			for i := range x.c {
				bytewise.Feed(c, []byte(x.c[i:i+1]))
			}
			for i := range x.s {
				bytewise.Feed(s, []byte(x.s[i:i+1]))
			}
			whole.End()
			bytewise.End()
			for _, want := range x.want {
				if !strings.Contains(whole.JSON(), want) {
					t.Errorf("got  %s\nwant %s", whole.JSON(), want)
				}
			}
			if whole.JSON() != bytewise.JSON() {
				t.Errorf("byte by byte %s\nwhole %s", bytewise.JSON(), whole.JSON())
			}
			for _, tx := range whole.Live.List {
				if b := tx.Base(); !b.OneSide && !(tx.Complete(c) && tx.Complete(s)) {
					t.Errorf("not complete: %+v", tx)
				}
			}
		})
	}
}

func TestGapGoesOn(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(c, []byte(adu(1, "\x03\x00\x10\x00\x02"))[:9])
	d.Gap(c, 100)
	d.Feed(c, []byte("garbage"))
	d.Feed(c, []byte(adu(2, "\x03\x00\x20\x00\x01")))
	if got := d.JSON(); !strings.Contains(got, `"fengsui.modbus.read.address":32`) || strings.Contains(got, `"fengsui.modbus.read.address":16`) {
		t.Error(got)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	d := prototest.New(New(false))
	for i := range 2 * waitingMax {
		d.Feed(c, []byte{byte(i >> 8), byte(i), 0, 0, 0, 6, 1, 3, 0, 0, 0, 1})
	}
	if p := d.Parser.(*Parser); len(p.waiting) > waitingMax || len(p.order) > waitingMax {
		t.Errorf("%d requests wait", len(p.waiting))
	}
	if !strings.Contains(d.JSON(), "flooded") {
		t.Error("no anomaly")
	}
}

func TestRecognise(t *testing.T) {
	read := adu(1, "\x03\x00\x10\x00\x02")
	for _, x := range []struct {
		port uint16
		data string
		want proto.Match
	}{
		{502, read, proto.Yes},
		{5020, read, proto.Yes},
		{5020, read + "\x00", proto.Yes},
		{5020, read[:9], proto.No},
		{502, read[:7], proto.Maybe},
		{502, adu(1, "\x83\x01"), proto.No},
		{5020, adu(1, "\x03\x00\x10\x00"), proto.No},
		{389, "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x61\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00", proto.No},
		{502, "GET / HTTP/1.1\r\n", proto.No},
	} {
		if got := Recognise(&proto.Probe{Dir: c, Data: []byte(x.data), ServerPort: x.port}); got != x.want {
			t.Errorf("port %d %q: %d, want %d", x.port, x.data, got, x.want)
		}
	}
}

func FuzzParser(f *testing.F) {
	for _, x := range sessions {
		f.Add(append(prototest.Pack(c, x.c), prototest.Pack(s, x.s)...))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
	})
}
