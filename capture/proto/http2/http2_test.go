package http2

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/prototest"
)

const (
	ts = flow.ToServer
	tc = flow.ToClient
)

// side writes frames of one direction with the library's encoder.
type side struct {
	*xhttp2.Framer
	out  bytes.Buffer
	head bytes.Buffer
	enc  *hpack.Encoder
}

func newSide() *side {
	s := &side{}
	s.Framer = xhttp2.NewFramer(&s.out, nil)
	s.AllowIllegalWrites = true
	s.enc = hpack.NewEncoder(&s.head)
	return s
}

func (s *side) block(fields ...string) []byte {
	s.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		s.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(s.head.Bytes())
}

func (s *side) take() []byte {
	b := bytes.Clone(s.out.Bytes())
	s.out.Reset()
	return b
}

func get(path string) []string {
	return []string{":method", "GET", ":scheme", "http", ":path", path, ":authority", "WWW.Example.com:80", "user-agent", "curl/8", "cookie", "a=1", "cookie", "b=2"}
}

func exchange(t testing.TB) (client, server []byte) {
	c, s := newSide(), newSide()
	c.out.WriteString(preface)
	c.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingEnablePush, Val: 0})
	c.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(get("/a/../b?q=1")...), EndStream: true, EndHeaders: true, Priority: xhttp2.PriorityParam{Weight: 200}})
	post := c.block(":method", "POST", ":path", "/up", ":authority", "h", "content-type", "text/plain")
	c.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: post[:5]})
	c.WriteContinuation(3, true, post[5:])
	c.WriteDataPadded(3, false, []byte("first "), make([]byte, 7))
	c.WriteData(3, true, []byte("second"))
	c.WritePing(false, [8]byte{1})
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write([]byte("zipped answer"))
	z.Close()
	s.WriteSettings()
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: s.block(":status", "200", "content-encoding", "gzip", "server", "x"), EndHeaders: true})
	s.WriteData(1, false, gz.Bytes()[:10])
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: s.block(":status", "404"), EndHeaders: true, EndStream: true})
	s.WriteData(1, true, gz.Bytes()[10:])
	s.WriteRSTStream(5, xhttp2.ErrCodeCancel)
	s.WriteGoAway(3, xhttp2.ErrCodeInadequateSecurity, nil)
	return c.take(), s.take()
}

func streams(d *prototest.Driver) map[uint32]*Transaction {
	m := map[uint32]*Transaction{}
	for _, tx := range d.Live.List {
		if x, ok := tx.(*Transaction); ok && x.Stream > 0 {
			m[x.Stream] = x
		}
	}
	return m
}

func TestStreams(t *testing.T) {
	for _, step := range []int{1, 3, 1 << 20} {
		client, server := exchange(t)
		d := prototest.New(New(http.Limits{})(false))
		for len(client) > 0 {
			n := min(step, len(client))
			d.Feed(ts, client[:n])
			client = client[n:]
		}
		for len(server) > 0 {
			n := min(step, len(server))
			d.Feed(tc, server[:n])
			server = server[n:]
		}
		d.End()
		x := streams(d)[1]
		if x == nil {
			t.Fatal("no stream 1")
		}
		if string(x.Request.URI) != "/b?q=1" || string(x.Request.Host) != "www.example.com" || string(x.Request.HostRaw) != "WWW.Example.com:80" ||
			string(x.Request.Line) != "GET /a/../b?q=1 HTTP/2\r\n" || string(x.Request.Cookie) != "a=1; b=2" {
			t.Errorf("request %q %q %q %q", x.Request.URI, x.Request.Host, x.Request.Line, x.Request.Cookie)
		}
		if want := "\r\n:method\r\n:scheme\r\n:path\r\n:authority\r\nuser-agent\r\ncookie\r\n\r\n"; string(x.Request.HeaderNames) != want {
			t.Errorf("names %q", x.Request.HeaderNames)
		}
		if string(x.Response.Body.Data) != "zipped answer" || string(x.Response.Line) != "HTTP/2 200\r\n" || len(x.Files(tc)) != 1 || x.Files(tc)[0].State != 1 {
			t.Errorf("response %q, line %q, files %v", x.Response.Body.Data, x.Response.Line, x.Files(tc))
		}
		if !slices.Equal(x.Frames[ts].Priorities, []uint8{200}) {
			t.Errorf("priorities %v", x.Frames[ts].Priorities)
		}
		x = streams(d)[3]
		if string(x.Request.Body.Data) != "first second" || x.Response.Status != 404 || !x.Complete(ts) || !x.Complete(tc) {
			t.Errorf("stream 3: %q, status %d", x.Request.Body.Data, x.Response.Status)
		}
		if x = streams(d)[5]; x == nil || !slices.Equal(x.Frames[tc].ErrorCodes, []uint32{8}) {
			t.Errorf("stream 5: %+v", x)
		}
		if js := d.JSON(); !strings.Contains(js, "SETTINGS_ENABLE_PUSH=0") || !strings.Contains(js, `"fengsui.http2.error_code":12`) {
			t.Errorf("events:\n%s", js)
		}
	}
}

