package fsm_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"

	"github.com/hashicorp/raft"
)

// record is an alert-sized command with an ascending key.
func record(seq uint64) fsm.Command {
	c := command(kindPut, "")
	c.Body = append(binary.BigEndian.AppendUint64([]byte("k"), seq|1<<62), '=')
	c.Body = append(c.Body, strings.Repeat("v", 300)...)
	return c
}

// BenchmarkApply flushes every transaction: entries × commands of 300 bytes in each.
func BenchmarkApply(b *testing.B) {
	for _, shape := range []struct{ entries, commands int }{{1, 1}, {1, 256}, {16, 256}} {
		b.Run(fmt.Sprintf("%dx%d", shape.entries, shape.commands), func(b *testing.B) {
			f := fsmtest.Open(b, kvSpec())
			index, seq := uint64(0), uint64(0)
			for b.Loop() {
				logs := make([]*raft.Log, shape.entries)
				for i := range logs {
					cmds := make([]fsm.Command, shape.commands)
					for j := range cmds {
						seq++
						cmds[j] = record(seq)
					}
					index++
					logs[i] = fsmtest.Entry(b, index, cmds...)
				}
				f.ApplyBatch(logs)
			}
			if f.Err() != nil {
				b.Fatal(f.Err())
			}
			b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

func fill(b *testing.B, f *fsm.FSM, n int) {
	seq := uint64(0)
	for index := uint64(1); seq < uint64(n); index++ {
		cmds := make([]fsm.Command, 256)
		for j := range cmds {
			seq++
			cmds[j] = record(seq)
		}
		f.ApplyBatch([]*raft.Log{fsmtest.Entry(b, index, cmds...)})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	f := fsmtest.Open(b, kvSpec())
	fill(b, f, 100_000)
	snapshot := fsmtest.Snapshot(b, f)
	b.SetBytes(int64(len(snapshot)))
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(snapshot)))
		for b.Loop() {
			snap, err := f.Snapshot()
			if err != nil {
				b.Fatal(err)
			}
			if err := snap.Persist(discardSink{}); err != nil {
				b.Fatal(err)
			}
			snap.Release()
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(snapshot)))
		target := fsmtest.Open(b, kvSpec())
		for b.Loop() {
			fsmtest.Restore(b, target, snapshot)
		}
	})
}

type discardSink struct{}

func (discardSink) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (discardSink) ID() string                  { return "discard" }
func (discardSink) Close() error                { return nil }
func (discardSink) Cancel() error               { return nil }

func BenchmarkDecodeEntry(b *testing.B) {
	cmds := make([]fsm.Command, 256)
	for j := range cmds {
		cmds[j] = record(uint64(j))
	}
	entry, err := fsm.EncodeEntry(cmds)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(entry)))
	for b.Loop() {
		if _, err := fsm.DecodeEntry(entry); err != nil {
			b.Fatal(err)
		}
	}
}
