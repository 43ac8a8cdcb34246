package detect

import (
	"context"
	"path/filepath"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature"
)

// BenchmarkLoad is reading and compiling the large rule set.
func BenchmarkLoad(b *testing.B) {
	loadRuleset(b)
	for b.Loop() {
		if _, _, err := load(&settings{rules: []string{rulesetFile}, external: "any"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTraffic is all captures through the large rule set, alerts only: bytes of the captures a second.
func BenchmarkTraffic(b *testing.B) {
	set := loadRuleset(b)
	for _, c := range []struct {
		name string
		set  *signature.Set
	}{{"rules", set}, {"norules", &signature.Set{}}} {
		b.Run(c.name, func(b *testing.B) {
			names, err := filepath.Glob(filepath.Join(capturesDir, "*.pcap*"))
			if err != nil || len(names) == 0 {
				b.Skip("no captures")
			}
			s := &settings{}
			packets := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				sum, err := Traffic(context.Background(), c.set, names, s.pipeline(), func(*alert.Alert) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
				packets += sum.Packets
				b.SetBytes(int64(sum.Bytes))
			}
			b.ReportMetric(float64(packets)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}
