package channel

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"fengsui/gmcrypto/identity"
)

func TestConfigRefused(t *testing.T) {
	h := newHouse(t)
	f := func(name string, change func(*Config)) {
		t.Helper()
		for _, client := range []bool{true, false} {
			cfg := h.config(h.cityN)
			change(&cfg)
			cc, sc := net.Pipe()
			run := Server
			if client {
				run = Client
			}
			_, err := run(t.Context(), cc, cfg)
			if !errors.Is(err, ErrConfig) {
				t.Errorf("%s: %v, want %v", name, err, ErrConfig)
			}
			_, _ = cc.Close(), sc.Close()
		}
	}
	f("no key", func(c *Config) { c.Key = nil })
	f("no chain", func(c *Config) { c.Chain = nil })
	f("nil certificate", func(c *Config) { c.Chain = []*identity.Certificate{nil} })
	f("nil authority", func(c *Config) { c.Chain = []*identity.Certificate{c.Chain[0], nil} })
	f("no verify", func(c *Config) { c.Verify = nil })
	f("no binding", func(c *Config) { c.Binding = nil })
	f("short binding", func(c *Config) { c.Binding = make([]byte, BindingBytesMin-1) })
	f("long binding", func(c *Config) { c.Binding = make([]byte, bindingBytesMax+1) })
	f("other key", func(c *Config) { c.Key = h.province.key })
	f("authority as leaf", func(c *Config) { c.Key, c.Chain = h.cityKey, []*identity.Certificate{h.city} })
}

func TestPeersRefused(t *testing.T) {
	h := newHouse(t)
	cert := must[*identity.Certificate](t)
	from := h.now.Add(-time.Hour)
	otherKey := newKey(t)
	otherRoot := cert(identity.NewRoot(otherKey, "450000", "", from, testYear))
	stranger := member{newKey(t), nil}
	stranger.chain = []*identity.Certificate{cert(identity.IssueNode(otherKey, otherRoot, "n1", stranger.key.Public(), from, testYear)), otherRoot}
	lapsed := member{newKey(t), nil}
	lapsed.chain = []*identity.Certificate{cert(identity.IssueNode(h.cityKey, h.city, "n2", lapsed.key.Public(), from, time.Minute)), h.city}
	early := member{newKey(t), nil}
	early.chain = []*identity.Certificate{cert(identity.IssueNode(h.cityKey, h.city, "n3", early.key.Public(), h.now.Add(time.Hour), testYear)), h.city}
	guest := member{newKey(t), nil}
	guest.chain = []*identity.Certificate{cert(identity.Guest(guest.key, "440106", "n1", from))}
	twin := member{h.province.key, []*identity.Certificate{cert(identity.IssueNode(h.cityKey, h.city, "n9", h.province.key.Public(), from, testYear)), h.city}}
	broken := member{h.cityN.key, []*identity.Certificate{h.cityN.chain[0], otherRoot}}

	f := func(name string, bad member, want error) {
		t.Helper()
		for _, asClient := range []bool{true, false} {
			client, server := h.config(h.province), h.config(h.province)
			if asClient {
				client = h.config(bad)
			} else {
				server = h.config(bad)
			}
			c, s := attempt(t, client, server, nil, nil)
			judge, judged := s, c
			if !asClient {
				judge, judged = c, s
			}
			if !errors.Is(judge.err, want) {
				t.Errorf("%s (as client %v): %v, want %v", name, asClient, judge.err, want)
			}
			var refused *RefusedError
			if !errors.As(judged.err, &refused) {
				t.Errorf("%s (as client %v): refused side says %v", name, asClient, judged.err)
			}
		}
	}
	f("wrong root", stranger, identity.ErrUntrusted)
	f("lapsed", lapsed, identity.ErrExpired)
	f("not yet valid", early, identity.ErrNotYetValid)
	f("guest", guest, identity.ErrGuest)
	f("broken chain", broken, ErrPeer)

	// Two names for one key: whoever looks first, the server, finds out.
	c, s := attempt(t, h.config(twin), h.config(h.province), nil, nil)
	var refused *RefusedError
	if !errors.Is(s.err, ErrSelf) || !errors.As(c.err, &refused) || refused.Hint != HintSelf {
		t.Errorf("our own key: client %v, server %v", c.err, s.err)
	}
}

func TestGuestMayDialOnly(t *testing.T) {
	h := newHouse(t)
	key := newKey(t)
	guest := member{key, []*identity.Certificate{must[*identity.Certificate](t)(identity.Guest(key, "440106", "n1", h.now))}}
	open := func(m member) Config {
		cfg := h.config(m)
		cfg.Verify = func(chain []*identity.Certificate) (identity.Peer, error) {
			return identity.NewTrust(h.root).WithGuests().Verify(chain, h.now)
		}
		return cfg
	}
	c, s := attempt(t, open(guest), open(h.cityN), nil, nil)
	if c.err != nil || s.err != nil || s.s.Peer().Role != identity.RoleGuest || s.s.Peer().String() != "440106/n1 (guest)" {
		t.Fatal(c.err, s.err)
	}
	c, s = attempt(t, open(h.cityN), open(guest), nil, nil)
	if !errors.Is(c.err, ErrPeer) || s.err == nil {
		t.Fatalf("a guest was dialled: client %v, server %v", c.err, s.err)
	}
}

