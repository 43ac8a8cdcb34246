package pieces

import (
	"bytes"
	"testing"

	"fengsui/capture/file"
	"fengsui/capture/flow"
)

func put(w *File, offset uint64, data string) Note {
	n := w.Begin(offset, len(data))
	for i := 0; i < len(data); i += 3 {
		w.Write([]byte(data[i:min(i+3, len(data))]))
	}
	w.Finish()
	return n
}

func TestOrder(t *testing.T) {
	var pool Pool
	w := New(file.New(nil, flow.ToServer, nil), &pool)
	if put(w, 10, "klmno") != Fine || put(w, 5, "fghij") != Fine || w.Fresh() {
		t.Error("early pieces are not fine")
	}
	if pool.Used != 10 || len(w.F.Data) != 0 {
		t.Errorf("%d bytes wait, %q written", pool.Used, w.F.Data)
	}
	put(w, 0, "abcde")
	if put(w, 12, "xxxpq") != Overlap || put(w, 1<<63, "r") != Fine {
		t.Error("notes")
	}
	w.Close(true)
	if string(w.F.Data) != "abcdefghijklmnopqr" || w.F.State != file.Closed || pool.Used != 0 {
		t.Errorf("%q %v %d", w.F.Data, w.F.State, pool.Used)
	}
}

func TestHoles(t *testing.T) {
	var pool Pool
	w := New(file.New(nil, flow.ToServer, nil), &pool)
	w.Begin(0, 10)
	w.Write([]byte("abc"))
	w.Lost(4)
	w.Write([]byte("hij"))
	w.Finish()
	put(w, 20, "zz")
	w.Close(true)
	if w.F.Size != 22 || w.F.State != file.Truncated || string(w.F.Data) != "abc" {
		t.Errorf("%d bytes, %v, %q", w.F.Size, w.F.State, w.F.Data)
	}
	// An early piece with a hole keeps what came before the hole.
	w = New(file.New(nil, flow.ToServer, nil), &pool)
	w.Begin(3, 6)
	w.Write([]byte("de"))
	w.Lost(2)
	w.Write([]byte("hi"))
	w.Finish()
	put(w, 0, "abc")
	w.Close(true)
	if string(w.F.Data) != "abcde" || pool.Used != 0 {
		t.Errorf("%q %d", w.F.Data, pool.Used)
	}
}

func TestLimits(t *testing.T) {
	var pool Pool
	w := New(file.New(nil, flow.ToServer, nil), &pool)
	var last Note
	for i := range QueueMax + 1 {
		last = put(w, uint64(10+2*i), "x")
	}
	if last != TooMany || len(w.queue) != 0 || w.F.Size != uint64(10+2*QueueMax+1) {
		t.Errorf("%d, %d wait, %d bytes", last, len(w.queue), w.F.Size)
	}
	v := New(file.New(nil, flow.ToServer, nil), &pool)
	if n := v.Begin(1, QueueBytes+1); n != TooLarge {
		t.Errorf("note %d", n)
	}
	v.Write(bytes.Repeat([]byte("x"), 100))
	v.Close(false)
	if v.F.Size != 101 || v.F.State != file.Truncated {
		t.Errorf("%d bytes, %v", v.F.Size, v.F.State)
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte{0, 5, 10, 5, 5, 5, 128, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		var pool Pool
		w := New(file.New(nil, flow.ToServer, nil), &pool)
		data := make([]byte, 1024)
		for len(b) >= 2 {
			at, n := b[0], int(b[1])
			b = b[2:]
			w.Begin(uint64(at)*8, n)
			w.Write(data[:n/2])
			if n&7 == 7 {
				w.Lost(n - n/2)
			} else {
				w.Write(data[n/2 : n])
			}
			w.Finish()
			if len(w.queue) > QueueMax || w.queued != pool.Used || w.queued > QueueBytes {
				t.Fatalf("%d pieces, %d bytes, pool %d", len(w.queue), w.queued, pool.Used)
			}
		}
		w.Close(true)
		if pool.Used != 0 || w.F.Size != w.Next {
			t.Errorf("%d bytes still wait; size %d, next %d", pool.Used, w.F.Size, w.Next)
		}
	})
}
