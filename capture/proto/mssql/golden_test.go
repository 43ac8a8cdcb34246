package mssql_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 19 whole requests: 3 batches and 16 calls, one of them sent in six segments (tshark -Y "tds.type==1 || tds.type==3").
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/ndpi-mssql_tds.pcap", "mssql", "tds.golden")
	if len(list) != 19 || replay.Count(list, event.DBOperation, "EXECUTE") != 10 {
		t.Errorf("%d requests", len(list))
	}
}
