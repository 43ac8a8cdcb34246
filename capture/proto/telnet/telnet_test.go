package telnet

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// session is a log-in, character by character with echo.
func session(d *prototest.Driver) []*Transaction {
	server := func(s string) { d.Feed(flow.ToClient, []byte(s)) }
	typed := func(s string, echo bool) {
		for _, c := range []byte(s) {
			d.Feed(flow.ToServer, []byte{c})
			if echo {
				d.Feed(flow.ToClient, []byte{c})
			}
		}
		d.Feed(flow.ToServer, []byte("\r\x00"))
		server("\r\n")
	}
	server("\xff\xfd\x18\xff\xfd\x27\xff\xfb\x01")
	d.Feed(flow.ToServer, []byte("\xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0\xff\xfa\x27\x00\x00USER\x01-f root\x03A\x01b\xff\xf0"))
	server("Welcome\r\n\r\nlogin: ")
	typed("faxe\x7fx\bke", true)
	server("Password: ")
	typed("secret", false)
	server("Login incorrect\r\nlogin: ")
	typed("root", true)
	server("Password: ")
	typed("secret2", false)
	server("Last login: today\r\n$ ")
	d.Feed(flow.ToServer, []byte("\x1b[A\x1bOB"))
	typed("cat /etc/passwd", true)
	server("root:x:0\r\n$ ")
	typed("gone\x15exit", true)
	var list []*Transaction
	for _, t := range d.Live.List {
		list = append(list, t.(*Transaction))
	}
	return list
}

func TestSession(t *testing.T) {
	d := prototest.New(New(false))
	list := session(d)
	d.End()
	if len(list) != 7 {
		t.Fatalf("%d lines\n%s", len(list), d.JSON())
	}
	f := func(i int, kind Kind, line, user, output string) {
		t.Helper()
		x := list[i]
		if x.Kind != kind || string(x.Line) != line || string(x.User) != user || !strings.Contains(string(x.Output), output) {
			t.Errorf("line %d: kind %d, %q, user %q, output %q", i, x.Kind, x.Line, x.User, x.Output)
		}
		if !x.Complete(0) || !x.Complete(1) {
			t.Errorf("line %d is not complete", i)
		}
	}
	f(0, Banner, "", "", "Welcome")
	f(1, User, "faxke", "faxke", "Password")
	f(2, Password, "secret", "faxke", "incorrect")
	f(3, User, "root", "root", "")
	f(5, Command, "cat /etc/passwd", "root", "root:x:0")
	f(6, Command, "exit", "root", "")
	if x := list[1]; string(x.Terminal) != "xterm" || len(x.Environ) != 2 || string(x.Environ[0].Name) != "USER" || string(x.Environ[0].Value) != "-f root" || string(x.Environ[1].Value) != "b" {
		t.Errorf("terminal %q, environment %q", x.Terminal, x.Environ)
	}
	if string(list[5].Prompt) != "$ " {
		t.Errorf("prompt %q", list[5].Prompt)
	}
	s := d.JSON()
	if strings.Contains(s, "secret") || !strings.Contains(s, `"event.outcome":"failure"`) || !strings.Contains(s, `"process.command_line":"cat /etc/passwd"`) {
		t.Errorf("%s", s)
	}
}

func TestLines(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("one\r\ntwo\nthree\r\x00\xff\xfffour\rfive\r\n"+strings.Repeat("x", 2000)+"\n"))
	var got []string
	for _, l := range d.Live.List {
		got = append(got, string(l.(*Transaction).Line))
	}
	if !slices.Equal(got[:5], []string{"one", "two", "three", "\xfffour", "five"}) || len(got[5]) != lineBytesMax || !d.Live.List[5].(*Transaction).Cut {
		t.Errorf("%q", got)
	}
}

func TestOdd(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("\xff\xfa\x18"+strings.Repeat("x", 2000)))
	if x := d.Live.List[0].(*Transaction); !slices.Contains(x.Anomalies, "subnegotiation_too_long") {
		t.Errorf("%v", x.Anomalies)
	}
	d = prototest.New(New(false))
	d.Feed(flow.ToClient, []byte("hello\xff\xfa\x26\x03\xff\xf0"))
	if d.Verdict != proto.Stop || !d.Live.List[0].Complete(1) {
		t.Errorf("encryption: verdict %v", d.Verdict)
	}
	d = prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("be"))
	d.Gap(flow.ToServer, 3)
	d.Feed(flow.ToServer, []byte("fter\r\n"))
	if x := d.Live.List[0].(*Transaction); string(x.Line) != "befter" || !x.Cut {
		t.Errorf("%q, cut %v", x.Line, x.Cut)
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(flow.ToClient, 23, "\xff\xfd\x18", proto.Yes)
	f(flow.ToClient, 2323, "\xff\xfd\x18", proto.Maybe)
	f(flow.ToClient, 2323, "\xff\xfd\x18\xff\xfb\x01", proto.Yes)
	f(flow.ToClient, 2323, "\xff\xfd\x18\x00\x00\x01", proto.No)
	f(flow.ToServer, 2323, "\xff\xd8\xff\xe0", proto.No)
	f(flow.ToClient, 23, "Router\r\nUsername: ", proto.Yes)
	f(flow.ToClient, 23, "\r\nWelcome", proto.Maybe)
	f(flow.ToClient, 23, "SSH-2.0-x\r\n\x01", proto.No)
	f(flow.ToClient, 80, "login: ", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToClient, "\xff\xfd\x18hi\r\nlogin: "), prototest.Pack(flow.ToServer, "\xff\xfa\x18\x00x\xff\xf0\xff\xfa\x27\x00\x00A\x01b\xff\xf0me\r\npw\x7f\x15\x1b[A\r\n")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			x := l.(*Transaction)
			if len(x.Line) > lineBytesMax || len(x.Output) > outputBytesMax || len(x.Prompt) > promptBytesMax {
				t.Fatal("past a limit")
			}
			if d.Verdict == proto.Continue && (!l.Complete(0) || !l.Complete(1)) {
				t.Fatal("not complete at the end")
			}
		}
	})
}
