package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake answers every port and remembers the last request.
type fake struct {
	err  error
	last any
	rows []Alert
	slow time.Duration // a query takes so long
	io   time.Duration
}

func (f *fake) Status(context.Context) (Status, error) {
	return Status{Site: "440106", Node: "n1"}, f.err
}
func (f *fake) Health(context.Context) (Health, error) { return Health{Status: "ok"}, f.err }
func (f *fake) Topology(context.Context) (TopologySite, error) {
	return TopologySite{Site: "440106"}, f.err
}

func (f *fake) Enforcement(context.Context) (Enforcement, error) {
	return Enforcement{Mode: "off"}, f.err
}

func (f *fake) Balance(context.Context) (Balances, error) { return Balances{Site: "440106"}, f.err }

func (f *fake) Invite(_ context.Context, r InviteRequest) (Invite, error) {
	f.last = r
	return Invite{ID: "i1", Purpose: r.Purpose, Site: r.Site}, f.err
}
func (f *fake) Invites(context.Context) ([]Invite, error) { return []Invite{{ID: "i1"}}, f.err }
func (f *fake) Sites(context.Context) ([]Site, error)     { return []Site{{Site: "440106"}}, f.err }
func (f *fake) Decide(_ context.Context, site, state, reason string) (Site, error) {
	f.last = []string{site, state, reason}
	return Site{Site: site, State: state, Reason: reason}, f.err
}

func (f *fake) RemoveNode(_ context.Context, node, reason string) (NodeRemoval, error) {
	f.last = []string{node, reason}
	return NodeRemoval{Node: node, Revoked: true}, f.err
}

func (f *fake) Issue(_ context.Context, r PolicyRequest) (Policy, error) {
	f.last = r
	return Policy{Kind: r.Kind, Name: r.Name, Version: 1}, f.err
}
func (f *fake) Policies(context.Context) ([]Policy, error) { return []Policy{{Name: "p"}}, f.err }
func (f *fake) Policy(_ context.Context, issuer, kind, name string) (Policy, error) {
	return Policy{Issuer: issuer, Kind: kind, Name: name}, f.err
}

func (f *fake) PolicyStatus(_ context.Context, issuer, kind, name string) (PolicyStatus, error) {
	return PolicyStatus{Policy: Policy{Issuer: issuer, Kind: kind, Name: name}}, f.err
}

func (f *fake) Alerts(_ context.Context, a AlertFilter) (AlertPage, error) {
	f.last = a
	return AlertPage{Alerts: f.rows}, f.err
}

func (f *fake) AlertIDs(_ context.Context, a AlertFilter) (AlertIDPage, error) {
	f.last = a
	if a.After == "" {
		return AlertIDPage{IDs: []AlertID{{ID: "1"}, {ID: "2"}}, Next: "2"}, f.err
	}
	return AlertIDPage{IDs: []AlertID{{ID: "3"}}}, f.err
}

