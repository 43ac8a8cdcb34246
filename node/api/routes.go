package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// route is one line of the route table.
type route struct {
	method, path string
	handle       func(*Server) http.HandlerFunc
}

// routeTable returns every route there is, read top to bottom.
func routeTable() []route {
	return []route{
		{"GET", RouteStatus, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Node.Status(r.Context()) })},
		{"GET", RouteHealth, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Node.Health(r.Context()) })},
		{"GET", RouteMetrics, metrics},
		{"GET", RouteTopology, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Node.Topology(r.Context()) })},
		{"GET", RouteEnforcement, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Node.Enforcement(r.Context()) })},
		{"GET", RouteBalance, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Node.Balance(r.Context()) })},
		{"POST", RouteInvites, read(invite)},
		{"GET", RouteInvites, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Sites.Invites(r.Context()) })},
		{"GET", RouteSites, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Sites.Sites(r.Context()) })},
		{"POST", RouteSiteApprove, read(decide("approved"))},
		{"POST", RouteSiteReject, read(decide("rejected"))},
		{"POST", RouteSiteRevoke, read(decide("revoked"))},
		{"DELETE", RouteNode, read(func(s *Server, r *http.Request) (any, error) {
			return s.cfg.Ports.Sites.RemoveNode(r.Context(), r.PathValue("node"), r.URL.Query().Get("reason"))
		})},
		{"POST", RoutePolicies, read(issue)},
		{"GET", RoutePolicies, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Policies.Policies(r.Context()) })},
		{"GET", RoutePolicy, read(policy)},
		{"GET", RoutePolicyStatus, read(policyStatus)},
		{"GET", RouteAlerts, read(alerts)},
		{"GET", RouteAlertTail, tail},
		{"POST", RouteQuery, read(query)},
		{"POST", RouteReplays, read(startReplay)},
		{"GET", RouteReplays, read(func(s *Server, r *http.Request) (any, error) { return s.cfg.Ports.Replays.Replays(r.Context()) })},
		{"GET", RouteReplay, read(replay)},
		{"DELETE", RouteReplay, read(func(s *Server, r *http.Request) (any, error) {
			return s.cfg.Ports.Replays.Cancel(r.Context(), r.PathValue("id"))
		})},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	paths := map[string]bool{}
	for _, r := range routeTable() {
		mux.HandleFunc(r.method+" "+r.path, r.handle(s))
		paths[r.path] = true
	}
	for p := range paths { // what no method above takes
		mux.HandleFunc(p, func(w http.ResponseWriter, r *http.Request) {
			s.refuse(w, Problemf(CodeBadMethod, "", "%s does not take %s", r.URL.Path, r.Method))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, Problemf(CodeNoSuchRoute, "is the node of the same version?", "no route %s", r.URL.Path))
	})
	return mux
}

// read makes a handler of a function that answers one value. The time limit covers the longest thing a call may wait for, except a replay.
func read(f func(*Server, *http.Request) (any, error)) func(*Server) http.HandlerFunc {
	return func(s *Server) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !waits(r) {
				ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
				defer cancel()
				r = r.WithContext(ctx)
			}
			v, err := f(s, r)
			if err != nil {
				s.refuseError(w, r, err)
				return
			}
			b, err := json.Marshal(v)
			if err != nil {
				s.refuseError(w, r, err)
				return
			}
			s.answer(w)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(append(b, '\n')) // the caller has gone: nobody to tell
		}
	}
}

// waits says whether a call may last as long as the caller stays: replays run for hours when paced.
func waits(r *http.Request) bool {
	return r.Pattern == "POST "+RouteReplays || r.Pattern == "GET "+RouteReplay
}

func (s *Server) refuseError(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &tooLarge):
		p = Problemf(CodeTooLarge, "", "the request is over %d bytes", tooLarge.Limit)
	case errors.Is(err, context.DeadlineExceeded):
		p = Problemf(CodeTimeout, "look again: it may have been done", "the node did not finish in time: %v", err)
	case errors.Is(err, context.Canceled):
		p = Problemf(CodeUnavailable, "", "the call was cut off")
	default:
		s.cfg.Logger.Error("local API call broke", "route", r.Pattern, "error", err)
		p = Problemf(CodeInternal, "", "%v", err)
	}
	s.refuse(w, p)
}

func (s *Server) refuse(w http.ResponseWriter, p *Problem) {
	b, err := json.Marshal(p)
	if err != nil { // a Problem is three strings
		b = []byte(`{"code":"internal","message":"the refusal has no text"}`)
	}
	s.answer(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus(p.Code))
	_, _ = w.Write(append(b, '\n'))
}

// tail streams alerts as they are committed.
func tail(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := known(r, "after", "origin", "q"); err != nil {
			s.refuseError(w, r, err)
			return
		}
		q := r.URL.Query()
		out := http.NewResponseController(w)
		standing := false
		enc := json.NewEncoder(w)
		err := s.cfg.Ports.Alerts.Tail(r.Context(), TailRequest{After: q.Get("after"), Origin: q.Get("origin"), Expr: q.Get("q")}, func(as []Alert) error {
			if !standing {
				standing = true
				w.Header().Set("Content-Type", "application/x-ndjson")
				w.WriteHeader(http.StatusOK)
			}
			s.answer(w) // a reader that takes nothing for so long is gone
			for i := range as {
				if err := enc.Encode(&as[i]); err != nil {
					return err
				}
			}
			return out.Flush()
		})
		if err != nil && !standing {
			s.refuseError(w, r, err)
		} else if err != nil && r.Context().Err() == nil {
			s.cfg.Logger.Debug("alert tail ended", "error", err)
		}
	}
}

func metrics(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.answer(w)
		s.cfg.Ports.Metrics.ServeHTTP(w, r)
	}
}
