package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"fengsui/capture/packet"
)

// frames are what the test files hold. (packettest imports this package, so the writer stands here once more, as short
// as can be.)
type testFrame struct {
	at   time.Time
	data []byte
	orig int
}

func testFrames() []testFrame {
	at := time.Date(2026, 3, 1, 8, 0, 0, 123456789, time.UTC)
	return []testFrame{
		{at, []byte("first frame"), 11},
		{at.Add(250 * time.Millisecond), []byte("second, cut"), 1500},
		{at.Add(time.Second), []byte("3"), 1},
	}
}

func classicFile(order binary.AppendByteOrder, nano bool, link uint32, frames []testFrame) []byte {
	magic, div := uint32(magicMicro), 1000
	if nano {
		magic, div = magicNano, 1
	}
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint32(b, 2|4<<16)
	if order.String() == "BigEndian" {
		b = append(b[:4], 0, 2, 0, 4)
	}
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, link)
	for _, f := range frames {
		b = order.AppendUint32(b, uint32(f.at.Unix()))
		b = order.AppendUint32(b, uint32(f.at.Nanosecond()/div))
		b = order.AppendUint32(b, uint32(len(f.data)))
		b = order.AppendUint32(b, uint32(f.orig))
		b = append(b, f.data...)
	}
	return b
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func ngBlock(o byteOrder, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := o.AppendUint32(nil, kind)
	b = o.AppendUint32(b, uint32(len(body)+12))
	b = append(b, body...)
	return o.AppendUint32(b, uint32(len(body)+12))
}

