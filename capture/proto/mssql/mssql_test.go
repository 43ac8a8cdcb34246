package mssql

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	ts = flow.ToServer
	tc = flow.ToClient
)

func pkt(kind byte, body string) string {
	return string([]byte{kind, 1, byte((len(body) + 8) >> 8), byte(len(body) + 8), 0, 0, 1, 0}) + body
}

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

const allHeaders = "\x16\x00\x00\x00\x12\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"

func preloginBytes(encryption byte) string {
	return "\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff" + "\x0f\x00\x07\xd0\x00\x00" + string(encryption)
}

func loginBytes() string {
	b := make([]byte, 94)
	binary.LittleEndian.PutUint32(b[4:], 0x74000004)
	text := ""
	for at, s := range map[int]string{36: "PC1", 40: "sa", 48: "app", 52: "srv", 68: "shop"} {
		binary.LittleEndian.PutUint16(b[at:], uint16(94+len(text)))
		binary.LittleEndian.PutUint16(b[at+2:], uint16(len(s)))
		text += wide(s)
	}
	return string(b) + text
}

func done(status byte, rows byte) string {
	return "\xfd" + string([]byte{status, 0, 0xc1, 0, rows, 0, 0, 0, 0, 0, 0, 0})
}

func errorToken(n uint32, text string) string {
	body := string(binary.LittleEndian.AppendUint32(nil, n)) + "\x01\x0e" + string([]byte{byte(len(text)), 0}) + wide(text) + "\x00\x00\x01\x00\x00\x00"
	return "\xaa" + string([]byte{byte(len(body)), byte(len(body) >> 8)}) + body
}

func ack() string {
	body := "\x01\x74\x00\x00\x04\x04" + wide("MSSQ") + "\x0f\x00\x07\xd0"
	env := "\x01\x06" + wide("master") + "\x00"
	return "\xe3" + string([]byte{byte(len(env)), 0}) + env + "\xad" + string([]byte{byte(len(body)), 0}) + body + done(0, 0)
}

func session() *prototest.Driver {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(pkt(0x12, preloginBytes(2))))
	d.Feed(tc, []byte(pkt(4, preloginBytes(2))))
	d.Feed(ts, []byte(pkt(0x10, loginBytes())))
	d.Feed(tc, []byte(pkt(4, ack())))
	return d
}

func lines(d *prototest.Driver) []string { return strings.Split(strings.TrimSpace(d.JSON()), "\n") }

func has(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestLogin(t *testing.T) {
	d := session()
	has(t, d.JSON(), `db.user":"sa"`, `client_host":"PC1"`, `db.client":"app"`, `service":"srv"`, `db.name":"master"`, `success`, `server_version":"MSSQ 15.0.2000"`)
	d = prototest.New(New(false))
	d.Feed(ts, []byte(pkt(0x12, preloginBytes(0))))
	d.Feed(tc, []byte(pkt(4, preloginBytes(0))))
	d.Feed(ts, []byte(pkt(0x12, "\x16\x03\x01\x00\x02hi")))
	d.Feed(tc, []byte(pkt(0x12, "\x16\x03\x03\x00\x02hi")))
	d.Feed(ts, []byte("\x17\x03\x03\x00\x03xyz"))
	d.Feed(tc, []byte(pkt(4, errorToken(18456, "Login failed"))))
	has(t, d.JSON(), `"18456"`, `Login failed`, `encrypted":true`, `failure`)
	d = prototest.New(New(false))
	d.Feed(ts, []byte(pkt(0x12, preloginBytes(1))))
	d.Feed(tc, []byte(pkt(4, preloginBytes(1))))
	d.Feed(ts, []byte(pkt(0x12, "\x16\x03\x01\x00\x02hi")))
	d.Feed(ts, []byte("\x17\x03\x03\x00\x03xyz"))
	if d.Verdict != proto.Stop {
		t.Error(d.Verdict)
	}
}

func TestBatch(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(pkt(1, allHeaders+wide("select a, b from dbo.t"))))
	columns := "\x81\x02\x00" + "\x00\x00\x00\x00\x08\x00\x38\x01" + wide("a") + "\x00\x00\x00\x00\x08\x00\xe7\x10\x00\x00\x00\x00\x00\x00\x01" + wide("b")
	rows := "\xd1\x01\x00\x00\x00\x02\x00x\x00" + "\xd2\x02\x02\x00\x00\x00" + "\xd1\x03\x00\x00\x00\xff\xff"
	d.Feed(tc, []byte(pkt(4, columns+rows+done(0x10, 3))))
	d.Feed(ts, []byte(pkt(1, allHeaders+wide("selec"))))
	d.Feed(tc, []byte(pkt(4, errorToken(102, "Incorrect syntax")+done(2, 0))))
	got := lines(d)
	has(t, got[1], `"select a, b from dbo.t"`, `["dbo.t"]`, `db.rows":3`, `success`, `db.user":"sa"`, `db.name":"master"`)
	has(t, got[2], `"102"`, `Incorrect syntax`, `failure`)
}

