package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

const (
	province = identity.Site("440000")
	city     = identity.Site("440100")
	county   = identity.Site("440106")
	county2  = identity.Site("440111")
)

// archive is a site's records; expression "all" finds them all.
type archive struct {
	rows  []*wire.Row
	hangs bool // heeds nothing but the end of ctx
	fails error
}

func records(site identity.Site, n int) *archive {
	a := &archive{}
	for i := range n {
		id := make([]byte, wire.IDBytes)
		copy(id, fmt.Sprintf("%s-%06d", site, i))
		a.rows = append(a.rows, &wire.Row{Origin: string(site), Id: id, Type: "alert", At: int64(n - i), Payload: []byte("payload")})
	}
	return a
}

func (a *archive) Search(ctx context.Context, q *wire.Query, found func(*wire.Row) bool) (uint64, error) {
	if q.GetExpr() != "all" {
		return 0, wire.Refuse(wire.CodeQuery, "column 1: unknown word")
	}
	if a.hangs {
		<-ctx.Done()
	}
	if a.fails != nil {
		return 0, a.fails
	}
	for _, r := range a.rows {
		if !found(r) {
			break
		}
	}
	return uint64(len(a.rows)), ctx.Err()
}

// tree is province, city and two counties, with the links between them.
type tree struct {
	hubs     map[identity.Site]*Hub
	archives map[identity.Site]*archive
	links    map[identity.Site]*cascadetest.Link // by child
}

func newTree(t *testing.T) *tree {
	t.Helper()
	tr := &tree{hubs: map[identity.Site]*Hub{}, archives: map[identity.Site]*archive{}, links: map[identity.Site]*cascadetest.Link{}}
	known := map[identity.Site][]Place{
		province: {{city, city}, {county, city}, {county2, city}},
		city:     {{county, county}, {county2, county2}},
	}
	for i, site := range []identity.Site{province, city, county, county2} {
		tr.archives[site] = records(site, 3+i)
		hub, err := NewHub(HubConfig{
			Site: site, Searcher: tr.archives[site], Logger: slog.New(slog.DiscardHandler),
			Known: func() ([]Place, error) { return known[site], nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		tr.hubs[site] = hub
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 3)
	for child, parent := range map[identity.Site]identity.Site{city: province, county: city, county2: city} {
		peer := identity.Peer{Site: child, Node: "n1", Role: identity.RoleNode}
		link := cascadetest.NewLink(func(ctx context.Context, c net.Conn) error { return tr.hubs[parent].Serve(ctx, c, peer) })
		tr.links[child] = link
		client, err := NewClient(ClientConfig{Site: child, Hub: tr.hubs[child], Open: link.Open, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		go func() { ran <- client.Run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}
		for _, l := range tr.links {
			l.Close()
		}
	})
	synctest.Wait() // every session is up
	return tr
}

func question(scope identity.Site, subtree bool) *wire.Query {
	return &wire.Query{
		Id: []byte("0123456789abcdef"), Asker: string(province), Expr: "all", Scope: string(scope), Subtree: subtree,
		RemainingMs: 2000, Limit: 100, BudgetBytes: 1 << 20,
	}
}

// told writes an answer as one line a reader can compare.
func told(a *Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows of %d;", len(a.Rows), a.Matched)
	for _, s := range a.Sites {
		fmt.Fprintf(&b, " %s %s", s.Site, strings.ToLower(strings.TrimPrefix(s.Completeness.String(), "COMPLETENESS_")))
	}
	return b.String()
}

func TestAsk(t *testing.T) {
	all := func(*tree) {}
	cases := []struct {
		name    string
		at      identity.Site
		q       *wire.Query
		prepare func(*tree)
		want    string
	}{
		{"the whole tree", province, question(province, true), all, "18 rows of 18; 440000 answered 440100 answered 440106 answered 440111 answered"},
		{"one site alone", province, question(province, false), all, "3 rows of 3; 440000 answered"},
		{"a county asked from the top", province, question(county, false), all, "5 rows of 5; 440106 answered"},
		{"a city's subtree", province, question(city, true), all, "15 rows of 15; 440100 answered 440106 answered 440111 answered"},
		{"asked in the middle", city, question(city, true), all, "15 rows of 15; 440100 answered 440106 answered 440111 answered"},
		{"a link is cut", province, question(province, true), func(tr *tree) { tr.links[county].Cut() }, "13 rows of 13; 440000 answered 440100 answered 440106 offline 440111 answered"},
		{"a whole city is cut", province, question(province, true), func(tr *tree) { tr.links[city].Cut() }, "3 rows of 3; 440000 answered 440100 offline 440106 offline 440111 offline"},
		{"a site hangs", province, question(province, true), func(tr *tree) { tr.archives[county].hangs = true }, "18 rows of 18; 440000 answered 440100 answered 440106 partial 440111 answered"},
		{"a site fails", province, question(province, true), func(tr *tree) { tr.archives[county].fails = errors.New("disk") }, "13 rows of 13; 440000 answered 440100 answered 440106 refused 440111 answered"},
		{"a search is cut short", province, question(county, false), func(tr *tree) { tr.archives[county].fails = fmt.Errorf("%w: too many", ErrCut) }, "0 rows of 0; 440106 partial"},
		{"the limit cuts rows, not the count", province, func() *wire.Query { q := question(province, true); q.Limit = 4; return q }(), all, "4 rows of 18; 440000 answered 440100 answered 440106 answered 440111 answered"},
		{"the budget cuts rows", province, func() *wire.Query { q := question(province, true); q.BudgetBytes = 20; return q }(), all, "2 rows of 18; 440000 answered 440100 answered 440106 answered 440111 answered"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTree(t)
				c.prepare(tr)
				start := time.Now()
				a, err := tr.hubs[c.at].Ask(t.Context(), c.q)
				if err != nil {
					t.Fatal(err)
				}
				if got := told(a); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("took %s, past the deadline", took)
				}
				for i := 1; i < len(a.Rows); i++ {
					if a.Rows[i].At > a.Rows[i-1].At {
						t.Fatalf("row %d is newer than the one before it", i)
					}
				}
			})
		})
	}
}

