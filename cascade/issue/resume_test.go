package issue

import (
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// A site that is no longer a target learns it, so that it stops applying what it holds.
func TestTargetsTakenBack(t *testing.T) {
	tr := newTree(t)
	key := Key{province, "blocklist", "one"}
	issue := func(version uint64, body string, targets ...identity.Site) {
		t.Helper()
		if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "blocklist", Name: "one", Targets: targets, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []identity.Site{city, county, county2} {
			tr.arrives(s, key, version, []byte(body))
		}
	}
	issue(1, "for all")
	tr.places[county].link.Cut()
	tr.places[county].link.Mend() // also after a new session
	issue(2, "for the other", county2)
	err := tr.places[county].ledger.View(func(b *bbolt.Bucket) error {
		d, err := Newest(b, key)
		if err == nil && Concerns(d.GetHeader(), county) {
			t.Error("the newest version still concerns the county")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.states(province, key, "440000/ v1 received", "440100/ v1 received", "440106/ v1 received", "440111/ v2 received")
}

// A child whose log of changes was cut back by a restored backup still tells every change.
func TestLogCutBack(t *testing.T) {
	tr := newTree(t)
	key := Key{province, "ruleset", "r"}
	if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "r", Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	tr.states(city, key, "440100/ v1 received", "440106/ v1 received", "440111/ v1 received")
	var log [16]byte
	if err := tr.places[county].ledger.View(func(b *bbolt.Bucket) (err error) {
		log, _, err = logOf(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	tr.places[county].link.Cut()
	ahead := &wire.CommandStates{Child: string(county), Log: log[:], Through: 1000}
	if err := proposeStates(t.Context(), tr.places[city].ledger, ahead); err != nil {
		t.Fatal(err)
	}
	if err := tr.places[county].reporter.Report(t.Context(), Report{Key: key, Version: 1, State: wire.StateApplied, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	tr.places[county].link.Mend()
	tr.states(city, key, "440100/ v1 received", "440106/ v1 received", "440106/n1 v1 applied", "440111/ v1 received")
}
