package http

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// filesOf lists the files of a transaction's side as "name=content/state".
func filesOf(x *Transaction, dir flow.Direction) string {
	var out []string
	for _, f := range x.Files(dir) {
		out = append(out, fmt.Sprintf("%s=%s/%v", f.Name, f.Data, f.State))
	}
	return strings.Join(out, " ")
}

func upload(parts ...string) string {
	body := ""
	for i := 0; i < len(parts); i += 2 {
		body += "--b\r\nContent-Disposition: form-data; name=\"f\"" + parts[i] + "\r\n\r\n" + parts[i+1] + "\r\n"
	}
	body += "--b--\r\n"
	return fmt.Sprintf("POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestFiles(t *testing.T) {
	get := "GET /dir/a.bin?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
	f := func(name string, dir flow.Direction, want string, pieces ...any) {
		t.Helper()
		d := drive(pieces...)
		d.End()
		if got := filesOf(tx(t, d, 0), dir); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("download", tc, "/dir/a.bin=abc/closed", get, tc, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
	f("named", tc, "b c.exe=abc/closed", get, tc, "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"b c.exe\"; x=y\r\nContent-Length: 3\r\n\r\nabc")
	f("named by RFC 8187", tc, "例.exe=abc/closed", get, tc, "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=x; filename*=UTF-8''%e4%be%8b.exe\r\nContent-Length: 3\r\n\r\nabc")
	f("cut", tc, "/dir/a.bin=abc/truncated", get, tc, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
	f("hole", tc, "/dir/a.bin=ab/truncated", get, tc, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 5, "cd")
	f("no body, no file", tc, "", get, tc, "HTTP/1.1 304 N\r\n\r\n")
	f("put", ts, "/p=abc/closed", "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
	f("form", ts, "a.txt=one/closed C:\\x\\b.txt=tw\r\no/closed", upload(`; filename="a.txt"`, "one", "", "a field", `; filename="C:\x\b.txt"`, "tw\r\no"))
	f("form in pieces", ts, "a.txt=on--be/closed", pieces(upload(`; filename="a.txt"`, "on--be", "", "field"))...)
	f("form cut", ts, "a.txt=on/truncated", strings.TrimSuffix(upload(`; filename="a.txt"`, "on"), "\r\n--b--\r\n"))
	d := drive(get, tc, "HTTP/1.1 206 P\r\nContent-Range: bytes 100-102/1000\r\nContent-Length: 3\r\n\r\nabc")
	if p := tx(t, d, 0).Files(tc)[0]; p.Start != 100 || p.Whole != 1000 {
		t.Errorf("range from %d of %d", p.Start, p.Whole)
	}
}

// pieces cuts a text into single bytes.
func pieces(s string) []any {
	var out []any
	for i := range len(s) {
		out = append(out, s[i:i+1])
	}
	return out
}

func TestDigestsCoverAllOfABody(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 40_000) // beyond the inspection window
	p := New(Limits{})(false)
	var live proto.Live
	var f flow.Flow
	c := proto.NewContext(&f, f.First, &live)
	c.Files = &file.Config{Digests: []file.Digest{{Name: "md5", New: md5.New}}}
	p.Data(&c, ts, []byte("GET / HTTP/1.1\r\n\r\n"))
	all := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(content), content))
	for len(all) > 0 {
		n, _ := p.Data(&c, tc, all[:min(len(all), 1400)])
		all = all[n:]
	}
	want := md5.Sum([]byte(content))
	got := live.List[0].(*Transaction).Files(tc)[0]
	if hex.EncodeToString(got.Sum("md5")) != hex.EncodeToString(want[:]) || got.Size != uint64(len(content)) || len(got.Data) != file.KeepDefault {
		t.Errorf("md5 %x of %d bytes, %d kept", got.Sum("md5"), got.Size, len(got.Data))
	}
}

// TestFailingInnerCoding cuts a body of two codings, of which the inner fails, in every way.
func TestFailingInnerCoding(t *testing.T) {
	body := gzipped(strings.Repeat("not deflate at all, \xff\xff\xff\xff and more of it", 50))
	for cut := range len(body) {
		d := drive("GET / HTTP/1.1\r\nHost: h\r\n\r\n", tc, "HTTP/1.1 200 OK\r\nContent-Encoding: deflate, gzip\r\n\r\n", body[:cut], body[cut:])
		d.End()
		if b := &tx(t, d, 0).Response.Body; string(b.Data) != body || !b.Done {
			t.Fatalf("cut at %d: %d bytes of %d", cut, len(b.Data), len(body))
		}
	}
}
