package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// numbered makes frames of one byte at the given seconds.
func numbered(seconds ...int) []testFrame {
	var list []testFrame
	for _, s := range seconds {
		list = append(list, testFrame{time.Unix(1_700_000_000+int64(s), 0), []byte{byte(s)}, 1})
	}
	return list
}

func put(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// seconds runs a source and returns the first byte of each frame.
func seconds(t *testing.T, s Source) (got []byte) {
	t.Helper()
	if err := s.Run(context.Background(), func(f *Frame) error {
		if f.Number != uint64(len(got)+1) {
			t.Errorf("frame %d has number %d", len(got)+1, f.Number)
		}
		got = append(got, f.Data[0])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := s.Counters().Frames; n != uint64(len(got)) {
		t.Errorf("%d frames counted, %d delivered", n, len(got))
	}
	return got
}

// TestDirectoryByTime: names say nothing about time; what is no capture is passed over; overlapping files are interleaved.
func TestDirectoryByTime(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.pcap", classicFile(binary.LittleEndian, true, 1, numbered(20, 22, 24)))
	put(t, dir, "b.pcapng.gz", zipped(ngFile(binary.BigEndian, 1, numbered(1, 2, 3))))
	put(t, dir, "c.unnamed", lz4ed(classicFile(binary.BigEndian, false, 1, numbered(21, 23, 30))))
	put(t, dir, "empty.pcap", classicFile(binary.BigEndian, false, 1, nil))
	put(t, dir, "README", []byte("what these captures show"))
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	later := put(t, t.TempDir(), "later.pcap", zstded(classicFile(binary.LittleEndian, true, 1, numbered(4, 31))))
	want := []byte{1, 2, 3, 4, 20, 21, 22, 23, 24, 30, 31}
	if got := seconds(t, PcapFiles([]string{later, dir}, FileOptions{})); !bytes.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if err := CheckPcapFile(dir); err != nil {
		t.Error(err)
	}
	twice := seconds(t, PcapFiles([]string{later, dir}, FileOptions{Repeat: 1}))
	if !bytes.Equal(twice, append(bytes.Clone(want), want...)) {
		t.Errorf("repeated: %v", twice)
	}
}

// TestMoreFilesThanAreOpen overlaps more files than are read side by side: every packet still comes once.
func TestMoreFilesThanAreOpen(t *testing.T) {
	dir := t.TempDir()
	for i := range openMax + 20 {
		put(t, dir, string(rune('a'+i%26))+string(rune('a'+i/26)), classicFile(binary.LittleEndian, true, 1, numbered(i, 200)))
	}
	got := seconds(t, PcapFile(dir, FileOptions{}))
	if len(got) != 2*(openMax+20) {
		t.Errorf("%d packets", len(got))
	}
}

func TestFilterOfFiles(t *testing.T) {
	frame := func(port byte) testFrame {
		b := append(make([]byte, 12), 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 99, 0, port)
		return testFrame{time.Unix(1_700_000_000, 0), append(b, make([]byte, 16)...), 60}
	}
	path := write(t, classicFile(binary.LittleEndian, true, 1, []testFrame{frame(80), frame(81), frame(80)}))
	got, c, err := collect(t, path, FileOptions{Filter: "tcp port 80"})
	if err != nil || len(got) != 2 || c.Frames != 2 || c.Filtered != 1 {
		t.Errorf("%v, %d frames, %+v", err, len(got), c)
	}
	if _, _, err := collect(t, path, FileOptions{Filter: "tcp prot 80"}); err == nil || !strings.Contains(err.Error(), "column 5") {
		t.Errorf("a wrong filter: %v", err)
	}
	if got, _, err := collect(t, path, FileOptions{Filter: "udp", Repeat: 2}); err != nil || len(got) != 0 {
		t.Errorf("a filter that passes nothing: %v, %d", err, len(got))
	}
}

// FuzzUnpack: compressed input of any kind ends with a named error or a capture, in bounded memory.
func FuzzUnpack(f *testing.F) {
	plain := classicFile(binary.LittleEndian, false, 1, testFrames())
	f.Add(zipped(plain))
	f.Add(zstded(plain))
	f.Add(lz4ed(plain))
	f.Add(zipped(plain)[:60])
	f.Add(zstded(plain)[:40])
	f.Add(lz4ed(plain)[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		in, release, err := unpack(bytes.NewReader(b), "fuzz")
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("unnamed error: %v", err)
			}
			return
		}
		defer release()
		r, err := newReader(io.LimitReader(in, 8<<20), "fuzz", &counts{}, 1<<12)
		var fr Frame
		for err == nil {
			err = r.next(&fr)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, errTruncated) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLinkType) {
			t.Fatalf("unnamed error: %v", err)
		}
	})
}
