package node

import (
	"runtime"
	"time"

	"fengsui/analyze/alert"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
	"fengsui/node/sensor"
)

// openSensor joins the sources of the configuration, and replays, with detection and the way into the ledger.
func openSensor(n *Node) (*sensor.Sensor, error) {
	var sources []sensor.Source
	for _, c := range n.cfg.Capture {
		sources = append(sources, sensor.Source{Name: c.Name, Path: c.Pcap, Speed: c.Speed, Repeat: c.Repeat, Interface: c.Interface})
	}
	workers := n.cfg.Limits.Workers
	if workers == 0 {
		workers = runtime.NumCPU()
	}
	return sensor.New(sensor.Config{
		Site: n.site, Node: n.cfg.Node, Intake: n.intake, FoldWindow: n.cfg.FoldWindow, Sources: sources, Logger: n.log.With("part", "capture"),
		Pipeline:  pipeline.Config{IgnoreChecksums: !n.cfg.ChecksumValidation},
		Inspector: func(emit func(*alert.Alert)) pipeline.Inspector { return n.detect.worker(emit) },
		OpenFile:  openFile,
		OpenInterface: func(name string) ([]source.Source, error) {
			if err := source.CheckInterface(name); err != nil {
				return nil, err
			}
			return source.Live(name, workers, source.LiveOptions{}), nil
		},
	})
}

func openFile(path string, speed float64, repeat int, rebase bool) (source.Source, error) {
	if err := source.CheckPcapFile(path); err != nil {
		return nil, err
	}
	opts := source.FileOptions{Speed: speed, Repeat: repeat - 1}
	if rebase {
		opts.Rebase = time.Now
	}
	return source.PcapFile(path, opts), nil
}
