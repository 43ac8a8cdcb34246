package transform

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"testing"
)

func packed(t *testing.T, pack func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := pack(&b)
	_, err := io.WriteString(w, "hello hello")
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	f := func(name, argument, in, want string) {
		t.Helper()
		fn, err := Parse(name, argument, argument != "")
		if err != nil {
			t.Errorf("%s:%s: %v", name, argument, err)
			return
		}
		if got := string(fn([]byte("-"), []byte(in))); got != "-"+want {
			t.Errorf("%s:%s of %q: %q, want %q", name, argument, in, got[1:], want)
		}
	}
	f("dotprefix", "", "a.b", ".a.b")
	f("strip_whitespace", "", " a\r\n b\v", "ab")
	f("compress_whitespace", "", "a \t b ", "a b ")
	f("to_lowercase", "", "AbÉ", "abÉ")
	f("to_uppercase", "", "Ab1", "AB1")
	f("to_md5", "", "", "\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e")
	f("url_decode", "", "a%20b+c%zz%4", "a b c%zz%4")
	f("header_lowercase", "", "Host: A\r\nX-Y: Z\r\n", "host: A\r\nx-y: Z\r\n")
	f("strip_pseudo_headers", "", ":a: b\r\nc: d\r\n:e", "c: d\r\n")
	f("xor", "0a0b", "\x0a\x0b\x0a", "\x00\x00\x00")
	f("pcrexform", `"[a-z]+ (.*) HTTP"`, "get /x HTTP", "/x")
	f("pcrexform", `"z+"`, "abc", "abc")
	f("from_base64", "offset 2", "xxYWJj", "abc")
	f("from_base64", "bytes 4, mode rfc2045", "YW Jj", "ab")
	f("from_base64", "mode strict", "YW Jj", "YW Jj")
	f("domain", "", "www.example.co.uk", "example.co.uk")
	f("domain", "", "a.b.example.com", "example.com")
	f("domain", "", "com", "com")
	f("tld", "", "www.example.co.uk", "co.uk")
	f("gunzip", "", packed(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), "hello hello")
	f("gunzip", "max-size 5", packed(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), "hello")
	f("gunzip", "", "plain", "plain")
	f("zlib_deflate", "max-size 1kb", packed(t, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), "hello hello")
	for _, bad := range [][2]string{{"xor", "0"}, {"xor", "zz"}, {"pcrexform", "("}, {"from_base64", "mode x"}, {"from_base64", "offset"}, {"to_md5", "x"}, {"gunzip", "max-size 0"}, {"gunzip", "17"}, {"zlib_deflate", "max-size 1gb"}, {"nope", ""}} {
		if _, err := Parse(bad[0], bad[1], bad[1] != ""); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
}
