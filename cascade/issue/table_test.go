package issue

import (
	"fmt"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"
)

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bodyID(n byte) []byte { return append(make([]byte, wire.IDBytes-1), n) }

func commitCommand(version uint64, id byte, pieces uint32, sealed ...[]byte) *wire.CommandCommit {
	return &wire.CommandCommit{
		Document: &wire.StoredDocument{
			Header: &wire.Document{Issuer: "440000", Kind: "ruleset", Name: "r", Version: version, BodyDigest: bodyID(id)},
			BodyId: bodyID(id), Pieces: pieces,
		},
		Sealed: sealed, Site: "440106",
	}
}

func statesCommand(version uint64, at int64, through uint64) *wire.CommandStates {
	return &wire.CommandStates{
		Child: "440106", Log: bodyID(99), Through: through,
		States: []*wire.StoredState{{State: &wire.DocumentState{
			Issuer: "440000", Kind: "ruleset", Name: "r", Version: version, Site: "440106", Node: "n1", State: wire.StateApplied, At: at,
		}}},
	}
}

func TestTableSnapshot(t *testing.T) {
	at := time.Unix(1_760_000_000, 0).UTC()
	n := byte(0)
	cmd := func(kind uint16, m proto.Message) fsm.Command {
		n++
		return fsm.Command{Kind: fsm.Kind(kind), Version: 1, At: at.Add(time.Duration(n) * time.Minute), ID: [16]byte{15: n}, Body: encode(t, m)}
	}
	kinds := make([]fsm.Kind, 0, 3)
	for _, k := range Kinds() {
		kinds = append(kinds, fsm.Kind(k))
	}
	results := fsmtest.RoundTrip(t, fsm.Spec{Name: "issue", Kinds: kinds, Table: NewTable()},
		cmd(KindCommit, commitCommand(1, 1, 1, []byte("sealed"))),
		cmd(KindStage, &wire.CommandStage{BodyId: bodyID(2), Index: 0, Sealed: []byte("one")}),
		cmd(KindStage, &wire.CommandStage{BodyId: bodyID(2), Index: 1, Sealed: []byte("two")}),
		cmd(KindCommit, commitCommand(2, 2, 2)),
		cmd(KindStates, statesCommand(2, 5, 1)),
		cmd(KindStates, statesCommand(2, 4, 1)), // older: no change
		cmd(KindCommit, commitCommand(2, 2, 2)), // again
		cmd(KindCommit, commitCommand(1, 3, 1, []byte("late"))),
		cmd(KindCommit, commitCommand(3, 4, 2)), // its pieces never came
		// Refused, without effect:
		cmd(KindCommit, &wire.CommandCommit{}),
		cmd(KindStates, &wire.CommandStates{Child: "440106"}),
		cmd(KindStage, &wire.CommandStage{BodyId: []byte("short")}),
	)
	want := []wire.Code{
		0: wire.CodeOK, 3: wire.CodeOK, 6: wire.CodeDuplicate, 7: wire.CodeStaleVersion, 8: wire.CodeConflict,
	}
	for i, code := range want {
		if code == 0 {
			continue
		}
		var r wire.CommitResult
		if err := proto.Unmarshal(results[i].Value, &r); err != nil || r.Code != code {
			t.Errorf("command %d: %s, %v; want %s", i, r.Code, err, code)
		}
	}
	for _, i := range []int{9, 10, 11} {
		if results[i].Err == nil {
			t.Errorf("command %d was taken", i)
		}
	}
}

func TestTableForgets(t *testing.T) {
	ledger := cascadetest.Open(t, NewTable(), cascadetest.Options{})
	for v := uint64(1); v <= historyMax+3; v++ {
		if _, err := ledger.Propose(t.Context(), KindCommit, [16]byte{}, encode(t, commitCommand(v, byte(v), 1, []byte("piece")))); err != nil {
			t.Fatal(err)
		}
	}
	count := func(prefix byte) (n int) {
		_ = ledger.View(func(b *bbolt.Bucket) error {
			return b.ForEach(func(k, _ []byte) error {
				if k[0] == prefix {
					n++
				}
				return nil
			})
		})
		return n
	}
	if d, p := count(prefixDocument), count(prefixPiece); d != historyMax || p != historyMax {
		t.Errorf("%d documents and %d pieces kept, want %d", d, p, historyMax)
	}
	if n := count(prefixState); n != 1 {
		t.Errorf("%d states of one site", n)
	}
	if n := count(prefixChange); n != 1 {
		t.Errorf("%d changes name one state", n)
	}
}

// A body whose commit never came goes when the next one is staged long after.
func TestTableDropsStaleBodies(t *testing.T) {
	db, err := bbolt.Open(t.TempDir()+"/state.db", 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("issue"))
		if err != nil {
			return err
		}
		now := time.Unix(1_760_000_000, 0)
		stage := func(id byte, at time.Time) error {
			body := encode(t, &wire.CommandStage{BodyId: bodyID(id), Sealed: []byte("x")})
			_, err := NewTable().Apply(b, KindStage, 1, at, [16]byte{}, body)
			return err
		}
		for id, at := range []time.Time{now, now.Add(stagedFor / 2), now.Add(stagedFor + time.Second)} {
			if err := stage(byte(id), at); err != nil {
				return err
			}
		}
		for id, kept := range []bool{false, true, true} {
			if got := b.Get(pieceKey(bodyID(byte(id)), 0)) != nil; got != kept {
				return fmt.Errorf("body %d kept: %v, want %v", id, got, kept)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
