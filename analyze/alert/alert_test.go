package alert

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func sample() *Alert {
	at := time.Date(2026, 11, 21, 8, 9, 10, 123456000, time.FixedZone("", 8*3600))
	return &Alert{
		ID: NewID(at), Time: at, Detector: Signature, GID: 1, SID: 2100498, Rev: 7, Msg: `GPL "root"`, Class: "Potentially Bad Traffic",
		Severity: 2, Action: "allowed", Proto: "TCP", AppProto: "http", Src: netip.MustParseAddrPort("10.0.0.1:80"),
		Dst: netip.MustParseAddrPort("[2001:db8::1]:4444"), FlowID: 42, TxID: 0, HasTx: true,
		Metadata: map[string][]string{"signature_severity": {"Major"}}, Count: 3, First: at, Last: at, PacketNumber: 9,
	}
}

func TestEVERoundTrip(t *testing.T) {
	a := sample()
	line, err := a.AppendEVE(nil)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	if m["timestamp"] != "2026-11-21T08:09:10.123456+0800" || m["event_type"] != "alert" || m["dest_port"] != 4444.0 || m["tx_id"] != 0.0 {
		t.Errorf("line %s", line)
	}
	b, err := ParseEVE(line)
	if err != nil {
		t.Fatal(err)
	}
	if !b.Time.Equal(a.Time) || !b.First.Equal(a.First) || !b.Last.Equal(a.Last) {
		t.Error("times differ")
	}
	b.Time, b.First, b.Last = a.Time, a.First, a.Last
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got %+v\nwant %+v", b, a)
	}
}

func TestLevel(t *testing.T) {
	a := sample()
	if a.Level() != High {
		t.Errorf("by metadata: %v", a.Level())
	}
	a.Metadata = nil
	if a.Level() != Medium {
		t.Errorf("by priority: %v", a.Level())
	}
}

func TestFold(t *testing.T) {
	var out []*Alert
	f := NewFold(10*time.Second, func(a *Alert) { out = append(out, a) })
	base := time.Unix(1000, 0)
	add := func(second int, sid uint32) {
		a := sample()
		a.SID, a.Time, a.Count = sid, base.Add(time.Duration(second)*time.Second), 0
		f.Add(a)
	}
	add(0, 1)
	add(1, 2)
	add(2, 1)
	add(3, 1)
	add(11, 1) // a new window: the tally of two comes first
	f.Flush()
	type row struct {
		sid   uint32
		count uint64
	}
	var got []row
	for _, a := range out {
		got = append(got, row{a.SID, a.Count})
	}
	want := []row{{1, 1}, {2, 1}, {1, 2}, {1, 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v want %v", got, want)
	}
	if out[2].ID == out[0].ID || !out[2].First.Equal(base) || !out[2].Last.Equal(base.Add(3*time.Second)) {
		t.Errorf("tally %+v", out[2])
	}
	if f.Flush(); len(out) != 4 {
		t.Error("second flush emitted something")
	}
}

func TestNewID(t *testing.T) {
	a, b := NewID(time.UnixMilli(1)), NewID(time.UnixMilli(1))
	if a == b || a[6]>>4 != 7 || a[5] != 1 {
		t.Errorf("%x %x", a, b)
	}
}

func FuzzParseEVE(f *testing.F) {
	line, err := sample().AppendEVE(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := ParseEVE(line)
		if err != nil {
			return
		}
		if _, err := a.AppendEVE(nil); err != nil {
			t.Fatalf("parsed but not written: %v", err)
		}
	})
}
