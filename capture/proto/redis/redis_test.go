package redis

import (
	"fmt"
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

func cmd(words ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return s
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

func TestPipeline(t *testing.T) {
	d := prototest.New(New(false))
	in := cmd("AUTH", "joe", "secret") + cmd("select", "3") + cmd("GET", "k") + cmd("MGET", "a", "b") + cmd("lpush", "l", "x") + "PING\r\n" + cmd("CONFIG", "SET", "requirepass", "hidden")
	for len(in) > 0 { // in small pieces
		n := min(len(in), 7)
		d.Feed(ts, []byte(in[:n]))
		in = in[n:]
	}
	out := "+OK\r\n+OK\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n:1\r\n-WRONGTYPE Operation against a key\r\n+PONG\r\n+OK\r\n"
	for _, c := range []byte(out) {
		d.Feed(tc, []byte{c})
	}
	got := lines(d)
	if len(got) != 7 || strings.Contains(d.JSON(), "secret") || strings.Contains(d.JSON(), "hidden") {
		t.Fatalf("%q", got)
	}
	has(t, got[0], `"AUTH joe ***"`, `db.user":"joe"`, `success`)
	has(t, got[1], `"SELECT"`, `db.name":"3"`)
	has(t, got[2], `["k"]`, `db.rows":0`)
	has(t, got[3], `["a","b"]`, `db.rows":2`)
	has(t, got[4], `"WRONGTYPE"`, `failure`, `"LPUSH"`)
	has(t, got[5], `"PING"`)
	has(t, got[6], `"CONFIG SET"`, `requirepass ***`)
	if tx := d.Live.List[0].(*Transaction); string(tx.Text) != "AUTH joe secret" {
		t.Errorf("%s", tx.Text)
	}
}

func TestUserAndDatabaseFollow(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(cmd("HELLO", "3", "AUTH", "joe", "pw")+cmd("SELECT", "2")))
	d.Feed(tc, []byte("|1\r\n+a\r\n+b\r\n%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n+OK\r\n"))
	d.Feed(ts, []byte(cmd("DEL", "x")))
	d.Feed(tc, []byte(">2\r\n+invalidate\r\n*1\r\n$1\r\nx\r\n:1\r\n"))
	got := lines(d)
	has(t, got[0], `db.rows":2`, `HELLO 3 AUTH joe ***`)
	has(t, got[2], `db.user":"joe"`, `db.name":"2"`, `db.rows":1`, `success`)
}

func TestSubscribe(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte(cmd("SUBSCRIBE", "a", "b")))
	d.Feed(tc, []byte("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"))
	if len(d.Live.List) != 1 || !d.Live.List[0].Complete(tc) {
		t.Error(d.JSON())
	}
}

func TestMask(t *testing.T) {
	f := func(want string, words ...string) {
		t.Helper()
		tx := &Transaction{}
		for _, w := range words {
			tx.Words = append(tx.Words, []byte(w))
		}
		tx.fill(false)
		if string(tx.Statement) != want {
			t.Errorf("%s, want %s", tx.Statement, want)
		}
	}
	f("AUTH ***", "AUTH", "pw")
	f("AUTH", "AUTH")
	f("ACL SETUSER joe on >*** ~*", "ACL", "SETUSER", "joe", "on", ">pw", "~*")
	f("MIGRATE h 1 k 0 5 AUTH ***", "MIGRATE", "h", "1", "k", "0", "5", "AUTH", "pw")
	f("CONFIG GET requirepass", "CONFIG", "GET", "requirepass")
}

func TestLongStringsAndGaps(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(ts, []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n"+strings.Repeat("x", 40000)))
	d.Gap(ts, 50000)
	d.Feed(ts, []byte(strings.Repeat("x", 10000)+"\r\n"+cmd("GET", "k")))
	d.Feed(tc, []byte("+OK\r\n$5\r\nab"))
	got := lines(d)
	if len(got) != 2 || len(d.Live.List[0].(*Transaction).Words[2]) != wordMax {
		t.Fatalf("%q", got)
	}
	has(t, got[0], `statement_cut":true`, `success`)
	d.Gap(tc, 100)
	d.Feed(tc, []byte("xx\r\n"))
	d.Feed(ts, []byte(cmd("GET", "z")))
	d.Feed(tc, []byte("$1\r\n1\r\n"))
	got = lines(d)
	has(t, got[2], `["z"]`, `success`)
	if strings.Contains(got[1], "outcome") {
		t.Error(got[1])
	}
}

func TestBroken(t *testing.T) {
	for _, s := range []string{"*99999999999999999999\r\n", "*1\r\n$-9\r\n", "*1\r\n?\r\n", strings.Repeat("*1\r\n", 20)} {
		d := prototest.New(New(false))
		d.Feed(ts, []byte(s))
		if d.Verdict != proto.Fail {
			t.Errorf("%q: %v", s, d.Verdict)
		}
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: 6380, ClientPort: 50000, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(ts, cmd("PING"), proto.Yes)
	f(ts, "*1", proto.Maybe)
	f(ts, "*1\r", proto.Maybe)
	f(ts, "* OK IMAP", proto.No)
	f(tc, cmd("PING"), proto.No)
	f(ts, "GET / HTTP/1.1\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(ts, cmd("AUTH", "x")+cmd("GET", "k")), prototest.Pack(tc, "+OK\r\n*2\r\n$1\r\nx\r\n:1\r\n")...))
	f.Add(append(append(prototest.Pack(ts, cmd("HELLO", "3")), 0x1e, 9), prototest.Pack(tc, "|1\r\n+a\r\n+b\r\n%1\r\n+server\r\n_\r\n!3\r\nERR\r\n")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		if p := d.Parser.(*Parser); len(p.waiting) > waitingMax || len(p.sides[0].left) > depthMax || len(p.sides[1].left) > depthMax {
			t.Fatal("not bounded")
		}
	})
}
