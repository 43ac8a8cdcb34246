package ldap

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// el writes an element.
func el(id byte, parts ...string) string {
	body := strings.Join(parts, "")
	if len(body) < 0x80 {
		return string([]byte{id, byte(len(body))}) + body
	}
	return string([]byte{id, 0x83, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}) + body
}

func msg(id byte, op string) string { return el(0x30, el(2, string([]byte{id})), op) }

func result(op, code byte, message string) string {
	return el(op, el(0x0a, string([]byte{code})), el(4, "dc=x"), el(4, message))
}

// filter is (&(cn=a\2ab)(!(mail=*))(sn=x*y*)(age>=5)(ou:dn:1.2:=v)).
func filter() string {
	return el(0xa0, el(0xa3, el(4, "cn"), el(4, "a*b")), el(0xa2, el(0x87, "mail")), el(0xa4, el(4, "sn"), el(0x30, el(0x80, "x"), el(0x81, "y"))),
		el(0xa5, el(4, "age"), el(4, "5")), el(0xa9, el(0x81, "1.2"), el(0x82, "ou"), el(0x83, "v"), el(0x84, "\xff")))
}

func search(id byte) string {
	return msg(id, el(0x63, el(4, "dc=example,dc=com"), el(0x0a, "\x02"), el(0x0a, "\x00"), el(2, "\x05"), el(2, "\x1e"), el(1, "\x00"), filter(),
		el(0x30, el(4, "cn"), el(4, "mail"))))
}

func entry(id byte) string {
	return msg(id, el(0x64, el(4, "cn=bob,dc=x"), el(0x30, el(0x30, el(4, "mail"), el(0x31, el(4, "bob@x"), el(4, "b@x"))))))
}

func bind(id byte, password string) string {
	return msg(id, el(0x60, el(2, "\x03"), el(4, "cn=admin"), el(0x80, password)))
}

// feed gives a conversation: lines that begin with < are the server's.
func feed(d *prototest.Driver, parts ...string) {
	for _, p := range parts {
		dir := flow.ToServer
		if p[0] == '<' {
			dir, p = flow.ToClient, p[1:]
		}
		d.Feed(dir, []byte(p))
	}
}

func TestGolden(t *testing.T) {
	d := prototest.New(New(false))
	s := search(2)
	feed(d, bind(1, "secret"), "<"+msg(1, result(0x61, 49, "bad password")), s[:9], s[9:], "<"+entry(2)+msg(2, el(0x73, el(4, "ldap://other/"))), "<"+msg(2, result(0x65, 0, "")),
		msg(3, el(0x66, el(4, "cn=bob"), el(0x30, el(0x30, el(0x0a, "\x02"), el(0x30, el(4, "userPassword"), el(0x31, el(4, "hidden"))))))), "<"+msg(3, result(0x67, 0, "")),
		msg(4, el(0x68, el(4, "cn=new"), el(0x30, el(0x30, el(4, "objectClass"), el(0x31, el(4, "domain")))))), "<"+msg(4, result(0x69, 68, "there")),
		msg(5, el(0x4a, "cn=old")), "<"+msg(5, result(0x6b, 0, "")), msg(6, el(0x6c, el(4, "cn=a"), el(4, "cn=b"), el(1, "\xff"), el(0x80, "dc=up"))), "<"+msg(6, result(0x6d, 0, "")),
		msg(7, el(0x6e, el(4, "cn=a"), el(0x30, el(4, "uid"), el(4, "v")))), "<"+msg(7, result(0x6f, 6, "")), msg(8, el(0x50, "\x02")),
		"<"+msg(0, el(0x78, el(0x0a, "\x34"), el(4, ""), el(4, "bye"), el(0x8a, "1.3.6.1.4.1.1466.20036"))), "<"+entry(99), msg(9, el(0x42)))
	d.End()
	js := d.JSON()
	want, err := os.ReadFile("testdata/events.golden")
	if err != nil || string(want) != js {
		t.Errorf("%v\n%s", err, js)
	}
	if strings.Contains(js, "secret") || strings.Contains(js, "hidden") {
		t.Error("a password stands in an event")
	}
	if !strings.Contains(js, `(\u0026(cn=a\\2ab)(!(mail=*))(sn=x*y*)(age>=5)(ou:dn:1.2:=v))`) && !strings.Contains(js, `(&(cn=a\\2ab)(!(mail=*))(sn=x*y*)(age>=5)(ou:dn:1.2:=v))`) {
		t.Error("the filter is not as RFC 4515 writes it")
	}
	tx := d.Live.List[1].(*Transaction)
	if len(tx.Responses) != 3 || len(tx.Responses[0].Attributes) != 2 || string(tx.Responses[0].Attributes[1].Value) != "b@x" || !tx.Complete(flow.ToClient) {
		t.Errorf("%+v", tx.Responses)
	}
}

func TestStartTLS(t *testing.T) {
	d := prototest.New(New(false))
	feed(d, msg(1, el(0x77, el(0x80, startTLS))), "<"+msg(1, el(0x78, el(0x0a, "\x00"), el(4, ""), el(4, ""))))
	if d.Verdict != proto.Restart || !d.Live.List[0].(*Transaction).StartTLS {
		t.Errorf("verdict %d", d.Verdict)
	}
}

