package telnet_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads a capture of several sessions: as many flows as tshark has Telnet in.
func TestGolden(t *testing.T) {
	flows := map[string]bool{}
	for _, e := range replay.Golden(t, replay.Shared+"pcaps/malcolm-proto-Telnet.pcap", event.KindTelnet, "malcolm-proto-Telnet.golden") {
		flows[e.Text(event.FlowID)] = true
	}
	if len(flows) != 5 {
		t.Errorf("%d flows, want 5", len(flows))
	}
}
