package ftp_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads captures of FTP: what tshark counts as commands is what has a command here.
func TestGolden(t *testing.T) {
	events := replay.Golden(t, replay.Shared+"pcaps/zeek-ftp-bruteforce.pcap", event.KindFTP, "zeek-ftp-bruteforce.golden")
	commands := 0
	for _, e := range events {
		if e.Text(event.FTPCommand) != "" {
			commands++
		}
	}
	if commands != 90 {
		t.Errorf("%d commands, want 90", commands)
	}
	data := replay.Golden(t, replay.Shared+"pcaps/zeek-pe-pe.pcap", event.KindFTPData, "zeek-pe-pe.golden")
	if len(data) != 5 || replay.Count(data, event.FTPDataCommand, "RETR") != 4 {
		t.Errorf("%d data connections, want 5, four of them downloads", len(data))
	}
}
