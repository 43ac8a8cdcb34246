package wire

import (
	"bytes"
	"testing"

	"fengsui/capture/flow"
)

// frames cuts messages of one length byte (with itself) and content; zero begins none.
func frames() *Frames {
	return &Frames{Max: 8, Size: func(_ flow.Direction, b []byte) int64 {
		if b[0] == 0 {
			return -1
		}
		return int64(b[0])
	}}
}

func TestFrames(t *testing.T) {
	f := frames()
	in := []byte{2, 'a', 3, 'b', 'c', 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 'z', 4, 'y'}
	var got []byte
	var cuts int
	for len(in) > 0 {
		m, ok := f.Next(flow.ToServer, in)
		if !ok {
			t.Fatal("no message")
		}
		in = in[m.Taken:]
		if m.Bytes == nil {
			break
		}
		if m.Cut() {
			cuts++
		}
		got = append(got, m.Bytes[1:]...)
	}
	if string(got) != "abc\x01\x02\x03\x04\x05\x06\x07z" || cuts != 1 || len(in) != 2 {
		t.Fatalf("%q, %d cut, %d left", got, cuts, len(in))
	}
	if _, ok := f.Next(flow.ToServer, []byte{0}); ok {
		t.Error("a zero begins a message")
	}
}

func TestFramesLongMessageInPieces(t *testing.T) {
	f := frames()
	m, _ := f.Next(0, []byte{12, 1, 2, 3, 4, 5, 6, 7, 8})
	if len(m.Bytes) != 8 || m.Taken != 9 {
		t.Fatalf("%+v", m)
	}
	if m, _ = f.Next(0, []byte{9, 10, 11, 2, 'q'}); m.Taken != 5 || !bytes.Equal(m.Bytes, []byte{2, 'q'}) {
		t.Fatalf("%+v", m)
	}
}

func TestFramesGap(t *testing.T) {
	f := frames()
	if !f.Gap(1, []byte{6, 1}, 4) { // exactly to the end of the message
		t.Fatal("place lost")
	}
	if m, _ := f.Next(1, []byte{2, 'x'}); string(m.Bytes) != "\x02x" {
		t.Fatalf("%+v", m)
	}
	if !f.Gap(1, []byte{6, 1}, 3) {
		t.Fatal("place lost inside")
	}
	if m, _ := f.Next(1, []byte{9, 2, 'x'}); string(m.Bytes) != "\x02x" || m.Taken != 3 {
		t.Fatalf("%+v", m)
	}
	if f.Gap(1, []byte{3, 1}, 4) {
		t.Fatal("place kept")
	}
	if m, ok := f.Next(1, []byte{9, 9}); !ok || m.Bytes != nil || m.Taken != 2 {
		t.Fatalf("%+v", m)
	}
	if m, _ := f.Next(1, []byte{2, 'x', 9}); string(m.Bytes) != "\x02x" {
		t.Fatalf("%+v", m)
	}
}

func TestReader(t *testing.T) {
	r := NewReader([]byte{1, 0, 2, 3, 0, 0, 0, 4, 'a', 'b', 0, 'c'})
	if r.U8() != 1 || r.BE16() != 2 || r.LE16() != 3 || r.Bytes(3)[2] != 4 || string(r.Text()) != "ab" || r.Len() != 1 || r.Short() {
		t.Fatalf("%+v", r)
	}
	if r.BE32() != 0 || !r.Short() || r.U8() != 0 || r.Rest() != nil {
		t.Error("read past the end")
	}
	if k, cut := Keep([]byte("abc"), 2); string(k) != "ab" || !cut {
		t.Error("keep")
	}
	if NewReader(nil).b != nil {
		t.Error("not empty")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{2, 'a', 12, 1, 2, 3}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, gap uint8) {
		x := frames()
		for len(b) > 0 {
			m, ok := x.Next(0, b)
			if m.Taken < 0 || m.Taken > len(b) || len(m.Bytes) > 8 {
				t.Fatalf("%+v of %d", m, len(b))
			}
			b = b[m.Taken:]
			if !ok {
				x.Lose(0)
				b = b[1:]
			} else if m.Bytes == nil {
				x.Gap(0, b, int64(gap))
				return
			}
		}
	})
}