// A peer whose end nobody reads is late, and only it.
func TestFrozenChildDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		child, frozen := net.Pipe()
		defer child.Close()
		served := make(chan error, 1)
		peer := identity.Peer{Site: county, Node: "n2", Role: identity.RoleNode}
		go func() { served <- tr.hubs[city].Serve(t.Context(), frozen, peer) }()
		hello := wire.NewConn(child)
		if err := hello.Write(&wire.QueryUp{Body: &wire.QueryUp_Hello{Hello: &wire.QueryHello{Version: wire.Version}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the newest session of the county is now the frozen one
		start := time.Now()
		a, err := tr.hubs[province].Ask(t.Context(), question(province, true))
		if err != nil {
			t.Fatal(err)
		}
		want := "13 rows of 13; 440000 answered 440100 answered 440106 late 440111 answered"
		if got := told(a); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %s", took)
		}
		child.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// In a site of several nodes any of them can ask; the one that holds the session answers.
func TestAskThroughAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		handed := cascadetest.NewLink(func(ctx context.Context, c net.Conn) error {
			return tr.hubs[city].Serve(ctx, c, identity.Peer{Site: city, Node: "n2", Role: identity.RoleNode})
		})
		defer handed.Close()
		other, err := NewHub(HubConfig{
			Site: city, Searcher: tr.archives[city], Logger: slog.New(slog.DiscardHandler),
			Known:   func() ([]Place, error) { return []Place{{county, county}, {county2, county2}}, nil },
			Locate:  func(child identity.Site) (string, bool) { return "n1", child == county },
			Forward: func(ctx context.Context, _ string) (net.Conn, error) { return handed.Open(ctx) },
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := other.Ask(t.Context(), question(city, true))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := told(a), "9 rows of 9; 440100 answered 440106 answered 440111 offline"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		tr.links[county].Cut()
		synctest.Wait()
		if a, err = other.Ask(t.Context(), question(city, true)); err != nil {
			t.Fatal(err)
		}
		if got, want := told(a), "4 rows of 4; 440100 answered 440106 offline 440111 offline"; got != want {
			t.Errorf("after the cut: got %s\nwant %s", got, want)
		}
	})
}

func TestAskRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		f := func(want wire.Code, change func(*wire.Query)) {
			t.Helper()
			q := question(province, true)
			change(q)
			if _, err := tr.hubs[province].Ask(t.Context(), q); wire.CodeOf(err) != want {
				t.Errorf("got %v (%s), want %s", err, wire.CodeOf(err), want)
			}
		}
		f(wire.CodeQuery, func(q *wire.Query) { q.Expr = "nonsense" })
		f(wire.CodeNotFound, func(q *wire.Query) { q.Scope = "330000" })
		f(wire.CodeMalformed, func(q *wire.Query) { q.Id = nil })
		f(wire.CodeMalformed, func(q *wire.Query) { q.Limit = 0 })
		f(wire.CodeMalformed, func(q *wire.Query) { q.RemainingMs = 1 << 30 })
	})
}

