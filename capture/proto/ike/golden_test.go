package ike_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 9 messages (tshark -Y isakmp).
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"suricata-verify-dev/ikev1-transforms/input.pcap", "ike", "ikev1.golden")
	if len(list) != 9 || replay.Count(list, event.IKEExchange, "quick_mode") != 3 {
		t.Errorf("%d messages", len(list))
	}
}
