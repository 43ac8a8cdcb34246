package smtp

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// talk feeds a conversation: lines that begin with "S: " come from the server, "C: " from the client, each in a call of
// its own, with CRLF; "C= " without.
func talk(d *prototest.Driver, lines ...string) {
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
}

func txs(d *prototest.Driver) []*Transaction {
	var list []*Transaction
	for _, t := range d.Live.List {
		list = append(list, t.(*Transaction))
	}
	return list
}

func TestSession(t *testing.T) {
	d := prototest.New(New(false))
	talk(d,
		"S: 220-mx.example\n220 ESMTP", "C: EHLO me.example", "S: 250-mx\n250-PIPELINING\n250 AUTH PLAIN",
		"C: AUTH PLAIN AHVzZXIAc2VjcmV0", "S: 235 welcome",
		"C: MAIL FROM:<a@b> SIZE=10\nRCPT TO:<\"x y\"@c>\nrcpt to: <d@e> NOTIFY=NEVER\nDATA", "S: 250 ok\n250 ok\n550 no\n354 go",
		"C: Subject: one\n\n..dot\n.", "S: 250 queued", "C: RSET", "S: 250 reset",
		"C: MAIL FROM:<>", "S: 250 ok", "C: BDAT 14", "C= Subject: two\n", "S: 250 14", "C: BDAT 6 LAST", "C= \nbody", "S: 250 done",
		"C: QUIT", "S: 221 bye")
	list := txs(d)
	if len(list) != 2 {
		t.Fatalf("%d mails\n%s", len(list), d.JSON())
	}
	a, b := list[0], list[1]
	if string(a.Helo) != "me.example" || string(a.MailFrom) != "<a@b>" || string(a.User) != "user" || a.Code != 250 ||
		len(a.RcptTo) != 2 || string(a.RcptTo[0]) != `<"x y"@c>` || string(a.RcptTo[1]) != "<d@e>" {
		t.Errorf("%+v", a)
	}
	if a.Mail.Size != uint64(len("Subject: one\r\n\r\n.dot\r\n")) {
		t.Errorf("the doubled dot stays: %d bytes", a.Mail.Size)
	}
	if v, _ := b.Mail.Value("subject"); string(v) != "two" || string(b.MailFrom) != "<>" || string(b.Helo) != "me.example" || !b.Mail.Over || b.Code != 250 {
		t.Errorf("%+v, subject %q", b, v)
	}
	for _, x := range list {
		if len(x.Anomalies) > 0 || !x.Complete(0) || !x.Complete(1) {
			t.Errorf("%v, progress %v", x.Anomalies, x.progress)
		}
	}
	if strings.Contains(d.JSON(), "secret") || strings.Contains(d.JSON(), "AHVzZXI") {
		t.Error("a secret in the event")
	}
}

func TestLogins(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		d := prototest.New(New(false))
		talk(d, append([]string{"S: 220 ESMTP", "C: EHLO x", "S: 250 x"}, lines...)...)
		talk(d, "C: MAIL FROM:<a@b>", "S: 250 ok")
		x := txs(d)[0]
		if string(x.User) != want || string(x.MailFrom) != "<a@b>" {
			t.Errorf("user %q, want %q; from %q", x.User, want, x.MailFrom)
		}
		if s := d.JSON(); strings.Contains(s, "punjab") {
			t.Errorf("the password in %s", s)
		}
	}
	f("user@x", "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: dXNlckB4", "S: 334 UGFzc3dvcmQ6", "C: cHVuamFi", "S: 235 ok")
	f("user@x", "C: AUTH LOGIN dXNlckB4", "S: 334 UGFzc3dvcmQ6", "C: cHVuamFi", "S: 535 no")
	f("tim", "C: AUTH CRAM-MD5", "S: 334 PDE4OTYu", "C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "S: 235 ok")
	f("me@x", "C: AUTH XOAUTH2 dXNlcj1tZUB4AWF1dGg9QmVhcmVyIHB1bmphYgEB", "S: 235 ok")
	f("", "C: AUTH PLAIN", "S: 504 no such thing")
	f("", "C: AUTH NTLM", "S: 334 ", "C: TlRMTVNTUAABAAAA", "S: 334 TlRM", "C: *", "S: 501 cancelled")
}

func TestStartTLS(t *testing.T) {
	d := prototest.New(New(false))
	talk(d, "S: 220 ESMTP", "C: EHLO x", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "C: \x16\x03\x01")
	if x := txs(d)[0]; d.Verdict != proto.Restart || !x.TLS || !x.Complete(0) || !x.Complete(1) {
		t.Errorf("verdict %v, %+v", d.Verdict, x)
	}
}

