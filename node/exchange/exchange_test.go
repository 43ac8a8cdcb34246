package exchange

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"fengsui/analyze/alert"
	"fengsui/cascade/wire"
)

func sample() *alert.Alert {
	at := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	return &alert.Alert{
		ID: alert.NewID(at), Time: at, Detector: alert.Signature, GID: 1, SID: 2019401, Rev: 3, Msg: "ET MALWARE 木马", Class: "Trojan", Severity: 1,
		Action: "allowed", Proto: "TCP", AppProto: "http", Src: netip.MustParseAddrPort("[::ffff:10.1.2.3]:44211"), Dst: netip.MustParseAddrPort("[2001:db8::7]:80"),
		FlowID: 9, Metadata: map[string][]string{"cve": {"2020-1", "2020-2"}, "attack_target": {"Server"}}, Indicator: "evil.example", Count: 5, First: at, Last: at.Add(time.Second),
	}
}

func TestAnAlertSurvivesTheWay(t *testing.T) {
	a := sample()
	detected := time.Date(2026, 11, 21, 0, 0, 0, 1, time.UTC)
	r, err := AlertRecord(a, "440106", "n1", detected)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CheckOwn(); err != nil {
		t.Fatal(err)
	}
	b, err := EncodeRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = DecodeRecord(b); err != nil {
		t.Fatal(err)
	}
	w, err := DecodeAlert(r.Type, r.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
	got := Local(w, "440106", r.Id)
	if got.SrcIP != "10.1.2.3" || got.SrcPort != 44211 || got.DestIP != "2001:db8::7" || got.DestPort != 80 || got.SID != 2019401 || got.Msg != a.Msg || got.Sensor != "n1" {
		t.Errorf("%+v", got)
	}
	if !got.Time.Equal(a.Time) || !got.Detected.Equal(detected) || !got.Last.Equal(a.Last) || got.Count != 5 || !reflect.DeepEqual(got.Metadata, a.Metadata) {
		t.Errorf("%+v", got)
	}
	row := Row(w, "440106", r.Class, r.Id)
	if row.Src.Addr().String() != "10.1.2.3" || row.Indicator != "evil.example" || row.Class != "alert" || row.ID != got.ID {
		t.Errorf("%+v", row)
	}
	q, ok := QueryRow(&wire.Row{Origin: "440106", Id: r.Id, Type: r.Type, Payload: r.Payload})
	if !ok || q.Msg != a.Msg || q.Origin != "440106" {
		t.Errorf("%+v", q)
	}
	if _, ok := QueryRow(&wire.Row{Type: "ticket"}); ok {
		t.Error("an unknown type was read")
	}
}

func TestOddTextsFitTheWire(t *testing.T) {
	a := sample()
	a.Msg, a.Indicator = "bad \xff bytes", strings.Repeat("木", 5000)
	a.Src, a.Dst = netip.AddrPort{}, netip.AddrPort{}
	a.Metadata = map[string][]string{"k": make([]string, 1000)}
	r, err := AlertRecord(a, "440106", "n1", a.Time)
	if err != nil {
		t.Fatal(err)
	}
	w, err := DecodeAlert(r.Type, r.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
	if l := Local(w, "440106", r.Id); l.Msg != "bad \uFFFD bytes" || l.SrcIP != "" {
		t.Errorf("%+v", l)
	}
}

func TestClassesHaveNames(t *testing.T) {
	for _, c := range wire.ClassesByPriority() {
		if strings.HasPrefix(ClassName(c), "class-") {
			t.Errorf("class %v has no name", c)
		}
	}
	if ClassName(200) != "class-200" {
		t.Error(ClassName(200))
	}
}

func FuzzDecodeAlert(f *testing.F) {
	r, err := AlertRecord(sample(), "440106", "n1", time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.Payload)
	f.Fuzz(func(_ *testing.T, b []byte) {
		if a, err := DecodeAlert(TypeAlert, b); err == nil {
			Local(a, "440106", nil)
			Row(a, "440106", 1, nil)
		}
	})
}
