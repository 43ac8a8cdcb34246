package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/flow"
)

func digests() []Digest { return []Digest{{"md5", md5.New}, {"sha256", sha256.New}} }

func TestFileIsBounded(t *testing.T) {
	f := New(&Config{Keep: 10, Digests: digests()}, flow.ToClient, []byte("a.bin"))
	f.Write([]byte("0123456"))
	f.Write([]byte("789abcdef"))
	f.Close()
	f.Write([]byte("late"))
	if string(f.Data) != "0123456789" || f.Size != 16 || f.State != Closed || !f.Cut() {
		t.Errorf("data %q, size %d, state %v", f.Data, f.Size, f.State)
	}
	want := sha256.Sum256([]byte("0123456789abcdef"))
	if !bytes.Equal(f.Sum("sha256"), want[:]) || f.Sum("sha1") != nil {
		t.Errorf("sums %x", f.sums)
	}
}

func TestGapTakesTheDigests(t *testing.T) {
	f := New(&Config{Digests: digests()}, flow.ToClient, nil)
	f.Write([]byte("before"))
	f.Gap(100)
	f.Write([]byte("after"))
	f.Close()
	if f.State != Truncated || f.Size != 111 || f.Sum("md5") != nil || string(f.Data) != "before" {
		t.Errorf("state %v, size %d, md5 %x, data %q", f.State, f.Size, f.Sum("md5"), f.Data)
	}
	g := New(&Config{Digests: digests()}, flow.ToClient, nil)
	g.Write([]byte("before"))
	g.Abort()
	g.Close()
	if want := md5.Sum([]byte("before")); g.State != Truncated || !bytes.Equal(g.Sum("md5"), want[:]) {
		t.Errorf("aborted: state %v, md5 %x", g.State, g.Sum("md5"))
	}
}

// finish makes the event as the pipeline does and returns it as JSON.
func finish(t *testing.T, c *Config, f *File) map[string]any {
	t.Helper()
	var e event.Event
	e.Reset(event.KindFile, time.Unix(0, 0))
	f.Event(&e)
	c.Finish(f, &e)
	m := map[string]any{}
	if err := json.Unmarshal(e.AppendJSON(nil), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func fill(c *Config, b []byte) *File {
	f := New(c, flow.ToClient, []byte("n"))
	for len(b) > 0 {
		n := min(len(b), 1000)
		f.Write(b[:n])
		b = b[n:]
	}
	f.Close()
	return f
}

// drain runs the writer over what is queued.
func drain(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestStoreKeepsWhatRulesAskFor(t *testing.T) {
	for _, packed := range []bool{false, true} {
		dir := t.TempDir()
		s, err := OpenStore(StoreConfig{Dir: dir, Gzip: packed})
		if err != nil {
			t.Fatal(err)
		}
		c := &Config{Keep: 4096, Store: s}
		content := bytes.Repeat([]byte("0123456789"), 1000)
		f := fill(c, content)
		f.Store = true
		finish(t, c, f)
		finish(t, c, fill(c, []byte("nobody asked")))
		again := fill(c, content)
		again.Store = true
		finish(t, c, again)
		drain(t, s)
		sum := sha256.Sum256(content)
		name := hex.EncodeToString(sum[:])
		path := filepath.Join(dir, name[:2], name)
		var got []byte
		if packed {
			raw, err := os.Open(path + ".gz")
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(raw)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
			raw.Close()
		} else if got, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, content) {
			t.Errorf("stored %d bytes, want %d", len(got), len(content))
		}
		if side, err := os.ReadFile(path + ".json"); err != nil || !json.Valid(side) {
			t.Errorf("sidecar %q: %v", side, err)
		}
		st := s.Stats()
		if st.Written != 1 || st.Known != 1 || st.Refused != 0 {
			t.Errorf("stats %+v", st)
		}
		if left := s.memory.Load(); left != 0 {
			t.Errorf("%d bytes of memory are not given back", left)
		}
	}
}

func TestStoreIsBounded(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(StoreConfig{Dir: dir, FilesMax: 3, FileBytesMax: 20000, MemoryBytesMax: 40000})
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{Keep: 1000, Store: s, StoreAll: true}
	for i := range 6 {
		finish(t, c, fill(c, bytes.Repeat([]byte{byte(i)}, 5000)))
		drain(t, s)
	}
	large := finish(t, c, fill(c, make([]byte, 20001)))
	var open []*File
	for range 10 { // together more than memory allows
		open = append(open, fill(c, make([]byte, 15000)))
	}
	for _, f := range open {
		finish(t, c, f)
	}
	drain(t, s)
	st := s.Stats()
	if st.Removed != 4 || st.Written != 7 || st.Refused != 9 {
		t.Errorf("stats %+v", st)
	}
	if stored := large[event.FileStored]; stored == true {
		t.Error("a file beyond the limit is said to be stored")
	}
	if left := s.memory.Load(); left != 0 {
		t.Errorf("%d bytes of memory are not given back", left)
	}
	files := 0
	if err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if files != 6 {
		t.Errorf("%d files lie there, want three with their sidecars", files)
	}
	// A second opening knows them and removes what was half written.
	half := filepath.Join(dir, tempPrefix+"x")
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := OpenStore(StoreConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(again.entries) != 3 || again.total != s.total {
		t.Errorf("%d files of %d bytes, want 3 of %d", len(again.entries), again.total, s.total)
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file is still there: %v", err)
	}
}

func BenchmarkWriteWithoutDigests(b *testing.B) {
	block := make([]byte, 1400)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	f := New(nil, flow.ToClient, nil)
	for b.Loop() {
		f.Write(block)
	}
}
