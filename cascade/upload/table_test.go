package upload

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"
	"fengsui/gmcrypto/identity"
)

var rewrite = flag.Bool("rewrite", false, "write testdata afresh")

// plain is a Sealer that does not seal, so that bytes can be pinned.
type plain struct{}

func (plain) Seal(dst, p, aad []byte) []byte          { return append(append(dst, aad...), p...) }
func (plain) Open(dst, p, aad []byte) ([]byte, error) { return append(dst, p[len(aad):]...), nil }

func appendBody(t testing.TB, origin identity.Site, records ...*wire.Record) []byte {
	t.Helper()
	w, err := NewWriter(WriterConfig{Origin: origin, Proposer: cascadetest.Open(t, NewTable(), small), Sealer: plain{}})
	if err != nil {
		t.Fatal(err)
	}
	body, n := w.body(records)
	if n != len(records) {
		t.Fatalf("body took %d of %d records", n, len(records))
	}
	return body
}

func storedRun(k LaneKey, first uint64, n int) batch {
	a := batch{LaneKey: k, first: first}
	for i := range n {
		a.stored = append(a.stored, appendStored(nil, plain{}, k.Origin, k.Class, record(k.Origin, k.Class, int(first)-1+i, 40)))
	}
	return a
}

func TestTable(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	k, k2 := laneFor(county, wire.ClassAlert), laneFor(county2, wire.ClassAlert)
	cmd := func(kind uint16, body []byte) fsm.Command {
		at = at.Add(time.Second)
		return fsm.Command{Kind: fsm.Kind(kind), Version: 1, At: at, ID: [16]byte{1}, Body: body}
	}
	r := func(i int) *wire.Record { return record(city, wire.ClassAlert, i, 40) }
	results := fsmtest.RoundTrip(t, fsm.Spec{Name: "upload", Kinds: []fsm.Kind{200, 201, 202, 203}, Table: NewTable()},
		cmd(KindAppend, appendBody(t, city, r(0), r(1))),
		cmd(KindAppend, appendBody(t, city, r(1), r(2), r(2))), // one again, one twice in the same command
		cmd(KindAccept, acceptBody(county, []batch{storedRun(k, 1, 3)})),
		cmd(KindAccept, acceptBody(county, []batch{storedRun(k, 1, 3), storedRun(k, 5, 1), storedRun(k, 3, 4)})),
		cmd(KindAccept, acceptBody(county2, []batch{storedRun(k2, 2, 1)})),
		cmd(KindAcked, ackedBody([]mark{{k, 4}, {k, 2}, {k2, 7}, {laneFor(city, wire.ClassAlert), 99}})),
		cmd(KindEpoch, EpochBody(city, 3)),
		cmd(KindEpoch, EpochBody(city, 2)),
		cmd(KindAppend, appendBody(t, city, r(3), r(0))),
		// Refused, without effect:
		cmd(KindAppend, appendBody(t, county, record(county, wire.ClassAlert, 0, 10))), // own records of another site
		cmd(KindAccept, acceptBody(county2, []batch{storedRun(k, 7, 1)})),              // not below the child
		cmd(KindAccept, acceptBody(province, []batch{storedRun(laneFor(city, wire.ClassAlert), 9, 1)})),
		cmd(KindAppend, []byte{1, 2, 3}),
		cmd(KindAccept, nil),
		cmd(KindAcked, []byte{0, 9}),
		cmd(KindEpoch, EpochBody(county, 9)),
	)
	places := func(list ...uint64) (b []byte) { // epoch, seq pairs
		for i := 0; i < len(list); i += 2 {
			b = binary.BigEndian.AppendUint32(b, uint32(list[i]))
			b = binary.BigEndian.AppendUint64(b, list[i+1])
		}
		return b
	}
	verdicts := func(list ...verdict) []byte { return appendVerdicts(nil, list) }
	want := [][]byte{
		places(1, 1, 1, 2),
		places(1, 2, 1, 3, 1, 3),
		verdicts(verdict{wire.CodeOK, 4}),
		verdicts(verdict{wire.CodeDuplicate, 4}, verdict{wire.CodeGap, 4}, verdict{wire.CodeOK, 7}),
		verdicts(verdict{wire.CodeGap, 1}),
		nil,
		{0, 0, 0, 3},
		{0, 0, 0, 3},
		places(3, 1, 1, 1),
	}
	for i, res := range results {
		if i >= len(want) {
			if res.Err == nil {
				t.Errorf("command %d was not refused", i)
			}
			continue
		}
		if res.Err != nil || !bytes.Equal(res.Value, want[i]) {
			t.Errorf("command %d: %x, %v; want %x", i, res.Value, res.Err, want[i])
		}
	}
}

