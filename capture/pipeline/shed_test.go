package pipeline

import (
	"bytes"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/packettest"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// fixed is a load that stays.
type fixed int

func (l fixed) Level() int { return int(l) }

// shown counts what an inspector is shown.
type shown struct {
	packets, streamed, ends int
}

func (s *shown) Packet(*packet.Packet, *flow.Flow, flow.Direction) { s.packets++ }

func (s *shown) Stream(_ *packet.Packet, _ *flow.Flow, _ flow.Direction, c *stream.Chunk) {
	s.streamed += c.New
}
func (s *shown) Transaction(*packet.Packet, *flow.Flow, flow.Direction, proto.Transaction) {}
func (s *shown) FlowEnd(*flow.Flow)                                                        { s.ends++ }

// transfer is a download of n bytes over HTTP, and one of nothing recognisable.
func transfer(n int) *packettest.Capture {
	c := packettest.NewCapture()
	v := c.TCP(packettest.Client, packettest.Server).Handshake()
	v.Send(flow.ToServer, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	v.Send(flow.ToClient, []byte("HTTP/1.1 200 OK\r\n\r\n"))
	for range n / 1000 {
		v.Send(flow.ToClient, bytes.Repeat([]byte("x"), 1000))
	}
	v.Close()
	return c
}

func TestShedOrder(t *testing.T) {
	const size = 900_000
	before := 1 << 30
	for level := 0; level <= LevelMax+3; level++ {
		var seen shown
		j := &journal{}
		st := run(t, Config{Load: fixed(level)}, transfer(size), &seen, j)
		shed := st.Shed
		if level == 0 {
			if shed != (ShedStats{}) || seen.streamed < size {
				t.Errorf("level 0: shed %+v, %d bytes shown", shed, seen.streamed)
			}
			before = seen.streamed
			continue
		}
		if shed.Level != int64(min(level, LevelMax)) {
			t.Errorf("level %d: counted as %d", level, shed.Level)
		}
		if seen.streamed > before || level <= levelCut && seen.streamed >= before {
			t.Errorf("level %d: %d bytes shown, at the level below %d", level, seen.streamed, before)
		}
		before = seen.streamed
		limit := int(cutAfter[min(level, LevelMax)])
		if seen.streamed > limit+32000 || shed.Cuts != 1 || int(shed.CutBytes+shed.FlowBytes) < size-limit-32000 {
			t.Errorf("level %d: %d bytes shown of at most about %d, shed %+v", level, seen.streamed, limit, shed)
		}
		let := level >= levelAll // the flow is recognised and below a megabyte: not of low priority
		if (shed.Flows == 1) != let || let != (shed.FlowPackets > 0) {
			t.Errorf("level %d: shed %+v", level, shed)
		}
		if seen.ends != 1 || st.Flows.Created != 1 || !containsLine(j.lines, "event flow") {
			t.Errorf("level %d: %d flows ended, %d created: %v", level, seen.ends, st.Flows.Created, j.lines)
		}
	}
}

func containsLine(lines []string, want string) bool {
	for _, l := range lines {
		if l == want {
			return true
		}
	}
	return false
}

// TestShedLowPriority lets only those flows go that the caller names.
func TestShedLowPriority(t *testing.T) {
	for _, low := range []bool{false, true} {
		var seen shown
		st := run(t, Config{Load: fixed(levelLow), LowPriority: func(*flow.Flow) bool { return low }}, transfer(50_000), &seen, nil)
		if (st.Shed.Flows == 1) != low {
			t.Errorf("low priority %v: shed %+v", low, st.Shed)
		}
		if low && uint64(seen.packets) > st.Packets-st.Shed.FlowPackets+2 { // the made-up ones at the end
			t.Errorf("%d packets shown of %d, %d were let go", seen.packets, st.Packets, st.Shed.FlowPackets)
		}
	}
}
