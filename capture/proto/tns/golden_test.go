package tns_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has one session: a connect that is sent again (tshark -Y tns.type==1 shows both) and accepted, and a login.
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/ndpi-oracle12.pcapng", "tns", "oracle12.golden")
	if len(list) != 2 || list[0].Text(event.DBService) != "igor" || list[1].Text(event.DBUser) != "sys" {
		t.Errorf("%d transactions", len(list))
	}
}
