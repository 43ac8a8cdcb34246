package cluster

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"fengsui/federation/fsm"

	"go.etcd.io/bbolt"
)

// benchCommand is an alert-sized record.
func benchCommand(n uint64, body []byte) fsm.Command {
	return fsm.Command{Kind: kindFill, Version: 1, ID: id(n), Body: body}
}

// BenchmarkPropose counts acknowledged commands of 300 bytes, flushed on every node's
// disk (all on this machine): batch is how many commands a call carries, callers how many
// propose at once.
func BenchmarkPropose(b *testing.B) {
	body := make([]byte, 300)
	for _, nodes := range []int{1, 3} {
		for _, shape := range []struct{ callers, batch int }{{1, 1}, {128, 1}, {1, 256}, {16, 256}} {
			b.Run(fmt.Sprintf("nodes=%d/callers=%d/batch=%d", nodes, shape.callers, shape.batch), func(b *testing.B) {
				s := newSite(b, nodes, nil)
				leader := s.leader()
				var next atomic.Uint64
				b.SetParallelism(max(shape.callers/2, 1)) // of GOMAXPROCS 2
				b.ResetTimer()
				run := func() {
					cmds := make([]fsm.Command, shape.batch)
					for i := range cmds {
						cmds[i] = benchCommand(next.Add(1), body)
					}
					if _, err := leader.cluster.Propose(context.Background(), cmds...); err != nil {
						b.Error(err)
					}
				}
				if shape.callers == 1 {
					for b.Loop() {
						run()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							run()
						}
					})
				}
				b.StopTimer()
				b.ReportMetric(float64(next.Load())/b.Elapsed().Seconds(), "commands/s")
			})
		}
	}
}

// BenchmarkRead counts linearizable reads on a follower of three.
func BenchmarkRead(b *testing.B) {
	s := newSite(b, 3, nil)
	follower := s.others(s.leader())[0]
	s.converged(s.nodes...)
	for name, level := range map[string]Level{"stale": Stale, "leader": Leader} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := follower.cluster.Read(context.Background(), level, func(*bbolt.Tx) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
