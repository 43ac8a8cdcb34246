package node

import (
	"crypto/md5"  //nolint:gosec // indicators come as MD5; nothing is secured by it
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/evidence"
	"fengsui/capture/file"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
	"fengsui/capture/zone"
	"fengsui/gmcrypto"
	"fengsui/node/api"
	"fengsui/node/config"
	"fengsui/node/monitor"
	"fengsui/node/sensor"
	"fengsui/node/sensor/governor"
)

// gcPercent is how much garbage may gather before it is collected, in per cent of what lives: this keeps the large capture with
// 23 000 rules below 450 MB; more would be a little faster.
const gcPercent = 60

// openSensor joins the sources of the configuration, and replays, with detection and the way into the ledger.
func openSensor(n *Node) (*sensor.Sensor, error) {
	log := n.log.With("part", "capture")
	var sources []sensor.Source
	for _, c := range n.cfg.Capture {
		sources = append(sources, sensor.Source{
			Name: c.Name, Path: c.Pcap, Speed: c.Speed, Repeat: c.Repeat, Interface: c.Interface, Filter: c.Filter,
			Workers: c.Workers, SnapLen: c.SnapLen, RingBytes: c.RingBytes, Promiscuous: c.Promiscuous,
		})
	}
	zones, err := openZones(n.cfg)
	if err != nil {
		return nil, err
	}
	files, beside, err := openFiles(&n.cfg.Files)
	if err != nil {
		return nil, err
	}
	g := n.cfg.Governor
	if g.Memory == 0 && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	n.governor = governor.New(governor.Config{
		Limits: governor.Limits{CPU: g.CPU, Memory: g.Memory, Link: g.Link, Upward: g.Upward}, Logger: n.log.With("part", "governor"),
	})
	cfg := sensor.Config{
		Site: n.site, Node: n.cfg.Node, Intake: n.intake, FoldWindow: n.cfg.FoldWindow, Sources: sources, Logger: log,
		Pipeline:  pipeline.Config{IgnoreChecksums: !n.cfg.ChecksumValidation, Files: files},
		Inspector: func(emit func(*alert.Alert)) pipeline.Inspector { return n.detect.worker(emit) },
		OpenFile:  openFile, OpenInterface: openInterface(n.cfg.Limits.Workers),
		Zones: zones, Governor: n.governor, Beside: beside,
	}
	if e := n.cfg.Evidence; e.Dir != "" {
		cfg.Evidence, err = evidence.NewStore(evidence.StoreConfig{
			Dir: e.Dir, FilesMax: e.Files, BytesMax: e.Bytes,
			Limits: evidence.Limits{RingBytes: int(e.RingBytes), Before: e.Before, After: e.After, Bytes: int(e.CutBytes)},
		})
		if err != nil {
			return nil, err
		}
	}
	return sensor.New(cfg)
}

// openZones makes the table of zones; nil when there are none.
func openZones(c *config.Config) (*zone.Table, error) {
	zones := c.Zones
	if c.ZonesFile != "" {
		text, err := os.ReadFile(c.ZonesFile)
		if err != nil {
			return nil, fmt.Errorf("read zones_file: %w", err)
		}
		more, err := zone.Parse(c.ZonesFile, string(text))
		if err != nil {
			return nil, err
		}
		zones = append(zones[:len(zones):len(zones)], more...)
	}
	if len(zones) == 0 {
		return nil, nil
	}
	t, err := zone.New(zones)
	if err != nil {
		return nil, fmt.Errorf("zones: %w", err)
	}
	return t, nil
}

// openFiles says what is done with files, and what must run beside the workers for it.
func openFiles(c *config.Files) (*file.Config, []sensor.Task, error) {
	out := &file.Config{Keep: int(c.KeepBytes)}
	for _, name := range c.Digests {
		d := file.Digest{Name: name}
		switch name {
		case "md5":
			d.New = md5.New
		case "sha1":
			d.New = sha1.New
		case "sha256":
			d.New = sha256.New
		case "sm3":
			d.New = gmcrypto.NewSM3
		}
		out.Digests = append(out.Digests, d)
	}
	if c.Store == "" {
		return out, nil, nil
	}
	store, err := file.OpenStore(file.StoreConfig{Dir: c.Store, BytesMax: c.StoreBytes, FilesMax: c.StoreFiles})
	if err != nil {
		return nil, nil, fmt.Errorf("files.store: %w", err)
	}
	out.Store = store
	return out, []sensor.Task{store.Run}, nil
}

