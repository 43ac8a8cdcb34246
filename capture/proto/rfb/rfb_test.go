package rfb

import (
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// turn is one side's bytes.
type turn struct {
	dir  flow.Direction
	data string
}

const (
	c = flow.ToServer
	s = flow.ToClient
)

const serverInit = "\x04\x00\x03\x00\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00" + "\x00\x00\x00\x04desk"

// sessions are conversations with the event they give.
var sessions = []struct {
	name  string
	turns []turn
	want  string
}{
	{
		"3.8 without authentication",
		[]turn{{s, "RFB 003.008\n"}, {c, "RFB 003.008\n"}, {s, "\x02\x01\x02"}, {c, "\x01"}, {s, "\x00\x00\x00\x00"}, {c, "\x01"}, {s, serverInit}},
		`"fengsui.rfb.authentication.security_type":1,"fengsui.rfb.authentication.security_result":"OK","event.outcome":"success","fengsui.rfb.screen_shared":true,"fengsui.rfb.framebuffer.width":1024`,
	},
	{
		"3.7 with VNC authentication",
		[]turn{{s, "RFB 003.007\n"}, {c, "RFB 003.007\n"}, {s, "\x01\x02"}, {c, "\x02"}, {s, strings.Repeat("c", 16)}, {c, strings.Repeat("r", 16)}, {s, "\x00\x00\x00\x00"}, {c, "\x00"}, {s, serverInit}},
		`"fengsui.rfb.framebuffer.name":"desk"`,
	},
	{
		"3.8 refused with a reason",
		[]turn{{s, "RFB 003.008\n"}, {c, "RFB 003.008\n"}, {s, "\x01\x02"}, {c, "\x02"}, {s, strings.Repeat("c", 16)}, {c, strings.Repeat("r", 16)}, {s, "\x00\x00\x00\x01\x00\x00\x00\x05wrong"}},
		`"fengsui.rfb.authentication.security_result":"FAIL","event.outcome":"failure","event.reason":"wrong"`,
	},
	{
		"3.3, where the server decides",
		[]turn{{s, "RFB 003.003\n"}, {c, "RFB 003.003\n"}, {s, "\x00\x00\x00\x01"}, {c, "\x01"}, {s, serverInit}},
		`"fengsui.rfb.authentication.security_type":1,"fengsui.rfb.screen_shared":true,"fengsui.rfb.framebuffer.width":1024`,
	},
	{
		"no types at all",
		[]turn{{s, "RFB 003.008\n"}, {c, "RFB 003.008\n"}, {s, "\x00\x00\x00\x00\x04busy"}},
		`"event.reason":"busy"`,
	},
	{
		"a type of its own",
		[]turn{{s, "RFB 003.008\n"}, {c, "RFB 003.008\n"}, {s, "\x01\x13"}, {c, "\x13"}, {c, "anything"}},
		`"fengsui.tx.anomalies":["unimplemented_security_type"]`,
	},
	{
		"a choice that was not offered",
		[]turn{{s, "RFB 003.008\n"}, {c, "RFB 003.008\n"}, {s, "\x01\x02"}, {c, "\x01"}},
		`"fengsui.tx.anomalies":["confused_state"]`,
	},
	{
		"a result out of range",
		[]turn{{s, "RFB 003.008\n"}, {c, "RFB 003.008\n"}, {s, "\x01\x01"}, {c, "\x01"}, {s, "\x00\x00\x00\x09"}},
		`"fengsui.tx.anomalies":["unknown_security_result"]`,
	},
}

func TestSessions(t *testing.T) {
	for _, x := range sessions {
		t.Run(x.name, func(t *testing.T) {
			whole, bytewise := prototest.New(New(false)), prototest.New(New(false))
			for _, turn := range x.turns {
				whole.Feed(turn.dir, []byte(turn.data))
				for i := range turn.data {
					bytewise.Feed(turn.dir, []byte(turn.data[i:i+1]))
				}
			}
			whole.End()
			bytewise.End()
			if got := whole.JSON(); !strings.Contains(got, x.want) {
				t.Errorf("got  %s\nwant %s", got, x.want)
			}
			if whole.JSON() != bytewise.JSON() {
				t.Errorf("byte by byte: %s\nwhole: %s", bytewise.JSON(), whole.JSON())
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	for data, want := range map[string]proto.Match{
		"RFB 003.008\n": proto.Yes, "RF": proto.Maybe, "RFB 003": proto.Maybe, "RFB 003.00x\n": proto.No, "SSH-2.0": proto.No,
	} {
		if got := Recognise(&proto.Probe{Dir: s, Data: []byte(data)}); got != want {
			t.Errorf("%q: %d, want %d", data, got, want)
		}
	}
}

func TestGapEnds(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(s, []byte("RFB 003.008\n"))
	d.Gap(s, 10)
	if d.Verdict != proto.Stop || !strings.Contains(d.JSON(), `server_protocol_version.minor":8`) {
		t.Error(d.Verdict, d.JSON())
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
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		for _, tx := range d.Live.List {
			if !tx.Complete(c) || !tx.Complete(s) {
				t.Fatal("the session has ended and its transaction has not")
			}
		}
		d.JSON()
	})
}