func TestFormatsArePinned(t *testing.T) {
	f := func(name string, got []byte) {
		t.Helper()
		path := filepath.Join("testdata", name+".bin")
		if *rewrite {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the format changed: old ledgers could not be read\n got %x\nwant %x", name, got, want)
		}
	}
	k := laneFor(county, wire.ClassAlert)
	f("stored", storedRun(k, 1, 1).stored[0])
	f("append", appendBody(t, county, record(county, wire.ClassAlert, 0, 20), record(county, wire.ClassWarning, 1, 20)))
	f("accept", acceptBody(county, []batch{storedRun(k, 7, 2)}))
	f("acked", ackedBody([]mark{{k, 12}}))
	f("epoch", EpochBody(county, 2))
	f("lanekey", laneKey(k))
	f("recordkey", binary.BigEndian.AppendUint64(recordPrefix(k), 5))
}

func TestViews(t *testing.T) {
	s := newTier(t, city, small)
	s.produce(wire.ClassAlert, 0, 5, 10)
	for i, site := range []identity.Site{county, county2, county} {
		k := laneFor(site, wire.ClassAlert)
		run := storedRun(k, uint64(i/2*2+1), 2)
		for j := range run.stored {
			run.stored[j] = appendStored(nil, s.sealer, site, k.Class, record(site, k.Class, i/2*2+j, 10))
		}
		if _, err := s.ledger.Propose(t.Context(), KindAccept, [16]byte{}, acceptBody(site, []batch{run})); err != nil {
			t.Fatal(err)
		}
	}
	err := s.ledger.View(func(b *bbolt.Bucket) error {
		var newest []identity.Site
		if err := Latest(b, Filter{Class: wire.ClassAlert}, func(e *Entry) bool {
			newest = append(newest, e.Origin)
			return len(newest) < 6
		}); err != nil {
			return err
		}
		if want := []identity.Site{county, county, county2, county2, county, county}; !equal(newest, want) {
			t.Errorf("latest: %v, want %v", newest, want)
		}
		below := Filter{Class: wire.ClassAlert, Origin: func(o identity.Site) bool { return o != city }}
		cursor := Cursor{}
		var seen int
		for {
			part, err := Tail(b, below, cursor, 4)
			if err != nil {
				return err
			}
			if len(part) == 0 {
				break
			}
			seen += len(part)
		}
		if seen != 6 {
			t.Errorf("tail brought %d records, want 6", seen)
		}
		if at, err := TailFrom(b, below); err != nil || at[laneFor(county, wire.ClassAlert)] != 4 || len(at) != 2 {
			t.Errorf("tail from now: %v, %v", at, err)
		}
		id := record(city, wire.ClassAlert, 3, 10).Id
		if p, ok, err := Find(b, [16]byte(id)); err != nil || !ok || p.Seq != 4 || p.Class != wire.ClassAlert || p.Origin != city {
			t.Errorf("find: %+v %v %v", p, ok, err)
		}
		counts, err := Balance(b, city)
		if err != nil || len(counts) != 1 || counts[0].Produced != 5 || counts[0].Delivered != 0 {
			t.Errorf("balance: %v, %v", counts, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func equal(a, b []identity.Site) bool {
	for i := range b {
		if i >= len(a) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

func FuzzCommands(f *testing.F) {
	k := laneFor(county, wire.ClassAlert)
	f.Add(KindAppend, appendBody(f, county, record(county, wire.ClassAlert, 0, 20)))
	f.Add(KindAccept, acceptBody(county, []batch{storedRun(k, 7, 2)}))
	f.Add(KindAcked, ackedBody([]mark{{k, 12}}))
	f.Add(KindEpoch, EpochBody(county, 2))
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		before := bytes.Clone(body)
		_, list, err := parseAppend(body)
		if err == nil && len(list) > commandRecordsMax {
			t.Error("append over its limit")
		}
		child, batches, err := parseAccept(body)
		if err == nil && !bytes.Equal(acceptBody(child, batches), body) {
			t.Error("accept does not come back as it went")
		}
		marks, err := parseAcked(body)
		if err == nil && !bytes.Equal(ackedBody(marks), body) {
			t.Error("acked does not come back as it went")
		}
		_, _, _ = parseEpoch(body)
		_, _, _ = parseStored(body)
		if !bytes.Equal(before, body) {
			t.Error("parsing changed the body")
		}
	})
}
