package dnp3

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packettest"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	c = flow.ToServer
	s = flow.ToClient
)

// frame makes a link frame between master 1 and outstation 10.
func frame(dir flow.Direction, data string) string {
	b := []byte{start0, start1, byte(linkFixed + len(data)), 0xc4, 10, 0, 1, 0}
	if dir == s {
		b[3], b[4], b[6] = 0x44, 1, 10
	}
	b = binary.LittleEndian.AppendUint16(b, checksum(b))
	for rest := data; len(rest) > 0; {
		n := min(linkBlock, len(rest))
		b = append(b, rest[:n]...)
		b = binary.LittleEndian.AppendUint16(b, checksum([]byte(rest[:n])))
		rest = rest[n:]
	}
	return string(b)
}

// whole makes a frame that holds a fragment in one segment.
func whole(dir flow.Direction, fragment string) string { return frame(dir, "\xc0"+fragment) }

const (
	readClasses = "\xc3\x01\x3c\x02\x06\x3c\x03\x06\x3c\x04\x06\x3c\x01\x06"                         // classes 1, 2, 3, 0
	answer      = "\xc3\x81\x96\x00\x01\x02\x00\x00\x01\x81\x01\x1e\x02\x00\x00\x00\x01\x10\x00"     // two binary inputs, an analog
	operate     = "\xc4\x05\x0c\x01\x28\x01\x00\x0a\x00\x03\x01\x64\x00\x00\x00\x64\x00\x00\x00\x00" // control relay 10
	operated    = "\xc4\x81\x00\x00\x0c\x01\x28\x01\x00\x0a\x00\x03\x01\x64\x00\x00\x00\x64\x00\x00\x00\x00"
	unsolicited = "\xf0\x82\x80\x00"
)

// turn is one side's bytes.
type turn struct {
	dir  flow.Direction
	data string
}

var sessions = []struct {
	name  string
	turns []turn
	want  []string
}{
	{
		"classes read",
		[]turn{{c, whole(c, readClasses)}, {s, whole(s, answer)}},
		[]string{
			`"fengsui.dnp3.src":1,"fengsui.dnp3.dst":10`, `"fengsui.dnp3.request.function":"read","fengsui.dnp3.request.objects":["60.2","60.3","60.4","60.1"]`,
			`"fengsui.dnp3.iin.indicators":["class_1_events","class_2_events","need_time","device_restart"],"fengsui.dnp3.response.objects":["1.2","30.2"]`,
		},
	},
	{"a relay operated", []turn{{c, whole(c, operate)}, {s, whole(s, operated)}}, []string{`"fengsui.dnp3.request.function":"direct_operate","fengsui.dnp3.request.objects":["12.1"]`}},
	{"said unasked", []turn{{s, whole(s, unsolicited)}, {c, whole(c, "\xd0\x00")}}, []string{`"unsolicited_response","fengsui.dnp3.iin.indicators":["device_restart"]`, `"confirm"`}},
	{"in two segments", []turn{{c, frame(c, "\x40"+readClasses[:5])}, {c, frame(c, "\x81"+readClasses[5:])}}, []string{`["60.2","60.3","60.4","60.1"]`}},
	{"a wrong data checksum", []turn{{c, whole(c, readClasses)[:20] + "\x00" + whole(c, readClasses)[21:]}}, []string{`["bad_transport_crc"]`}},
	{"an object nobody knows", []turn{{c, whole(c, "\xc3\x02\xfe\x63\x00\x01\x02\x00")}}, []string{`["unknown_object"]`}},
	{"a range without its points", []turn{{c, whole(c, "\xc3\x02\x1e\x02\x00\x01\x09\x00")}}, []string{`["len_too_small"]`}},
	{"noise before the frame", []turn{{c, "\x05noise \x05\x64"}, {c, whole(c, readClasses)}}, []string{`["len_too_small"]`, `"read"`}},
}

func play(turns []turn, step int) *prototest.Driver {
	d := prototest.New(New(false))
	for _, turn := range turns {
		for b := []byte(turn.data); len(b) > 0; {
			n := min(step, len(b))
			d.Feed(turn.dir, b[:n])
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

func TestGapGoesOn(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(c, []byte(whole(c, operate))[:15])
	d.Gap(c, 400)
	d.Feed(c, []byte("rest of something"+whole(c, readClasses)))
	if got := d.JSON(); !strings.Contains(got, `"read"`) || strings.Contains(got, "direct_operate") {
		t.Error(got)
	}
}

// TestChecksum holds the CRC to the example of IEEE 1815 9.2.4.1: a reset of link from 1024 to 1.
func TestChecksum(t *testing.T) {
	if got := checksum([]byte{0x05, 0x64, 0x05, 0xc0, 0x01, 0x00, 0x00, 0x04}); got != 0x21e9 {
		t.Errorf("%04x", got)
	}
}

func TestRecognise(t *testing.T) {
	read := whole(c, readClasses)
	for data, want := range map[string]proto.Match{read: proto.Yes, read[:5]: proto.Maybe, "\x05\x64\x05\xc0\x01\x00\x00\x04\x00\x00": proto.No, "GET": proto.No} {
		if got := Recognise(&proto.Probe{Dir: c, Data: []byte(data), ServerPort: 20000}); got != want {
			t.Errorf("%q: %d, want %d", data, got, want)
		}
	}
}

// TestCapture keeps the capture of testdata what the frames above are.
func TestCapture(t *testing.T) {
	cap := packettest.NewCapture()
	v := cap.TCP(netip.MustParseAddrPort("10.106.9.1:40001"), netip.MustParseAddrPort("10.106.9.10:20000")).Handshake()
	for _, x := range sessions[:4] {
		for _, turn := range x.turns {
			v.Send(turn.dir, []byte(turn.data))
		}
	}
	v.Close()
	want := cap.Pcap(binary.LittleEndian, false)
	name := filepath.Join("testdata", "dnp3.pcap")
	if have, err := os.ReadFile(name); err != nil || string(have) != string(want) {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Error("testdata/dnp3.pcap was written anew: commit it")
	}
}

func FuzzParser(f *testing.F) {
	for _, x := range sessions {
		var script []byte
		for _, turn := range x.turns {
			script = append(script, prototest.Pack(turn.dir, turn.data)...)
		}
		f.Add(script)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
	})
}
