package websocket

import (
	"bytes"
	"compress/flate"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/prototest"
)

const (
	ts = flow.ToServer
	tc = flow.ToClient
)

// frame writes one frame.
func frame(first byte, masked bool, payload string) string {
	var b []byte
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = []byte{first, mask | byte(n)}
	case n < 1<<16:
		b = []byte{first, mask | 126, byte(n >> 8), byte(n)}
	default:
		b = []byte{first, mask | 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	if !masked {
		return string(b) + payload
	}
	key := []byte{0x11, 0x22, 0x33, 0x44}
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i&3])
	}
	return string(b)
}

func list(d *prototest.Driver) []*Transaction {
	var out []*Transaction
	for _, tx := range d.Live.List {
		out = append(out, tx.(*Transaction))
	}
	return out
}

func TestFrames(t *testing.T) {
	text := frame(0x81, true, "hello") + frame(0x01, true, "frag") + frame(0x89, true, "ping") + frame(0x80, true, "mented") + frame(0x82, false, strings.Repeat("x", 300))
	for _, step := range []int{1, 1000} {
		d := prototest.New(New(false))
		for rest := text; len(rest) > 0; {
			n := min(step, len(rest))
			d.Feed(ts, []byte(rest[:n]))
			rest = rest[n:]
		}
		got := ""
		for _, x := range list(d) {
			got += string(x.Payload) + "|"
		}
		if want := "hello|frag|ping|fragmented|" + strings.Repeat("x", 300) + "|"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if x := list(d)[0]; !x.Masked || x.Mask != 0x11223344 || x.Opcode != 1 || x.Flags != 0x80 {
			t.Errorf("%+v", x)
		}
	}
}

func TestCompression(t *testing.T) {
	for _, extension := range []string{"permessage-deflate", "permessage-deflate; server_no_context_takeover"} {
		from := &http.Transaction{}
		from.SetFields(tc, []http.Header{{Name: []byte("Sec-WebSocket-Extensions"), Value: []byte(extension)}}, "HTTP/1.1")
		d := prototest.New(NewExpected(http.Switched{Tx: from}))
		var buf bytes.Buffer
		w, err := flate.NewWriter(&buf, 9)
		if err != nil {
			t.Fatal(err)
		}
		message := func(text string) string {
			buf.Reset()
			if strings.Contains(extension, "no_context") {
				w.Reset(&buf)
			}
			w.Write([]byte(text))
			w.Flush()
			return strings.TrimSuffix(buf.String(), "\x00\x00\xff\xff")
		}
		first := message("the same words again")
		d.Feed(tc, []byte(frame(0xc1, false, first)))
		second := message("the same words again and again")
		d.Feed(tc, []byte(frame(0x41, false, second[:2])+frame(0x80, false, second[2:])))
		x := list(d)
		if len(x) != 3 || string(x[0].Payload) != "the same words again" || string(x[2].Payload) != "the same words again and again" {
			t.Errorf("%s: %q", extension, x[len(x)-1].Payload)
		}
	}
}

func TestLimits(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(tc, []byte(frame(0x82, false, strings.Repeat("x", 100_000))+frame(0x81, false, "behind")))
	x := list(d)
	if len(x) != 2 || len(x[0].Payload) != payloadMax || !slices.Contains(x[0].Anomalies, "skip_end_of_payload") || string(x[1].Payload) != "behind" {
		t.Errorf("%d frames", len(x))
	}
	d = prototest.New(New(false))
	d.Feed(tc, []byte(frame(0x02, false, strings.Repeat("x", 60_000))+frame(0x80, false, strings.Repeat("y", 60_000))))
	if x = list(d); len(x[1].Payload) != payloadMax || !slices.Contains(x[1].Anomalies, "reassembly_limit_reached") {
		t.Errorf("%d bytes, %v", len(x[1].Payload), x[1].Anomalies)
	}
	d = prototest.New(New(false))
	d.Feed(tc, []byte("\xff\xff"))
	if d.Verdict != proto.Fail {
		t.Errorf("verdict %v", d.Verdict)
	}
}

func FuzzParser(f *testing.F) {
	f.Add(prototest.Pack(ts, frame(0x81, true, "hello")+frame(0x01, true, "frag")+frame(0x80, true, "mented")))
	f.Add(prototest.Pack(tc, frame(0xc1, false, "\xf2\x48\xcd\xc9\xc9\x07\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		d.JSON()
		for _, x := range list(d) {
			if len(x.Payload) > payloadMax {
				t.Fatalf("payload of %d bytes", len(x.Payload))
			}
		}
	})
}
