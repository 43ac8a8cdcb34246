package fsm_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fengsui/federation/fsm"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares b with testdata/name, kept as hex in lines of 32 bytes.
func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	var text strings.Builder
	for chunk := b; len(chunk) > 0; chunk = chunk[min(32, len(chunk)):] {
		text.WriteString(hex.EncodeToString(chunk[:min(32, len(chunk))]) + "\n")
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Fatalf("%s: the format has changed: nodes of two versions would not understand each other\ngot\n%swant\n%s", path, text.String(), want)
	}
}

func sampleCommands() []fsm.Command {
	return []fsm.Command{
		{Kind: 1, Version: 1, At: time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC), ID: [16]byte{0xA0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, Body: []byte("body")},
		{Kind: 0xFFFE, Version: 255, Flags: fsm.FlagIgnoreUnknown, Body: []byte{}},
		{Kind: 300, Version: 2, At: time.Unix(-1, 999).UTC(), Body: bytes.Repeat([]byte{0xEE}, 40)},
	}
}

func TestEntryGolden(t *testing.T) {
	b, err := fsm.EncodeEntry(sampleCommands())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "entry.hex", b)
	got, err := fsm.DecodeEntry(b)
	if err != nil || !reflect.DeepEqual(got, sampleCommands()) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
}

func TestEncodeEntryLimits(t *testing.T) {
	many := make([]fsm.Command, fsm.EntryCommandsMax+1)
	for name, cmds := range map[string][]fsm.Command{
		"none":     nil,
		"too many": many,
		"too big":  {{Body: make([]byte, fsm.BodyBytesMax+1)}},
		"sum":      {{Body: make([]byte, fsm.BodyBytesMax)}, {Body: make([]byte, fsm.BodyBytesMax)}},
		"year 1":   {{At: time.Time{}.Add(time.Second)}},
		"year big": {{At: time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		if _, err := fsm.EncodeEntry(cmds); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	for name, cmds := range map[string][]fsm.Command{
		"most":    many[1:],
		"biggest": {{Body: make([]byte, fsm.BodyBytesMax)}},
	} {
		b, err := fsm.EncodeEntry(cmds)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := fsm.DecodeEntry(b); err != nil || len(got) != len(cmds) {
			t.Errorf("%s: decoded %d, %v", name, len(got), err)
		}
	}
}

// TestDecodeEntryTampered flips every bit and cuts at every length: the checksum or the
// format check must notice each.
func TestDecodeEntryTampered(t *testing.T) {
	b, err := fsm.EncodeEntry(sampleCommands())
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			if _, err := fsm.DecodeEntry(c); !errors.Is(err, fsm.ErrCorrupt) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := fsm.DecodeEntry(b[:i]); !errors.Is(err, fsm.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for n := 1; n <= 3; n++ {
		b, err := fsm.EncodeEntry(sampleCommands()[:n])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, sealEntry(b)} { // the second passes the checksum
			cmds, err := fsm.DecodeEntry(in)
			if err != nil {
				continue
			}
			again, err := fsm.EncodeEntry(cmds)
			if err != nil {
				// Times outside the nanosecond years decode but are never encoded.
				continue
			}
			if !bytes.Equal(again, in) {
				t.Fatalf("%x decodes to what encodes as %x", in, again)
			}
		}
	})
}

func sampleResults() []fsm.Result {
	return []fsm.Result{
		{},
		{Value: []byte("value")},
		{Err: &fsm.Refusal{Code: 7, Text: "没有权限"}},
		{Err: &fsm.Refusal{}},
	}
}

func TestResultsGolden(t *testing.T) {
	b, err := fsm.AppendResults(nil, sampleResults())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "results.hex", b)
	got, err := fsm.DecodeResults(b)
	if err != nil || !reflect.DeepEqual(got, sampleResults()) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
	for i := range b {
		if _, err := fsm.DecodeResults(b[:i]); !errors.Is(err, fsm.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := fsm.DecodeResults(append(b, 0)); !errors.Is(err, fsm.ErrCorrupt) {
		t.Fatalf("a byte too many: %v", err)
	}
}

func TestLongRefusalIsCutBetweenCharacters(t *testing.T) {
	b, err := fsm.AppendResults(nil, []fsm.Result{{Err: errors.New(strings.Repeat("烽", 500))}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := fsm.DecodeResults(b)
	if err != nil || got[0].Err.Error() != strings.Repeat("烽", 341) {
		t.Fatalf("%v, %v", got, err)
	}
}

func FuzzDecodeResults(f *testing.F) {
	b, err := fsm.AppendResults(nil, sampleResults())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		results, err := fsm.DecodeResults(b)
		if err != nil {
			return
		}
		again, err := fsm.AppendResults(nil, results)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > len(b) {
			t.Fatalf("%x grew to %x", b, again)
		}
	})
}