func TestAnomalies(t *testing.T) {
	f := func(anomaly string, lines ...string) {
		t.Helper()
		d := prototest.New(New(false))
		talk(d, lines...)
		d.End()
		found := false
		for _, x := range txs(d) {
			found = found || slices.Contains(x.Anomalies, anomaly)
			if !x.Complete(0) || !x.Complete(1) {
				t.Errorf("%s: not complete at the end", anomaly)
			}
		}
		if !found {
			t.Errorf("%s is missing: %s", anomaly, d.JSON())
		}
	}
	hello := []string{"S: 220 ESMTP", "C: EHLO x", "S: 250 x"}
	g := func(anomaly string, lines ...string) {
		t.Helper()
		f(anomaly, append(slices.Clone(hello), lines...)...)
	}
	f("no_server_welcome_message", "S: 554 go away")
	g("failed_protocol_change", "C: STARTTLS", "S: 220 go", "C: MAIL FROM:<a@b>")
	g("tls_rejected", "C: STARTTLS", "S: 454 no")
	g("invalid_pipelined_sequence", "C: STARTTLS\nMAIL FROM:<a@b>")
	g("invalid_pipelined_sequence", "C: MAIL FROM:<a@b>\nDATA\nSubject: x")
	g("data_command_rejected", "C: DATA", "S: 503 no", "C: QUIT")
	g("invalid_reply", "S: what")
	g("invalid_reply", "S: 999 what")
	g("unable_to_match_reply_with_request", "S: 250 what")
	g("max_command_line_len_exceeded", "C: NOOP "+strings.Repeat("x", 600))
	g("max_reply_line_len_exceeded", "S: 250-"+strings.Repeat("x", 600))
	g("truncated_line", "C: NOOP "+strings.Repeat("x", 5000))
	g("duplicate_fields", "C: HELO again")
	g("duplicate_fields", "C: MAIL FROM:<a@b>", "C: MAIL FROM:<c@d>")
	g("unparsable_content", "C: MAIL FROM:")
	g("bdat_chunk_len_exceeded", "C: BDAT 99999999999 LAST")
	g("mime_invalid_qp", "C: DATA", "S: 354 go", "C: Content-Transfer-Encoding: quoted-printable\n\n=Z\n.")
}

func TestRefusedData(t *testing.T) {
	d := prototest.New(New(false))
	talk(d, "S: 220 ESMTP", "C: DATA", "S: 503 no", "C: MAIL FROM:<a@b>", "S: 250 ok")
	if x := txs(d)[0]; x.Mail != nil || string(x.MailFrom) != "<a@b>" {
		t.Errorf("a command after refused DATA is taken for a mail: %+v", x)
	}
}

func TestOneSide(t *testing.T) {
	d := prototest.New(New(false))
	talk(d, "C: EHLO x", "C: MAIL FROM:<a@b>", "C: RCPT TO:<c@d>", "C: DATA", "C: Subject: s\n\nbody\n.", "C: MAIL FROM:<e@f>", "C: DATA", "C: Subject: t\n\nbody\n.", "C: QUIT")
	d.End()
	list := txs(d)
	if len(list) != 2 || list[1].Mail == nil || !list[1].Mail.Over || len(list[0].Anomalies) > 0 {
		t.Fatalf("%s", d.JSON())
	}
}

func TestGap(t *testing.T) {
	d := prototest.New(New(false))
	talk(d, "S: 220 ESMTP", "C: MAIL FROM:<a@b>", "S: 250 ok", "C: DATA", "S: 354 go", "C= Content-Disposition: attachment; filename=f\n\nabc\nde")
	d.Gap(flow.ToServer, 100)
	talk(d, "C: f\n.", "S: 250 ok")
	x := txs(d)[0]
	if len(x.Files(0)) != 1 || !x.Mail.Lost || !x.Complete(0) || !x.Complete(1) || x.Files(1) != nil {
		t.Errorf("%+v", x)
	}
	d = prototest.New(New(false))
	talk(d, "S: 220 ESMTP", "C: BDAT 10 LAST", "C= abc")
	d.Gap(flow.ToServer, 7)
	talk(d, "C: lost\nQUIT")
	if x := txs(d)[0]; !x.Mail.Over || !x.Complete(0) {
		t.Errorf("a chunk that ends in a gap: %+v", x)
	}
	d = prototest.New(New(false))
	talk(d, "S: 220 ESMTP", "C: NOOP")
	d.Gap(flow.ToClient, 5)
	talk(d, "S: rest of it\n250 ok")
	if x := txs(d)[0]; len(x.Anomalies) > 0 {
		t.Error(x.Anomalies)
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, port uint16, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, ServerPort: port, Data: []byte(data)}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(flow.ToClient, 2525, "220 mail ESMTP ready\r\n", proto.Yes)
	f(flow.ToClient, 25, "220 mail\r\n", proto.Yes)
	f(flow.ToClient, 25, "554 no\r\n", proto.Yes)
	f(flow.ToClient, 2121, "220 ready\r\n", proto.No)
	f(flow.ToClient, 2121, "220 rea", proto.Maybe)
	f(flow.ToServer, 2525, "ehlo me\r\n", proto.Yes)
	f(flow.ToServer, 2525, "EH", proto.Maybe)
	f(flow.ToServer, 25, "GET / HTTP/1.1\r\n", proto.No)
}

func FuzzParser(f *testing.F) {
	pack := func(lines ...string) {
		var out []byte
		for _, l := range lines {
			dir := flow.ToServer
			if l[0] == 'S' {
				dir = flow.ToClient
			}
			out = append(out, prototest.Pack(dir, strings.ReplaceAll(l[3:], "\n", "\r\n")+"\r\n")...)
		}
		f.Add(out)
	}
	pack("S: 220 ESMTP", "C: EHLO x", "S: 250-a\n250 b", "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: dXNlckB4", "S: 235 ok", "C: MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA", "S: 250 ok\n250 ok\n354 go",
		"C: Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment; filename=f\n\nbody\n--x--\n.", "S: 250 ok", "C: BDAT 5 LAST\nabcde", "S: 250 ok", "C: QUIT", "S: 221 x")
	pack("S: 220 ESMTP", "C: STARTTLS", "S: 220 go", "C: \x16\x03\x01")
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
