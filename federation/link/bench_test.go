//go:build unix

package link_test

import (
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
	"fengsui/gmcrypto/identity"
)

// Both ends run in this process: a real node sees about half of the CPU. On a shared machine the CPU figures (cpu-µs/op)
// are the ones to trust.

// cpu gives the processor time of the process so far.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU reports the processor time an operation took since began.
func reportCPU(b *testing.B, began time.Duration) {
	b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkStreamThroughput(b *testing.B) {
	_, nodes := site(b, 2)
	nodes[1].Handle(link.KindUpload, nil, func(_ context.Context, s *link.Stream) {
		_, _ = io.Copy(io.Discard, s)
		_, _ = s.Write([]byte{1})
	})
	for _, size := range []int{1 << 10, 32 << 10, 256 << 10} {
		b.Run(byteSize(size), func(b *testing.B) {
			s, err := nodes[0].OpenStream(b.Context(), nodes[1].target(), link.KindUpload)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				if _, err := s.Write(p); err != nil {
					b.Fatal(err)
				}
			}
			_ = s.CloseWrite()
			if _, err := io.ReadFull(s, p[:1]); err != nil { // the last byte has arrived
				b.Fatal(err)
			}
			used := cpu(b) - began
			b.ReportMetric(float64(used.Microseconds())/1000/(float64(b.N)*float64(size)/1e6), "cpu-ms/MB")
		})
	}
}

func byteSize(n int) string {
	return map[int]string{1 << 10: "1KiB", 32 << 10: "32KiB", 256 << 10: "256KiB"}[n]
}

func BenchmarkHandshake(b *testing.B) {
	ca := linktest.Root(b, "440000")
	server := start(b, ca.Node(b, "n1"), linktest.Verify(ca))
	client := start(b, ca.Node(b, "n2"), linktest.Verify(ca))
	began := cpu(b)
	for b.Loop() {
		c, err := client.Connect(b.Context(), server.target())
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
		<-c.Done()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
	reportCPU(b, began)
}

func BenchmarkOpenEcho(b *testing.B) {
	_, nodes := site(b, 2)
	mustEcho(b, nodes[0], nodes[1], []byte("x"))
	one := func() error {
		s, err := nodes[0].OpenStream(context.Background(), nodes[1].target(), kindEcho)
		if err != nil {
			return err
		}
		defer s.Close()
		var p [64]byte
		if _, err := s.Write(p[:]); err != nil {
			return err
		}
		_, err = io.ReadFull(s, p[:])
		return err
	}
	b.Run("1", func(b *testing.B) {
		b.ReportAllocs()
		began := cpu(b)
		for b.Loop() {
			if err := one(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		reportCPU(b, began)
	})
	b.Run("8", func(b *testing.B) {
		b.SetParallelism(4) // times two cores
		began := cpu(b)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := one(); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		reportCPU(b, began)
	})
}

func BenchmarkEchoOnOpenStream(b *testing.B) {
	_, nodes := site(b, 2)
	s, err := nodes[0].OpenStream(b.Context(), nodes[1].target(), kindEcho)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var p [64]byte
	b.ReportAllocs()
	began := cpu(b)
	defer func() { reportCPU(b, began) }()
	for b.Loop() {
		if _, err := s.Write(p[:]); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(s, p[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDatagrams(b *testing.B) {
	_, nodes := site(b, 2)
	arrived := make(chan struct{}, 1)
	nodes[1].HandleDatagram(link.KindGossip, nil, func(identity.Peer, string, []byte) { arrived <- struct{}{} })
	p := make([]byte, 200)
	b.ReportAllocs()
	began := cpu(b)
	defer func() { reportCPU(b, began) }()
	for b.Loop() {
		if err := nodes[0].SendDatagram(nodes[1].target(), link.KindGossip, p); err != nil {
			b.Fatal(err)
		}
		select {
		case <-arrived:
		case <-time.After(time.Second):
			b.Fatal("a datagram was lost on loopback")
		}
	}
}
