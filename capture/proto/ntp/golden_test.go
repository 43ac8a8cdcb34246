package ntp_test

import (
	"testing"

	"fengsui/capture/proto/replay"
)

// The capture has 246 messages (tshark -Y ntp).
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/malcolm-proto-NTP.pcap", "ntp", "malcolm.golden")
	if len(list) != 246 {
		t.Errorf("%d messages", len(list))
	}
}
