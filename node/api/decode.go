package api

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// body reads one JSON value and nothing after it; unknown keys are refused so that a misspelt one is not silently ignored.
func body[T any](r *http.Request) (T, error) {
	var v T
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return v, err
		}
		return v, Problemf(CodeBadRequest, "", "read the request at byte %d: %v", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, Problemf(CodeBadRequest, "", "read the request: more than one value")
	}
	return v, nil
}

// known refuses URL parameters that are not in names.
func known(r *http.Request, names ...string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(names, name) {
			return Problemf(CodeBadRequest, "", "unknown parameter %q", name)
		}
	}
	return nil
}

func invite(s *Server, r *http.Request) (any, error) {
	in, err := body[InviteRequest](r)
	if err != nil {
		return nil, err
	}
	switch in.Purpose {
	case "site":
		if in.Site == "" {
			return nil, Problemf(CodeBadRequest, "", "an invite for a site needs the site's code")
		}
	case "node":
		if in.Site != "" || in.Approve {
			return nil, Problemf(CodeBadRequest, "", "an invite for a node takes neither site nor approve")
		}
	default:
		return nil, Problemf(CodeBadRequest, "", "purpose is %q, want site or node", in.Purpose)
	}
	if in.TTL == 0 {
		in.TTL = inviteDefault
	}
	if in.TTL < time.Minute || in.TTL > inviteMax {
		return nil, Problemf(CodeBadRequest, "", "an invite lasts between a minute and %d days, not %v", int(inviteMax.Hours()/24), in.TTL)
	}
	return s.cfg.Ports.Sites.Invite(r.Context(), in)
}

func decide(state string) func(*Server, *http.Request) (any, error) {
	return func(s *Server, r *http.Request) (any, error) {
		in, err := body[Decision](r)
		if err != nil {
			return nil, err
		}
		return s.cfg.Ports.Sites.Decide(r.Context(), r.PathValue("site"), state, in.Reason)
	}
}

func issue(s *Server, r *http.Request) (any, error) {
	in, err := body[PolicyRequest](r)
	if err != nil {
		return nil, err
	}
	if in.Kind == "" || in.Name == "" {
		return nil, Problemf(CodeBadRequest, "", "a policy needs a kind and a name")
	}
	return s.cfg.Ports.Policies.Issue(r.Context(), in)
}

func policy(s *Server, r *http.Request) (any, error) {
	if err := known(r, "issuer"); err != nil {
		return nil, err
	}
	return s.cfg.Ports.Policies.Policy(r.Context(), r.URL.Query().Get("issuer"), r.PathValue("kind"), r.PathValue("name"))
}

func policyStatus(s *Server, r *http.Request) (any, error) {
	if err := known(r, "issuer"); err != nil {
		return nil, err
	}
	return s.cfg.Ports.Policies.PolicyStatus(r.Context(), r.URL.Query().Get("issuer"), r.PathValue("kind"), r.PathValue("name"))
}

func alerts(s *Server, r *http.Request) (any, error) {
	if err := known(r, "origin", "q", "since", "until", "after", "limit", "form", "newest"); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	f := AlertFilter{Origin: q.Get("origin"), Expr: q.Get("q"), After: q.Get("after"), Newest: q.Get("newest") == "true"}
	if f.Newest && f.After != "" {
		return nil, Problemf(CodeBadRequest, "", "newest and after exclude each other")
	}
	if len(f.Expr) > exprBytesMax {
		return nil, Problemf(CodeTooLarge, "", "the expression is over %d bytes", exprBytesMax)
	}
	var err error
	if f.Since, err = instant(q.Get("since"), "since"); err != nil {
		return nil, err
	}
	if f.Until, err = instant(q.Get("until"), "until"); err != nil {
		return nil, err
	}
	form := q.Get("form")
	most := pageMax
	if form == "ids" {
		most = idPageMax
	} else if form != "" {
		return nil, Problemf(CodeBadRequest, "", "form is %q, want ids or nothing", form)
	}
	f.Limit = pageDefault
	if t := q.Get("limit"); t != "" {
		if f.Limit, err = strconv.Atoi(t); err != nil || f.Limit < 1 || f.Limit > most {
			return nil, Problemf(CodeBadRequest, "", "limit is %q, want 1 to %d", t, most)
		}
	}
	if form == "ids" {
		return s.cfg.Ports.Alerts.AlertIDs(r.Context(), f)
	}
	return s.cfg.Ports.Alerts.Alerts(r.Context(), f)
}

func instant(text, name string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, Problemf(CodeBadRequest, "write it as 2006-01-02T15:04:05+08:00", "%s is %q, not a time", name, text)
	}
	return t, nil
}

func query(s *Server, r *http.Request) (any, error) {
	in, err := body[QueryRequest](r)
	if err != nil {
		return nil, err
	}
	if len(in.Expr) > exprBytesMax {
		return nil, Problemf(CodeTooLarge, "", "the expression is over %d bytes", exprBytesMax)
	}
	if in.Deadline == 0 {
		in.Deadline = queryDeadline
	}
	if in.Deadline < 0 || in.Deadline > queryTimeoutMax {
		return nil, Problemf(CodeBadRequest, "", "the deadline is %v, want up to %v", in.Deadline, queryTimeoutMax)
	}
	if in.Limit == 0 {
		in.Limit = pageDefault
	}
	if in.Limit < 0 || in.Limit > queryRowsMax {
		return nil, Problemf(CodeBadRequest, "", "the limit is %d, want 1 to %d", in.Limit, queryRowsMax)
	}
	return s.cfg.Ports.Query.Query(r.Context(), in)
}

func startReplay(s *Server, r *http.Request) (any, error) {
	in, err := body[ReplayRequest](r)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(in.Path) {
		return nil, Problemf(CodeBadRequest, "the node has another working directory than you", "the path %q is not absolute", in.Path)
	}
	if in.Speed < 0 || math.IsNaN(in.Speed) || math.IsInf(in.Speed, 0) || in.Repeat < 0 {
		return nil, Problemf(CodeBadRequest, "", "speed and repeat may not be negative")
	}
	job, err := s.cfg.Ports.Replays.Start(r.Context(), in)
	if err != nil || !in.Wait {
		return job, err
	}
	return s.cfg.Ports.Replays.Wait(r.Context(), job.ID)
}

func replay(s *Server, r *http.Request) (any, error) {
	if err := known(r, "wait"); err != nil {
		return nil, err
	}
	if r.URL.Query().Get("wait") == "true" {
		return s.cfg.Ports.Replays.Wait(r.Context(), r.PathValue("id"))
	}
	return s.cfg.Ports.Replays.Replay(r.Context(), r.PathValue("id"))
}
