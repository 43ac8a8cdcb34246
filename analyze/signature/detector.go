package signature

import (
	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
)

// Detector is a set with the state its workers share, ready for an engine.
type Detector struct {
	set    *Set
	shared *Shared
}

// NewDetector joins a set with the state of hosts. Give the same shared to the detector that replaces this one, so that thresholds and bits live on.
func NewDetector(set *Set, shared *Shared) *Detector { return &Detector{set: set, shared: shared} }

// Name implements engine.Detector.
func (d *Detector) Name() string { return alert.Signature }

// Set is the compiled rules.
func (d *Detector) Set() *Set { return d.set }

// NewInspector implements engine.Detector.
func (d *Detector) NewInspector(emit func(*alert.Alert)) engine.Inspector {
	return NewWorker(d.set, d.shared, emit)
}
