package ber

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestElements(t *testing.T) {
	b := []byte{
		0x30, 0x0d, // sequence
		0x02, 0x02, 0xff, 0x7f, // -129
		0x06, 0x03, 0x2a, 0x86, 0x48, // 1.2.840
		0x01, 0x02, 0, 0, // not a boolean: two octets
		0xbf, 0x81, 0x01, 0x81, 0x01, 'x', // [129], long form
	}
	r := NewReader(b)
	seq, err := r.Expect(Sequence)
	if err != nil || !seq.Constructed() || seq.Header != 2 {
		t.Fatalf("%+v %v", seq, err)
	}
	in := seq.Inside()
	n, err := in.Next()
	if v, ok := n.Int(); err != nil || !ok || v != -129 {
		t.Errorf("integer %d %v %v", v, ok, err)
	}
	if _, err := in.Expect(Integer); !errors.Is(err, ErrType) {
		t.Errorf("an OID as an integer: %v", err)
	}
	o, ok := in.Optional(OID)
	if !ok || o.OID() != "1.2.840" {
		t.Errorf("OID %q", o.OID())
	}
	if v, err := in.Next(); err != nil || v.Bool() || in.More() {
		t.Errorf("boolean of two octets: %v %v", v.Bool(), err)
	}
	tagged, err := r.Next()
	if err != nil || tagged.Tag != 129 || tagged.ID != 0xbf || string(tagged.Body) != "x" || r.More() || r.Peek() != 0 {
		t.Errorf("%+v %v", tagged, err)
	}
}

func TestNumbers(t *testing.T) {
	f := func(body string, want uint64, ok bool) {
		t.Helper()
		e := Element{Body: []byte(body)}
		if n, got := e.Uint(); n != want || got != ok {
			t.Errorf("%x: %d %v", body, n, got)
		}
	}
	f("", 0, false)
	f("\x00", 0, true)
	f("\x00\xff\xff\xff\xff\xff\xff\xff\xff", 1<<64-1, true)
	f("\xff\xff", 0xffff, true)
	f("\x01\x00\x00\x00\x00\x00\x00\x00\x00", 0, false)
	nine := Element{Body: make([]byte, 9)}
	if _, ok := nine.Int(); ok {
		t.Error("nine octets read as an integer")
	}
}

func TestIndefinite(t *testing.T) {
	// A string of two pieces within a sequence, both of indefinite length, and one element behind.
	b := []byte{0x30, 0x80, 0x24, 0x80, 0x04, 2, 'a', 'b', 0x04, 1, 'c', 0, 0, 0, 0, 0x05, 0}
	if n, err := Size(b); n != len(b)-2 || err != nil {
		t.Fatal(n, err)
	}
	for n := range len(b) - 2 {
		if _, err := Size(b[:n]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	r := NewReader(b)
	seq, err := r.Next()
	if err != nil || !seq.Indefinite {
		t.Fatal(seq, err)
	}
	in := seq.Inside()
	s, err := in.Next()
	if err != nil || string(s.Octets()) != "abc" || in.More() {
		t.Errorf("%q %v", s.Octets(), err)
	}
	if last, err := r.Next(); err != nil || last.ID != Null || r.More() {
		t.Error(last, err)
	}
}

func TestRefused(t *testing.T) {
	f := func(name, b string, want error) {
		t.Helper()
		r := NewReader([]byte(b))
		if _, err := r.Next(); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("nothing", "", ErrShort)
	f("contents missing", "\x04\x05abc", ErrShort)
	f("long length cut", "\x04\x82\x01", ErrShort)
	f("length beyond all", "\x04\x84\xff\xff\xff\xff", ErrLength)
	f("length of 127 octets", "\x04\xff"+strings.Repeat("\x00", 127), ErrLength)
	f("primitive without length", "\x04\x80\x00\x00", ErrLength)
	f("tag number without end", "\x1f\xff\xff\xff\xff\xff\xff", ErrTag)
	f("deep", strings.Repeat("\x30\x80", 4000), ErrDepth)
	e := Element{Body: []byte{0x2a, 0x86}}
	if e.OID() != "" {
		t.Error("an OID that ends within an arc")
	}
	e.Body = bytes.Repeat([]byte{1}, 100)
	if e.OID() != "" {
		t.Error("an OID of 100 arcs")
	}
}

// walk reads everything below r and returns how many elements it met.
func walk(r Reader) int {
	n := 0
	for r.More() {
		e, err := r.Next()
		if err != nil {
			break
		}
		n++
		e.Int()
		e.Uint()
		e.Octets()
		e.OID()
		if e.Constructed() {
			n += walk(e.Inside())
		}
	}
	return n
}

func TestDepth(t *testing.T) {
	var b []byte
	for range DepthMax + 10 {
		b = append([]byte{0x30, byte(len(b))}, b...)
	}
	if n := walk(NewReader(b)); n != DepthMax {
		t.Errorf("%d elements read of nested ones", n)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x04, 2, 'a', 'b', 0x04, 1, 'c', 0, 0, 0, 0, 0x05, 0})
	f.Add([]byte{0x30, 0x0b, 0x02, 0x02, 0xff, 0x7f, 0x06, 0x03, 0x2a, 0x86, 0x48, 0x01, 0x02, 0, 0})
	f.Add([]byte{0xbf, 0x81, 0x01, 0x81, 0x01, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		walk(NewReader(b))
		n, err := Size(b)
		r := NewReader(b)
		e, nextErr := r.Next()
		if nextErr == nil && (err != nil || n != len(b)-len(r.Rest()) || len(e.Body) > n) {
			t.Errorf("Size %d %v, Next read %d of %d", n, err, len(b)-len(r.Rest()), len(b))
		}
	})
}
