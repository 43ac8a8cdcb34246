package sip_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads a capture of calls: tshark and Suricata count 81 messages.
func TestGolden(t *testing.T) {
	events := replay.Golden(t, replay.Shared+"pcaps/ndpi-sip.pcap", event.KindSIP, "ndpi-sip.golden")
	if len(events) != 81 {
		t.Errorf("%d messages, want 81", len(events))
	}
}
