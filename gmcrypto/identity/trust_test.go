package identity

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"fengsui/gmcrypto"
)

func TestPinnedRoot(t *testing.T) {
	h := newHouse(t)
	now := testDay.Add(time.Hour)
	pinned := NewPinned(h.root.Fingerprint())
	if peer, err := pinned.Verify(append(h.chain(), h.root), now); err != nil || len(peer.Path()) != 3 {
		t.Fatal(err)
	}
	if _, err := pinned.Verify(h.chain(), now); !errors.Is(err, ErrUntrusted) {
		t.Fatal(err)
	}
	if _, err := NewPinned(gmcrypto.Fingerprint{}).Verify(append(h.chain(), h.root), now); !errors.Is(err, ErrUntrusted) {
		t.Fatal(err)
	}
	// A fingerprint of a node makes nobody an authority.
	if _, err := NewPinned(h.node.Fingerprint()).Verify(append(h.chain(), h.root), now); !errors.Is(err, ErrUntrusted) {
		t.Fatal(err)
	}
	if _, err := NewTrust(h.node, nil).Verify(h.chain(), now); !errors.Is(err, ErrUntrusted) {
		t.Fatal(err)
	}
}

// A site may trust its own authority only; what hangs above it is not looked at.
func TestTrustInTheMiddle(t *testing.T) {
	h := newHouse(t)
	other := must[*Certificate](t)(NewRoot(newKey(t), "450000", "", testDay, testYear))
	peer, err := NewTrust(h.city).Verify([]*Certificate{h.node, h.county, h.city, other}, testDay)
	if err != nil || len(peer.Chain) != 3 || fmt.Sprint(peer.Path()) != "[440106 440100]" {
		t.Fatal(peer.Path(), err)
	}
}

func TestTrustSeveralRoots(t *testing.T) {
	h := newHouse(t)
	newRootKey := newKey(t)
	newRoot := must[*Certificate](t)(NewRoot(newRootKey, "440000", "广东省", testDay, testYear))
	node := must[*Certificate](t)(IssueNode(newRootKey, newRoot, "n1", h.nodeKey.Public(), testDay, testYear))
	trust := NewTrust(h.root, newRoot) // a roll-over: same name, two keys
	for _, chain := range [][]*Certificate{h.chain(), {node}} {
		if _, err := trust.Verify(chain, testDay); err != nil {
			t.Fatal(err)
		}
	}
}

