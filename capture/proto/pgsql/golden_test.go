package pgsql_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 84 simple queries (tshark -Y pgsql.query); the reference engine logs 90 transactions: those, two SSL
// requests, two start-ups and two password messages, of which the latter two are one login here.
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/zeek-postgresql-greenhouse-app.pcap", "pgsql", "greenhouse.golden")
	queries := 0
	for _, e := range list {
		if e.Text(event.DBStatement) != "" {
			queries++
		}
	}
	if queries != 84 || replay.Count(list, event.DBOperation, "LOGIN") != 2 || len(list) != 88 {
		t.Errorf("%d queries, %d in all", queries, len(list))
	}
}