// A child that speaks for others, answers too much, or breaks the protocol hurts itself alone.
func TestHostileChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		child, conn := net.Pipe()
		served := make(chan error, 1)
		peer := identity.Peer{Site: county2, Node: "n9", Role: identity.RoleNode}
		go func() { served <- tr.hubs[city].Serve(t.Context(), conn, peer) }()
		c := wire.NewConn(child)
		if err := c.Write(&wire.QueryUp{Body: &wire.QueryUp_Hello{Hello: &wire.QueryHello{Version: wire.Version}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		asked := make(chan *Answer, 1)
		q := question(city, true)
		q.Limit = 10
		go func() {
			a, err := tr.hubs[city].Ask(t.Context(), q)
			if err != nil {
				t.Error(err)
			}
			asked <- a
		}()
		var down wire.QueryDown
		if err := c.Read(&down); err != nil {
			t.Fatal(err)
		}
		lies := records(county, 200) // not its own, and too many
		page := &wire.AnswerPage{Id: down.GetQuery().GetId(), Rows: lies.rows, Last: true, Sites: []*wire.SiteAnswer{
			{Site: string(county), Completeness: wire.Answered, Matched: 1 << 40},
			{Site: string(county2), Completeness: wire.Answered, Matched: 7},
		}}
		if err := c.Write(&wire.QueryUp{Body: &wire.QueryUp_Page{Page: page}}); err != nil {
			t.Fatal(err)
		}
		a := <-asked
		if got, want := told(a), "9 rows of 16; 440100 answered 440106 answered 440111 answered"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := c.Write(&wire.QueryUp{Body: &wire.QueryUp_Hello{Hello: &wire.QueryHello{Version: 1}}}); err != nil {
			t.Fatal(err)
		}
		_ = c.Read(&wire.QueryUp{}) // the farewell
		child.Close()
		if err := <-served; wire.CodeOf(err) != wire.CodeMalformed {
			t.Errorf("second hello: %v", err)
		}
		if n := tr.hubs[city].Stats().Malformed; n != 1 {
			t.Errorf("%d malformed counted, want 1", n)
		}
	})
}

func TestServeRefusesStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		for _, peer := range []identity.Peer{
			{Site: "330100", Node: "n1", Role: identity.RoleNode},
			{Site: province, Node: "n1", Role: identity.RoleNode},
			{Site: county, Node: "n1", Role: identity.RoleGuest},
		} {
			a, b := net.Pipe()
			served := make(chan error, 1)
			go func() { served <- tr.hubs[city].Serve(t.Context(), b, peer) }()
			var up wire.QueryUp
			if err := wire.NewConn(a).Read(&up); err != nil || up.GetEnd().GetCode() != wire.CodeForbidden {
				t.Errorf("%v: told %v, %v", peer.Site, up.GetEnd(), err)
			}
			if err := <-served; wire.CodeOf(err) != wire.CodeForbidden {
				t.Errorf("%v: %v", peer.Site, err)
			}
			a.Close()
		}
	})
}
