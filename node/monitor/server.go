package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits of the monitoring page: it answers scrapers, nobody else.
const (
	headerBytesMax  = 16 << 10
	requestBudget   = 10 * time.Second
	shutdownBudget  = 2 * time.Second
	idleConnections = 60 * time.Second
)

// Server serves /metrics and /healthz.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen takes the address; Run serves on it.
func Listen(address string, r *Registry, h *Health) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w; change metrics.listen or free the port", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.Handler())
	mux.HandleFunc("GET /healthz", h.serve)
	return &Server{l, &http.Server{
		Handler: mux, MaxHeaderBytes: headerBytesMax, ReadHeaderTimeout: requestBudget, ReadTimeout: requestBudget,
		WriteTimeout: requestBudget, IdleTimeout: idleConnections,
	}}, nil
}

// Addr is the address taken.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then lets running requests finish for a moment. It returns nil when ctx ended it.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() }) // ends Serve below, which reports
	defer stop()
	err := s.http.Serve(s.listener)
	if ctx.Err() == nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownBudget)
	defer cancel()
	if err := s.http.Shutdown(end); err != nil && !errors.Is(err, net.ErrClosed) {
		return errors.Join(fmt.Errorf("stop serving metrics: %w", err), s.http.Close())
	}
	return nil
}

// Close frees the address of a Server whose Run was never called. Closing twice is fine.
func (s *Server) Close() error {
	if err := s.http.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close metrics server: %w", err)
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close metrics listener: %w", err)
	}
	return nil
}

// serve answers 200 while the node does its work, also when degraded, and 503 when a part is failing.
func (h *Health) serve(w http.ResponseWriter, req *http.Request) {
	type finding struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		Detail string `json:"detail,omitempty"`
	}
	r := h.Report(req.Context())
	body := struct {
		Status string    `json:"status"`
		Checks []finding `json:"checks"`
	}{r.State.String(), []finding{}}
	for _, f := range r.Findings {
		body.Checks = append(body.Checks, finding{f.Name, f.State.String(), f.Detail})
	}
	w.Header().Set("Content-Type", "application/json")
	if r.State == Failing {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body) // a scraper that went away is no error of ours
}