func (f *fake) Tail(ctx context.Context, r TailRequest, emit func([]Alert) error) error {
	f.last = r
	if f.err != nil {
		return f.err
	}
	if err := emit(nil); err != nil {
		return err
	}
	if err := emit(f.rows); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (f *fake) Query(ctx context.Context, r QueryRequest) (QueryResult, error) {
	f.last = r
	select {
	case <-time.After(f.slow):
	case <-ctx.Done():
		return QueryResult{}, ctx.Err()
	}
	return QueryResult{ID: "q"}, f.err
}

func (f *fake) Start(_ context.Context, r ReplayRequest) (Replay, error) {
	f.last = r
	return Replay{ID: "r1", State: "running"}, f.err
}

func (f *fake) Wait(_ context.Context, id string) (Replay, error) {
	return Replay{ID: id, State: "done"}, f.err
}
func (f *fake) Replay(_ context.Context, id string) (Replay, error) { return Replay{ID: id}, f.err }
func (f *fake) Replays(context.Context) ([]Replay, error)           { return []Replay{{ID: "r1"}}, f.err }

func (f *fake) Cancel(_ context.Context, id string) (Replay, error) {
	return Replay{ID: id, State: "cancelled"}, f.err
}

// serve runs a server over f and returns a client, and the socket's path.
func serve(t *testing.T, f *fake, owner int) (*Client, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fs-api") // t.TempDir's names can pass the socket path limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
	path := filepath.Join(dir, SocketName)
	s, err := Open(Config{Socket: path, Owner: owner, IOTimeout: f.io, Ports: Ports{Node: f, Sites: f, Policies: f, Alerts: f, Query: f, Replays: f, Metrics: metrics}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c := NewClient(path)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		_ = c.Close()
	})
	return c, path
}

func TestEveryRouteAnswersItsClientCall(t *testing.T) {
	f := &fake{}
	c, _ := serve(t, f, os.Getuid())
	ctx := t.Context()
	ok := func(name string, got, want any, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s: got %v (%v), want %v", name, got, err, want)
		}
	}
	st, err := c.Status(ctx)
	ok("status", st.Site, "440106", err)
	h, err := c.Health(ctx)
	ok("health", h.Status, "ok", err)
	m, err := c.Metrics(ctx)
	ok("metrics", string(m), "up 1\n", err)
	top, err := c.Topology(ctx)
	ok("topology", top.Site, "440106", err)
	inv, err := c.Invite(ctx, InviteRequest{Purpose: "site", Site: "440106"})
	ok("invite", inv.ID, "i1", err)
	ok("invite ttl", f.last.(InviteRequest).TTL, 24*time.Hour, nil)
	invs, err := c.Invites(ctx)
	ok("invites", len(invs), 1, err)
	ss, err := c.Sites(ctx)
	ok("sites", len(ss), 1, err)
	s, err := c.ApproveSite(ctx, "440106")
	ok("approve", s.State, "approved", err)
	s, err = c.RejectSite(ctx, "440106", "unknown key")
	ok("reject", s.State+s.Reason, "rejectedunknown key", err)
	s, err = c.RevokeSite(ctx, "440106", "")
	ok("revoke", s.State, "revoked", err)
	gone, err := c.RemoveNode(ctx, "n2", "disk")
	ok("remove node", gone, NodeRemoval{Node: "n2", Revoked: true}, err)
	p, err := c.IssuePolicy(ctx, PolicyRequest{Kind: "ruleset", Name: "base", Body: []byte("x")})
	ok("issue", p.Version, uint64(1), err)
	ps, err := c.Policies(ctx)
	ok("policies", len(ps), 1, err)
	p, err = c.Policy(ctx, "440000", "ruleset", "a/b c")
	ok("policy", p.Issuer+p.Kind+p.Name, "440000ruleseta/b c", err)
	pst, err := c.PolicyStatus(ctx, "", "ruleset", "base")
	ok("policy status", pst.Policy.Name, "base", err)
	f.rows = []Alert{{ID: "a"}}
	since := time.Date(2026, 11, 21, 1, 2, 3, 4, time.UTC)
	page, err := c.Alerts(ctx, AlertFilter{Origin: "440106", Expr: "sid=1", Since: since, Limit: 7})
	ok("alerts", len(page.Alerts), 1, err)
	ok("filter", f.last, AlertFilter{Origin: "440106", Expr: "sid=1", Since: since, Limit: 7}, nil)
	ids, err := c.AllAlertIDs(ctx, AlertFilter{})
	ok("ids", len(ids), 3, err)
	q, err := c.Query(ctx, QueryRequest{Expr: "severity=1"})
	ok("query", q.ID, "q", err)
	ok("query defaults", f.last, QueryRequest{Expr: "severity=1", Deadline: queryDeadline, Limit: pageDefault}, nil)
	r, err := c.StartReplay(ctx, ReplayRequest{Path: "/x.pcap"})
	ok("replay", r.State, "running", err)
	r, err = c.StartReplay(ctx, ReplayRequest{Path: "/x.pcap", Wait: true})
	ok("replay wait", r.State, "done", err)
	rs, err := c.Replays(ctx)
	ok("replays", len(rs), 1, err)
	r, err = c.Replay(ctx, "r9", true)
	ok("replay of id", r.ID+r.State, "r9done", err)
	r, err = c.CancelReplay(ctx, "r9")
	ok("cancel", r.State, "cancelled", err)
	e, err := c.Enforcement(ctx)
	ok("enforcement", e.Mode, "off", err)
	b, err := c.Balance(ctx)
	ok("balance", b.Site, "440106", err)
}

func TestACallMayTakeLongerThanItsRequest(t *testing.T) {
	f := &fake{io: 50 * time.Millisecond, slow: 300 * time.Millisecond}
	c, _ := serve(t, f, os.Getuid())
	for range 2 { // also on a connection that was used before
		if q, err := c.Query(t.Context(), QueryRequest{Expr: "x"}); err != nil || q.ID != "q" {
			t.Errorf("%+v, %v", q, err)
		}
	}
}

