package signature

import (
	"slices"
	"testing"
	"time"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

func TestTags(t *testing.T) {
	f := func(tag string, want ...uint64) {
		t.Helper()
		r := newRig(t, `alert udp any any -> any any (content:"evil"; tag:`+tag+`; sid:1;)`)
		var shown []uint64
		r.OnTagged(func(p *packet.Packet, _ *flow.Flow, gid, sid uint32) {
			if gid != 1 || sid != 1 {
				t.Errorf("tagged by %d:%d", gid, sid)
			}
			shown = append(shown, p.Number)
		})
		mine, other := &flow.Flow{ID: 1, Kind: packet.KindUDP}, &flow.Flow{ID: 2, Kind: packet.KindUDP}
		for i, payload := range []string{"plain", "evil", "a", "b", "c", "d"} {
			p := makePacket(packet.KindUDP, payload)
			p.Number, p.Time, p.Data = uint64(i), time.Unix(int64(1000+i), 0), make([]byte, 10)
			fl := mine
			if payload == "b" { // another flow between the same hosts
				fl = other
			}
			r.Packet(p, fl, flow.ToServer)
		}
		if !slices.Equal(shown, want) {
			t.Errorf("tag:%s: packets %v, want %v", tag, shown, want)
		}
	}
	f("session", 2, 4, 5)
	f("session,2,packets", 2, 4)
	f("session,15,bytes", 2, 4)
	f("session,2,seconds", 2)
	f("host,src", 2, 3, 4, 5)
	f("host,3,packets,dst", 2, 3, 4)
	f("host,3,seconds,src", 2, 3, 4)
}

func TestElephant(t *testing.T) {
	r := newRig(t, `alert udp any any -> any any (flow.elephant:toserver; sid:1;)
alert udp any any -> any any (flow.elephant:both; sid:2;)`)
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP, First: time.Unix(1000, 0)}
	send := func(second int64, up, down uint64, want ...uint32) {
		t.Helper()
		p := makePacket(packet.KindUDP, "x")
		p.Time = time.Unix(second, 0)
		f.Count[flow.ToServer].Bytes, f.Count[flow.ToClient].Bytes = up, down
		r.Packet(p, f, flow.ToServer)
		if got := r.take(); !slices.Equal(got, want) {
			t.Errorf("second %d: %v, want %v", second, got, want)
		}
	}
	send(1000, 1000, 0)
	send(1020, elephantBytes-1, 0) // slow
	send(1025, 2*elephantBytes, 0, 1)
	send(1100, 2*elephantBytes, 0, 1) // for good
	send(1200, 2*elephantBytes, 100, 1)
	send(1205, 2*elephantBytes, 2*elephantBytes, 1, 2)
}

func TestBypass(t *testing.T) {
	r := newRig(t, `alert udp any any -> any any (content:"big"; bypass; sid:1;)
alert udp any any -> any any (content:"later"; sid:2;)`)
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP}
	for _, payload := range []string{"later", "big", "later"} {
		r.Packet(makePacket(packet.KindUDP, payload), f, flow.ToServer)
	}
	if got := r.take(); !slices.Equal(got, []uint32{1, 2}) {
		t.Errorf("alerts %v: what follows a bypass is not judged", got)
	}
}
