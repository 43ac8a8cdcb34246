package mysql

import (
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

func pkt(seq byte, body string) string {
	return string([]byte{byte(len(body)), byte(len(body) >> 8), 0, seq}) + body
}

func le(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }

func hello(caps uint32) string {
	return pkt(0, "\x0a8.0.30\x00"+le(5)+"saltsalt\x00"+le(caps)[:2]+"\x21\x02\x00"+le(caps)[2:]+"\x15"+strings.Repeat("\x00", 10)+"saltsaltsalt\x00mysql_native_password\x00")
}

func login(caps uint32) string {
	s := le(caps) + le(1<<24) + "\x21" + strings.Repeat("\x00", 23) + "root\x00\x04hash" + "shop\x00" + "caching_sha2_password\x00"
	if caps&capConnectAttrs != 0 {
		s += "\x13\x0cprogram_name\x05mysql"
	}
	return pkt(1, s)
}

const baseCaps = capProtocol41 | capSecureConnection | capPluginAuth | capConnectWithDB | capConnectAttrs

const okPacket = "\x00\x00\x00\x02\x00\x00\x00"

func session(caps uint32) *prototest.Driver {
	d := prototest.New(New(false))
	d.Feed(tc, []byte(hello(caps)))
	d.Feed(ts, []byte(login(caps)))
	d.Feed(tc, []byte(pkt(2, okPacket)))
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
	d := session(baseCaps)
	has(t, lines(d)[0], `db.user":"root"`, `db.name":"shop"`, `db.operation":"LOGIN"`, `db.outcome":"success"`, `server_version":"8.0.30"`, `"caching_sha2_password"`, `db.client":"mysql"`)
	d = prototest.New(New(false))
	d.Feed(tc, []byte(pkt(0, "\xff\x6a\x04Host not allowed")))
	has(t, d.JSON(), `error_code":"1130"`, `failure`, `Host not allowed`)
	d = prototest.New(New(false))
	d.Feed(tc, []byte(hello(baseCaps)))
	d.Feed(ts, []byte(login(baseCaps)))
	d.Feed(tc, []byte(pkt(2, "\xfesha256_password\x00salt\x00")))
	d.Feed(ts, []byte(pkt(3, "secret")))
	d.Feed(tc, []byte(pkt(4, "\xff\x15\x04#28000Access denied")))
	has(t, d.JSON(), `error_code":"1045"`, `db.error":"Access denied"`, `sha256_password`)
	if strings.Contains(d.JSON(), "secret") {
		t.Error("secret shown")
	}
}

func TestUpgrade(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(tc, []byte(hello(baseCaps|capSSL)))
	d.Feed(ts, []byte(pkt(1, le(baseCaps|capSSL)+le(1<<24)+"\x21"+strings.Repeat("\x00", 23))+"\x16\x03\x01"))
	if d.Verdict != proto.Restart || string(d.Rest(ts)) != "\x16\x03\x01" {
		t.Errorf("%v %x", d.Verdict, d.Rest(ts))
	}
	has(t, d.JSON(), `encrypted":true`)
}

func TestQuery(t *testing.T) {
	for _, caps := range []uint32{baseCaps, baseCaps | capDeprecateEOF} {
		d := session(caps)
		d.Feed(ts, []byte(pkt(0, "\x03select a,b from t")))
		eof, last := pkt(4, "\xfe\x00\x00\x02\x00"), pkt(7, "\xfe\x00\x00\x02\x00")
		if caps&capDeprecateEOF != 0 {
			eof, last = "", pkt(7, "\xfe\x00\x00\x02\x00\x00\x00")
		}
		d.Feed(tc, []byte(pkt(1, "\x02")+pkt(2, "def a")+pkt(3, "def b")+eof+pkt(5, "\x011\x03foo")+pkt(6, "\xfb\x03bar")+last))
		tx := d.Live.List[1].(*Transaction)
		if !tx.over || tx.Rows != 2 || string(tx.Lines[0]) != "1,foo" || string(tx.Lines[1]) != "NULL,bar" {
			t.Errorf("%+v", tx)
		}
		has(t, lines(d)[1], `db.statement":"select a,b from t"`, `db.object":["t"]`, `db.rows":2`, `db.operation":"SELECT"`, `db.user":"root"`, `success`)
	}
}

func TestCommands(t *testing.T) {
	d := session(baseCaps)
	d.Feed(ts, []byte(pkt(0, "\x02other")))
	d.Feed(tc, []byte(pkt(1, okPacket)))
	d.Feed(ts, []byte(pkt(0, "\x03update x set a=1")))
	d.Feed(tc, []byte(pkt(1, "\x00\x05\x00\x0a\x00\x00\x00"+"")+pkt(2, "\x00\x02\x00\x02\x00\x00\x00"))) // two results
	d.Feed(ts, []byte(pkt(0, "\x16select ?")))
	d.Feed(tc, []byte(pkt(1, "\x00\x09\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00")+pkt(2, "param")+pkt(3, "\xfe\x00\x00\x02\x00")+pkt(4, "column")+pkt(5, "\xfe\x00\x00\x02\x00")))
	d.Feed(ts, []byte(pkt(0, "\x17\x09\x00\x00\x00\x00\x01\x00\x00\x00")))
	d.Feed(tc, []byte(pkt(1, "\x01")+pkt(2, "def")+pkt(3, "\xfe\x00\x00\x02\x00")+pkt(4, "\x00\x00\x01\x00")+pkt(5, "\xfe\x00\x00\x02\x00")))
	d.Feed(ts, []byte(pkt(0, "\x03selec")))
	d.Feed(tc, []byte(pkt(1, "\xff\x28\x04#42000You have an error")))
	d.Feed(ts, []byte(pkt(0, "\x19\x09\x00\x00\x00")+pkt(0, "\x01")))
	got := lines(d)
	if len(got) != 8 {
		t.Fatalf("%q", got)
	}
	has(t, got[1], `"USE"`, `db.name":"other"`)
	has(t, got[2], `db.rows":7`, `db.name":"other"`, `"UPDATE"`, `["x"]`)
	has(t, got[3], `"PREPARE"`, `select ?`, `success`)
	has(t, got[4], `select ?`, `db.rows":1`, `"SELECT"`)
	has(t, got[5], `"1064"`, `You have an error`)
	has(t, got[6], `STMT_CLOSE`)
	has(t, got[7], `QUIT`)
	if len(d.Parser.(*Parser).prepared) != 0 {
		t.Error("statement kept")
	}
}

func TestQueryAttributes(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := string(statementText([]byte(in), true)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("\x00\x01select 1", "select 1")
	f("\x02\x01\x00\x01\x03\x00\x01a\xfd\x00\x01b\x01\x00\x00\x00\x02xxselect 2", "select 2")
}

func TestGap(t *testing.T) {
	d := session(baseCaps)
	d.Feed(ts, []byte(pkt(0, "\x03select 1")))
	d.Feed(tc, []byte(pkt(1, "\x01")[:3]))
	d.Gap(tc, 400)
	d.Feed(tc, []byte("rest of rows"))
	d.Feed(ts, []byte(pkt(0, "\x03delete from t")))
	d.Feed(tc, []byte(pkt(1, okPacket)))
	got := lines(d)
	if len(got) != 3 {
		t.Fatalf("%q", got)
	}
	has(t, got[2], `success`, `["t"]`)
	if strings.Contains(got[1], "outcome") {
		t.Error(got[1])
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(tc, 9999, hello(baseCaps), proto.Yes)
	f(ts, 9999, hello(baseCaps), proto.Reversed)
	f(tc, 9999, hello(baseCaps)[:30], proto.Maybe)
	f(tc, 3306, pkt(0, "\xff\x6a\x04Host"), proto.No)
	f(tc, 3306, pkt(0, "\xff\x6a\x04Host is bad"), proto.Yes)
	f(tc, 80, "HTTP/1.1 200 OK\r\n", proto.No)
	f(ts, 3306, "\x00", proto.No)
}

func FuzzParser(f *testing.F) {
	start := append(prototest.Pack(tc, hello(baseCaps)), append(prototest.Pack(ts, login(baseCaps)), prototest.Pack(tc, pkt(2, okPacket))...)...)
	f.Add(append(start[:len(start):len(start)], append(prototest.Pack(ts, pkt(0, "\x03select a from t")), prototest.Pack(tc, pkt(1, "\x01")+pkt(2, "def")+pkt(3, "\xfe\x00\x00\x02\x00")+pkt(4, "\x01x")+pkt(5, "\xfe\x00\x00\x02\x00"))...)...))
	f.Add(append(start[:len(start):len(start)], append(prototest.Pack(ts, pkt(0, "\x16select ?")+pkt(0, "\x17\x09\x00\x00\x00")), prototest.Pack(tc, pkt(1, "\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00"))...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		if p := d.Parser.(*Parser); len(p.waiting) > waitingMax || len(p.prepared) > preparedMax {
			t.Fatal("not bounded")
		}
		statementText(b, true)
	})
}
