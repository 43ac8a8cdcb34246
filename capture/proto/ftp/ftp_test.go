package ftp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// control drives a parser of a control connection between 10.0.0.1:4000 and 10.0.0.2:21 and keeps what it announces.
type control struct {
	p       proto.Parser
	flow    flow.Flow
	live    proto.Live
	ctx     proto.Context
	verdict proto.Verdict
}

func newControl() *control {
	c := &control{p: New(false)}
	c.flow.Client, c.flow.Server = netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:21")
	c.ctx = proto.NewContext(&c.flow, time.Unix(0, 0), &c.live)
	return c
}

func (c *control) talk(lines ...string) *control {
	for _, l := range lines {
		dir := flow.ToServer
		if l[0] == 'S' {
			dir = flow.ToClient
		}
		if c.verdict == proto.Continue {
			_, c.verdict = c.p.Data(&c.ctx, dir, []byte(strings.ReplaceAll(l[3:], "\n", "\r\n")+"\r\n"))
		}
	}
	return c
}

func (c *control) tx(i int) *Transaction { return c.live.List[i].(*Transaction) }

func TestCommands(t *testing.T) {
	c := newControl().talk("S: 220-Hello\n220 FTP here", "C: USER anonymous", "S: 331 Password?", "C: pass secret", "S: 230 In", "C: FEAT", "S: 211-Features:\n MDTM\n211-no end\n 211 nor this\n211 End",
		"C: RETR a b.txt", "S: 150 here\n226 done", "C: NOOP\nQUIT", "S: 200 ok\n221 bye")
	if len(c.live.List) != 7 {
		t.Fatalf("%d transactions", len(c.live.List))
	}
	if x := c.tx(0); x.Command != nil || len(x.Replies) != 2 || string(x.Replies[0].Text) != "Hello" || string(x.Replies[1].Code) != "220" {
		t.Errorf("greeting %+v", x)
	}
	if x := c.tx(2); string(x.Command) != "pass" || string(x.Data) != "secret" || string(x.User) != "anonymous" || string(x.Replies[0].Text) != "In" {
		t.Errorf("PASS %+v", x)
	}
	if x := c.tx(3); len(x.Replies) != 5 || x.Replies[1].Code != nil || string(x.Replies[1].Text) != " MDTM" {
		t.Errorf("FEAT %+v", x)
	}
	if x := c.tx(4); string(x.Data) != "a b.txt" || len(x.Replies) != 2 || string(x.Replies[1].Code) != "226" {
		t.Errorf("RETR %+v", x)
	}
	if x := c.tx(6); string(x.Command) != "QUIT" || string(x.Replies[0].Code) != "221" {
		t.Errorf("QUIT %+v", x)
	}
	for i := range c.live.List {
		if x := c.tx(i); !x.Complete(0) || !x.Complete(1) || len(x.Anomalies) > 0 {
			t.Errorf("%d: not complete, or %v", i, x.Anomalies)
		}
	}
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("PASS secret\r\nacct secret\r\n"))
	d.End()
	if s := d.JSON(); strings.Contains(s, "secret") || strings.Count(s, masked) != 2 {
		t.Errorf("a secret in the event: %s", s)
	}
}

