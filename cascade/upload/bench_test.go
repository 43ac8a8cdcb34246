package upload

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
)

// BenchmarkTwoHops measures records/s from a county's ledger to the province's through the
// city's, over loopback TCP, every ledger a bbolt file with fsync, every payload sealed and
// opened with SM4-GCM at each site.
func BenchmarkTwoHops(b *testing.B) {
	for _, size := range []int{200, 1000} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			synced := cascadetest.Options{Sync: true}
			top, mid, low := newTier(b, province, synced), newTier(b, city, synced), newTier(b, county, synced)
			mid.under(top)
			low.under(mid)
			mid.link.TCP, low.link.TCP = true, true
			for i := 0; i < b.N; i += 1000 {
				low.produce(wire.ClassAlert, i, min(1000, b.N-i), size)
			}
			b.ResetTimer()
			mid.start()
			low.start()
			top.await(laneFor(county, wire.ClassAlert), uint64(b.N))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkTwoHopsLatency measures one record at a time, from Append's call until the province
// holds it.
func BenchmarkTwoHopsLatency(b *testing.B) {
	synced := cascadetest.Options{Sync: true}
	top, mid, low := newTier(b, province, synced), newTier(b, city, synced), newTier(b, county, synced)
	mid.under(top)
	low.under(mid)
	mid.link.TCP, low.link.TCP = true, true
	mid.start()
	low.start()
	k := laneFor(county, wire.ClassAlert)
	low.produce(wire.ClassAlert, 0, 1, 500)
	top.await(k, 1)
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		low.produce(wire.ClassAlert, i+1, 1, 500)
		top.await(k, uint64(i)+2)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkAppend measures records/s into a site's own outbox, in batches of 256.
func BenchmarkAppend(b *testing.B) {
	s := newTier(b, county, cascadetest.Options{Sync: true})
	list := make([][]*wire.Record, 0, b.N/256+1)
	for i := 0; i < b.N; i += 256 {
		var part []*wire.Record
		for j := range min(256, b.N-i) {
			part = append(part, record(county, wire.ClassAlert, i+j, 500))
		}
		list = append(list, part)
	}
	b.ResetTimer()
	for _, part := range list {
		if _, err := s.writer.Append(context.Background(), part); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
