package pop3

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// talk feeds a conversation: "S: " the server, "C: " the client, with CRLF.
func talk(d *prototest.Driver, lines ...string) []*Transaction {
	for _, l := range lines {
		dir := flow.ToServer
		if l[0] == 'S' {
			dir = flow.ToClient
		}
		d.Feed(dir, []byte(strings.ReplaceAll(l[3:], "\n", "\r\n")+"\r\n"))
	}
	var list []*Transaction
	for _, t := range d.Live.List {
		list = append(list, t.(*Transaction))
	}
	return list
}

func TestSession(t *testing.T) {
	d := prototest.New(New(false))
	list := talk(d, "S: +OK ready", "C: CAPA", "S: +OK list\nUSER\n..x\n.", "C: user me", "S: +OK", "C: PASS secret word", "S: -ERR no", "C: LIST 1\nUIDL", "S: +OK 1 120\n+OK\n1 abc\n.",
		"C: RETR 1", "S: +OK\nSubject: hi\nContent-Disposition: attachment; filename=f.txt\n\n..dot\nhttp://x.example\n.", "C: QUIT", "S: +OK bye")
	if len(list) != 8 {
		t.Fatalf("%d transactions\n%s", len(list), d.JSON())
	}
	if x := list[1]; string(x.Command) != "CAPA" || string(x.Status) != "OK" || string(x.Header) != "list" || len(x.Data) != 2 || string(x.Data[1]) != ".x" {
		t.Errorf("CAPA %+v", x)
	}
	if x := list[3]; string(x.Status) != "ERR" || len(x.Args) != 2 || string(x.User) != "me" {
		t.Errorf("PASS %+v", x)
	}
	if x := list[5]; string(x.Command) != "UIDL" || len(x.Data) != 1 {
		t.Errorf("UIDL %+v", x)
	}
	x := list[6]
	if v, _ := x.Mail.Value("subject"); string(v) != "hi" || len(x.Files(1)) != 1 || string(x.Files(1)[0].Data) != ".dot\r\nhttp://x.example" || x.Files(1)[0].State != file.Closed || x.Files(0) != nil {
		t.Errorf("RETR %+v", x.Mail)
	}
	for _, x := range list {
		if !x.Complete(0) || !x.Complete(1) || len(x.Anomalies) > 0 {
			t.Errorf("%s: %v, progress %v", x.Command, x.Anomalies, x.progress)
		}
	}
	if strings.Contains(d.JSON(), "secret") || strings.Contains(d.JSON(), "word") {
		t.Error("the password is in the event")
	}
}

func TestLogins(t *testing.T) {
	f := func(user string, lines ...string) {
		t.Helper()
		d := prototest.New(New(false))
		list := talk(d, append(lines, "C: STAT", "S: +OK 0 0")...)
		if len(list) != 2 || string(list[1].User) != user || string(list[1].Command) != "STAT" {
			t.Errorf("%q, want user %q: %s", lines, user, d.JSON())
		}
		if s := d.JSON(); strings.Contains(s, "c2VjcmV0") || strings.Contains(s, "digest") {
			t.Errorf("a secret in the event: %s", s)
		}
	}
	f("user", "C: AUTH PLAIN", "S: + ", "C: AHVzZXIAc2VjcmV0", "S: +OK")
	f("user", "C: AUTH PLAIN AHVzZXIAc2VjcmV0", "S: -ERR")
	f("user", "C: AUTH LOGIN", "S: + VXNlcm5hbWU6", "C: dXNlcg==", "S: + UGFzc3dvcmQ6", "C: c2VjcmV0", "S: +OK")
	f("tim", "C: AUTH CRAM-MD5", "S: + PDE4OTYu", "C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "S: +OK")
	f("me", "C: APOP me digest", "S: +OK")
	f("", "C: AUTH", "S: +OK\nPLAIN\n.")
}

func TestSTLS(t *testing.T) {
	d := prototest.New(New(false))
	list := talk(d, "S: +OK", "C: STLS", "S: +OK go")
	if d.Verdict != proto.Restart || !list[1].STLS || !list[1].Complete(0) {
		t.Errorf("verdict %v", d.Verdict)
	}
}

func TestAnomalies(t *testing.T) {
	f := func(anomaly string, lines ...string) {
		t.Helper()
		d := prototest.New(New(false))
		list := talk(d, lines...)
		d.End()
		if !slices.ContainsFunc(list, func(x *Transaction) bool { return slices.Contains(x.Anomalies, anomaly) }) {
			t.Errorf("%s is missing: %s", anomaly, d.JSON())
		}
	}
	f("unknown_command", "C: XYZ")
	f("incorrect_argument_count", "C: RETR")
	f("incorrect_argument_count", "C: QUIT 1")
	f("request_too_long", "C: USER "+strings.Repeat("x", 300))
	f("response_too_long", "S: +OK "+strings.Repeat("x", 600))
	f("response_too_long", "C: CAPA", "S: +OK\n"+strings.Repeat("x", 5000))
	f("mime_malformed_msg", "C: RETR 1", "S: +OK\nContent-Type: multipart/mixed\n\n.")
	f("too_many_transactions", strings.Split(strings.Repeat("C: NOOP|", waitingMax+1)+"C: NOOP", "|")...)
}

func TestGaps(t *testing.T) {
	d := prototest.New(New(false))
	list := talk(d, "C: RETR 1", "S: +OK\nContent-Disposition: attachment; filename=f\n\nabc")
	d.Gap(flow.ToClient, 10)
	talk(d, "S: def\n.")
	if x := list[0]; !x.Mail.Lost || x.Files(1)[0].State != file.Truncated || !x.Complete(1) {
		t.Errorf("%+v", x.Files(1)[0])
	}
	d = prototest.New(New(false))
	list = talk(d, "C: STAT")
	d.Gap(flow.ToClient, 10)
	list = append(list, talk(d, "S: tail\nC", "C: STAT", "S: +OK 1 1")...)
	if !list[0].Complete(1) || !list[len(list)-1].Complete(1) || string(list[len(list)-1].Status) != "OK" {
		t.Errorf("%s", d.JSON())
	}
	d = prototest.New(New(false))
	list = talk(d, "C: RETR 1", "S: +OK\nContent-Disposition: attachment; filename=f\n\nabc")
	d.End()
	if x := list[0]; x.Files(1)[0].State != file.Truncated || !x.Complete(1) {
		t.Errorf("%+v", x.Files(1)[0])
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(flow.ToServer, 110, "USER me\r\n", proto.Yes)
	f(flow.ToServer, 21, "USER me\r\n", proto.No)
	f(flow.ToClient, 1100, "+OK ready\r\n", proto.Yes)
	f(flow.ToClient, 1100, "+O", proto.Maybe)
	f(flow.ToClient, 6379, "+OK\r\n", proto.No)
	f(flow.ToClient, 110, "+OK\r\n", proto.Yes)
	f(flow.ToClient, 1100, "+PONG\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToServer, "CAPA\r\nUSER a\r\nRETR 1\r\nAUTH PLAIN\r\nAHVzZXIAc2VjcmV0\r\nSTLS\r\n"),
		prototest.Pack(flow.ToClient, "+OK\r\n+OK\r\nx\r\n.\r\n+OK\r\n+OK\r\nContent-Type: a/b; name=c\r\n\r\nx\r\n.\r\n+ \r\n+OK\r\n+OK\r\n")...))
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
