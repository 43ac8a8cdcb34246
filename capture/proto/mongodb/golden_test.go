package mongodb_test

import (
	"testing"

	"fengsui/capture/proto/replay"
)

// The capture has 5 client messages (tshark -Y mongo).
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/ndpi-mongodb.pcap", "mongodb", "ndpi.golden")
	if len(list) != 5 {
		t.Errorf("%d commands", len(list))
	}
}