func TestUpgraded(t *testing.T) {
	from := &http.Transaction{}
	from.SetFields(ts, []http.Header{{Name: []byte(":method"), Value: []byte("GET")}, {Name: []byte(":path"), Value: []byte("/x")}, {Name: []byte("Host"), Value: []byte("h")}, {Name: []byte("HTTP2-Settings"), Value: []byte("AAMAAABkAAQAAP__")}}, "HTTP/1.1")
	d := prototest.New(NewExpected(http.Limits{})(http.Switched{Tx: from}))
	s := newSide()
	s.WriteSettings()
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: s.block(":status", "200"), EndHeaders: true, EndStream: true})
	d.Feed(tc, s.take())
	d.Feed(ts, []byte(preface))
	if x := streams(d)[1]; x == nil || string(x.Request.URI) != "/x" || string(x.Request.Host) != "h" || x.Response.Status != 200 {
		t.Errorf("stream 1: %+v", x)
	}
	if x, ok := d.Live.List[0].(*Transaction); !ok || len(x.Frames[ts].Settings) != 2 || x.Frames[ts].Settings[0] != (Setting{3, 100}) {
		t.Errorf("settings: %+v", x.Frames[ts])
	}
}

func TestAnomalies(t *testing.T) {
	f := func(want string, dir flow.Direction, b []byte) {
		t.Helper()
		d := prototest.New(New(http.Limits{})(false))
		if dir == ts && want != "invalid_client_magic" {
			d.Feed(ts, []byte(preface))
		}
		d.Feed(dir, b)
		d.End()
		for _, tx := range d.Live.List {
			if slices.Contains(tx.Base().Anomalies, want) {
				if !slices.Contains(Anomalies, want) {
					t.Errorf("%s is not listed", want)
				}
				return
			}
		}
		t.Errorf("%s not noted", want)
	}
	s := newSide()
	s.WriteRawFrame(FrameSettings, 0, 0, []byte{1, 2, 3})
	f("invalid_frame_length", ts, s.take())
	s.WriteRawFrame(FrameHeaders, flagHeaders, 1, []byte{0xff, 0xff, 0xff, 0xff, 0xff})
	f("invalid_header", ts, s.take())
	s.WriteRawFrame(FrameHeaders, flagHeaders, 1, append([]byte{0xff}, bytes.Repeat([]byte{0xff}, 12)...))
	f("header_integer_overflow", ts, s.take())
	s.WriteRawFrame(FrameContinuation, flagHeaders, 1, nil)
	f("invalid_frame_header", ts, s.take())
	s.WriteRawFrame(FrameData, flagPadded, 1, []byte{9, 1})
	f("invalid_frame_data", ts, s.take())
	s.WriteRawFrame(FramePing, 0, 0, make([]byte, 300<<10))
	f("long_frame_data", ts, s.take())
	f("invalid_client_magic", ts, []byte("GET / HTTP/1.1\r\n\r\n")[1:])
	s = newSide()
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: s.block(get("/")...), EndHeaders: true, EndStream: true})
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: s.block(get("/")...), EndHeaders: true, EndStream: true})
	f("stream_id_reuse", ts, s.take())
	s = newSide()
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: s.block(":method", "GET", ":authority", "user@host"), EndHeaders: true, EndStream: true})
	f("userinfo_in_uri", ts, s.take())
	s = newSide()
	for i := range streamsMax + 1 {
		s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: s.block(":method", "POST"), EndHeaders: true})
	}
	f("too_many_streams", ts, s.take())
}

func TestHoles(t *testing.T) {
	client, _ := exchange(t)
	d := prototest.New(New(http.Limits{})(false))
	d.Feed(ts, client[:60])
	d.Gap(ts, 20)
	s := newSide()
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 7, BlockFragment: s.block(get("/behind")...), EndHeaders: true, EndStream: true})
	d.Feed(ts, append([]byte("rest of something"), s.take()...))
	d.End()
	if x := streams(d)[7]; x == nil || string(x.Request.URI) != "/behind" {
		t.Errorf("stream 7: %+v", x)
	}
}

func TestDNSOverHTTP(t *testing.T) {
	message := []byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01")
	s := newSide()
	s.out.WriteString(preface)
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: s.block(get("/dns-query?dns=" + base64.RawURLEncoding.EncodeToString(message))...), EndHeaders: true, EndStream: true})
	s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: s.block(":method", "POST", ":path", "/", "content-type", "application/dns-message"), EndHeaders: true})
	s.WriteData(3, true, message)
	d := prototest.New(New(http.Limits{})(false))
	d.Feed(ts, s.take())
	n := 0
	for _, tx := range d.Live.List {
		if x, ok := tx.(*dns.Transaction); ok && string(x.Questions[0].Name) == "www.example.com" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
}

func TestRecognise(t *testing.T) {
	f := func(want proto.Match, dir flow.Direction, b string) {
		t.Helper()
		if got := Recognise(&proto.Probe{Dir: dir, Data: []byte(b)}); got != want {
			t.Errorf("%q: %v, want %v", b, got, want)
		}
	}
	f(proto.Yes, ts, preface)
	f(proto.Maybe, ts, "PRI * H")
	f(proto.Reversed, tc, preface)
	f(proto.Yes, tc, "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64")
	f(proto.No, tc, "\x00\x00\x00\x85\xffSMB")
	f(proto.No, ts, "GET / HTTP/1.1\r\n")
}

func FuzzParser(f *testing.F) {
	client, server := exchange(f)
	f.Add(append(prototest.Pack(ts, string(client)), prototest.Pack(tc, string(server))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(http.Limits{})(false))
		d.Script(b)
		d.JSON()
		for _, tx := range d.Live.List {
			if !tx.Complete(ts) && tx.Protocol() == "http2" {
				t.Fatal("not complete at the end")
			}
		}
	})
}