// openInterface opens the rings of an interface: as many as the source says, else as limits.workers says, else one a core.
func openInterface(workers int) func(c sensor.Source) ([]source.Source, error) {
	return func(c sensor.Source) ([]source.Source, error) {
		if err := source.CheckInterface(c.Interface); err != nil {
			return nil, err
		}
		rings := c.Workers
		if rings == 0 {
			rings = workers
		}
		if rings == 0 {
			rings = runtime.NumCPU()
		}
		return source.Live(c.Interface, rings, source.LiveOptions{
			SnapLen: c.SnapLen, RingBytes: int(c.RingBytes), NoPromisc: !c.Promiscuous, Filter: c.Filter,
		}), nil
	}
}

func openFile(c sensor.Source, rebase bool) (source.Source, error) {
	if err := source.CheckPcapFile(c.Path); err != nil {
		return nil, err
	}
	opts := source.FileOptions{Speed: c.Speed, Repeat: max(c.Repeat, 1) - 1, Filter: c.Filter}
	if rebase {
		opts.Rebase = time.Now
	}
	return source.PcapFile(c.Path, opts), nil
}

func (n *Node) loadStatus() api.LoadStatus {
	st, shed := n.sensor.Load()
	return api.LoadStatus{
		Level: st.Level, CPU: st.CPU, CPULimit: st.CPULimit, Memory: st.Memory, MemoryLimit: st.MemLimit, Upward: st.Upward, Waited: st.Waited,
		CutBytes: shed.CutBytes, Flows: shed.Flows, FlowBytes: shed.FlowBytes,
	}
}

func (n *Node) evidenceStatus() *api.EvidenceStatus {
	st, on := n.sensor.Evidence()
	if !on {
		return nil
	}
	return &api.EvidenceStatus{
		Files: st.Files, Bytes: st.Bytes, Written: st.Written, Removed: st.Removed, NotKept: st.Refused + st.Lost + st.Failed, Error: st.Error,
	}
}

// countLoad publishes load, shedding and evidence.
func (n *Node) countLoad() {
	number := func(kind monitor.Kind, name, help string, read func(api.LoadStatus) float64) {
		n.addFamily(monitor.Family{Name: name, Help: help, Kind: kind, Read: func(emit func(float64, ...string)) { emit(read(n.loadStatus())) }})
	}
	number(monitor.Gauge, "fengsui_load_level", "Load level of packet inspection, 0 is all.", func(l api.LoadStatus) float64 { return float64(l.Level) })
	number(monitor.Gauge, "fengsui_cpu_percent", "Share of the processors this process used in the last second.", func(l api.LoadStatus) float64 { return l.CPU })
	number(monitor.Gauge, "fengsui_memory_percent", "Share of the machine's memory this process holds.", func(l api.LoadStatus) float64 { return l.Memory })
	number(monitor.Counter, "fengsui_upward_bytes_total", "Bytes of records sent to the parent site.", func(l api.LoadStatus) float64 { return float64(l.Upward) })
	number(monitor.Counter, "fengsui_upward_waited_seconds_total", "Time records waited for their turn upward.", func(l api.LoadStatus) float64 { return l.Waited })
	number(monitor.Counter, "fengsui_shed_payload_bytes_total", "Payload not inspected because of load.", func(l api.LoadStatus) float64 { return float64(l.CutBytes) })
	number(monitor.Counter, "fengsui_shed_flows_total", "Flows let go because of load.", func(l api.LoadStatus) float64 { return float64(l.Flows) })
	number(monitor.Counter, "fengsui_shed_flow_bytes_total", "Payload of flows let go because of load.", func(l api.LoadStatus) float64 { return float64(l.FlowBytes) })
	if n.evidenceStatus() == nil {
		return
	}
	evidence := func(kind monitor.Kind, name, help string, read func(*api.EvidenceStatus) uint64) {
		n.addNumber(kind, name, help, func() uint64 { return read(n.evidenceStatus()) })
	}
	evidence(monitor.Gauge, "fengsui_evidence_files", "Files of alerts' packets on disk.", func(e *api.EvidenceStatus) uint64 { return e.Files })
	evidence(monitor.Gauge, "fengsui_evidence_bytes", "Size of those files.", func(e *api.EvidenceStatus) uint64 { return e.Bytes })
	evidence(monitor.Counter, "fengsui_evidence_written_total", "Files of alerts' packets written.", func(e *api.EvidenceStatus) uint64 { return e.Written })
	evidence(monitor.Counter, "fengsui_evidence_removed_total", "Files of alerts' packets removed to make room.", func(e *api.EvidenceStatus) uint64 { return e.Removed })
	evidence(monitor.Counter, "fengsui_evidence_not_kept_total", "Alerts whose packets were not kept.", func(e *api.EvidenceStatus) uint64 { return e.NotKept })
}
