package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

const testYear = 365 * 24 * time.Hour

// house is a province, a city and a county with a node each.
type house struct {
	now              time.Time
	root             *identity.Certificate
	rootKey, cityKey *gmcrypto.PrivateKey
	city             *identity.Certificate
	province, cityN  member
}

// member is a node with its key and chain.
type member struct {
	key   *gmcrypto.PrivateKey
	chain []*identity.Certificate
}

func newKey(t testing.TB) *gmcrypto.PrivateKey {
	t.Helper()
	k, err := gmcrypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
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

func newHouse(t testing.TB) *house {
	t.Helper()
	cert := must[*identity.Certificate](t)
	h := &house{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	from := h.now.Add(-time.Hour)
	h.rootKey, h.cityKey = newKey(t), newKey(t)
	h.root = cert(identity.NewRoot(h.rootKey, "440000", "广东省", from, 20*testYear))
	h.city = cert(identity.IssueSite(h.rootKey, h.root, "440100", "广州市", h.cityKey.Public(), from, 10*testYear))
	pk, ck := newKey(t), newKey(t)
	h.province = member{pk, []*identity.Certificate{cert(identity.IssueNode(h.rootKey, h.root, "n1", pk.Public(), from, testYear)), h.root}}
	h.cityN = member{ck, []*identity.Certificate{cert(identity.IssueNode(h.cityKey, h.city, "n1", ck.Public(), from, testYear)), h.city, h.root}}
	return h
}

func (h *house) verify(chain []*identity.Certificate) (identity.Peer, error) {
	return identity.NewTrust(h.root).Verify(chain, h.now)
}

func (h *house) config(m member) Config {
	return Config{Key: m.key, Chain: m.chain, Verify: h.verify, Binding: bytes.Repeat([]byte{7}, 32)}
}

type outcome struct {
	s   *Session
	err error
}

// handshakeOn runs both sides over the two ends of a connection; a side that
// fails closes its end, as link does.
func handshakeOn(t testing.TB, client, server handshake, cc, sc net.Conn) (c, s outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	done := make(chan outcome, 1)
	go func() {
		sess, err := run(ctx, sc, server)
		if err != nil {
			_ = sc.Close()
		}
		done <- outcome{sess, err}
	}()
	sess, err := run(ctx, cc, client)
	if err != nil {
		_ = cc.Close()
	}
	return outcome{sess, err}, <-done
}

func sides(client, server Config) (handshake, handshake) {
	return handshake{cfg: client, client: true, random: rand.Reader}, handshake{cfg: server, random: rand.Reader}
}

// sessions makes a pair of sessions between the city's node (client) and the
// province's (server).
func sessions(t testing.TB) (client, server *Session) {
	t.Helper()
	h := newHouse(t)
	cc, sc := net.Pipe()
	ch, sh := sides(h.config(h.cityN), h.config(h.province))
	c, s := handshakeOn(t, ch, sh, cc, sc)
	if c.err != nil || s.err != nil {
		t.Fatalf("client: %v; server: %v", c.err, s.err)
	}
	return c.s, s.s
}

func TestHandshakeAndStream(t *testing.T) {
	client, server := sessions(t)
	if client.Peer().String() != "440000/n1" || server.Peer().String() != "440100/n1" {
		t.Fatalf("peers are %v and %v", client.Peer(), server.Peer())
	}
	if !bytes.Equal(client.Export("x", 32), server.Export("x", 32)) {
		t.Fatal("exports differ")
	}
	cc, sc := net.Pipe()
	a, b := client.Stream(cc, 4, true), server.Stream(sc, 4, false)
	want := bytes.Repeat([]byte("烽燧"), 100_000)
	go func() {
		_, _ = a.Write(want)
		_ = a.CloseWrite()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %d of %d bytes: %v", len(got), len(want), err)
	}
	p := client.Datagrams().Seal(nil, []byte("hello"))
	if q, err := server.Datagrams().Open(nil, p); err != nil || string(q) != "hello" {
		t.Fatalf("datagram: %q %v", q, err)
	}
}

// hkdfStream is the pair of secrets of a stream, for tests that play the peer.
func hkdfStream(s *Session, id uint64) []byte {
	info := binary.BigEndian.AppendUint64([]byte(labelStream), id)
	return gmcrypto.HKDFSM3(s.master[:], nil, string(info), 64)
}
