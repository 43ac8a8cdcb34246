package yara

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// ScanTimeout bounds the scan of one file.
const ScanTimeout = time.Second

// severityDefault is that of a rule whose meta does not say.
const severityDefault = 2

// ErrNotBuilt says that this program was built without YARA.
var ErrNotBuilt = errors.New("this program was built without YARA: build it with -tags yara and libyara installed")

// Source is one file of rules.
type Source struct{ Name, Text string }

// Problem is a rule file's fault, with its line.
type Problem struct {
	File   string
	Line   int
	Reason string
}

// Error is "file:line: reason".
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason) }

// Match is one rule that a file matched.
type Match struct {
	Rule string
	Meta map[string]string
	Tags []string
}

// scanner is what one goroutine scans with.
type scanner interface {
	scan(data []byte) ([]Match, error)
}

// Detector is a set ready for an engine.
type Detector struct {
	set      *Set
	failures atomic.Uint64
}

// NewDetector makes a detector of a set.
func NewDetector(set *Set) *Detector { return &Detector{set: set} }

// Name implements engine.Detector.
func (d *Detector) Name() string { return alert.YARA }

// Failures counts scans that were given up (too slow, or out of memory).
func (d *Detector) Failures() uint64 { return d.failures.Load() }

// NewInspector implements engine.Detector.
func (d *Detector) NewInspector(emit func(*alert.Alert)) engine.Inspector {
	return &inspector{scanner: d.set.newScanner(), emit: emit, failures: &d.failures}
}

type inspector struct {
	scanner  scanner
	emit     func(*alert.Alert)
	failures *atomic.Uint64
}

// Packet implements engine.Inspector: only files are looked at.
func (in *inspector) Packet(*packet.Packet, *flow.Flow, flow.Direction) {}

// Stream implements engine.Inspector.
func (in *inspector) Stream(*packet.Packet, *flow.Flow, flow.Direction, *stream.Chunk) {}

// FlowEnd implements engine.Inspector.
func (in *inspector) FlowEnd(*flow.Flow) {}

// Transaction scans the files of a side when that side is complete, which happens once.
func (in *inspector) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	c, ok := tx.(proto.FileCarrier)
	if !ok || !tx.Complete(dir) && !p.Pseudo {
		return
	}
	for _, x := range c.Files(dir) {
		if len(x.Data) == 0 {
			continue
		}
		matches, err := in.scanner.scan(x.Data)
		if err != nil {
			in.failures.Add(1)
			continue
		}
		for i := range matches {
			in.emit(newAlert(p, f, tx, x, &matches[i]))
		}
	}
}

func newAlert(p *packet.Packet, f *flow.Flow, tx proto.Transaction, x *file.File, m *Match) *alert.Alert {
	msg := m.Meta["description"]
	if msg == "" {
		msg = "YARA rule " + m.Rule
	}
	severity := severityDefault
	if n, err := strconv.Atoi(m.Meta["severity"]); err == nil && n >= 1 && n <= 4 {
		severity = n
	}
	a := &alert.Alert{
		ID: alert.NewID(p.Time), Time: p.Time, Detector: alert.YARA, GID: 1, Msg: msg, Class: "Malicious File", Severity: severity, Action: "allowed",
		Proto: "TCP", Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort), Indicator: "yara:" + m.Rule,
		Count: 1, First: p.Time, Last: p.Time, PacketNumber: p.Number, TxID: tx.ID(), HasTx: true, Metadata: map[string][]string{},
	}
	if p.Kind == packet.KindUDP {
		a.Proto = "UDP"
	}
	if f != nil {
		a.FlowID = f.ID
		if f.App.Known() {
			a.AppProto = f.App.String()
		}
	}
	if len(x.Name) > 0 {
		a.Metadata["file"] = []string{string(x.Name)}
	}
	if len(m.Tags) > 0 {
		a.Metadata["tags"] = m.Tags
	}
	if x.Cut() || x.State != file.Closed {
		a.Metadata["scanned"] = []string{fmt.Sprintf("the first %d bytes of %d", len(x.Data), x.Size)}
	}
	return a
}
