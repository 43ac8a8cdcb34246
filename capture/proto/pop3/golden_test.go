package pop3_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads a capture of POP3: 21 commands by tshark, which counts the answers to challenges as three more.
func TestGolden(t *testing.T) {
	commands := 0
	for _, e := range replay.Golden(t, replay.Shared+"pcaps/zeek-pop3-pop3.pcap", event.KindPOP3, "zeek-pop3-pop3.golden") {
		if e.Text(event.POP3Command) != "" {
			commands++
		}
	}
	if commands != 21 {
		t.Errorf("%d commands, want 21", commands)
	}
}
