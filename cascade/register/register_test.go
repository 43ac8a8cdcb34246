package register

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

const (
	province = identity.Site("440000")
	city     = identity.Site("440100")
	county   = identity.Site("440106")
)

// site is an enrolled site with its authority, ledger and one or more servers.
type site struct {
	t      testing.TB
	code   identity.Site
	key    *gmcrypto.PrivateKey
	chain  []*identity.Certificate // of the authority, root last
	ledger *cascadetest.Ledger
	server *Server
	downIs atomic.Bool
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newKey(t testing.TB) *gmcrypto.PrivateKey {
	t.Helper()
	return must[*gmcrypto.PrivateKey](t)(gmcrypto.GenerateKey())
}

// newSite makes a site below parent, or a root.
func newSite(t testing.TB, code identity.Site, parent *site) *site {
	t.Helper()
	s := &site{t: t, code: code, key: newKey(t), ledger: cascadetest.Open(t, NewTable(), cascadetest.Options{})}
	from := time.Now().Add(-time.Hour)
	if parent == nil {
		s.chain = []*identity.Certificate{must[*identity.Certificate](t)(identity.NewRoot(s.key, code, "root", from, 1000*time.Hour))}
	} else {
		c := must[*identity.Certificate](t)(identity.IssueSite(parent.key, parent.chain[0], code, "site", s.key.Public(), from, 900*time.Hour))
		s.chain = append([]*identity.Certificate{c}, parent.chain...)
	}
	s.server = s.newServer("n1")
	return s
}

func (s *site) newServer(node string) *Server {
	s.t.Helper()
	return must[*Server](s.t)(NewServer(ServerConfig{
		Site: s.code, Node: node, Ledger: s.ledger, Proposer: s.ledger, Issuer: s, Secrets: s,
		Root:   func() gmcrypto.Fingerprint { return s.chain[len(s.chain)-1].Fingerprint() },
		Nodes:  func() []*wire.NodeAddress { return []*wire.NodeAddress{{Node: "n1", Address: "10.0.0.1:7400"}} },
		Leads:  func() bool { return true },
		Alive:  func(node string) bool { return node != "n2" || !s.downIs.Load() },
		Logger: slog.New(slog.DiscardHandler),
	}))
}

// IssueSite implements Issuer.
func (s *site) IssueSite(_ context.Context, r identity.Request, name string) ([]*identity.Certificate, error) {
	c, err := identity.IssueSite(s.key, s.chain[0], r.Site, name, r.Key, time.Now().Add(-time.Minute), 100*time.Hour)
	return append([]*identity.Certificate{c}, s.chain...), err
}

// IssueNode implements Issuer.
func (s *site) IssueNode(_ context.Context, r identity.Request) ([]*identity.Certificate, error) {
	c, err := identity.IssueNode(s.key, s.chain[0], r.Node, r.Key, time.Now().Add(-time.Minute), 100*time.Hour)
	return append([]*identity.Certificate{c}, s.chain...), err
}

// Secrets implements Secrets.
func (s *site) Secrets(pub *gmcrypto.PublicKey) ([]byte, error) {
	return pub.Encrypt([]byte("the secrets of " + s.code))
}

func (s *site) invite(inv Invitation) string {
	s.t.Helper()
	if inv.Valid == 0 {
		inv.Valid = time.Hour
	}
	return must[string](s.t)(s.server.Invite(s.t.Context(), inv))
}

func (s *site) member(code identity.Site) *wire.Member {
	s.t.Helper()
	return must[*wire.Member](s.t)(readMember(s.ledger, wire.PurposeSite, code, ""))
}

// await blocks until f holds of the site's ledger.
func (s *site) await(what string, f func() bool) {
	s.t.Helper()
	late := time.After(time.Minute)
	for {
		changed := s.ledger.Watch()
		if f() {
			return
		}
		select {
		case <-changed:
		case <-late:
			s.t.Fatalf("%s: not after a minute", what)
		}
	}
}

// newcomer is somebody with a key and a guest's channel to a site.
type newcomer struct {
	key, channel *gmcrypto.PrivateKey
	link         *cascadetest.Link
	request      []byte
}

func (s *site) newcomer(code identity.Site, node string) *newcomer {
	s.t.Helper()
	n := &newcomer{key: newKey(s.t), channel: newKey(s.t)}
	n.request = must[[]byte](s.t)(identity.NewRequest(n.key, code, node))
	n.link = cascadetest.NewLink(func(ctx context.Context, c net.Conn) error {
		return s.server.Serve(ctx, c, identity.Peer{Site: code, Node: "guest", Role: identity.RoleGuest, Key: n.channel.Public()})
	})
	s.t.Cleanup(n.link.Close)
	return n
}

func (n *newcomer) enrol(t testing.TB, token string, change ...func(*EnrolConfig)) (*Enrolled, error) {
	t.Helper()
	cfg := EnrolConfig{
		Token: must[*wire.Token](t)(ParseToken(token)), Request: n.request, ChannelKey: n.channel.Public(), Name: "name",
		Addresses: []string{"10.1.1.1:7400"}, Open: n.link.Open,
	}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return Enrol(ctx, cfg)
}

func TestEnrolSiteWithApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newSite(t, province, nil)
		token := top.invite(Invitation{Purpose: wire.PurposeSite, Site: city})
		n := top.newcomer(city, "")
		asked := make(chan string, 1)
		type result struct {
			e   *Enrolled
			err error
		}
		done := make(chan result, 1)
		go func() {
			e, err := n.enrol(t, token, func(c *EnrolConfig) { c.Pending = func(s string) { asked <- s } })
			done <- result{e, err}
		}()
		if text := <-asked; !strings.Contains(text, string(province)) {
			t.Errorf("told %q while waiting", text)
		}
		n.link.Drop() // the wait is taken up again
		<-asked
		d := Decision{Purpose: wire.PurposeSite, Site: city, By: "li"}
		for range 2 {
			if err := top.server.Approve(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		if r.e.Site != province || len(r.e.Chain) != 2 || r.e.Chain[0].Site() != city || !r.e.Chain[0].PublicKey().Equal(n.key.Public()) || len(r.e.Addresses) != 1 {
			t.Errorf("enrolled as %+v", r.e)
		}
		// A lost answer is given again, also from another channel, also when the invite is old.
		<-time.After(48 * time.Hour)
		n.channel = newKey(t)
		again, err := n.enrol(t, token)
		if err != nil || !again.Chain[0].Equal(r.e.Chain[0]) {
			t.Errorf("asking again gave %v, %v", again, err)
		}
		// Revoked, the key is out for ever.
		if err := top.server.Revoke(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if _, err := n.enrol(t, token); wire.CodeOf(err) != wire.CodeRevoked {
			t.Errorf("a revoked key got %v", err)
		}
		if err := top.server.Approve(t.Context(), d); wire.CodeOf(err) != wire.CodeConflict {
			t.Errorf("approving what is revoked: %v", err)
		}
		// The site comes back with a new key and a new invite.
		other := top.newcomer(city, "")
		if _, err := other.enrol(t, token); wire.CodeOf(err) != wire.CodeInviteUsed {
			t.Errorf("the used invite gave another key %v", err)
		}
		if _, err := other.enrol(t, top.invite(Invitation{Purpose: wire.PurposeSite, Site: city, Approved: true})); err != nil {
			t.Error(err)
		}
	})
}

func TestEnrolNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newSite(t, province, nil)
		mid := newSite(t, city, top)
		n := mid.newcomer(city, "n2")
		e, err := n.enrol(t, mid.invite(Invitation{Purpose: wire.PurposeNode, Site: city, Approved: true}))
		if err != nil {
			t.Fatal(err)
		}
		if secret, err := n.key.Decrypt(e.Secrets); err != nil || string(secret) != "the secrets of 440100" {
			t.Errorf("secrets %q, %v", secret, err)
		}
		if len(e.Chain) != 3 || e.Chain[0].Node() != "n2" {
			t.Errorf("chain %v", e.Chain)
		}
		// Another machine with the same name.
		if _, err := mid.newcomer(city, "n2").enrol(t, mid.invite(Invitation{Purpose: wire.PurposeNode, Site: city, Approved: true})); wire.CodeOf(err) != wire.CodeNameTaken {
			t.Errorf("a taken name gave %v", err)
		}
		if _, err := mid.newcomer(city, "n3").enrol(t, mid.invite(Invitation{Purpose: wire.PurposeNode, Site: city, Node: "n4"})); wire.CodeOf(err) != wire.CodeForbidden {
			t.Errorf("another name than invited gave %v", err)
		}
	})
}

func TestEnrolRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newSite(t, province, nil)
		site := func(code identity.Site) Invitation { return Invitation{Purpose: wire.PurposeSite, Site: code} }
		f := func(name string, want wire.Code, err error) {
			t.Helper()
			var e *wire.Error
			if !errors.As(err, &e) || e.Code != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		edit := func(token string, f func(*wire.Token)) string {
			tok := must[*wire.Token](t)(ParseToken(token))
			f(tok)
			return must[string](t)(FormatToken(tok))
		}
		token := top.invite(site(city))
		_, err := top.newcomer(city, "").enrol(t, edit(token, func(t *wire.Token) { t.Secret[3] ^= 1 }))
		f("wrong secret", wire.CodeProof, err)
		_, err = top.newcomer(city, "").enrol(t, edit(token, func(t *wire.Token) { t.InviteId[3] ^= 1 }))
		f("unknown invite", wire.CodeInviteUnknown, err)
		_, err = top.newcomer(county, "").enrol(t, token)
		f("request for another site", wire.CodeForbidden, err)
		_, err = top.newcomer(county, "").enrol(t, edit(token, func(t *wire.Token) { t.Site = string(county) }))
		f("invite for another site", wire.CodeForbidden, err)
		_, err = top.newcomer("450000", "").enrol(t, edit(token, func(t *wire.Token) { t.Site = "450000" }))
		f("site that is not below", wire.CodeOutOfScope, err)
		n := top.newcomer(city, "")
		_, err = n.enrol(t, token, func(c *EnrolConfig) { c.ChannelKey = newKey(t).Public() })
		f("proof made for another channel", wire.CodeProof, err)
		_, err = top.server.Invite(t.Context(), site(province))
		f("invite to oneself", wire.CodeOutOfScope, err)

		late := top.invite(site(city))
		<-time.After(2 * time.Hour)
		_, err = top.newcomer(city, "").enrol(t, late)
		f("expired", wire.CodeInviteExpired, err)

		withdrawn := top.invite(site(city))
		if err := top.server.Withdraw(t.Context(), must[*wire.Token](t)(ParseToken(withdrawn)).InviteId); err != nil {
			t.Fatal(err)
		}
		_, err = top.newcomer(city, "").enrol(t, withdrawn)
		f("withdrawn", wire.CodeInviteExpired, err)

		open := top.invite(site(city))
		n = top.newcomer(city, "")
		go func() {
			top.await("request", func() bool { return top.member(city) != nil })
			if err := top.server.Reject(t.Context(), Decision{Purpose: wire.PurposeSite, Site: city, By: "li", Reason: "not now"}); err != nil {
				t.Error(err)
			}
		}()
		_, err = n.enrol(t, open)
		f("rejected", wire.CodeRejected, err)
		if err == nil || !strings.Contains(err.Error(), "not now") {
			t.Errorf("the reason is missing: %v", err)
		}
		top.ledger.SetDown(true)
		_, err = n.enrol(t, open)
		f("no quorum until the time is up", wire.CodeUnavailable, err)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gave up with %v", err)
		}
	})
}

