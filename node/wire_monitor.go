package node

import (
	"context"
	"fmt"
	"time"

	"fengsui/federation/durable"
	"fengsui/node/enforce"
	"fengsui/node/monitor"
)

// Bounds beyond which a node is not well.
const (
	diskWarnBytes  = 1 << 30   // free on the disk of the data directory
	diskFailBytes  = 256 << 20 // below which the ledger takes nothing
	clockWarnAfter = 5 * time.Second
)

// certificateWarn is how long before its end a certificate that was not renewed is a worry.
const certificateWarn = 20 * 24 * time.Hour

// watchParts tells the monitor how to read every part. A name that is taken is our own mistake and only costs that number.
func (n *Node) watchParts() {
	n.countParts()
	n.countLoad()
	n.health.Add("quorum", n.checkQuorum)
	n.health.Add("state machine", n.checkState)
	n.health.Add("intake", n.checkIntake)
	n.health.Add("parent", n.checkParent)
	n.health.Add("capture", n.checkCapture)
	n.health.Add("enforcement", n.checkEnforcement)
	n.health.Add("certificate", n.checkCertificate)
	n.health.Add("disk", n.checkDisk)
	n.health.Add("clock", n.checkClockOffset)
}

func (n *Node) countParts() {
	counter := func(name, help string, read func() uint64) { n.addNumber(monitor.Counter, name, help, read) }
	gauge := func(name, help string, read func() uint64) { n.addNumber(monitor.Gauge, name, help, read) }

	counter("fengsui_alerts_raised_total", "Alerts raised by detectors, before folding.", func() uint64 { r, _ := n.sensor.Counts(); return r })
	counter("fengsui_alert_records_total", "Alert records made by folding.", func() uint64 { _, e := n.sensor.Counts(); return e })
	counter("fengsui_intake_committed_total", "Records the ledger has taken.", func() uint64 { return n.intake.Stats().Committed })
	counter("fengsui_intake_shed_total", "Records given up because queue and spool were full.", func() uint64 { return n.intake.Stats().Shed })
	counter("fengsui_intake_refused_total", "Records the ledger refused for good.", func() uint64 { return n.intake.Stats().Refused })
	gauge("fengsui_intake_queued", "Records waiting in memory.", func() uint64 { return uint64(n.intake.Stats().Queued) })
	gauge("fengsui_intake_spooled", "Records waiting on disk.", func() uint64 { return n.intake.Stats().Spooled })

	counter("fengsui_upload_received_total", "Records taken in from children.", func() uint64 { return n.tree.upload.Stats().Records })
	counter("fengsui_upload_duplicates_total", "Batches of children recognised as already taken.", func() uint64 { return n.tree.upload.Stats().Duplicate })
	counter("fengsui_upload_refused_total", "Batches and sessions of children refused.", func() uint64 { return n.tree.upload.Stats().Refused })
	counter("fengsui_upload_malformed_total", "Upload sessions ended by a malformed frame.", func() uint64 { return n.tree.upload.Stats().Malformed })
	gauge("fengsui_upload_sent", "Records acknowledged by the parent since this node holds the uplink.", func() uint64 { return n.tree.up.uploads().Delivered })
	counter("fengsui_documents_sent_total", "Documents sent to children.", func() uint64 { return n.tree.issue.Stats().Documents })
	counter("fengsui_queries_total", "Questions put to this node.", func() uint64 { return n.tree.hub.Stats().Asked })
	gauge("fengsui_children_sessions", "Heartbeat sessions of children held here.", func() uint64 { return uint64(n.tree.register.Stats().Open) })
	gauge("fengsui_parent_connected", "Whether this node has a line to the parent.", func() uint64 { return truth(n.tree.up.state().Connected) })

	counter("fengsui_ledger_commands_total", "Commands applied to the state.", func() uint64 { return n.mesh.state.Stats().Commands })
	counter("fengsui_ledger_entries_total", "Log entries applied to the state.", func() uint64 { return n.mesh.state.Stats().Entries })
	gauge("fengsui_ledger_applied_index", "Position of the state in the log.", func() uint64 { i, _ := n.mesh.state.Applied(); return i })
	gauge("fengsui_ledger_leader", "Whether this node leads its site.", func() uint64 { return truth(n.mesh.cluster.IsLeader()) })
	gauge("fengsui_link_connections", "Standing authenticated connections.", func() uint64 { return uint64(n.mesh.link.Stats().Connections) })
	counter("fengsui_link_sent_bytes_total", "Plaintext bytes sent to other nodes.", func() uint64 { return n.mesh.link.Stats().BytesSent })
	counter("fengsui_link_received_bytes_total", "Plaintext bytes received from other nodes.", func() uint64 { return n.mesh.link.Stats().BytesReceived })
	counter("fengsui_link_streams_refused_total", "Streams of peers refused.", func() uint64 { return n.mesh.link.Stats().StreamsRefused })

	gauge("fengsui_rules", "Signatures in force.", func() uint64 { return uint64(n.detect.status().Signatures) })
	gauge("fengsui_indicators", "Indicators in force.", func() uint64 { return uint64(n.detect.status().Indicators) })
	gauge("fengsui_blocked", "Block list entries in force.", func() uint64 { return uint64(n.detect.status().Blocked) })
	n.addFamily(monitor.Family{
		Name: "fengsui_capture_packets_total", Help: "Packets read from a configured source.", Kind: monitor.Counter, Labels: []string{"source"},
		Read: func(emit func(float64, ...string)) {
			for _, s := range n.sensor.Sources() {
				emit(float64(s.Packets), s.Name)
			}
		},
	})
	n.addFamily(monitor.Family{
		Name: "fengsui_capture_dropped_total", Help: "Packets of a configured source that were lost.", Kind: monitor.Counter, Labels: []string{"source"},
		Read: func(emit func(float64, ...string)) {
			for _, s := range n.sensor.Sources() {
				emit(float64(s.Dropped), s.Name)
			}
		},
	})
}

