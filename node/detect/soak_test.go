package detect

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"fengsui/analyze/signature"
	"fengsui/capture/eve"
	"fengsui/capture/source"
)

// heapGrowthMax and rssGrowthMax are how much more memory the second half of a soak may hold than the first quarter showed.
const (
	heapGrowthMax = 0.10
	rssGrowthMax  = 0.10
	growthSlack   = 24 << 20 // bytes; below it growth is noise
)

// TestReplayKeepsMemoryFlat replays real captures over and over at full speed, through all rules and with full EVE output, for the time in
// FENGSUI_SOAK (10m), and fails when heap or resident memory grow. Packet time goes on from round to round, so flows, thresholds and marks
// are made and let go as in a long run.
func TestReplayKeepsMemoryFlat(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("FENGSUI_SOAK"))
	if err != nil || length <= 0 {
		t.Skip("set FENGSUI_SOAK=10m to run it")
	}
	set := loadRuleset(t)
	pcaps := soakCaptures(t)
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	s := &settings{external: "any", workers: 1, eve: "-", types: eve.All()}
	var log bytes.Buffer
	j, err := newJob(s, set, &signature.Names{}, discard{}, &log)
	if err != nil {
		t.Fatal(err)
	}
	j.begun = time.Now()
	src := source.PcapFiles(pcaps, source.FileOptions{Repeat: -1})
	j.listen(src)
	samples := make(chan sample, 1<<16)
	done := make(chan error, 1)
	go func() { done <- j.newLane().run(ctx, src) }()
	tick := time.NewTicker(max(length/60, 200*time.Millisecond))
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			samples <- measure(j)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	close(samples)
	var all []sample
	for x := range samples {
		all = append(all, x)
	}
	judgeSoak(t, all, j, length)
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// sample is the memory at one time.
type sample struct {
	heap, rss, packets uint64
}

// measure collects garbage first: what counts is what is held.
func measure(j *job) sample {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return sample{heap: m.HeapAlloc, rss: resident(), packets: j.totals().Pipeline.Packets}
}

// resident is the process's resident memory in bytes, 0 where the system does not say.
func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

func soakCaptures(t *testing.T) []string {
	t.Helper()
	var list []string
	names, err := filepath.Glob(filepath.Join(capturesDir, "*.pcap*"))
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() < 8<<20 {
			list = append(list, name)
		}
	}
	return list
}

// judgeSoak compares the first quarter (after the first samples, in which tables fill) with the last half, peak with peak.
func judgeSoak(t *testing.T, all []sample, j *job, length time.Duration) {
	t.Helper()
	if len(all) < 8 {
		t.Fatalf("only %d samples in %s: give FENGSUI_SOAK more time", len(all), length)
	}
	peak := func(list []sample, get func(sample) uint64) (most uint64) {
		for _, x := range list {
			most = max(most, get(x))
		}
		return most
	}
	heap := func(x sample) uint64 { return x.heap }
	rss := func(x sample) uint64 { return x.rss }
	early, late := all[:len(all)/4], all[len(all)/2:]
	last := all[len(all)-1]
	t.Logf("%s: %d packets (%.0f/s), %d EVE records; heap held %s early, %s late; resident %s early, %s late",
		length, last.packets, float64(last.packets)/length.Seconds(), j.eveOut.Lines(), mib(peak(early, heap)), mib(peak(late, heap)), mib(peak(early, rss)), mib(peak(late, rss)))
	if a, b := peak(early, heap), peak(late, heap); float64(b) > float64(a)*(1+heapGrowthMax) && b-a > growthSlack {
		t.Errorf("the heap grew from %s to %s", mib(a), mib(b))
	}
	if a, b := peak(early, rss), peak(late, rss); float64(b) > float64(a)*(1+rssGrowthMax) && b-a > growthSlack {
		t.Errorf("resident memory grew from %s to %s", mib(a), mib(b))
	}
	if t1 := all[len(all)/4]; last.packets <= t1.packets {
		t.Errorf("no packets in the last three quarters")
	}
}

func mib(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
