package sip

import (
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

var description = crlf("v=0\no=me 1 2 IN IP4 10.0.0.1\ns=call\ni=about\nu=http://x\ne=a@b\ne=c@d\np=+1 2\nc=IN IP4 10.0.0.1\nb=AS:64\nt=1 2\nr=3 4\nz=5 -1h\nk=prompt\na=sendrecv\n" +
	"m=audio 30000 RTP/AVP 0\ni=voice\nc=IN IP4 10.0.0.2\nk=clear:x\na=rtpmap:0 PCMU/8000\nm=video 1 RTP/AVP 31\n")

var invite = crlf("INVITE sip:you@there SIP/2.0\nv: SIP/2.0/UDP one\nVia: SIP/2.0/UDP two\nf: <sip:me@here>\n ;tag=1\nTo : you\ni: id@here\nUser-Agent: phone\nProxy-Authorization: Digest username=\"me\", response=\"x\"\nc: application/sdp\nl: ") +
	itoa(len(description)) + "\r\n\r\n" + description

const ringing = "SIP/2.0 180 Ringing, still\r\nCall-ID: id@here\r\nContent-Length: 0\r\n\r\n"

func itoa(n int) string {
	s := ""
	for ; n > 0; n /= 10 {
		s = string(rune('0'+n%10)) + s
	}
	return s
}

func txs(d *prototest.Driver) []*Transaction {
	var list []*Transaction
	for _, t := range d.Live.List {
		list = append(list, t.(*Transaction))
	}
	return list
}

func check(t *testing.T, how string, list []*Transaction) {
	t.Helper()
	if len(list) != 2 {
		t.Fatalf("%s: %d messages", how, len(list))
	}
	q, r := list[0], list[1]
	from, _ := q.Nth("from", 0)
	via, _ := q.Nth("via", 1)
	if string(q.Method) != "INVITE" || string(q.URI) != "sip:you@there" || string(q.Version) != "SIP/2.0" || string(from) != "<sip:me@here> ;tag=1" ||
		string(via) != "SIP/2.0/UDP two" || string(q.Get("to")) != "you" || string(q.user()) != "me" || string(q.Body) != description {
		t.Errorf("%s: request %+v", how, q.Message)
	}
	s := q.SDP
	if s == nil || string(s.Origin) != "me 1 2 IN IP4 10.0.0.1" || string(s.Connection) != "IN IP4 10.0.0.1" || len(s.Emails) != 2 || len(s.Media) != 2 ||
		string(s.Media[0].Connection) != "IN IP4 10.0.0.2" || string(s.Media[0].Key) != "clear:x" || string(s.Key) != "prompt" || len(s.Attributes) != 2 || string(s.Repeats[0]) != "3 4" {
		t.Errorf("%s: description %+v", how, s)
	}
	if r.Request || string(r.Code) != "180" || string(r.Reason) != "Ringing, still" || string(r.Get("call-id")) != "id@here" || r.SDP != nil {
		t.Errorf("%s: response %+v", how, r.Message)
	}
	for _, x := range list {
		if !x.Complete(0) || len(x.Anomalies) > 0 {
			t.Errorf("%s: %v, complete %v", how, x.Anomalies, x.Complete(0))
		}
	}
}

func TestMessages(t *testing.T) {
	d := prototest.New(New(true))
	d.Feed(flow.ToServer, []byte(invite))
	d.Feed(flow.ToServer, []byte("\r\n\r\n"))
	d.Feed(flow.ToClient, []byte(ringing))
	check(t, "datagrams", txs(d))
	for piece := 1; piece < 2000; piece = piece*3 + 1 {
		d := prototest.New(New(false))
		for s := "\r\n\r\n" + invite + ringing; len(s) > 0; {
			n := min(piece, len(s))
			d.Feed(flow.ToServer, []byte(s[:n]))
			s = s[n:]
		}
		check(t, "stream in pieces of "+itoa(piece), txs(d))
	}
}

func TestMultipart(t *testing.T) {
	body := crlf("--b\nContent-Type: application/isup\n\nxyz\n--b\nContent-Type: application/sdp\n\n" + "o=inner\nm=audio\n\n--b--\n")
	d := prototest.New(New(true))
	d.Feed(flow.ToServer, []byte("INVITE sip:a SIP/2.0\r\nContent-Type: multipart/mixed;boundary=\"b\"\r\n\r\n"+body))
	if s := txs(d)[0].SDP; s == nil || string(s.Origin) != "inner" || len(s.Media) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestBroken(t *testing.T) {
	f := func(anomaly string, datagram bool, b string) {
		t.Helper()
		d := prototest.New(New(datagram))
		d.Feed(flow.ToServer, []byte(b))
		d.End()
		list := txs(d)
		if len(list) == 0 || !slices.Contains(list[0].Anomalies, anomaly) || !list[0].Complete(0) {
			t.Errorf("%q: %s", b[:min(len(b), 40)], d.JSON())
		}
	}
	f("invalid_data", true, "hello world\r\n\r\n")
	f("invalid_data", true, "SIP/2.0 abc what\r\n\r\n")
	f("incomplete_data", true, "INVITE sip:a SIP/2.0\r\nFrom: x\r\n")
	f("incomplete_data", true, "INVITE sip:a SIP/2.0\r\nContent-Length: 10\r\n\r\nabc")
	f("incomplete_data", false, "INVITE sip:a SIP/2.0\r\nContent-Length: 10\r\n\r\nabc")
	f("incomplete_data", false, "INVITE sip:a SIP/2.0\r\nFrom: x\r\n")
	f("invalid_data", false, "hello\r\n\r\n")
	f("invalid_data", false, "INVITE sip:a SIP/2.0\r\n"+strings.Repeat("A: b\r\n", 20000))
}

func TestResume(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("INVITE sip:a SIP/2.0\r\nFrom: x"))
	d.Gap(flow.ToServer, 20)
	d.Feed(flow.ToServer, []byte("rest\r\nTo: x\r\n\r\n"+strings.Repeat("z", 20000)))
	d.Feed(flow.ToServer, []byte("\r\n"+ringing))
	list := txs(d)
	if len(list) != 1 || string(list[0].Code) != "180" {
		t.Errorf("%s", d.JSON())
	}
	d = prototest.New(New(false))
	d.Feed(flow.ToServer, []byte("MESSAGE sip:a SIP/2.0\r\nContent-Length: 10\r\n\r\nabc"))
	d.Gap(flow.ToServer, 7)
	d.Feed(flow.ToServer, []byte(ringing))
	if list := txs(d); len(list) != 2 || string(list[1].Code) != "180" {
		t.Errorf("a gap within a body: %s", d.JSON())
	}
}

func TestRecognise(t *testing.T) {
	f := func(datagram bool, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: []byte(data), Datagram: datagram, ServerPort: 5060}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	f(true, "OPTIONS sip:a@b SIP/2.0\r\n", proto.Yes)
	f(false, "OPTIONS / HTTP/1.1\r\n", proto.No)
	f(false, "OPTIONS ", proto.Maybe)
	f(true, "SIP/2.0 200 OK\r\n", proto.Yes)
	f(true, "\x00\x01", proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(prototest.Pack(flow.ToServer, invite+ringing), false)
	f.Add(prototest.Pack(flow.ToServer, ringing), true)
	f.Add(prototest.Pack(flow.ToServer, "INVITE sip:a SIP/2.0\r\nc: multipart/mixed;boundary=b\r\nl: 60\r\n\r\n--b\r\nc:application/sdp\r\n\r\nv=0\r\n--b--"), false)
	f.Fuzz(func(t *testing.T, b []byte, datagram bool) {
		d := prototest.New(New(datagram))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			for _, a := range l.Base().Anomalies {
				if !slices.Contains(Anomalies, a) {
					t.Fatalf("anomaly %q is not published", a)
				}
			}
			if d.Verdict == proto.Continue && !l.Complete(0) {
				t.Fatal("not complete at the end")
			}
		}
	})
}
