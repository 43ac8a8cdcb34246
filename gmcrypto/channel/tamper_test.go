package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fengsui/gmcrypto/identity"
)

// wire changes or records what one side writes; each message is one Write.
type wire struct {
	net.Conn
	change func(n int, b []byte) []byte // n counts messages of this side; nil result: drop

	mu   sync.Mutex
	sent [][]byte
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	n := len(w.sent)
	w.sent = append(w.sent, bytes.Clone(b))
	w.mu.Unlock()
	out := b
	if w.change != nil {
		out = w.change(n, bytes.Clone(b))
	}
	if len(out) > 0 {
		if _, err := w.Conn.Write(out); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// cachedVerify shares one trust, so that thousands of handshakes do not verify
// the same certificates again.
func (h *house) cachedVerify() func([]*identity.Certificate) (identity.Peer, error) {
	trust := identity.NewTrust(h.root)
	return func(chain []*identity.Certificate) (identity.Peer, error) { return trust.Verify(chain, h.now) }
}

// attempt runs a handshake in a bubble of fake time, with the messages of each
// side passed through a function.
func attempt(t *testing.T, client, server Config, fromClient, fromServer func(int, []byte) []byte) (c, s outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cc, sc := net.Pipe()
		ch, sh := sides(client, server)
		c, s = handshakeOn(t, ch, sh, &wire{Conn: cc, change: fromClient}, &wire{Conn: sc, change: fromServer})
	})
	return c, s
}

// Every byte of every handshake message is changed, in three ways: no pair of
// sides may come to a session, and none may hang.
func TestTamperEveryByte(t *testing.T) {
	h := newHouse(t)
	client, server := h.config(h.cityN), h.config(h.province)
	client.Verify, server.Verify = h.cachedVerify(), h.cachedVerify()

	cc, sc := net.Pipe()
	tapC, tapS := &wire{Conn: cc}, &wire{Conn: sc}
	ch, sh := sides(client, server)
	if c, s := handshakeOn(t, ch, sh, tapC, tapS); c.err != nil || s.err != nil {
		t.Fatal(c.err, s.err)
	}
	messages := []struct {
		name       string
		fromClient bool
		n, size    int
	}{
		{"hello", true, 0, len(tapC.sent[0])},
		{"reply", false, 0, len(tapS.sent[0])},
		{"confirm", true, 1, len(tapC.sent[1])},
	}
	for _, m := range messages {
		t.Run(m.name, func(t *testing.T) {
			masks := []byte{0x01, 0x80, 0xff}
			if testing.Short() {
				masks = masks[:1]
			}
			for i := range m.size {
				for _, mask := range masks {
					change := func(n int, b []byte) []byte {
						if n == m.n {
							b[i] ^= mask
						}
						return b
					}
					var c, s outcome
					if m.fromClient {
						c, s = attempt(t, client, server, change, nil)
					} else {
						c, s = attempt(t, client, server, nil, change)
					}
					if m.name == "confirm" {
						// The client is done when it has sent this; the server must refuse.
						if s.err == nil {
							t.Fatalf("byte %d ^ %#x: the server agreed", i, mask)
						}
						continue
					}
					if c.err == nil || s.err == nil {
						t.Fatalf("byte %d ^ %#x: client %v, server %v", i, mask, c.err, s.err)
					}
				}
			}
		})
	}
}

// Each message cut short or dropped, with the line left open (the deadline must
// end it) or the line dead.
func TestCutMessages(t *testing.T) {
	h := newHouse(t)
	client, server := h.config(h.cityN), h.config(h.province)
	client.Verify, server.Verify = h.cachedVerify(), h.cachedVerify()
	for _, keep := range []int{0, 1, 7, 8, 9, 39, 100, 500} {
		for message := range 3 {
			cut := func(n int, b []byte) []byte {
				if n == message/2 {
					return b[:min(keep, len(b)-1)]
				}
				return b
			}
			var c, s outcome
			if message == 1 {
				c, s = attempt(t, client, server, nil, cut)
			} else {
				c, s = attempt(t, client, server, cut, nil)
			}
			if s.err == nil || c.err == nil && message != 2 {
				t.Fatalf("message %d cut to %d: client %v, server %v", message+1, keep, c.err, s.err)
			}
		}
	}
}

func TestSilentPeer(t *testing.T) {
	h := newHouse(t)
	for _, f := range []func(context.Context, net.Conn, Config) (*Session, error){Client, Server} {
		synctest.Test(t, func(t *testing.T) {
			cc, sc := net.Pipe()
			defer func() { _ = sc.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			_, err := f(ctx, cc, h.config(h.cityN))
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
		})
		synctest.Test(t, func(t *testing.T) { // no deadline in the context
			cc, sc := net.Pipe()
			defer func() { _ = sc.Close() }()
			start := time.Now()
			if _, err := f(context.Background(), cc, h.config(h.cityN)); err == nil || time.Since(start) != HandshakeTimeMax {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
		})
		synctest.Test(t, func(t *testing.T) { // cancelled on the way
			cc, sc := net.Pipe()
			defer func() { _ = sc.Close() }()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := f(ctx, cc, h.config(h.cityN)); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := f(ctx, cc, h.config(h.cityN)); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		})
	}
}

// After the handshake the deadline is gone and no byte too many was read.
func TestHandshakeLeavesConnClean(t *testing.T) {
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		cc, sc := net.Pipe()
		ch, sh := sides(h.config(h.cityN), h.config(h.province))
		if c, s := handshakeOn(t, ch, sh, cc, sc); c.err != nil || s.err != nil {
			t.Fatal(c.err, s.err)
		}
		<-time.After(time.Hour) // fake time: any deadline left over has passed
		go func() { _, _ = cc.Write([]byte("next")) }()
		b := make([]byte, 4)
		if _, err := io.ReadFull(sc, b); err != nil || string(b) != "next" {
			t.Fatal(string(b), err)
		}
	})
}

