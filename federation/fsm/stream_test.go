package fsm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"fengsui/gmcrypto"
)

// readStream reads a snapshot's items to the end, as Restore does, without a file.
func readStream(b []byte) (items int, err error) {
	r := bytes.NewReader(b)
	var header [snapshotHeaderBytes]byte
	if err := readFull(r, header[:]); err != nil {
		return 0, err
	}
	if _, err := parseSnapshotHeader(header[:]); err != nil {
		return 0, err
	}
	d := newItemReader(newFrameReader(r, newChain(snapshotLabel, header[:])))
	for {
		it, err := d.next()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		if len(it.key) > keyBytesMax || len(it.value) > len(b) || len(d.last) > bucketDepthMax+1 {
			panic("an item beyond the limits")
		}
		items++
	}
}

func goldenSnapshot(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/snapshot.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStreamTampered flips every bit of a snapshot and cuts it at every length.
func TestStreamTampered(t *testing.T) {
	good := goldenSnapshot(t)
	if n, err := readStream(good); n != 7 || err != nil {
		t.Fatalf("%d items, %v", n, err)
	}
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if _, err := readStream(b); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooNew) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := readStream(good[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

// TestStreamRefusesBadItems builds streams with a right digest and a wrong content.
func TestStreamRefusesBadItems(t *testing.T) {
	enter := func(name string) string {
		return "\x01" + string(rune(len(name))) + name + strings.Repeat("\x00", 8)
	}
	for name, content := range map[string]string{
		"pair at the top":     "\x02\x01a\x01b",
		"leave at the top":    "\x03",
		"unknown item":        enter("a") + "\x04",
		"no end of bucket":    enter("a"),
		"keys out of order":   enter("a") + "\x02\x01b\x00\x02\x01a\x00\x03",
		"key twice":           enter("a") + "\x02\x01a\x00\x02\x01a\x00\x03",
		"bucket twice":        enter("a") + "\x03" + enter("a") + "\x03",
		"empty key":           enter("a") + "\x02\x00\x00\x03",
		"own bucket":          enter(metaBucket) + "\x03",
		"cut in a pair":       enter("a") + "\x02\x05ab",
		"cut in a number":     enter("a") + "\x02\xff",
		"huge key":            enter("a") + "\x02\xff\xff\xff\x7fx",
		"huge value":          enter("a") + "\x02\x01k\xff\xff\xff\xff\xff\x7fx",
		"large value missing": enter("a") + "\x02\x01k\x80\x80\x80\x20x",
		"nested too deep":     strings.Repeat(enter("a"), bucketDepthMax+1),
	} {
		if _, err := readStream(reseal(t, []byte(content))); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := readStream(reseal(t, []byte(enter("a")+enter("b")+"\x03\x03"))); n != 4 || err != nil {
		t.Errorf("a good one: %d items, %v", n, err)
	}
}

// reseal puts header, frames and a right digest round a content, by the layout in
// DESIGN.md and not by the code under test.
func reseal(t testing.TB, content []byte) []byte {
	t.Helper()
	h := append([]byte("FSUISNAP\x00\x01\x00\x00"), make([]byte, 16)...)
	out := bytes.Clone(h)
	sum := gmcrypto.SM3([]byte("fengsui fsm snapshot v1"), h)
	add := func(p []byte) {
		out = append(out, p...)
		sum = gmcrypto.SM3(sum[:], p)
	}
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 1000)
		add(append(binary.BigEndian.AppendUint32(nil, uint32(n)), rest[:n]...))
		rest = rest[n:]
	}
	add(binary.BigEndian.AppendUint64(make([]byte, 4), uint64(len(content))))
	return append(out, sum[:]...)
}

func FuzzReadSnapshot(f *testing.F) {
	f.Add(goldenSnapshot(f))
	f.Add(reseal(f, []byte("\x01\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01b\x00\x03")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, reseal(t, b), reseal(t, b[min(len(b), snapshotHeaderBytes+4):])} {
			if _, err := readStream(in); err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooNew) {
				t.Fatal(err)
			}
		}
	})
}
