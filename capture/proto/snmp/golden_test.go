package snmp_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 400 messages (tshark -Y snmp, and as many in the reference engine's log).
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/zeek-snmp-snmpwalk-short.pcap", "snmp", "snmpwalk.golden")
	if len(list) != 400 || replay.Count(list, event.SNMPPDUType, "response") != 200 {
		t.Errorf("%d messages", len(list))
	}
}