func TestDataConnections(t *testing.T) {
	f := func(want string, mode Mode, bounce bool, lines ...string) {
		t.Helper()
		c := newControl().talk(lines...)
		var got []string
		for _, e := range c.ctx.Expected {
			got = append(got, e.Server.String()+"<"+e.Client.String()+" "+e.Data.(*Transfer).Command+" "+string(e.Data.(*Transfer).Name))
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q announces %q, want %q", lines, s, want)
		}
		if x := c.tx(0); x.Mode != mode || x.Bounce != bounce {
			t.Errorf("%q: mode %v, bounce %v", lines, x.Mode, x.Bounce)
		}
	}
	f("10.0.0.1:59914<10.0.0.2 STOR f", Active, false, "C: PORT 10,0,0,1,234,10", "S: 200 ok", "C: STOR f")
	f("10.0.0.9:59914<10.0.0.2 RETR f", Active, true, "C: PORT 10,0,0,9,234,10", "C: RETR f")
	f("10.0.0.1:6446<10.0.0.2 LIST ", Active, false, "C: EPRT |1|10.0.0.1|6446|", "C: LIST")
	f("10.0.0.2:41151<10.0.0.1 RETR x", Passive, false, "C: PASV", "S: 227 Entering Passive Mode (10,0,0,2,160,191).", "C: RETR x")
	f("10.0.0.2:41151<10.0.0.1 NLST |192.168.9.9:41151<10.0.0.1 NLST ", Passive, false, "C: PASV", "S: 227 =192,168,9,9,160,191", "C: NLST")
	f("10.0.0.2:58612<10.0.0.1 APPE y", Passive, false, "C: EPSV", "S: 229 Extended (|||58612|)", "C: APPE y")
	f("", Passive, false, "C: PASV", "S: 227 nothing", "C: EPSV", "S: 229 (|||99999|)", "C: RETR x")
	f("", Active, false, "C: PORT 10,0,0,1,256,10", "C: PORT 1,2,3", "C: EPRT |1|x|1|", "C: EPRT |")
	if c := newControl().talk("C: PASV", "S: 227 (10,0,0,2,160,191)"); c.tx(0).Port != 41151 {
		t.Errorf("port %d", c.tx(0).Port)
	}
}

func TestDataParser(t *testing.T) {
	about := &Transfer{}
	d := prototest.New(NewData(about))
	d.Feed(flow.ToClient, []byte("abc"))
	if len(d.Live.List) != 0 {
		t.Fatal("begun before the command is known")
	}
	about.Command, about.Name = "RETR", []byte("f.bin")
	d.Feed(flow.ToClient, []byte("def"))
	d.End()
	x := d.Live.List[0].(*DataTransaction)
	if fs := x.Files(flow.ToClient); len(fs) != 1 || string(fs[0].Data) != "abcdef" || string(fs[0].Name) != "f.bin" || fs[0].State != file.Closed || x.Files(flow.ToServer) != nil {
		t.Errorf("%+v", x)
	}
	if !x.Complete(0) || x.Bytes != 6 {
		t.Errorf("%+v", x)
	}
	d = prototest.New(NewData(&Transfer{Command: "LIST"}))
	d.Feed(flow.ToServer, []byte(strings.Repeat("x", 5000)))
	d.Gap(flow.ToServer, 10)
	d.End()
	if x := d.Live.List[0].(*DataTransaction); len(x.Listing) != listingMax || x.Bytes != 5010 || x.Files(0) != nil {
		t.Errorf("%d bytes of listing, %d in all", len(x.Listing), x.Bytes)
	}
	d = prototest.New(NewData(&Transfer{Command: "STOR"}))
	d.Feed(flow.ToServer, []byte("x"))
	d.Gap(flow.ToServer, 10)
	d.End()
	if x := d.Live.List[0].(*DataTransaction); x.Files(0)[0].State != file.Truncated || x.Files(0)[0].Size != 11 {
		t.Errorf("%+v", x.Files(0)[0])
	}
	d = prototest.New(NewData(nil)) // no command ever: it is a file at the end
	d.Feed(flow.ToServer, []byte("x"))
	d.End()
	if x := d.Live.List[0].(*DataTransaction); len(x.Files(0)) != 1 {
		t.Errorf("%+v", x)
	}
}