func TestTailStandsBeforeItDelivers(t *testing.T) {
	f := &fake{rows: []Alert{{ID: "a"}, {ID: "b"}}}
	c, _ := serve(t, f, os.Getuid())
	ready, enough := false, errors.New("enough")
	var got []string
	err := c.TailAlerts(t.Context(), TailRequest{After: TailStart}, func() { ready = true }, func(a Alert) error {
		if got = append(got, a.ID); len(got) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !ready || strings.Join(got, "") != "ab" {
		t.Fatalf("got %v, ready %v, error %v", got, ready, err)
	}
	if f.last != (TailRequest{After: TailStart}) {
		t.Fatalf("request: %+v", f.last)
	}
}

func TestBadRequestsAreRefusedWithACode(t *testing.T) {
	f := &fake{}
	c, _ := serve(t, f, os.Getuid())
	ctx := t.Context()
	bad := func(name string, want Code, err error) {
		t.Helper()
		if CodeOf(err) != want {
			t.Errorf("%s: got %v (code %q), want code %q", name, err, CodeOf(err), want)
		}
	}
	_, err := c.Invite(ctx, InviteRequest{Purpose: "tea"})
	bad("purpose", CodeBadRequest, err)
	_, err = c.Invite(ctx, InviteRequest{Purpose: "site"})
	bad("site missing", CodeBadRequest, err)
	_, err = c.Invite(ctx, InviteRequest{Purpose: "node", TTL: 365 * 24 * time.Hour})
	bad("ttl", CodeBadRequest, err)
	_, err = c.IssuePolicy(ctx, PolicyRequest{Kind: "ruleset"})
	bad("no name", CodeBadRequest, err)
	_, err = c.Alerts(ctx, AlertFilter{Limit: pageMax + 1})
	bad("limit", CodeBadRequest, err)
	_, err = c.Alerts(ctx, AlertFilter{Expr: strings.Repeat("a", exprBytesMax+1)})
	bad("long expression", CodeTooLarge, err)
	_, err = c.Query(ctx, QueryRequest{Deadline: time.Hour})
	bad("deadline", CodeBadRequest, err)
	_, err = c.StartReplay(ctx, ReplayRequest{Path: "x.pcap"})
	bad("relative path", CodeBadRequest, err)
	_, err = c.StartReplay(ctx, ReplayRequest{Path: "/x.pcap", Speed: -1})
	bad("speed", CodeBadRequest, err)
	_, err = post[Status](ctx, c, RouteQuery, map[string]any{"exprr": "x"})
	bad("unknown key", CodeBadRequest, err)
	_, err = get[Status](ctx, c, RouteAlerts, values("colour", "red"))
	bad("unknown parameter", CodeBadRequest, err)
	_, err = get[Status](ctx, c, "/v9/status", nil)
	bad("unknown route", CodeNoSuchRoute, err)
	_, err = post[Status](ctx, c, RouteStatus, nil)
	bad("method", CodeBadMethod, err)
	_, err = c.IssuePolicy(ctx, PolicyRequest{Kind: "ruleset", Name: "x", Body: make([]byte, bodyBytesMax)})
	bad("too large", CodeTooLarge, err)
	f.err = Problemf(CodeNoQuorum, "wait", "no leader")
	_, err = c.Status(ctx)
	bad("port's problem", CodeNoQuorum, err)
	if err.Error() != "no leader (wait)" {
		t.Errorf("text: %q", err)
	}
	bad("tail", CodeNoQuorum, c.TailAlerts(ctx, TailRequest{}, nil, func(Alert) error { return nil }))
	f.err = errors.New("odd")
	_, err = c.Sites(ctx)
	bad("port's error", CodeInternal, err)
	f.err = context.DeadlineExceeded
	_, err = c.Sites(ctx)
	bad("deadline passed", CodeTimeout, err)
}

func TestOnlyOwnerAndRootAreServed(t *testing.T) {
	s := &Server{cfg: Config{Owner: 1000}, slots: make(chan struct{}, 1)}
	s.cfg.Logger = discard()
	h := s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	try := func(who caller, want int) {
		t.Helper()
		r := httptest.NewRequest("GET", RouteStatus, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
		if w.Code != want {
			t.Errorf("uid %d, error %v: status %d, want %d", who.uid, who.err, w.Code, want)
		}
	}
	try(caller{uid: 1000}, 200)
	try(caller{uid: 0}, 200)
	try(caller{uid: 1001}, 403)
	try(caller{uid: 1000, err: errors.New("unknown")}, 403)
	s.slots <- struct{}{}
	try(caller{uid: 0}, 429)
}

func TestSocketIsPrivateAndGoesAway(t *testing.T) {
	_, path := serve(t, &fake{}, os.Getuid())
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, error %v", fi.Mode(), err)
	}
	_, err = NewClient(filepath.Join(filepath.Dir(path), "none.sock")).Status(t.Context())
	if CodeOf(err) != CodeNotRunning {
		t.Fatalf("nobody there: %v", err)
	}
	stale := filepath.Join(filepath.Dir(path), "stale.sock")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
	if _, err := NewClient(stale).Status(t.Context()); CodeOf(err) != CodeNotRunning {
		t.Fatalf("stale socket: %v", err)
	}
	s, err := Open(Config{Socket: stale})
	if err != nil {
		t.Fatalf("open over a stale socket: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Socket: filepath.Join(path, strings.Repeat("x", 200))}); CodeOf(err) != CodeBadRequest {
		t.Fatalf("long path: %v", err)
	}
}
