package tns

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

// pkt is a packet with its length in four bytes when large.
func pkt(kind byte, large bool, body string) string {
	b := make([]byte, headerBytes)
	if large {
		binary.BigEndian.PutUint32(b, uint32(len(body)+headerBytes))
	} else {
		binary.BigEndian.PutUint16(b, uint16(len(body)+headerBytes))
	}
	b[4] = kind
	return string(b) + body
}

func connect(descriptor string) string {
	b := make([]byte, 50)
	binary.BigEndian.PutUint16(b, 315)
	binary.BigEndian.PutUint16(b[2:], 300)
	binary.BigEndian.PutUint16(b[16:], uint16(len(descriptor)))
	binary.BigEndian.PutUint16(b[18:], 58)
	return pkt(typeConnect, false, string(b)+descriptor)
}

const descriptor = "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=10.0.0.9)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=orcl)(CID=(PROGRAM=sqlplus)(HOST=pc7)(USER=jim))))"

func accept() string { return pkt(typeAccept, false, "\x01\x3b"+strings.Repeat("\x00", 30)) }

func data(body string) string { return pkt(typeData, true, "\x00\x00"+body) }

func session() *prototest.Driver {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(connect(descriptor)))
	d.Feed(tc, []byte(accept()))
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

func TestConnect(t *testing.T) {
	has(t, session().JSON(), `"CONNECT"`, `service":"orcl"`, `db.client":"sqlplus"`, `client_host":"pc7"`, `os_user":"jim"`, `success`)
	d := prototest.New(New(false))
	d.Feed(ts, []byte(connect(descriptor)))
	d.Feed(tc, []byte(pkt(typeResend, false, "")))
	d.Feed(ts, []byte(connect(descriptor)))
	d.Feed(tc, []byte(pkt(typeRefuse, false, "\x22\x00\x00\x50(DESCRIPTION=(VSNNUM=318767104)(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4))))")))
	if got := lines(d); len(got) != 1 {
		t.Errorf("%q", got)
	}
	has(t, d.JSON(), `"ORA-12514"`, `failure`, `server_version":"19.0.0.0.0"`)
	d = prototest.New(New(false))
	d.Feed(ts, []byte(connect("")))
	d.Feed(ts, []byte(pkt(typeData, false, "\x00\x00"+descriptor)))
	d.Feed(tc, []byte(pkt(typeRedirect, false, "\x00\x10(ADDRESS=(HOST=b))")))
	has(t, d.JSON(), `orcl`, `redirect":"(ADDRESS=(HOST=b))"`)
}

func TestLogin(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(data("\x03\x76\x02\xfe\xff\x03sys\x27\x00\x00\x00\x0dAUTH_TERMINAL\x0f\x00\x00\x00\x05pts/0\x00\x00\x00\x00\x0f\x00\x00\x00\x0fAUTH_PROGRAM_NM\x07\x00\x00\x00\x07sqlplus\x00")))
	d.Feed(tc, []byte(data("\x08AUTH_SESSKEY")))
	d.Feed(ts, []byte(data("\x03\x73\x03\x01\x03\x03SYS\x01\x0d\x0dAUTH_PASSWORD\x01\x02\x02xx")))
	d.Feed(tc, []byte(data("\x04\x00ORA-01017: invalid username/password; logon denied\n")))
	d.End()
	got := lines(d)
	if len(got) != 2 {
		t.Fatalf("%q", got)
	}
	has(t, got[1], `"LOGIN"`, `db.user":"SYS"`, `db.client":"sqlplus"`, `"ORA-01017"`, `failure`)
}

func TestStatements(t *testing.T) {
	d := session()
	d.Feed(ts, []byte(data("\x03\x5e\x07\x61\x80\x00\x00\x00\x1bselect * from hr.employees \x01\x01")))
	d.Feed(tc, []byte(data("\x10rows")))
	d.Feed(tc, []byte(data("\x04ORA-01403: no data found\n")))
	long := "insert into t values ('" + strings.Repeat("x", 90) + "')"
	d.Feed(ts, []byte(data("\x11\x69\x01\x03\x5e\x08\xfe\x40"+long[:64]+string([]byte{byte(len(long) - 64)})+long[64:]+"\x00\x02\x02")))
	d.Feed(tc, []byte(data("\x04ORA-00942: table or view does not exist\n")))
	d.Feed(ts, []byte(data("\x03\x0e\x09")))
	d.Feed(tc, []byte(data("\x09")))
	d.End()
	got := lines(d)
	if len(got) != 4 {
		t.Fatalf("%q", got)
	}
	has(t, got[1], `"select * from hr.employees "`, `["hr.employees"]`, `success`, `db.name":"orcl"`)
	has(t, got[2], `"INSERT"`, long[:60], `"ORA-00942"`)
	has(t, got[3], `"COMMIT"`, `success`)
}

func TestNoStatement(t *testing.T) {
	for _, s := range []string{"", "x", "\x05selec", "\x06select\x01", "xx\x03\xfeselecting"} {
		if got := statement([]byte(s)); got != nil && string(got) != "select" {
			t.Errorf("%q: %q", s, got)
		}
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ts, 9999, connect(descriptor), proto.Yes)
	f(tc, 9999, connect(descriptor), proto.Reversed)
	f(ts, 1521, connect(descriptor)[:10], proto.Maybe)
	f(ts, 1521, "GET / HTTP/1.1\r\nHost: x\r\n\r\n..", proto.No)
}

func FuzzParser(f *testing.F) {
	start := append(prototest.Pack(ts, connect(descriptor)), prototest.Pack(tc, accept())...)
	start = start[:len(start):len(start)]
	f.Add(append(start, prototest.Pack(ts, data("\x03\x5e\x07\x61\x80\x00\x00\x00\x1bselect * from hr.employees \x01\x01"))...))
	f.Add(append(start, prototest.Pack(ts, data("\x03\x76\x02\xfe\xff\x03sys\x0d\x00\x00\x00\x0dAUTH_TERMINAL\x05\x00\x00\x00\x05pts/0"))...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		statement(b)
		loginUser(b)
		oraError(b)
		attribute(b, "AUTH_SID")
	})
}
