// Package replay is for tests: it runs a capture through the pipeline and compares the events of one protocol with a
// golden file, so that each parser is held to whole captures as well as to single messages.
package replay

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/capture/event"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
)

// Shared is where the captures of all parsers lie, seen from a package below capture/proto.
const Shared = "../../../../shared/data/"

// update is the environment variable that makes Golden write its file anew.
const update = "FENGSUI_UPDATE_GOLDEN"

type collector struct {
	kind event.Kind
	list []*event.Event
}

// Event implements pipeline.Sink.
func (c *collector) Event(e *event.Event) {
	if e.Kind == c.kind {
		c.list = append(c.list, e.Clone())
	}
}

// Events returns the events of a kind that a capture yields, checksums not checked, sessions picked up without their
// handshake. The test is skipped when the capture
// is absent, except in CI.
func Events(t *testing.T, capture string, kind event.Kind) []*event.Event {
	t.Helper()
	if _, err := os.Stat(capture); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("capture is missing: %v", err)
		}
		t.Skipf("capture is missing: %v", err)
	}
	c := collector{kind: kind}
	w := pipeline.New(pipeline.Config{IgnoreChecksums: true, Midstream: true}, nil, &c)
	if err := w.Run(context.Background(), source.PcapFile(capture, source.FileOptions{})); err != nil {
		t.Fatal(err)
	}
	return c.list
}

// Golden compares the events, one JSON line each, with testdata/<name>, and returns them. IDs are left out; flows are
// counted in the order they appear.
func Golden(t *testing.T, capture string, kind event.Kind, name string) []*event.Event {
	t.Helper()
	list := Events(t, capture, kind)
	var out strings.Builder
	for _, e := range list {
		c := e.Clone()
		c.ID, c.Time = event.ID{}, c.Time.Truncate(time.Microsecond)
		kept := c.Fields[:0]
		for _, f := range c.Fields {
			if f.Name != event.FlowID {
				kept = append(kept, f)
			}
		}
		c.Fields = kept
		out.Write(c.AppendJSON(nil))
		out.WriteByte('\n')
	}
	path := filepath.Join("testdata", name)
	if os.Getenv(update) != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return list
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (%s=1 writes it)", err, update)
	}
	if got := out.String(); got != string(want) {
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range max(len(g), len(w)) {
			a, b := "", ""
			if i < len(g) {
				a = g[i]
			}
			if i < len(w) {
				b = w[i]
			}
			if a != b {
				t.Fatalf("%s, line %d of %d (golden %d):\ngot  %s\nwant %s", name, i+1, len(g)-1, len(w)-1, a, b)
			}
		}
	}
	return list
}

// Count tells how many events have a field with that text.
func Count(list []*event.Event, name, text string) int {
	n := 0
	for _, e := range list {
		if e.Text(name) == text {
			n++
		}
	}
	return n
}
