package pgsql

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

func be(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func msg(kind byte, body string) string { return string(kind) + be(len(body)+4) + body }

func start(params string) string { return be(len(params)+9) + be(codeVersion3) + params + "\x00" }

func session() *prototest.Driver {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(start("user\x00joe\x00database\x00shop\x00application_name\x00psql\x00")))
	d.Feed(tc, []byte(msg('R', be(10)+"SCRAM-SHA-256\x00\x00")))
	d.Feed(ts, []byte(msg('p', "SCRAM-SHA-256\x00secret")))
	d.Feed(tc, []byte(msg('R', be(0))+msg('S', "server_version\x0016.1\x00")+msg('K', be(1)+be(2))+msg('Z', "I")))
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
	has(t, d.JSON(), `db.user":"joe"`, `db.name":"shop"`, `"LOGIN"`, `success`, `server_version":"16.1"`, `client":"psql"`, `"scram-sha-256"`)
	if strings.Contains(d.JSON(), "secret") || !d.Live.List[0].Complete(tc) {
		t.Error(d.JSON())
	}
	d = prototest.New(New(false))
	d.Feed(ts, []byte(start("user\x00joe\x00")))
	d.Feed(tc, []byte(msg('E', "SFATAL\x00C28P01\x00Mpassword failed\x00\x00")))
	has(t, d.JSON(), `db.name":"joe"`, `"28P01"`, `password failed`, `failure`)
}

func TestEncryption(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(be(8)+be(codeSSL)))
	d.Feed(tc, []byte("N"))
	d.Feed(ts, []byte(start("user\x00joe\x00")))
	has(t, lines(d)[0], `SSL_REQUEST`, `encrypted":false`)
	d = prototest.New(New(false))
	d.Feed(ts, []byte(be(8)+be(codeSSL)))
	d.Feed(tc, []byte("S\x16\x03"))
	if d.Verdict != proto.Restart || string(d.Rest(tc)) != "\x16\x03" {
		t.Errorf("%v %q", d.Verdict, d.Rest(tc))
	}
}

func TestQueries(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(msg('Q', "select * from t; delete from u\x00")))
	d.Feed(tc, []byte(msg('T', "\x00\x01")+msg('D', "x")+msg('D', "x")+msg('C', "SELECT 2\x00")+msg('C', "DELETE 3\x00")+msg('Z', "I")))
	d.Feed(ts, []byte(msg('Q', "selec\x00")))
	d.Feed(tc, []byte(msg('E', "C42601\x00Msyntax error\x00\x00")+msg('Z', "I")))
	got := lines(d)
	has(t, got[1], `db.rows":5`, `"db.object":["t","u"]`[3:], `"SELECT"`, `success`)
	has(t, got[2], `42601`, `syntax error`, `failure`)
	if len(got) != 3 || !d.Live.List[2].Complete(tc) {
		t.Errorf("%q", got)
	}
}

