package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fengsui/federation/link"
	"fengsui/federation/link/linktest"
	"fengsui/gmcrypto/identity"
)

func TestMain(m *testing.M) {
	if err := linktest.WarmUp(); err != nil {
		panic(err)
	}
	code := m.Run()
	if left := linktest.Goroutines(5 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines left behind:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

type (
	cert = identity.Certificate
	peer = identity.Peer
)

// kindEcho is served by every test node unless it says otherwise.
const kindEcho = link.KindMember

func logger(tb testing.TB) *slog.Logger {
	if os.Getenv("LINK_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(testWriter{tb}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testWriter struct{ tb testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	fmt.Fprintf(os.Stderr, "%s %s: %s", time.Now().Format("05.000"), w.tb.Name(), p)
	return len(p), nil
}

// node is a running transport.
type node struct {
	*link.Transport
	id  *linktest.Node
	run chan error
}

func (n *node) target() link.Target {
	return link.Target{Addr: n.Advertise(), Site: n.id.Site, Node: n.id.Name}
}

// anyone is the node's address without a name.
func (n *node) anyone() link.Target { return link.Target{Addr: n.Advertise()} }

// start opens and runs a transport; it is closed with the test.
func start(tb testing.TB, id *linktest.Node, verify func([]*identity.Certificate) (identity.Peer, error), change ...func(*link.Config)) *node {
	tb.Helper()
	cfg := link.Config{Listen: "127.0.0.1:0", Key: id.Key, Chain: id.Chain, Verify: verify, Logger: logger(tb)}
	for _, f := range change {
		f(&cfg)
	}
	tr, err := link.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tr.Handle(kindEcho, nil, echo)
	n := &node{Transport: tr, id: id, run: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { n.run <- tr.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := tr.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
		if err := <-n.run; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	return n
}

func on(addr string) func(*link.Config) { return func(c *link.Config) { c.Listen = addr } }

func echo(_ context.Context, s *link.Stream) {
	if _, err := io.Copy(s, s); err == nil {
		_ = s.CloseWrite()
	}
}

func timeout(tb testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

// callEcho sends p over one new stream and wants it back.
func callEcho(ctx context.Context, from *link.Transport, to link.Target, p []byte) error {
	s, err := from.OpenStream(ctx, to, kindEcho)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if d, ok := ctx.Deadline(); ok {
		_ = s.SetDeadline(d)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Write(p)
		wrote <- errors.Join(err, s.CloseWrite())
	}()
	got, err := io.ReadAll(s)
	if err := errors.Join(<-wrote, err); err != nil {
		return err
	}
	if !bytes.Equal(got, p) {
		return fmt.Errorf("echo of %d bytes differs: got %d", len(p), len(got))
	}
	return nil
}

func mustEcho(tb testing.TB, from, to *node, p []byte) {
	tb.Helper()
	if err := callEcho(timeout(tb, 10*time.Second), from.Transport, to.target(), p); err != nil {
		tb.Fatalf("%s → %s: %v", from.id.Name, to.id.Name, err)
	}
}

// site makes n running nodes of one site.
func site(tb testing.TB, count int) (*linktest.CA, []*node) {
	ca := linktest.Root(tb, "440000")
	var nodes []*node
	for i := range count {
		nodes = append(nodes, start(tb, ca.Node(tb, fmt.Sprintf("n%d", i+1)), linktest.Verify(ca)))
	}
	return ca, nodes
}

// together runs f count times at once and returns the errors.
func together(count int, f func(i int) error) error {
	errs := make([]error, count)
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func wantError(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("error %v, want one that is %v", err, want)
	}
}

var _ net.Error = (*link.DialError)(nil)
