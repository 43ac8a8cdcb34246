package imap

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// talk feeds a conversation: "S: " the server, "C: " the client, with CRLF; "C= " and "S= " without.
func talk(d *prototest.Driver, lines ...string) []*Transaction {
	for _, l := range lines {
		dir := flow.ToServer
		if l[0] == 'S' {
			dir = flow.ToClient
		}
		text := strings.ReplaceAll(l[3:], "\n", "\r\n")
		if l[1] == ':' {
			text += "\r\n"
		}
		d.Feed(dir, []byte(text))
	}
	var list []*Transaction
	for _, t := range d.Live.List {
		list = append(list, t.(*Transaction))
	}
	return list
}

const mail = "Subject: hi\r\nContent-Disposition: attachment; filename=f.txt\r\n\r\nbody\r\n" // 71 bytes

func TestSession(t *testing.T) {
	if len(mail) != 70 {
		t.Fatal(len(mail))
	}
	d := prototest.New(New(false))
	list := talk(d, "S: * OK ready", "C: a1 login \"m\\\"e\" secret", "S: * CAPABILITY x\na1 OK in", "C: a2 SELECT INBOX", "S: * 1 EXISTS\na2 OK [READ-WRITE]",
		"C: a3 UID FETCH 1 (FLAGS BODY.PEEK[])", "S= * 1 FETCH (UID 1 BODY[] {70}\n"+strings.ReplaceAll(mail, "\r\n", "\n"), "S:  FLAGS (\\Seen))\na3 OK done",
		"C: a4 APPEND Sent (\\Seen) {70}", "S: + go", "C= "+strings.ReplaceAll(mail, "\r\n", "\n"), "C: ", "S: a4 OK stored",
		"C: a5 IDLE", "S: + idling\n* 2 EXISTS", "C: DONE", "S: a5 OK", "C: a6 NOOP\na7 LOGOUT", "S: a7 BAD order\na6 OK")
	if len(list) != 8 {
		t.Fatalf("%d transactions\n%s", len(list), d.JSON())
	}
	if x := list[1]; string(x.Command) != "LOGIN" || string(x.User) != `m"e` || string(x.Status) != "OK" || len(x.Responses) != 2 {
		t.Errorf("LOGIN %+v", x)
	}
	if x := list[2]; string(x.Mailbox) != "INBOX" {
		t.Errorf("SELECT %+v", x)
	}
	x := list[3]
	if string(x.Command) != "UID FETCH" || len(x.Mails[1]) != 1 || len(x.Responses) != 3 || string(x.Responses[1]) != " FLAGS (\\Seen))" {
		t.Fatalf("FETCH %+v", x)
	}
	if f := x.Files(flow.ToClient); len(f) != 1 || string(f[0].Data) != "body" || f[0].State != file.Closed || string(x.Mails[1][0].Body) != "body\r\n" {
		t.Errorf("FETCH %+v", f)
	}
	if x := list[4]; string(x.Command) != "APPEND" || string(x.Mailbox) != "Sent" || len(x.Files(flow.ToServer)) != 1 || len(x.Requests) != 1 {
		t.Errorf("APPEND %+v", x)
	}
	if x := list[5]; len(x.Requests) != 2 || len(x.Responses) != 3 {
		t.Errorf("IDLE %+v", x)
	}
	if string(list[7].Status) != "BAD" || string(list[6].Status) != "OK" {
		t.Error("answers out of order")
	}
	for _, x := range list {
		if !x.Complete(0) || !x.Complete(1) || len(x.Anomalies) > 0 {
			t.Errorf("%s: %v, progress %v", x.Command, x.Anomalies, x.progress)
		}
	}
	if s := d.JSON(); strings.Contains(s, "secret") {
		t.Errorf("the password is in the event: %s", s)
	}
}

func TestLogins(t *testing.T) {
	f := func(user string, lines ...string) {
		t.Helper()
		d := prototest.New(New(false))
		list := talk(d, append(lines, "S: a OK", "C: b NOOP", "S: b OK")...)
		if len(list) != 2 || string(list[1].User) != user || string(list[1].Command) != "NOOP" {
			t.Errorf("%q, want user %q: %s", lines, user, d.JSON())
		}
		if s := d.JSON(); strings.Contains(s, "c2VjcmV0") || strings.Contains(s, "secret") {
			t.Errorf("a secret in the event: %s", s)
		}
	}
	f("me", "C: a LOGIN me secret")
	f("me@x", "C: a LOGIN {4}", "S: + ", "C= me@x", "C:  {6}", "S: + ", "C= secret", "C: ")
	f("me@x", "C: a LOGIN {4+}\nme@x {6+}\nsecret")
	f("user", "C: a AUTHENTICATE PLAIN", "S: + ", "C: AHVzZXIAc2VjcmV0")
	f("user", "C: a AUTHENTICATE PLAIN AHVzZXIAc2VjcmV0")
	f("user", "C: a authenticate login", "S: + VXNlcm5hbWU6", "C: dXNlcg==", "S: + UGFzc3dvcmQ6", "C: c2VjcmV0")
	f("tim", "C: a AUTHENTICATE CRAM-MD5", "S: + PDE4OTYu", "C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")
}