func (n *Node) addNumber(kind monitor.Kind, name, help string, read func() uint64) {
	n.addFamily(monitor.Family{Name: name, Help: help, Kind: kind, Read: func(emit func(float64, ...string)) { emit(float64(read())) }})
}

func (n *Node) addFamily(f monitor.Family) {
	if err := n.metrics.Add(f); err != nil {
		n.log.Error("a number cannot be published", "name", f.Name, "error", err)
	}
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (n *Node) checkQuorum(context.Context) (monitor.State, string) {
	if leader, ok := n.mesh.cluster.Leader(); ok {
		return monitor.OK, "led by " + leader
	}
	return monitor.Failing, "no leader: read-only, alerts wait on this node"
}

func (n *Node) checkState(context.Context) (monitor.State, string) {
	if err := n.mesh.state.Err(); err != nil {
		return monitor.Failing, err.Error()
	}
	return monitor.OK, ""
}

func (n *Node) checkIntake(context.Context) (monitor.State, string) {
	s := n.intake.Stats()
	switch {
	case s.Shed > 0 || s.Damaged > 0:
		return monitor.Degraded, fmt.Sprintf("%d records shed, %d damaged in the spool since the start", s.Shed, s.Damaged)
	case s.Waiting:
		return monitor.Degraded, fmt.Sprintf("%d records wait for the ledger, %d of them on disk", uint64(s.Queued)+s.Spooled, s.Spooled)
	}
	return monitor.OK, ""
}

func (n *Node) checkParent(context.Context) (monitor.State, string) {
	p := n.parentStatus()
	switch {
	case p == nil:
		return monitor.OK, "this is the topmost site"
	case !n.mesh.cluster.IsLeader():
		return monitor.OK, "held by " + p.Holder
	case !p.Connected:
		return monitor.Degraded, "no line to " + p.Site
	}
	return monitor.OK, "connected to " + p.Site
}

func (n *Node) checkCapture(context.Context) (monitor.State, string) {
	for _, s := range n.sensor.Sources() {
		if s.State == "failed" || s.State == "retrying" {
			return monitor.Failing, s.Name + ": " + s.Error
		}
	}
	return monitor.OK, ""
}

func (n *Node) checkEnforcement(context.Context) (monitor.State, string) {
	if st := n.detect.enforcer.Status(); st.State == enforce.StateFailed || st.State == enforce.StateRefused {
		return monitor.Degraded, st.Reason
	}
	return monitor.OK, ""
}

func (n *Node) checkCertificate(context.Context) (monitor.State, string) {
	left := time.Until(n.cred.Certificate().NotAfter())
	switch {
	case left < 0:
		return monitor.Failing, "the node's certificate has ended: is the clock right?"
	case left < certificateWarn:
		return monitor.Degraded, fmt.Sprintf("the node's certificate ends in %d days and was not renewed", int(left.Hours()/24))
	}
	return monitor.OK, ""
}

func (n *Node) checkDisk(context.Context) (monitor.State, string) {
	free, err := durable.FreeSpace(n.cfg.Data)
	switch {
	case err != nil:
		return monitor.Degraded, err.Error()
	case free < diskFailBytes:
		return monitor.Failing, fmt.Sprintf("%d MiB free: the ledger takes nothing more", free>>20)
	case free < diskWarnBytes:
		return monitor.Degraded, fmt.Sprintf("%d MiB free", free>>20)
	}
	return monitor.OK, ""
}

func (n *Node) checkClockOffset(context.Context) (monitor.State, string) {
	off, known := n.tree.up.offset()
	if known && off.Abs() > clockWarnAfter {
		return monitor.Degraded, fmt.Sprintf("this clock and the parent's are %v apart: is NTP running here and there?", off.Abs().Round(time.Second))
	}
	return monitor.OK, ""
}