func TestOddities(t *testing.T) {
	c := newControl().talk("C: RETR "+strings.Repeat("A", 5000), "S: 550 no")
	if x := c.tx(0); !slices.Contains(x.Anomalies, "request_command_too_long") || !x.Truncated || len(x.Line) != lineBytesMax {
		t.Errorf("%v, %d bytes", x.Anomalies, len(x.Line))
	}
	c = newControl().talk("C: HELP", "S: 214 "+strings.Repeat("A", 5000))
	if x := c.tx(0); !slices.Contains(x.Anomalies, "response_command_too_long") || !x.ReplyTruncated {
		t.Errorf("%v", x.Anomalies)
	}
	c = newControl().talk("C: AUTH TLS", "S: 234 go")
	if c.verdict != proto.Restart || c.ctx.Next != flow.AppTLS || !c.tx(0).Complete(0) {
		t.Errorf("verdict %v, next %v", c.verdict, c.ctx.Next)
	}
	c = newControl().talk("C: AUTH TLS", "S: 500 no", "C: \xff\xf4\xf2ABOR")
	if c.verdict != proto.Continue || string(c.tx(1).Command) != "ABOR" {
		t.Errorf("verdict %v", c.verdict)
	}
	c = newControl().talk("S: 220-" + strings.Repeat("\n220-x", 100) + "\n220 end")
	if x := c.tx(0); len(x.Replies) != repliesMax || !x.ReplyTruncated || !x.Complete(1) {
		t.Errorf("%d reply lines", len(x.Replies))
	}
	for range 3 * waitingMax {
		c.talk("C: NOOP")
	}
	noted := 0
	for _, x := range c.live.List {
		noted += len(x.Base().Anomalies)
	}
	for _, x := range c.live.Overflow() {
		noted += len(x.Base().Anomalies)
	}
	if n := len(c.p.(*Parser).waiting); n > waitingMax || noted != 1 {
		t.Errorf("%d commands wait, noted %d times", n, noted)
	}
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("NOOP\r\nRE"))
	d.Gap(flow.ToServer, 5)
	d.Feed(flow.ToServer, []byte("st\r\nQUIT\r\n"))
	d.Gap(flow.ToClient, 5)
	d.End()
	if len(d.Live.List) != 2 || !d.Live.List[1].Complete(1) {
		t.Errorf("after gaps: %s", d.JSON())
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(flow.ToClient, 2121, "220 (vsFTPd 3)\r\n", proto.Yes)
	f(flow.ToClient, 21, "220 hello\r\n", proto.Yes)
	f(flow.ToClient, 2121, "220 hello\r\n", proto.No)
	f(flow.ToClient, 2121, "220 he", proto.Maybe)
	f(flow.ToServer, 2121, "USER anonymous\r\n", proto.Yes)
	f(flow.ToServer, 2121, "USER x 0 * :real name\r\n", proto.No)
	f(flow.ToServer, 2121, "USER x", proto.Maybe)
	f(flow.ToServer, 110, "USER me\r\n", proto.No)
	f(flow.ToServer, 2121, "PASS me\r\n", proto.No)
	f(flow.ToServer, 2121, "AUTH TLS\r\n", proto.Yes)
	f(flow.ToServer, 21, "FEAT\r\n", proto.Yes)
	f(flow.ToServer, 80, "GET / HTTP/1.1\r\n", proto.No)
	if RecogniseData(&proto.Probe{Data: []byte("x")}) != proto.No {
		t.Error("data connections cannot be recognised")
	}
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToServer, "USER a\r\nPORT 1,2,3,4,5,6\r\nRETR x\r\nEPRT |2|::1|99|\r\nPASV\r\nEPSV\r\nAUTH TLS\r\n"),
		prototest.Pack(flow.ToClient, "220-a\r\n220 b\r\n331 c\r\n200 ok\r\n150 x\r\n226 y\r\n200 ok\r\n227 (1,2,3,4,5,6)\r\n229 (|||7|)\r\n234 go\r\n")...))
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
			if d.Verdict == proto.Continue && (!l.Complete(0) || !l.Complete(1)) {
				t.Fatal("not complete at the end")
			}
		}
	})
}

func FuzzDataParser(f *testing.F) {
	f.Add(prototest.Pack(flow.ToClient, "file"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		d := prototest.New(NewData(&Transfer{Command: []string{"", "RETR", "LIST", "STOR"}[kind&3]}))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			if !l.Complete(0) {
				t.Fatal("not complete at the end")
			}
		}
	})
}
