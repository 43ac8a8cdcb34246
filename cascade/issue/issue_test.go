package issue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
	"go.etcd.io/bbolt"
)

const (
	province = identity.Site("440000")
	city     = identity.Site("440100")
	county   = identity.Site("440106")
	county2  = identity.Site("440111")
)

// authority is a site's key with its chain.
type authority struct {
	key   *gmcrypto.PrivateKey
	chain []*identity.Certificate
}

func (a authority) Sign(l gmcrypto.Label, msg []byte) ([]byte, error) { return a.key.Sign(l, msg) }

func (a authority) Chain() [][]byte {
	var out [][]byte
	for _, c := range a.chain {
		out = append(out, c.Raw())
	}
	return out
}

// authorities makes the certificates of a province, a city and two counties.
func authorities(t testing.TB) (map[identity.Site]authority, *identity.Trust) {
	t.Helper()
	from := time.Now().Add(-time.Hour)
	all := map[identity.Site]authority{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func() *gmcrypto.PrivateKey {
		k, err := gmcrypto.GenerateKey()
		must(err)
		return k
	}
	root := authority{key: key()}
	cert, err := identity.NewRoot(root.key, province, "province", from, 24*time.Hour)
	must(err)
	root.chain = []*identity.Certificate{cert}
	all[province] = root
	for _, s := range []struct{ site, parent identity.Site }{{city, province}, {county, city}, {county2, city}} {
		a, up := authority{key: key()}, all[s.parent]
		cert, err := identity.IssueSite(up.key, up.chain[0], s.site, "site", a.key.Public(), from, 24*time.Hour)
		must(err)
		a.chain = append([]*identity.Certificate{cert}, up.chain...)
		all[s.site] = a
	}
	return all, identity.NewTrust(cert)
}

// place is one site of the tree.
type place struct {
	ledger    *cascadetest.Ledger
	sealer    *gmcrypto.Sealer
	publisher *Publisher
	reporter  *Reporter
	server    *Server
	client    *Client
	link      *cascadetest.Link // to the parent
}

type tree struct {
	*testing.T
	places map[identity.Site]*place
	ctx    context.Context
}

func newTree(t *testing.T) *tree {
	t.Helper()
	all, trust := authorities(t)
	ctx, cancel := context.WithCancel(t.Context())
	tr := &tree{T: t, places: map[identity.Site]*place{}, ctx: ctx}
	log := slog.New(slog.DiscardHandler)
	var running int
	ran := make(chan error, 3)
	for _, s := range []struct{ site, parent identity.Site }{{province, ""}, {city, province}, {county, city}, {county2, city}} {
		p := &place{ledger: cascadetest.Open(t, NewTable(), cascadetest.Options{})}
		var err error
		if p.sealer, err = gmcrypto.NewSealer(bytes.Repeat([]byte(s.site[:2]), 8)); err != nil {
			t.Fatal(err)
		}
		p.publisher, err = NewPublisher(PublisherConfig{Site: s.site, Ledger: p.ledger, Proposer: p.ledger, Sealer: p.sealer, Signer: all[s.site]})
		if err != nil {
			t.Fatal(err)
		}
		if p.reporter, err = NewReporter(ReporterConfig{Site: s.site, Node: "n1", Proposer: p.ledger, Sealer: p.sealer}); err != nil {
			t.Fatal(err)
		}
		if p.server, err = NewServer(ServerConfig{Site: s.site, Ledger: p.ledger, Proposer: p.ledger, Sealer: p.sealer, Logger: log}); err != nil {
			t.Fatal(err)
		}
		tr.places[s.site] = p
		if s.parent == "" {
			continue
		}
		up, peer := tr.places[s.parent], identity.Peer{Site: s.site, Node: "n1", Role: identity.RoleNode}
		p.link = cascadetest.NewLink(func(ctx context.Context, c net.Conn) error { return up.server.Serve(ctx, c, peer) })
		p.client, err = NewClient(ClientConfig{
			Site: s.site, Ledger: p.ledger, Proposer: p.ledger, Sealer: p.sealer, Trust: trust, Open: p.link.Open, Logger: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		running++
		go func() { ran <- p.client.Run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range running {
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}
		for _, p := range tr.places {
			if p.link != nil {
				p.link.Close()
			}
		}
	})
	return tr
}

// until waits for a condition on a site's ledger to hold.
func (tr *tree) until(site identity.Site, what string, holds func(b *bbolt.Bucket) bool) {
	tr.Helper()
	ctx, cancel := context.WithTimeout(tr.ctx, 20*time.Second)
	defer cancel()
	for {
		changed := tr.places[site].ledger.Watch()
		var ok bool
		if err := tr.places[site].ledger.View(func(b *bbolt.Bucket) error { ok = holds(b); return nil }); err != nil {
			tr.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			tr.Fatalf("%s: never came: %s", site, what)
		}
	}
}

func (tr *tree) version(site identity.Site, key Key) uint64 {
	var v uint64
	_ = tr.places[site].ledger.View(func(b *bbolt.Bucket) error {
		d, err := Newest(b, key)
		v = d.GetHeader().GetVersion()
		return err
	})
	return v
}

func (tr *tree) arrives(site identity.Site, key Key, version uint64, body []byte) {
	tr.Helper()
	tr.until(site, fmt.Sprintf("%s version %d", key, version), func(b *bbolt.Bucket) bool {
		d, err := Newest(b, key)
		if err != nil || d.GetHeader().GetVersion() != version {
			return false
		}
		got, err := Body(b, tr.places[site].sealer, d)
		if err != nil || !bytes.Equal(got, body) {
			tr.Fatalf("%s: body differs: %v", site, err)
		}
		return true
	})
}

// states waits until a site knows so many states of a document and returns them as lines.
func (tr *tree) states(site identity.Site, key Key, want ...string) {
	tr.Helper()
	var got []string
	defer func() {
		if tr.Failed() {
			tr.Logf("states at %s: %q", site, got)
		}
	}()
	tr.until(site, fmt.Sprintf("states %q", want), func(b *bbolt.Bucket) bool {
		list, err := States(b, tr.places[site].sealer, key)
		if err != nil {
			tr.Fatal(err)
		}
		got = got[:0]
		for _, s := range list {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s/%s v%d %s %s", s.Site, s.Node, s.Version, strings.ToLower(s.State.String()[6:]), s.Reason)))
		}
		return strings.Join(got, "\n") == strings.Join(want, "\n")
	})
}

func TestDocumentsDescendAndStatesClimb(t *testing.T) {
	tr := newTree(t)
	key := Key{province, "ruleset", "baseline"}
	large := bytes.Repeat([]byte("alert tcp any any -> any any (msg:\"x\"; sid:1;)\n"), 20_000) // four pieces
	if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "baseline", Body: large}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []identity.Site{province, city, county, county2} {
		tr.arrives(s, key, 1, large)
	}
	report := func(site identity.Site, version uint64, state wire.State, reason string) {
		t.Helper()
		err := tr.places[site].reporter.Report(t.Context(), Report{Key: key, Version: version, State: state, Reason: reason, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
	}
	report(county, 1, wire.StateApplied, "")
	report(county2, 1, wire.StateRefused, "line 3: unknown keyword")
	tr.states(province, key,
		"440000/ v1 received", "440100/ v1 received", "440106/ v1 received", "440106/n1 v1 applied",
		"440111/ v1 received", "440111/n1 v1 refused line 3: unknown keyword")

	// A newer version while a county is cut off: it has it after the link is back.
	tr.places[county].link.Cut()
	if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "baseline", Body: []byte("second")}); err != nil {
		t.Fatal(err)
	}
	tr.arrives(county2, key, 2, []byte("second"))
	if v := tr.version(county, key); v != 1 {
		t.Errorf("the cut-off county holds version %d", v)
	}
	report(county, 1, wire.StateHeld, "operator asked") // told when the link is back, though version 2 is known by then
	tr.places[county].link.Mend()
	tr.arrives(county, key, 2, []byte("second"))
	report(county, 2, wire.StateApplied, "")
	tr.states(city, key,
		"440100/ v2 received", "440106/ v2 received", "440106/n1 v2 applied",
		"440111/ v2 received", "440111/n1 v1 refused line 3: unknown keyword")
}

func TestTargets(t *testing.T) {
	tr := newTree(t)
	// For one county: its city passes it on without applying it, its sister never sees it.
	_, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "blocklist", Name: "one", Targets: []identity.Site{county}, Body: []byte("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	// Issued later for all; when it is there, the other would have been too.
	if _, err = tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "blocklist", Name: "all", Body: []byte("192.0.2.2")}); err != nil {
		t.Fatal(err)
	}
	one, all := Key{province, "blocklist", "one"}, Key{province, "blocklist", "all"}
	tr.arrives(county, one, 1, []byte("192.0.2.1"))
	tr.arrives(county2, all, 1, []byte("192.0.2.2"))
	if v := tr.version(county2, one); v != 0 {
		t.Errorf("%s holds version %d of a document for %s", county2, v, county)
	}
	tr.states(province, one, "440106/ v1 received")
	// A city's own document stays in its city, and so do its states.
	if _, err = tr.places[city].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "local", Body: nil}); err != nil {
		t.Fatal(err)
	}
	local := Key{city, "ruleset", "local"}
	tr.states(city, local, "440100/ v1 received", "440106/ v1 received", "440111/ v1 received")
	tr.states(province, local)
	if _, err = tr.places[city].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "x", Targets: []identity.Site{province}}); wire.CodeOf(err) != wire.CodeOutOfScope {
		t.Errorf("a city issues for its province: %v", err)
	}
}

