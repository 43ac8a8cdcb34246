package mysql_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 19 queries (tshark -Y mysql.query) and 9 refused passwords (-Y mysql.error_code==1045).
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/malcolm-proto-MySQL.pcap", "mysql", "malcolm.golden")
	queries := 0
	for _, e := range list {
		if e.Text(event.DBStatement) != "" && e.Text(event.DBOperation) != "USE" {
			queries++
		}
	}
	if queries != 19 {
		t.Errorf("%d queries", queries)
	}
	if n := replay.Count(list, event.DBErrorCode, "1045"); n != 9 {
		t.Errorf("%d refused logins", n)
	}
}