// child is an approved child site with its heartbeat client.
type child struct {
	*site
	link *cascadetest.Link
	beat *Heartbeat
	stop func()
}

func (s *site) child(code identity.Site) *child {
	s.t.Helper()
	n := s.newcomer(code, "")
	e, err := n.enrol(s.t, s.invite(Invitation{Purpose: wire.PurposeSite, Site: code, Approved: true}))
	if err != nil {
		s.t.Fatal(err)
	}
	c := &child{site: newSite(s.t, code, s)}
	c.key, c.chain = n.key, e.Chain
	c.link = cascadetest.NewLink(func(ctx context.Context, conn net.Conn) error { return s.server.Serve(ctx, conn, c.peer("n1")) })
	c.beat = must[*Heartbeat](s.t)(NewHeartbeat(HeartbeatConfig{
		Open: c.link.Open,
		Summary: func() (sum *wire.Summary, err error) {
			err = c.ledger.View(func(b *bbolt.Bucket) error {
				sum, err = Subtree(b, &wire.SiteState{Site: string(c.code), Name: "child", Nodes: []*wire.NodeState{{Node: "n1", Alive: true}}})
				return err
			})
			return sum, err
		},
		Logger: slog.New(slog.DiscardHandler),
	}))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.beat.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	c.stop = func() { cancel(); wg.Wait(); c.link.Close() }
	s.t.Cleanup(c.stop)
	return c
}

func (c *child) peer(node string) identity.Peer {
	key := newKey(c.t)
	leaf := must[*identity.Certificate](c.t)(identity.IssueNode(c.key, c.chain[0], node, key.Public(), time.Now().Add(-time.Minute), time.Hour))
	chain := append([]*identity.Certificate{leaf}, c.chain...)
	return identity.Peer{Site: c.code, Node: node, Role: identity.RoleNode, Key: key.Public(), Chain: chain}
}

