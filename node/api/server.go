package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// socketPathMax is what sun_path holds on Linux, less the closing zero.
const socketPathMax = 107

// Config says where the API listens and what it serves.
type Config struct {
	Socket string // path of the unix socket; its directory must exist and be 0700
	Ports  Ports
	Logger *slog.Logger // nil = discard
	Owner  int          // uid that may call besides root; the node's own
	// IOTimeout is how long a caller may take to send a request, or to take what is written; 0 = 30 s. It says nothing about how long a call
	// may run.
	IOTimeout time.Duration
}

// Server is the listening side.
type Server struct {
	cfg   Config
	ln    net.Listener
	http  *http.Server
	stop  context.CancelFunc // ends the calls being served, tails above all
	slots chan struct{}

	closeOnce sync.Once
}

// Open takes the socket. The caller holds the data directory's lock, so a socket file left by a crash is removed. Nothing is served before Run.
func Open(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.IOTimeout == 0 {
		cfg.IOTimeout = ioTimeout
	}
	if len(cfg.Socket) > socketPathMax {
		return nil, Problemf(CodeBadRequest, "choose a shorter data directory",
			"the path of the API socket %s is %d bytes long, the system allows %d", cfg.Socket, len(cfg.Socket), socketPathMax)
	}
	if err := os.Remove(cfg.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old API socket: %w", err)
	}
	ln, err := net.Listen("unix", cfg.Socket)
	if err != nil {
		return nil, fmt.Errorf("listen on the API socket: %w", err)
	}
	if err := os.Chmod(cfg.Socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the API socket: %w", err), ln.Close())
	}
	base, stop := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, ln: ln, stop: stop, slots: make(chan struct{}, callsMax)}
	s.http = &http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: cfg.IOTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withCaller,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Run serves until ctx ends, then refuses new calls, ends the running ones and returns nil.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.ln) }() // waited for below
	select {
	case err := <-served:
		s.stop()
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	err := s.Close()
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// Close stops listening, ends running calls and waits for them. The socket file goes with the listener. A second call returns nil.
func (s *Server) Close() error {
	var err error
	s.closeOnce.Do(func() {
		s.stop()
		ctx, cancel := context.WithTimeout(context.Background(), shutdownBudget)
		defer cancel()
		if e := s.http.Shutdown(ctx); e != nil {
			err = errors.Join(fmt.Errorf("end running API calls: %w", e), s.http.Close())
		}
		if e := s.ln.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("close the API socket: %w", e))
		}
	})
	return err
}

type callerKey struct{}

// caller is who the kernel says holds the other end of a connection.
type caller struct {
	uid int
	err error
}

func withCaller(ctx context.Context, c net.Conn) context.Context {
	uid, err := peerUID(c)
	return context.WithValue(ctx, callerKey{}, caller{uid, err})
}

// timedBody is a request body that must come within the I/O timeout. http.Server.ReadTimeout would do the same, and besides end every call that takes
// longer: its deadline also meets the read by which the server notices that a caller has gone.
type timedBody struct {
	io.ReadCloser
	out *http.ResponseController
}

func (s *Server) timed(w http.ResponseWriter, body io.ReadCloser) io.ReadCloser {
	out := http.NewResponseController(w)
	if body == http.NoBody {
		return body
	}
	_ = out.SetReadDeadline(time.Now().Add(s.cfg.IOTimeout)) // not a connection (a test's recorder): nothing to limit
	return timedBody{body, out}
}

// Read reads on, and lifts the deadline at the end.
func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.out.SetReadDeadline(time.Time{})
	}
	return n, err
}

// answer limits how long a caller may take to read what is written next.
func (s *Server) answer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.IOTimeout)) // as above
}

// guard lets only the owner and root in, limits calls at once and request bodies, and turns a panic of a handler into a refusal.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := r.Context().Value(callerKey{}).(caller)
		if !ok || who.err != nil || who.uid != 0 && who.uid != s.cfg.Owner {
			s.cfg.Logger.Warn("refused a local API caller", "uid", who.uid, "error", who.err)
			s.refuse(w, Problemf(CodeNotAllowed, "run the command as the user that runs the node, or as root", "the local API serves its owner only"))
			return
		}
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			s.refuse(w, Problemf(CodeBusy, "try again in a moment", "more than %d calls at once", callsMax))
			return
		}
		defer func() {
			if p := recover(); p != nil {
				s.cfg.Logger.Error("local API handler panicked", "route", r.Pattern, "panic", fmt.Sprint(p))
				s.refuse(w, Problemf(CodeInternal, "this is a bug: please report it", "the call broke inside the node"))
			}
		}()
		r.Body = http.MaxBytesReader(w, s.timed(w, r.Body), bodyBytesMax)
		next.ServeHTTP(w, r)
	})
}
