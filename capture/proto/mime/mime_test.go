package mime

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
)

// read reads a mail in pieces of n bytes.
func read(s string, n int) (*Mail, []string) {
	var anomalies []string
	r := NewReader(Options{
		File:     func(name []byte) *file.File { return file.New(nil, flow.ToServer, name) },
		Anomaly:  func(a string) { anomalies = append(anomalies, a) },
		KeepBody: 64,
	})
	for len(s) > 0 {
		k := min(n, len(s))
		r.Write([]byte(s[:k]))
		s = s[k:]
	}
	r.Close()
	return r.Mail(), anomalies
}

// show writes the files of a mail as name=content.
func show(m *Mail) string {
	var out []string
	for _, f := range m.Files {
		out = append(out, string(f.Name)+"="+string(f.Data))
	}
	return strings.Join(out, "|")
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestFiles(t *testing.T) {
	f := func(name, mail, want string, urls ...string) {
		t.Helper()
		for n := 1; n < 200; n = n*3 + 1 {
			m, _ := read(crlf(mail), n)
			if got := show(m); got != want {
				t.Fatalf("%s in pieces of %d:\ngot  %q\nwant %q", name, n, got, want)
			}
			var links []string
			for _, u := range m.URLs {
				links = append(links, string(u))
			}
			if !slices.Equal(links, urls) {
				t.Fatalf("%s in pieces of %d: links %q, want %q", name, n, links, urls)
			}
			for _, x := range m.Files {
				if x.State == file.Open {
					t.Fatalf("%s: %s is not closed", name, x.Name)
				}
			}
		}
	}
	f("plain text is no file", "Subject: x\n\nSee HTTP://a.example/b?c=d> and ftp://f.example.\n", "", "a.example/b?c=d", "f.example.")
	f("the mail is the file", "Content-Disposition: attachment; filename=\"a b.exe\"\n\nMZ\n\nx\n", "a b.exe=MZ\r\n\r\nx")
	f("parts", `Content-Type: multipart/mixed; boundary="sep"

preamble http://not.here/
--sep
Content-Type: text/plain

hello https://a.example/x
--sep
Content-Type: application/octet-stream; name=one.bin
Content-Transfer-Encoding: BASE64

aGVs
bG8gd29ybGQ=
--sep  
Content-Type: text/html; name="two.html"
Content-Transfer-Encoding: quoted-printable

caf=C3=A9 <a href=3D"http://soft.exam=
ple/y">
line=20
--sep--
epilogue`, "one.bin=hello world|two.html=café <a href=\"http://soft.example/y\">\r\nline ", "a.example/x", "soft.example/y")
	f("nested, one boundary the beginning of the other", `Content-Type: multipart/mixed; boundary=ab

--ab
Content-Type: multipart/alternative; boundary=abc

--abc
Content-Type: text/plain

text
--abc
Content-Disposition: attachment; filename=in.txt

inner
--abc--
--ab
Content-Disposition: attachment; filename=out.txt

outer
--ab--
`, "in.txt=inner|out.txt=outer")
	f("a mail in a mail in base64", `Content-Type: multipart/mixed; boundary=ab

--ab
Content-Type: message/rfc822
Content-Transfer-Encoding: base64

Q29udGVudC1EaXNwb3NpdGlvbjogYXR0YWNobWVudDsgZmlsZW5hbWU9ZGVlcC5leGUN
Cg0KTVogZGVlcA==
--ab--
`, "deep.exe=MZ deep")
	f("an attachment without a name", "Content-Disposition: attachment\n\nx\n", "=x")
	f("base64 that is no text", "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\nUEs=\n", "=PK")
	f("uuencoded", "Subject: x\n\ntext\nbegin 644 cat.txt\n#0V%T\n`\nend\nmore\n", "cat.txt=Cat")
	f("begin in a text", "Subject: x\n\nbegin 644 the work\nat once\n", "the work=")
	f("names in sections", "Content-Type: application/x; name*0=\"long\"; name*1=name; name*2=.exe\n\nx\n", "longname.exe=x")
	f("a name with character set", "Content-Disposition: attachment; filename*=gb18030'zh'%B7%E9%CB%ED.exe\n\nx\n", "烽隧.exe=x")
	f("an encoded word as name", "Content-Disposition: attachment; filename=\"=?utf-8?B?54O954enLmV4ZQ==?=\"\n\nx\n", "烽燧.exe=x")
	f("a folded parameter", "Content-Type: multipart/mixed;\n\tboundary=\"a;b\"\n\n--a;b\nContent-Disposition: attachment;\n filename=\"q\\\"uote;.txt\"\n\nx\n--a;b--\n", "q\"uote;.txt=x")
	f("a header at its end", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment; filename=e\n--x--\n", "")
	f("no last delimiter", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment; filename=e\n\nbody\n", "e=body")
}

func TestFields(t *testing.T) {
	mail := crlf(`Received: from a
	by b
From: "A, B" <a@b>, =?gb2312?B?vOC/2A==?= <c@d>
Subject : =?utf-8?q?caf=C3=A9?= =?utf-8?q?_noir?=
  and more
no colon here
Received:from c
Date: Fri, 21 Apr 2023 05:10:36 +0200
TO:	x@y (a, comment)

body line
http://x.example
`)
	m, anomalies := read(mail, 7)
	if v, _ := m.Nth("received", 0); string(v) != "from aby b" { // as Suricata joins it
		t.Errorf("Received %q", v)
	}
	if v, ok := m.Nth("received", 1); string(v) != "from c" || !ok {
		t.Errorf("second Received %q", v)
	}
	if _, ok := m.Nth("received", 2); ok {
		t.Error("a third Received")
	}
	if v, ok := m.Value("to"); !ok || string(v) != "x@y (a, comment)" {
		t.Errorf("To %q", v)
	}
	if v, _ := m.Value("subject"); string(v) != "=?utf-8?q?caf=C3=A9?= =?utf-8?q?_noir?= and more" {
		t.Errorf("Subject %q", v)
	}
	var e event.Event
	m.Event(&e)
	for name, want := range map[string]string{
		event.EmailSubject: "café noir and more", event.EmailFrom: `"A, B" <a@b>,监控 <c@d>`, event.EmailTo: "x@y (a, comment)",
		event.EmailDate: "2023-04-21T03:10:36.000000000Z", event.EmailURLs: "x.example", event.EmailStatus: "PARSE_DONE",
	} {
		if got := e.Text(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	sum := md5.Sum([]byte("body line\r\nhttp://x.example\r\n"))
	if string(m.BodyMD5) != hex.EncodeToString(sum[:]) || string(m.Body) != "body line\r\nhttp://x.example\r\n" || m.Size != uint64(len(mail)) {
		t.Errorf("body %q, MD5 %s, %d bytes", m.Body, m.BodyMD5, m.Size)
	}
	if len(anomalies) > 0 {
		t.Error(anomalies)
	}
	if _, list := read(crlf("Content-Transfer-Encoding: base64\nContent-Type: a/b\n\nQQ==\nQUI=\nQQ=\n=\nQUJD\n"), 1); len(list) > 0 {
		t.Error(list)
	}
}

func TestAnomalies(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	f := func(anomaly, mail string) {
		t.Helper()
		if _, list := read(crlf(mail), 100); !slices.Contains(list, anomaly) {
			t.Errorf("%s: %v", anomaly, list)
		}
	}
	part := "Content-Transfer-Encoding: base64\nContent-Type: application/x\n\n"
	f("mime_invalid_base64", part+"aGVs*bG8=\n")
	f("mime_invalid_base64", part+"QQ===\n")
	f("mime_invalid_qp", "Content-Transfer-Encoding: quoted-printable\n\na=c3b\n")
	f("mime_long_enc_line", part+strings.Repeat("QUJD", 20)+"\n")
	f("mime_invalid_qp", "Content-Transfer-Encoding: quoted-printable\n\na=ZZb\n")
	f("mime_long_line", "A: b\n\n"+long(999)+"\n")
	f("mime_long_header_name", long(76)+": b\n\n")
	f("mime_long_header_value", "A: "+long(2001)+"\n\n")
	f("mime_long_header_value", "A: b\n"+strings.Repeat(" "+long(500)+"\n", 5)+"\n")
	f("mime_long_boundary", "Content-Type: multipart/mixed; boundary="+long(255)+"\n\n")
	f("mime_long_filename", "Content-Type: a/b; name="+long(256)+"\n\n")
	f("mime_malformed_msg", "Content-Type: multipart/mixed\n\n")
	f("mime_malformed_msg", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n")
	f("mime_parse_failed", strings.Repeat("A: b\n", headerFieldsMax+1)+"\n")
}

func TestBounds(t *testing.T) {
	m, _ := read("Content-Type: multipart/mixed; boundary=a\r\n\r\n"+strings.Repeat("--a\r\nContent-Disposition: attachment; filename=f\r\n\r\nhttp://u.example\r\n", 1200), 4000)
	if len(m.Files) != filesMax || len(m.URLs) != urlsMax || len(m.Attachments) != filesMax {
		t.Errorf("%d files, %d links", len(m.Files), len(m.URLs))
	}
	nested := ""
	for range 40 {
		nested += "Content-Type: message/rfc822\r\n\r\n"
	}
	read(nested+"Content-Disposition: attachment; filename=f\r\n\r\nx", 1000)
	m, _ = read("A: "+strings.Repeat("b", 1<<20)+"\r\n\r\n", 1<<16)
	if len(m.Fields) != 1 || len(m.Fields[0].Value) > fieldBytesMax {
		t.Error("a field of any length")
	}
	big := strings.Repeat("A", 1<<20)
	m, _ = read("Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"+big, 1500)
	if len(m.Files) != 1 || m.Files[0].Size != 3<<18 {
		t.Errorf("a line of a megabyte: %d bytes", m.Files[0].Size)
	}
}

func TestGapAndAbort(t *testing.T) {
	r := NewReader(Options{File: func(name []byte) *file.File { return file.New(nil, 0, name) }})
	r.Write([]byte("Content-Disposition: attachment; filename=f\r\n\r\nabc\r\nde"))
	r.Gap(10)
	r.Write([]byte("xyz\r\n"))
	r.Close()
	m := r.Mail()
	if m.Files[0].State != file.Truncated || !m.Lost || m.BodyMD5 != nil || !m.Over {
		t.Errorf("%+v", m.Files[0])
	}
	r = NewReader(Options{File: func(name []byte) *file.File { return file.New(nil, 0, name) }})
	r.Write([]byte("Content-Disposition: attachment; filename=f\r\n\r\nabc\r\nde"))
	r.Abort()
	if m := r.Mail(); m.Files[0].State != file.Truncated || !m.Over {
		t.Errorf("%+v", m.Files[0])
	}
}

// FuzzReader asks that the pieces a mail comes in do not matter and that nothing grows past its limit.
func FuzzReader(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: x/y; name=n\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--a--\r\n"), 3)
	f.Add([]byte("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nA: =\r\n b\r\n\r\n=41=4\r\n"), 1)
	f.Add([]byte("A: b\n\nbegin 644 x\n#0V%T\n`\nend\nhttp://a.b/\"c"), 5)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if len(b) > pieceBytesMax { // longer lines are cut where the pieces end
			return
		}
		whole, a1 := read(string(b), max(len(b), 1))
		parts, a2 := read(string(b), min(max(n, 1), 1000))
		if show(whole) != show(parts) || len(whole.URLs) != len(parts.URLs) || !bytes.Equal(whole.BodyMD5, parts.BodyMD5) || !slices.Equal(a1, a2) {
			t.Fatalf("whole %q %q, in pieces %q %q", show(whole), a1, show(parts), a2)
		}
		var e event.Event
		whole.Event(&e)
		if len(whole.Files) > filesMax || len(whole.URLs) > urlsMax || len(whole.Fields) > headerFieldsMax {
			t.Fatal("past a limit")
		}
	})
}
