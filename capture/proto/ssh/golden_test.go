package ssh_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads a brute-force capture: eleven sessions, as tshark counts them by the servers' identification.
func TestGolden(t *testing.T) {
	events := replay.Golden(t, replay.Shared+"pcaps/zeek-ssh-sshguess.pcap", event.KindSSH, "zeek-ssh-sshguess.golden")
	if len(events) != 11 {
		t.Errorf("%d sessions, want 11", len(events))
	}
}
