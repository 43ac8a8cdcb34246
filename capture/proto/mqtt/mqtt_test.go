package mqtt

import (
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	ts = flow.ToServer
	tc = flow.ToClient
)

// str is a text with its length in front.
func str(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

// packet is a control packet of less than 128 bytes.
func packet(first byte, body string) string { return string([]byte{first, byte(len(body))}) + body }

func connect5() string {
	return packet(0x10, str("MQTT")+"\x05\xc6\x00\x3c"+"\x05\x11\x00\x00\x00\x0a"+str("me")+"\x02\x01\x01"+str("wt")+str("wm")+str("joe")+str("secret"))
}

func session() *prototest.Driver {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(connect5()))
	d.Feed(tc, []byte(packet(0x20, "\x00\x00\x03\x21\x00\x0a")))
	return d
}

func events(d *prototest.Driver) []string {
	return strings.Split(strings.TrimSpace(d.JSON()), "\n")
}

func TestConnect(t *testing.T) {
	d := session()
	tx := d.Live.List[0].(*Transaction)
	c := tx.First(Connect).Connect
	if len(d.Live.List) != 1 || !tx.Complete(ts) || tx.Version != 5 || string(c.ClientID) != "me" || string(c.WillTopic) != "wt" ||
		string(c.WillMessage) != "wm" || string(c.Username) != "joe" || string(c.Password) != "secret" || c.KeepAlive != 60 {
		t.Fatalf("%+v %+v", tx, c)
	}
	if props := tx.First(Connect).Props; len(props) != 2 || props[0].Num != 10 || props[1].ID != 1 {
		t.Errorf("%+v", props)
	}
	if ev := d.JSON(); strings.Contains(ev, "secret") || !strings.Contains(ev, `"user.name":"joe"`) || !strings.Contains(ev, `"event.outcome":"success"`) {
		t.Error(ev)
	}
}

func TestOldVersions(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(packet(0x10, str("MQIsdp")+"\x03\xc2\x00\x3c"+str("old")+str("joe")))) // password announced, left out
	d.Feed(tc, []byte(packet(0x20, "\x00\x05")))
	d.Feed(ts, []byte(packet(0x82, "\x00\x01"+str("a/#")+"\x01"+str("b")+"\x02")))
	d.Feed(tc, []byte(packet(0x90, "\x00\x01\x01\x80")))
	got := events(d)
	if len(got) != 2 || !strings.Contains(got[0], `"event.outcome":"failure"`) || !strings.Contains(got[0], `version":3`) ||
		!strings.Contains(got[1], `["a/#","b"]`) || !strings.Contains(got[1], "[1,128]") || !strings.Contains(got[1], `["SUBSCRIBE","SUBACK"]`) {
		t.Errorf("%q", got)
	}
}

func TestPublishQualities(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(packet(0x31, str("t0")+"\x00"+"zero")))
	d.Feed(ts, []byte(packet(0x32, str("t1")+"\x00\x07\x00"+"one")))
	d.Feed(tc, []byte(packet(0x34, str("t2")+"\x00\x07\x00"+"two")))
	d.Feed(tc, []byte(packet(0x40, "\x00\x07\x10")))
	d.Feed(ts, []byte(packet(0x50, "\x00\x07")))
	d.Feed(tc, []byte(packet(0x62, "\x00\x07")))
	d.Feed(ts, []byte(packet(0x70, "\x00\x07")+packet(0xe0, "\x8e\x00")))
	list := d.Live.List
	if len(list) != 5 {
		t.Fatal(d.JSON())
	}
	for i, want := range []string{"", "t0 zero 1", "t1 one 2", "t2 two 4"} {
		if want == "" {
			continue
		}
		x := list[i].(*Transaction)
		p := x.First(Publish)
		if got := string(p.Topics[0]) + " " + string(p.Payload) + " " + string(rune('0'+len(x.Messages))); got != want || !x.done || len(x.Anomalies) > 0 {
			t.Errorf("%s, want %s, %v %v", got, want, x.done, x.Anomalies)
		}
	}
	if x := list[2].(*Transaction); x.Messages[1].Reasons[0] != 16 || x.Only != ts || list[3].Base().Only != tc {
		t.Errorf("%+v", x)
	}
	if x := list[4].(*Transaction).First(Disconnect); x == nil || x.Reasons[0] != 0x8e {
		t.Error("disconnect")
	}
	if p := d.Parser.(*Parser); p.held != 0 || len(p.waiting) != 0 {
		t.Errorf("%d held, %d waiting", p.held, len(p.waiting))
	}
}

