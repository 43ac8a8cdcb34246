package dhcp_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 61 messages (tshark -Y "dhcp && !icmp"); the reference engine logs the 13 acknowledgements among them.
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/malcolm-proto-DHCP.pcap", "dhcp", "malcolm.golden")
	if len(list) != 61 {
		t.Errorf("%d messages", len(list))
	}
	if n := replay.Count(list, event.DHCPMessageType, "ack"); n != 13 {
		t.Errorf("%d acknowledgements", n)
	}
}
