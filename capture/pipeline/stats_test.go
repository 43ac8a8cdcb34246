package pipeline

import "testing"

func TestSum(t *testing.T) {
	var a, b Stats
	a.Packets, b.Packets = 1, 2
	a.Decode[3], b.Decode[3] = 4, 5
	a.Stream.MemoryNow, b.Stream.MemoryNow = 6, 7
	b.Flows.Created = 8
	s := Sum(a, b)
	if s.Packets != 3 || s.Decode[3] != 9 || s.Stream.MemoryNow != 13 || s.Flows.Created != 8 {
		t.Errorf("%+v", s)
	}
}
