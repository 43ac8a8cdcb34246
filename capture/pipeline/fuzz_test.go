package pipeline

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/source"
)

// packed writes a capture as fuzz input: each frame with its length in front.
func packed(c *packettest.Capture) []byte {
	var b []byte
	for i := range c.Frames {
		b = binary.BigEndian.AppendUint16(b, uint16(len(c.Frames[i].Data)))
		b = append(b, c.Frames[i].Data...)
	}
	return b
}

// FuzzPipeline feeds whole captures, damaged in every way, and holds the calls to inspectors to their contract.
func FuzzPipeline(f *testing.F) {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake()
	v.Send(flow.ToServer, []byte("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"))
	v.Send(flow.ToClient, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	v.Lose(flow.ToClient, 9)
	v.Send(flow.ToServer, []byte("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"))
	v.Close()
	f.Add(packed(c), byte(0))
	c = packettest.NewCapture()
	v = c.TCP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:443"))
	v.Skip(flow.ToServer, 1)
	v.Send(flow.ToClient, []byte("\x16\x03\x03\x00\x04\x0e\x00\x00\x00"))
	v.Send(flow.ToServer, []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\x15\x03\x01\x00\x02\x02\x28"))
	v.Raw(flow.ToServer, v.Next(0), 0, packet.RST, nil)
	v.Send(flow.ToServer, []byte("after the reset"))
	c.UDP(packettest.Client, netip.MustParseAddrPort("203.0.113.5:53"), []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"))
	f.Add(packed(c), byte(7))
	f.Fuzz(func(t *testing.T, b []byte, options byte) {
		insp := &checker{t: t, name: "fuzz"}
		w := New(Config{
			IgnoreChecksums: options&1 != 0, Midstream: options&2 != 0, AsyncOneside: options&4 != 0,
			Flow: flow.Config{FlowsMax: 8}, RawChunk: 16,
		}, []Inspector{insp}, &collector{})
		at := packettest.Start()
		for len(b) > 2 {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			w.Frame(&source.Frame{Time: at, Data: b[2 : 2+n], OrigLen: n, Link: packet.LinkEthernet})
			b = b[2+n:]
			at = at.Add(time.Duration(options) * 50 * time.Millisecond)
		}
		w.Flush()
		if s := w.Stats(); s.Stream.MemoryNow != 0 || s.Flows.Now != 0 || insp.open != 0 {
			t.Fatalf("left behind: %d stream bytes, %d flows, %d not ended", s.Stream.MemoryNow, s.Flows.Now, insp.open)
		}
	})
}
