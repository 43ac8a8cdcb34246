package event_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"fengsui/capture/event"
)

func sample() *event.Event {
	at := time.Date(2026, 3, 1, 8, 0, 0, 123456789, time.UTC)
	e := &event.Event{ID: event.NewID(at, 7, 1)}
	e.Time, e.Kind = at, event.KindDNS
	e.Addr(event.SourceIP, netip.MustParseAddr("2001:db8::1"))
	e.Uint(event.SourcePort, 53)
	e.Str("empty", "")
	e.Bytes(event.DNSQuestionName, []byte("a\"b\\\n\x01\xff例.cn"))
	e.Int("signed", -5)
	e.Uint("huge", 1<<63+1)
	e.Bool("yes", true)
	e.At(event.EventStart, at)
	e.Strs(event.DNSAnswerData, []string{"1.2.3.4", "5.6.7.8"})
	e.Ints(event.DNSAnswerTTLs, []int64{60, 3600})
	e.Str(event.SourceIP, "second value of a name is not written")
	return e
}

func TestJSON(t *testing.T) {
	got := string(sample().AppendJSON(nil))
	want := `{"@timestamp":"2026-03-01T08:00:00.123456789Z","event.dataset":"dns","event.id":"` + sample().ID.String() +
		`","source.ip":"2001:db8::1","source.port":53,"dns.question.name":"a\"b\\\n\u0001\\xff例.cn","signed":-5,"huge":9223372036854775809,` +
		`"yes":true,"event.start":"2026-03-01T08:00:00.123456789Z","dns.answers.data":["1.2.3.4","5.6.7.8"],"dns.answers.ttl":[60,3600]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not valid JSON")
	}
}

func TestRoundTrip(t *testing.T) {
	first := sample().AppendJSON(nil)
	var e event.Event
	if err := json.Unmarshal(first, &e); err != nil {
		t.Fatal(err)
	}
	if second := e.AppendJSON(nil); string(second) != string(first) {
		// \xff was written as four characters, which come back as such.
		t.Errorf("got  %s\nwant %s", second, first)
	}
	if e.ID != sample().ID || e.Kind != event.KindDNS || !e.Time.Equal(sample().Time) {
		t.Errorf("%+v", e)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, in := range []string{``, `[]`, `{"a":{"b":1}}`, `{"@timestamp":"yesterday"}`, `{"event.id":"12"}`, `{"a":[1,"x"]}`, `{"a":1`} {
		var e event.Event
		if err := e.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	e := sample()
	c := e.Clone()
	if !reflect.DeepEqual(e.AppendJSON(nil), c.AppendJSON(nil)) {
		t.Fatal("clone differs")
	}
	e.Reset(event.KindFlow, time.Time{})
	e.Str("x", "overwritten")
	if c.Text(event.SourceIP) != "2001:db8::1" {
		t.Error("the clone changed with the original")
	}
}

func TestIDs(t *testing.T) {
	at := time.Now()
	seen := map[event.ID]bool{}
	for flow := range uint64(200) {
		for seq := range uint64(50) {
			id := event.NewID(at, flow, seq)
			if seen[id] {
				t.Fatalf("ID of flow %d, sequence %d was given before", flow, seq)
			}
			seen[id] = true
		}
	}
	if first, again := event.NewID(at, 1, 2), event.NewID(at, 1, 2); first != again {
		t.Error("the same observation has two IDs")
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(sample().AppendJSON(nil))
	f.Add([]byte(`{"a":[],"b":null,"c":1e400,"@timestamp":"2026-03-01T08:00:00Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e event.Event
		if e.UnmarshalJSON(b) != nil {
			return
		}
		out := e.AppendJSON(nil)
		var again event.Event
		if err := again.UnmarshalJSON(out); err != nil {
			t.Fatalf("own output %s is refused: %v", out, err)
		}
	})
}

func TestTimesAreWrittenAsFormatWould(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(1700000000, 999999999), time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC), time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)} {
		e := event.Event{Time: at}
		want := at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
		if got := string(e.AppendJSON(nil)); !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := sample()
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}
