package irc

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

func txs(d *prototest.Driver) []*Transaction {
	var list []*Transaction
	for _, t := range d.Live.List {
		list = append(list, t.(*Transaction))
	}
	return list
}

func TestMessages(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("PASS hunter2\r\nnick bot\nUSER a 0 * :real name\r\n"))
	d.Feed(flow.ToClient, []byte("PING :1\r\n:srv 001 bot2 :Welcome\r\n:srv 372 bot2 :motd\r\n:srv 433 * x :in use\r\n"))
	d.Feed(flow.ToServer, []byte("PONG :1\r\nJOIN #a,#b key\r\nPRIVMSG NickServ :IDENTIFY hunter2\r\nOPER me hunter2\r\n"))
	d.Feed(flow.ToClient, []byte("@time=x;y=z :ev!u@h PRIVMSG #a :!run :now\r\n:ev!u@h PRIVMSG bot2 :\x01DCC SEND \"a b.exe\" 3232235777 5000 1024\x01\r\n:ev PRIVMSG bot2 :\x01DCC CHAT chat 10.0.0.1 6000\x01\r\n"))
	d.Feed(flow.ToServer, []byte("QUIT"))
	d.End()
	var got []string
	list := txs(d)
	for _, x := range list {
		got = append(got, x.Command)
	}
	if !slices.Equal(got, []string{"PASS", "NICK", "USER", "001", "433", "JOIN", "PRIVMSG", "OPER", "PRIVMSG", "PRIVMSG", "PRIVMSG", "QUIT"}) {
		t.Fatalf("%q", got)
	}
	if x := list[2]; len(x.Params) != 4 || string(x.Param(3)) != "real name" || string(x.User) != "bot" || x.Param(4) != nil {
		t.Errorf("USER %+v", x)
	}
	if x := list[5]; string(x.Channel()) != "#a" || string(x.User) != "bot2" {
		t.Errorf("JOIN %q by %q", x.Channel(), x.User)
	}
	if x := list[8]; string(x.Nick()) != "ev" || string(x.Channel()) != "#a" || string(x.Param(1)) != "!run :now" || x.DCC != nil {
		t.Errorf("PRIVMSG %+v", x)
	}
	if x := list[9].DCC; x == nil || x.Kind != "SEND" || string(x.File) != "a b.exe" || x.Addr.String() != "192.168.1.1:5000" || x.Size != 1024 {
		t.Errorf("DCC %+v", x)
	}
	if x := list[10]; x.DCC == nil || x.DCC.Addr.String() != "10.0.0.1:6000" || x.Channel() != nil {
		t.Errorf("DCC %+v", x.DCC)
	}
	if s := d.JSON(); strings.Contains(s, "hunter2") || strings.Count(s, masked) != 3 {
		t.Errorf("a secret in the events: %s", s)
	}
}

func TestOdd(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("\x01\x02 x\r\nPRIVMSG #a :"+strings.Repeat("x", 9000)+"\r\nJOIN #b\r\n"+"A"+strings.Repeat(" b", 40)+"\r\n"))
	list := txs(d)
	if len(list) != 4 || !slices.Contains(list[0].Anomalies, "invalid_message") || !slices.Contains(list[1].Anomalies, "line_too_long") || len(list[3].Params) != paramsMax {
		t.Errorf("%s", d.JSON())
	}
	d = prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("JOIN #"))
	d.Gap(flow.ToServer, 5)
	d.Feed(flow.ToServer, []byte("rest\r\nJOIN #c\r\n"))
	if list := txs(d); len(list) != 1 || string(list[0].Channel()) != "#c" {
		t.Errorf("%s", d.JSON())
	}
	d = prototest.New(New(false))
	d.Feed(flow.ToClient, []byte(":srv 670 x :go\r\n"))
	if d.Verdict != proto.Restart {
		t.Errorf("verdict %v", d.Verdict)
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: 6667, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(flow.ToServer, "NICK me\r\n", proto.Yes)
	f(flow.ToServer, "NI", proto.Maybe)
	f(flow.ToServer, "USER a b c :d\r\n", proto.Yes)
	f(flow.ToServer, "USER anonymous\r\n", proto.No)
	f(flow.ToServer, "PASS x\r\nNICK me\r\n", proto.Yes)
	f(flow.ToServer, "PASS x\r\n", proto.Maybe)
	f(flow.ToServer, "PASS x\r\nLIST\r\n", proto.No)
	f(flow.ToServer, "CAP LS 302\r\n", proto.Yes)
	f(flow.ToServer, "CAPA\r\n", proto.No)
	f(flow.ToServer, "GET / HTTP/1.1\r\n", proto.No)
	f(flow.ToClient, "NOTICE AUTH :*** Looking up\r\n", proto.Yes)
	f(flow.ToClient, ":irc.example NOTICE * :x\r\n", proto.Yes)
	f(flow.ToClient, ":irc.exam", proto.Maybe)
	f(flow.ToClient, ":x y\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToServer, "PASS x\r\nNICK a\r\nUSER a 0 * :b\r\nPRIVMSG x :\x01DCC SEND f 1 2 3\x01\r\n"), prototest.Pack(flow.ToClient, "@a=b :s 001 a :x\r\n:a!b@c NICK d\r\n:s 670\r\n")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			for _, a := range l.Base().Anomalies {
				if !slices.Contains(Anomalies, a) {
					t.Fatalf("anomaly %q is not published", a)
				}
			}
		}
	})
}
