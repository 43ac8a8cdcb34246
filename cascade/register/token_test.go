package register

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
)

func sampleToken() *wire.Token {
	return &wire.Token{
		Parent: "440000", Addresses: []string{"10.0.0.1:7400", "[2001:db8::1]:7400"}, RootFingerprint: bytes.Repeat([]byte{7}, 32),
		InviteId: bytes.Repeat([]byte{1}, 16), Secret: bytes.Repeat([]byte{2}, 16), Purpose: wire.PurposeSite, Site: "440100", Expires: 1_800_000_000,
	}
}

const sampleText = "fs1.AIG2zYiRCgY0NDAwMDASDTEwLjAuMNH7LjE6NzQwMBISWzIwMDE6ZGI4OjoxXY3OOjc0MDAaIAcHBwcHBwcHBwcHBwcHB7D0BwcHBwcHBwcHBwcHBwcHBwciEAEBAfKfAQEBAQEBAQEBAQEBASoQAgICAgICAnFHAgICAgICAgICMAE6BjQ0MDEwMEiApPqXp9oGAAAAAAAAAAAAAAAAAAAAAAAAAHZk"

func TestTokenText(t *testing.T) {
	text, err := FormatToken(sampleToken())
	if err != nil {
		t.Fatal(err)
	}
	if text != sampleText {
		t.Errorf("the written form changed: tokens in people's hands would not be read\n%s", text)
	}
	got, err := ParseToken("  " + text + "\r\n")
	if err != nil || !proto.Equal(got, sampleToken()) {
		t.Errorf("came back as %v, %v", got, err)
	}
}

// Every single wrong character is found, and found near where it is.
func TestTokenTypos(t *testing.T) {
	text, err := FormatToken(sampleToken())
	if err != nil {
		t.Fatal(err)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := len(tokenPrefix); i < len(text); i++ {
		for _, c := range digits + "! é" {
			if byte(c) == text[i] && c < 128 {
				continue
			}
			wrong := text[:i] + string(c) + text[i+1:]
			_, err := ParseToken(wrong)
			var e *TokenError
			if !errors.As(err, &e) {
				t.Fatalf("character %d as %q: %v", i+1, c, err)
			}
			if trimmed := strings.TrimSpace(wrong) != wrong; !trimmed && (i+1 < e.From || i+1 > e.To) {
				t.Errorf("character %d as %q: said to be in %d to %d", i+1, c, e.From, e.To)
			}
		}
		for name, wrong := range map[string]string{"cut": text[:i], "missing": text[:i] + text[i+1:], "doubled": text[:i] + text[i:i+1] + text[i:]} {
			if _, err := ParseToken(wrong); err == nil {
				t.Errorf("%s at character %d was accepted", name, i+1)
			}
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := ParseToken(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	f("", "does not begin")
	f("hello", "copy the whole line")
	f("fs1.", "cut off")
	f("fs1.abc", "cut off")
	f("fs2."+strings.Repeat("A", 32), "does not begin")
	f("fs1."+strings.Repeat("A", 9000), "at most")
	f("fs1.AAAA AAAA", "character 9")
	if _, err := FormatToken(&wire.Token{Parent: "440000"}); err == nil {
		t.Error("an incomplete token was written down")
	}
}

func FuzzToken(f *testing.F) {
	text, err := FormatToken(sampleToken())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:40])
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := ParseToken(s)
		if err != nil {
			return
		}
		again, err := FormatToken(tok)
		if err != nil {
			t.Fatalf("%q is read, but cannot be written: %v", s, err)
		}
		if back, err := ParseToken(again); err != nil || !proto.Equal(back, tok) {
			t.Errorf("%q comes back as %v, %v", s, back, err)
		}
	})
}
