package mongodb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
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

func le(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func doc(fields ...string) string {
	body := strings.Join(fields, "")
	return le(len(body)+5) + body + "\x00"
}

func text(name, v string) string { return "\x02" + name + "\x00" + le(len(v)+1) + v + "\x00" }

func num(name string, n int) string { return "\x10" + name + "\x00" + le(n) }

func sub(name, d string) string { return "\x03" + name + "\x00" + d }

func list(name, d string) string { return "\x04" + name + "\x00" + d }

func bin(name, b string) string { return "\x05" + name + "\x00" + le(len(b)) + "\x00" + b }

func message(id, to, op int, body string) string {
	return le(len(body)+headerBytes) + le(id) + le(to) + le(op) + body
}

func cmd(id int, d string) string { return message(id, 0, opMsg, "\x00\x00\x00\x00\x00"+d) }

func answerTo(id int, d string) string { return message(900+id, id, opMsg, "\x00\x00\x00\x00\x00"+d) }

func lines(d *prototest.Driver) []string { return strings.Split(strings.TrimSpace(d.JSON()), "\n") }

func has(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestCommands(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(cmd(1, doc(num("saslStart", 1), text("mechanism", "SCRAM-SHA-256"), bin("payload", "n,,n=joe,r=abc"), text("$db", "admin")))))
	d.Feed(tc, []byte(answerTo(1, doc(num("ok", 1), "\x08done\x00\x00"))))
	d.Feed(ts, []byte(cmd(2, doc(num("saslContinue", 1), bin("payload", "c=biws,r=abc,p=x")))))
	d.Feed(tc, []byte(answerTo(2, doc(num("ok", 1), "\x08done\x00\x01"))))
	d.Feed(ts, []byte(cmd(3, doc(text("find", "users"), sub("filter", doc(text("name", "x"))), text("$db", "shop")))))
	d.Feed(tc, []byte(answerTo(3, doc(sub("cursor", doc(list("firstBatch", doc(sub("0", doc()), sub("1", doc()))))), num("ok", 1)))))
	d.Feed(ts, []byte(cmd(4, doc(text("drop", "users"), text("$db", "shop")))))
	d.Feed(tc, []byte(answerTo(4, doc(num("ok", 0), text("errmsg", "not authorized"), num("code", 13)))))
	section := "documents\x00" + doc(num("a", 1)) + doc(num("a", 2))
	d.Feed(ts, []byte(message(5, 0, opMsg, "\x00\x00\x00\x00\x00"+doc(text("insert", "t"), text("$db", "shop"))+"\x01"+le(len(section)+4)+section)))
	d.Feed(tc, []byte(answerTo(5, doc(num("n", 1), list("writeErrors", doc(sub("0", doc(num("code", 11000), text("errmsg", "dup"))))), num("ok", 1)))))
	got := lines(d)
	if len(got) != 5 || strings.Contains(d.JSON(), "biws") || strings.Contains(d.JSON(), "r=abc") {
		t.Fatalf("%q", got)
	}
	has(t, got[0], `"saslStart"`, `db.user":"joe"`, `"SCRAM-SHA-256"`)
	has(t, got[1], `db.user":"joe"`, `***`)
	has(t, got[2], `"find"`, `["users"]`, `db.name":"shop"`, `db.rows":2`, `db.user":"joe"`, `{\"find\":\"users\",\"filter\":{\"name\":\"x\"}}`)
	has(t, got[3], `"13"`, `not authorized`, `failure`)
	has(t, got[4], `"11000"`, `dup`, `documents {\"a\":1} documents {\"a\":2}`, `db.rows":1`)
}

func TestOldOperations(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(message(1, 0, opQuery, le(0)+"admin.$cmd\x00"+le(0)+le(1)+doc(num("isMaster", 1), sub("speculativeAuthenticate", doc(num("saslStart", 1), text("mechanism", "PLAIN"), bin("payload", "\x00ann\x00pw")))))))
	d.Feed(tc, []byte(message(9, 1, opReply, le(0)+le(0)+le(0)+le(0)+le(1)+doc(num("ok", 1), sub("speculativeAuthenticate", doc("\x08done\x00\x01"))))))
	d.Feed(ts, []byte(message(2, 0, opQuery, le(0)+"shop.items\x00"+le(0)+le(0)+doc(num("a", 1)))))
	d.Feed(tc, []byte(message(9, 2, opReply, le(0)+le(0)+le(0)+le(0)+le(7))))
	d.Feed(ts, []byte(message(3, 0, opInsert, le(0)+"shop.items\x00"+doc(num("a", 1)))))
	got := lines(d)
	has(t, got[0], `"isMaster"`, `db.user":"ann"`, `db.name":"admin"`)
	has(t, got[1], `"find"`, `["items"]`, `db.rows":7`, `db.user":"ann"`)
	has(t, got[2], `"insert"`)
	if strings.Contains(d.JSON(), "pw") {
		t.Error("password shown")
	}
}

func TestCompressed(t *testing.T) {
	inner := "\x00\x00\x00\x00\x00" + doc(text("find", "users"), text("$db", "shop"))
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	if _, err := w.Write([]byte(inner)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	d := prototest.New(New(false))
	d.Feed(ts, []byte(message(1, 0, opCompressed, le(opMsg)+le(len(inner))+"\x02"+z.String())))
	d.Feed(ts, []byte(message(2, 0, opCompressed, le(opMsg)+le(len(inner))+"\x01snappy")))
	got := lines(d)
	has(t, got[0], `"find"`, `["users"]`, `compressed":true`)
	has(t, got[1], `compressed with snappy`)
}

func TestBroken(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(message(1, 0, opMsg, "\x00\x00\x00\x00\x07")))
	has(t, d.JSON(), "malformed_request")
	d.Feed(ts, []byte(message(1, 0, 77, "")))
	if d.Verdict != proto.Fail {
		t.Error(d.Verdict)
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ts, 9999, cmd(1, doc(num("hello", 1))), proto.Yes)
	f(tc, 9999, cmd(1, doc(num("hello", 1))), proto.No)
	f(ts, 27017, cmd(1, "")[:9], proto.Maybe)
	f(ts, 27017, "GET / HTTP/1.1\r\n\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(ts, cmd(3, doc(text("find", "users"), sub("filter", doc(text("name", "x"))), text("$db", "shop")))), prototest.Pack(tc, answerTo(3, doc(sub("cursor", doc(list("firstBatch", doc(sub("0", doc()))))), num("ok", 1))))...))
	f.Add(prototest.Pack(ts, message(1, 0, opQuery, le(0)+"admin.$cmd\x00"+le(0)+le(1)+doc(num("isMaster", 1)))))
	f.Add(prototest.Pack(ts, message(1, 0, opCompressed, le(opMsg)+le(9)+"\x02\x78\x9c")))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		if len(d.Parser.(*Parser).waiting) > waitingMax {
			t.Fatal("not bounded")
		}
		if out := render(nil, b, 1000, 0, false); len(out) > 20000 {
			t.Fatal(len(out))
		}
	})
}
