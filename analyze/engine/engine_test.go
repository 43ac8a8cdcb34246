package engine_test

import (
	"net/netip"
	"sync"
	"testing"

	"fengsui/analyze/alert"
	"fengsui/analyze/engine"
	"fengsui/analyze/intel"
	"fengsui/analyze/signature"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/pipeline"
)

var _ pipeline.Inspector = (*engine.Worker)(nil)

func rules(t *testing.T, shared *signature.Shared, names *signature.Names, text string) *signature.Detector {
	t.Helper()
	set, refused := signature.Compile([]signature.Source{{Name: "t.rules", Text: text}}, signature.Options{Names: names})
	if len(refused) > 0 {
		t.Fatalf("refused: %+v", refused)
	}
	return signature.NewDetector(set, shared)
}

func udp(payload string) *packet.Packet {
	return &packet.Packet{
		IPVersion: 4, Kind: packet.KindUDP, Proto: packet.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"),
		SrcPort: 1000, DstPort: 2000, Payload: []byte(payload),
	}
}

func TestSwapKeepsFlowState(t *testing.T) {
	shared, names := &signature.Shared{}, &signature.Names{}
	e := engine.New(&engine.Ruleset{Detectors: []engine.Detector{rules(t, shared, names,
		`alert udp any any -> any any (content:"one"; flowbits:set,seen; sid:1;)`)}})
	var sids []uint32
	w := e.NewWorker(func(a *alert.Alert) { sids = append(sids, a.SID) })
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP}
	w.Packet(udp("one"), f, flow.ToServer)
	e.Swap(&engine.Ruleset{Detectors: []engine.Detector{rules(t, shared, names,
		`alert udp any any -> any any (content:"two"; flowbits:isset,other; sid:3;)
alert udp any any -> any any (content:"two"; flowbits:isset,seen; sid:2;)`)}})
	w.Packet(udp("x"), f, flow.ToServer) // the old set judges this one, the new one is taken up after it
	w.Packet(udp("two"), f, flow.ToServer)
	if len(sids) != 2 || sids[0] != 1 || sids[1] != 2 {
		t.Errorf("alerts %v, want 1 then 2", sids)
	}
	if h := e.Hits(); len(h) != 2 || h[0].Alerts != 1 {
		t.Errorf("hits %+v", h)
	}
}

// TestSwapWhilePacketsFlow is for the race detector.
func TestSwapWhilePacketsFlow(t *testing.T) {
	shared, names := &signature.Shared{}, &signature.Names{}
	list, problems := intel.Parse("t", "ip 10.0.0.2\n")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	sets := []*engine.Ruleset{
		{Detectors: []engine.Detector{rules(t, shared, names, `alert udp any any -> any any (content:"one"; threshold:type limit,track by_src,count 1,seconds 60; sid:1;)`)}},
		{Detectors: []engine.Detector{intel.NewDetector(list)}},
	}
	e := engine.New(sets[0])
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			w := e.NewWorker(func(*alert.Alert) {})
			p := udp("one")
			for range 2000 {
				f := &flow.Flow{Kind: packet.KindUDP}
				w.Packet(p, f, flow.ToServer)
				w.FlowEnd(f)
			}
		})
	}
	for i := range 200 {
		e.Swap(sets[i%2])
	}
	group.Wait()
	if e.Swaps() != 200 {
		t.Errorf("%d swaps", e.Swaps())
	}
}
