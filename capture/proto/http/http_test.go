package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

const (
	ts = flow.ToServer
	tc = flow.ToClient
)

func drive(pieces ...any) *prototest.Driver {
	d := prototest.New(New(Limits{})(false))
	dir := ts
	for _, p := range pieces {
		switch v := p.(type) {
		case flow.Direction:
			dir = v
		case string:
			d.Feed(dir, []byte(v))
		case int:
			d.Gap(dir, int64(v))
		}
	}
	return d
}

func tx(t *testing.T, d *prototest.Driver, i int) *Transaction {
	t.Helper()
	if i >= len(d.Live.List) {
		t.Fatalf("%d transactions, no number %d", len(d.Live.List), i)
	}
	return d.Live.List[i].(*Transaction)
}

const get = "GET /a/../b%20c?q=%41+1#f HTTP/1.1\r\nHost: WWW.Example.COM:8080\r\nUser-Agent: curl/8\r\nCookie: a=1; b=2\r\nAccept: */*\r\nAccept: text/html\r\n\r\n"

func TestBuffers(t *testing.T) {
	d := drive(get, tc, "HTTP/1.1 200 All right\r\nServer: x\r\nSet-Cookie: s=1\r\nContent-Length: 5\r\n\r\nhello")
	x := tx(t, d, 0)
	q, r := &x.Request, &x.Response
	for _, c := range []struct{ name, got, want string }{
		{"line", string(q.Line), "GET /a/../b%20c?q=%41+1#f HTTP/1.1"},
		{"method", string(q.Method), "GET"},
		{"raw URI", string(q.RawURI), "/a/../b%20c?q=%41+1#f"},
		{"URI", string(q.URI), "/b c?q=A+1#f"},
		{"protocol", string(q.Protocol), "HTTP/1.1"},
		{"host", string(q.Host), "www.example.com"},
		{"raw host", string(q.HostRaw), "WWW.Example.COM:8080"},
		{"cookie", string(q.Cookie), "a=1; b=2"},
		{"agent", string(q.Get("user-agent")), "curl/8"},
		{"joined", string(q.Get("accept")), "*/*, text/html"},
		{"names", string(q.HeaderNames), "\r\nHost\r\nUser-Agent\r\nCookie\r\nAccept\r\n\r\n"},
		{"headers", string(q.NormHeaders), "Host: WWW.Example.COM:8080\r\nUser-Agent: curl/8\r\nAccept: */*, text/html\r\n"},
		{"raw headers", string(q.RawHeaders), get[strings.Index(get, "\n")+1:]},
		{"start", string(q.Start), get},
		{"status line", string(r.Line), "HTTP/1.1 200 All right"},
		{"code", string(r.StatCode), "200"},
		{"message", string(r.StatMsg), "All right"},
		{"set-cookie", string(r.Cookie), "s=1"},
		{"response headers", string(r.NormHeaders), "Server: x\r\nContent-Length: 5\r\n"},
		{"body", string(r.Body.Data), "hello"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %q, want %q", c.name, c.got, c.want)
		}
	}
	if !x.Complete(ts) || !x.Complete(tc) || !r.Body.Done || r.Body.Truncated {
		t.Errorf("progress %v, body %+v", x.progress, r.Body)
	}
}

