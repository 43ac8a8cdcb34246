package gmcrypto

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"testing"

	tjsm3 "github.com/tjfoc/gmsm/sm3"
	tjsm4 "github.com/tjfoc/gmsm/sm4"
	"golang.org/x/crypto/hkdf"
)

func newTestSealer(t testing.TB, key []byte) *Sealer {
	t.Helper()
	s, err := NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealer(t *testing.T) {
	key := random(DataKeySize)
	a, b := newTestSealer(t, key), newTestSealer(t, key) // two nodes of a site
	for n := range 200 {
		plain, aad := random(n), random(n/2)
		sealed := a.Seal([]byte("head"), plain, aad)
		if len(sealed) != 4+n+SealOverhead {
			t.Fatalf("%d bytes sealed to %d", n, len(sealed)-4)
		}
		for _, s := range []*Sealer{a, b} {
			opened, err := s.Open([]byte("pre"), sealed[4:], aad)
			if err != nil || !bytes.Equal(opened, append([]byte("pre"), plain...)) {
				t.Fatal(n, err)
			}
		}
	}
	for _, n := range []int{0, 15, 17, 32} {
		if _, err := NewSealer(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func TestSealerRefuses(t *testing.T) {
	s := newTestSealer(t, random(DataKeySize))
	sealed := s.Seal(nil, []byte("record"), []byte("aad"))
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if out, err := s.Open(nil, bad, []byte("aad")); !errors.Is(err, ErrDecrypt) || out != nil {
			t.Fatalf("byte %d changed: %q %v", i, out, err)
		}
		if _, err := s.Open(nil, sealed[:i], []byte("aad")); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	for _, aad := range []string{"", "aa", "aae", "aadd"} {
		if _, err := s.Open(nil, sealed, []byte(aad)); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("aad %q: %v", aad, err)
		}
	}
	if _, err := newTestSealer(t, random(DataKeySize)).Open(nil, sealed, []byte("aad")); !errors.Is(err, ErrDecrypt) {
		t.Fatal(err)
	}
}

// No (salt, counter) is ever used twice: by goroutines at once, by many
// sealers, and across the change of the sub-key.
func TestNonceNeverRepeats(t *testing.T) {
	key := random(DataKeySize)
	var mu sync.Mutex
	seen := make(map[[24]byte]bool)
	var wg sync.WaitGroup
	salts := make(map[[16]byte]bool)
	for range 3 {
		s := newTestSealer(t, key)
		s.limit = sealLimit{messages: 100, bytes: 2000}
		for range 4 {
			wg.Go(func() {
				for range 500 {
					sealed := s.Seal(nil, make([]byte, 50), nil)
					if _, err := s.Open(nil, sealed, nil); err != nil {
						t.Error(err)
					}
					mu.Lock()
					id := [24]byte(sealed[1:])
					if seen[id] {
						t.Error("a nonce was used twice")
					}
					seen[id] = true
					salts[[16]byte(sealed[1:])] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if len(seen) != 6000 || len(salts) < 6000*50/2000 {
		t.Fatalf("%d nonces under %d salts", len(seen), len(salts))
	}
}

func TestSealerLargeMessageWithSmallLimit(t *testing.T) {
	s := newTestSealer(t, random(DataKeySize))
	s.limit = sealLimit{messages: 100, bytes: 10}
	for range 3 { // larger than a sub-key may take: each gets its own
		if _, err := s.Open(nil, s.Seal(nil, make([]byte, 100), nil), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenCacheIsBounded(t *testing.T) {
	key := random(DataKeySize)
	reader := newTestSealer(t, key)
	var old [][]byte
	for range sealCacheMax + 50 {
		old = append(old, newTestSealer(t, key).Seal(nil, []byte("x"), nil))
	}
	for range 2 { // what was pushed out is derived again
		for _, sealed := range old {
			if _, err := reader.Open(nil, sealed, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(reader.cache) > sealCacheMax {
		t.Fatalf("%d sub-keys are remembered", len(reader.cache))
	}
	before := len(reader.cache)
	for range 1000 { // forged salts are not remembered
		forged := append([]byte{sealVersion}, random(60)...)
		if _, err := reader.Open(nil, forged, nil); !errors.Is(err, ErrDecrypt) {
			t.Fatal(err)
		}
	}
	if len(reader.cache) != before {
		t.Fatal("a forged salt was remembered")
	}
}

// The format is on disks for years: it must not change unnoticed. The values
// are pinned, and built a second time with the other SM library.
func TestSealFormat(t *testing.T) {
	key := []byte("0123456789abcdef")
	var salt [16]byte
	copy(salt[:], "salt of 16 bytes")
	s := newTestSealer(t, key)
	aead, err := s.subKey(salt)
	if err != nil {
		t.Fatal(err)
	}
	st := &sealState{salt: salt, aead: aead}
	st.messages.Store(6)
	s.current.Store(st)
	sealed := s.Seal(nil, []byte("record"), []byte("aad"))

	derive := func(salt []byte, info string, n int) []byte {
		out := make([]byte, n)
		_, _ = io.ReadFull(hkdf.New(func() hash.Hash { return tjsm3.New() }, key, salt, []byte(info)), out)
		return out
	}
	block, err := tjsm4.NewCipher(derive(salt[:], "fengsui seal v1", 16))
	if err != nil {
		t.Fatal(err)
	}
	if aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	header := []byte("\x01salt of 16 bytes\x00\x00\x00\x00\x00\x00\x00\x07")
	again := aead.Seal(header, []byte("ytes\x00\x00\x00\x00\x00\x00\x00\x07"), []byte("record"), []byte("aad"))
	const want = "0173616c74206f6620313620627974657300000000000000075bd8aad0ec6cdea0d154fec9f581af2775a5c58f9180"
	if got := hex.EncodeToString(sealed); got != want || !bytes.Equal(again, sealed) {
		t.Fatalf("sealed form is\n%s, by the other library\n%x, want\n%s", got, again, want)
	}

	mac := hmac.New(func() hash.Hash { return tjsm3.New() }, derive(nil, "fengsui blind index v1", 32))
	mac.Write([]byte("\x00\x00\x00\x03src10.0.0.1"))
	const wantIndex = "ff605e952b171fc8da271072633c7aa4"
	if got := s.BlindIndex("src", []byte("10.0.0.1")); hex.EncodeToString(got) != wantIndex || !bytes.Equal(got, mac.Sum(nil)[:16]) {
		t.Fatalf("blind index is %x, by the other library %x, want %s", got, mac.Sum(nil)[:16], wantIndex)
	}
}

func TestBlindIndex(t *testing.T) {
	key := random(DataKeySize)
	a, b, c := newTestSealer(t, key), newTestSealer(t, key), newTestSealer(t, random(DataKeySize))
	x := a.BlindIndex("src", []byte("10.0.0.1"))
	if len(x) != BlindIndexSize || !bytes.Equal(x, b.BlindIndex("src", []byte("10.0.0.1"))) {
		t.Fatal("not the same on two nodes")
	}
	for name, other := range map[string][]byte{
		"other key": c.BlindIndex("src", []byte("10.0.0.1")), "other field": a.BlindIndex("dst", []byte("10.0.0.1")),
		"other value": a.BlindIndex("src", []byte("10.0.0.2")), "moved border": a.BlindIndex("src1", []byte("0.0.0.1")),
	} {
		if bytes.Equal(x, other) {
			t.Error(name, "gives the same index")
		}
	}
}

func TestSealerAllocations(t *testing.T) {
	s := newTestSealer(t, random(DataKeySize))
	plain, sealed, opened := random(300), make([]byte, 0, 400), make([]byte, 0, 400)
	if n := testing.AllocsPerRun(1000, func() {
		sealed = s.Seal(sealed[:0], plain, nil)
		opened, _ = s.Open(opened[:0], sealed, nil)
	}); n > 0 {
		t.Fatalf("%v allocations to seal and open, want 0", n)
	}
}

func FuzzOpen(f *testing.F) {
	s := newTestSealer(f, []byte("0123456789abcdef"))
	sealed := s.Seal(nil, []byte("record"), nil)
	f.Add(sealed)
	f.Add(sealed[:SealOverhead])
	// Each fuzzing process has its own seed under the same key; nothing but such
	// a seed may open.
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := s.Open(nil, b, nil); err == nil && string(out) != "record" {
			t.Fatalf("forged data was opened: %q", out)
		}
	})
}

func BenchmarkSealer(b *testing.B) {
	for _, size := range []int{64, 300, 4 << 10, 32 << 10} {
		s := newTestSealer(b, random(DataKeySize))
		plain, buf := random(size), make([]byte, 0, size+SealOverhead)
		sealed := s.Seal(nil, plain, nil)
		b.Run(fmt.Sprintf("seal%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				buf = s.Seal(buf[:0], plain, nil)
			}
		})
		b.Run(fmt.Sprintf("open%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Open(buf[:0], sealed, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBlindIndex(b *testing.B) {
	s := newTestSealer(b, random(DataKeySize))
	for b.Loop() {
		s.BlindIndex("src", []byte("10.0.0.1"))
	}
}