func TestCalls(t *testing.T) {
	nvarchar := func(s string) string {
		return "\x00\x00\xe7\x40\x1f\x00\x00\x00\x00\x00" + string([]byte{byte(2 * len(s)), 0}) + wide(s)
	}
	d := session()
	d.Feed(ts, []byte(pkt(3, allHeaders+"\xff\xff\x0a\x00\x00\x00"+nvarchar("delete from t")+nvarchar("@p int"))))
	d.Feed(tc, []byte(pkt(4, "\x79\x00\x00\x00\x00"+"\xfe"+done(0x10, 4)[1:])))
	d.Feed(ts, []byte(pkt(3, allHeaders+"\xff\xff\x0d\x00\x00\x00"+"\x00\x01\x26\x04\x00"+nvarchar("@p int")+nvarchar("update u set a=@p"))))
	d.Feed(tc, []byte(pkt(4, done(0x10, 1))))
	d.Feed(ts, []byte(pkt(3, allHeaders+"\x05\x00"+wide("p_get")+"\x00\x00")))
	d.Feed(tc, []byte(pkt(4, done(0, 0))))
	got := lines(d)
	has(t, got[1], `"delete from t"`, `["t"]`, `db.rows":4`)
	has(t, got[2], `"update u set a=@p"`, `db.rows":1`)
	has(t, got[3], `"EXECUTE"`, `["p_get"]`)
}

func TestLongAnswer(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(pkt(1, allHeaders+wide("select x"))))
	part := strings.Repeat("\xf0", 20000)
	for range 5 {
		b := []byte(pkt(4, part))
		b[1] = 0
		d.Feed(tc, b)
	}
	d.Feed(tc, []byte(pkt(4, "\x00"+done(0x10, 9))))
	has(t, lines(d)[1], `db.rows":9`, `success`)
}

func TestOldVersionInTheMiddle(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(pkt(1, wide("COMMIT TRANSACTION"))))
	d.Feed(tc, []byte(pkt(4, "\xfd\x10\x00\xc1\x00\x02\x00\x00\x00")))
	has(t, d.JSON(), `"COMMIT"`, `db.rows":2`)
}

func TestGap(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(pkt(1, allHeaders+wide("select 1"))))
	d.Gap(tc, 100)
	d.Feed(ts, []byte(pkt(1, allHeaders+wide("select 2"))))
	d.Feed(tc, []byte(pkt(4, done(0x10, 1))))
	got := lines(d)
	has(t, got[2], `"select 2"`, `db.rows":1`)
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ts, 9999, pkt(0x12, preloginBytes(0)), proto.Yes)
	f(ts, 9999, pkt(1, allHeaders+wide("select 1")), proto.Yes)
	f(ts, 9999, pkt(1, wide("select 1")), proto.No)
	f(ts, 1433, pkt(1, wide("select 1")), proto.Yes)
	f(tc, 1433, pkt(4, ack()), proto.Yes)
	f(ts, 1433, "\x12\x01", proto.Maybe)
	f(ts, 1433, "GET / HTTP/1.1\r\n\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	in := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	f.Add(in(prototest.Pack(ts, pkt(0x12, preloginBytes(2))), prototest.Pack(tc, pkt(4, preloginBytes(2))), prototest.Pack(ts, pkt(0x10, loginBytes())), prototest.Pack(tc, pkt(4, ack()))))
	f.Add(in(prototest.Pack(ts, pkt(1, allHeaders+wide("select 1"))), prototest.Pack(tc, pkt(4, "\x81\x01\x00\x00\x00\x00\x00\x08\x00\x38\x00\xd1\x01\x00\x00\x00"+done(0x10, 1)))))
	f.Add(prototest.Pack(ts, pkt(3, allHeaders+"\xff\xff\x0a\x00\x00\x00\x00\x00\xe7\xff\xff\x00\x00\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00x\x00\x00\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		for _, s := range d.Parser.(*Parser).sides {
			if len(s.body) > messageMax {
				t.Fatal(len(s.body))
			}
		}
		var r result
		r.walk(b)
		r.tail(b)
	})
}
