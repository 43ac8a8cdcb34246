package imap_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads a capture of IMAP: commands are what tshark counts as request tags.
func TestGolden(t *testing.T) {
	commands := 0
	for _, e := range replay.Golden(t, replay.Shared+"pcaps/ndpi-imap.pcap", event.KindIMAP, "ndpi-imap.golden") {
		if e.Text(event.IMAPCommand) != "" {
			commands++
		}
	}
	if commands != 6 {
		t.Errorf("%d commands, want 6", commands)
	}
}