func TestStatesSurviveCutsAnywhere(t *testing.T) {
	tr := newTree(t)
	key := Key{province, "ruleset", "r"}
	if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "r", Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	tr.arrives(county, key, 1, []byte("b"))
	for bound := int64(1); bound < 600; bound += 37 { // the stream breaks after so many bytes
		tr.places[county].link.Bound(bound, -1)
		tr.places[county].link.Drop()
		reason := fmt.Sprintf("told with %d bytes", bound)
		err := tr.places[county].reporter.Report(t.Context(), Report{Key: key, Version: 1, State: wire.StateHeld, Reason: reason, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if bound > 200 { // enough for hello and report sooner or later
			tr.places[county].link.Bound(-1, -1)
			tr.places[county].link.Drop()
			tr.until(city, reason, func(b *bbolt.Bucket) bool {
				list, err := States(b, tr.places[city].sealer, key)
				return err == nil && len(list) == 4 && list[2].Reason == reason
			})
		}
	}
}

func TestLedgerWithoutQuorum(t *testing.T) {
	tr := newTree(t)
	key := Key{province, "ruleset", "r"}
	tr.places[county].ledger.SetDown(true)
	if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "r", Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	tr.arrives(county2, key, 1, []byte("b"))
	tr.places[county].ledger.SetDown(false)
	tr.arrives(county, key, 1, []byte("b"))
}

func TestVerifyRefuses(t *testing.T) {
	all, trust := authorities(t)
	signed := func(by identity.Site, change func(*wire.Document)) *wire.Document {
		sum := gmcrypto.SM3([]byte("body"))
		d := &wire.Document{
			Issuer: string(by), Kind: "ruleset", Name: "n", Version: 3, Created: 1, BodySize: 4, BodyDigest: sum[:],
			Targets: []string{string(county)}, Chain: all[by].Chain(),
		}
		digest := Digest(d)
		var err error
		if d.Signature, err = all[by].key.Sign(Label, digest[:]); err != nil {
			t.Fatal(err)
		}
		change(d)
		return d
	}
	f := func(name string, want wire.Code, d *wire.Document, body string) {
		t.Helper()
		if err := verify(d, []byte(body), county, trust, time.Now()); wire.CodeOf(err) != want {
			t.Errorf("%s: got %v (%s), want %s", name, err, wire.CodeOf(err), want)
		}
	}
	same := func(*wire.Document) {}
	f("as signed by the province", wire.CodeOK, signed(province, same), "body")
	f("as signed by the city", wire.CodeOK, signed(city, same), "body")
	f("another body", wire.CodeDigest, signed(city, same), "doby")
	f("a longer body", wire.CodeDigest, signed(city, same), "body!")
	f("issued by a sister", wire.CodeIssuer, signed(county2, same), "body")
	f("issued by the site itself", wire.CodeIssuer, signed(county, same), "body")
	f("in another's name", wire.CodeIssuer, signed(city, func(d *wire.Document) { d.Issuer = string(province) }), "body")
	f("with another's chain", wire.CodeSignature, signed(city, func(d *wire.Document) { d.Issuer, d.Chain = string(province), all[province].Chain() }), "body")
	f("without a chain", wire.CodeSignature, signed(city, func(d *wire.Document) { d.Chain = nil }), "body")
	f("with a broken chain", wire.CodeSignature, signed(city, func(d *wire.Document) { d.Chain[0] = d.Chain[0][:40] }), "body")
	strangers, _ := authorities(t)
	f("from another tree", wire.CodeSignature, signed(city, func(d *wire.Document) { d.Chain = strangers[city].Chain() }), "body")
	for name, change := range map[string]func(*wire.Document){
		"version": func(d *wire.Document) { d.Version++ },
		"kind":    func(d *wire.Document) { d.Kind = "indicators" },
		"name":    func(d *wire.Document) { d.Name = "m" },
		"targets": func(d *wire.Document) { d.Targets = nil },
		"created": func(d *wire.Document) { d.Created++ },
		"split":   func(d *wire.Document) { d.Kind, d.Name = "rulesetn", "" },
	} {
		f("changed "+name, wire.CodeSignature, signed(city, change), "body")
	}
}

func TestHostileChild(t *testing.T) {
	tr := newTree(t)
	if _, err := tr.places[city].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "r", Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	hello := &wire.IssueUp{Body: &wire.IssueUp_Hello{Hello: &wire.IssueHello{Version: 1, Log: make([]byte, wire.IDBytes)}}}
	report := func(site identity.Site) *wire.IssueUp {
		return &wire.IssueUp{Body: &wire.IssueUp_Report{Report: &wire.StateReport{
			Log: bytes.Repeat([]byte{7}, wire.IDBytes), Through: 9,
			States: []*wire.DocumentState{{Issuer: string(city), Kind: "ruleset", Name: "r", Version: 1, Site: string(site), Node: "n9", State: wire.StateApplied, At: 1}},
		}}}
	}
	f := func(name string, want wire.Code, peer identity.Peer, frames ...*wire.IssueUp) {
		t.Helper()
		a, b := net.Pipe()
		defer a.Close()
		served := make(chan error, 1)
		go func() { served <- tr.places[city].server.Serve(t.Context(), b, peer) }()
		c := wire.NewConn(a)
		done := make(chan struct{})
		go func() { // whatever the server says
			defer close(done)
			for c.Read(&wire.IssueDown{}) == nil {
			}
		}()
		for _, m := range frames {
			if c.Write(m) != nil {
				break
			}
		}
		if err := <-served; wire.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		<-done
	}
	peer := identity.Peer{Site: county, Node: "n9", Role: identity.RoleNode}
	f("speaks for its sister", wire.CodeOutOfScope, peer, hello, report(county2))
	f("greets twice", wire.CodeMalformed, peer, hello, hello)
	f("does not greet", wire.CodeMalformed, peer, report(county))
	f("is no child", wire.CodeForbidden, identity.Peer{Site: "330100", Node: "n1", Role: identity.RoleNode})
	f("is a guest", wire.CodeForbidden, identity.Peer{Site: county, Node: "n1", Role: identity.RoleGuest})
}

func TestConcerns(t *testing.T) {
	f := func(targets []string, site identity.Site, applies, relays bool) {
		t.Helper()
		d := &wire.Document{Issuer: string(province), Targets: targets}
		if Concerns(d, site) != applies || passes(d, site) != relays {
			t.Errorf("targets %v at %s: concerns %v, passes %v", targets, site, Concerns(d, site), passes(d, site))
		}
	}
	f(nil, county, true, true)
	f(nil, "330100", false, false)
	f([]string{"440100"}, county, true, true)
	f([]string{"440106"}, city, false, true)
	f([]string{"440106"}, county, true, true)
	f([]string{"440106"}, county2, false, false)
	f([]string{"440106", "440111"}, county2, true, true)
}

// Everything kept of a body or a reason is sealed.
func TestNothingInClear(t *testing.T) {
	tr := newTree(t)
	secret := "the text of a rule"
	if _, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "r", Body: []byte(secret)}); err != nil {
		t.Fatal(err)
	}
	key := Key{province, "ruleset", "r"}
	tr.arrives(county, key, 1, []byte(secret))
	err := tr.places[county].reporter.Report(t.Context(), Report{Key: key, Version: 1, State: wire.StateRefused, Reason: secret, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	err = tr.places[county].ledger.View(func(b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if bytes.Contains(k, []byte(secret)) || bytes.Contains(v, []byte(secret)) {
				return fmt.Errorf("key %q shows it", k)
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPublisherSurvivesRivals(t *testing.T) {
	tr := newTree(t)
	errs := make(chan error, 6)
	for i := range 6 {
		go func() {
			_, err := tr.places[province].publisher.Issue(t.Context(), Draft{Kind: "ruleset", Name: "r", Body: fmt.Appendf(nil, "%d", i)})
			errs <- err
		}()
	}
	issued := 0
	for range 6 {
		switch err := <-errs; {
		case err == nil:
			issued++
		case wire.CodeOf(err) != wire.CodeConflict && !errors.Is(err, errNotNewer):
			t.Error(err)
		}
	}
	if v := tr.version(province, Key{province, "ruleset", "r"}); int(v) != issued {
		t.Errorf("%d issued, newest version is %d", issued, v)
	}
}

func TestDigestIsPinned(t *testing.T) {
	d := &wire.Document{Issuer: "440000", Kind: "ruleset", Name: "n", Version: 1, Targets: []string{"440106"}, Created: 2, BodySize: 3, BodyDigest: make([]byte, 32)}
	const want = "0a021da4c5c0fcc5718e13e0091c17791f0c56fb53106314697814485f15bb4d"
	if got := fmt.Sprintf("%x", Digest(d)); got != want {
		t.Errorf("digest %s, want %s: every site verifies what others signed", got, want)
	}
}