func TestAnomalies(t *testing.T) {
	f := func(name string, feed func(d *prototest.Driver), want string) {
		t.Helper()
		d := prototest.New(New(false))
		feed(d)
		var all []string
		for _, tx := range d.Live.List {
			all = append(all, tx.Base().Anomalies...)
		}
		if got := strings.Join(all, " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	in := func(s string) func(*prototest.Driver) {
		return func(d *prototest.Driver) {
			d.Feed(ts, []byte(packet(0x10, str("MQTT")+"\x04\x02\x00\x3c"+str(""))))
			d.Feed(tc, []byte(packet(0x20, "\x00\x00")))
			d.Feed(ts, []byte(s))
		}
	}
	f("connack alone", func(d *prototest.Driver) { d.Feed(tc, []byte(packet(0x20, "\x00\x00"))) }, "missing_connect")
	f("ping first", func(d *prototest.Driver) { d.Feed(ts, []byte(packet(0xc0, ""))) }, "unintroduced_message")
	f("double connect", in(packet(0x10, str("MQTT")+"\x04\x02\x00\x3c"+str(""))), "double_connect")
	f("qos 3", in(packet(0x36, str("t")+"\x00\x01x")), "invalid_qos_level")
	f("no identifier", in(packet(0x32, str("t")+"\x00\x00x")), "missing_msg_id")
	f("puback", in(packet(0x40, "\x00\x09")), "missing_publish")
	f("suback", in(packet(0x90, "\x00\x09\x00")), "missing_subscribe")
	f("unsuback", in(packet(0xb0, "\x00\x09")), "missing_unsubscribe")
	f("type 0", in(packet(0x00, "")), "unassigned_msg_type")
	f("auth in 3.1.1", in(packet(0xf0, "")), "unassigned_msg_type")
	f("short", in(packet(0x82, "\x00")), "malformed_traffic")
	f("topic past the end", in(packet(0x30, "\x00\x09abc")), "malformed_traffic")
	f("length of five bytes", in("\x30\xff\xff\xff\xff\x01"), "malformed_traffic")
	f("properties", func(d *prototest.Driver) {
		d.Feed(ts, []byte(packet(0x10, str("MQTT")+"\x05\x02\x00\x3c"+"\x02\x7f\x00"+str("x"))))
	}, "malformed_traffic")
}

func TestLongPublication(t *testing.T) {
	d := session()
	body := str("t") + "\x00" + strings.Repeat("x", 300<<10)
	n := len(body)
	all := string([]byte{0x30, byte(n&0x7f | 0x80), byte(n>>7&0x7f | 0x80), byte(n >> 14)}) + body + packet(0xc0, "")
	for len(all) > 0 {
		k := min(1460, len(all))
		d.Feed(ts, []byte(all[:k]))
		all = all[k:]
	}
	if len(d.Live.List) != 3 || d.Live.List[2].(*Transaction).Messages[0].Type != Pingreq {
		t.Fatal(len(d.Live.List))
	}
	if m := d.Live.List[1].(*Transaction).Messages[0]; m.PayloadBytes != 300<<10 || len(m.Payload) != packetMax-8 {
		t.Errorf("%d %d", m.PayloadBytes, len(m.Payload))
	}
}

func TestGap(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(packet(0x30, str("t")+"\x00abcdef")[:6]))
	d.Gap(ts, 3) // inside the packet
	d.Feed(ts, []byte("def"+packet(0xc0, "")))
	d.Gap(ts, 100)
	d.Feed(ts, []byte("rubbish"))
	d.Feed(ts, []byte(packet(0xc0, "")))
	if len(d.Live.List) != 3 || len(d.Rest(ts)) != 0 {
		t.Error(d.JSON())
	}
}

func TestUnfinishedAreBounded(t *testing.T) {
	d := session()
	for i := range waitingMax + 10 {
		d.Feed(ts, []byte(packet(0x32, str("t")+string([]byte{byte(i>>8 + 1), byte(i), 0})+"x")))
	}
	p := d.Parser.(*Parser)
	if len(p.waiting) != waitingMax || p.held != waitingMax {
		t.Errorf("%d waiting, %d held", len(p.waiting), p.held)
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ts, 9999, connect5(), proto.Yes)
	f(ts, 9999, "\x10\x20\x00\x06MQIsdp", proto.Yes)
	f(ts, 9999, "\x10", proto.Maybe)
	f(ts, 9999, "\x10\x20\x00\x06MQ", proto.Maybe)
	f(ts, 1883, "\x10\x20\x00\x04HTTP....", proto.No)
	f(ts, 1883, "GET / HTTP/1.1", proto.No)
	f(ts, 1883, "\x10\xff\xff\xff\xff\xff", proto.No)
	f(tc, 1883, packet(0x20, "\x00\x00"), proto.Yes)
	f(tc, 99, packet(0x20, "\x00\x00"), proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(ts, connect5()), prototest.Pack(tc, packet(0x20, "\x00\x00\x00")+packet(0x34, str("t2")+"\x00\x07\x00two"))...))
	f.Add(append(prototest.Pack(ts, connect5()+packet(0x82, "\x00\x01\x00"+str("a")+"\x01")), 0x1e, 9, 0, 2, 0xc0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		if p := d.Parser.(*Parser); len(p.waiting) > waitingMax || p.held > heldMax+waitingMax*heldMinimum || p.held < 0 {
			t.Fatalf("%d waiting, %d held", len(p.waiting), p.held)
		}
	})
}