func TestSASL(t *testing.T) {
	wrap := func(flags byte, ec, rrc uint16, body string) string {
		b := []byte{5, 4, flags, 0xff}
		b = binary.BigEndian.AppendUint16(b, ec)
		b = binary.BigEndian.AppendUint16(b, rrc)
		b = append(append(b, make([]byte, 8)...), body...)
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
	}
	d := prototest.New(New(false))
	signed := wrap(0, 3, 3, "sum"+search(1))
	feed(d, signed[:11], signed[11:], wrap(0, 3, 0, search(2)+"sum"), wrap(0, 3, 5, search(3)[len(search(3))-2:]+"sum"+search(3)[:len(search(3))-2]))
	if n := len(d.Live.List); n != 3 || d.Live.List[2].(*Transaction).Request.ID != 3 {
		t.Fatalf("%d transactions\n%s", n, d.JSON())
	}
	ntlm := "\x01\x00\x00\x00" + strings.Repeat("s", 12) + search(4)
	feed(d, string(binary.BigEndian.AppendUint32(nil, uint32(len(ntlm))))+ntlm)
	if n := len(d.Live.List); n != 4 {
		t.Errorf("%d transactions", n)
	}
	feed(d, wrap(wrapSealed, 16, 28, strings.Repeat("x", 60)))
	if d.Verdict != proto.Stop || len(d.Live.List) != 4 {
		t.Errorf("verdict %d", d.Verdict)
	}
}

func TestDatagram(t *testing.T) {
	d := prototest.New(New(true))
	feed(d, search(1), "<"+entry(1)+msg(1, result(0x65, 0, "")), "\x30\x20short")
	if n := len(d.Live.List); n != 2 || len(d.Live.List[0].(*Transaction).Responses) != 2 || !slices.Contains(d.Live.List[1].Base().Anomalies, "incomplete_data") {
		t.Errorf("%d transactions\n%s", n, d.JSON())
	}
}

func TestGapAndSize(t *testing.T) {
	d := prototest.New(New(false))
	s := search(1)
	d.Feed(flow.ToServer, []byte(s[:20]))
	d.Gap(flow.ToServer, int64(len(s)-20))
	feed(d, search(2))
	d.Gap(flow.ToServer, 1000)
	feed(d, "middle of it", search(3))
	if n := len(d.Live.List); n != 2 {
		t.Errorf("%d transactions\n%s", n, d.JSON())
	}
	big := el(0x30, el(2, "\x09"), el(0x4a, strings.Repeat("x", 200<<10)))
	feed(d, big[:100000], big[100000:], search(4))
	if n := len(d.Live.List); n != 4 || d.Live.List[3].(*Transaction).Request.ID != 4 {
		t.Errorf("%d transactions", n)
	}
}

func TestBounds(t *testing.T) {
	d := prototest.New(New(false))
	for i := range 400 {
		feed(d, search(byte(i%100+1)))
	}
	p := d.Parser.(*Parser)
	if len(p.pending) > pendingMax || !strings.Contains(d.JSON(), "too_many_transactions") {
		t.Errorf("%d requests wait", len(p.pending))
	}
	for range 700 {
		feed(d, "<"+entry(5))
	}
	if p.pool.bytes > poolMax || p.pool.responses > poolResponses || p.pool.bytes <= 0 {
		t.Errorf("%+v", p.pool)
	}
	feed(d, "<"+msg(5, result(0x65, 0, "")))
	for i := range 300 {
		feed(d, "<"+msg(byte(i%100+1), result(0x65, 0, "")))
	}
	if len(p.pending) != 0 || p.pool != (pool{}) {
		t.Errorf("%d requests wait at the end, %+v", len(p.pending), p.pool)
	}
	for _, tx := range d.Live.List {
		o := tx.(*Transaction)
		if len(o.Responses) > responsesMax || o.kept.count > attributesMax || o.kept.bytes > keptMax {
			t.Errorf("%d responses, %+v", len(o.Responses), o.kept)
		}
	}
}

func TestRecognise(t *testing.T) {
	f := func(b string, dir flow.Direction, udp bool, port uint16, want proto.Match) {
		t.Helper()
		if m := Recognise(&proto.Probe{Data: []byte(b), Dir: dir, Datagram: udp, ServerPort: port}); m != want {
			t.Errorf("%x: %d, want %d", b[:min(len(b), 16)], m, want)
		}
	}
	f(bind(1, "x"), flow.ToServer, false, 1389, proto.Yes)
	f(bind(1, "x"), flow.ToClient, false, 389, proto.Reversed)
	f(entry(1), flow.ToClient, true, 389, proto.Yes)
	f(bind(1, "x")[:4], flow.ToServer, false, 389, proto.Maybe)
	f(bind(1, "x")[:4], flow.ToServer, false, 80, proto.No)
	f("\x30\x26\x02\x01\x01\x04\x06public", flow.ToServer, true, 161, proto.No)
	f("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", flow.ToServer, false, 389, proto.Yes)
	f("\x30\x0d\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00\x01", flow.ToServer, false, 389, proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(0, bind(1, "x")+search(2)), prototest.Pack(1, msg(1, result(0x61, 0, ""))+entry(2))...), false)
	f.Add(prototest.Pack(0, msg(6, el(0x6c, el(4, "cn=a"), el(4, "cn=b"), el(1, "\xff"), el(0x80, "dc=up")))), true)
	f.Add(prototest.Pack(0, "\x00\x00\x00\x40\x05\x04\x00\xff\x00\x03\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00sum"+msg(1, el(0x42))), false)
	f.Add(prototest.Pack(0, msg(3, el(0x66, el(4, "cn=bob"), el(0x30, el(0x30, el(0x0a, "\x02"), el(0x30, el(4, "p"), el(0x31, el(4, "h")))))))), false)
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		d := prototest.New(New(udp))
		d.Script(b)
		for _, tx := range d.Live.List {
			if x := tx.(*Transaction); x.kept.bytes > keptMax || x.Request != nil && len(x.Request.Filter) > filterMax {
				t.Errorf("%d bytes, filter of %d kept", x.kept.bytes, len(x.Request.Filter))
			}
		}
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: udp})
	})
}
