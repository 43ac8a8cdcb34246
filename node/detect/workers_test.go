package detect

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/analyze/signature"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
	"fengsui/capture/spread"
)

// TestWorkersAgreeOnCaptures runs every capture through one worker and through three: the alerts must be the same, each as often, on the same packet.
func TestWorkersAgreeOnCaptures(t *testing.T) {
	set := loadRuleset(t)
	names, err := filepath.Glob(filepath.Join(capturesDir, "*.pcap*"))
	if err != nil || len(names) == 0 {
		t.Skip("no captures")
	}
	total := 0
	for i, name := range names {
		if raceDetector && i%12 != 1 {
			continue // a few are enough to find races; make agreement runs all
		}
		one, three := alertsOf(t, set, name, 1), alertsOf(t, set, name, 3)
		for _, key := range slices.Sorted(maps.Keys(one)) {
			if one[key] != three[key] {
				t.Errorf("%s: %s: %d alerts by one worker, %d by three", filepath.Base(name), key, one[key], three[key])
			}
			total += one[key]
		}
		for key, n := range three {
			if one[key] == 0 {
				t.Errorf("%s: %s: %d alerts by three workers, none by one", filepath.Base(name), key, n)
			}
		}
	}
	if total < 1000 && !raceDetector {
		t.Errorf("only %d alerts compared", total)
	}
}

// alertsOf counts alerts by rule, packet and ends.
func alertsOf(t *testing.T, set *signature.Set, name string, workers int) map[string]int {
	t.Helper()
	counts := map[string]int{}
	var lock sync.Mutex
	emit := func(a *alert.Alert) {
		lock.Lock()
		defer lock.Unlock()
		counts[fmt.Sprintf("%d:%d packet %d %v > %v", a.GID, a.SID, a.PacketNumber, a.Src, a.Dst)]++
	}
	eng := engine.New(&engine.Ruleset{Detectors: []engine.Detector{signature.NewDetector(set, &signature.Shared{})}})
	var engines []*engine.Worker
	var list []spread.Worker
	for i := range workers {
		w := eng.NewWorker(emit)
		cfg := (&settings{}).pipeline()
		cfg.Flow.Worker = uint16(i)
		engines, list = append(engines, w), append(list, pipeline.New(cfg, []pipeline.Inspector{w}, nil))
	}
	sp, err := spread.New(list)
	if err != nil {
		t.Fatal(err)
	}
	if workers > 1 {
		for i, w := range engines {
			w.Gate(sp.Gate(i))
		}
	}
	if err := sp.Run(t.Context(), source.PcapFile(name, source.FileOptions{})); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return counts
}
