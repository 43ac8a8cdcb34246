package line

import (
	"bytes"
	"strings"
	"testing"
)

// cut feeds s in pieces of n bytes and joins what comes out.
func cut(s string, n, limit int) string {
	var c Cutter
	var out strings.Builder
	var rest []byte
	for len(s) > 0 {
		k := min(n, len(s))
		rest = append(rest, s[:k]...)
		s = s[k:]
		for len(rest) > 0 {
			l, used := c.Next(rest, limit)
			if used == 0 {
				break
			}
			switch {
			case l.Rest:
				out.WriteString("~")
			case l.Cut:
				out.WriteString("[" + string(l.Text) + "…]")
			default:
				out.WriteString("[" + string(l.Text) + "]")
			}
			rest = rest[used:]
		}
	}
	return strings.ReplaceAll(out.String(), "~", "") + string(rest)
}

func TestCutter(t *testing.T) {
	for n := 1; n < 20; n++ {
		if got, want := cut("one\r\ntwo\n\r\n0123456789abc\r\nthree\r\nrest", n, 8), "[one][two][][01234567…][three]rest"; got != want {
			t.Errorf("pieces of %d: %s, want %s", n, got, want)
		}
	}
	var c Cutter
	c.Lose()
	if _, n := c.Next([]byte("end of it\nnext\n"), 80); n != 10 {
		t.Errorf("lost line: %d bytes", n)
	}
	if l, _ := c.Next([]byte("next\n"), 80); string(l.Text) != "next" || l.End != 1 {
		t.Errorf("after a lost line: %+v", l)
	}
}

func TestWords(t *testing.T) {
	if w, r := Word([]byte("MAIL \t FROM:<a>")); string(w) != "MAIL" || string(r) != "FROM:<a>" {
		t.Errorf("%q %q", w, r)
	}
	if string(Fold([]byte("eHlo"), 4)) != "EHLO" || Fold([]byte("eHlo"), 3) != nil {
		t.Error("Fold")
	}
	if !HasFold([]byte("rcpt to:x"), "RCPT TO:") || HasFold([]byte("rcp"), "RCPT") {
		t.Error("HasFold")
	}
	if k, c := Clip([]byte("abc"), 2); string(k) != "ab" || !c {
		t.Error("Clip")
	}
}

// FuzzCutter asks that lines and their ends are exactly the input, whatever the pieces.
func FuzzCutter(f *testing.F) {
	f.Add([]byte("a\r\nbb\nccc\r\n"), uint8(1), uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, piece, limit uint8) {
		var c Cutter
		var rest []byte
		n, lim := int(piece)+1, int(limit)+1
		total, in := 0, b
		for len(in) > 0 {
			k := min(n, len(in))
			rest = append(rest, in[:k]...)
			in = in[k:]
			for len(rest) > 0 {
				l, used := c.Next(rest, lim)
				if used == 0 {
					break
				}
				if used < 0 || used > len(rest) || len(l.Text) > lim || !l.Cut && bytes.IndexByte(l.Text, '\n') >= 0 {
					t.Fatalf("%d of %d bytes, line %+v", used, len(rest), l)
				}
				total += used
				rest = rest[used:]
			}
			if len(rest) > lim+n {
				t.Fatal("kept more than the limit")
			}
		}
		if total+len(rest) != len(b) {
			t.Fatal("bytes lost")
		}
	})
}