func TestReplayedClient(t *testing.T) {
	h := newHouse(t)
	cc, sc := net.Pipe()
	tap := &wire{Conn: cc}
	ch, sh := sides(h.config(h.cityN), h.config(h.province))
	if c, s := handshakeOn(t, ch, sh, tap, sc); c.err != nil || s.err != nil {
		t.Fatal(c.err, s.err)
	}
	cc, sc = net.Pipe()
	go func() {
		go func() { _, _ = io.Copy(io.Discard, cc) }()
		for _, m := range tap.sent {
			_, _ = cc.Write(m)
		}
	}()
	_, sh = sides(Config{}, h.config(h.province))
	if _, err := run(t.Context(), sc, sh); !errors.Is(err, ErrConfirm) {
		t.Fatalf("a replayed client got: %v", err)
	}
	_ = sc.Close()
}

// A client whose own messages come back to it must not agree with itself; with
// the type repaired the ephemeral point gives it away.
func TestReflection(t *testing.T) {
	h := newHouse(t)
	for _, repair := range []bool{false, true} {
		cc, sc := net.Pipe()
		go func() {
			m := make([]byte, 16<<10)
			n, _ := sc.Read(m)
			m = m[:n]
			if repair { // hello: suite, RA, chain → reply: RB, chain, SB
				body := slices.Concat(m[12:], make([]byte, confirmSize))
				m = refFrame(typeReply, body)
			}
			_, _ = sc.Write(m)
			_, _ = io.Copy(io.Discard, sc)
		}()
		_, err := Client(t.Context(), cc, h.config(h.cityN))
		want := ErrMalformed
		if repair {
			want = ErrSelf
		}
		if !errors.Is(err, want) {
			t.Errorf("repair %v: %v, want %v", repair, err, want)
		}
		_ = cc.Close()
	}
}

func TestSameRole(t *testing.T) {
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		cc, sc := net.Pipe()
		a, _ := sides(h.config(h.cityN), Config{})
		b, _ := sides(h.config(h.province), Config{})
		if c, s := handshakeOn(t, a, b, cc, sc); c.err == nil || s.err == nil {
			t.Fatal("two clients agreed")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		cc, sc := net.Pipe()
		_, a := sides(Config{}, h.config(h.cityN))
		_, b := sides(Config{}, h.config(h.province))
		c, s := handshakeOn(t, a, b, cc, sc)
		if !errors.Is(c.err, context.DeadlineExceeded) && !errors.Is(s.err, context.DeadlineExceeded) {
			t.Fatal("two servers: ", c.err, s.err)
		}
	})
}

// Two handshakes at once, their messages crossed by a man in the middle.
func TestCrossedSessions(t *testing.T) {
	h := newHouse(t)
	var replies [2]chan []byte
	for i := range replies {
		replies[i] = make(chan []byte, 1)
	}
	results := make(chan outcome, 4)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for i := range 2 {
		cc, sc := net.Pipe()
		exchange := func(_ int, b []byte) []byte {
			if b[5] != typeReply {
				return b
			}
			replies[1-i] <- b
			return <-replies[i]
		}
		ch, sh := sides(h.config(h.cityN), h.config(h.province))
		for _, side := range []func(){
			func() {
				s, err := run(ctx, cc, ch)
				_ = cc.Close()
				results <- outcome{s, err}
			},
			func() {
				s, err := run(ctx, &wire{Conn: sc, change: exchange}, sh)
				_ = sc.Close()
				results <- outcome{s, err}
			},
		} {
			go side()
		}
	}
	for range 4 {
		if r := <-results; r.err == nil {
			t.Error("a side agreed although the replies were exchanged")
		}
	}
}

func TestRandomBytesAsPeer(t *testing.T) {
	h := newHouse(t)
	for range 50 {
		noise := make([]byte, 2000)
		_, _ = rand.Read(noise)
		for _, f := range []func(context.Context, net.Conn, Config) (*Session, error){Client, Server} {
			cc, sc := net.Pipe()
			go func() {
				go func() { _, _ = io.Copy(io.Discard, sc) }()
				_, _ = sc.Write(noise)
				_ = sc.Close()
			}()
			if _, err := f(t.Context(), cc, h.config(h.cityN)); !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			_ = cc.Close()
		}
	}
}