func ngFile(o byteOrder, link uint16, frames []testFrame) []byte {
	b := ngBlock(o, blockSection, append(o.AppendUint32(nil, 0x1a2b3c4d), make([]byte, 12)...))
	iface := append(o.AppendUint16(nil, link), 0, 0, 0, 0, 0, 0)
	iface = o.AppendUint16(iface, optName)
	iface = o.AppendUint16(iface, 4)
	iface = append(iface, "eth9"...)
	iface = o.AppendUint16(iface, optTSResol)
	iface = o.AppendUint16(iface, 1)
	iface = append(iface, 9, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, ngBlock(o, blockInterface, iface)...)
	b = append(b, ngBlock(o, 5, make([]byte, 12))...) // statistics: passed over
	for _, f := range frames {
		ns := uint64(f.at.UnixNano())
		e := o.AppendUint32(nil, 0)
		e = o.AppendUint32(e, uint32(ns>>32))
		e = o.AppendUint32(e, uint32(ns))
		e = o.AppendUint32(e, uint32(len(f.data)))
		e = o.AppendUint32(e, uint32(f.orig))
		b = append(b, ngBlock(o, blockEnhanced, append(e, f.data...))...)
	}
	return b
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		panic(err)
	}
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func lz4ed(b []byte) []byte {
	var out bytes.Buffer
	z := lz4.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func write(t *testing.T, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "test.pcap")
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func collect(t *testing.T, path string, opts FileOptions) ([]Frame, Counters, error) {
	t.Helper()
	s := PcapFile(path, opts)
	var list []Frame
	err := s.Run(context.Background(), func(f *Frame) error {
		c := *f
		c.Data = bytes.Clone(f.Data)
		list = append(list, c)
		return nil
	})
	return list, s.Counters(), err
}

func TestFormats(t *testing.T) {
	frames := testFrames()
	for name, b := range map[string][]byte{
		"little, microseconds": classicFile(binary.LittleEndian, false, 1, frames),
		"big, microseconds":    classicFile(binary.BigEndian, false, 1, frames),
		"little, nanoseconds":  classicFile(binary.LittleEndian, true, 1, frames),
		"big, nanoseconds":     classicFile(binary.BigEndian, true, 1, frames),
		"pcapng little":        ngFile(binary.LittleEndian, 1, frames),
		"pcapng big":           ngFile(binary.BigEndian, 1, frames),
		"gzip":                 zipped(classicFile(binary.LittleEndian, true, 1, frames)),
		"gzip pcapng":          zipped(ngFile(binary.LittleEndian, 1, frames)),
		"zstd":                 zstded(classicFile(binary.BigEndian, true, 1, frames)),
		"lz4":                  lz4ed(classicFile(binary.LittleEndian, true, 1, frames)),
		"lz4 pcapng":           lz4ed(ngFile(binary.BigEndian, 1, frames)),
	} {
		got, counters, err := collect(t, write(t, b), FileOptions{})
		if err != nil || len(got) != 3 || counters.Frames != 3 || counters.Bytes != 23 {
			t.Errorf("%s: %v, %d frames, %+v", name, err, len(got), counters)
			continue
		}
		for i, f := range got {
			want := frames[i]
			at := want.at
			if strings.Contains(name, "micro") {
				at = at.Truncate(time.Microsecond)
			}
			if !f.Time.Equal(at) || !bytes.Equal(f.Data, want.data) || f.OrigLen != want.orig || f.Link != packet.LinkEthernet || f.Number != uint64(i+1) {
				t.Errorf("%s: frame %d is %+v", name, i, f)
			}
			if strings.Contains(name, "pcapng") && f.Iface != "eth9" {
				t.Errorf("%s: interface %q", name, f.Iface)
			}
		}
		if err := CheckPcapFile(write(t, b)); err != nil {
			t.Errorf("%s: check: %v", name, err)
		}
	}
}

func TestTruncatedKeepsTheRest(t *testing.T) {
	for name, b := range map[string][]byte{
		"classic": classicFile(binary.LittleEndian, false, 1, testFrames()),
		"pcapng":  ngFile(binary.LittleEndian, 1, testFrames()),
	} {
		whole, _, _ := collect(t, write(t, b), FileOptions{})
		for cut := 1; cut < 16; cut++ {
			got, counters, err := collect(t, write(t, b[:len(b)-cut]), FileOptions{})
			if err != nil || len(got) != len(whole)-1 || counters.Truncated != 1 {
				t.Errorf("%s without its last %d bytes: %v, %d frames, %+v", name, cut, err, len(got), counters)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	good := classicFile(binary.LittleEndian, false, 1, testFrames())
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint32(huge[24+8:], 1<<30)
	lz4Version := lz4ed(good)
	lz4Version[4] = 0 // of the frame format
	cases := []struct {
		name string
		file []byte
		is   error
		text string
	}{
		{"empty", nil, ErrFormat, "0 bytes long"},
		{"two bytes", []byte("ab"), ErrFormat, "2 bytes long"},
		{"text", []byte("GET / HTTP/1.1\r\n\r\n"), ErrFormat, "begins with 47 45 54 20"},
		{"cut header", good[:20], ErrFormat, "file header is cut off"},
		{"version", append(bytes.Clone(good[:4]), append([]byte{9, 0}, good[6:]...)...), ErrFormat, "version 9"},
		{"wifi", classicFile(binary.LittleEndian, false, 127, nil), ErrLinkType, "IEEE 802.11 with radiotap header (127); radio frames"},
		{"wifi pcapng", ngFile(binary.LittleEndian, 105, testFrames()), ErrLinkType, "IEEE 802.11 (105)"},
		{"usb", classicFile(binary.BigEndian, false, 249, nil), ErrLinkType, "USBPcap"},
		{"absurd length", huge, ErrFormat, "claims 1073741824 bytes"},
		{"broken zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff}, ErrFormat, "zstd"},
		{"broken lz4", lz4Version, ErrFormat, "lz4"},
		{"bzip2", []byte("BZh91AY"), ErrFormat, "bzip2"},
		{"xz", []byte("\xfd7zXZ\x00"), ErrFormat, "xz"},
		{"broken gzip", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, ErrFormat, "gzip header"},
		{"pcapng block", append(ngFile(binary.LittleEndian, 1, nil), 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), ErrFormat, "a block claims 1 bytes"},
	}
	for _, c := range cases {
		_, _, err := collect(t, write(t, c.file), FileOptions{})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, _, err := collect(t, filepath.Join(t.TempDir(), "absent"), FileOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if _, _, err := collect(t, t.TempDir(), FileOptions{}); err == nil || !strings.Contains(err.Error(), "holds no capture file") {
		t.Errorf("directory: %v", err)
	}
}

func TestMalformedBlocksAreSkipped(t *testing.T) {
	b := ngFile(binary.LittleEndian, 1, testFrames())
	bad := ngBlock(binary.LittleEndian, blockEnhanced, append([]byte{7, 0, 0, 0}, make([]byte, 16)...)) // no interface 7
	got, counters, err := collect(t, write(t, append(b, bad...)), FileOptions{})
	if err != nil || len(got) != 3 || counters.Invalid != 1 {
		t.Errorf("%v, %d frames, %+v", err, len(got), counters)
	}
}

func TestRepeatAndRebase(t *testing.T) {
	path := write(t, classicFile(binary.LittleEndian, true, 1, testFrames()))
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	got, _, err := collect(t, path, FileOptions{Repeat: 2, Rebase: func() time.Time { return now }})
	if err != nil || len(got) != 9 {
		t.Fatalf("%v, %d frames", err, len(got))
	}
	if !got[0].Time.Equal(now) || !got[2].Time.Equal(now.Add(time.Second)) {
		t.Errorf("first round: %v … %v", got[0].Time, got[2].Time)
	}
	for i := 1; i < len(got); i++ {
		if !got[i].Time.After(got[i-1].Time) {
			t.Errorf("time goes back at frame %d: %v after %v", i, got[i].Time, got[i-1].Time)
		}
	}
	empty := write(t, classicFile(binary.LittleEndian, true, 1, nil))
	if got, _, err := collect(t, empty, FileOptions{Repeat: -1}); err != nil || len(got) != 0 {
		t.Errorf("an empty file for ever: %v, %d frames", err, len(got))
	}
}

func TestSpeed(t *testing.T) {
	path := write(t, classicFile(binary.LittleEndian, true, 1, testFrames()))
	var waits []time.Duration
	opts := FileOptions{Speed: 10, Sleep: func(_ context.Context, d time.Duration) { waits = append(waits, d) }}
	if _, _, err := collect(t, path, opts); err != nil {
		t.Fatal(err)
	}
	// Frames are due 25 ms and 100 ms after the first; nothing was really waited for.
	if len(waits) != 2 || waits[0] > 25*time.Millisecond || waits[0] < 5*time.Millisecond || waits[1] > 100*time.Millisecond || waits[1] < 60*time.Millisecond {
		t.Errorf("waited %v", waits)
	}
}

func TestCancel(t *testing.T) {
	path := write(t, classicFile(binary.LittleEndian, true, 1, testFrames()))
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := PcapFile(path, FileOptions{Repeat: -1}).Run(ctx, func(*Frame) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	})
	if err != nil || n != 100 {
		t.Errorf("%v after %d frames", err, n)
	}
	stop := errors.New("enough")
	if err := PcapFile(path, FileOptions{}).Run(context.Background(), func(*Frame) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("emit's error: %v", err)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	var frames []testFrame
	for range 3000 {
		frames = append(frames, testFrames()...)
	}
	for name, b := range map[string][]byte{"classic": classicFile(binary.LittleEndian, true, 1, frames), "pcapng": ngFile(binary.LittleEndian, 1, frames)} {
		r, err := newReader(bytes.NewReader(b), name, &counts{}, 1<<12)
		if err != nil {
			t.Fatal(err)
		}
		var f Frame
		if err := r.next(&f); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() { _ = r.next(&f) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(classicFile(binary.LittleEndian, false, 1, testFrames()))
	f.Add(classicFile(binary.BigEndian, true, 101, testFrames()))
	f.Add(ngFile(binary.LittleEndian, 1, testFrames()))
	f.Add(ngFile(binary.BigEndian, 113, testFrames()))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := newReader(bytes.NewReader(b), "fuzz", &counts{}, 1<<12)
		if err != nil {
			return
		}
		var fr Frame
		for range len(b) + 1 {
			err := r.next(&fr)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errTruncated) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLinkType) {
					t.Fatalf("unnamed error: %v", err)
				}
				return
			}
			if len(fr.Data) > fr.OrigLen || len(fr.Data) > len(b) || !fr.Link.Supported() {
				t.Fatalf("frame %+v from %d bytes", fr, len(b))
			}
		}
		t.Fatal("more frames than bytes")
	})
}

func BenchmarkReader(b *testing.B) {
	var frames []testFrame
	at := time.Unix(1700000000, 0)
	for range 10000 {
		frames = append(frames, testFrame{at, make([]byte, 600), 600})
	}
	file := classicFile(binary.LittleEndian, true, 1, frames)
	b.SetBytes(int64(len(file) / len(frames)))
	b.ReportAllocs()
	var f Frame
	var r reader
	for i := 0; b.Loop(); i++ {
		if i%len(frames) == 0 {
			r, _ = newReader(bytes.NewReader(file), "bench", &counts{}, 1<<12)
		}
		if err := r.next(&f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}