// A Verify that answers for somebody else must not be believed.
func TestVerifyAnswersForOther(t *testing.T) {
	h := newHouse(t)
	answers := []identity.Peer{
		{},
		{Site: "440000", Node: "n1", Role: identity.RoleNode, Key: h.cityKey.Public()},
		{Site: "440000", Node: "n1", Role: identity.RoleSite, Key: h.province.key.Public()},
		{Site: "440000", Node: "n1", Role: identity.RoleGuest, Key: h.province.key.Public()},
	}
	for i, answer := range answers {
		client := h.config(h.cityN)
		client.Verify = func([]*identity.Certificate) (identity.Peer, error) { return answer, nil }
		if c, _ := attempt(t, client, h.config(h.province), nil, nil); !errors.Is(c.err, ErrPeer) {
			t.Errorf("answer %d: %v", i, c.err)
		}
	}
}

func TestWrongBinding(t *testing.T) {
	h := newHouse(t)
	for _, binding := range [][]byte{
		bytes.Repeat([]byte{8}, 32),
		bytes.Repeat([]byte{7}, 31),
		bytes.Repeat([]byte{7}, 33),
	} {
		server := h.config(h.province)
		server.Binding = binding
		c, s := attempt(t, h.config(h.cityN), server, nil, nil)
		var refused *RefusedError
		if !errors.Is(c.err, ErrConfirm) || !errors.As(s.err, &refused) || refused.Hint != HintConfirm {
			t.Fatalf("client %v, server %v", c.err, s.err)
		}
	}
}

func TestRefusalsAreHintsOnly(t *testing.T) {
	h := newHouse(t)
	c, s := attempt(t, h.config(h.cityN), h.config(h.province), nil, func(int, []byte) []byte { return newRefusal(HintVersion) })
	var refused *RefusedError
	if !errors.As(c.err, &refused) || refused.Hint != HintVersion || errors.Is(c.err, ErrVersion) {
		t.Fatalf("a forged refusal gives %v", c.err)
	}
	if s.err == nil {
		t.Fatal("the server agreed")
	}
	for hint := range 256 {
		if text := (&RefusedError{Hint: Hint(hint)}).Error(); !strings.Contains(text, "unproven") {
			t.Fatal(text)
		}
	}
}

func TestForeignVersion(t *testing.T) {
	h := newHouse(t)
	set := func(i int, v byte) func(int, []byte) []byte {
		return func(_ int, b []byte) []byte { b[i] = v; return b }
	}
	for name, change := range map[string]func(int, []byte) []byte{"version": set(4, 2), "suite": set(9, 2)} {
		c, s := attempt(t, h.config(h.cityN), h.config(h.province), change, nil)
		var refused *RefusedError
		if !errors.Is(s.err, ErrVersion) || !errors.As(c.err, &refused) || refused.Hint != HintVersion {
			t.Errorf("%s: client %v, server %v", name, c.err, s.err)
		}
	}
}

// A length that promises more than the cap must be refused before memory is
// taken or a byte of body is read.
func TestOversizedMessage(t *testing.T) {
	for _, header := range []string{
		"FSCH\x01\x01\xff\xff", "FSCH\x01\x01\x60\x01", "FSCH\x01\x03\x00\x21",
		"FSCH\x01\x03\x00\x1f", "FSCH\x01\xff\x00\x02", "FSCH\x01\xff\x00\x00",
	} {
		want := header[5]
		if want == typeRefusal {
			want = typeReply
		}
		r := strings.NewReader(header + "body")
		if _, err := readMessage(r, want); !errors.Is(err, ErrMalformed) || r.Len() != 4 {
			t.Errorf("%x: %v, %d bytes left", header, err, r.Len())
		}
	}
}

func TestOwnChainTooLarge(t *testing.T) {
	h := newHouse(t)
	many := make([]*identity.Certificate, identity.ChainMax+1)
	for i := range many {
		many[i] = h.cityN.chain[0]
	}
	if _, err := newHello(make([]byte, pointSize), many); !errors.Is(err, ErrConfig) {
		t.Fatal(err)
	}
}

func TestParseChainRefused(t *testing.T) {
	h := newHouse(t)
	good, err := appendChain(nil, h.cityN.chain)
	if err != nil {
		t.Fatal(err)
	}
	if chain, err := parseChain(good); err != nil || len(chain) != 3 || !chain[2].Equal(h.root) {
		t.Fatal(err)
	}
	for i := range good { // every prefix
		if _, err := parseChain(good[:i]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes: %v", i, len(good), err)
		}
	}
	for _, bad := range [][]byte{
		append(bytes.Clone(good), 0), {0}, {9}, {1, 0, 0}, {1, 0xff, 0xff}, {255, 0, 1, 48},
	} {
		if _, err := parseChain(bad); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%.8x: %v", bad, err)
		}
	}
}

func TestDestroyWipes(t *testing.T) {
	client, _ := sessions(t)
	client.Destroy()
	client.Destroy()
	if client.master != [32]byte{} || client.exporter != [32]byte{} || client.Export("x", 16) != nil {
		t.Fatal("secrets are left")
	}
	cc, _ := net.Pipe()
	if _, err := client.Stream(cc, 0, true).Write([]byte("x")); !errors.Is(err, ErrDestroyed) || !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	x := exchange{key: [32]byte{1}, confirmA: [32]byte{2}, confirmB: [32]byte{3}}
	x.destroy()
	if x != (exchange{}) {
		t.Fatal("exchange keeps secrets")
	}
}
