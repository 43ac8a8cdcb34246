package dhcp

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// message is a reply with options.
func message(options string) []byte {
	b := make([]byte, fixedBytes)
	b[0], b[1], b[2] = 2, 1, 6
	binary.BigEndian.PutUint32(b[4:], 0xabcd)
	copy(b[16:], []byte{10, 0, 0, 9})
	copy(b[28:], []byte{0, 1, 2, 3, 4, 5})
	binary.BigEndian.PutUint32(b[236:], cookie)
	return slices.Concat(b, []byte(options))
}

const ack = "\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x3a\x04\x00\x00\x07\x08\x3b\x04\x00\x00\x0c\x4e\x01\x04\xff\xff\xff\x00\x03\x08\x0a\x00\x00\x01\x0a\x00\x00\x02\x0c\x02pc\x37\x02\x01\x03\x3d\x07\x01\x00\x01\x02\x03\x04\x05"

func TestAck(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(flow.ToClient, message(ack+"\x00\xff"))
	got := d.JSON()
	for _, want := range []string{
		`"fengsui.dhcp.type":"reply"`, `"fengsui.dhcp.id":43981`, `client_mac":"00:01:02:03:04:05"`, `assigned_ip":"10.0.0.9"`, `dhcp_type":"ack"`,
		`lease_time":3600`, `renewal_time":1800`, `rebinding_time":3150`, `subnet_mask":"255.255.255.0"`, `routers":["10.0.0.1","10.0.0.2"]`, `hostname":"pc"`,
		`params":[1,3]`, `client_id":"00:01:02:03:04:05"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if strings.Contains(got, "client_ip") || len(d.Live.List[0].Base().Anomalies) != 0 {
		t.Error(got)
	}
}

func TestOptions(t *testing.T) {
	f := func(name, options string, code uint8, want, anomalies string) {
		t.Helper()
		x := &Transaction{}
		if !x.parse(message(options)) {
			t.Fatal(name)
		}
		if got := string(x.Option(code)); got != want || strings.Join(x.Anomalies, " ") != anomalies {
			t.Errorf("%s: %q %v", name, got, x.Anomalies)
		}
	}
	f("in two parts", "\x0c\x01a\x0c\x01b\xff", OptHostname, "ab", "")
	f("no end", "\x0c\x01a", OptHostname, "a", "truncated_options")
	f("past the end", "\x0c\x01a\x0f\x09x", OptHostname, "a", "malformed_options")
	f("no length", "\x0c", OptHostname, "", "malformed_options")
	f("absent", "\xff", OptHostname, "", "")
}

func TestOverload(t *testing.T) {
	b := message("\x34\x01\x03\xff")
	copy(b[nameAt:], "\x0c\x01n\xff")
	copy(b[fileAt:], "\x0f\x01d\xff")
	x := &Transaction{}
	if !x.parse(b) || string(x.Option(OptHostname)) != "n" || string(x.Option(OptDomain)) != "d" {
		t.Errorf("%+v", x)
	}
}

func TestRecognise(t *testing.T) {
	f := func(b []byte, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: b, Datagram: true}); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f(message(""), proto.Yes)
	f(message("")[:239], proto.No)
	f(make([]byte, 300), proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(message(ack + "\xff"))
	f.Add(message("\x34\x01\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(true))
		d.Feed(flow.ToServer, b)
		d.JSON()
		for _, tx := range d.Live.List {
			if x := tx.(*Transaction); len(x.Options) > optionsMax {
				t.Fatal(len(x.Options))
			}
		}
	})
}