// TestEveryCut feeds a conversation in two pieces, cut at every byte: the result must not depend on it.
func TestEveryCut(t *testing.T) {
	request := "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4;ext=1\r\nabcd\r\n3\r\nefg\r\n0\r\nX-T: 1\r\n\r\n" + get
	response := "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.0 404 No\r\n\r\nrest"
	whole := drive(request, tc, response)
	whole.End()
	want := whole.JSON()
	for i := range request {
		d := drive(request[:i], request[i:], tc, response)
		d.End()
		if got := d.JSON(); got != want {
			t.Fatalf("request cut at %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	for i := range response {
		d := drive(request, tc, response[:i], response[i:])
		d.End()
		if got := d.JSON(); got != want {
			t.Fatalf("response cut at %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	if x := tx(t, whole, 0); string(x.Request.Body.Data) != "abcdefg" || string(x.Request.Trailers[0].Name) != "X-T" || x.Response.Status != 200 {
		t.Errorf("%+v", x)
	}
	if x := tx(t, whole, 1); x.Response.Status != 404 || string(x.Response.Body.Data) != "rest" {
		t.Errorf("%+v", x)
	}
}

func TestGolden(t *testing.T) {
	d := drive("GET http://a.example/p?x=1 HTTP/1.1\r\nHost: a.example\r\nReferer: http://b/\r\nUser-Agent: ua\r\n\r\n", tc,
		"HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Type: text/html; charset=utf-8\r\nServer: nginx\r\nContent-Length: 2\r\n\r\nok")
	want := `{"@timestamp":"0001-01-01T00:00:00.000000000Z","event.dataset":"http","event.category":"web","http.request.method":"GET",` +
		`"url.original":"http://a.example/p?x=1","url.path":"/p","url.query":"x=1","url.domain":"a.example","user_agent.original":"ua","http.request.referrer":"http://b/",` +
		`"http.version":"1.1","http.response.status_code":302,"http.response.mime_type":"text/html","http.response.body.bytes":2,` +
		`"fengsui.http.response.server":"nginx","fengsui.http.response.location":"/new"}` + "\n"
	if got := d.JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestURI(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		_, path, query, fragment := splitURI([]byte(raw), false)
		if got := string(normalURI(nil, path, query, fragment, func(string) {})); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
	f("/", "/")
	f("/a//b///c", "/a/b/c")
	f("/a/./b/../c", "/a/c")
	f("/../../etc/passwd", "/etc/passwd")
	f("/a/b/..", "/a/")
	f("/a/.", "/a/")
	f("/%2e%2e/%2e/x", "/x")
	f(`/a\b\..\c`, "/a/c")
	f("/%41%zz%4", "/A%zz%4")
	f("/%2541", "/%41")
	f("/%u0041%u2215x", "/A/x")
	f("/%c0%af%c1%81", "/A")
	f("/%e4%be%8b.html?n=%e4%be%8b", "/例.html?n=例")
	f("/x?a=%2e%2e/..%2f", "/x?a=../../")
	f("/x?", "/x?")
	f("http://host/p?q", "/p?q")
	f("http://host", "")
	f("*", "*")
}

func TestBodies(t *testing.T) {
	var gz, df bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = z.Write([]byte("zipped text"))
	_ = z.Close()
	w, _ := flate.NewWriter(&df, 9)
	_, _ = w.Write([]byte("deflated text"))
	_ = w.Close()
	var br, twice bytes.Buffer
	v := brotli.NewWriter(&br)
	_, _ = v.Write([]byte("brotli text"))
	_ = v.Close()
	v = brotli.NewWriter(&twice)
	_, _ = v.Write(gz.Bytes())
	_ = v.Close()
	f := func(name, headers, body, want string, truncated bool) {
		t.Helper()
		d := drive("GET / HTTP/1.1\r\nHost: h\r\n\r\n", tc, "HTTP/1.1 200 OK\r\n"+headers+"\r\n"+body)
		d.End()
		b := &tx(t, d, 0).Response.Body
		if string(b.Data) != want || b.Truncated != truncated || !b.Done {
			t.Errorf("%s: %q (truncated %v), want %q", name, b.Data, b.Truncated, want)
		}
	}
	f("length", "Content-Length: 3\r\n", "abcdef", "abc", false)
	f("until close", "", "abcdef", "abcdef", false)
	f("cut short", "Content-Length: 9\r\n", "abc", "abc", true)
	f("chunked", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc", false)
	f("chunked wins", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "abc", false)
	f("gzip", "Content-Encoding: gzip\r\nContent-Length: "+fmt.Sprint(gz.Len())+"\r\n", gz.String(), "zipped text", false)
	f("gzip until close", "Content-Encoding: x-gzip\r\n", gz.String(), "zipped text", false)
	f("bare deflate", "Content-Encoding: deflate\r\n", df.String(), "deflated text", false)
	f("identity", "Content-Encoding: identity\r\n", "plain", "plain", false)
	f("not gzip at all", "Content-Encoding: gzip\r\n", "plain", "plain", false)
	f("brotli", "Content-Encoding: br\r\n", br.String(), "brotli text", false)
	f("two codings", "Content-Encoding: gzip, br\r\n", twice.String(), "zipped text", false)
	inner := gzipped("not deflate at all, \xff\xff\xff\xff\xff\xff and more of it")
	f("inner coding fails while the outer writes", "Content-Encoding: deflate, gzip\r\n", inner, inner, false)
	f("coding not undone", "Content-Encoding: lzma\r\n", "\x8b\x01", "\x8b\x01", false)
	f("bad chunk", "Transfer-Encoding: chunked\r\n", "zz\r\nabc", "zz\r\nabc", false)
	f("no body", "Content-Length: 0\r\n", "", "", false)
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

func TestBomb(t *testing.T) {
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	for range 24 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	d := prototest.New(New(Limits{DecodedBytesMax: 2 << 20})(false))
	d.Feed(ts, []byte("GET / HTTP/1.1\r\n\r\n"))
	d.Feed(tc, []byte("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"+gz.String()))
	d.End()
	x := tx(t, d, 0)
	b := &x.Response.Body
	if len(b.Data) != 100<<10 || !b.Truncated || b.Total > 2<<20 || !slices.Contains(x.Anomalies, "compression_bomb") {
		t.Errorf("kept %d, decoded %d, truncated %v, %v", len(b.Data), b.Total, b.Truncated, x.Anomalies)
	}
}

func TestMatching(t *testing.T) {
	f := func(name string, want string, pieces ...any) {
		t.Helper()
		d := drive(pieces...)
		d.End()
		got := ""
		for _, l := range d.Live.List {
			x := l.(*Transaction)
			got += fmt.Sprintf("%s%s=%d ", x.Request.Method, x.Request.RawURI, x.Response.Status)
			if !x.Complete(ts) || !x.Complete(tc) {
				t.Errorf("%s: not complete at the end: %v", name, x.progress)
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	req := func(m, u string) string { return m + " " + u + " HTTP/1.1\r\nHost: h\r\n\r\n" }
	resp := func(code int, body string) string {
		return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", code, len(body), body)
	}
	f("pipelined", "GET/1=200 GET/2=404 GET/3=500", req("GET", "/1")+req("GET", "/2")+req("GET", "/3"), tc, resp(200, "a")+resp(404, "")+resp(500, "ccc"))
	f("HEAD has no body", "HEAD/1=200 GET/2=404", req("HEAD", "/1")+req("GET", "/2"), tc, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"+resp(404, "x"))
	f("304 has no body", "GET/1=304 GET/2=200", req("GET", "/1")+req("GET", "/2"), tc, "HTTP/1.1 304 N\r\nContent-Length: 99\r\n\r\n"+resp(200, "x"))
	f("interim responses", "GET/1=200", req("GET", "/1"), tc, "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 100 C\r\n\r\n"+resp(200, "x"))
	f("response alone", "=200", tc, resp(200, "x"))
	f("request alone", "GET/1=0", req("GET", "/1"))
	f("incomplete headers", "GET/1=0", "GET /1 HTTP/1.1\r\nHost: h\r\nX-Half")
	f("incomplete line", "GET/1=0", "GET /1")
	f("empty lines between", "GET/1=0 GET/2=0", "\r\n\r\n"+req("GET", "/1")+"\n\r\n"+req("GET", "/2"))
	f("0.9", "GET/1=0", "GET /1\r\n", tc, "just bytes")
	f("upgrades that nobody answers", "GET/1=0 GET/2=0 GET/3=0", "GET /1 HTTP/1.1\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"+req("GET", "/3"))
	f("hole in a body", "POST/1=200 GET/2=0", "POST /1 HTTP/1.1\r\nContent-Length: 10\r\n\r\nab", 5, "xyz"+req("GET", "/2"), tc, resp(200, ""))
	f("hole in headers", "GET/1=0 GET/3=0", "GET /1 HTTP/1.1\r\nHost: h", 30, "nal: x\r\n\r\n"+req("GET", "/3"))
	f("hole in responses", "GET/1=200 GET/2=404", req("GET", "/1")+req("GET", "/2"), tc, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 20, "tail\r\n"+resp(404, ""))
}

func TestTunnels(t *testing.T) {
	d := drive("CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n", tc, "HTTP/1.1 200 Established\r\n\r\n\x16\x03\x01")
	if d.Verdict != proto.Restart || string(d.Rest(tc)) != "\x16\x03\x01" {
		t.Errorf("verdict %v, left %q", d.Verdict, d.Rest(tc))
	}
	if x := tx(t, d, 0); string(x.Request.Host) != "host" || string(x.Request.URI) != "host:443" {
		t.Errorf("%+v", x.Request)
	}
	d = drive("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", tc, "HTTP/1.1 101 Switching\r\n\r\n\x81")
	if d.Verdict != proto.Restart {
		t.Errorf("verdict %v after 101", d.Verdict)
	}
	d = drive("CONNECT host:443 HTTP/1.1\r\n\r\n", tc, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
	if d.Verdict != proto.Continue {
		t.Errorf("verdict %v after a refused CONNECT", d.Verdict)
	}
}

const formHead = "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=\"b\"\r\nContent-Length: 400\r\n\r\n"

func TestAnomalies(t *testing.T) {
	f := func(want string, pieces ...any) {
		t.Helper()
		d := drive(pieces...)
		d.End()
		if !slices.Contains(tx(t, d, 0).Anomalies, want) {
			t.Errorf("%s not noted: %v", want, tx(t, d, 0).Anomalies)
		}
	}
	f("missing_host_header", "GET / HTTP/1.1\r\n\r\n")
	f("host_header_ambiguous", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n")
	f("request_field_missing_colon", "GET / HTTP/1.1\r\nHost\r\n\r\n")
	f("invalid_request_field_folding", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n")
	f("invalid_content_length_field_in_request", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
	f("invalid_request_chunk_len", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n")
	f("request_line_missing_protocol", "GET /\r\nHost: a\r\n\r\n")
	f("request_header_host_invalid", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
	f("request_body_unexpected", "GET / HTTP/1.1\r\nHost: a\r\n\r\nname=value\r\n")
	f("duplicate_content_length_field_in_request", "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab")
	f("multipart_no_filedata", formHead+"--b\r\nContent-Disposition: form-data; name=x; filename=y\r\n\r\n\r\n--b--\r\n")
	f("multipart_invalid_header", formHead+"--b\r\nnothing\r\n\r\nx\r\n--b--\r\n")
	f("multipart_generic_error", "POST / HTTP/1.1\r\nContent-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx")
	f("range_invalid", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", tc, "HTTP/1.1 206 P\r\nContent-Range: bytes 9-3/10\r\nContent-Length: 1\r\n\r\nx")
	f("double_encoded_uri", "GET /%2541 HTTP/1.1\r\n\r\n")
	f("uri_delim_non_compliant", "GET /a b HTTP/1.1\r\n\r\n")
	f("request_header_repetition", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n")
	f("response_invalid_status", "GET / HTTP/1.1\r\n\r\n", tc, "HTTP/1.1 abc X\r\n\r\n")
	f("unable_to_match_response_to_request", tc, "HTTP/1.1 200 OK\r\n\r\n")
	f("request_field_too_long", "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 70<<10))
	f("abnormal_ce_header", "GET / HTTP/1.1\r\n\r\n", tc, "HTTP/1.1 200 OK\r\nContent-Encoding: weird\r\n\r\n")
}

// TestAnomalyNames finds each name in the source and in the published list.
func TestAnomalyNames(t *testing.T) {
	files, _ := os.ReadDir(".")
	literal := regexp.MustCompile(`(?:Anomaly|note)\("([a-z0-9_]+)"\)`)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllSubmatch(b, -1) {
			if !slices.Contains(Anomalies, string(m[1])) {
				t.Errorf("%s: %s is not in Anomalies", f.Name(), m[1])
			}
		}
	}
	if !slices.IsSorted(Anomalies) {
		t.Error("Anomalies are not sorted")
	}
}

func TestRecognise(t *testing.T) {
	f := func(dir flow.Direction, data string, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, Data: []byte(data)}); got != want {
			t.Errorf("%v %q: %v, want %v", dir, data, got, want)
		}
	}
	f(ts, "GET / HTTP/1.1\r\n", proto.Yes)
	f(ts, "\r\nPOST /x HTTP/1.0\r\n", proto.Yes)
	f(ts, "GE", proto.Maybe)
	f(ts, "GET /", proto.Maybe)
	f(tc, "HTTP/1.1 200 OK", proto.Yes)
	f(ts, "HTTP/1.1 200 OK", proto.Reversed)
	f(tc, "GET / HTTP/1.1\r\n", proto.Reversed)
	f(ts, "OPTIONS sip:a SIP/2.0\r\n", proto.No)
	f(ts, "OPTIONS rtsp://a RTSP/1.0\r\n", proto.No)
	f(ts, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", proto.No)
	f(ts, "SSH-2.0-x\r\n", proto.No)
	f(tc, "HTTP/2 200", proto.No)
}

func FuzzParser(f *testing.F) {
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = z.Write([]byte("zipped text"))
	_ = z.Close()
	f.Add(append(prototest.Pack(ts, get), prototest.Pack(tc, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")...))
	f.Add(append(prototest.Pack(ts, "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;e\r\nabcd\r\n0\r\nT: 1\r\n\r\n"), 0x1e, 3))
	f.Add(append(prototest.Pack(ts, "GET /%u0041%2e%2e/ HTTP/1.1\n x: y\n\n"), prototest.Pack(tc, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, deflate\r\n\r\n"+gz.String())...))
	f.Add(append(prototest.Pack(ts, "CONNECT a:1 HTTP/1.1\r\n\r\n"), prototest.Pack(tc, "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(Limits{BodyBytesMax: 4096, HeaderBytesMax: 2048})(false))
		d.Script(b)
		d.JSON()
		for _, l := range d.Live.List {
			x := l.(*Transaction)
			if len(x.Request.Body.Data) > 4096 || len(x.Response.Body.Data) > 4096 {
				t.Fatal("body beyond its limit")
			}
			for _, a := range x.Anomalies {
				if !slices.Contains(Anomalies, a) {
					t.Fatalf("anomaly %q is not published", a)
				}
			}
		}
	})
}
