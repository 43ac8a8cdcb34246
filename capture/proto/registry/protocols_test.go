package registry_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/pipeline"
	"fengsui/capture/proto/registry"
	"fengsui/capture/source"
)

var update = flag.Bool("update", false, "write the golden files and docs/protocols.md anew")

const (
	dataDir    = "../../../../shared/data"
	captureDir = "../.."
	docFile    = "../../../docs/protocols.md"
	// eventsInGolden is how many events of a protocol stand in its golden file in full; all are counted.
	eventsInGolden = 6
)

// eventView is an event as counts look at it.
type eventView = event.Event

// has counts the events that have a field.
func has(field string) func(*eventView) int {
	return func(e *eventView) int {
		if _, ok := e.Get(field); ok {
			return 1
		}
		return 0
	}
}

// equals counts the events in which a field has a value.
func equals(field, value string) func(*eventView) int {
	return func(e *eventView) int {
		if e.Text(field) == value {
			return 1
		}
		return 0
	}
}

// items counts the values of a list field.
func items(field string) func(*eventView) int {
	return func(e *eventView) int {
		v, _ := e.Get(field)
		return len(v.List)
	}
}

// path finds the capture of a protocol, or skips outside CI.
func (s *shown) path(t *testing.T) string {
	t.Helper()
	p := filepath.Join(dataDir, s.capture)
	if rest, ok := strings.CutPrefix(s.capture, "capture/"); ok {
		p = filepath.Join(captureDir, rest)
	}
	if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" && p != filepath.Join(captureDir, s.capture) {
		t.Skipf("test data is missing: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return p
}

// sink keeps the events of one kind.
type sink struct {
	kind   event.Kind
	events []*event.Event
}

func (s *sink) Event(e *event.Event) {
	if e.Kind == s.kind {
		s.events = append(s.events, e.Clone())
	}
}

// read runs a capture and returns the protocol's events in order.
func (s *shown) read(t *testing.T) []*event.Event {
	t.Helper()
	out := sink{kind: event.Kind(s.app)}
	w := pipeline.New(pipeline.Config{IgnoreChecksums: true, Midstream: true}, nil, &out)
	if err := w.Run(context.Background(), source.PcapFile(s.path(t), source.FileOptions{})); err != nil {
		t.Fatal(err)
	}
	return out.events
}

// common are the fields of all events, which say nothing about a protocol. Never written.
var common = []string{
	event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.NetworkType, event.NetworkTransport,
	event.NetworkProtocol, event.NetworkCommunity, event.NetworkVLAN, event.NetworkInnerVLAN, event.FlowID, event.TxID, event.TxEvents,
}

// fields are the names a protocol's events carry, with the number of events that have each.
func fields(events []*event.Event) (names []string, count map[string]int) {
	count = map[string]int{}
	for _, e := range events {
		seen := map[string]bool{}
		for _, f := range e.Fields {
			if !slices.Contains(common, f.Name) && !seen[f.Name] {
				seen[f.Name] = true
				count[f.Name]++
			}
		}
	}
	for name := range count {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, count
}

// golden is what a capture gave, for people to read and for the test to compare.
func golden(s *shown, events []*event.Event) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %d events in %s\n", s.app, len(events), s.capture)
	names, count := fields(events)
	for _, name := range names {
		fmt.Fprintf(&b, "%6d %s\n", count[name], name)
	}
	for _, e := range events[:min(len(events), eventsInGolden)] {
		b.Write(e.AppendJSON(nil))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// TestProtocols reads the capture of each protocol and compares what it gave with the golden file.
func TestProtocols(t *testing.T) {
	for i := range protocols {
		s := &protocols[i]
		t.Run(s.app, func(t *testing.T) {
			got := golden(s, s.read(t))
			name := filepath.Join("testdata", s.app+".golden")
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs (go test ./capture/proto/registry -update writes it anew):\n%s", name, firstDifference(got, want))
			}
			if bytes.Contains(got, []byte(": 0 events")) {
				t.Errorf("%s shows nothing of %s", s.capture, s.app)
			}
		})
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		have, should := "(end)", "(end)"
		if i < len(g) {
			have = g[i]
		}
		if i < len(w) {
			should = w[i]
		}
		if have != should {
			return fmt.Sprintf("line %d:\ngot  %s\nwant %s", i+1, have, should)
		}
	}
	return ""
}

// TestEveryParserIsShown holds the list against the registry: a protocol with a parser needs a capture that shows it.
func TestEveryParserIsShown(t *testing.T) {
	for _, q := range registry.Protocols(registry.Limits{}) {
		parsed := q.New != nil || q.NewExpected != nil
		there := slices.ContainsFunc(protocols, func(s shown) bool { return s.app == q.App.String() })
		if parsed && !there {
			t.Errorf("%s has a parser and no capture in shown_test.go", q.App)
		}
	}
}

// TestTsharkAgrees counts the same things with tshark.
func TestTsharkAgrees(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("tshark is not installed")
	}
	for i := range protocols {
		s := &protocols[i]
		if s.tshark == nil {
			continue
		}
		t.Run(s.app, func(t *testing.T) {
			t.Parallel()
			ours := 0
			for _, e := range s.read(t) {
				if s.tshark.ours == nil {
					ours++
				} else {
					ours += s.tshark.ours(e)
				}
			}
			if theirs := s.tshark.count(t, s.path(t)); ours != theirs {
				t.Errorf("%s: %d %s, tshark counts %d (%s)", s.capture, ours, s.tshark.what, theirs, s.tshark.filter)
			} else {
				t.Logf("%s: %d %s", s.capture, ours, s.tshark.what)
			}
		})
	}
}

// between stands between the values of one packet in what tshark prints; it occurs in no value.
const between = "\x01"

func (s *second) count(t *testing.T, capture string) int {
	t.Helper()
	args := []string{"-n", "-r", capture, "-Y", s.filter, "-T", "fields", "-e", "frame.number"}
	if s.field != "" {
		args = append(args[:len(args)-1], s.field)
	}
	args = append(args, "-E", "aggregator="+between)
	if s.decode != "" {
		args = append(args, "-d", s.decode)
	}
	cmd := exec.Command("tshark", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, stderr.String())
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			n += 1 + strings.Count(line, between)
		}
	}
	return n
}