func TestHeartbeatAndLinkState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newSite(t, province, nil)
		mid := top.child(city)
		low := mid.child(county)
		online := func() bool { return top.member(city).GetLink().GetOnline() }
		top.await("online", online)
		tree := func() (s *wire.Summary) {
			err := top.ledger.View(func(b *bbolt.Bucket) (err error) {
				s, err = Subtree(b, &wire.SiteState{Site: string(province)})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		top.await("the county in the province's tree", func() bool {
			s := tree().Sites
			return len(s) == 3 && s[2].Site == string(county) && s[2].Parent == string(city) && s[2].Online && len(s[2].Nodes) == 1
		})
		if err := tree().Check(); err != nil {
			t.Errorf("the tree cannot be passed on: %v", err)
		}
		if st := mid.beat.State(); !st.Connected || st.Offset != 0 || st.RoundTrip != 0 {
			t.Errorf("state %+v", st)
		}
		// The link freezes: offline within ten seconds.
		cut := time.Now()
		mid.link.Cut()
		top.await("offline", func() bool { return !online() })
		if took := time.Since(cut); took > 10*time.Second {
			t.Errorf("offline after %s", took)
		}
		low.stop() // the city sees it, the province after the link is back
		mid.await("county offline at the city", func() bool { return !mid.member(county).GetLink().GetOnline() })
		mid.link.Mend()
		top.await("online again", online)
		top.await("county offline at the province", func() bool { return !tree().Sites[2].Online })
		commits := top.ledger.Commits()
		<-time.After(time.Minute)
		if n := top.ledger.Commits() - commits; n != 0 {
			t.Errorf("%d commits in a minute in which nothing changed", n)
		}
		// Revocation ends the session and the link.
		if err := top.server.Revoke(t.Context(), Decision{Purpose: wire.PurposeSite, Site: city}); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		if online() || top.server.Stats().Open != 0 {
			t.Errorf("after revocation: online %t, %d sessions", online(), top.server.Stats().Open)
		}
		if err := top.server.Allow(mid.peer("n1")); wire.CodeOf(err) != wire.CodeRevoked {
			t.Errorf("revoked child is allowed: %v", err)
		}
	})
}

func TestSilentChildIsOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newSite(t, province, nil)
		mid := top.child(city)
		top.await("online", func() bool { return top.member(city).GetLink().GetOnline() })
		mid.stop()
		a, b := net.Pipe()
		defer func() { _ = a.Close() }()
		done := make(chan error, 1)
		go func() { done <- top.server.Serve(t.Context(), b, mid.peer("n1")) }()
		c := wire.NewConn(a)
		if err := c.Write(&wire.RegisterUp{Body: &wire.RegisterUp_Heartbeat{Heartbeat: &wire.Heartbeat{Version: 1, Number: 1}}}); err != nil {
			t.Fatal(err)
		}
		if err := c.Read(&wire.RegisterDown{}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		top.await("offline", func() bool { return !top.member(city).GetLink().GetOnline() })
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("a silent child was offline after %s", took)
		}
		_ = a.Close()
		<-done
	})
}

func TestLinksOfDeadNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := newSite(t, province, nil)
		mid := top.child(city)
		top.await("online", func() bool { return top.member(city).GetLink().GetOnline() })
		mid.stop()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = top.server.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		set := func(node string) {
			t.Helper()
			if _, err := top.server.propose(ctx, KindLink, &wire.CommandLink{Site: string(city), Node: node, Session: []byte("a former life"), Online: true}); err != nil {
				t.Fatal(err)
			}
		}
		offline := func() bool { return !top.member(city).GetLink().GetOnline() }
		set("n1") // this node, before it was restarted
		top.await("own former session", offline)
		set("n2")
		<-time.After(time.Minute)
		if offline() {
			t.Error("the session of a living node was ended")
		}
		top.downIs.Store(true)
		top.await("session of a dead node", offline)
	})
}

func TestAllow(t *testing.T) {
	top := newSite(t, province, nil)
	mid := top.child(city)
	mid.stop()
	f := func(name string, peer identity.Peer, want wire.Code) {
		t.Helper()
		if got := wire.CodeOf(top.server.Allow(peer)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	good := mid.peer("n3")
	f("child", good, wire.CodeOK)
	f("own node", identity.Peer{Site: province, Node: "n1", Role: identity.RoleNode}, wire.CodeOK)
	f("guest", identity.Peer{Site: city, Role: identity.RoleGuest}, wire.CodeForbidden)
	f("unknown site", identity.Peer{Site: county, Node: "n1", Role: identity.RoleNode, Chain: good.Chain}, wire.CodeForbidden)
	other := newSite(t, city, top) // certified by the province once, but not the key enrolled
	impostor := &child{site: other}
	f("another key of the site", impostor.peer("n1"), wire.CodeForbidden)
}
