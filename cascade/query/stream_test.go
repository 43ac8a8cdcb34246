package query

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/cascadetest"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// A child that could not be reached for longer than a write may take is asked again after it
// woke: no half-dead session stays.
func TestThawedChildAnswersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		child, frozen := net.Pipe()
		defer child.Close()
		served := make(chan error, 1)
		go func() {
			served <- tr.hubs[city].Serve(t.Context(), frozen, identity.Peer{Site: county, Node: "n2", Role: identity.RoleNode})
		}()
		if err := wire.NewConn(child).Write(&wire.QueryUp{Body: &wire.QueryUp_Hello{Hello: &wire.QueryHello{Version: wire.Version}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := tr.hubs[city].Ask(t.Context(), question(county, false)); err != nil {
			t.Fatal(err)
		}
		<-time.After(wire.WriteTimeout)
		synctest.Wait()
		a, err := tr.hubs[city].Ask(t.Context(), question(county, false))
		if err != nil {
			t.Fatal(err)
		}
		if got := told(a); got != "5 rows of 5; 440106 answered" {
			t.Errorf("after the frozen session was given up: %s", got)
		}
		<-served
	})
}

// Answers longer than a frame come in pages, and so does a long list of sites.
func TestLongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const below = 3000
		big := records(city, 2500)
		for _, r := range big.rows {
			r.Payload = make([]byte, 1000)
		}
		var places []Place
		for i := range below {
			s := identity.Site(fmt.Sprintf("4401%02d%02d", i/99+1, i%99+1))
			places = append(places, Place{s, s})
		}
		logger := slog.New(slog.DiscardHandler)
		low, err := NewHub(HubConfig{Site: city, Searcher: big, Logger: logger, Known: func() ([]Place, error) { return places, nil }})
		if err != nil {
			t.Fatal(err)
		}
		top, err := NewHub(HubConfig{Site: province, Searcher: records(province, 1), Logger: logger, Known: func() ([]Place, error) { return []Place{{city, city}}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		link := cascadetest.NewLink(func(ctx context.Context, c net.Conn) error {
			return top.Serve(ctx, c, identity.Peer{Site: city, Node: "n1", Role: identity.RoleNode})
		})
		defer link.Close()
		client, err := NewClient(ClientConfig{Site: city, Hub: low, Open: link.Open, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- client.Run(ctx) }()
		synctest.Wait()
		q := question(province, true)
		q.Limit, q.BudgetBytes = 5000, 4<<20
		a, err := top.Ask(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Rows) != 2501 || len(a.Sites) != below+2 || a.Complete() {
			t.Errorf("%d rows, %d sites, complete %t", len(a.Rows), len(a.Sites), a.Complete())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestShortListsFitIntoAFrame(t *testing.T) {
	var sites []*wire.SiteAnswer
	for i := range wire.SummarySitesMax + 10 {
		sites = append(sites, &wire.SiteAnswer{Site: fmt.Sprintf("44%04d", i), Completeness: wire.Refused, Text: strings.Repeat("理由", 150), Code: wire.CodeInternal, TookMs: 1 << 31, Matched: 1 << 60})
	}
	page := &wire.QueryUp{Body: &wire.QueryUp_Page{Page: &wire.AnswerPage{Id: make([]byte, wire.IDBytes), Last: true, Sites: short(sites)}}}
	if err := page.Check(); err != nil || proto.Size(page)+wire.PageBytesMax > wire.FrameBytesMax {
		t.Errorf("%d bytes, %v", proto.Size(page), err)
	}
	if len(sites[0].Text) != 900 {
		t.Error("the texts of the answer itself were cut")
	}
}

func TestRevokedChildIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t)
		hub := tr.hubs[city]
		hub.cfg.Allow = func(p identity.Peer) error {
			if p.Site == county {
				return wire.Refuse(wire.CodeRevoked, "revoked")
			}
			return nil
		}
		for range 2 { // with its old session, and with the ones it then tries
			a, err := hub.Ask(t.Context(), question(city, true))
			if err != nil {
				t.Fatal(err)
			}
			if got := told(a); got != "10 rows of 10; 440100 answered 440106 offline 440111 answered" {
				t.Errorf("after the revocation: %s", got)
			}
			<-time.After(time.Minute)
		}
		if got := hub.Attached(); len(got) != 1 || got[0] != county2 {
			t.Errorf("sessions held: %v", got)
		}
	})
}