// TestProtocolsDocument keeps docs/protocols.md what the captures show.
func TestProtocolsDocument(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(docHead)
	agreed := 0
	for i := range protocols {
		s := &protocols[i]
		names, _ := fields(s.read(t))
		fmt.Fprintf(&b, "\n## %s (`%s`)\n\n", s.title, s.app)
		fmt.Fprintf(&b, "- capture: `%s`\n- limits: %s\n", s.capture, s.limits)
		if s.tshark != nil {
			agreed++
			fmt.Fprintf(&b, "- tshark counts as many %s: `%s`\n", s.tshark.what, s.tshark.filter)
		}
		fmt.Fprintf(&b, "- fields: `%s`\n", strings.Join(names, "`, `"))
	}
	fmt.Fprintf(&b, "\n%d protocols, %d of them counted by tshark as well.\n", len(protocols), agreed)
	if *update {
		if err := os.WriteFile(docFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not current (go test ./capture/proto/registry -update writes it anew):\n%s", docFile, firstDifference(b.Bytes(), have))
	}
}

const docHead = `# Protocols

What the parsers read, each with a capture that shows it. This page is written by a test from what the captures gave
(` + "`go test ./capture/proto/registry -update`" + `), so it cannot say more than is true. Captures lie below ../shared/data; those
whose path begins with ` + "`capture/`" + ` are in this repository.

A protocol is recognised by its first bytes; ports decide only between readings that the bytes leave open. Every parser is
bounded as its limits say, goes on behind a gap where its protocol lets it find a message boundary, and has a fuzz target.
Malformed messages are counted and named in ` + "`fengsui.tx.anomalies`" + `. All events carry addresses, ports, ` + "`network.*`" + `, the
Community ID, flow and transaction numbers; the fields listed are those of the protocol.
`
