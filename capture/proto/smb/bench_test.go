package smb

import (
	"testing"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// BenchmarkWrite feeds one write of 64 KiB in segments of 1460 bytes.
func BenchmarkWrite(b *testing.B) {
	const size = 64 << 10
	p := New(false)
	var f flow.Flow
	var live proto.Live
	c := proto.NewContext(&f, time.Time{}, &live)
	m := nbss(two(cmd2Write, false, 10, 5, 0, write(0, 7, long(size))))
	answer := nbss(two(cmd2Write, true, 10, 5, 0, make([]byte, 16)))
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	offset := uint64(0)
	for b.Loop() {
		app.PutUint64(m[nbssBytes+header2Bytes+8:], offset)
		offset += size
		for at := 0; at < len(m); {
			n, v := p.Data(&c, flow.ToServer, m[at:min(at+1460, len(m))])
			if n == 0 || v != proto.Continue {
				b.Fatalf("%d bytes taken, verdict %d", n, v)
			}
			at += n
		}
		if n, _ := p.Data(&c, flow.ToClient, answer); n != len(answer) {
			b.Fatalf("%d bytes of the answer taken", n)
		}
	}
}
