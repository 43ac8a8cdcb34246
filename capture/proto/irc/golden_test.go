package irc_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads a capture of sessions: the client's commands are those tshark counts when told that ports 8000 and 1024 are IRC.
func TestGolden(t *testing.T) {
	events := replay.Golden(t, replay.Shared+"pcaps/malcolm-proto-IRC.pcap", event.KindIRC, "malcolm-proto-IRC.golden")
	for command, want := range map[string]int{"JOIN": 4, "NICK": 4, "USER": 4, "WHO": 4, "QUIT": 3, "MODE": 3, "USERHOST": 2, "PRIVMSG": 5} {
		n := 0
		for _, e := range events {
			if e.Text(event.IRCDirection) == "to_server" && e.Text(event.IRCCommand) == command {
				n++
			}
		}
		if n != want {
			t.Errorf("%d %s, want %d", n, command, want)
		}
	}
}
