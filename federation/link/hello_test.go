package link

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestHelloRoundTrip(t *testing.T) {
	for _, h := range []hello{
		{},
		{flags: helloWait | helloReplaces, instance: [instanceBytes]byte{1, 2, 3}, serial: 1 << 40, advertise: "10.0.0.1:7430"},
	} {
		b := appendHello(nil, h)
		kind, body, err := readControl(bytes.NewReader(b), make([]byte, controlMessageMax))
		if err != nil || kind != messageHello {
			t.Fatalf("kind %d, %v", kind, err)
		}
		got, err := parseHello(append(bytes.Clone(body), "of a later version"...))
		if err != nil || got != h {
			t.Errorf("%+v, %v; want %+v", got, err, h)
		}
		for n := range body {
			if _, err := parseHello(body[:n]); !errors.Is(err, errHelloShort) {
				t.Errorf("%d of %d bytes: %v", n, len(body), err)
			}
		}
		for n := range b {
			if _, _, err := readControl(bytes.NewReader(b[:n]), make([]byte, controlMessageMax)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d of %d bytes on the wire: %v", n, len(b), err)
			}
		}
	}
}

// The first hello of version 1, byte by byte: it must never change.
func TestHelloIsPinned(t *testing.T) {
	got := appendHello(nil, hello{flags: 1, instance: [16]byte{0xaa}, serial: 0x0102, advertise: "a:1"})
	want := "\x01\x00\x1e\x01\x01\xaa" + string(make([]byte, 15)) + "\x00\x00\x00\x00\x00\x00\x01\x02\x03a:1"
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := appendRetire(nil, 7); string(got) != "\x02\x00\x08\x00\x00\x00\x00\x00\x00\x00\x07" {
		t.Errorf("retire %q", got)
	}
}

func TestControlLimits(t *testing.T) {
	_, _, err := readControl(bytes.NewReader([]byte{1, 0xff, 0xff}), make([]byte, controlMessageMax))
	if !errors.Is(err, errControlSize) {
		t.Errorf("%v", err)
	}
	if _, err := parseRetire(make([]byte, 7)); err == nil {
		t.Error("a short retire was accepted")
	}
}

func FuzzControl(f *testing.F) {
	f.Add(appendHello(nil, hello{flags: helloWait, serial: 9, advertise: "10.0.0.1:7430"}))
	f.Add(appendRetire(nil, 42))
	f.Add(appendEmpty(appendEmpty(nil, messageDrained), messagePromote))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		buf := make([]byte, controlMessageMax)
		for {
			kind, body, err := readControl(r, buf)
			if err != nil {
				return
			}
			switch kind {
			case messageHello:
				h, err := parseHello(body)
				if err != nil {
					continue
				}
				if again, err := parseHello(appendHello(nil, h)[3:]); err != nil || again != h {
					t.Fatalf("%+v became %+v, %v", h, again, err)
				}
			case messageRetire:
				_, _ = parseRetire(body)
			}
		}
	})
}
