package signature

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/stream"
)

// manyRules makes rules like those of the field: one long content, a short one, now and then an expression.
func manyRules(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "alert tcp any any -> any any (flow:established; content:\"/%x.%s?id=%d\"; nocase; content:\"|0d 0a|\"; distance:0; ",
			rng.Uint32(), []string{"php", "asp", "exe"}[i%3], i)
		if i%5 == 0 {
			fmt.Fprintf(&b, "pcre:\"/^a%d[a-z]+/R\"; ", i)
		}
		fmt.Fprintf(&b, "sid:%d;)\n", i+1)
	}
	return b.String()
}

// BenchmarkWorker is stream bytes a second through 10 000 rules that do not match.
func BenchmarkWorker(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := NewWorker(compile(b, manyRules(n)), &Shared{}, func(*alert.Alert) {})
			f := &flow.Flow{ID: 1, Kind: packet.KindTCP, TCP: &stream.Session{State: stream.StateEstablished}}
			data := []byte(strings.Repeat("GET /a/b/index.html?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)\r\n\r\n", 14)[:1400])
			p := makePacket(packet.KindTCP, string(data))
			chunk := &stream.Chunk{Data: data, New: len(data)}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				w.Stream(p, f, flow.ToServer, chunk)
				w.Packet(p, f, flow.ToServer)
			}
		})
	}
}

// BenchmarkCompile is building a set of 10 000 rules.
func BenchmarkCompile(b *testing.B) {
	text := manyRules(10000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if set, _ := Compile([]Source{{Name: "r", Text: text}}, Options{}); set.Len() != 10000 {
			b.Fatal(set.Len())
		}
	}
}
