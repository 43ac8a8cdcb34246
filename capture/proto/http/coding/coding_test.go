package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func packed(t testing.TB, kind Kind, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case Gzip:
		w = gzip.NewWriter(&out)
	case Deflate:
		w = zlib.NewWriter(&out)
	case Brotli:
		w = brotli.NewWriter(&out)
	case Zstd:
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func inPieces(d *Decoder, b []byte, size int) ([]byte, Outcome) {
	var out []byte
	sink := func(p []byte) bool { out = append(out, p...); return true }
	for len(b) > 0 {
		n := min(size, len(b))
		if o := d.Write(b[:n], sink); o != Fine {
			return out, o
		}
		b = b[n:]
	}
	return out, d.Close(sink)
}

func texts() map[string][]byte {
	r := rand.New(rand.NewSource(1))
	noise := make([]byte, 200_000)
	r.Read(noise)
	words := []byte(nil)
	for len(words) < 300_000 {
		words = fmt.Appendf(words, "%d the quick brown fox %x\n", r.Intn(1000), r.Intn(1<<16))
	}
	return map[string][]byte{
		"one byte": []byte("x"), "noise": noise, "words": words, "zeros": make([]byte, 500_000),
	}
}

func TestCodings(t *testing.T) {
	for name, text := range texts() {
		for _, kind := range []Kind{Gzip, Deflate, Brotli, Zstd} {
			b := packed(t, kind, text)
			for _, size := range []int{1, 7, 1400, len(b)} {
				if size == 1 && len(b) > 50_000 {
					continue
				}
				got, o := inPieces(New(kind, 0, nil), b, size)
				if o != Fine || !bytes.Equal(got, text) {
					t.Errorf("%s, coding %d, pieces of %d: outcome %d, %d bytes of %d", name, kind, size, o, len(got), len(text))
				}
			}
			// Cut off: what was there is shown.
			if len(b) > 1000 {
				if got, _ := inPieces(New(kind, 0, nil), b[:len(b)*3/4], 1000); len(got) == 0 && kind != Zstd || !bytes.HasPrefix(text, got) {
					t.Errorf("%s, coding %d, cut off: %d bytes", name, kind, len(got))
				}
			}
		}
	}
}

func TestSeveralMembersAndBareDeflate(t *testing.T) {
	b := append(packed(t, Gzip, []byte("one ")), packed(t, Gzip, []byte("two"))...)
	b = append(b, "trailing noise"...)
	if got, o := inPieces(New(Gzip, 0, nil), b, 3); string(got) != "one two" || o != Fine {
		t.Errorf("%q, outcome %d", got, o)
	}
	var bare bytes.Buffer
	w, err := flate.NewWriter(&bare, 9)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("bare bare bare"))
	w.Close()
	if got, o := inPieces(New(Deflate, 0, nil), bare.Bytes(), 1); string(got) != "bare bare bare" || o != Fine {
		t.Errorf("%q, outcome %d", got, o)
	}
}

func TestNotTheCoding(t *testing.T) {
	for _, kind := range []Kind{Gzip, Brotli, Zstd} {
		if got, o := inPieces(New(kind, 0, nil), []byte("<html>this is plain text, whatever the header says</html>"), 10); o != Failed {
			t.Errorf("coding %d: outcome %d, %q", kind, o, got)
		}
	}
}

func TestBombs(t *testing.T) {
	zeros := make([]byte, 8<<20)
	once := packed(t, Gzip, zeros)
	if got, o := inPieces(New(Gzip, 1<<20, nil), once, 1400); o != Bomb || len(got) > 1<<20 {
		t.Errorf("beyond the limit: outcome %d, %d bytes", o, len(got))
	}
	if got, o := inPieces(New(Brotli, 0, nil), packed(t, Brotli, zeros), 1400); o != Bomb {
		t.Errorf("beyond proportion: outcome %d, %d bytes", o, len(got))
	}
	enough := 0
	d := New(Gzip, 0, nil)
	if o := d.Write(once, func(b []byte) bool { enough += len(b); return enough < 1000 }); o != Enough || enough > 2*bufferBytes {
		t.Errorf("outcome %d after %d bytes", o, enough)
	}
}

// FuzzInflate compares with the standard library, however the input is cut.
func FuzzInflate(f *testing.F) {
	for _, text := range [][]byte{[]byte("hello hello hello"), make([]byte, 1000), []byte("")} {
		for _, level := range []int{0, 1, 9} {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, level)
			w.Write(text)
			w.Close()
			f.Add(b.Bytes(), uint8(3))
		}
	}
	f.Add([]byte{0x04, 0xc0, 0x81, 0x08}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		const most = 1 << 20
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), most))
		if len(want) == most {
			return
		}
		var z Inflater
		var got []byte
		sink := func(p []byte) bool { got = append(got, p...); return true }
		var err error
		for rest := b; len(rest) > 0 && err == nil && !z.Done(); {
			n := min(int(size)+1, len(rest))
			_, err = z.Write(rest[:n], sink)
			rest = rest[n:]
		}
		if wantErr == nil && (err != nil || !z.Done() || !bytes.Equal(got, want)) {
			t.Fatalf("%d bytes, done %v, error %v; want %d", len(got), z.Done(), err, len(want))
		}
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatal("not the same bytes")
		}
	})
}

// FuzzDecoder feeds all codings anything.
func FuzzDecoder(f *testing.F) {
	for _, kind := range []Kind{Gzip, Deflate, Brotli, Zstd} {
		f.Add(packed(f, kind, []byte("some text, some text")), uint8(kind), uint8(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, kind, size uint8) {
		d := New(Kind(kind)%(Other+1), 1<<20, nil)
		n := 0
		sink := func(p []byte) bool { n += len(p); return true }
		for rest := b; len(rest) > 0; {
			k := min(int(size)+1, len(rest))
			d.Write(rest[:k], sink)
			rest = rest[k:]
		}
		d.Close(sink)
		if n > 1<<20 {
			t.Fatalf("%d bytes", n)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	text := texts()["words"]
	in := packed(b, Gzip, text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	pool := &Pool{}
	for b.Loop() {
		d := New(Gzip, 0, pool)
		for rest := in; len(rest) > 0; {
			n := min(1400, len(rest))
			d.Write(rest[:n], func([]byte) bool { return true })
			rest = rest[n:]
		}
		d.Release(pool)
	}
}