func TestExtended(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(msg('P', "s1\x00insert into t values ($1)\x00\x00\x00")+msg('D', "Ss1\x00")+msg('S', "")))
	d.Feed(tc, []byte(msg('1', "")+msg('t', "")+msg('n', "")+msg('Z', "I")))
	d.Feed(ts, []byte(msg('B', "\x00s1\x00")+msg('E', "\x00\x00\x00\x00\x00")+msg('S', "")))
	d.Feed(tc, []byte(msg('2', "")+msg('C', "INSERT 0 1\x00")+msg('Z', "I")))
	d.Feed(ts, []byte(msg('B', "\x00s1\x00")+msg('E', "\x00\x00\x00\x00\x00")+msg('B', "\x00s1\x00")+msg('E', "\x00\x00\x00\x00\x00")+msg('S', "")+msg('C', "Ss1\x00")+msg('S', "")+msg('X', "")))
	d.Feed(tc, []byte(msg('E', "C23505\x00Mduplicate\x00\x00")+msg('Z', "E")))
	got := lines(d)
	if len(got) != 5 {
		t.Fatalf("%q", got)
	}
	has(t, got[1], `"PREPARE"`, `insert into t`, `success`)
	has(t, got[2], `"INSERT"`, `db.rows":1`, `["t"]`, `success`)
	p := d.Parser.(*Parser)
	if len(p.prepared) != 0 || len(p.waiting) != 0 {
		t.Errorf("%+v", p)
	}
	d = session()
	d.Feed(ts, []byte(msg('P', "\x00insert into t values (1)\x00\x00\x00")+msg('B', "\x00\x00")+msg('E', "\x00\x00\x00\x00\x00")+msg('E', "\x00\x00\x00\x00\x00")+msg('S', "")))
	d.Feed(tc, []byte(msg('1', "")+msg('2', "")+msg('E', "C23505\x00Mduplicate\x00\x00")+msg('Z', "E")))
	got = lines(d)
	has(t, got[1], `23505`, `insert into t`)
	if strings.Contains(got[2], "outcome") || !d.Live.List[2].Complete(tc) {
		t.Error(got[2])
	}
}

func TestOthers(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(be(16)+be(codeCancel)+be(1)+be(2)))
	has(t, d.JSON(), `CANCEL`)
	d = session()
	d.Feed(ts, []byte("Q\x00\x00\x00\x01"))
	has(t, lines(d)[1], `invalid_length`)
	if d.Verdict != proto.Fail {
		t.Error(d.Verdict)
	}
	d = session()
	d.Feed(ts, []byte(msg('P', "nonul")))
	has(t, lines(d)[1], `malformed_request`)
}

func TestGap(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(msg('Q', "select 1\x00")))
	d.Gap(tc, 300)
	d.Feed(tc, []byte("rest"))
	d.Feed(tc, []byte(msg('Z', "I")))
	d.Feed(ts, []byte(msg('Q', "delete from t\x00")))
	d.Feed(tc, []byte(msg('C', "DELETE 4\x00")+msg('Z', "I")))
	got := lines(d)
	if len(got) != 3 || strings.Contains(got[1], "outcome") {
		t.Fatalf("%q", got)
	}
	has(t, got[2], `db.rows":4`)
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ts, 9999, start("user\x00x\x00"), proto.Yes)
	f(tc, 9999, start("user\x00x\x00"), proto.Reversed)
	f(ts, 9999, be(8)+be(codeSSL), proto.Yes)
	f(ts, 5432, be(8), proto.Maybe)
	f(ts, 9999, be(8), proto.No)
	f(ts, 5432, "\x00\x00\x00\x20\x00\x01\x00\x00", proto.No)
	f(ts, 5432, "GET /", proto.No)
}

func FuzzParser(f *testing.F) {
	login := append(prototest.Pack(ts, start("user\x00joe\x00")), prototest.Pack(tc, msg('R', be(0))+msg('Z', "I"))...)
	f.Add(append(login[:len(login):len(login)], append(prototest.Pack(ts, msg('Q', "select 1\x00")), prototest.Pack(tc, msg('T', "")+msg('D', "x")+msg('C', "SELECT 1\x00")+msg('Z', "I"))...)...))
	f.Add(append(login[:len(login):len(login)], append(prototest.Pack(ts, msg('P', "\x00insert into t values (1)\x00\x00\x00")+msg('B', "\x00\x00")+msg('E', "\x00\x00\x00\x00\x00")+msg('S', "")), prototest.Pack(tc, msg('1', "")+msg('E', "C1\x00\x00")+msg('Z', "E"))...)...))
	f.Add(append(prototest.Pack(ts, be(8)+be(codeSSL)), prototest.Pack(tc, "N")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		if p := d.Parser.(*Parser); len(p.waiting) > 2*waitingMax || len(p.prepared) > preparedMax || len(p.portals) > preparedMax {
			t.Fatal("not bounded")
		}
	})
}