// A root renewed with its key: the old certificate beside the new one must not
// decide by chance.
func TestTrustRenewedRoot(t *testing.T) {
	h := newHouse(t)
	later := h.root.NotAfter().Add(time.Hour)
	renewed := must[*Certificate](t)(NewRoot(h.rootKey, "440000", "广东省", testDay, 40*testYear))
	node := must[*Certificate](t)(IssueNode(h.rootKey, renewed, "n1", h.nodeKey.Public(), testDay, 39*testYear))
	for range 20 {
		if _, err := NewTrust(h.root, renewed).Verify([]*Certificate{node}, later); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSiteAsLeaf(t *testing.T) {
	h := newHouse(t)
	for _, chain := range [][]*Certificate{{h.city}, {h.city, h.root}, {h.root}} {
		peer, err := NewTrust(h.root).Verify(chain, testDay)
		if err != nil || peer.Role != RoleSite || peer.Node != "" || peer.String() != string(chain[0].Site()) {
			t.Fatal(peer, err)
		}
	}
}

func TestGuests(t *testing.T) {
	key := newKey(t)
	guest := must[*Certificate](t)(Guest(key, "440106", "n1", testDay))
	h := newHouse(t)
	open := NewTrust(h.root).WithGuests()
	peer, err := open.Verify([]*Certificate{guest}, testDay.Add(100*testYear)) // a newcomer's clock is anything
	if err != nil || peer.Role != RoleGuest || !peer.Key.Equal(key.Public()) || fmt.Sprint(peer.Path()) != "[440106]" {
		t.Fatal(peer, err)
	}
	if _, err := NewTrust(h.root).Verify([]*Certificate{guest}, testDay); !errors.Is(err, ErrGuest) {
		t.Fatal(err)
	}
	if _, err := open.Verify([]*Certificate{guest, h.county, h.city}, testDay); !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
	raw := guest.Raw()
	raw[len(raw)-1] ^= 1
	forged := must[*Certificate](t)(ParseDER(raw))
	if _, err := open.Verify([]*Certificate{forged}, testDay); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
	// Members are judged as strictly as before.
	if _, err := open.Verify([]*Certificate{h.node}, testDay); !errors.Is(err, ErrUntrusted) {
		t.Fatal(err)
	}
}

func TestVerifyConcurrentlyAndBounded(t *testing.T) {
	h := newHouse(t)
	trust := NewTrust(h.root)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := trust.Verify(h.chain(), testDay); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(trust.memory.seen) != 3 {
		t.Fatalf("%d signatures remembered, want 3", len(trust.memory.seen))
	}
	for i := range signaturesMax + 10 {
		trust.memory.seen[[64]byte{byte(i), byte(i >> 8), 1}] = struct{}{}
	}
	fresh := must[*Certificate](t)(IssueNode(h.countyKey, h.county, "n2", newKey(t).Public(), testDay, testYear))
	if _, err := trust.Verify([]*Certificate{fresh, h.county, h.city}, testDay); err != nil {
		t.Fatal(err)
	}
	if len(trust.memory.seen) > signaturesMax {
		t.Fatalf("%d signatures remembered", len(trust.memory.seen))
	}
}

func TestPEM(t *testing.T) {
	h := newHouse(t)
	chain := append(h.chain(), h.root)
	data := MarshalPEM(chain)
	got, err := ParsePEM(append([]byte("Chain of 440106/n1\n\n"), data...))
	if err != nil || len(got) != 4 {
		t.Fatal(err)
	}
	for i := range got {
		if !got[i].Equal(chain[i]) || !bytes.Equal(got[i].Raw(), chain[i].Raw()) {
			t.Fatal("certificate", i, "changed")
		}
	}
	f := func(name, text, wantInError string) {
		t.Helper()
		if certs, err := ParsePEM([]byte(text)); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), wantInError) || certs != nil {
			t.Errorf("%s: %v, want %q", name, err, wantInError)
		}
	}
	one := string(MarshalPEM(chain[:1]))
	f("empty", "", "0 PEM blocks")
	f("text", "hello", "0 PEM blocks")
	f("nine", strings.Repeat(one, 9), "9 PEM blocks")
	f("cut off", one[:len(one)-20], "certificate 1 of 1")
	f("second broken", one+strings.Replace(one, "MII", "M!I", 1), "certificate 2 of 2")
	f("key", strings.ReplaceAll(one, "CERTIFICATE", "PRIVATE KEY"), "PRIVATE KEY")
	f("huge", strings.Repeat("x", pemBytesMax+1), "at most")
	f("not DER", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 of 1")
}

func TestRequest(t *testing.T) {
	key := newKey(t)
	for _, node := range []string{"n1", ""} {
		der, err := NewRequest(key, "440106", node)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseRequest(der)
		if err != nil || r.Site != "440106" || r.Node != node || !r.Key.Equal(key.Public()) || !bytes.Equal(r.Raw, der) {
			t.Fatal(r, err)
		}
		for i := range der { // any change breaks the proof or the form
			bad := bytes.Clone(der)
			bad[i] ^= 1
			if got, err := ParseRequest(bad); err == nil {
				t.Fatalf("byte %d changed: %v", i, got)
			}
		}
	}
	for _, bad := range [][2]string{{"44010", "n1"}, {"440106", "N1"}, {"440106", "a/b"}} {
		if _, err := NewRequest(key, Site(bad[0]), bad[1]); err == nil {
			t.Errorf("requested %v", bad)
		}
	}
	for _, bad := range [][]byte{nil, {0x30}, make([]byte, CertificateBytesMax+1), newHouse(t).node.Raw()} {
		if _, err := ParseRequest(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.8x: %v", bad, err)
		}
	}
}

// Somebody else's key under one's own signature is no proof of possession.
func TestRequestForAnothersKey(t *testing.T) {
	victim, thief := newKey(t), newKey(t)
	der, err := NewRequest(thief, "440106", "n1")
	if err != nil {
		t.Fatal(err)
	}
	der = bytes.Replace(der, thief.Public().Bytes(), victim.Public().Bytes(), 1)
	if _, err := ParseRequest(der); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
}

func FuzzParseDER(f *testing.F) {
	h := newHouse(f)
	for _, c := range append(h.chain(), h.root) {
		f.Add(c.Raw())
	}
	trust := NewTrust(h.root)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := ParseDER(der)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrKeyUsage) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(c.Raw(), der) {
			t.Fatal("a certificate has two encodings")
		}
		_, _ = trust.Verify([]*Certificate{c, h.county, h.city}, testDay)
	})
}

func FuzzParsePEM(f *testing.F) {
	h := newHouse(f)
	f.Add(MarshalPEM(h.chain()))
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := ParsePEM(data)
		if err == nil && (len(certs) == 0 || len(certs) > ChainMax) {
			t.Fatalf("%d certificates", len(certs))
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, node := range []string{"n1", ""} {
		der, err := NewRequest(newKey(f), "440106", node)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if r, err := ParseRequest(der); err == nil && (r.Key == nil || r.Site == "") {
			t.Fatal("an accepted request is empty")
		}
	})
}

func BenchmarkParseDER(b *testing.B) {
	raw := newHouse(b).node.Raw()
	for b.Loop() {
		if _, err := ParseDER(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	h := newHouse(b)
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewTrust(h.root).Verify(h.chain(), testDay); err != nil {
				b.Fatal(err)
			}
		}
	})
	trust := NewTrust(h.root)
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			if _, err := trust.Verify(h.chain(), testDay); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIssueNode(b *testing.B) {
	h := newHouse(b)
	for b.Loop() {
		if _, err := IssueNode(h.countyKey, h.county, "n2", h.nodeKey.Public(), testDay, testYear); err != nil {
			b.Fatal(err)
		}
	}
}