func TestLiterals(t *testing.T) {
	for text, want := range map[string]bool{
		"* 1 FETCH (BODY[]": true, "* 1 FETCH (BODY[HEADER.FIELDS (From To)]": true, "* 1 FETCH (RFC822": true, "* 1 FETCH (body[]<0>": true,
		"* 1 FETCH (BODY[2]": false, "* 1 FETCH (BODY[TEXT]": false, "* 1 FETCH (BODY[]<100>": false, "* 1 FETCH (RFC822.TEXT": false, "": false, "x]": false,
	} {
		if isMail([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	d := prototest.New(New(false))
	list := talk(d, "C: a FETCH 1:2 BODY[1]", "S: * 1 FETCH (BODY[1] {3}\nabc BODY[2] {3}\ndef)\n* 2 FETCH (BODY[1] {0}\n)\na OK")
	if len(list) != 1 || len(list[0].Mails[1]) != 0 || len(list[0].Responses) != 6 || !list[0].Complete(1) {
		t.Errorf("%s", d.JSON())
	}
	d = prototest.New(New(false))
	list = talk(d, "C: a APPEND x {100}", "S: a NO too big", "C: b NOOP", "S: b OK")
	if len(list) != 2 || string(list[1].Command) != "NOOP" {
		t.Errorf("a literal that was refused: %s", d.JSON())
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
	f("invalid_data", "C: what")
	f("invalid_data", "S: x what")
	f("request_not_found", "C: a NOOP", "S: x OK")
	f("too_many_transactions", strings.Split(strings.Repeat("C: a NOOP|", waitingMax+1)+"C: a NOOP", "|")...)
	f("too_many_headers", "C: a APPEND x {6000+}\n"+strings.Repeat("A: b\n", 1000))
	f("mime_malformed_msg", "C: a APPEND x {40+}\nContent-Type: multipart/mixed; x=aaaa\n\n")
}

func TestLeaving(t *testing.T) {
	d := prototest.New(New(false))
	if talk(d, "C: a STARTTLS", "S: a OK go"); d.Verdict != proto.Restart {
		t.Errorf("verdict %v", d.Verdict)
	}
	d = prototest.New(New(false))
	if talk(d, "C: a COMPRESS DEFLATE", "S: a OK go"); d.Verdict != proto.Stop {
		t.Errorf("verdict %v", d.Verdict)
	}
	d = prototest.New(New(false))
	if talk(d, "C: a STARTTLS", "S: a NO"); d.Verdict != proto.Continue {
		t.Errorf("verdict %v", d.Verdict)
	}
}

func TestGaps(t *testing.T) {
	d := prototest.New(New(false))
	list := talk(d, "C: a FETCH 1 RFC822", "S= * 1 FETCH (RFC822 {70}\n"+strings.ReplaceAll(mail[:66], "\r\n", "\n"))
	d.Gap(flow.ToClient, 4)
	talk(d, "S: )\na OK")
	if x := list[0]; x.Files(1)[0].State != file.Truncated || string(x.Status) != "OK" {
		t.Errorf("%s", d.JSON())
	}
	d = prototest.New(New(false))
	list = talk(d, "C: a FETCH 1 RFC822", "S= * 1 FETCH (RFC822 {70}\n"+strings.ReplaceAll(mail[:66], "\r\n", "\n"))
	d.Gap(flow.ToClient, 50)
	talk(d, "S: tail\na OK")
	if x := list[0]; x.Files(1)[0].State != file.Truncated || string(x.Status) != "OK" {
		t.Errorf("%s", d.JSON())
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(flow.ToClient, 1430, "* OK ready\r\n", proto.Yes)
	f(flow.ToClient, 1430, "* O", proto.Maybe)
	f(flow.ToClient, 1430, "*2\r\n", proto.No)
	f(flow.ToServer, 143, "a1 CAPABILITY\r\n", proto.Yes)
	f(flow.ToServer, 143, "a1 CAPAB", proto.Maybe)
	f(flow.ToServer, 143, "GET / HTTP/1.1\r\n", proto.No)
	f(flow.ToServer, 80, "a1 CAPABILITY\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(flow.ToServer, "a LOGIN {2+}\r\nme x\r\nb AUTHENTICATE PLAIN\r\nAHVzZXIAc2VjcmV0\r\nc APPEND x {70}\r\n"+mail+"\r\nd IDLE\r\nDONE\r\ne FETCH 1 BODY[]\r\n"),
		prototest.Pack(flow.ToClient, "* OK\r\na OK\r\n+ \r\nb OK\r\nc NO\r\n* 1 FETCH (BODY[] {70}\r\n"+mail+" X)\r\nd OK\r\ne BAD\r\n")...))
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
