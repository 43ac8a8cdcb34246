package signature

import (
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

func TestCost(t *testing.T) {
	r := newRig(t, `
alert udp any any -> any any (content:"abc"; sid:1;)
alert udp any any -> any any (content:"abc"; content:"zzz"; distance:0; sid:2;)
alert udp any any -> any any (content:"never"; sid:3;)`)
	costs := func() map[uint32]Cost {
		all := map[uint32]Cost{}
		r.EachCost(func(m *Meta, c Cost) { all[m.SID] = c })
		return all
	}
	judge := func() { r.Packet(makePacket(packet.KindUDP, "xabcx"), nil, flow.ToServer) }
	judge()
	if c := costs(); len(c) != 0 {
		t.Errorf("costs before Profile: %v", c)
	}
	r.Profile(true)
	for range 100 {
		judge()
	}
	c := costs()
	if _, ok := c[3]; ok || len(c) != 2 {
		t.Errorf("costs of rules %v, want those of 1 and 2", c)
	}
	if c[1].Checks != 100 || c[1].Matches != 100 || c[1].Time <= 0 {
		t.Errorf("sid 1: %+v", c[1])
	}
	if c[2].Checks > 100 || c[2].Matches != 0 {
		t.Errorf("sid 2: %+v", c[2])
	}
	r.Profile(false)
	judge()
	if c := costs(); len(c) != 0 {
		t.Errorf("costs after Profile was turned off: %v", c)
	}
}

// TestGate checks that what workers share is asked for in turn: the worker waits before it counts, and only then.
func TestGate(t *testing.T) {
	r := newRig(t, `
alert udp any any -> any any (content:"abc"; sid:1;)
alert udp any any -> any any (content:"two"; threshold:type limit,track by_src,count 1,seconds 60; sid:2;)
alert udp any any -> any any (content:"bit"; xbits:set,b,track ip_src,expire 60; sid:3;)`)
	waits := 0
	r.Gate(func() { waits++ })
	for payload, want := range map[string]int{"abc": 0, "two": 1, "bit": 1} {
		waits = 0
		r.Packet(makePacket(packet.KindUDP, payload), nil, flow.ToServer)
		if waits != want {
			t.Errorf("%s: waited %d times, want %d", payload, waits, want)
		}
	}
}
